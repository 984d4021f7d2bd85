"""The record of AWS calls: who called what, how often, and how each call was answered."""

from __future__ import annotations

from collections import Counter

from local.door.awscall import AwsCall

MOST = 200_000  # beyond that, the oldest are dropped


class Calls:
    def __init__(self):
        self.clear()

    def clear(self) -> None:
        self._entries: list[dict] = []
        self._counts: Counter = Counter()

    def begin(self, call: AwsCall) -> dict:
        """Records a call as it arrives; ``status`` is filled in with the answer, and stays null without one."""
        key = (call.service, call.action, call.caller)
        self._counts[key] += 1
        entry = {
            "service": call.service,
            "action": call.action,
            "caller": call.caller,
            "nth": self._counts[key],
            "status": None,
        }
        if call.account is not None:
            entry["account"] = call.account
        self._entries.append(entry)
        if len(self._entries) > MOST:
            del self._entries[: MOST // 10]
        return entry

    def shown(self) -> list[dict]:
        return self._entries
