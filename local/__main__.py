"""Command line of the local AWS: ``python -m local --port 0 --state-dir DIR``. SIGTERM stops it and all functions."""

from __future__ import annotations

import argparse
import pathlib
import sys

from local import environment, server
from local.admin import cognito
from local.admin.endpoints import Admin
from local.corrections import order
from local.door import connections, processes
from local.door.calls import Calls
from local.door.door import Door
from local.door.faults import PLAN


def main() -> int:
    arguments = _arguments()
    state_dir = arguments.state_dir.resolve()
    try:
        lock = environment.claim(state_dir)  # noqa: F841 (held for as long as the process lives)
        listener = server.bind(arguments.port)
    except environment.StateInUse as error:
        return _refuse(f"{error}; stop it first or choose another --state-dir")
    except server.PortInUse as error:
        return _refuse(
            f"{error}; stop what uses it (an earlier local AWS?) or choose another with --port (0 = any free one)"
        )
    endpoint = environment.prepare(listener.getsockname()[1], state_dir)

    # Imported only now, because MiniStack reads the environment as it is imported.
    from ministack import app

    order.apply(without=set(arguments.without))
    connections.remember_all()
    processes.refuse_new_ones_when_stopping()
    processes.remember_events()
    cognito.show_retired_keys()
    calls = Calls()
    entrance = Door(app.app, PLAN, calls, Admin(PLAN, calls))
    server.serve(entrance, listener, endpoint, state_dir)
    return 0


def _refuse(reason: str) -> int:
    print(f"local AWS: {reason}", file=sys.stderr)
    return 2


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    parser.add_argument(
        "--port", type=int, default=4566, help="port of 127.0.0.1; 0 takes any free one (default: 4566)"
    )
    parser.add_argument("--state-dir", type=pathlib.Path, required=True, help="where ready.json and temporary files go")
    parser.add_argument(
        "--without",
        action="append",
        default=[],
        metavar="CORRECTION",
        help="leave out a correction (for tests that show what stock MiniStack does)",
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
