"""Smoke test of ``logs.incoming``."""

from __future__ import annotations

import time

from local.tests.aws import create_function, until
from local.tests.corrections.cloudwatch.statistics import total
from local.tests.stacks import fresh, own_account


def written(aws, account: str) -> str:
    logs, group = aws.client("logs", account=account), f"/{fresh('incoming')}"
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="s")
    at = int(time.time() * 1000)
    for lines in (["a", "éé"], ["b"]):
        events = [{"timestamp": at, "message": line} for line in lines]
        logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=events)
    return group


def test_lines_and_bytes_are_counted_by_group_and_account(aws):
    account = own_account()
    group = written(aws, account)
    for dimensions in ({"LogGroupName": group}, {}):
        assert total(aws, "AWS/Logs", "IncomingLogEvents", account, **dimensions) == 3
        assert total(aws, "AWS/Logs", "IncomingBytes", account, **dimensions) == 6 + 3 * 26


def test_what_a_function_prints_is_counted(aws):
    name = fresh("incoming")
    create_function(aws, name, "def handler(event):\n    print('line', flush=True)")
    aws.client("lambda").invoke(FunctionName=name)
    # START, the line, END and REPORT
    until(lambda: total(aws, "AWS/Logs", "IncomingLogEvents", LogGroupName=f"/aws/lambda/{name}") == 4)


def test_stock_counts_nothing(stock):
    account = own_account()
    assert total(stock, "AWS/Logs", "IncomingLogEvents", account, LogGroupName=written(stock, account)) is None
