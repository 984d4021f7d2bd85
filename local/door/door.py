"""The HTTP door: every request to the local AWS passes here before it reaches the emulator.

Admin endpoints are answered, AWS calls are recorded and meet the plan of faults, everything else (the data plane of an API,
the emulator's own endpoints) goes straight through.
"""

from __future__ import annotations

import asyncio
import json

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from local.door import awscall, connections, processes
from local.door.calls import Calls
from local.door.faults import Plan


class Door:
    """An ASGI application around MiniStack's; ``admin`` answers the admin endpoints."""

    def __init__(self, app, plan: Plan, calls: Calls, admin):
        self._app, self._plan, self._calls, self._admin = app, plan, calls, admin

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["path"].startswith("/_local/"):
            await self._admin.answer(scope["method"], scope["path"], await _body(receive), send)
        elif scope["path"].startswith(("/_aws/execute-api/", "/_ministack/")):
            await self._app(scope, receive, send)
        else:
            await self._aws(scope, receive, send)

    async def _aws(self, scope, receive, send):
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        body = await _body(receive)
        call = awscall.identify(scope["method"], scope["path"], scope["query_string"].decode("latin-1"), headers, body)
        if call is None:
            await self._app(scope, _replay(body, receive), send)
            return
        entry = self._calls.begin(call)
        effect = self._plan.effect(call, body) or {}
        if "delayMs" in effect:
            await asyncio.sleep(effect["delayMs"] / 1000)
        if effect.get("killCaller") == "before":
            await self._kill(call)
        if "error" in effect:
            failure = effect["error"]
            fields, content = awscall.error(
                call, failure["status"], failure["code"], failure.get("message", failure["code"])
            )
            await respond(_noting(entry, send), failure["status"], fields, content)
            return
        if effect.get("dropAnswer") or effect.get("killCaller"):
            await self._app(scope, _replay(body, receive), _noting(entry, _nowhere))
            if "then" in effect:
                await self._app(*_another(scope, call, effect["then"]), _succeeding)
            if effect.get("killCaller") == "after":
                await self._kill(call)
            connections.hang_up(scope["client"])
            return
        await self._app(scope, _replay(body, receive), _noting(entry, send))

    async def _kill(self, call) -> None:
        await asyncio.to_thread(processes.kill, call.caller or "")


async def _body(receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return b"".join(parts)
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _replay(body: bytes, receive):
    """Returns a ``receive`` for a request whose body has been read already."""
    given = False

    async def replaying():
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replaying


def _another(scope, call: awscall.AwsCall, given: dict):
    """A call of the same kind by the account's root, with the input ``given``: its scope and ``receive``."""
    body = json.dumps(given).encode()
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    kept = {name: headers[name] for name in ("host", "content-type", "x-amz-target") if name in headers}
    request = AWSRequest("POST", f"http://{headers['host']}{scope['path']}", headers=kept, data=body)
    region = headers["authorization"].split("/")[2]
    SigV4Auth(Credentials(call.account or "test", "test"), call.service, region).add_auth(request)
    signed = {**dict(request.headers.items()), "content-length": str(len(body))}
    fields = [(name.lower().encode(), value.encode("latin-1")) for name, value in signed.items()]

    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    return {**scope, "headers": fields}, receive


def _noting(entry: dict, send):
    """Returns a ``send`` that notes the status in the call's record."""

    async def noting(message):
        if message["type"] == "http.response.start":
            entry["status"] = message["status"]
        await send(message)

    return noting


async def _nowhere(message) -> None:
    """Drops an answer."""


async def _succeeding(message) -> None:
    """The ``send`` of a call that the plan makes by itself: if it fails, what happens is not what was planned."""
    if message["type"] == "http.response.start" and message["status"] >= 400:
        raise RuntimeError(f"the call of effect.then was answered {message['status']}")


async def respond(send, status: int, headers: dict[str, str], body: bytes) -> None:
    """Sends a complete answer."""
    fields = [
        (name.encode(), value.encode("latin-1"))
        for name, value in {**headers, "content-length": str(len(body))}.items()
    ]
    await send({"type": "http.response.start", "status": status, "headers": fields})
    await send({"type": "http.response.body", "body": body})
