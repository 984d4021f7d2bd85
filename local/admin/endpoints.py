"""The admin endpoints ``/_local/…``: JSON in and out, without authentication, since the socket is on loopback."""

from __future__ import annotations

import asyncio
import json

from local.admin import alarms, cognito, schedules, shards, stack_state, types
from local.corrections.dynamodb import ttl
from local.corrections.iam.decisions import DECISIONS
from local.door import processes
from local.door.calls import Calls
from local.door.door import respond
from local.door.faults import BadRule, Plan


class Admin:
    def __init__(self, plan: Plan, calls: Calls):
        self._plan, self._calls = plan, calls
        self._later: set[asyncio.Task] = set()

    async def answer(self, method: str, path: str, body: bytes, send) -> None:
        routes = {
            "/_local/faults": {"GET": self._faults, "POST": self._add_faults, "DELETE": self._clear_faults},
            "/_local/calls": {"GET": self._shown_calls, "DELETE": self._clear_calls},
            "/_local/decisions": {"GET": self._decisions},
            "/_local/kill": {"POST": self._kill},
            "/_local/ttl": {"POST": self._ttl},
            "/_local/stack": {"POST": self._stack},
            "/_local/type": {"POST": self._type},
            "/_local/schedules": {"POST": self._schedules},
            "/_local/alarms": {"POST": self._alarms},
            "/_local/shards": {"POST": self._shards},
            "/_local/cognito/rotate": {"POST": self._rotate},
            "/_local/cognito/token": {"POST": self._token},
        }
        try:
            given = json.loads(body) if body else None
            action = routes[path][method]
            status, result = 200, await action(given)
        except BadRule as error:
            status, result = 400, {"error": str(error)}
        except ValueError:
            status, result = 400, {"error": "the body is not JSON"}
        except KeyError:
            allowed = sorted(routes.get(path, ()))
            status = 405 if allowed else 404
            result = {"error": f"{method} {path} is not known", "known": allowed or sorted(routes)}
        await respond(send, status, {"content-type": "application/json"}, json.dumps(result).encode())

    async def _faults(self, _given):
        return self._plan.shown()

    async def _add_faults(self, given):
        self._plan.add(given)
        return self._plan.shown()

    async def _clear_faults(self, given):
        self._plan.clear(given.get("account") if isinstance(given, dict) else None)
        return self._plan.shown()

    async def _shown_calls(self, _given):
        return self._calls.shown()

    async def _clear_calls(self, _given):
        self._calls.clear()
        return []

    async def _decisions(self, _given):
        return DECISIONS.shown()

    async def _kill(self, given):
        if not isinstance(given, dict) or not isinstance(given.get("function"), str):
            raise BadRule('the body is {"function": name, "afterMs": 0}')
        if not given.get("afterMs"):
            return {"killed": await asyncio.to_thread(processes.kill, given["function"])}
        task = asyncio.create_task(self._kill_later(given["function"], given["afterMs"]))
        self._later.add(task)
        task.add_done_callback(self._later.discard)
        return {"scheduled": True}

    async def _kill_later(self, function: str, milliseconds: int) -> None:
        await asyncio.sleep(milliseconds / 1000)
        await asyncio.to_thread(processes.kill, function)

    async def _ttl(self, given):
        now = given.get("now") if isinstance(given, dict) else None
        if given and not isinstance(now, (int, float)):
            raise BadRule('the body is empty or {"now": epoch seconds}')
        return {"removed": ttl.reap(now)}

    async def _rotate(self, given):
        return await asyncio.to_thread(cognito.rotate, given)

    async def _token(self, given):
        return await asyncio.to_thread(cognito.token, given)

    async def _stack(self, given):
        return stack_state.put(given)

    async def _type(self, given):
        return types.invent(given)

    async def _shards(self, given):
        return await asyncio.to_thread(shards.split, given)

    async def _schedules(self, given):
        return await asyncio.to_thread(schedules.run, **_clock(given))

    async def _alarms(self, given):
        return await asyncio.to_thread(alarms.run, **_clock(given))


def _clock(given) -> dict:
    """Returns the pretended time and the account of a request to a clock door, as far as it names them."""
    given = {} if given is None else given
    kinds = {"now": (int, float), "account": str}
    if not isinstance(given, dict) or any(not isinstance(value, kinds.get(key, ())) for key, value in given.items()):
        raise BadRule('the body is empty or {"now": epoch seconds, "account": id}; both are optional')
    return given
