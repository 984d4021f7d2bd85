"""Compares the programs' roles and policies with the AWS calls in their sources; one action more or less fails."""

import pytest
from conftest import Synthesised
from iam_facts import listed
from sdk_calls import actions, calls

# Calls that no policy of the teardown stack is for: `taskctl teardown finish` uses the permissions that its caller already has, and
# `taskctl audit` those of docs/audit.md, "Who may read it" (tests/e2e/auditor.rs).
BY_THE_CALLER = {
    ("cloudformation", "delete_stack"),
    ("cloudwatchlogs", "create_log_stream"),
    ("cloudwatchlogs", "put_log_events"),
    ("dynamodb", "get_item"),
    ("dynamodb", "update_table"),
    ("kms", "get_public_key"),
    ("lambda", "invoke"),
    ("s3", "delete_object"),
    ("s3", "get_object"),
    ("s3", "list_object_versions"),
    ("s3", "list_objects_v2"),
    ("sts", "get_caller_identity"),
}

# `taskctl rescue` works on anybody's stack with its caller's own permissions, which its help names (tests/e2e/rescue/operator.rs).
BY_RESCUE = {
    ("apigateway", "get_rest_api"),
    ("cloudcontrol", "get_resource"),
    ("cloudformation", "describe_type"),
    ("cloudformation", "list_imports"),
    ("cloudformation", "list_stack_resources"),
    ("cloudformation", "list_stacks"),
    ("cloudformation", "update_termination_protection"),
    ("cloudwatch", "describe_alarms"),
    ("cloudwatch", "list_dashboards"),
    ("cloudwatchlogs", "delete_log_group"),
    ("cloudwatchlogs", "describe_log_groups"),
    ("cloudwatchlogs", "describe_log_streams"),
    ("cloudwatchlogs", "describe_metric_filters"),
    ("cloudwatchlogs", "describe_query_definitions"),
    ("cloudwatchlogs", "get_log_events"),
    ("cloudwatchlogs", "list_tags_for_resource"),
    ("cloudwatchlogs", "put_log_group_deletion_protection"),
    ("cognitoidentityprovider", "describe_user_pool"),
    ("cognitoidentityprovider", "update_user_pool"),
    ("dynamodb", "describe_continuous_backups"),
    ("dynamodb", "list_backups"),
    ("dynamodb", "update_continuous_backups"),
    ("eventbridge", "describe_rule"),
    ("iam", "create_role"),
    ("iam", "delete_role"),
    ("iam", "delete_role_policy"),
    ("iam", "get_role"),
    ("iam", "list_attached_role_policies"),
    ("iam", "list_role_policies"),
    ("iam", "put_role_permissions_boundary"),
    ("iam", "put_role_policy"),
    ("iam", "update_assume_role_policy"),
    ("lambda", "get_event_source_mapping"),
    ("lambda", "get_function"),
    ("lambda", "get_function_configuration"),
    ("lambda", "get_policy"),
    ("s3", "delete_objects"),
    ("s3", "head_bucket"),
}

SERVICE_FUNCTIONS = ("audit", "authorizer", "docs", "notary", "task-api")

# Actions that AWS takes with the function's role, rather than the function's code.
BY_LAMBDA = {
    # Reading the table's stream, and writing failed batches to the bucket.
    "audit": {
        "dynamodb:DescribeStream",
        "dynamodb:GetRecords",
        "dynamodb:GetShardIterator",
        "dynamodb:ListStreams",
        "s3:ListBucket",
        "s3:PutObject",
    }
}
TRACING = {"xray:PutTelemetryRecords", "xray:PutTraceSegments"}


def test_an_action_is_the_operation_unless_it_is_known_to_be_another() -> None:
    found = {("cloudformation", "delete_stack"), ("dynamodbstreams", "get_shard_iterator"), ("s3", "head_bucket")}
    assert actions(found) == {
        "cloudformation:DeleteStack",
        "iam:PassRole",
        "dynamodb:GetShardIterator",
        "s3:ListBucket",
    }


def test_an_unknown_verb_of_api_gateway_must_be_looked_up() -> None:
    with pytest.raises(AssertionError, match="HTTP verb"):
        actions({("apigateway", "flush_stage_cache")})


def test_the_step_function_may_do_what_its_code_calls_and_nothing_else(each_teardown: Synthesised) -> None:
    called = actions(calls("teardown"))
    granted = _granted(each_teardown, f"{each_teardown.stack.stack_name}-step")
    assert {"granted, never called": granted - called, "called, not granted": called - granted} == {
        "granted, never called": set(),
        "called, not granted": set(),
    }


def test_starter_and_operator_together_may_do_what_taskctl_calls_and_nothing_else(expiring: Synthesised) -> None:
    called = actions(calls("taskctl") - BY_THE_CALLER - BY_RESCUE)
    granted = {
        action
        for name, policy in expiring.of_type("AWS::IAM::ManagedPolicy").items()
        if name.startswith("Access")
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        for action in listed(statement["Action"])
    }
    assert granted == called


@pytest.mark.parametrize("binary", SERVICE_FUNCTIONS)
def test_a_service_function_may_do_what_its_code_calls_and_nothing_else(each: Synthesised, binary: str) -> None:
    granted = _granted(each, f"{each.stack.stack_name}-{binary}") - BY_LAMBDA.get(binary, set())
    assert granted == actions(calls(binary))


def _granted(synthesised: Synthesised, function_name: str) -> set[str]:
    """Returns the actions of a function's role, except for tracing and its own log."""
    function = synthesised.only("AWS::Lambda::Function", FunctionName=function_name)["Properties"]
    own_log = {"Fn::GetAtt": [function["LoggingConfig"]["LogGroup"]["Ref"], "Arn"]}
    role = synthesised.resources[function["Role"]["Fn::GetAtt"][0]]["Properties"]
    managed = [synthesised.resources[arn["Ref"]]["Properties"] for arn in role.get("ManagedPolicyArns", [])]
    return {
        action
        for policy in [*role["Policies"], *managed]
        for statement in policy["PolicyDocument"]["Statement"]
        for action in listed(statement["Action"])
        if listed(statement["Resource"]) != [own_log]
    } - TRACING
