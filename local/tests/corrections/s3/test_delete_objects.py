"""Smoke test of ``s3.delete_objects``."""

from __future__ import annotations

from local.tests.stacks import fresh, refused


def test_more_than_a_thousand_keys_are_refused(aws):
    s3, bucket = aws.client("s3"), fresh("bucket")
    s3.create_bucket(Bucket=bucket)
    keys = [{"Key": str(number)} for number in range(1001)]
    assert refused(s3.delete_objects, Bucket=bucket, Delete={"Objects": keys})[0] == "MalformedXML"
    assert len(s3.delete_objects(Bucket=bucket, Delete={"Objects": keys[1:]})["Deleted"]) == 1000
