"""The functions' roles against the AWS calls in their Rust sources: an action more or one less is red."""

import pytest
from conftest import APP_DIR, Synthesised
from iam_facts import listed
from sdk_calls import actions, below, calls, client_calls

FUNCTIONS = APP_DIR.parent / "functions"
TASKCTL = APP_DIR.parent / "taskctl" / "src"

# `taskctl teardown finish`: with what its caller may do anyway.
BY_THE_CALLER = {("cloudformation", "delete_stack")}

# The service of a function's one client.
SERVICE_FUNCTIONS = {"task-api": "dynamodb", "audit": "logs", "authorizer": ""}

# Made by AWS with the function's role, not by its code.
BY_LAMBDA = {
    # Reading the table's stream, and putting what failed into the bucket.
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

SAMPLE = """
//! Every call is written `aws.sfn.stop_execution()`.
fn steps(&self) {
    let aws = &self.aws; // aws.iam.create_role()
    let stack = aws.cloudformation.delete_stack().stack_name(id).send().await?;
    aws
        .streams
        .get_shard_iterator()
        .send().await;
    self.aws.s3.head_bucket();
    aws.apigateway.get_rest_api();
    self.client
        .put_item()
        .table_name(table);
    client.get_item();
    self.writes.update_item();
    reads.config().to_builder();
}
#[cfg(test)]
mod tests { fn t() { aws.sqs.send_message(); client.scan(); } }
"""


def test_calls_are_found_over_several_lines_and_not_in_comments_or_tests() -> None:
    found = calls([SAMPLE])
    assert found == {
        ("cloudformation", "delete_stack"),
        ("streams", "get_shard_iterator"),
        ("s3", "head_bucket"),
        ("apigateway", "get_rest_api"),
    }
    assert actions(found) == {
        "cloudformation:DeleteStack",
        "iam:PassRole",
        "dynamodb:GetShardIterator",
        "s3:ListBucket",
        "apigateway:GET",
    }
    assert client_calls([SAMPLE]) == {"put_item", "get_item", "update_item"}


def test_an_unknown_verb_of_api_gateway_must_be_looked_up() -> None:
    with pytest.raises(AssertionError, match="HTTP verb"):
        actions({("apigateway", "flush_stage_cache")})


def test_the_step_function_may_do_what_its_code_calls_and_nothing_else(each_teardown: Synthesised) -> None:
    called = actions(calls(below(FUNCTIONS / "teardown" / "src")))
    granted = _granted(each_teardown, f"{each_teardown.stack.stack_name}-step")
    assert {"granted, never called": granted - called, "called, not granted": called - granted} == {
        "granted, never called": set(),
        "called, not granted": set(),
    }


def test_starter_and_operator_together_may_do_what_taskctl_calls_and_nothing_else(expiring: Synthesised) -> None:
    called = actions(calls(below(TASKCTL)) - BY_THE_CALLER)
    granted = {
        action
        for policy in expiring.of_type("AWS::IAM::ManagedPolicy").values()
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        for action in listed(statement["Action"])
    }
    assert granted == called


@pytest.mark.parametrize("binary", sorted(SERVICE_FUNCTIONS))
def test_a_service_function_may_do_what_its_code_calls_and_nothing_else(each: Synthesised, binary: str) -> None:
    operations = client_calls(below(FUNCTIONS / binary / "src"))
    called = actions((SERVICE_FUNCTIONS[binary], operation) for operation in operations)
    granted = _granted(each, f"{each.stack.stack_name}-{binary}") - BY_LAMBDA.get(binary, set())
    assert granted == called


def _granted(synthesised: Synthesised, function_name: str) -> set[str]:
    """The actions of a function's role, but for tracing and its own log."""
    function = synthesised.only("AWS::Lambda::Function", FunctionName=function_name)["Properties"]
    own_log = {"Fn::GetAtt": [function["LoggingConfig"]["LogGroup"]["Ref"], "Arn"]}
    role = synthesised.resources[function["Role"]["Fn::GetAtt"][0]]["Properties"]
    return {
        action
        for policy in role["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
        for action in listed(statement["Action"])
        if listed(statement["Resource"]) != [own_log]
    } - TRACING
