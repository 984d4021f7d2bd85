"""The rule that hears of calls which could silence, shorten or remove the audit log."""

import json
from pathlib import Path

from conftest import Project, Synthesised

from task_service.names import STAGE

DETAIL_TYPE = "AWS API Call via CloudTrail"
MAPPING = "0f1e2d3c-aaaa-bbbb-cccc-0123456789ab"
ARN = "arn:aws:{}:eu-west-1:123456789012:{}"


def heard(synthesised: Synthesised, service: str, call: str, **parameters: object) -> bool:
    """Says whether the rule matches a call as CloudTrail records it."""
    pattern = _pattern(synthesised)
    event = {
        "source": f"aws.{service}",
        "detail-type": DETAIL_TYPE,
        "detail": {"eventName": call, "requestParameters": parameters, "userIdentity": {"invokedBy": "cloudformation.amazonaws.com"}},
    }
    return _matches(pattern, event)


def test_it_hears_of_what_stops_the_log_and_of_what_removes_it(each: Synthesised) -> None:
    stage = each.stack.stack_name.removeprefix("tasks-")
    tables = [_name(each, logical_id) for logical_id in each.of_type("AWS::DynamoDB::Table")]
    for group in (f"/tasks/{stage}/audit", f"/tasks/{stage}/checkpoints"):
        assert heard(each, "logs", "DeleteLogGroup", logGroupName=group)
        assert heard(each, "logs", "DeleteLogStream", logGroupName=group, logStreamName="s")
        assert heard(each, "logs", "PutRetentionPolicy", logGroupName=group, retentionInDays=1)
        for identifier in (group, ARN.format("logs", f"log-group:{group}")):
            assert heard(each, "logs", "PutLogGroupDeletionProtection", logGroupIdentifier=identifier, deletionProtectionEnabled=False)
    for name in ("uUID", "uuid"):
        assert heard(each, "lambda", "UpdateEventSourceMapping20150331", **{name: MAPPING}, enabled=False)
        assert heard(each, "lambda", "DeleteEventSourceMapping20150331", **{name: MAPPING})
    for function in (f"tasks-{stage}-audit", f"tasks-{stage}-notary"):
        for name in (function, ARN.format("lambda", f"function:{function}"), f"123456789012:function:{function}"):
            assert heard(each, "lambda", "PutFunctionConcurrency20171031", functionName=name, reservedConcurrentExecutions=0)
    assert len(tables) == 2
    for table in tables:
        for name in (table, ARN.format("dynamodb", f"table/{table}")):
            assert heard(each, "dynamodb", "UpdateTable", tableName=name, streamSpecification={"streamEnabled": False})


def test_it_hears_neither_of_others_things_nor_of_other_calls(each: Synthesised) -> None:
    stage = each.stack.stack_name.removeprefix("tasks-")
    group, function = f"/tasks/{stage}/audit", f"tasks-{stage}-audit"
    for other in (f"{group}-function", f"/tasks/{stage}/access", f"/tasks/blue-{stage}/audit"):
        assert not heard(each, "logs", "DeleteLogGroup", logGroupName=other)
        assert not heard(each, "logs", "PutLogGroupDeletionProtection", logGroupIdentifier=ARN.format("logs", f"log-group:{other}"))
    assert not heard(each, "logs", "CreateLogStream", logGroupName=group)
    assert not heard(each, "lambda", "UpdateEventSourceMapping20150331", uUID=MAPPING.replace("0", "1"), enabled=False)
    # The teardown stops the task function: the audit log is only the poorer for it by what nobody writes.
    for other in (f"tasks-{stage}-task-api", f"my-{function}", ARN.format("lambda", f"function:my-{function}")):
        assert not heard(each, "lambda", "PutFunctionConcurrency20171031", functionName=other)
    assert not heard(each, "lambda", "UpdateFunctionCode20150331v2", functionName=function)
    assert not heard(each, "dynamodb", "UpdateTable", tableName="another")
    assert not heard(each, "ec2", "DeleteLogGroup", logGroupName=group)


def test_a_log_without_a_seal_is_watched_too(unsealed: Synthesised) -> None:
    assert heard(unsealed, "logs", "DeleteLogGroup", logGroupName="/tasks/dev/audit")
    assert heard(unsealed, "lambda", "PutFunctionConcurrency20171031", functionName="tasks-dev-audit")


def test_the_alarm_counts_what_the_rule_heard_of(each: Synthesised) -> None:
    """No target: an event that matches is counted before any target is called ("Monitoring Amazon EventBridge")."""
    alarm = each.only("AWS::CloudWatch::Alarm", AlarmName=f"{each.stack.stack_name}-audit-interference")["Properties"]
    rule = each.id_of("AWS::Events::Rule", "Interference")
    assert alarm["Dimensions"] == [{"Name": "RuleName", "Value": {"Ref": rule}}]
    assert (alarm["Threshold"], alarm["EvaluationPeriods"]) == (1, 1)
    properties = each.resources[rule]["Properties"]
    assert (properties["Name"], properties["State"]) == (f"{each.stack.stack_name}-audit-interference", "ENABLED")
    assert "Targets" not in properties
    # A custom bus gets no event of AWS's services.
    assert "EventBusName" not in properties


def test_the_pattern_is_short_enough_whatever_the_stage_is_called(project: Project, tmp_path: Path) -> None:
    """At most 2,048 characters ("Amazon EventBridge quotas")."""
    longest = project.synthesise(tmp_path, stage="s" * STAGE.longest, allowedOrigins="https://a.example")
    assert len(json.dumps(_pattern(longest), separators=(",", ":"))) < 2048


def _pattern(synthesised: Synthesised) -> dict:
    rule = synthesised.resources[synthesised.id_of("AWS::Events::Rule", "Interference")]
    return _resolved(synthesised, rule["Properties"]["EventPattern"])


def _resolved(synthesised: Synthesised, value: object) -> object:
    match value:
        case {"Ref": str(logical_id)}:
            return _name(synthesised, logical_id)
        case {"Fn::Join": [between, parts]}:
            return between.join(_resolved(synthesised, part) for part in parts)
        case dict():
            return {name: _resolved(synthesised, member) for name, member in value.items()}
        case list():
            return [_resolved(synthesised, member) for member in value]
    return value


def _name(synthesised: Synthesised, logical_id: str) -> str:
    resource = synthesised.resources[logical_id]
    properties = resource["Properties"]
    return {
        "AWS::DynamoDB::Table": lambda: f"{synthesised.stack.stack_name}-{logical_id}-1ABCDEFGHIJKL",
        "AWS::Lambda::EventSourceMapping": lambda: MAPPING,
        "AWS::Lambda::Function": lambda: properties["FunctionName"],
        "AWS::Logs::LogGroup": lambda: properties["LogGroupName"],
    }[resource["Type"]]()


def _matches(pattern: dict, event: dict) -> bool:
    """Matches as the pattern needs it, by "Comparison operators for use in event patterns"; the local AWS has them all."""
    return all(
        any(_matches(one, event) for one in wanted)
        if name == "$or"
        else _matches(wanted, event.get(name, {}))
        if isinstance(wanted, dict)
        else any(_is(event.get(name), one) for one in wanted)
        for name, wanted in pattern.items()
    )


def _is(value: object, wanted: object) -> bool:
    match wanted:
        case {"prefix": str(beginning)}:
            return isinstance(value, str) and value.startswith(beginning)
        case {"suffix": str(end)}:
            return isinstance(value, str) and value.endswith(end)
        case str():
            return value == wanted
    raise ValueError(wanted)
