"""CloudWatch Logs' API: how a correction answers a call that MiniStack does not know, and where it keeps what it is told."""

from __future__ import annotations

import json
from collections.abc import Callable


class Refusal(Exception):
    """An error that CloudWatch Logs answers: its code and its message."""

    def __init__(self, code: str, message: str):
        super().__init__(message)
        self.code, self.message = code, message


def answer(**calls: Callable[[dict], dict]) -> None:
    """Answers the calls of these names with what the functions return for the request's input, or with their ``Refusal``."""
    from ministack.core.responses import error_response_json, json_response
    from ministack.services import cloudwatch_logs as logs

    handle = logs.handle_request

    async def handle_request(method, path, headers, body, query_params):
        call = calls.get(headers.get("x-amz-target", "").rpartition(".")[2])
        if call is None:
            return await handle(method, path, headers, body, query_params)
        try:
            return json_response(call(json.loads(body or "{}")))
        except Refusal as refusal:
            return error_response_json(refusal.code, refusal.message, 400)

    logs.handle_request = handle_request


def store():
    """Returns a dictionary per account and region, which a reset of the emulator empties."""
    from ministack.core.responses import AccountRegionScopedDict
    from ministack.services import cloudwatch_logs as logs

    kept, reset = AccountRegionScopedDict(), logs.reset

    def reset_too():
        reset()
        kept.clear()

    logs.reset = reset_too
    return kept


def named_group(identifier: str | None) -> tuple[str, dict]:
    """Returns name and content of the log group with this name or ARN."""
    from ministack.services import cloudwatch_logs as logs

    name = (identifier or "").split(":log-group:")[-1].removesuffix(":*")
    group = logs._log_groups.get(name)
    if group is None:
        raise Refusal("ResourceNotFoundException", f"The specified log group does not exist: {name}")
    return name, group
