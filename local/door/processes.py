"""The functions' processes: finding them, what they are at work on, and ending them.

MiniStack keeps a pool of workers per function; a worker whose process is gone starts a new one at its next invocation,
and an invocation whose process dies ends as a function error, as on AWS.
"""

from __future__ import annotations

import os
import signal
import subprocess

_stopping = False
# Function and event, by the invocation's request id.
_at_work_on: dict[str, tuple[str, dict]] = {}


def of(function: str | None = None) -> list[subprocess.Popen]:
    """Returns the living processes of one function, or of all functions without a name."""
    from ministack.core import lambda_runtime

    with lambda_runtime._lock:
        workers = [w for pool in lambda_runtime._workers.values() for w in pool]
    found = (w._proc for w in workers if function is None or w.func_name == function)
    return [p for p in found if p is not None and p.poll() is None]


def events(function: str | None) -> list[dict]:
    """Returns the events that the processes of one function are at work on."""
    return [event for name, event in list(_at_work_on.values()) if name == function]


def remember_events() -> None:
    """Makes every process's event known while it lasts."""
    from ministack.core import lambda_runtime

    invoke = lambda_runtime.ProvidedWorker.invoke

    def remembering(self, event, request_id, **others):
        _at_work_on[request_id] = (self.func_name, event)
        try:
            return invoke(self, event, request_id, **others)
        finally:
            del _at_work_on[request_id]

    lambda_runtime.ProvidedWorker.invoke = remembering


def kill(function: str) -> list[int]:
    """Kills the function's processes at once (SIGKILL), even during an invocation, and returns their ids."""
    killed = []
    for process in of(function):
        try:
            os.kill(process.pid, signal.SIGKILL)
            killed.append(process.pid)
        except ProcessLookupError:
            continue
    return killed


def refuse_new_ones_when_stopping() -> None:
    """Makes every start of a function process fail once ``stop_all`` has been called."""
    from ministack.core import lambda_runtime

    for worker in (lambda_runtime.Worker, lambda_runtime.ProvidedWorker):
        _guard(worker)


def _guard(worker: type) -> None:
    spawn = worker._spawn

    def guarded(self, *args, **kwargs):
        if _stopping:
            raise RuntimeError("the local AWS is stopping")
        result = spawn(self, *args, **kwargs)
        if _stopping:
            _end(self._proc)
        return result

    worker._spawn = guarded


def stop_all() -> None:
    """Ends every function process and keeps new ones from starting."""
    global _stopping
    _stopping = True
    for process in of():
        _end(process)


def _end(process: subprocess.Popen | None) -> None:
    if process is None:
        return
    try:
        process.kill()
        process.wait(timeout=2)
    except (OSError, subprocess.TimeoutExpired):
        pass
