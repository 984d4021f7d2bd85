"""Correction: a stream's event source mapping emits its metrics.

What AWS does ("Types of metrics for Lambda functions"): by function, ``IteratorAge``, the age of a batch's last record when it is
sent to the function, and ``DestinationDeliveryFailures``. By mapping (EventSourceMappingUUID), if its MetricsConfig asks for
EventCount: ``PolledEventCount``, ``FilteredOutEventCount``, ``InvokedEventCount``, ``FailedInvokeEventCount`` (a partial batch
response counts the events that it reports), ``OnFailureDestinationDeliveredEventCount``, and ``DroppedEventCount`` for events that
were given up and did not reach a destination.

What stock MiniStack does: emits none of them, and drops MetricsConfig.

Not known: which events a partial batch response reports as failed. Here: those from the first reported one on, which are retried.
"""

from __future__ import annotations

import json
import time

from local.corrections.cloudformation.handlers import complete_after
from local.corrections.cloudwatch import points
from local.corrections.functions import failure_destination, stream_mapping

MAPPING = "AWS::Lambda::EventSourceMapping"
CONFIG = "MetricsConfig"


def apply() -> None:
    from ministack.services import lambda_svc

    _keep_the_setting(lambda_svc)
    _count_what_is_read()
    _count_invocations()
    _count_what_is_given_up()


def _keep_the_setting(lambda_svc) -> None:
    from ministack.core.responses import json_response
    from ministack.services.cloudformation import provisioners

    create, update = lambda_svc._create_esm, lambda_svc._update_esm

    def kept(data: dict, answer: tuple) -> tuple:
        if answer[0] >= 400 or CONFIG not in data:
            return answer
        mapping = lambda_svc._esms[json.loads(answer[2])["UUID"]]
        mapping[CONFIG] = data[CONFIG]
        return json_response(lambda_svc._esm_response(mapping), answer[0])

    def follow(identifier: str, props: dict) -> None:
        lambda_svc._esms[identifier][CONFIG] = props.get(CONFIG) or {}

    lambda_svc._create_esm = _before_it_starts(lambda data: kept(data, create(data)))
    lambda_svc._update_esm = lambda identifier, data: kept(data, update(identifier, data))
    complete_after(MAPPING, follow)
    handlers = provisioners._RESOURCE_HANDLERS[MAPPING]
    handlers["create"] = _before_it_starts(handlers["create"])


def _before_it_starts(create):
    """Lets no mapping start while one is created: its first batch would not be counted."""

    def created(*given, **named):
        with stream_mapping.starting:
            return create(*given, **named)

    return created


def _count(mapping: dict, metric: str, number: int) -> None:
    if "EventCount" in ((mapping.get(CONFIG) or {}).get("Metrics") or []) and number:
        points.add("AWS/Lambda", metric, number, "Count", {"EventSourceMappingUUID": mapping["UUID"]})


def _count_what_is_read() -> None:
    read = stream_mapping._read

    def counted(mapping, *more):
        batches = read(mapping, *more)
        for batch in batches:
            _count(mapping, "PolledEventCount", len(batch.entries) + batch.filtered)
            _count(mapping, "FilteredOutEventCount", batch.filtered)
        return batches

    stream_mapping._read = counted


def _count_invocations() -> None:
    invoke = stream_mapping._invoke

    def counted(mapping, function, batch):
        created = batch.records[-1]["dynamodb"].get("ApproximateCreationDateTime")
        if created is not None:
            age = max(0, round((time.time() - float(created)) * 1000))
            points.add("AWS/Lambda", "IteratorAge", age, "Milliseconds", {"FunctionName": mapping["FunctionName"]})
        result, failed_at = invoke(mapping, function, batch)
        if not result.get("throttle"):
            _count(mapping, "InvokedEventCount", len(batch.entries))
        if failed_at is not None:
            _count(mapping, "FailedInvokeEventCount", len(batch.entries) - failed_at)
        return result, failed_at

    stream_mapping._invoke = counted


def _count_what_is_given_up() -> None:
    send = failure_destination.send

    def counted(mapping, function, records, *more):
        delivered = send(mapping, function, records, *more)
        metric = "OnFailureDestinationDeliveredEventCount" if delivered else "DroppedEventCount"
        _count(mapping, metric, len(records))
        if delivered is False:
            dimensions = {"FunctionName": mapping["FunctionName"]}
            points.add("AWS/Lambda", "DestinationDeliveryFailures", 1, "Count", dimensions)
        return delivered

    failure_destination.send = counted
