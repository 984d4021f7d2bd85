"""Smoke test of ``iam.requests``: what a policy has to name, and which of its conditions hold."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from local.tests.iam import ACCOUNT, LAMBDA, REGION, User, allow, allowed, fresh, function, let, role, table
from local.tests.stacks import Stack


def test_a_log_group_is_checked_with_its_streams(iam):
    logs, group = iam.client("logs"), f"/{fresh('group')}"
    logs.create_log_group(logGroupName=group)
    own = User(iam, allow("logs:CreateLogStream", f"arn:aws:logs:{REGION}:log-group:{group}:*")).client("logs")
    bare = User(iam, allow("logs:CreateLogStream", f"arn:aws:logs:{REGION}:log-group:{group}")).client("logs")
    assert allowed(own.create_log_stream, logGroupName=group, logStreamName="a")
    assert not allowed(bare.create_log_stream, logGroupName=group, logStreamName="b")


def test_a_log_group_is_known_by_its_identifier_too(iam):
    group = f"/{fresh('group')}"
    arn = f"arn:aws:logs:{REGION}:log-group:{group}"
    iam.client("logs").create_log_group(logGroupName=group)
    user = User(iam, allow("logs:FilterLogEvents", f"{arn}:*")).client("logs")
    for identifier in (group, arn):
        assert allowed(user.filter_log_events, logGroupIdentifier=identifier)
    assert not allowed(user.filter_log_events, logGroupIdentifier=f"{group}x")


def test_index_policies_support_no_resource(iam):
    group, document = f"/{fresh('group')}", json.dumps({"Fields": ["a"]})
    iam.client("logs").create_log_group(logGroupName=group)
    for resource, enough in ((f"arn:aws:logs:{REGION}:log-group:{group}:*", False), ("*", True)):
        put = User(iam, allow("logs:PutIndexPolicy", resource)).client("logs").put_index_policy
        assert allowed(put, logGroupIdentifier=group, policyDocument=document) is enough


def test_tags_of_a_log_group_count(iam):
    logs, group = iam.client("logs"), f"/{fresh('group')}"
    logs.create_log_group(logGroupName=group, tags={"stage": "dev"})
    for stage in ("prod", "dev"):
        condition = {"StringEquals": {"aws:ResourceTag/stage": stage}}
        user = User(iam, allow("logs:DeleteLogGroup", f"arn:aws:logs:{REGION}:log-group:*", **condition))
        assert allowed(user.client("logs").delete_log_group, logGroupName=group) == (stage == "dev")


def test_cloudformations_own_tags_tell_a_stacks_resources_from_its_neighbours(iam):
    group = {"Group": {"Type": "AWS::Logs::LogGroup", "Properties": {}}}
    own, neighbour = Stack(iam, group), Stack(iam, group)
    condition = {"StringEqualsIfExists": {"aws:ResourceTag/aws:cloudformation:stack-name": own.name}}
    logs = User(iam, allow("logs:DeleteLogGroup", **condition)).client("logs")
    assert not allowed(logs.delete_log_group, logGroupName=neighbour.physical("Group"))
    assert allowed(logs.delete_log_group, logGroupName="gone")
    assert allowed(logs.delete_log_group, logGroupName=own.physical("Group"))


def test_a_key_is_checked_as_itself_by_whatever_name_it_is_called(iam):
    kms, alias = iam.client("kms"), f"alias/{fresh('key')}"
    own, other = (kms.create_key(KeySpec="ECC_NIST_EDWARDS25519", KeyUsage="SIGN_VERIFY")["KeyMetadata"] for _ in range(2))
    kms.create_alias(AliasName=alias, TargetKeyId=own["KeyId"])
    user = User(iam, allow("kms:Sign", own["Arn"])).client("kms")
    message = {"Message": b"x", "MessageType": "RAW", "SigningAlgorithm": "ED25519_SHA_512"}
    for name in (own["KeyId"], own["Arn"], alias, f"arn:aws:kms:{REGION}:{alias}"):
        assert allowed(user.sign, KeyId=name, **message), name
    assert not allowed(user.sign, KeyId=other["KeyId"], **message)
    assert not allowed(user.disable_key, KeyId=alias)


def test_a_roles_session_is_known_as_the_role(iam):
    own, other = (role(iam, LAMBDA) for _ in range(2))
    trust = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    for arn in (own, other):
        iam.client("iam").update_assume_role_policy(RoleName=arn.rsplit("/", 1)[1], PolicyDocument=document)
        let(iam, arn, allow("logs:CreateLogGroup", ArnLike={"aws:PrincipalArn": f"{own}*"}))
    user = User(iam, allow("sts:AssumeRole")).client("sts")
    for arn in (own, other):
        given = user.assume_role(RoleArn=arn, RoleSessionName="session")["Credentials"]
        logs = iam.client("logs", account=given["AccessKeyId"], secret=given["SecretAccessKey"], token=given["SessionToken"])
        assert allowed(logs.create_log_group, logGroupName=f"/{fresh('group')}") == (arn == own)


def test_a_rule_on_the_default_bus_is_checked_without_the_bus(iam):
    events, (own, other) = iam.client("events"), (fresh("rule") for _ in range(2))
    arns = [events.put_rule(Name=name, ScheduleExpression="rate(1 day)")["RuleArn"] for name in (own, other)]
    assert arns[0].endswith(f":rule/{own}")
    user = User(iam, allow("events:DescribeRule", arns[0])).client("events")
    assert allowed(user.describe_rule, Name=own)
    assert not allowed(user.describe_rule, Name=other)


def test_a_lock_of_its_own_takes_more_than_putting_an_object(iam):
    bucket, until = fresh("bucket"), datetime.now(UTC) + timedelta(days=1)
    iam.client("s3").create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    retention = {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": until}
    hold = {"ObjectLockLegalHoldStatus": "ON"}
    for actions, lock, enough in (
        ([], {}, True),
        ([], retention, False),
        ([], hold, False),
        (["s3:PutObjectRetention"], retention, True),
        (["s3:PutObjectLegalHold"], hold, True),
    ):
        user = User(iam, allow(["s3:PutObject", *actions], f"arn:aws:s3:::{bucket}/*")).client("s3")
        assert allowed(user.put_object, Bucket=bucket, Key="k", Body=b"x", **lock) is enough, (actions, lock)


def test_alarms_are_described_for_the_whole_account(iam):
    every, one = (f"arn:aws:cloudwatch:{REGION}:alarm:{name}" for name in ("*", "mine"))
    assert allowed(User(iam, allow("cloudwatch:DescribeAlarms", every)).client("cloudwatch").describe_alarms)
    user = User(iam, allow("cloudwatch:DescribeAlarms", one)).client("cloudwatch")
    assert not allowed(user.describe_alarms, AlarmNames=["mine"])


def test_the_operation_in_the_path_of_an_rpc_is_checked(iam):
    """This is how today's SDKs call CloudWatch; the body is ``{"AlarmNames": ["mine"]}`` in CBOR."""
    body = b"\xa1\x6aAlarmNames\x81\x64mine"
    for action, status in (("cloudwatch:DescribeAlarms", 200), ("cloudwatch:ListMetrics", 403)):
        path = "/service/GraniteServiceVersion20100801/operation/DescribeAlarms"
        headers = {"Content-Type": "application/cbor", "Smithy-Protocol": "rpc-v2-cbor"}
        request = AWSRequest("POST", iam.url + path, headers, body)
        SigV4Auth(Credentials(*User(iam, allow(action)).key), "monitoring", "us-east-1").add_auth(request)
        assert iam.call("POST", path, body, dict(request.headers)).status == status


@pytest.mark.parametrize("operation", ["UpdateEventSourceMapping", "DeleteEventSourceMapping", "GetEventSourceMapping"])
def test_each_lambda_operation_is_an_action_of_its_own(iam, operation):
    call = {"UpdateEventSourceMapping": "update", "DeleteEventSourceMapping": "delete", "GetEventSourceMapping": "get"}
    name = f"{call[operation]}_event_source_mapping"
    stranger = User(iam, allow("lambda:ListEventSourceMappings")).client("lambda")
    granted = User(iam, allow(f"lambda:{operation}")).client("lambda")
    assert not allowed(getattr(stranger, name), UUID=str(uuid.uuid4()))
    assert allowed(getattr(granted, name), UUID=str(uuid.uuid4()))


def test_stock_checks_no_update_of_a_mapping(stock_iam):
    nobody = User(stock_iam, allow("lambda:ListFunctions")).client("lambda")
    assert allowed(nobody.update_event_source_mapping, UUID=str(uuid.uuid4()))


def test_streams_and_backups_are_resources(iam):
    name = table(iam, stream=True)
    stream = iam.client("dynamodb").describe_table(TableName=name)["Table"]["LatestStreamArn"]
    own = f"arn:aws:dynamodb:{REGION}:table/{name}*"
    reads = ["dynamodb:DescribeStream", "dynamodb:GetShardIterator", "dynamodb:GetRecords", "dynamodb:DescribeBackup"]
    for resource, may in ((own, True), (own.replace(name, "other"), False)):
        user = User(iam, allow(reads, resource))
        streams = user.client("dynamodbstreams")
        assert allowed(streams.describe_stream, StreamArn=stream) == may
        assert allowed(user.client("dynamodb").describe_backup, BackupArn=f"{own[:-1]}/backup/01") == may
        root = iam.client("dynamodbstreams")
        shard = root.describe_stream(StreamArn=stream)["StreamDescription"]["Shards"][0]["ShardId"]
        iterator = {"StreamArn": stream, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"}
        assert allowed(streams.get_shard_iterator, **iterator) == may
        assert allowed(streams.get_records, ShardIterator=root.get_shard_iterator(**iterator)["ShardIterator"]) == may


def test_leading_keys_are_those_of_the_request(iam):
    name = table(iam)
    condition = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["SENTINEL#*"]}}
    user = User(iam, allow(["dynamodb:PutItem", "dynamodb:Query", "dynamodb:BatchWriteItem"], **condition)).client("dynamodb")
    for key, may in (("SENTINEL#1", True), ("alice", False)):
        item = {"PK": {"S": key}}
        assert allowed(user.put_item, TableName=name, Item=item) == may
        assert allowed(user.batch_write_item, RequestItems={name: [{"PutRequest": {"Item": item}}]}) == may
        query = {"KeyConditionExpression": "#k = :k", "ExpressionAttributeNames": {"#k": "PK"}}
        assert allowed(user.query, TableName=name, **query, ExpressionAttributeValues={":k": {"S": key}}) == may


def test_stock_lets_any_leading_key_through(stock_iam):
    condition = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["SENTINEL#*"]}}
    user = User(stock_iam, allow("dynamodb:PutItem", **condition)).client("dynamodb")
    assert allowed(user.put_item, TableName=table(stock_iam), Item={"PK": {"S": "alice"}})


def test_a_stacks_role_is_a_condition_key(iam):
    right, wrong = (role(iam, "cloudformation.amazonaws.com") for _ in range(2))
    condition = {"ArnEquals": {"cloudformation:RoleArn": right}}
    user = User(iam, allow("cloudformation:DeleteStack", **condition), allow("iam:PassRole")).client("cloudformation")
    stack = Stack(iam)
    assert not allowed(user.delete_stack, StackName=stack.id, RoleARN=wrong)
    assert allowed(user.delete_stack, StackName=stack.id, RoleARN=right)


def test_the_function_that_calls_is_a_condition_key(iam):
    name = fresh("bucket")
    calling = """
import subprocess, sys
def handler(event):
    import botocore.session
    s3 = botocore.session.get_session().create_client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL"], region_name="us-east-1")
    try:
        return s3.head_bucket(Bucket=event["bucket"])["ResponseMetadata"]["HTTPStatusCode"]
    except Exception as error:
        return str(error)
"""
    iam.client("s3").create_bucket(Bucket=name)
    runs_as = role(iam, LAMBDA)
    right, wrong = function(iam, runs_as, calling), function(iam, runs_as, calling)
    condition = {"ArnEquals": {"lambda:SourceFunctionArn": f"arn:aws:lambda:{REGION}:function:{right}"}}
    let(iam, runs_as, allow("s3:ListBucket", **condition))
    payload = json.dumps({"bucket": name})
    answers = {
        called: json.loads(iam.client("lambda").invoke(FunctionName=called, Payload=payload)["Payload"].read())
        for called in (right, wrong)
    }
    assert answers[right] == 200
    assert "403" in answers[wrong]


def test_loopback_counts_as_tls(iam):
    name, s3 = fresh("bucket"), iam.client("s3")
    s3.create_bucket(Bucket=name)
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": f"arn:aws:s3:::{name}/*"}
    deny["Condition"] = {"Bool": {"aws:SecureTransport": "false"}}
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": [deny]}))
    User(iam, allow("s3:PutObject")).client("s3").put_object(Bucket=name, Key="a", Body=b"a")


def test_a_mapping_is_reached_by_its_function(iam):
    name = table(iam, stream=True)
    stream = iam.client("dynamodb").describe_table(TableName=name)["Table"]["LatestStreamArn"]
    called = function(iam, role(iam, LAMBDA, allow("dynamodb:*")))
    mapping = iam.client("lambda").create_event_source_mapping(
        FunctionName=called, EventSourceArn=stream, StartingPosition="LATEST"
    )["UUID"]
    for function_name in (called, "another"):
        condition = {"ArnLike": {"lambda:FunctionArn": f"arn:aws:lambda:{REGION}:function:{function_name}"}}
        user = User(iam, allow("lambda:GetEventSourceMapping", **condition)).client("lambda")
        assert allowed(user.get_event_source_mapping, UUID=mapping) == (function_name == called)


def test_a_roles_path_counts_also_before_the_role_is_there(iam):
    name, trust = fresh("role"), json.dumps({"Version": "2012-10-17", "Statement": []})
    here = f"arn:aws:iam::{ACCOUNT}:role/here/*"
    user = User(iam, allow("iam:CreateRole", here), allow("iam:DeleteRole", here)).client("iam")
    assert not allowed(user.create_role, RoleName=name, AssumeRolePolicyDocument=trust)
    assert not allowed(user.create_role, RoleName=name, Path="/there/", AssumeRolePolicyDocument=trust)
    assert allowed(user.create_role, RoleName=name, Path="/here/", AssumeRolePolicyDocument=trust)
    assert allowed(user.delete_role, RoleName=name)
