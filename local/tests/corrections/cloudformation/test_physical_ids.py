"""The physical ids of secrets and bucket policies."""

from __future__ import annotations

from local.tests.stacks import Stack


def _stack(aws) -> Stack:
    allow = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::any/*"}
    document = {"Version": "2012-10-17", "Statement": [allow]}
    policy = {"Bucket": {"Ref": "Bucket"}, "PolicyDocument": document}
    return Stack(
        aws,
        {
            "Bucket": {"Type": "AWS::S3::Bucket"},
            "Policy": {"Type": "AWS::S3::BucketPolicy", "Properties": policy},
            "Secret": {"Type": "AWS::SecretsManager::Secret", "Properties": {"SecretString": "one"}},
        },
    )


def test_they_are_the_identifiers_that_the_services_know(aws):
    stack, secrets = _stack(aws), aws.client("secretsmanager")
    assert stack.physical("Policy") == stack.physical("Bucket")
    secret = stack.physical("Secret")
    assert secret == secrets.describe_secret(SecretId=secret)["ARN"]
    changed = {"Type": "AWS::SecretsManager::Secret", "Properties": {"SecretString": "two"}}
    stack.update({"Secret": changed})
    stack.await_status("UPDATE_COMPLETE")
    assert stack.physical("Secret") == secret
    assert secrets.get_secret_value(SecretId=secret)["SecretString"] == "two"
    assert stack.delete() == "DELETE_COMPLETE"
    assert secrets.list_secrets(Filters=[{"Key": "name", "Values": [stack.name]}])["SecretList"] == []


def test_stock_has_its_own(stock):
    stack = _stack(stock)
    assert stack.physical("Policy") == f"{stack.physical('Bucket')}-policy"
    assert not stack.physical("Secret").startswith("arn:")
