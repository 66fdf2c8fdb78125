"""A virtual microphone and speaker: a private PulseAudio with null sinks, for tests without a card.

Programs find it by :attr:`VirtualSound.env`; this process by :meth:`VirtualSound.active`.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_SPEAKER = "speaker"
_MICROPHONE = "microphone"
_MICROPHONE_INLET = "microphone_inlet"
_TOOLS = ("pulseaudio", "pactl", "paplay", "parecord")
_READY_S = 30.0

# Without norewinds the first block of a stream comes up to 2 s late.
_SERVER = """\
load-module module-native-protocol-unix auth-anonymous=1 socket={socket}
load-module module-cli-protocol-unix socket={control}
load-module module-null-sink sink_name={speaker} rate=48000 channels=2 norewinds=1
load-module module-null-sink sink_name={inlet} rate=48000 channels=1 norewinds=1
set-default-sink {speaker}
"""
# 10 ms here hang playback for ever; the server's own choice works.
_UNSET = ("PULSE_LATENCY_MSEC",)


def virtual_sound_or_skip() -> VirtualSound:
    """Return a sound system that is not started yet, or skip the test that asks."""
    if not sys.platform.startswith("linux"):
        pytest.skip("the virtual sound card needs PulseAudio, which is for Linux")
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"no virtual sound card: {', '.join(missing)} not installed")
    return VirtualSound()


class VirtualSound:
    """A sound card made of software. Start it, or use it in a ``with`` statement."""

    def __init__(self) -> None:
        self._folder = Path()
        self._server: subprocess.Popen[bytes] | None = None
        self._microphone_module = ""
        self.env: dict[str, str] = {}

    def start(self) -> None:
        """Start the server, with a microphone and a speaker; returns when both can be used.

        Raises:
            RuntimeError: It did not start.
        """
        # A socket's path may have no more than 107 characters.
        self._folder = Path(tempfile.mkdtemp(prefix="sound-"))
        native = self._folder / "native"
        script = self._folder / "server.pa"
        script.write_text(
            _SERVER.format(
                socket=native,
                control=self._folder / "control",
                speaker=_SPEAKER,
                inlet=_MICROPHONE_INLET,
            )
        )
        self.env = {
            "PULSE_SERVER": f"unix:{native}",
            "PULSE_RUNTIME_PATH": str(self._folder),
            "PULSE_STATE_PATH": str(self._folder),
            "PULSE_CONFIG_PATH": str(self._folder),
            "PULSE_COOKIE": str(self._folder / "cookie"),
            "PULSE_SINK": _SPEAKER,
            "PULSE_SOURCE": _MICROPHONE,
        }
        self._server = subprocess.Popen(
            [
                *("pulseaudio", "-n", "--daemonize=no", "--use-pid-file=no", "--disable-shm=yes"),
                # A sound card waits for no program: on a busy machine this one must not either.
                *("--exit-idle-time=120", "--realtime=yes", "--high-priority=yes"),
                *("--log-target=stderr", "--log-level=error", "-F", str(script)),
            ],
            env=self._full_env(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            self._wait_until(lambda: self._ask("info") is not None, "it does not answer")
            self.restore_microphone()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End the server; may be called twice. Streams that are open die."""
        server, self._server = self._server, None
        if server is None:
            return
        server.terminate()
        try:
            server.wait(_READY_S)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> VirtualSound:
        self.start()
        return self

    def __exit__(self, *_args: object) -> None:
        self.stop()

    @contextmanager
    def active(self) -> Iterator[None]:
        """Make this process use it."""
        names = (*self.env, *_UNSET)
        before = {name: os.environ.get(name) for name in names}
        os.environ.update(self.env)
        for name in _UNSET:
            os.environ.pop(name, None)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value

    def play_into_microphone(self, wav: Path) -> None:
        """Have the microphone hear ``wav``; returns when it was played to its end."""
        subprocess.run(
            ["paplay", f"--device={_MICROPHONE_INLET}", str(wav)], env=self._full_env(), check=True
        )

    @contextmanager
    def record_speaker(self, wav: Path) -> Iterator[Path]:
        """Write what the speaker plays to ``wav``, 16 kHz mono, until the context ends."""
        recorder = subprocess.Popen(
            [
                *("parecord", f"--device={_SPEAKER}.monitor", "--file-format=wav"),
                *("--channels=1", "--rate=16000", "--latency-msec=20", str(wav)),
            ],
            env=self._full_env(),
        )
        try:
            self._wait_until(
                lambda: recorder.poll() is None and wav.is_file() and wav.stat().st_size > 1000,
                "the recorder does not record",
            )
            yield wav
        finally:
            recorder.send_signal(signal.SIGINT)
            recorder.wait(_READY_S)

    def take_microphone_away(self) -> None:
        """Unplug the microphone: the server moves its streams to what a speaker plays."""
        self._ask("unload-module", self._microphone_module)
        self._microphone_module = ""

    def kill_microphone(self) -> None:
        """Break the microphone: streams that are open die, opening it fails."""
        sources = self._table("sources")
        index = next((row[0] for row in sources if row[1] == _MICROPHONE), None)
        streams = [row[0] for row in self._table("source-outputs") if row[1] == index]
        self.take_microphone_away()
        with socket.socket(socket.AF_UNIX) as control:
            control.connect(str(self._folder / "control"))
            for stream in streams:
                control.sendall(f"kill-source-output {stream}\n".encode())
            self._wait_until(
                lambda: not {row[0] for row in self._table("source-outputs")} & set(streams),
                "the microphone does not die",
            )

    def restore_microphone(self) -> None:
        """Plug the microphone in again."""
        if self._microphone_module:
            return
        module = self._ask(
            "load-module",
            "module-remap-source",
            f"source_name={_MICROPHONE}",
            f"master={_MICROPHONE_INLET}.monitor",
        )
        if module is None:
            raise RuntimeError("the virtual microphone cannot be made")
        self._microphone_module = module.strip()
        self._ask("set-default-source", _MICROPHONE)

    def add_echo(self, delay_ms: int = 60) -> None:
        """Let the microphone hear the speaker from now on, ``delay_ms`` late."""
        self._ask(
            *("load-module", "module-loopback", f"source={_SPEAKER}.monitor"),
            *(f"sink={_MICROPHONE_INLET}", f"latency_msec={delay_ms}"),
            *("source_dont_move=true", "sink_dont_move=true"),
        )

    def _full_env(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if name not in _UNSET}
        return inherited | self.env

    def _ask(self, *command: str) -> str | None:
        done = subprocess.run(
            ["pactl", *command],
            env=self._full_env(),
            capture_output=True,
            text=True,
            timeout=_READY_S,
            check=False,
        )
        return done.stdout if done.returncode == 0 else None

    def _table(self, what: str) -> list[list[str]]:
        return [line.split("\t") for line in (self._ask("list", "short", what) or "").splitlines()]

    def _wait_until(self, is_ready: Callable[[], bool], problem: str) -> None:
        """Poll; ends early when the server has died."""
        server = self._server
        deadline_s = time.monotonic() + _READY_S
        while not is_ready():
            if server is None or server.poll() is not None or time.monotonic() > deadline_s:
                raise RuntimeError(f"no virtual sound card: {problem}")
            try:
                server.wait(0.05)
            except subprocess.TimeoutExpired:
                continue
