"""Smoke test of ``s3.object_lock``: a bucket is locked as its template says, and stays so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from local.tests.stacks import Stack, fresh, refused

DEFAULT = {"Mode": "GOVERNANCE", "Days": 3}


def locked(**more) -> dict:
    rule = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": DEFAULT}}
    properties = {"ObjectLockEnabled": True, "ObjectLockConfiguration": rule, **more}
    return {"Bucket": {"Type": "AWS::S3::Bucket", "Properties": properties}}


def retention(s3, bucket: str):
    configuration = s3.get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"]
    assert configuration["ObjectLockEnabled"] == "Enabled"
    return (configuration.get("Rule") or {}).get("DefaultRetention")


def test_a_template_locks_its_bucket_and_what_is_put_there(aws):
    stack = Stack(aws, locked())
    s3, bucket = aws.client("s3"), stack.physical("Bucket")
    assert retention(s3, bucket) == DEFAULT
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    version = {"Bucket": bucket, "Key": "k", "VersionId": s3.put_object(Bucket=bucket, Key="k", Body=b"x")["VersionId"]}
    kept = s3.get_object_retention(**version)["Retention"]
    assert kept["Mode"] == "GOVERNANCE"
    assert timedelta(days=2) < kept["RetainUntilDate"] - datetime.now(UTC) <= timedelta(days=3)
    assert refused(s3.delete_object, **version)[0] == "AccessDenied"
    assert stack.delete() == "DELETE_FAILED"
    assert "The bucket you tried to delete is not empty" in stack.why("Bucket")
    s3.delete_object(**version, BypassGovernanceRetention=True)
    assert stack.delete() == "DELETE_COMPLETE"


def test_an_update_changes_the_default_and_never_unlocks(aws):
    stack = Stack(aws, locked())
    s3, bucket = aws.client("s3"), stack.physical("Bucket")
    years = {"Mode": "COMPLIANCE", "Years": "1"}
    stack.update(locked(ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": years}}))
    stack.await_status("UPDATE_COMPLETE")
    assert retention(s3, bucket) == {"Mode": "COMPLIANCE", "Years": 1}
    stack.update({"Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"ObjectLockEnabled": True}}})
    stack.await_status("UPDATE_COMPLETE")
    assert retention(s3, bucket) is None


def test_the_next_bucket_of_that_name_is_not_locked(aws):
    name = fresh("bucket")
    assert Stack(aws, locked(BucketName=name)).delete() == "DELETE_COMPLETE"
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=name)
    assert refused(s3.get_object_lock_configuration, Bucket=name)[0] == "ObjectLockConfigurationNotFoundError"


@pytest.mark.parametrize(
    ("properties", "why"),
    [
        (
            {"ObjectLockConfiguration": {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE"}}}},
            "The XML you provided was not well-formed",
        ),
        ({"VersioningConfiguration": {"Status": "Suspended"}}, "the versioning state cannot be changed"),
        ({"ObjectLockEnabled": False}, "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration"),
    ],
)
def test_a_template_that_s3_refuses_is_rolled_back(aws, properties, why):
    stack = Stack(aws, locked(**properties), expect="ROLLBACK_COMPLETE")
    assert why in stack.why("Bucket", "CREATE_FAILED")


def test_the_versioning_of_a_locked_bucket_cannot_be_suspended(aws):
    s3, bucket = aws.client("s3"), fresh("bucket")
    s3.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    suspended = {"Bucket": bucket, "VersioningConfiguration": {"Status": "Suspended"}}
    assert refused(s3.put_bucket_versioning, **suspended) == (
        "InvalidBucketState",
        "An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.",
    )
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"


def test_nothing_is_retained_until_a_date_in_the_past(aws):
    s3, bucket = aws.client("s3"), fresh("bucket")
    s3.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    past, future = (datetime.now(UTC) + timedelta(seconds=seconds) for seconds in (-5, 60))
    why = ("InvalidArgument", "The retain until date must be in the future!")
    lock = {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": past}
    assert refused(s3.put_object, Bucket=bucket, Key="k", Body=b"x", **lock) == why
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", **{**lock, "ObjectLockRetainUntilDate": future})
    shorter = {"Mode": "GOVERNANCE", "RetainUntilDate": past}
    assert refused(s3.put_object_retention, Bucket=bucket, Key="k", Retention=shorter, BypassGovernanceRetention=True) == why
    longer = {"Mode": "GOVERNANCE", "RetainUntilDate": future + timedelta(seconds=60)}
    s3.put_object_retention(Bucket=bucket, Key="k", Retention=longer)


def test_stock_leaves_the_bucket_unlocked(stock):
    stack = Stack(stock, locked())
    s3, bucket = stock.client("s3"), stack.physical("Bucket")
    assert refused(s3.get_object_lock_configuration, Bucket=bucket)[0] == "ObjectLockConfigurationNotFoundError"


def test_stock_takes_what_s3_refuses(stock):
    s3, bucket = stock.client("s3"), fresh("bucket")
    s3.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    lock = {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": datetime.now(UTC) - timedelta(days=1)}
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", **lock)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Suspended"
