"""Correction: CloudFormation passes on properties of tables and stages that MiniStack drops.

What AWS does ("AWS::DynamoDB::Table", "AWS::ApiGateway::Stage" in the template reference): TimeToLiveSpecification and
PointInTimeRecoverySpecification are set on the table, AccessLogSetting on the stage; a property that a new template leaves
out is switched off again.

What stock MiniStack does: drops them without a word. (Access-log lines themselves: ``access_log``.)
"""

from __future__ import annotations

TABLE, STAGE = "AWS::DynamoDB::Table", "AWS::ApiGateway::Stage"


def apply() -> None:
    from ministack.services.cloudformation import provisioners

    for kind, complete in ((TABLE, _complete_table), (STAGE, _complete_stage)):
        handlers = provisioners._RESOURCE_HANDLERS[kind]
        handlers["create"] = _created(handlers["create"], complete)
        handlers["update"] = _updated(handlers["update"], complete)
    delete = provisioners._RESOURCE_HANDLERS[TABLE]["delete"]

    def deleting(physical_id, props):
        from ministack.services import dynamodb

        delete(physical_id, props)
        dynamodb._ttl_settings.pop(physical_id, None)
        dynamodb._pitr_settings.pop(physical_id, None)

    provisioners._RESOURCE_HANDLERS[TABLE]["delete"] = deleting


def _created(create, complete):
    def created(logical_id, props, *more):
        physical_id, attributes = create(logical_id, props, *more)
        complete(physical_id, props)
        return physical_id, attributes

    return created


def _updated(update, complete):
    def updated(physical_id, old_props, new_props, *more):
        new_id, attributes = update(physical_id, old_props, new_props, *more)
        complete(new_id, new_props)
        return new_id, attributes

    return updated


def _truth(value) -> bool:
    return value is True or str(value).lower() == "true"


def _complete_table(name: str, props: dict) -> None:
    from ministack.services import dynamodb

    ttl = props.get("TimeToLiveSpecification")
    if ttl:
        _demand(dynamodb._update_ttl({"TableName": name, "TimeToLiveSpecification": {**ttl, "Enabled": _truth(ttl.get("Enabled"))}}))
    else:
        dynamodb._ttl_settings.pop(name, None)
    recovery = props.get("PointInTimeRecoverySpecification") or {}
    enabled = _truth(recovery.get("PointInTimeRecoveryEnabled"))
    _demand(
        dynamodb._update_continuous_backups(
            {"TableName": name, "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": enabled}}
        )
    )


def _complete_stage(name: str, props: dict) -> None:
    from ministack.services import apigateway_v1

    stage = apigateway_v1._stages_v1.get(props.get("RestApiId", ""), {}).get(name)
    if stage is None:
        return
    settings = props.get("AccessLogSetting") or {}
    stage["accessLogSettings"] = {
        key: settings[source] for key, source in (("destinationArn", "DestinationArn"), ("format", "Format")) if source in settings
    }


def _demand(answer: tuple) -> None:
    if answer[0] >= 400:
        raise ValueError(f"{TABLE}: {answer[2]!r}")
