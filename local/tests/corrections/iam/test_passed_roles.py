"""Smoke test of ``iam.passed_roles``."""

from __future__ import annotations

from local.tests.aws import bootstrap
from local.tests.iam import LAMBDA, REGION, User, allow, fresh, machine, role
from local.tests.stacks import refused

DAILY = {"ScheduleExpression": "rate(1 day)", "FlexibleTimeWindow": {"Mode": "OFF"}}


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
