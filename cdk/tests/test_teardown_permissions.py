"""Who may do what: the executor deletes what the service stack is made of, the others do their part, none does more."""

import json

import pytest
from conftest import Synthesised
from iam_facts import (
    Permission,
    covers,
    delete_permissions,
    documents,
    is_tagged_by_cloudformation,
    listed,
    permissions,
    rendered,
    role_document,
)

from task_service.contract import SCHEMA
from teardown import scope
from teardown.contract import NAMES
from teardown.executor import DELETE_ACTIONS, NOT_NEEDED
from teardown.settings import LONGEST_SERVICE
from teardown.workflow import EVENT_SOURCE, EVENT_TYPES

# "IAM and AWS STS quotas", white space not counted.
INLINE_POLICIES_LIMIT = 10_240
MANAGED_POLICY_LIMIT = 6_144
ROLE_NAME_LIMIT = 64

# Step Functions' own use of the machine's role besides its integrations: log delivery and tracing.
BY_STEP_FUNCTIONS = {
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
    "xray:GetSamplingRules",
    "xray:GetSamplingTargets",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
}
READING = ("Describe", "Filter", "Get", "GET", "List")
# API Gateway: "Child resources inherit the tags that are set on parent resources". The others' rights are their parent's.
TAGGED_AS = {
    **{
        f"AWS::ApiGateway::{child}": "AWS::ApiGateway::RestApi"
        for child in ("Authorizer", "Deployment", "GatewayResponse", "Method", "Resource", "Stage")
    },
    **{f"AWS::Cognito::UserPool{part}": "AWS::Cognito::UserPool" for part in ("Client", "Domain", "ResourceServer")},
    "AWS::Lambda::Permission": "AWS::Lambda::Function",
    "AWS::Logs::MetricFilter": "AWS::Logs::LogGroup",
}
FUNCTIONS_OF_DEV = "arn:aws:lambda:ap-southeast-1:123456789012:function:tasks-dev-*"
INTEGRATIONS = {
    "arn:${Partition}:states:::lambda:invoke": "lambda:InvokeFunction",
    "arn:${Partition}:states:::lambda:invoke.waitForTaskToken": "lambda:InvokeFunction",
    "arn:${Partition}:states:::events:putEvents": "events:PutEvents",
    "arn:${Partition}:states:::events:putEvents.waitForTaskToken": "events:PutEvents",
}


def test_the_executor_covers_every_type_of_the_service_stack_and_no_other(dev: Synthesised, prod: Synthesised) -> None:
    types = {resource["Type"] for synthesised in (dev, prod) for resource in synthesised.resources.values()}
    assert types - set(DELETE_ACTIONS) == set()
    assert set(DELETE_ACTIONS) - types - {"AWS::CDK::Metadata"} == set()


def test_deleting_a_type_takes_what_cloudformations_registry_says() -> None:
    for resource_type, actions in DELETE_ACTIONS.items():
        if resource_type != "AWS::CDK::Metadata":
            documented = delete_permissions(resource_type)
            left_out = set(NOT_NEEDED.get(resource_type, {}))
            assert left_out <= documented, resource_type
            assert set(actions) == documented - left_out, resource_type


def test_the_executor_may_do_exactly_that(each_teardown: Synthesised) -> None:
    granted = {permission.action for permission in _executor(each_teardown)}
    assert granted == {action for actions in DELETE_ACTIONS.values() for action in actions}


def test_the_executor_reaches_every_resource_of_its_service_by_the_name_it_will_have(
    cognito: Synthesised, teardown: Synthesised
) -> None:
    executor = _executor(teardown)
    for logical_id, resource in cognito.resources.items():
        for action in DELETE_ACTIONS[resource["Type"]]:
            own = _physical_arn(cognito, logical_id, action)
            # Of what is retained, only log groups may have to go all the same.
            wanted = resource.get("DeletionPolicy") != "Retain" or resource["Type"] == "AWS::Logs::LogGroup"
            assert _allowed(executor, action, own) == wanted, (logical_id, action)


@pytest.mark.parametrize("role", ["executor", "step"])
def test_a_stack_whose_name_merely_begins_alike_is_out_of_reach(
    cognito: Synthesised, teardown: Synthesised, role: str
) -> None:
    """By its names; where a pattern covers those too, by a tag that CloudFormation does put on such a resource, or by the
    mapping's function."""
    granted = _executor(teardown) if role == "executor" else _step(teardown)
    changing = [f for f in granted if f.resource != "*" and not f.action.split(":")[1].startswith(READING)]
    by_tag = set()
    for logical_id, resource in cognito.resources.items():
        for permission in changing:
            if covers(permission.resource, _physical_arn(cognito, logical_id, permission.action, stage="dev-blue")):
                condition = json.loads(permission.conditions)
                one_per_account = resource["Type"] == "AWS::ApiGateway::Account"
                if one_per_account or condition == {"ArnLikeIfExists": {"lambda:FunctionArn": [FUNCTIONS_OF_DEV]}}:
                    continue
                tag = "aws:ResourceTag/aws:cloudformation:stack-name"
                assert condition.get("StringEqualsIfExists", {}).get(tag) == ["tasks-dev"], permission
                assert is_tagged_by_cloudformation(TAGGED_AS.get(resource["Type"], resource["Type"])), permission
                by_tag.add(resource["Type"])
    assert by_tag & {"AWS::DynamoDB::Table", "AWS::IAM::Role", "AWS::S3::Bucket"} == set()


@pytest.mark.parametrize(("kind", "service"), [("AWS::DynamoDB::Table", "dynamodb"), ("AWS::S3::Bucket", "s3")])
def test_data_of_a_stack_whose_name_merely_begins_alike_cannot_even_be_read(
    dev: Synthesised, teardown: Synthesised, kind: str, service: str
) -> None:
    """CloudFormation tags no table, and S3 heeds no tag unless asked to: the name has to keep them apart."""
    assert not is_tagged_by_cloudformation("AWS::DynamoDB::Table")
    logical_ids = list(dev.of_type(kind))
    assert len(logical_ids) == 2
    for logical_id in logical_ids:
        _check_neighbour(dev, teardown, logical_id, service)


def _check_neighbour(dev: Synthesised, teardown: Synthesised, logical_id: str, service: str) -> None:
    neighbour = _physical_arn(dev, logical_id, f"{service}:Any").replace("tasks-dev", "tasks-dev-blue")
    granted = [found for found in _executor(teardown) | _step(teardown) if found.action.startswith(f"{service}:")]
    assert any(covers(found.resource, neighbour.replace("-blue", "")) for found in granted)
    for permission in granted:
        for below in ("", "/backup/01", "/stream/2030-01-31T12:00:00.000", "/an/object"):
            assert permission.resource == "*" or not covers(permission.resource, neighbour + below), permission


def test_the_executor_reaches_nothing_of_strangers(cognito: Synthesised, teardown: Synthesised) -> None:
    """But for what has a random id, where conditions stand instead."""
    executor = _executor(teardown)
    for logical_id, resource in cognito.resources.items():
        for action in DELETE_ACTIONS[resource["Type"]]:
            own = _physical_arn(cognito, logical_id, action)
            other = _physical_arn(cognito, logical_id, action, stage="prod")
            for stranger in {other, own.replace("tasks-dev", "my-tasks-dev")} - {own}:
                assert not _allowed(executor, action, stranger), (stranger, action)
    without_names = {
        permission.resource.split(":", 5)[5]: permission.conditions
        for permission in executor
        if permission.action in ("apigateway:DELETE", "cognito-idp:DeleteUserPool", "lambda:DeleteEventSourceMapping")
    }
    assert set(without_names) == {"/restapis/*", "event-source-mapping:*", "userpool/*"}
    assert "aws:ResourceTag/aws:cloudformation:stack-name" in without_names["userpool/*"]
    assert "apigateway:Resource/ApiName" in without_names["/restapis/*"]
    assert "lambda:FunctionArn" in without_names["event-source-mapping:*"]


def test_what_was_removed_by_hand_is_answered_with_not_found(each_teardown: Synthesised) -> None:
    """An absent resource has no tags: a condition that demands them would turn "not found" into AccessDenied."""
    for permission in _executor(each_teardown):
        for operator in json.loads(permission.conditions):
            assert operator.endswith("IfExists"), permission


def test_nobody_reaches_the_teardown_stack_itself(each_teardown: Synthesised) -> None:
    own = [rendered(each_teardown, {"Ref": name}) for name in each_teardown.resources if _has_arn(each_teardown, name)]
    assert len(own) >= 5
    for permission in _executor(each_teardown):
        reached = [resource for resource in own if covers(permission.resource, resource)]
        # IAM knows no resource for saved queries, and the teardown has none.
        assert not reached or permission.action.split(":")[1].startswith(("Describe", "DeleteQueryDefinition")), permission


def test_cloudformation_alone_may_be_the_executor(each_teardown: Synthesised) -> None:
    role = _role(each_teardown, "executor")["Properties"]
    assert role["AssumeRolePolicyDocument"]["Statement"] == [
        {"Action": "sts:AssumeRole", "Effect": "Allow", "Principal": {"Service": "cloudformation.amazonaws.com"}}
    ]
    assert "PermissionsBoundary" not in role
    assert role["RoleName"] == f"{each_teardown.stack.stack_name}-executor"


def test_the_executor_is_passed_to_cloudformation_and_deletes_with_it_only(teardown: Synthesised) -> None:
    step = _step(teardown)
    deleters = [rendered(teardown, {"Ref": _role_id(teardown, end)}) for end in ("executor", "powerless")]
    passed = [permission for permission in step if permission.action == "iam:PassRole"]
    assert sorted(permission.resource for permission in passed) == sorted(deleters)
    for permission in passed:
        assert json.loads(permission.conditions) == {"StringEquals": {"iam:PassedToService": "cloudformation.amazonaws.com"}}
    deletes = [permission for permission in step if permission.action == "cloudformation:DeleteStack"]
    assert [permission.resource.split(":", 5)[5] for permission in deletes] == ["stack/tasks-dev/*"]
    assert json.loads(deletes[0].conditions) == {"ArnEqualsIfExists": {"cloudformation:RoleArn": deleters}}


def test_the_role_that_deletes_in_vain_may_do_nothing(each_teardown: Synthesised) -> None:
    role = _role(each_teardown, "powerless")["Properties"]
    assert not {"Policies", "ManagedPolicyArns"} & set(role)
    assert role["AssumeRolePolicyDocument"] == _role(each_teardown, "executor")["Properties"]["AssumeRolePolicyDocument"]


@pytest.mark.parametrize(
    "action",
    ["cloudformation:DeleteStack", "cloudformation:UpdateTerminationProtection", "cloudformation:DescribeStacks"],
)
def test_the_stacks_of_others_are_out_of_reach(teardown: Synthesised, action: str) -> None:
    stack = "arn:aws:cloudformation:ap-southeast-1:123456789012:stack"
    assert _allowed(_step(teardown), action, f"{stack}/tasks-dev/1234")
    for other in ("CDKToolkit", "tasks-teardown", "tasks-dev-blue", "tasks-prod"):
        assert not _allowed(_step(teardown), action, f"{stack}/{other}/1234")


def test_the_step_function_writes_sentinels_into_the_service_table_and_no_task(teardown: Synthesised) -> None:
    (put,) = [
        permission
        for permission in _step(teardown)
        if permission.action == "dynamodb:PutItem" and "evidence" not in permission.resource
    ]
    # The teardown writes them, the audit function knows them: neither depends on the other.
    assert NAMES["sentinelPrefix"] == SCHEMA["sentinelPrefix"]
    sentinels = f"{NAMES['sentinelPrefix']}*"
    assert json.loads(put.conditions) == {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": [sentinels]}}


def test_the_service_stack_has_the_names_and_the_tag_that_the_workflow_knows_it_by(each: Synthesised) -> None:
    stack = each.stack.stack_name
    stage = stack.removeprefix(NAMES["stackPrefix"])

    def named(what: str) -> str:
        return NAMES[what].replace("{stack}", stack).replace("{stage}", stage)

    each.only("AWS::Lambda::Function", FunctionName=named("task function"))
    each.only("AWS::Lambda::Function", FunctionName=named("audit function"))
    each.only("AWS::Logs::LogGroup", LogGroupName=named("audit log"))
    each.only("AWS::Logs::LogGroup", LogGroupName=named("quarantine"))
    tag = NAMES["serviceTag"]
    assert each.stack.tags.tag_values()[tag["key"]] == tag["value"]


def test_the_step_function_reaches_what_it_prepares_and_sweeps(dev: Synthesised, teardown: Synthesised) -> None:
    step = _step(teardown)
    for logical_id, actions in {
        "table": (
            "dynamodb:CreateBackup",
            "dynamodb:DescribeTable",
            "dynamodb:PutItem",
            "dynamodb:UpdateContinuousBackups",
            "dynamodb:UpdateTable",
        ),
        "intents": ("dynamodb:DescribeContinuousBackups", "dynamodb:DescribeTable", "dynamodb:UpdateTable"),
        "bucket": ("s3:ListBucket", "s3:ListBucketVersions"),
        "seal bucket": ("s3:ListBucket",),
        "schedule": ("events:DescribeRule",),
        "interference": ("events:DescribeRule",),
        "task function": ("lambda:PutFunctionConcurrency", "lambda:DeleteFunctionConcurrency"),
    }.items():
        for action in actions:
            assert _allowed(step, action, _physical_arn(dev, _named(dev, logical_id), action)), action
    for logical_id in dev.of_type("AWS::Logs::LogGroup"):
        for action in ("logs:DeleteLogGroup", "logs:PutLogGroupDeletionProtection"):
            assert _allowed(step, action, _physical_arn(dev, logical_id, action))
    for logical_id in dev.of_type("AWS::IAM::Role"):
        assert _allowed(step, "iam:GetRole", _physical_arn(dev, logical_id, "iam:GetRole"))


def test_the_step_function_reaches_no_setting_of_the_account_and_deletes_no_role(each_teardown: Synthesised) -> None:
    """API Gateway logs with one role for the whole account and region, whoever set it."""
    for permission in _step(each_teardown):
        assert not permission.action.startswith("iam:D"), permission
        if permission.action.startswith("apigateway:"):
            assert permission.action == "apigateway:GET", permission
            assert not covers(permission.resource, "arn:aws:apigateway:ap-southeast-1::/account"), permission


@pytest.mark.parametrize("end", ["", "-plan"])
def test_a_machine_may_do_what_its_definition_integrates_and_nothing_else(each_teardown: Synthesised, end: str) -> None:
    machine = _machine(each_teardown, end)
    role = each_teardown.resources[machine["RoleArn"]["Fn::GetAtt"][0]]
    granted = {permission.action for permission in permissions(each_teardown, role_document(role))}
    tasks = _tasks(json.loads(machine["DefinitionString"]))
    assert granted == BY_STEP_FUNCTIONS | {INTEGRATIONS[task["Resource"]] for task in tasks}


def test_the_step_function_may_write_its_traces(each_teardown: Synthesised) -> None:
    """X-Ray is not emulated, so no call of the end-to-end tests misses these."""
    granted = {permission.action for permission in _step(each_teardown)}
    assert {"xray:PutTelemetryRecords", "xray:PutTraceSegments"} <= granted


@pytest.mark.parametrize(("end", "events"), [("", list(EVENT_TYPES)), ("-plan", ["Teardown finished"])])
def test_a_machine_may_say_what_it_says_on_the_event_bus_and_nothing_else(
    each_teardown: Synthesised, end: str, events: list[str]
) -> None:
    machine = _machine(each_teardown, end)
    entries = [
        entry
        for task in _tasks(json.loads(machine["DefinitionString"]))
        if ":events:putEvents" in task["Resource"]
        for entry in task["Arguments"]["Entries"]
    ]
    assert {entry["EventBusName"] for entry in entries} == {"default"}
    assert {entry["Source"] for entry in entries} == {EVENT_SOURCE}
    assert {entry["DetailType"] for entry in entries} == set(events)
    role = role_document(each_teardown.resources[machine["RoleArn"]["Fn::GetAtt"][0]])
    (put,) = [found for found in permissions(each_teardown, role) if found.action == "events:PutEvents"]
    assert json.loads(put.conditions) == {
        "StringEquals": {"events:detail-type": events, "events:source": EVENT_SOURCE}
    }


def test_the_starter_starts_and_the_operator_does_not(each_teardown: Synthesised) -> None:
    starter = permissions(each_teardown, _managed(each_teardown, "starter"))
    name = each_teardown.stack.stack_name
    assert {(permission.action, permission.resource) for permission in starter} == {("states:StartExecution", _machine_arn(name))}
    operator = permissions(each_teardown, _managed(each_teardown, "operator"))
    started = {permission.resource for permission in operator if permission.action == "states:StartExecution"}
    assert started == {_machine_arn(f"{name}-plan")}


def test_the_planner_starts_and_watches_plans_alone(each_teardown: Synthesised) -> None:
    """Neither machine's name may make the other's executions its own."""
    name = each_teardown.stack.stack_name
    planner = permissions(each_teardown, _managed(each_teardown, "planner"))
    where = "arn:aws:states:ap-southeast-1:123456789012"
    for action in ("states:DescribeExecution", "states:GetExecutionHistory"):
        assert _allowed(planner, action, f"{where}:execution:{name}-plan:x")
        assert not _allowed(planner, action, f"{where}:execution:{name}:x")
    assert {(found.action, found.resource) for found in planner if found.action == "states:StartExecution"} == {
        ("states:StartExecution", _machine_arn(f"{name}-plan"))
    }
    others = {found.action for found in planner if not found.action.startswith("states:")}
    assert others == {"cloudformation:DescribeStacks", "dynamodb:DescribeTable", "logs:FilterLogEvents"}


def test_the_plan_function_reads_and_writes_its_evidence_and_its_report(each_teardown: Synthesised) -> None:
    name = each_teardown.stack.stack_name
    granted = _of_function(each_teardown, f"{name}-plan")
    tracing = {"xray:PutTelemetryRecords", "xray:PutTraceSegments"}
    writing = {found for found in granted if not found.action.split(":")[1].startswith(READING) and found.action not in tracing}
    where = "ap-southeast-1:123456789012"
    assert {found.action for found in writing} == {"dynamodb:PutItem", "logs:CreateLogStream", "logs:PutLogEvents"}
    reached = {
        f"arn:aws:dynamodb:{where}:table/{name}-evidence",
        *(f"arn:aws:logs:{where}:log-group:/{name}/{group}:*" for group in ("report", "plan-function")),
    }
    assert {found.resource for found in writing} == reached


def test_what_the_plan_function_may_do_the_step_function_may(each_teardown: Synthesised) -> None:
    """A plan sees what a run will see."""
    step = _step(each_teardown)
    own_log = f"log-group:/{each_teardown.stack.stack_name}/plan-function:*"
    for found in _of_function(each_teardown, f"{each_teardown.stack.stack_name}-plan"):
        assert found.resource.endswith(own_log) or _allowed(step, found.action, found.resource), found


def test_the_operator_may_change_the_expiry_where_there_is_one(teardown: Synthesised, expiring: Synthesised) -> None:
    def expiry(synthesised: Synthesised) -> set[tuple[str, str]]:
        found = permissions(synthesised, _managed(synthesised, "operator"))
        return {
            (permission.action, permission.resource.split(":", 5)[5])
            for permission in found
            if permission.action.startswith(("scheduler:", "iam:"))
        }

    assert expiry(teardown) == set()
    assert expiry(expiring) == {
        *(
            (action, f"schedule/default/shop-undo-{name}")
            for action in ("scheduler:GetSchedule", "scheduler:UpdateSchedule")
            for name in ("expiry", "expiry-notice")
        ),
        ("iam:PassRole", "role/shop-undo-scheduler"),
    }


def test_no_policy_denies_or_is_attached_from_elsewhere(each_teardown: Synthesised) -> None:
    assert each_teardown.of_type("AWS::IAM::Policy") == {}
    for document in documents(each_teardown):
        assert {statement["Effect"] for statement in document["Statement"]} == {"Allow"}
    policies = each_teardown.of_type("AWS::IAM::ManagedPolicy")
    for policy in policies.values():
        assert not {"Roles", "Users", "Groups"} & set(policy["Properties"])
    attached = [arn for role in each_teardown.of_type("AWS::IAM::Role").values() for arn in role["Properties"].get("ManagedPolicyArns", [])]
    assert attached == [{"Ref": name} for name in policies if name.startswith("StepsLogPolicy")]


def test_the_policies_fit_iams_quotas_with_as_many_services_as_are_allowed(crowd: Synthesised) -> None:
    for role in crowd.of_type("AWS::IAM::Role").values():
        if "Policies" not in role["Properties"]:
            continue
        assert _size(crowd, role_document(role)) <= INLINE_POLICIES_LIMIT
    for policy in crowd.of_type("AWS::IAM::ManagedPolicy").values():
        assert _size(crowd, policy["Properties"]["PolicyDocument"]) <= MANAGED_POLICY_LIMIT


def test_no_role_of_the_longest_service_has_its_name_cut(dev: Synthesised) -> None:
    """CloudFormation: <stack>-<logical id>-<12 or 13 random characters>."""
    for logical_id in dev.of_type("AWS::IAM::Role"):
        assert LONGEST_SERVICE + 1 + len(logical_id) + 1 + 13 <= ROLE_NAME_LIMIT, logical_id


def _physical_arn(service: Synthesised, logical_id: str, action: str, *, stage: str = "dev") -> str:
    """The ARN under which a service stack's resource will be deleted."""
    resource = service.resources[logical_id]
    stack, where = f"tasks-{stage}", "ap-southeast-1:123456789012"
    properties = {
        key: value.replace("tasks-dev", stack).replace("/tasks/dev/", f"/tasks/{stage}/")
        for key, value in resource.get("Properties", {}).items()
        if isinstance(value, str)
    }
    random = f"{stack}-{logical_id}-1ABCDEFGHIJKL"
    kind = resource["Type"]
    if kind.startswith("AWS::ApiGateway::"):
        return "arn:aws:apigateway:ap-southeast-1::/restapis/a1b2c3d4e5/some/thing"
    if action == "cognito-idp:DescribeUserPoolDomain" or kind == "AWS::Logs::QueryDefinition":
        return "*"
    if kind.startswith("AWS::Cognito::"):
        return f"arn:aws:cognito-idp:{where}:userpool/ap-southeast-1_AbCdEfGhI"
    if kind == "AWS::Logs::MetricFilter":
        return f"arn:aws:logs:{where}:log-group:/tasks/{stage}/audit"
    if action in ("logs:DescribeLogGroups", "cloudwatch:DescribeAlarms"):
        service_name = action.split(":")[0]
        return f"arn:aws:{service_name}:{where}:{'log-group::log-stream:' if service_name == 'logs' else 'alarm:*'}"
    if kind == "AWS::Logs::LogGroup":
        name = properties.get("LogGroupName", f"API-Gateway-Execution-Logs_a1b2c3d4e5/{stage}")
        return f"arn:aws:logs:{where}:log-group:{name}:log-stream:"
    function = next(
        (f["Properties"]["FunctionName"] for f in service.of_type("AWS::Lambda::Function").values()), ""
    ).replace("tasks-dev", stack)
    return {
        "AWS::CloudWatch::Alarm": lambda: f"arn:aws:cloudwatch:{where}:alarm:{properties['AlarmName']}",
        "AWS::CloudWatch::Dashboard": lambda: f"arn:aws:cloudwatch::123456789012:dashboard/{properties['DashboardName']}",
        "AWS::DynamoDB::Table": lambda: f"arn:aws:dynamodb:{where}:table/{random}",
        "AWS::Events::Rule": lambda: f"arn:aws:events:{where}:rule/{properties['Name']}",
        "AWS::IAM::Role": lambda: f"arn:aws:iam::123456789012:role/{random}",
        "AWS::KMS::Key": lambda: f"arn:aws:kms:{where}:key/1234-abcd",
        "AWS::Lambda::EventSourceMapping": lambda: f"arn:aws:lambda:{where}:event-source-mapping:1234-abcd",
        "AWS::Lambda::Function": lambda: f"arn:aws:lambda:{where}:function:{properties['FunctionName']}",
        "AWS::Lambda::Permission": lambda: f"arn:aws:lambda:{where}:function:{function}",
        "AWS::S3::Bucket": lambda: f"arn:aws:s3:::{random.lower()}",
        "AWS::S3::BucketPolicy": lambda: (
            f"arn:aws:s3:::{stack}-{resource['Properties']['Bucket']['Ref']}-1abcdefghijkl".lower()
        ),
    }[kind]()


def _named(service: Synthesised, what: str) -> str:
    """Logical ids by what scope.py says of them; each pattern finds exactly one."""
    kind, prefix = {
        "table": ("AWS::DynamoDB::Table", scope.TABLE),
        "intents": ("AWS::DynamoDB::Table", scope.INTENTS),
        "bucket": ("AWS::S3::Bucket", scope.BUCKET),
        "seal bucket": ("AWS::S3::Bucket", scope.SEAL_BUCKET),
        "schedule": ("AWS::Events::Rule", "SealSchedule"),
        "interference": ("AWS::Events::Rule", "Interference"),
        "task function": ("AWS::Lambda::Function", "TaskApi"),
    }[what]
    (name,) = [name for name in service.of_type(kind) if name.startswith(prefix)]
    return name


def _tasks(definition: dict) -> list[dict]:
    """All Task states, those in Parallel and Map states too."""
    found = []
    for state in definition["States"].values():
        if state["Type"] == "Task":
            found.append(state)
        inner = [*state.get("Branches", []), *([state["ItemProcessor"]] if "ItemProcessor" in state else [])]
        found += [task for branch in inner for task in _tasks(branch)]
    return found


def _allowed(granted: set[Permission], action: str, resource: str) -> bool:
    return any(permission.action == action and covers(permission.resource, resource) for permission in granted)


def _executor(synthesised: Synthesised) -> set[Permission]:
    return permissions(synthesised, role_document(_role(synthesised, "executor")))


def _step(synthesised: Synthesised) -> set[Permission]:
    return _of_function(synthesised, f"{synthesised.stack.stack_name}-step")


def _of_function(synthesised: Synthesised, name: str) -> set[Permission]:
    function = synthesised.only("AWS::Lambda::Function", FunctionName=name)["Properties"]
    role = synthesised.resources[function["Role"]["Fn::GetAtt"][0]]
    attached = role["Properties"].get("ManagedPolicyArns", [])
    policies = [synthesised.resources[arn["Ref"]]["Properties"]["PolicyDocument"] for arn in attached]
    return {found for document in (role_document(role), *policies) for found in permissions(synthesised, document)}


def _role_id(synthesised: Synthesised, end: str) -> str:
    name = f"{synthesised.stack.stack_name}-{end}"
    (found,) = [
        logical_id
        for logical_id, role in synthesised.of_type("AWS::IAM::Role").items()
        if role["Properties"].get("RoleName") == name
    ]
    return found


def _role(synthesised: Synthesised, end: str) -> dict:
    return synthesised.resources[_role_id(synthesised, end)]


def _managed(synthesised: Synthesised, end: str) -> dict:
    name = f"{synthesised.stack.stack_name}-{end}"
    return synthesised.only("AWS::IAM::ManagedPolicy", ManagedPolicyName=name)["Properties"]["PolicyDocument"]


def _has_arn(synthesised: Synthesised, logical_id: str) -> bool:
    properties = synthesised.resources[logical_id]["Properties"]
    return any(name in properties for name in ("TableName", "RoleName", "FunctionName", "LogGroupName"))


def _machine(synthesised: Synthesised, end: str) -> dict:
    name = f"{synthesised.stack.stack_name}{end}"
    return synthesised.only("AWS::StepFunctions::StateMachine", StateMachineName=name)["Properties"]


def _machine_arn(name: str) -> str:
    return f"arn:aws:states:ap-southeast-1:123456789012:stateMachine:{name}"


def _size(synthesised: Synthesised, document: dict) -> int:
    statements = [
        {key: rendered(synthesised, value) for key, value in statement.items()} for statement in document["Statement"]
    ]
    assert all(listed(statement["Resource"]) for statement in statements)
    return len(json.dumps({**document, "Statement": statements}, separators=(",", ":")))
