"""Correction: CloudFormation sets properties of tables, stages, methods and buckets that MiniStack drops.

What AWS does ("AWS::DynamoDB::Table", "AWS::ApiGateway::Stage", "AWS::ApiGateway::Method Integration", "AWS::S3::Bucket" in the
template reference): TimeToLiveSpecification and PointInTimeRecoverySpecification are set on the table, AccessLogSetting on the
stage, ContentHandling on the method's integration, LifecycleConfiguration on the bucket (here: expiration and aborted uploads);
a property that a new template leaves out is switched off again.

What stock MiniStack does: drops them silently. (The access log itself is ``api_gateway.access_log``.)
"""

from __future__ import annotations

from xml.etree import ElementTree

from local.corrections.cloudformation.handlers import complete_after

TABLE, BUCKET = "AWS::DynamoDB::Table", "AWS::S3::Bucket"
STAGE, METHOD = "AWS::ApiGateway::Stage", "AWS::ApiGateway::Method"


def apply() -> None:
    from ministack.services.cloudformation import provisioners

    for kind, complete in (
        (TABLE, _complete_table),
        (STAGE, _complete_stage),
        (METHOD, _complete_method),
        (BUCKET, _complete_bucket),
    ):
        complete_after(kind, complete)
    delete = provisioners._RESOURCE_HANDLERS[TABLE]["delete"]

    def deleting(physical_id, props):
        from ministack.services import dynamodb

        delete(physical_id, props)
        dynamodb._ttl_settings.pop(physical_id, None)
        dynamodb._pitr_settings.pop(physical_id, None)

    provisioners._RESOURCE_HANDLERS[TABLE]["delete"] = deleting


def _truth(value) -> bool:
    return value is True or str(value).lower() == "true"


def _complete_table(name: str, props: dict) -> None:
    from ministack.services import dynamodb

    ttl = props.get("TimeToLiveSpecification")
    if ttl:
        _demand(
            dynamodb._update_ttl(
                {"TableName": name, "TimeToLiveSpecification": {**ttl, "Enabled": _truth(ttl.get("Enabled"))}}
            )
        )
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
        key: settings[source]
        for key, source in (("destinationArn", "DestinationArn"), ("format", "Format"))
        if source in settings
    }


def _complete_method(_: str, props: dict) -> None:
    from ministack.services import apigateway_v1

    resource = apigateway_v1._resources.get(props.get("RestApiId", ""), {}).get(props.get("ResourceId", ""), {})
    integration = resource.get("resourceMethods", {}).get(props.get("HttpMethod"), {}).get("methodIntegration")
    if integration:
        integration["contentHandling"] = (props.get("Integration") or {}).get("ContentHandling")


def _complete_bucket(name: str, props: dict) -> None:
    from ministack.services import s3

    rules = (props.get("LifecycleConfiguration") or {}).get("Rules") or []
    if not rules:
        s3._bucket_lifecycle.pop(name, None)
        return
    configuration = ElementTree.Element("LifecycleConfiguration")
    for rule in rules:
        element = ElementTree.SubElement(configuration, "Rule")
        ElementTree.SubElement(element, "Status").text = rule["Status"]
        ElementTree.SubElement(ElementTree.SubElement(element, "Filter"), "Prefix").text = rule.get("Prefix", "")
        days, abort = rule.get("ExpirationInDays"), rule.get("AbortIncompleteMultipartUpload")
        if days is not None:
            ElementTree.SubElement(ElementTree.SubElement(element, "Expiration"), "Days").text = str(days)
        if abort is not None:
            aborting = ElementTree.SubElement(element, "AbortIncompleteMultipartUpload")
            ElementTree.SubElement(aborting, "DaysAfterInitiation").text = str(abort["DaysAfterInitiation"])
    _demand(s3._put_bucket_lifecycle(name, ElementTree.tostring(configuration)))


def _demand(answer: tuple) -> None:
    if answer[0] >= 400:
        raise ValueError(f"a property of the template is refused: {answer[2]!r}")
