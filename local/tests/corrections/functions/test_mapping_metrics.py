"""Smoke test of ``functions.mapping_metrics``: what a mapping's batches leave in AWS/Lambda."""

from __future__ import annotations

import json

import pytest

from local.tests.aws import until
from local.tests.corrections.cloudwatch.statistics import statistics, total
from local.tests.corrections.functions.test_stream_mapping import Mapping
from local.tests.stacks import Stack

COUNTED = {"MetricsConfig": {"Metrics": ["EventCount"]}}
REFUSE_R1 = """
def decide(ids, sequence):
    return {"batchItemFailures": [{"itemIdentifier": sequence["r1"]}] if "r1" in ids else []}
"""


class Counted(Mapping):
    def counts(self) -> dict[str, float]:
        """Returns the mapping's counts by the first words of their names."""
        metrics = {
            name: total(self.aws, "AWS/Lambda", f"{name}EventCount", EventSourceMappingUUID=self.mapping)
            for name in ("Polled", "FilteredOut", "Invoked", "FailedInvoke", "Dropped", "OnFailureDestinationDelivered")
        }
        return {name: value for name, value in metrics.items() if value is not None}

    def of_function(self, metric: str) -> dict[str, float]:
        return statistics(self.aws, "AWS/Lambda", metric, FunctionName=self.function)

    def await_counts(self, **expected: float) -> None:
        until(lambda: self.counts() == expected)


def test_what_is_discarded_is_delivered(aws):
    mapping = Counted(
        aws, REFUSE_R1, **COUNTED, FunctionResponseTypes=["ReportBatchItemFailures"], MaximumRetryAttempts=0
    )
    # All four, of which r0 is done; the rest is given up.
    mapping.await_counts(Polled=4, Invoked=4, FailedInvoke=3, OnFailureDestinationDelivered=3)
    assert mapping.of_function("DestinationDeliveryFailures") == {}


def test_retries_and_filtered_records_count(aws):
    kept = {"Filters": [{"Pattern": json.dumps({"dynamodb": {"Keys": {"id": {"S": ["r1", "r2"]}}}})}]}
    mapping = Counted(
        aws, "def decide(ids, sequence):\n    return ValueError()", **COUNTED, FilterCriteria=kept, MaximumRetryAttempts=1
    )
    mapping.await_counts(Polled=4, FilteredOut=2, Invoked=4, FailedInvoke=4, OnFailureDestinationDelivered=2)


def test_what_the_bucket_does_not_take_is_dropped(aws):
    mapping = Counted(
        aws, "def decide(ids, sequence):\n    time.sleep(0.5)\n    return ValueError()", **COUNTED, MaximumRetryAttempts=0
    )
    aws.client("s3").delete_bucket(Bucket=mapping.bucket)
    mapping.await_counts(Polled=4, Invoked=4, FailedInvoke=4, Dropped=4)
    until(lambda: mapping.of_function("DestinationDeliveryFailures").get("Sum") == 1)


def test_the_age_of_a_batch_is_known_whatever_the_setting(aws):
    mapping = Counted(aws, "def decide(ids, sequence):\n    return None")
    age = until(lambda: mapping.of_function("IteratorAge"))
    assert 0 <= age["Maximum"] < 60_000
    assert mapping.counts() == {}


def test_the_setting_is_kept_and_changed(aws):
    mapping, functions = Counted(aws, "def decide(ids, sequence):\n    return None", **COUNTED), aws.client("lambda")

    def setting():
        return functions.get_event_source_mapping(UUID=mapping.mapping)["MetricsConfig"]

    assert setting() == {"Metrics": ["EventCount"]}
    functions.update_event_source_mapping(UUID=mapping.mapping, BatchSize=50)
    assert setting() == {"Metrics": ["EventCount"]}
    changed = functions.update_event_source_mapping(UUID=mapping.mapping, MetricsConfig={"Metrics": []})
    assert setting() == changed["MetricsConfig"] == {"Metrics": []}


def test_a_template_sets_it_too(aws):
    older = Counted(aws, "def decide(ids, sequence):\n    return None")
    source = aws.client("lambda").get_event_source_mapping(UUID=older.mapping)["EventSourceArn"]
    properties = {"FunctionName": older.function, "EventSourceArn": source, "StartingPosition": "LATEST", **COUNTED}
    stack = Stack(aws, {"Mapping": {"Type": "AWS::Lambda::EventSourceMapping", "Properties": properties}})
    found = aws.client("lambda").get_event_source_mapping(UUID=stack.physical("Mapping"))
    assert found["MetricsConfig"] == COUNTED["MetricsConfig"]


@pytest.mark.parametrize("metric", ["IteratorAge", "DestinationDeliveryFailures"])
def test_stock_emits_nothing(stock, metric):
    mapping = Counted(stock, "def decide(ids, sequence):\n    return None", **COUNTED)
    until(mapping.batches)
    assert mapping.of_function(metric) == mapping.counts() == {}
