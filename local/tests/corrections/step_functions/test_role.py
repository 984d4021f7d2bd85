"""Smoke test of ``step_functions.role``."""

from __future__ import annotations

from local.corrections.step_functions.role import LOG_DELIVERY
from local.tests.aws import Launcher, until
from local.tests.iam import LAMBDA, REGION, allow, fresh, function, let, machine, role
from local.tests.stacks import refused


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


def test_a_version_of_a_function_is_a_resource_of_its_own(iam):
    called = function(iam, role(iam, LAMBDA))
    version = iam.client("lambda").publish_version(FunctionName=called)["FunctionArn"]
    plain = f"arn:aws:lambda:{REGION}:function:{called}"
    for allowed, status in ((plain, "FAILED"), (f"{plain}:*", "SUCCEEDED")):
        acting = role(iam, "states.amazonaws.com", allow("lambda:InvokeFunction", allowed))
        arn = iam.client("stepfunctions").create_state_machine(**machine(iam, acting, invoking(version)))["stateMachineArn"]
        assert ended(iam, arn)["status"] == status


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
