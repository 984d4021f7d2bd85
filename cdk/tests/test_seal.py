"""The seal of the audit log: what signs, what is signed, and that neither can be changed or removed unseen."""

import json

import pytest
from conftest import Project, Synthesised
from iam_facts import rendered

from task_service.settings import SEAL_LOCKS

OUTPUTS = ("IntentTable", "SealBucket", "SealKeys", "SealOrigin", "CheckpointLogGroup", "NotaryFunction")


def test_intents_are_kept_in_a_table_of_their_own_that_forgets(each: Synthesised) -> None:
    table = each.resources[each.id_of("AWS::DynamoDB::Table", "SealIntents")]["Properties"]
    assert table["KeySchema"] == [{"AttributeName": "PK", "KeyType": "HASH"}, {"AttributeName": "SK", "KeyType": "RANGE"}]
    assert {one["AttributeType"] for one in table["AttributeDefinitions"]} == {"S"}
    assert table["TimeToLiveSpecification"] == {"AttributeName": "ttl", "Enabled": True}
    assert "StreamSpecification" not in table


def test_checkpoints_are_locked_as_long_as_the_records_that_they_seal_are_kept(dev: Synthesised, prod: Synthesised) -> None:
    for synthesised, days in ((dev, 365), (prod, 731)):
        bucket = synthesised.resources[synthesised.id_of("AWS::S3::Bucket", "Seal")]["Properties"]
        assert bucket["ObjectLockEnabled"] is True
        assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
        retention = bucket["ObjectLockConfiguration"]["Rule"]["DefaultRetention"]
        assert retention == {"Mode": "GOVERNANCE", "Days": days}
        group = synthesised.only("AWS::Logs::LogGroup", LogGroupName=f"/tasks/{_stage(synthesised)}/audit")["Properties"]
        assert retention["Days"] >= group["RetentionInDays"]
        assert "LifecycleConfiguration" not in bucket
        assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}


def test_nobody_can_lift_the_lock_of_a_stage_that_is_not_disposable(project: Project) -> None:
    assert project.settings(stage="blue", allowedOrigins="https://a.example").seal.lock == SEAL_LOCKS[0] == "compliance"
    assert project.settings(auditSealLock="compliance").seal.lock == "compliance"


def test_the_bucket_takes_only_tls_also_after_the_stack(each: Synthesised) -> None:
    bucket = {"Ref": each.id_of("AWS::S3::Bucket", "Seal")}
    policy = each.only("AWS::S3::BucketPolicy", Bucket=bucket)
    assert policy["DeletionPolicy"] == "Retain"
    denied = [one for one in policy["Properties"]["PolicyDocument"]["Statement"] if one["Effect"] == "Deny"]
    assert {"Bool": {"aws:SecureTransport": "false"}} in [one["Condition"] for one in denied]


def test_the_notary_alone_signs(each: Synthesised) -> None:
    key = each.only("AWS::KMS::Key")["Properties"]
    assert (key["KeySpec"], key["KeyUsage"], key["PendingWindowInDays"]) == ("ECC_NIST_EDWARDS25519", "SIGN_VERIFY", 30)
    assert "EnableKeyRotation" not in key
    administration, notary = key["KeyPolicy"]["Statement"]
    root = {"AWS": "arn:aws:iam::123456789012:root"}
    assert [rendered(each, one["Principal"]) for one in (administration, notary)] == [root, root]
    assert "Condition" not in administration
    assert {"kms:GetPublicKey", "kms:PutKeyPolicy", "kms:ScheduleKeyDeletion"} <= set(administration["Action"])
    assert not [action for action in administration["Action"] if action == "kms:Sign" or "*" in action]
    assert notary["Action"] == "kms:Sign"
    (name,) = rendered(each, notary["Condition"]["ArnLike"]).values()
    function = each.only("AWS::Lambda::Function", FunctionName=f"{each.stack.stack_name}-notary")["Properties"]
    role, _ = function["Role"]["Fn::GetAtt"]
    assert f"arn:aws:iam::123456789012:role/{each.stack.stack_name}-{role}-1ABCDEFGHIJKL".startswith(name.removesuffix("*"))
    others = [other for other in each.of_type("AWS::IAM::Role") if other != role and other.startswith("SealNotaryRole")]
    assert others == []


def test_the_notary_knows_what_it_seals_and_where(dev: Synthesised) -> None:
    function = dev.only("AWS::Lambda::Function", FunctionName="tasks-dev-notary")["Properties"]
    audit = dev.only("AWS::Lambda::Function", FunctionName="tasks-dev-audit")["Properties"]
    bucket = {"Ref": dev.id_of("AWS::S3::Bucket", "Seal")}
    checkpoints = dev.id_of("AWS::Logs::LogGroup", "SealCheckpoints")
    assert function["Environment"]["Variables"] == {
        "RUST_LOG": "info",
        "METRIC_NAMESPACE": "Tasks/dev",
        # A new bucket is a new log.
        "ORIGIN": {"Fn::Join": ["", ["tasks/dev/audit/", bucket]]},
        "KEY_IDS": {"Fn::GetAtt": [dev.id_of("AWS::KMS::Key", "Seal"), "Arn"]},
        "AUDIT_TIMEOUT_SECONDS": str(audit["Timeout"]),
        "INTENT_TABLE": audit["Environment"]["Variables"]["INTENT_TABLE"],
        "SEAL_BUCKET": bucket,
        "CHECKPOINT_LOG_GROUP": {"Ref": checkpoints},
    }
    assert dev.resources[checkpoints]["Properties"]["LogGroupName"] == "/tasks/dev/checkpoints"


def test_the_notary_runs_every_five_minutes(each: Synthesised) -> None:
    rule = each.only("AWS::Events::Rule", Name=f"{each.stack.stack_name}-notary")["Properties"]
    assert (rule["ScheduleExpression"], rule["State"]) == ("rate(5 minutes)", "ENABLED")
    (target,) = rule["Targets"]
    assert each.resources[target["Arn"]["Fn::GetAtt"][0]]["Properties"]["FunctionName"] == rule["Name"]


def test_bucket_and_key_have_no_name_of_ours_so_that_a_stage_can_be_deployed_again(each: Synthesised) -> None:
    """Kept by a deletion, they would block the next deployment."""
    bucket = each.resources[each.id_of("AWS::S3::Bucket", "Seal")]["Properties"]
    assert "BucketName" not in bucket
    assert each.of_type("AWS::KMS::Alias") == {}


@pytest.mark.parametrize("output", OUTPUTS)
def test_the_stack_tells_what_a_verifier_needs(each: Synthesised, output: str) -> None:
    assert output in each.template.to_json()["Outputs"]


def test_without_the_seal_nothing_of_it_is_there(unsealed: Synthesised) -> None:
    text = json.dumps(unsealed.template.to_json())
    for word in ("Seal", "notary", "checkpoints", "INTENT_TABLE", "AWS::KMS::", "rate(", "audit-unsealed"):
        assert word not in text, word
    assert not set(OUTPUTS) & set(unsealed.template.to_json()["Outputs"])
    assert len(unsealed.of_type("AWS::DynamoDB::Table")) == len(unsealed.of_type("AWS::S3::Bucket")) == 1


def _stage(synthesised: Synthesised) -> str:
    return synthesised.stack.stack_name.removeprefix("tasks-")
