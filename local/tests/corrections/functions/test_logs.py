"""Smoke test of ``functions.logs``: lines arrive while the function runs, in the stream that the function was told."""

from __future__ import annotations

import json
import uuid

import pytest

from local.tests.aws import create_function, until

TALKING = """
def handler(event):
    print("to stdout", flush=True)
    print("to stderr", file=sys.stderr, flush=True)
    if event.get("die"):
        os._exit(1)
    if event.get("sleep"):
        time.sleep(event["sleep"])
    return {name: os.environ.get(name) for name in ("AWS_LAMBDA_LOG_STREAM_NAME", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_FUNCTION_NAME", "AWS_REGION", "AWS_ENDPOINT_URL")}
"""


def invoke(aws, name, event):
    return json.loads(
        aws.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event).encode())["Payload"].read()
    )


def lines(aws, group, stream):
    events = aws.client("logs").get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True)["events"]
    return [event["message"] for event in events]


def test_output_is_in_the_configured_group_and_the_announced_stream(aws):
    name, group = f"logs-{uuid.uuid4().hex[:8]}", f"/custom/{uuid.uuid4().hex[:8]}"
    aws.client("logs").create_log_group(logGroupName=group)
    create_function(aws, name, TALKING, LoggingConfig={"LogGroup": group, "LogFormat": "Text"})
    told = invoke(aws, name, {})
    assert told["AWS_LAMBDA_LOG_GROUP_NAME"] == group
    assert told["AWS_LAMBDA_FUNCTION_NAME"] == name
    assert told["AWS_ENDPOINT_URL"] == aws.url
    stream = told["AWS_LAMBDA_LOG_STREAM_NAME"]
    until(lambda: any(line.startswith("REPORT") for line in lines(aws, group, stream)))
    kinds = {line.split(" ")[0] for line in lines(aws, group, stream)}
    assert kinds == {"START", "to", "END", "REPORT"}
    assert {"to stdout", "to stderr"} <= set(lines(aws, group, stream))

    assert invoke(aws, name, {})["AWS_LAMBDA_LOG_STREAM_NAME"] == stream
    until(lambda: lines(aws, group, stream).count("to stdout") == 2)

    invoke(aws, name, {"die": True})
    until(lambda: lines(aws, group, stream).count("to stdout") == 3)


def test_json_platform_lines(aws):
    name, group = f"logs-{uuid.uuid4().hex[:8]}", f"/custom/{uuid.uuid4().hex[:8]}"
    aws.client("logs").create_log_group(logGroupName=group)
    create_function(aws, name, TALKING, LoggingConfig={"LogGroup": group, "LogFormat": "JSON"})
    stream = invoke(aws, name, {})["AWS_LAMBDA_LOG_STREAM_NAME"]
    platform = until(lambda: [json.loads(line) for line in lines(aws, group, stream) if line.startswith("{")])
    assert [line["type"] for line in platform] == ["platform.start", "platform.report"]
    assert platform[1]["record"]["metrics"]["maxMemoryUsedMB"] > 0


@pytest.mark.parametrize(
    ("event", "line", "ending"),
    [
        ({"sleep": 3}, "Task timed out after 1.00 seconds", "Status: timeout"),
        ({"die": True}, "Error: Runtime exited ", "Status: error\tError Type: Runtime.ExitError"),
    ],
)
def test_a_time_out_and_an_exit_leave_a_line(aws, event, line, ending):
    name = f"logs-{uuid.uuid4().hex[:8]}"
    create_function(aws, name, TALKING, Timeout=1)
    invoke(aws, name, event)

    def written():
        events = aws.client("logs").filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
        return [event["message"] for event in events]

    [report] = until(lambda: [message for message in written() if message.startswith("REPORT")])
    assert report.endswith(ending)
    assert sum(line in message for message in written()) == 1


def test_without_its_log_group_a_function_still_runs(aws):
    name = f"logs-{uuid.uuid4().hex[:8]}"
    create_function(aws, name, TALKING, LoggingConfig={"LogGroup": f"/absent/{name}", "LogFormat": "Text"})
    assert invoke(aws, name, {})["AWS_LAMBDA_LOG_GROUP_NAME"] == f"/absent/{name}"
    assert aws.client("logs").describe_log_groups(logGroupNamePrefix=f"/absent/{name}")["logGroups"] == []


def test_stock_announces_a_stream_that_does_not_exist(stock):
    name, group = f"logs-{uuid.uuid4().hex[:8]}", f"/custom/{uuid.uuid4().hex[:8]}"
    create_function(stock, name, TALKING, LoggingConfig={"LogGroup": group, "LogFormat": "Text"})
    told = invoke(stock, name, {})["AWS_LAMBDA_LOG_STREAM_NAME"]
    streams = until(lambda: stock.client("logs").describe_log_streams(logGroupName=group)["logStreams"])
    assert told not in [stream["logStreamName"] for stream in streams]
