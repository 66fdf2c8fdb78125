"""A virtual display: an X server without a screen, on the first free display number."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from types import TracebackType

import pytest

_END_S = 5.0


def virtual_display_or_skip() -> VirtualDisplay:
    """Return a display that is not started yet, or skip the test that asks."""
    if not sys.platform.startswith("linux"):
        pytest.skip("the virtual display needs Xvfb, which is for X11")
    if shutil.which("Xvfb") is None:
        pytest.skip("no virtual display: Xvfb is not installed")
    return VirtualDisplay()


class VirtualDisplay:
    """An Xvfb of its own. Start it, or use it in a ``with`` statement.

    Programs find it by :attr:`env`.
    """

    def __init__(self, size: str = "1280x800x24") -> None:
        self._size = size
        self._server: subprocess.Popen[bytes] | None = None
        self.env: dict[str, str] = {}

    def start(self) -> None:
        """Start the server; returns when programs can connect.

        Raises:
            RuntimeError: It did not start.
        """
        reader, writer = os.pipe()
        with os.fdopen(reader, "rb") as numbers:
            try:
                self._server = subprocess.Popen(
                    [
                        *("Xvfb", "-displayfd", str(writer), "-screen", "0", self._size),
                        *("-nolisten", "tcp", "-noreset"),
                    ],
                    pass_fds=(writer,),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
            finally:
                os.close(writer)
            # It writes the number of its display once it listens; a server that dies writes none.
            number = numbers.readline().strip()
        if not number:
            self.stop()
            raise RuntimeError("no virtual display: Xvfb does not start")
        self.env = {"DISPLAY": f":{number.decode()}", "QT_QPA_PLATFORM": "xcb"}

    def stop(self) -> None:
        """End the server; may be called twice."""
        server, self._server = self._server, None
        if server is None:
            return
        server.terminate()
        try:
            server.wait(_END_S)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()

    def __enter__(self) -> VirtualDisplay:
        self.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.stop()
