"""The account's setting for API Gateway's logs, which has its own stack and outlives it."""

from conftest import Synthesised
from test_static_checks import findings, lint

SETTING = "AWS::ApiGateway::Account"


def test_the_role_and_the_setting_outlive_the_stack(account: Synthesised) -> None:
    assert {kept["DeletionPolicy"] for kept in account.resources.values()} == {"Retain"}
    assert sorted(kept["Type"] for kept in account.resources.values()) == [SETTING, "AWS::IAM::Role"]


def test_api_gateway_may_write_logs_with_the_role(account: Synthesised) -> None:
    (role_id,) = account.of_type("AWS::IAM::Role")
    setting = account.only(SETTING)
    assert setting["Properties"] == {"CloudWatchRoleArn": {"Fn::GetAtt": [role_id, "Arn"]}}
    role = account.resources[role_id]["Properties"]
    (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": "apigateway.amazonaws.com"}
    (policy,) = role["ManagedPolicyArns"]
    assert policy["Fn::Join"][1][-1] == ":iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"


def test_a_service_stack_leaves_the_setting_alone(each: Synthesised) -> None:
    """If every stack changed the shared setting, one of two stages deployed at the same time would fail."""
    assert each.of_type(SETTING) == {}


def test_cdk_nag_and_cfn_lint_find_nothing(account: Synthesised) -> None:
    assert findings(account.app) == set()
    run = lint(account.path)
    assert (run.returncode, run.stdout + run.stderr) == (0, "")
