"""Correction: the processes of a deleted function end with it.

What AWS does ("Understanding the Lambda execution environment lifecycle"): an execution environment ends with its function,
after the invocation under way.

What stock MiniStack does: DeleteFunction ends them, the deletion of the function's stack does not. Each environment keeps a
process and three threads for as long as MiniStack runs, so that it slows down with every stack that is made and removed.
"""

from __future__ import annotations

import threading


def apply() -> None:
    from ministack.core.responses import get_account_id, get_region
    from ministack.services.cloudformation import provisioners

    handlers = provisioners._RESOURCE_HANDLERS["AWS::Lambda::Function"]
    delete = handlers["delete"]

    def delete_and_end(name, props):
        delete(name, props)
        # In a separate thread, because ending a process can take seconds.
        threading.Thread(target=_end_idle, args=(get_account_id(), get_region(), name), daemon=True).start()

    handlers["delete"] = delete_and_end


def _end_idle(account: str, region: str, name: str) -> None:
    from ministack.core import lambda_runtime

    function = f"{account}:{region}:{name}:"
    ended = []
    with lambda_runtime._lock:
        for key in [key for key in lambda_runtime._workers if key.startswith(function)]:
            pool = lambda_runtime._workers.pop(key)
            ended += [worker for worker in pool if not worker.in_use]
            busy = [worker for worker in pool if worker.in_use]
            if busy:
                lambda_runtime._workers[key] = busy
    lambda_runtime.kill_workers(ended)
