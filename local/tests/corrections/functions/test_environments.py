"""Smoke test of ``functions.environments``."""

from __future__ import annotations

import json
import uuid
from concurrent.futures import ThreadPoolExecutor

from local.tests.aws import create_function, until

# The second environment fails at its start, while the first is at work.
FAILING = """
import pathlib, sys
started = pathlib.Path({folder!r})
if (started / "first").exists():
    (started / "second").touch()
    sys.exit(1)
(started / "first").touch()
def handler(event):
    (started / "working").touch()
    until = time.monotonic() + 10
    while not (started / "second").exists() and time.monotonic() < until:
        time.sleep(0.05)
    time.sleep(1)
    return "done"
"""


def answer_of_the_first(aws, folder):
    name = f"start-{uuid.uuid4().hex[:8]}"
    create_function(aws, name, FAILING.format(folder=str(folder)), Timeout=20)

    def invoke():
        return json.loads(aws.client("lambda").invoke(FunctionName=name, Payload=b"{}")["Payload"].read())

    with ThreadPoolExecutor() as pool:
        first = pool.submit(invoke)
        until((folder / "working").exists)
        assert invoke()["errorType"]
        return first.result()


def test_an_environment_that_does_not_start_ends_alone_and_in_stock_it_takes_others_along(aws, stock, tmp_path):
    (tmp_path / "aws").mkdir()
    (tmp_path / "stock").mkdir()
    assert answer_of_the_first(aws, tmp_path / "aws") == "done"
    assert answer_of_the_first(stock, tmp_path / "stock") != "done"
