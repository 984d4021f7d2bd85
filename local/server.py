"""The HTTP server of the local AWS: one loopback socket, ``ready.json`` once it answers, and a quick stop."""

from __future__ import annotations

import asyncio
import json
import os
import pathlib
import resource
import shutil
import signal
import socket
import urllib.request

from local.door import processes

HOST = "127.0.0.1"
PARTING_SECONDS = 0.5  # for the answers still under way when it is told to stop


class PortInUse(Exception):
    """The port is taken by another process."""


def bind(port: int) -> socket.socket:
    """Returns a listening loopback socket, bound first of all because the environment names the port."""
    # With the protocol named, asyncio knows that it is TCP and sets TCP_NODELAY.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen(512)
    except OSError as error:
        listener.close()
        raise PortInUse(f"port {port} of {HOST} cannot be used ({error.strerror})") from error
    return listener


def serve(app, listener: socket.socket, endpoint: str, state_dir: pathlib.Path) -> None:
    """Serves until SIGTERM or SIGINT, then ends the process: no function process is left behind."""
    _raise_open_files()
    ready = state_dir / "ready.json"
    asyncio.run(_serve(app, listener, endpoint, ready))


async def _serve(app, listener: socket.socket, endpoint: str, ready: pathlib.Path) -> None:
    from hypercorn.asyncio import serve as hypercorn_serve
    from hypercorn.config import Config
    from ministack.core import hypercorn_compat

    hypercorn_compat.install()
    config = Config()
    config.bind = [f"fd://{listener.detach()}"]
    config.keep_alive_timeout = 75
    config.graceful_timeout = 0.2
    config.loglevel = os.environ["LOG_LEVEL"]

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    announcing = asyncio.create_task(asyncio.to_thread(_announce, endpoint, ready))
    stopping = asyncio.create_task(stop.wait())
    serving = asyncio.create_task(hypercorn_serve(app, config, shutdown_trigger=stop.wait))
    await asyncio.wait({stopping, serving}, return_when=asyncio.FIRST_COMPLETED)

    ready.unlink(missing_ok=True)
    # In a thread, so that calls waiting for one of the processes can still be answered.
    await asyncio.to_thread(processes.stop_all)
    await asyncio.wait({serving}, timeout=PARTING_SECONDS)
    failure = serving.exception() if serving.done() and not serving.cancelled() else None
    if failure is not None:
        print(f"local AWS: {failure!r}", flush=True)
    # Once more, for a process that was just starting during the first round.
    processes.stop_all()
    announcing.cancel()
    ready.unlink(missing_ok=True)
    shutil.rmtree(os.environ["TMPDIR"], ignore_errors=True)
    # Not sys.exit: worker threads may be waiting for something that never comes.
    os._exit(1 if failure is not None else 0)


def _announce(endpoint: str, ready: pathlib.Path) -> None:
    """Writes ``ready.json`` after the first answer; the socket is listening already, so the request simply waits."""
    with urllib.request.urlopen(f"{endpoint}/_ministack/health", timeout=60) as answer:
        answer.read()
    written = ready.with_suffix(".tmp")
    written.write_text(json.dumps({"endpointUrl": endpoint, "pid": os.getpid()}))
    written.replace(ready)


def _raise_open_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (ValueError, OSError):
            pass
