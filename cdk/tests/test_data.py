"""The table, the path from its stream to the audit log, and what survives a deletion."""

import pytest
from aws_cdk.assertions import Match
from conftest import Synthesised

from task_service.contract import SCHEMA


def test_the_table_has_the_keys_of_the_contract(each: Synthesised) -> None:
    schema = {index["name"]: (index["partitionKey"], index["sortKey"]) for index in SCHEMA["indexes"]}
    keys = dict.fromkeys(["PK", "SK", *(key for pair in schema.values() for key in pair)])
    each.template.has_resource_properties(
        "AWS::DynamoDB::Table",
        {
            "KeySchema": [
                {"AttributeName": "PK", "KeyType": "HASH"},
                {"AttributeName": "SK", "KeyType": "RANGE"},
            ],
            "AttributeDefinitions": Match.array_with(
                [{"AttributeName": name, "AttributeType": "S"} for name in keys]
            ),
            "BillingMode": "PAY_PER_REQUEST",
            "StreamSpecification": {"StreamViewType": "NEW_AND_OLD_IMAGES"},
            "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
            "TimeToLiveSpecification": {"AttributeName": "expiresAt", "Enabled": True},
        },
    )
    indexes = each.resources[each.task_table]["Properties"]["GlobalSecondaryIndexes"]
    assert {index["IndexName"] for index in indexes} == set(schema) >= {"byStatus", "byDueDate"}
    for index in indexes:
        partition_key, sort_key = schema[index["IndexName"]]
        assert index["KeySchema"] == [
            {"AttributeName": partition_key, "KeyType": "HASH"},
            {"AttributeName": sort_key, "KeyType": "RANGE"},
        ]
        assert index["Projection"] == {"ProjectionType": "ALL"}


def test_a_protected_table_fails_its_deletion_and_is_never_left_behind(dev: Synthesised, prod: Synthesised) -> None:
    for synthesised, protected in ((dev, False), (prod, True)):
        tables = synthesised.of_type("AWS::DynamoDB::Table").values()
        assert len(tables) == 2
        for table in tables:
            assert table["Properties"]["DeletionProtectionEnabled"] is protected
            assert (table["DeletionPolicy"], table["UpdateReplacePolicy"]) == ("Delete", "Delete")


def test_the_mapping_loses_nothing_and_waits_for_nothing(each: Synthesised) -> None:
    mapping = each.only("AWS::Lambda::EventSourceMapping")["Properties"]
    table, bucket = each.task_table, each.failure_bucket
    assert mapping["EventSourceArn"] == {"Fn::GetAtt": [table, "StreamArn"]}
    assert mapping["StartingPosition"] == "TRIM_HORIZON"
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["BisectBatchOnFunctionError"] is True
    assert mapping["ParallelizationFactor"] == 1
    assert mapping.get("MaximumBatchingWindowInSeconds", 0) == 0
    assert 1 <= mapping["BatchSize"] <= 1000
    assert mapping["MetricsConfig"] == {"Metrics": ["EventCount"]}
    assert mapping["DestinationConfig"] == {"OnFailure": {"Destination": {"Fn::GetAtt": [bucket, "Arn"]}}}
    # -1, the default of both, would block the shard until the stream drops the record, and then lose it.
    assert 0 < mapping["MaximumRetryAttempts"] <= 10_000
    assert 3600 <= mapping["MaximumRecordAgeInSeconds"] < 24 * 3600


def test_the_number_of_retries_is_a_setting(dev: Synthesised, prod: Synthesised) -> None:
    attempts = [
        synthesised.only("AWS::Lambda::EventSourceMapping")["Properties"]["MaximumRetryAttempts"]
        for synthesised in (dev, prod)
    ]
    assert attempts == [100, 5]


def test_the_failure_bucket_is_private_encrypted_and_forgets(each: Synthesised) -> None:
    bucket = each.resources[each.failure_bucket]
    properties = bucket["Properties"]
    assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
    (rule,) = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    assert any(
        rule["Status"] == "Enabled" and rule.get("ExpirationInDays") == 90
        for rule in properties["LifecycleConfiguration"]["Rules"]
    )
    each.template.has_resource_properties(
        "AWS::S3::BucketPolicy",
        {
            "PolicyDocument": {
                "Statement": Match.array_with(
                    [
                        Match.object_like(
                            {
                                "Effect": "Deny",
                                "Action": "s3:*",
                                "Principal": {"AWS": "*"},
                                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                            }
                        )
                    ]
                )
            }
        },
    )


def test_a_full_failure_bucket_is_not_emptied_behind_anyones_back(each: Synthesised) -> None:
    assert each.resources[each.failure_bucket]["DeletionPolicy"] == "Delete"
    custom = [found["Type"] for found in each.resources.values() if found["Type"].startswith("Custom::")]
    assert custom == []
    runtimes = {function["Properties"]["Runtime"] for function in each.of_type("AWS::Lambda::Function").values()}
    assert runtimes == {"provided.al2023"}


def test_the_audit_log_survives_by_default_and_can_be_adopted_again(dev: Synthesised) -> None:
    """Automatic import needs a retained resource whose name is a literal, not a Ref or Fn::Join."""
    group = dev.only("AWS::Logs::LogGroup", LogGroupName="/tasks/dev/audit")
    assert group["DeletionPolicy"] == "Retain"
    assert group["Properties"]["RetentionInDays"] == 365


def test_only_a_retained_audit_log_is_protected_from_deletion(dev: Synthesised, prod: Synthesised) -> None:
    """CloudFormation cannot delete a protected log group, so no group that is deleted with the stack is protected."""
    for synthesised, names in ((dev, ["/tasks/dev/audit", "/tasks/dev/checkpoints"]), (prod, [])):
        protected = [
            group["Properties"]["LogGroupName"]
            for group in synthesised.of_type("AWS::Logs::LogGroup").values()
            if group["Properties"].get("DeletionProtectionEnabled")
        ]
        assert sorted(protected) == names


def test_the_audit_log_goes_with_the_stack_on_request(prod: Synthesised) -> None:
    group = prod.only("AWS::Logs::LogGroup", LogGroupName="/tasks/prod/audit")
    assert group["DeletionPolicy"] == "Delete"
    assert group["Properties"]["RetentionInDays"] == 731


@pytest.mark.parametrize("name", ["task-api", "authorizer", "docs", "audit-function", "notary"])
def test_operational_logs_are_named_by_stage_kept_for_a_while_and_deleted(
    dev: Synthesised, prod: Synthesised, name: str
) -> None:
    for synthesised, stage, days in ((dev, "dev", 30), (prod, "prod", 7)):
        group = synthesised.only("AWS::Logs::LogGroup", LogGroupName=f"/tasks/{stage}/{name}")
        assert group["Properties"]["RetentionInDays"] == days
        assert group["DeletionPolicy"] == "Delete"


def test_the_access_log_is_kept_as_long_as_the_audit_log_unless_told_otherwise(dev: Synthesised, prod: Synthesised) -> None:
    """Reads and refusals are in no other log."""
    for synthesised, stage, days in ((dev, "dev", 365), (prod, "prod", 90)):
        group = synthesised.only("AWS::Logs::LogGroup", LogGroupName=f"/tasks/{stage}/access")
        assert group["Properties"]["RetentionInDays"] == days
        assert group["DeletionPolicy"] == "Delete"


def test_the_quarantine_is_kept_for_ninety_days_and_outlives_the_stack_as_the_audit_log_does(each: Synthesised) -> None:
    group = each.only("AWS::Logs::LogGroup", LogGroupName=f"/tasks/{_stage(each)}/quarantine")
    audit_log = each.only("AWS::Logs::LogGroup", LogGroupName=f"/tasks/{_stage(each)}/audit")
    assert group["DeletionPolicy"] == audit_log["DeletionPolicy"]
    assert group["Properties"]["RetentionInDays"] == 90


def test_only_the_audit_log_its_quarantine_and_its_seal_are_left_behind(dev: Synthesised, prod: Synthesised) -> None:
    seal = ["AWS::KMS::Key", "AWS::S3::Bucket", "AWS::S3::BucketPolicy"]
    for synthesised, kept in ((dev, [*seal, *["AWS::Logs::LogGroup"] * 3]), (prod, seal)):
        resources = [found for found in synthesised.resources.values() if found.get("DeletionPolicy", "Delete") != "Delete"]
        assert sorted(found["Type"] for found in resources) == sorted(kept)
        assert {found["DeletionPolicy"] for found in resources} == {"Retain"}


def test_two_stages_share_no_name(dev: Synthesised, prod: Synthesised) -> None:
    named = ("FunctionName", "LogGroupName", "AlarmName", "DashboardName", "TableName", "BucketName", "RoleName")
    first, second = (
        {
            str(value)
            for resource in synthesised.resources.values()
            for name, value in resource.get("Properties", {}).items()
            if name in named and isinstance(value, str)
        }
        for synthesised in (dev, prod)
    )
    assert first
    assert first & second == set()


def _stage(synthesised: Synthesised) -> str:
    return synthesised.stack.stack_name.removeprefix("tasks-")
