"""Hanging up: closes the connection a request came in on, without an answer."""

from __future__ import annotations

import weakref

_writers: weakref.WeakValueDictionary = weakref.WeakValueDictionary()


def remember_all() -> None:
    """Notes every connection of the HTTP server from now on by its client's address."""
    from hypercorn.asyncio.tcp_server import TCPServer

    run = TCPServer.run

    async def remembering(self) -> None:
        _writers[self.writer.get_extra_info("peername")] = self.writer
        await run(self)

    TCPServer.run = remembering


def hang_up(client) -> None:
    """Closes the connection of a scope's ``client`` at once."""
    writer = _writers.get(tuple(client))
    if writer is not None:
        writer.transport.abort()
