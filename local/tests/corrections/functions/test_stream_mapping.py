"""Smoke test of ``functions.stream_mapping``: what a batch's failures lead to, on the wire."""

from __future__ import annotations

import json
import re
import uuid

from local.tests.aws import create_function, until
from local.tests.stacks import role

# Writes each batch it gets, as the ids of its records, to the journal table; then does what the code says.
RECORDER = """
import urllib.request
attempts = 0
def handler(event):
    global attempts
    attempts += 1
    records = event["Records"]
    ids = [r["dynamodb"]["Keys"]["id"]["S"] for r in records]
    sequence = {i: r["dynamodb"]["SequenceNumber"] for i, r in zip(ids, records)}
    answer = decide(ids, sequence)
    _journal({"ids": ids, "identities": [r.get("userIdentity") for r in records]})
    if isinstance(answer, Exception):
        raise answer
    return answer

def _journal(entry):
    item = {"id": {"S": str(time.time_ns())}, "entry": {"S": json.dumps(entry)}}
    request = urllib.request.Request(
        os.environ["AWS_ENDPOINT_URL"],
        data=json.dumps({"TableName": os.environ["JOURNAL"], "Item": item}).encode(),
        headers={"X-Amz-Target": "DynamoDB_20120810.PutItem", "Content-Type": "application/x-amz-json-1.0",
                 "Authorization": "AWS4-HMAC-SHA256 Credential=test/20250101/us-east-1/dynamodb/aws4_request"})
    urllib.request.urlopen(request).read()
"""


class Mapping:
    """A table whose stream goes to a recording function; the items are older than the mapping, so they are one batch."""

    def __init__(self, aws, decide: str, items: int = 4, **properties):
        name = f"mapping-{uuid.uuid4().hex[:8]}"
        self.aws, self.table, self.journal, self.function = aws, name, f"{name}-journal", name
        self.dynamodb = aws.client("dynamodb")
        stream = self._table(self.table, {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"})
        self._table(self.journal)
        for n in range(items):
            self.put(f"r{n}")
        writer = role(
            aws,
            "lambda.amazonaws.com",
            {"Effect": "Allow", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{name}/*"},
        )
        create_function(
            aws, name, RECORDER + decide, Role=writer, Environment={"Variables": {"JOURNAL": self.journal}}
        )
        self.bucket = name
        aws.client("s3").create_bucket(Bucket=name)
        self.mapping = aws.client("lambda").create_event_source_mapping(
            FunctionName=name,
            EventSourceArn=stream,
            StartingPosition="TRIM_HORIZON",
            BatchSize=100,
            DestinationConfig={"OnFailure": {"Destination": f"arn:aws:s3:::{name}"}},
            **properties,
        )["UUID"]

    def _table(self, name, stream=None):
        more = {"StreamSpecification": stream} if stream else {}
        table = self.dynamodb.create_table(
            TableName=name,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            **more,
        )
        return table["TableDescription"].get("LatestStreamArn")

    def put(self, identifier):
        self.dynamodb.put_item(TableName=self.table, Item={"id": {"S": identifier}})

    def entries(self) -> list[dict]:
        items = self.dynamodb.scan(TableName=self.journal, ConsistentRead=True)["Items"]
        return [json.loads(item["entry"]["S"]) for item in sorted(items, key=lambda item: int(item["id"]["S"]))]

    def batches(self) -> list[str]:
        return [" ".join(entry["ids"]) for entry in self.entries()]

    def expect(self, *batches):
        """Checks that the function gets exactly these batches; the record ``end`` shows that nothing comes after them."""
        until(lambda: len(self.batches()) >= len(batches))
        self.put("end")
        until(lambda: "end" in self.batches()[-1])
        assert self.batches() == [*batches, "end"]

    def discarded(self) -> list[tuple[str, dict]]:
        s3 = self.aws.client("s3")
        keys = [o["Key"] for o in s3.list_objects_v2(Bucket=self.bucket).get("Contents", [])]
        return [(key, json.loads(s3.get_object(Bucket=self.bucket, Key=key)["Body"].read())) for key in keys]


REPORT = {"FunctionResponseTypes": ["ReportBatchItemFailures"]}
REPORT_R2_ONCE = """
def decide(ids, sequence):
    return {"batchItemFailures": [{"itemIdentifier": sequence[i]} for i in ("r3", "r2")] if attempts == 1 else []}
"""


def test_a_partial_failure_is_retried_from_the_lowest_reported_record(aws):
    Mapping(aws, REPORT_R2_ONCE, MaximumRetryAttempts=3, **REPORT).expect("r0 r1 r2 r3", "r2 r3")


def test_stock_takes_a_partial_failure_as_success(stock):
    Mapping(stock, REPORT_R2_ONCE, MaximumRetryAttempts=3, **REPORT).expect("r0 r1 r2 r3")


def test_without_report_batch_item_failures_a_report_is_a_success(aws):
    Mapping(aws, REPORT_R2_ONCE, MaximumRetryAttempts=3).expect("r0 r1 r2 r3")


def test_malformed_reports_fail_the_whole_batch(aws):
    malformed = """
def decide(ids, sequence):
    wrong = [{"itemIdentifier": ""}, {"itemIdentifier": None}, {"itemIdentifier": "unknown"}, {"identifier": "r1"}]
    if attempts > len(wrong):
        return {"batchItemFailures": None}
    return {"batchItemFailures": [{"itemIdentifier": sequence["r1"]}, wrong[attempts - 1]]}
"""
    Mapping(aws, malformed, items=2, MaximumRetryAttempts=10, **REPORT).expect(*["r0 r1"] * 5)


def test_a_failing_record_is_isolated_by_splitting_and_discarded_with_its_payload(aws):
    poison = """
def decide(ids, sequence):
    return ValueError("poison") if "r2" in ids else {"batchItemFailures": []}
"""
    mapping = Mapping(aws, poison, MaximumRetryAttempts=2, BisectBatchOnFunctionError=True, **REPORT)
    mapping.expect("r0 r1 r2 r3", "r0 r1", "r2 r3", "r2", "r2", "r2", "r3")
    [(key, record)] = mapping.discarded()
    uuid4 = "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}"
    assert re.fullmatch(
        rf"aws/lambda/{mapping.mapping}/shardId-[0-9a-f-]+/\d{{4}}/\d\d/\d\d/\d{{4}}-\d\d-\d\dT\d\d\.\d\d\.\d\d-{uuid4}",
        key,
    )
    assert record["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert record["DDBStreamBatchInfo"]["batchSize"] == 1
    [change] = json.loads(record["payload"])["Records"]
    assert change["dynamodb"]["NewImage"] == {"id": {"S": "r2"}}
    assert change["dynamodb"]["SequenceNumber"] == record["DDBStreamBatchInfo"]["startSequenceNumber"]


def test_a_reported_record_that_never_succeeds_is_discarded_and_what_came_before_is_not_repeated(aws):
    stuck = """
def decide(ids, sequence):
    return {"batchItemFailures": [{"itemIdentifier": sequence["r2"]}] if "r2" in ids else []}
"""
    mapping = Mapping(aws, stuck, items=3, MaximumRetryAttempts=1, BisectBatchOnFunctionError=True, **REPORT)
    mapping.expect("r0 r1 r2", "r2", "r2")
    [(_, record)] = mapping.discarded()
    assert record["DDBStreamBatchInfo"]["batchSize"] == 1


def test_a_process_that_dies_in_mid_batch_loses_nothing(aws):
    dying = """
def decide(ids, sequence):
    marker = os.path.join(os.environ["TMPDIR"], os.environ["JOURNAL"])
    if not os.path.exists(marker):
        open(marker, "w").close()
        _journal({"ids": ids, "identities": []})
        os._exit(9)
    return {}
"""
    Mapping(aws, dying, items=3, MaximumRetryAttempts=3, **REPORT).expect("r0 r1 r2", "r0 r1 r2")
