"""Smoke tests of the IAM corrections: requests, passed roles, roles of services, functions' policies, what is remembered."""

from __future__ import annotations

import json
import uuid

import botocore.exceptions
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from local import corrections
from local.tests.aws import Launcher, bootstrap, until
from local.tests.stacks import Stack, refused

ACCOUNT = "000000000000"
REGION = f"us-east-1:{ACCOUNT}"
LAMBDA = "lambda.amazonaws.com"


@pytest.fixture(scope="module")
def iam(tmp_path_factory, pytestconfig):
    yield from _evaluating(tmp_path_factory.mktemp("iam"), *pytestconfig.getoption("--without"))


@pytest.fixture(scope="module")
def stock_iam(tmp_path_factory):
    yield from _evaluating(tmp_path_factory.mktemp("stock-iam"), *corrections.ALL)


def _evaluating(state_dir, *without):
    launcher = Launcher(state_dir, *without, AUTH="true")
    yield launcher
    assert launcher.stop() == 0


def allow(actions: str | list[str], resource: str = "*", **conditions: dict) -> dict:
    return {"Effect": "Allow", "Action": actions, "Resource": resource, "Condition": conditions}


class User:
    """An IAM user with these statements alone."""

    def __init__(self, aws: Launcher, *statements: dict):
        self._aws, root = aws, aws.client("iam")
        self.name = fresh("user")
        root.create_user(UserName=self.name)
        if statements:
            document = {"Version": "2012-10-17", "Statement": list(statements)}
            root.put_user_policy(UserName=self.name, PolicyName="own", PolicyDocument=json.dumps(document))
        key = root.create_access_key(UserName=self.name)["AccessKey"]
        self.key = key["AccessKeyId"], key["SecretAccessKey"]

    def client(self, service: str):
        return self._aws.client(service, account=self.key[0], secret=self.key[1])


def fresh(prefix: str) -> str:
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


def role(aws: Launcher, service: str, *statements: dict) -> str:
    name, iam = fresh("role"), aws.client("iam")
    trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
    if statements:
        let(aws, arn, *statements)
    return arn


def let(aws: Launcher, role_arn: str, *statements: dict) -> None:
    """Replaces what the role may do."""
    document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    aws.client("iam").put_role_policy(RoleName=role_arn.rsplit("/", 1)[1], PolicyName="own", PolicyDocument=document)


def function(aws: Launcher, role_arn: str, code: str = "def handler(event):\n    return event") -> str:
    name = fresh("function")
    aws.client("lambda").create_function(
        FunctionName=name, Runtime="provided.al2023", Handler="bootstrap", Role=role_arn, Code={"ZipFile": bootstrap(code)}
    )
    return name


def table(aws: Launcher, stream: bool = False) -> str:
    name = fresh("table")
    aws.client("dynamodb").create_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": "PK", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": stream, **({"StreamViewType": "NEW_IMAGE"} if stream else {})},
    )
    return name


def allowed(call, **arguments) -> bool:
    """Whether IAM lets a call through, whatever becomes of it then."""
    try:
        call(**arguments)
    except botocore.exceptions.ClientError as error:
        return "not authorized" not in error.response["Error"]["Message"]
    return True


# --- iam_requests ---


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


def test_alarms_are_described_for_the_whole_account(iam):
    every, one = (f"arn:aws:cloudwatch:{REGION}:alarm:{name}" for name in ("*", "mine"))
    assert allowed(User(iam, allow("cloudwatch:DescribeAlarms", every)).client("cloudwatch").describe_alarms)
    user = User(iam, allow("cloudwatch:DescribeAlarms", one)).client("cloudwatch")
    assert not allowed(user.describe_alarms, AlarmNames=["mine"])


def test_the_operation_in_the_path_of_an_rpc_is_checked(iam):
    """As today's SDKs call CloudWatch; the body is CBOR, here ``{"AlarmNames": ["mine"]}``."""
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


# --- passed_roles ---

DAILY = {"ScheduleExpression": "rate(1 day)", "FlexibleTimeWindow": {"Mode": "OFF"}}


def machine(aws: Launcher, role_arn: str, definition: dict | None = None, **more) -> dict:
    definition = definition or {"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}
    return {"name": fresh("machine"), "roleArn": role_arn, "definition": json.dumps(definition), **more}


def test_a_role_is_passed_with_permission_and_to_that_service_only(iam):
    passed = role(iam, "states.amazonaws.com")
    create = allow("states:CreateStateMachine")
    to_lambda = {"StringEquals": {"iam:PassedToService": LAMBDA}}
    to_states = {"StringEquals": {"iam:PassedToService": "states.amazonaws.com"}}
    for more in ((), (allow("iam:PassRole", passed, **to_lambda),), (allow("iam:PassRole", f"{passed}x"),)):
        user = User(iam, create, *more).client("stepfunctions")
        code, message = refused(user.create_state_machine, **machine(iam, passed))
        assert code == "AccessDeniedException"
        assert "not authorized to perform: iam:PassRole" in message
    user = User(iam, create, allow("iam:PassRole", passed, **to_states)).client("stepfunctions")
    user.create_state_machine(**machine(iam, passed))


def test_a_role_is_passed_to_functions_schedules_and_stacks_too(iam):
    passed = role(iam, LAMBDA)
    user = User(iam, allow(["lambda:CreateFunction", "scheduler:CreateSchedule", "cloudformation:CreateStack"]))
    zipped = {"ZipFile": bootstrap("def handler(event):\n    return 1")}
    target = {"Arn": f"arn:aws:states:{REGION}:stateMachine:x", "RoleArn": passed}
    calls = [
        (
            user.client("lambda").create_function,
            {"FunctionName": fresh("f"), "Runtime": "provided.al2023", "Handler": "x", "Role": passed, "Code": zipped},
        ),
        (user.client("scheduler").create_schedule, {"Name": fresh("s"), "Target": target, **DAILY}),
        (user.client("cloudformation").create_stack, {"StackName": fresh("x"), "TemplateBody": "{}", "RoleARN": passed}),
    ]
    for call, arguments in calls:
        assert "iam:PassRole" in refused(call, **arguments)[1], call


def test_stock_lets_any_role_be_passed(stock_iam):
    user = User(stock_iam, allow("states:CreateStateMachine")).client("stepfunctions")
    user.create_state_machine(**machine(stock_iam, role(stock_iam, "states.amazonaws.com")))


# --- service_roles ---


def ended(aws: Launcher, arn: str, **arguments) -> dict:
    states = aws.client("stepfunctions")
    run = states.start_execution(stateMachineArn=arn, **arguments)["executionArn"]
    return until(lambda: (d := states.describe_execution(executionArn=run))["status"] != "RUNNING" and d)


def invoking(function_name: str) -> dict:
    task = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": True}
    return {"StartAt": "Call", "States": {"Call": task | {"Parameters": {"FunctionName": function_name, "Payload": {}}}}}


def test_a_state_machine_calls_functions_with_its_role(iam):
    called = function(iam, role(iam, LAMBDA))
    acting = role(iam, "states.amazonaws.com")
    arn = iam.client("stepfunctions").create_state_machine(**machine(iam, acting, invoking(called)))["stateMachineArn"]
    failed = ended(iam, arn)
    assert (failed["status"], failed["error"]) == ("FAILED", "Lambda.AWSLambdaException")
    assert "not authorized to perform: lambda:InvokeFunction" in failed["cause"]
    let(iam, acting, allow("lambda:InvokeFunction", f"arn:aws:lambda:{REGION}:function:{called}"))
    assert ended(iam, arn)["status"] == "SUCCEEDED"


def test_a_state_machine_puts_only_the_events_it_may(iam):
    entry = {"Source": "mine", "DetailType": "a kind", "Detail": {}, "EventBusName": "default"}
    task = {"Type": "Task", "Resource": "arn:aws:states:::events:putEvents", "Parameters": {"Entries": [entry]}, "End": True}
    for source in ("theirs", "mine"):
        put = allow("events:PutEvents", **{"StringEquals": {"events:source": source}})
        acting = role(iam, "states.amazonaws.com", put)
        given = machine(iam, acting, {"StartAt": "Put", "States": {"Put": task}})
        arn = iam.client("stepfunctions").create_state_machine(**given)["stateMachineArn"]
        assert ended(iam, arn)["status"] == ("SUCCEEDED" if source == "mine" else "FAILED")


def test_a_state_machines_log_takes_all_of_the_delivery_permissions(iam):
    from local.service_roles import LOG_DELIVERY

    group = f"arn:aws:logs:{REGION}:log-group:/{fresh('machine')}:*"
    log = {"level": "ALL", "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": group}}]}
    acting = role(iam, "states.amazonaws.com", allow([f"logs:{name}" for name in LOG_DELIVERY[1:]]))
    states = iam.client("stepfunctions")
    code, _ = refused(states.create_state_machine, **machine(iam, acting, loggingConfiguration=log))
    assert code == "AccessDeniedException"
    let(iam, acting, allow([f"logs:{name}" for name in LOG_DELIVERY]))
    states.create_state_machine(**machine(iam, acting, loggingConfiguration=log))


def test_stock_state_machines_do_what_nobody_let_them(stock_iam):
    called, acting = function(stock_iam, role(stock_iam, LAMBDA)), role(stock_iam, "states.amazonaws.com")
    given = machine(stock_iam, acting, invoking(called))
    arn = stock_iam.client("stepfunctions").create_state_machine(**given)["stateMachineArn"]
    assert ended(stock_iam, arn)["status"] == "SUCCEEDED"


def test_a_mapping_reads_its_stream_with_the_functions_role(iam):
    name = table(iam, stream=True)
    stream = iam.client("dynamodb").describe_table(TableName=name)["Table"]["LatestStreamArn"]
    reads = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"]
    runs_as = role(iam, LAMBDA, allow(reads))
    called, functions = function(iam, runs_as), iam.client("lambda")
    mapping = {"FunctionName": called, "EventSourceArn": stream, "StartingPosition": "TRIM_HORIZON"}
    code, message = refused(functions.create_event_source_mapping, **mapping)
    assert code == "InvalidParameterValueException"
    assert "ListStreams" in message
    template = {"Mapping": {"Type": "AWS::Lambda::EventSourceMapping", "Properties": mapping}}
    assert Stack(iam, template, expect="ROLLBACK_COMPLETE").status == "ROLLBACK_COMPLETE"
    let(iam, runs_as, allow([*reads, "dynamodb:ListStreams"]))
    identifier = functions.create_event_source_mapping(**mapping)["UUID"]

    let(iam, runs_as, allow("dynamodb:ListStreams"))
    iam.client("dynamodb").put_item(TableName=name, Item={"PK": {"S": "a"}})
    result = lambda: functions.get_event_source_mapping(UUID=identifier)["LastProcessingResult"]  # noqa: E731
    until(lambda: "PROBLEM" in result())
    let(iam, runs_as, allow(reads))
    until(lambda: result() == "OK")


def test_a_discarded_batch_is_written_with_the_functions_role(iam):
    name, bucket = table(iam, stream=True), fresh("bucket")
    stream = iam.client("dynamodb").describe_table(TableName=name)["Table"]["LatestStreamArn"]
    iam.client("s3").create_bucket(Bucket=bucket)
    write = allow("s3:PutObject", f"arn:aws:s3:::{bucket}/*")
    runs_as = role(iam, LAMBDA, allow("dynamodb:*"), write)
    failing = function(iam, runs_as, "def handler(event):\n    raise ValueError")
    functions = iam.client("lambda")
    mapping = functions.create_event_source_mapping(
        FunctionName=failing, EventSourceArn=stream, StartingPosition="TRIM_HORIZON", MaximumRetryAttempts=0,
        DestinationConfig={"OnFailure": {"Destination": f"arn:aws:s3:::{bucket}"}},
    )["UUID"]  # fmt: skip
    kept = lambda: [o["Key"] for o in iam.client("s3").list_objects_v2(Bucket=bucket).get("Contents", [])]  # noqa: E731

    let(iam, runs_as, allow("dynamodb:*"))
    iam.client("dynamodb").put_item(TableName=name, Item={"PK": {"S": "lost"}})
    lost = lambda: f"the role of {failing} may not write" in (iam.state_dir / "log").read_text()  # noqa: E731
    until(lost)
    assert kept() == []
    let(iam, runs_as, allow("dynamodb:*"), write)
    iam.client("dynamodb").put_item(TableName=name, Item={"PK": {"S": "kept"}})
    [key] = until(kept)
    assert key.startswith(f"aws/lambda/{mapping}/")


def test_a_function_logs_with_its_role(iam):
    group = f"/{fresh('group')}"
    iam.client("logs").create_log_group(logGroupName=group)
    runs_as = role(iam, LAMBDA)
    name = fresh("function")
    iam.client("lambda").create_function(
        FunctionName=name, Runtime="provided.al2023", Handler="x", Role=runs_as, LoggingConfig={"LogGroup": group},
        Code={"ZipFile": bootstrap("def handler(event):\n    print(event, flush=True)")},
    )  # fmt: skip
    invoke = lambda words: iam.client("lambda").invoke(FunctionName=name, Payload=json.dumps(words))  # noqa: E731
    found = lambda: [e["message"] for e in iam.client("logs").filter_log_events(logGroupName=group)["events"]]  # noqa: E731
    invoke("unheard")
    let(iam, runs_as, allow(["logs:CreateLogStream", "logs:PutLogEvents"], f"arn:aws:logs:{REGION}:log-group:{group}:*"))
    invoke("heard")
    until(lambda: any("heard" in line for line in found()))
    assert not any("unheard" in line for line in found())


def test_a_schedule_calls_its_target_with_its_role(iam):
    acting = role(iam, "states.amazonaws.com")
    arn = iam.client("stepfunctions").create_state_machine(**machine(iam, acting))["stateMachineArn"]
    calls_as = role(iam, "scheduler.amazonaws.com")
    schedule = {"ScheduleExpression": "at(2030-01-01T00:00:00)", "FlexibleTimeWindow": {"Mode": "OFF"}}
    runs = lambda: len(iam.client("stepfunctions").list_executions(stateMachineArn=arn)["executions"])  # noqa: E731
    for statements, expected in (((), 0), ((allow("states:StartExecution", arn),), 1)):
        if statements:
            let(iam, calls_as, *statements)
        name = fresh("schedule")
        iam.client("scheduler").create_schedule(Name=name, Target={"Arn": arn, "RoleArn": calls_as}, **schedule)
        fired = iam.call("POST", "/_local/schedules", {"now": 1893456001}).json["fired"]
        assert f"default/{name}" in fired
        assert runs() == expected


# --- invoke_permissions ---

AUTHORIZER = """
def handler(event):
    allow = {"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": "*"}
    return {"principalId": "p", "policyDocument": {"Version": "2012-10-17", "Statement": [allow]}}
"""


class Api:
    """GET / of a REST API, by a function behind an authorizer that is asked every time."""

    def __init__(self, aws: Launcher):
        self.aws, gateway = aws, aws.client("apigateway")
        runs_as = role(aws, LAMBDA)
        self.function = function(aws, runs_as, "def handler(event):\n    return {'statusCode': 200, 'body': 'x'}")
        self.authorizer = function(aws, runs_as, AUTHORIZER)
        uri = f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:{REGION}:function:%s/invocations"
        self.id = gateway.create_rest_api(name=fresh("api"))["id"]
        root = gateway.get_resources(restApiId=self.id)["items"][0]["id"]
        self.authorizer_id = gateway.create_authorizer(
            restApiId=self.id, name="a", type="TOKEN", authorizerUri=uri % self.authorizer, authorizerResultTtlInSeconds=0,
            identitySource="method.request.header.Authorization",
        )["id"]  # fmt: skip
        method = {"restApiId": self.id, "resourceId": root, "httpMethod": "GET"}
        gateway.put_method(**method, authorizationType="CUSTOM", authorizerId=self.authorizer_id)
        gateway.put_integration(**method, type="AWS_PROXY", integrationHttpMethod="POST", uri=uri % self.function)
        gateway.create_deployment(restApiId=self.id, stageName="s")

    def permit(self, function_name: str, source: str) -> None:
        self.aws.client("lambda").add_permission(
            FunctionName=function_name, StatementId=fresh("s"), Action="lambda:InvokeFunction",
            Principal="apigateway.amazonaws.com", SourceArn=f"arn:aws:execute-api:{REGION}:{self.id}/{source}",
        )  # fmt: skip

    def get(self) -> int:
        return self.aws.call("GET", f"/_aws/execute-api/{self.id}/s/", headers={"Authorization": "x"}).status


def test_api_gateway_invokes_only_functions_that_let_it(iam):
    api = Api(iam)
    assert api.get() == 500  # the authorizer may not be asked
    api.permit(api.authorizer, "authorizers/another")
    api.permit(api.authorizer, f"authorizers/{api.authorizer_id}")
    assert api.get() == 504  # the function may not be called
    api.permit(api.function, "s/POST/")
    assert api.get() == 504
    api.permit(api.function, "s/GET/")
    assert api.get() == 200


def test_stock_gateway_asks_no_function(stock_iam):
    assert Api(stock_iam).get() == 200


def test_eventbridge_invokes_only_functions_that_let_it(iam):
    group = f"/{fresh('group')}"
    iam.client("logs").create_log_group(logGroupName=group)
    runs_as = role(iam, LAMBDA, allow("logs:*"))
    name, source = fresh("function"), fresh("source")
    iam.client("lambda").create_function(
        FunctionName=name, Runtime="provided.al2023", Handler="x", Role=runs_as, LoggingConfig={"LogGroup": group},
        Code={"ZipFile": bootstrap("def handler(event):\n    print(event['detail'], flush=True)")},
    )  # fmt: skip
    events = iam.client("events")
    rule = events.put_rule(Name=source, EventPattern=json.dumps({"source": [source]}))["RuleArn"]
    events.put_targets(Rule=source, Targets=[{"Id": "1", "Arn": f"arn:aws:lambda:{REGION}:function:{name}"}])

    def put(words: str) -> None:
        events.put_events(Entries=[{"Source": source, "DetailType": "x", "Detail": json.dumps({"said": words})}])

    put("unheard")
    iam.client("lambda").add_permission(
        FunctionName=name, StatementId="s", Action="lambda:InvokeFunction", Principal="events.amazonaws.com", SourceArn=rule
    )
    put("heard")
    found = lambda: [e["message"] for e in iam.client("logs").filter_log_events(logGroupName=group)["events"]]  # noqa: E731
    until(lambda: any("'heard'" in line for line in found()))
    assert not any("unheard" in line for line in found())


# --- decisions ---


def test_what_a_templates_role_was_allowed_is_remembered_with_the_statement_it_needed(iam):
    from local.needed import needed, statements

    name = table(iam)
    policy = {"Version": "2012-10-17", "Statement": [allow("dynamodb:GetItem"), allow("dynamodb:PutItem")]}
    managed = {"Type": "AWS::IAM::ManagedPolicy", "Properties": {"PolicyDocument": policy}}
    stack = Stack(iam, {"Reader": managed})
    user = User(iam)
    iam.client("iam").attach_user_policy(UserName=user.name, PolicyArn=stack.physical("Reader"))
    user.client("dynamodb").get_item(TableName=name, Key={"PK": {"S": "a"}})
    refused(user.client("dynamodb").delete_item, TableName=name, Key={"PK": {"S": "a"}})

    recorded = iam.call("GET", "/_local/decisions").json
    calls = [call for call in recorded["calls"] if call["principal"].endswith(user.name)]
    assert [call["action"] for call in calls] == ["dynamodb:GetItem"]
    found = needed({"policies": recorded["policies"], "calls": calls})
    assert found == {("Reader", 0): {"dynamodb:GetItem"}}
    listed = [(s.policy, s.place, s.actions) for s in statements({"Resources": {"Reader": managed}})]
    assert listed == [("Reader", 0, ("dynamodb:GetItem",)), ("Reader", 1, ("dynamodb:PutItem",))]
