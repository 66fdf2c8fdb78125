"""The vault as it is used: at a terminal, in scripts, by the model, with a real keyring."""

from __future__ import annotations

import base64
import json
import logging
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import structlog

from desktop_voice.agent.alarms import Alarms
from desktop_voice.agent.brain import Brain
from desktop_voice.agent.history import History
from desktop_voice.core.settings import LogLevel, ModelSettings
from desktop_voice.storage import vault_keyring
from desktop_voice.storage.paths import app_paths
from desktop_voice.storage.vault import Vault
from desktop_voice.storage.vault_keyring import SystemKeyring
from desktop_voice.storage.vault_secrets import stored_key
from desktop_voice.system.logs import configure_logs, install_exception_hooks
from tests.helpers.model_server import Mode, model_server
from tests.helpers.terminal import at_a_terminal
from tests.helpers.vault import PASSPHRASE, MemoryBackend
from tests.helpers.virtual_clock import VirtualClock

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="uses /proc, ptys and signals")

SECRET = "canary-7f3b91d2e85a4c06"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own, no keyring to be found, and no key in the environment."""
    monkeypatch.setenv("DESKTOP_VOICE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent")
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    for name in [name for name in os.environ if name.endswith(("_API_KEY", "_AUTH_TOKEN"))]:
        monkeypatch.delenv(name)
    return tmp_path / "home"


def _vault(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run a vault command without a terminal; what it asks for is read from stdin, by lines."""
    return subprocess.run(
        [sys.executable, "-m", "desktop_voice", "vault", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        start_new_session=True,
        check=False,
    )


def _made(stdin: str = f"{PASSPHRASE}\n{SECRET}\n") -> subprocess.CompletedProcess[str]:
    done = _vault("set", "openai_api_key", "--new-passphrase-fd", "0", stdin=stdin)
    assert done.returncode == 0, done.stderr
    return done


def _holds_secret(data: bytes) -> bool:
    forms = (SECRET.encode(), SECRET.encode("utf-16-le"), SECRET[::-1].encode())
    encoded = (base64.b64encode(b"x" * pad + SECRET.encode())[4:-4] for pad in range(3))
    return any(form in data for form in (*forms, *encoded))


def _files_with_secret(folder: Path) -> list[Path]:
    return [p for p in folder.rglob("*") if p.is_file() and _holds_secret(p.read_bytes())]


# --- the command line ---


@pytest.mark.usefixtures("home")
def test_keys_are_kept_listed_changed_and_removed() -> None:
    assert "Recovery key: " in _made().stdout
    listed = _vault("list", "--json", "--passphrase-fd", "0", stdin=PASSPHRASE)
    assert [json.loads(line) for line in listed.stdout.splitlines()] == [
        {"type": "secret", "name": "openai_api_key", "source": "vault"}
    ]
    refused = _vault("set", "openai_api_key", "--passphrase-fd", "0", stdin=f"{PASSPHRASE}\nnew")
    assert (refused.returncode, "VAULT-09" in refused.stderr) == (1, True)
    removed = _vault("remove", "openai_api_key", "--passphrase-fd", "0", stdin=PASSPHRASE)
    assert removed.returncode == 0
    empty = _vault("list", "--passphrase-fd", "0", stdin=PASSPHRASE)
    assert empty.stdout.startswith("No keys yet.")


@pytest.mark.usefixtures("home")
def test_keys_of_the_environment_are_listed_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", SECRET)
    listed = _vault("list")
    line = " ".join(listed.stdout.split())
    assert line == "twilio_auth_token from environment (TWILIO_AUTH_TOKEN)"
    assert not app_paths().vault_file.parent.exists()


@pytest.mark.usefixtures("home")
def test_nothing_is_done_where_a_passphrase_is_needed_and_nobody_can_be_asked() -> None:
    done = _vault("set", "openai_api_key", stdin=SECRET)
    assert (done.returncode, "VAULT-10" in done.stderr) == (1, True)
    assert not app_paths().vault_file.exists()
    _made()
    assert "VAULT-10" in _vault("list").stderr
    assert "VAULT-07" in _vault("unlock").stderr


@pytest.mark.usefixtures("home")
def test_a_wrong_passphrase_opens_nothing() -> None:
    _made()
    done = _vault("list", "--passphrase-fd", "0", stdin="another passphrase")
    assert (done.returncode, done.stdout, "VAULT-01" in done.stderr) == (1, "", True)


@pytest.mark.usefixtures("home")
def test_the_recovery_key_chooses_a_new_passphrase() -> None:
    code = _made().stdout.split("Recovery key: ")[1].split()[0]
    both = ("--passphrase-fd", "0", "--new-passphrase-fd", "0")
    assert _vault("passphrase", *both, stdin=f"{code}\na new passphrase\n").returncode == 0
    assert "VAULT-01" in _vault("list", "--passphrase-fd", "0", stdin=PASSPHRASE).stderr
    assert _vault("list", "--passphrase-fd", "0", stdin="a new passphrase").returncode == 0


def test_an_export_is_taken_over_elsewhere(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _made()
    copy = str(tmp_path / "copy")
    fds = ("--passphrase-fd", "0", "--file-passphrase-fd", "0")
    stdin = f"{PASSPHRASE}\nthe copy's own\n"
    assert _vault("export", copy, *fds, stdin=stdin).returncode == 0
    assert "VAULT-09" in _vault("export", copy, *fds, stdin=stdin).stderr
    monkeypatch.setenv("DESKTOP_VOICE_HOME", str(home.with_name("elsewhere")))
    _made(f"{PASSPHRASE}\nanother value\n")
    stdin = f"the copy's own\n{PASSPHRASE}\n"
    assert "VAULT-09" in _vault("import", copy, *fds, stdin=stdin).stderr
    kept = _vault("import", copy, *fds, "--keep", stdin=stdin)
    assert kept.stdout == "0 taken over, 1 kept as they were.\n"
    replaced = _vault("import", copy, *fds, "--replace", stdin=stdin)
    assert replaced.stdout == "1 taken over, 0 kept as they were.\n"
    vault = Vault(app_paths().vault_file, None)
    vault.open(PASSPHRASE)
    assert vault.entries() == {"openai_api_key": SECRET}


@pytest.mark.usefixtures("home")
def test_at_a_terminal_everything_is_asked_for_and_nothing_is_shown() -> None:
    said, _ = at_a_terminal(
        ["vault", "set", "openai_api_key"],
        [
            ("New passphrase: ", PASSPHRASE),
            ("New passphrase again: ", PASSPHRASE),
            ("Value of openai_api_key: ", SECRET),
        ],
    )
    assert "openai_api_key is in the vault." in said
    more, _ = at_a_terminal(
        ["vault", "set", "openai_api_key"],
        [
            ("Passphrase or recovery key: ", "a wrong passphrase"),
            ("Passphrase or recovery key: ", PASSPHRASE),
            ("Value of openai_api_key: ", "a second value"),
            ("Replace the present value of openai_api_key? [y/N] ", "n"),
        ],
    )
    said += more
    assert "openai_api_key stays as it was." in said
    assert "neither the vault's passphrase nor" in said
    assert not any(word in said for word in (SECRET, PASSPHRASE, "a second value"))


# --- secrets stay where they are ---


def test_a_secret_is_in_no_process_list_and_in_no_file(home: Path) -> None:
    done = _made()
    command = [sys.executable, "-m", "desktop_voice", "vault", "set", "twilio_auth_token"]
    with subprocess.Popen(
        [*command, "--passphrase-fd", "0"], stdin=subprocess.PIPE, start_new_session=True
    ) as run:
        assert run.stdin is not None
        run.stdin.write(f"{PASSPHRASE}\n{SECRET}".encode())
        run.stdin.flush()
        pipe = run.stdin.fileno()
        # The command has read the secret when the pipe is empty; it waits for more of it.
        while _unread(pipe):
            time.sleep(0.01)
        for name in ("cmdline", "environ"):
            for process in Path("/proc").glob(f"[0-9]*/{name}"):
                try:
                    content = process.read_bytes()
                except OSError:
                    continue
                assert not _holds_secret(content)
                assert name == "environ" or PASSPHRASE.encode() not in content
        run.stdin.close()
        assert run.wait() == 0
    assert not _holds_secret((done.stdout + done.stderr).encode())
    listed = _vault("list", "--passphrase-fd", "0", stdin=PASSPHRASE)
    assert "twilio_auth_token" in listed.stdout
    assert not _holds_secret((listed.stdout + listed.stderr).encode())
    assert any(home.rglob("keys.vault"))
    assert _files_with_secret(home) == []


def _unread(pipe: int) -> int:
    import array
    import fcntl
    import termios

    count = array.array("i", [0])
    fcntl.ioctl(pipe, termios.FIONREAD, count)
    return count[0]


@pytest.fixture
def keyring_vault(home: Path, monkeypatch: pytest.MonkeyPatch) -> Vault:
    """A vault that a trusted keyring opens, with the model's key in it."""
    backend = MemoryBackend()
    monkeypatch.setattr(vault_keyring, "system_keyring", lambda: SystemKeyring(backend))
    vault = Vault(home / "data" / "vault" / "keys.vault", SystemKeyring(backend))
    vault.create(None)
    vault.set("openai_api_key", SECRET)
    return vault


@pytest.mark.usefixtures("keyring_vault")
async def test_the_model_gets_its_key_from_the_vault_and_no_log_does(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "from environment")
    hooks = (sys.excepthook, sys.unraisablehook)
    log_file = app_paths().log_file
    configure_logs(log_file, LogLevel.DEBUG, stderr=False)
    install_exception_hooks()
    try:
        async with model_server() as server:
            settings = ModelSettings.model_construct(
                base_url=server.base_url, model="small-model", api_key_env="OPENAI_API_KEY"
            )
            alarms = Alarms(home / "alarms.json", VirtualClock())
            for mode in (Mode.NORMAL, Mode.UNAUTHORISED, Mode.DIES_HALF_WAY, Mode.RUBBISH):
                server.mode = mode
                brain = Brain(settings, clock=VirtualClock(), alarms=alarms, key_source=stored_key)
                async for _part in brain.answer("Where is Paris?", History()):
                    pass
                await brain.close()
            assert len(server.keys) >= 4
            assert all(SECRET in key for key in server.keys)
        _crash()
    finally:
        sys.excepthook, sys.unraisablehook = hooks
        for handler in logging.getLogger().handlers[:]:
            if (handler.name or "").startswith("desktop-voice"):
                logging.getLogger().removeHandler(handler)
                handler.close()
        structlog.reset_defaults()
    assert "uncaught_exception" in log_file.read_text()
    assert _files_with_secret(home) == []


def _crash() -> None:
    """Fail while the key is in a local variable, as nobody catches it."""
    try:
        key = stored_key("OPENAI_API_KEY")
        raise RuntimeError(str(len(key)))
    except RuntimeError as error:
        sys.excepthook(type(error), error, error.__traceback__)


# --- a real keyring ---

_WITH_SECRET_SERVICE = """
printf pass | gnome-keyring-daemon --foreground --unlock --components=secrets 2>/dev/null &
trap "kill $!" EXIT
vault() { "$PYTHON" -m desktop_voice vault "$@" || echo "failed"; }
"$PYTHON" -c "
from desktop_voice.storage.vault_keyring import system_keyring
while system_keyring() is None: pass"
echo "$SECRET" | vault set openai_api_key
vault list --json
echo "a new passphrase" | vault passphrase --new-passphrase-fd 0
vault lock
vault list --json
echo "a new passphrase" | vault unlock --passphrase-fd 0
vault list --json
"$PYTHON" -c "
import secretstorage
from desktop_voice.storage.vault_secrets import stored_key
bus = secretstorage.dbus_init()
collection = secretstorage.get_collection_by_alias(bus, 'default')
print('items', len(list(collection.get_all_items())))
print('key', len(stored_key('OPENAI_API_KEY')))
collection.lock()
print('locked', len(stored_key('OPENAI_API_KEY')))"
"""


@pytest.mark.skipif(
    not (shutil.which("gnome-keyring-daemon") and shutil.which("dbus-run-session")),
    reason="needs gnome-keyring and dbus-run-session",
)
def test_a_real_secret_service_keeps_the_vault_open(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, folder in (("HOME", "user"), ("XDG_DATA_HOME", "data"), ("XDG_RUNTIME_DIR", "run")):
        home.with_name(folder).mkdir(mode=0o700)
        monkeypatch.setenv(name, str(home.with_name(folder)))
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS")
    monkeypatch.setenv("PYTHON", sys.executable)
    monkeypatch.setenv("SECRET", SECRET)
    done = subprocess.run(
        ["dbus-run-session", "--", "bash", "-c", _WITH_SECRET_SERVICE],
        capture_output=True,
        text=True,
        start_new_session=True,
        check=False,
    )
    said = [line for line in done.stdout.splitlines() if '"secret"' in line or line == "failed"]
    listed = '{"type": "secret", "name": "openai_api_key", "source": "vault"}'
    assert said == [listed, "failed", listed], done.stderr
    assert {"items 1", f"key {len(SECRET)}", "locked 0"} <= set(done.stdout.splitlines())
    assert _files_with_secret(home) == []
