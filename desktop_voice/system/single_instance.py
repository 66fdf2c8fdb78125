"""One instance per user: a second start hands its command to the first and leaves."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

from PySide6.QtCore import QDir, QLockFile, QObject, QStandardPaths, Signal
from PySide6.QtNetwork import QLocalServer, QLocalSocket

_MAX_COMMAND_BYTES = 64 * 1024
_ACKNOWLEDGED = b"ok\n"


class SingleInstance(QObject):
    """The lock and the socket that all starts of the app share. Main thread only.

    ``command_received`` carries the arguments (``list[str]``) of a later start. The socket lies
    in the user's runtime folder and is open to that user alone; what a killed instance left
    behind is taken over.

    Args:
        name: Tells apps, and homes of one app, from each other; any text.
        parent: The owner, as usual in Qt.
    """

    command_received = Signal(list)

    def __init__(self, name: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        short = "desktop-voice-" + hashlib.sha256(name.encode()).hexdigest()[:16]
        folder = _runtime_folder()
        self._lock = QLockFile(str(folder / f"{short}.lock"))
        # A lock is stale only when its process is gone, however long the app has been running.
        self._lock.setStaleLockTime(0)
        self._address = short if sys.platform == "win32" else str(folder / f"{short}.sock")
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        self._server.newConnection.connect(self._accept)
        self._buffers: dict[QLocalSocket, bytearray] = {}

    def acquire(self) -> bool:
        """Become the first instance and listen; False if another one lives."""
        if not self._lock.tryLock(0):
            return False
        QLocalServer.removeServer(self._address)
        if self._server.listen(self._address):
            return True
        self._lock.unlock()
        return False

    def send(self, arguments: list[str], *, timeout_ms: int = 3000) -> bool:
        """Hand ``arguments`` to the first instance; False if it does not take them in time.

        Blocks for up to ``timeout_ms`` and needs no running event loop.
        """
        socket = QLocalSocket()
        socket.connectToServer(self._address)
        if not socket.waitForConnected(timeout_ms):
            return False
        socket.write(json.dumps(arguments).encode() + b"\n")
        received = b""
        while not received.endswith(b"\n") and socket.waitForReadyRead(timeout_ms):
            received += bytes(socket.readAll().data())
        socket.disconnectFromServer()
        return received == _ACKNOWLEDGED

    def close(self) -> None:
        """Stop listening and let another instance become the first."""
        for socket in list(self._buffers):
            socket.abort()
        self._server.close()
        self._lock.unlock()

    def _accept(self) -> None:
        while (socket := self._server.nextPendingConnection()) is not None:
            self._buffers[socket] = bytearray()
            socket.readyRead.connect(self._read)
            socket.disconnected.connect(self._forget)
            self._read_from(socket)

    def _read(self) -> None:
        sender = self.sender()
        if isinstance(sender, QLocalSocket):
            self._read_from(sender)

    def _read_from(self, socket: QLocalSocket) -> None:
        buffer = self._buffers.get(socket)
        if buffer is None:
            return
        buffer += bytes(socket.readAll().data())
        if len(buffer) > _MAX_COMMAND_BYTES:
            socket.abort()
            return
        line, newline, _rest = bytes(buffer).partition(b"\n")
        if not newline:
            return
        arguments = _arguments(line)
        if arguments is None:
            socket.abort()
            return
        buffer.clear()
        socket.write(_ACKNOWLEDGED)
        socket.flush()
        self.command_received.emit(arguments)

    def _forget(self) -> None:
        sender = self.sender()
        if isinstance(sender, QLocalSocket):
            self._buffers.pop(sender, None)
            sender.deleteLater()


def _arguments(line: bytes) -> list[str] | None:
    try:
        value = json.loads(line)
    except ValueError:
        return None
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        return None
    return value


def _runtime_folder() -> Path:
    kind = QStandardPaths.StandardLocation
    location = QStandardPaths.writableLocation(kind.RuntimeLocation)
    return Path(location or QDir.tempPath())
