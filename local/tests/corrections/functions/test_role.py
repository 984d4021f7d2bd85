"""Smoke test of ``functions.role``."""

from __future__ import annotations

import json

from local.tests.aws import bootstrap, until
from local.tests.iam import LAMBDA, REGION, allow, fresh, function, let, role, table
from local.tests.stacks import Stack, refused


def test_a_mapping_reads_its_stream_with_the_functions_role(iam):
    name = table(iam, stream=True)
    stream = iam.client("dynamodb").describe_table(TableName=name)["Table"]["LatestStreamArn"]
    reads = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"]
    runs_as = role(iam, LAMBDA, allow(reads))
    called, functions = function(iam, runs_as), iam.client("lambda")
    mapping = {"FunctionName": called, "EventSourceArn": stream, "StartingPosition": "TRIM_HORIZON"}
    code, message = refused(functions.create_event_source_mapping, **mapping)
    assert code == "InvalidParameterValueException"
    assert "ListStreams" in message
    template = {"Mapping": {"Type": "AWS::Lambda::EventSourceMapping", "Properties": mapping}}
    assert Stack(iam, template, expect="ROLLBACK_COMPLETE").status == "ROLLBACK_COMPLETE"
    let(iam, runs_as, allow([*reads, "dynamodb:ListStreams"]))
    identifier = functions.create_event_source_mapping(**mapping)["UUID"]

    let(iam, runs_as, allow("dynamodb:ListStreams"))
    iam.client("dynamodb").put_item(TableName=name, Item={"PK": {"S": "a"}})
    result = lambda: functions.get_event_source_mapping(UUID=identifier)["LastProcessingResult"]  # noqa: E731
    until(lambda: "PROBLEM" in result())
    let(iam, runs_as, allow(reads))
    until(lambda: result() == "OK")


def test_a_discarded_batch_is_written_with_the_functions_role(iam):
    name, bucket = table(iam, stream=True), fresh("bucket")
    stream = iam.client("dynamodb").describe_table(TableName=name)["Table"]["LatestStreamArn"]
    iam.client("s3").create_bucket(Bucket=bucket)
    write = allow("s3:PutObject", f"arn:aws:s3:::{bucket}/*")
    runs_as = role(iam, LAMBDA, allow("dynamodb:*"), write)
    failing = function(iam, runs_as, "def handler(event):\n    raise ValueError")
    functions = iam.client("lambda")
    mapping = functions.create_event_source_mapping(
        FunctionName=failing, EventSourceArn=stream, StartingPosition="TRIM_HORIZON", MaximumRetryAttempts=0,
        DestinationConfig={"OnFailure": {"Destination": f"arn:aws:s3:::{bucket}"}},
    )["UUID"]  # fmt: skip
    kept = lambda: [o["Key"] for o in iam.client("s3").list_objects_v2(Bucket=bucket).get("Contents", [])]  # noqa: E731

    let(iam, runs_as, allow("dynamodb:*"))
    iam.client("dynamodb").put_item(TableName=name, Item={"PK": {"S": "lost"}})
    lost = lambda: f"the role of {failing} may not write" in (iam.state_dir / "log").read_text()  # noqa: E731
    until(lost)
    assert kept() == []
    let(iam, runs_as, allow("dynamodb:*"), write)
    iam.client("dynamodb").put_item(TableName=name, Item={"PK": {"S": "kept"}})
    [key] = until(kept)
    assert key.startswith(f"aws/lambda/{mapping}/")


def test_a_function_logs_with_its_role(iam):
    group = f"/{fresh('group')}"
    iam.client("logs").create_log_group(logGroupName=group)
    runs_as = role(iam, LAMBDA)
    name = fresh("function")
    iam.client("lambda").create_function(
        FunctionName=name, Runtime="provided.al2023", Handler="x", Role=runs_as, LoggingConfig={"LogGroup": group},
        Code={"ZipFile": bootstrap("def handler(event):\n    print(event, flush=True)")},
    )  # fmt: skip
    invoke = lambda words: iam.client("lambda").invoke(FunctionName=name, Payload=json.dumps(words))  # noqa: E731
    found = lambda: [e["message"] for e in iam.client("logs").filter_log_events(logGroupName=group)["events"]]  # noqa: E731
    invoke("unheard")
    let(iam, runs_as, allow(["logs:CreateLogStream", "logs:PutLogEvents"], f"arn:aws:logs:{REGION}:log-group:{group}:*"))
    invoke("heard")
    until(lambda: any("heard" in line for line in found()))
    assert not any("unheard" in line for line in found())
