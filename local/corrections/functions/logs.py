"""Correction: a function's output reaches its log group line by line, in one stream per execution environment.

What AWS does ("Sending Lambda function logs to CloudWatch Logs", "Configuring advanced logging controls", "Defined runtime
environment variables"): every execution environment has one log stream, named by ``AWS_LAMBDA_LOG_STREAM_NAME``; output arrives
as it is written, even from an invocation that never ends; the group is LoggingConfig.LogGroup, which Lambda does not create for
a role without ``logs:CreateLogGroup``; with LogFormat JSON the platform's own lines are JSON too. A time-out leaves
``Task timed out after N seconds``, a process that ends ``Error: Runtime exited …`` with ``Runtime.ExitError``, and both their
status in REPORT ("Troubleshoot invocation issues in Lambda", "Understanding the Lambda execution environment lifecycle").

What stock MiniStack does: a new stream for every invocation, written after it; ``AWS_LAMBDA_LOG_STREAM_NAME`` names none of
them; no line for a time-out or an exit; a silent invocation waits 50 ms for output that does not come.

Only ``provided.*`` functions are corrected.
"""

from __future__ import annotations

import json
import logging
import threading
import time
import uuid
from datetime import UTC, datetime

logger = logging.getLogger(__name__)

# Per thread: the worker that is starting its process, and how the last invocation ran.
_here = threading.local()


def apply() -> None:
    from ministack.core import lambda_runtime
    from ministack.services import lambda_svc

    _name_the_stream(lambda_runtime.ProvidedWorker, lambda_svc)
    _pump_into_the_group(lambda_runtime.ProvidedWorker)
    _write_platform_lines(lambda_runtime.ProvidedWorker, lambda_svc)


def _name_the_stream(worker: type, lambda_svc) -> None:
    build, environment = worker._build_handler_class, lambda_svc._provided_worker_env

    def building(self, *args, **kwargs):  # the first step of starting a process
        self.log_stream = stream_name(self.config)
        _here.starting = self
        return build(self, *args, **kwargs)

    def named(config, *args, **kwargs):
        variables = environment(config, *args, **kwargs)
        starting = getattr(_here, "starting", None)
        if starting is not None:
            variables["AWS_LAMBDA_LOG_STREAM_NAME"] = starting.log_stream
        variables["AWS_LAMBDA_LOG_GROUP_NAME"] = group_name(config)
        variables["AWS_LAMBDA_INITIALIZATION_TYPE"] = "on-demand"
        controls = config.get("LoggingConfig") or {}
        if controls.get("LogFormat") == "JSON":
            variables["AWS_LAMBDA_LOG_FORMAT"] = "JSON"
            variables["AWS_LAMBDA_LOG_LEVEL"] = controls.get("ApplicationLogLevel") or "INFO"
        return variables

    worker._build_handler_class = building
    lambda_svc._provided_worker_env = named


def group_name(config: dict) -> str:
    return (config.get("LoggingConfig") or {}).get("LogGroup") or f"/aws/lambda/{config.get('FunctionName', '')}"


def stream_name(config: dict) -> str:
    """Returns ``YYYY/MM/DD/[version]<id>``, with the function's name before the version in a group that functions may share."""
    function = config.get("FunctionName", "")
    shared = "" if group_name(config) == f"/aws/lambda/{function}" else function
    return f"{datetime.now(UTC):%Y/%m/%d}/{shared}[{config.get('Version', '$LATEST')}]{uuid.uuid4().hex}"


def _pump_into_the_group(worker: type) -> None:
    pump, drain = worker._pump_output, worker._drain_stderr_bounded

    def pumping(self, stream, log_queue):
        # Stock code still collects the lines, for the answer's LogResult; they are copied as it reads them.
        pump(self, _Copied(stream, self.config, self.log_stream), log_queue)

    def draining(self, first_line_wait: float = 0.0, **kwargs):
        return drain(self, first_line_wait, **kwargs) if first_line_wait else self._drain_stderr()

    worker._pump_output = pumping
    worker._drain_stderr_bounded = draining


class _Copied:
    """A process's output whose lines go to CloudWatch as they are read."""

    def __init__(self, output, config: dict, stream: str):
        self._output, self._config, self._stream = output, config, stream

    def readline(self) -> bytes:
        line = self._output.readline()
        if line.strip():
            now = int(time.time() * 1000)
            write(self._config, self._stream, [(now, line.decode("utf-8", "replace").rstrip("\r\n"))])
        return line

    def close(self) -> None:
        self._output.close()


# Endings that the function cannot report itself: the emulator's error type → the status in REPORT.
_PLATFORM_FAILURES = {"Sandbox.Timedout": "timeout", "Runtime.ExitError": "error"}


def _error_type(result: dict) -> str | None:
    payload = result.get("error_payload")
    return payload.get("errorType") if isinstance(payload, dict) else None


def _write_platform_lines(worker: type, lambda_svc) -> None:
    invoke, emit = worker.invoke, lambda_svc._emit_lambda_logs

    def invoking(self, *args, **kwargs):
        begun = int(time.time() * 1000)
        _here.starting = None
        result = invoke(self, *args, **kwargs)
        memory, failure = peak_memory_megabytes(self._proc), _PLATFORM_FAILURES.get(_error_type(result))
        _here.ran = (self.log_stream, begun, memory, failure) if hasattr(self, "log_stream") else None
        return result

    def emitting(func, request_id, log_text, error, duration_ms, **kwargs):
        config = func.get("config") or func
        ran, _here.ran = getattr(_here, "ran", None), None
        if not str(config.get("Runtime", "")).startswith("provided"):
            emit(func, request_id, log_text, error, duration_ms, **kwargs)
        elif ran is not None:
            stream, begun, memory, failure = ran
            write(config, stream, platform_lines(config, request_id, begun, duration_ms, memory, failure))

    worker.invoke = invoking
    lambda_svc._emit_lambda_logs = emitting


def peak_memory_megabytes(process) -> int:
    """Returns the peak resident memory of a function's process, or 0 if it is gone or the system does not say."""
    try:
        with open(f"/proc/{process.pid}/status") as status:
            return next(-(-int(line.split()[1]) // 1024) for line in status if line.startswith("VmHWM"))
    except (AttributeError, OSError, StopIteration):
        return 0


def platform_lines(
    config: dict, request_id: str, begun: int, duration: int, memory: int, failure: str | None = None
) -> list[tuple[int, str]]:
    """Returns START, END and REPORT of an invocation, as text or JSON, with the line for a time-out or an exit."""
    version, size, now = (
        config.get("Version", "$LATEST"),
        config.get("MemorySize", 128),
        max(begun, int(time.time() * 1000)),
    )
    controls = config.get("LoggingConfig") or {}
    if controls.get("LogFormat") != "JSON":
        report = f"Duration: {duration} ms\tBilled Duration: {duration} ms\tMemory Size: {size} MB\tMax Memory Used: {memory} MB"
        why = {
            "timeout": f"{_moment(now)} {request_id} Task timed out after {int(config.get('Timeout', 3)):.2f} seconds",
            "error": f"RequestId: {request_id} Error: Runtime exited without providing a reason\nRuntime.ExitError",
        }
        status = {"timeout": "\tStatus: timeout", "error": "\tStatus: error\tError Type: Runtime.ExitError"}
        return [
            (begun, f"START RequestId: {request_id} Version: {version}"),
            *([(now, why[failure])] if failure else []),
            (now, f"END RequestId: {request_id}"),
            (now, f"REPORT RequestId: {request_id}\t{report}{status.get(failure, '')}"),
        ]
    if controls.get("SystemLogLevel", "INFO") == "WARN":
        return []
    metrics = {"durationMs": duration, "billedDurationMs": duration, "memorySizeMB": size, "maxMemoryUsedMB": memory}
    ended = {"status": failure or "success"}
    if failure == "error":
        ended["errorType"] = "Runtime.ExitError"
    return [
        (begun, _platform(begun, "platform.start", {"requestId": request_id, "version": version})),
        (now, _platform(now, "platform.report", {"requestId": request_id, "metrics": metrics, **ended})),
    ]


def _platform(at: int, kind: str, record: dict) -> str:
    return json.dumps({"time": _moment(at), "type": kind, "record": record})


def _moment(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def write(config: dict, stream: str, lines: list[tuple[int, str]]) -> None:
    """Adds lines (milliseconds, text) to a function's log stream; without its log group they are lost."""
    from ministack.core.lambda_runtime import _account_region_from_function_config
    from ministack.core.responses import request_scope
    from ministack.services import cloudwatch_logs

    group, default = group_name(config), f"/aws/lambda/{config.get('FunctionName', '')}"
    try:
        with request_scope(*_account_region_from_function_config(config)):
            if group == default and group not in cloudwatch_logs._log_groups:
                cloudwatch_logs._create_log_group({"logGroupName": group})
            if not lines or group not in cloudwatch_logs._log_groups:
                return
            streams = cloudwatch_logs._log_groups[group]["streams"]
            if stream not in streams:
                cloudwatch_logs._create_log_stream({"logGroupName": group, "logStreamName": stream})
            now = int(time.time() * 1000)
            events = [{"timestamp": at, "message": text, "ingestionTime": now} for at, text in lines]
            cloudwatch_logs._append_log_events(streams[stream], events)
            cloudwatch_logs._fanout_to_subscription_filters(group, stream, events)
            cloudwatch_logs._fanout_to_live_tail_sessions(group, stream, events)
    except Exception:  # a function must not fail because of its log
        logger.exception("log lines of %s are lost", config.get("FunctionName"))
