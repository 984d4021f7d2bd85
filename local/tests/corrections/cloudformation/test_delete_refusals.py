"""Smoke test of ``cloudformation.delete_refusals``."""

from __future__ import annotations

import json

from local.tests.aws import until
from local.tests.pools import POOL, domain
from local.tests.stacks import TABLE, TOPIC, Stack, fresh, own_account, role

TRUST = {
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]
}
INLINE = {"Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}
BASIC = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
ROLE = {
    "Type": "AWS::IAM::Role",
    "Properties": {
        "AssumeRolePolicyDocument": TRUST,
        "Policies": [{"PolicyName": "own", "PolicyDocument": INLINE}],
        "ManagedPolicyArns": [BASIC],
    },
}


def test_a_bucket_with_a_delete_marker_is_not_empty(aws):
    stack = Stack(
        aws, {"Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"VersioningConfiguration": {"Status": "Enabled"}}}}
    )
    s3, bucket = aws.client("s3"), stack.physical("Bucket")
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    s3.delete_object(Bucket=bucket, Key="k")
    assert stack.delete() == "DELETE_FAILED"
    assert "The bucket you tried to delete is not empty" in stack.why("Bucket")
    assert stack.described()["StackStatusReason"].startswith("The following resource(s) failed to delete: [Bucket].")
    s3.head_bucket(Bucket=bucket)
    found = s3.list_object_versions(Bucket=bucket)
    everything = [*found["Versions"], *found["DeleteMarkers"]]
    assert len(everything) == 2
    s3.delete_objects(
        Bucket=bucket, Delete={"Objects": [{"Key": e["Key"], "VersionId": e["VersionId"]} for e in everything]}
    )
    assert stack.delete() == "DELETE_COMPLETE"


def test_a_protected_table_stays(aws):
    protected = {**TABLE, "Properties": {**TABLE["Properties"], "DeletionProtectionEnabled": True}}
    stack = Stack(aws, {"Table": protected, **TOPIC})
    table = stack.physical("Table")
    assert stack.delete() == "DELETE_FAILED"
    assert "currently protected against deletion" in stack.why("Table")
    assert stack.resources() == {"Table": "DELETE_FAILED", "Topic": "DELETE_COMPLETE"}
    dynamodb = aws.client("dynamodb")
    dynamodb.update_table(TableName=table, DeletionProtectionEnabled=False)
    until(lambda: dynamodb.describe_table(TableName=table)["Table"]["TableStatus"] == "ACTIVE")
    assert stack.delete() == "DELETE_COMPLETE"


def test_a_protected_user_pool_stays(aws):
    protected = {**POOL, "Properties": {**POOL["Properties"], "DeletionProtection": "ACTIVE"}}
    stack = Stack(aws, {"Pool": protected, "Domain": domain()})
    pool = stack.physical("Pool")
    assert stack.delete() == "DELETE_FAILED"
    assert "deletion protection is activated" in stack.why("Pool")
    assert stack.resources() == {"Pool": "DELETE_FAILED", "Domain": "DELETE_COMPLETE"}
    aws.client("cognito-idp").update_user_pool(UserPoolId=pool, DeletionProtection="INACTIVE")
    assert stack.delete() == "DELETE_COMPLETE"


def test_a_role_with_policies_that_are_not_its_own_stays(aws):
    stack, iam = Stack(aws, {"Role": ROLE}), aws.client("iam")
    name = stack.physical("Role")
    foreign = iam.create_policy(PolicyName=fresh("p"), PolicyDocument=json.dumps({"Version": "2012-10-17", **INLINE}))
    arn = foreign["Policy"]["Arn"]
    iam.attach_role_policy(RoleName=name, PolicyArn=arn)
    assert stack.delete() == "DELETE_FAILED"
    assert "Cannot delete entity, must detach all policies first." in stack.why("Role")
    iam.detach_role_policy(RoleName=name, PolicyArn=arn)
    iam.put_role_policy(
        RoleName=name, PolicyName="more", PolicyDocument=json.dumps({"Version": "2012-10-17", **INLINE})
    )
    assert stack.delete() == "DELETE_FAILED"
    assert "must delete policies first" in stack.why("Role")
    iam.delete_role_policy(RoleName=name, PolicyName="more")
    assert stack.delete() == "DELETE_COMPLETE"


def test_a_managed_policy_that_someone_has_stays(aws):
    policy = {"Type": "AWS::IAM::ManagedPolicy", "Properties": {"PolicyDocument": {"Version": "2012-10-17", **INLINE}}}
    stack, iam, user = Stack(aws, {"Policy": policy}), aws.client("iam"), fresh("user")
    arn = stack.physical("Policy")
    iam.create_user(UserName=user)
    iam.attach_user_policy(UserName=user, PolicyArn=arn)
    assert stack.delete() == "DELETE_FAILED"
    assert "Cannot delete a policy attached to entities." in stack.why("Policy")
    iam.detach_user_policy(UserName=user, PolicyArn=arn)
    assert stack.delete() == "DELETE_COMPLETE"


def test_the_account_role_of_api_gateway_survives_the_stack(aws):
    account = own_account()
    arn = role(aws, "apigateway.amazonaws.com", account=account)
    setting = {"Type": "AWS::ApiGateway::Account", "Properties": {"CloudWatchRoleArn": arn}}
    assert Stack(aws, {"Account": setting}, account=account).delete() == "DELETE_COMPLETE"
    assert aws.client("apigateway", account=account).get_account()["cloudwatchRoleArn"] == arn


def test_what_is_absent_already_deletes_fine(aws):
    stack = Stack(
        aws, {"Table": TABLE, "Role": ROLE, "Group": {"Type": "AWS::Logs::LogGroup"}, "B": {"Type": "AWS::S3::Bucket"}}
    )
    aws.client("dynamodb").delete_table(TableName=stack.physical("Table"))
    aws.client("logs").delete_log_group(logGroupName=stack.physical("Group"))
    aws.client("s3").delete_bucket(Bucket=stack.physical("B"))
    iam, name = aws.client("iam"), stack.physical("Role")
    iam.delete_role_policy(RoleName=name, PolicyName="own")
    iam.detach_role_policy(RoleName=name, PolicyArn=BASIC)
    iam.delete_role(RoleName=name)
    assert stack.delete() == "DELETE_COMPLETE"


def test_stock_deletes_a_bucket_that_is_not_empty(stock):
    stack = Stack(stock, {"Bucket": {"Type": "AWS::S3::Bucket"}})
    stock.client("s3").put_object(Bucket=stack.physical("Bucket"), Key="k", Body=b"x")
    assert stack.delete() == "DELETE_COMPLETE"
