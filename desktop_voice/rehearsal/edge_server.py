"""A server on this machine whose connections all end when it does."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable


class EdgeServer:
    """Listens on a free port of 127.0.0.1. Event loop only.

    Args:
        serve: Serves one connection; what it raises is told to the loop.
        limit: The longest head or line in bytes.

    Attributes:
        port: Where; 0 before :meth:`start`.
    """

    def __init__(
        self,
        serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
        limit: int,
    ) -> None:
        self._serve = serve
        self._limit = limit
        self._server: asyncio.Server | None = None
        self._clients: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self.port = 0

    async def start(self, context: ssl.SSLContext | None = None) -> None:
        """Listen; with a context, over TLS."""
        self._server = await asyncio.start_server(
            self._accept, "127.0.0.1", 0, ssl=context, limit=self._limit
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop listening and tear every connection."""
        if self._server is not None:
            self._server.close()
        for task, writer in self._clients.items():
            writer.transport.abort()
            task.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)

    # Not a coroutine: of those, Python 3.11 logs an error when they are cancelled.
    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._run(reader, writer))
        self._clients[task] = writer
        task.add_done_callback(self._clients.pop)

    async def _run(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._serve(reader, writer)
        except Exception as error:  # noqa: BLE001 - there is nobody else to tell
            context = {"message": "a connection was not served", "exception": error}
            asyncio.get_running_loop().call_exception_handler(context)
        finally:
            writer.close()
