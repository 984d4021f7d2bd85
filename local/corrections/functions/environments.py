"""Correction: an execution environment that does not start ends alone.

What AWS does ("Understanding the Lambda execution environment lifecycle"): an environment whose runtime fails at its start is
replaced; the others of the function go on with their invocations.

What stock MiniStack does: it ends all environments of the function, those at work too. One that is about to start a process
then starts it outside of the pool, where nobody ends it: under crash after crash hundreds of processes gather.
"""

from __future__ import annotations

import threading

_invocation = threading.local()


def apply() -> None:
    from ministack.services import lambda_svc

    acquire, release, invalidate = (
        lambda_svc.acquire_worker,
        lambda_svc.release_worker,
        lambda_svc.invalidate_worker,
    )

    def acquired(*args, **kwargs):
        worker, how = acquire(*args, **kwargs)
        _invocation.worker = worker
        return worker, how

    def released(worker):
        _invocation.worker = None
        release(worker)

    def invalidated(*args, **kwargs):
        # Within an invocation, it is the end of that invocation's environment.
        worker = getattr(_invocation, "worker", None)
        if worker is None:
            invalidate(*args, **kwargs)
        else:
            _end(worker)

    lambda_svc.acquire_worker, lambda_svc.release_worker = acquired, released
    lambda_svc.invalidate_worker = invalidated


def _end(worker) -> None:
    from ministack.core import lambda_runtime

    with lambda_runtime._lock:
        for pool in lambda_runtime._workers.values():
            if worker in pool:
                pool.remove(worker)
    lambda_runtime.kill_workers([worker])
