"""The HTTP door: every request to the local AWS passes here before it reaches the emulator."""

from __future__ import annotations


class Door:
    """An ASGI application around MiniStack's."""

    def __init__(self, app):
        self._app = app

    async def __call__(self, scope, receive, send):
        await self._app(scope, receive, send)
