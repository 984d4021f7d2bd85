"""Correction: every invocation of a function counts in its CloudWatch metrics, whoever invoked it.

What AWS does ("Types of metrics for Lambda functions", "Use API Gateway Lambda authorizers"): ``Invocations``, ``Errors`` and
``Duration`` count each time the code ran, for API Gateway, an authorizer or an event source as for Invoke; a function that
answers with an error counts in ``Errors``, so an authorizer that refuses a token by failing with ``Unauthorized`` does too. A
throttled request counts in ``Throttles`` alone.

What stock MiniStack does: counts what came through Invoke only, and a throttled request as an invocation.
"""

from __future__ import annotations

import time


def apply() -> None:
    from ministack.services import lambda_svc

    run = lambda_svc._execute_function_dispatch

    def counted(function, config, *args):
        begun = time.monotonic()
        result = run(function, config, *args)
        if result.get("throttle"):
            return result
        name, milliseconds = config.get("FunctionName", ""), (time.monotonic() - begun) * 1000
        _record(name, "Invocations", 1)
        _record(name, "Errors", 1 if result.get("error") else 0)
        _record(name, "Duration", milliseconds, "Milliseconds")
        return result

    def emit(name, duration_ms, error, throttle):
        # After an Invoke this is called again with the duration; that invocation is already counted above.
        if throttle and not duration_ms:
            _record(name, "Throttles", 1)

    lambda_svc._execute_function_dispatch, lambda_svc._emit_lambda_metrics = counted, emit


def _record(function: str, metric: str, value: float, unit: str = "Count") -> None:
    from ministack.services import cloudwatch

    cloudwatch.record_metric("AWS/Lambda", metric, value, unit, {"FunctionName": function})
