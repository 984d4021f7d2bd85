"""The teardown stack's resources, and that it depends on nothing that may be gone when it is needed."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from conftest import Synthesised, TeardownProject
from iam_facts import rendered, role_document

from teardown.contract import CONTRACT, LIMITS, RANGES
from teardown.executor import DELETE_ACTIONS
from teardown.expiry import expiry_input, notice_at
from teardown.workflow import EVENT_SOURCE


def test_cloudformation_gets_no_role_to_remember(each_teardown: Synthesised) -> None:
    """A stored execution role is what makes a stack undeletable once the role is gone."""
    assembly = each_teardown.app.synth()
    manifest = assembly.get_stack_by_name(each_teardown.stack.stack_name).manifest.properties
    assert manifest.cloud_formation_execution_role_arn is None
    assert manifest.assume_role_arn is None
    assert manifest.lookup_role is None
    assert "Rules" not in each_teardown.template.to_json()
    assert "Parameters" not in each_teardown.template.to_json()


def test_it_needs_no_custom_resource_and_no_other_stack(each_teardown: Synthesised) -> None:
    text = json.dumps(each_teardown.template.to_json())
    assert "Custom::" not in text
    assert "Fn::ImportValue" not in text
    assert "Fn::GetStackOutput" not in text


@pytest.mark.parametrize("end", ["", "-plan"])
def test_each_machine_is_standard_logged_without_data_and_traced(each_teardown: Synthesised, end: str) -> None:
    machine = _machine(each_teardown, end)
    assert machine["StateMachineType"] == "STANDARD"
    assert machine["TracingConfiguration"] == {"Enabled": True}
    logging = machine["LoggingConfiguration"]
    assert (logging["Level"], logging["IncludeExecutionData"]) == ("ALL", False)
    group = logging["Destinations"][0]["CloudWatchLogsLogGroup"]["LogGroupArn"]["Fn::GetAtt"][0]
    name = each_teardown.resources[group]["Properties"]["LogGroupName"]
    assert name == f"/aws/vendedlogs/states/{each_teardown.stack.stack_name}{end}"


@pytest.mark.parametrize(("end", "function"), [("", "step"), ("-plan", "plan")])
def test_the_definition_is_the_file_with_every_placeholder_filled(teardown: Synthesised, end: str, function: str) -> None:
    machine = _machine(teardown, end)
    version = _version(teardown, function)
    assert machine["DefinitionSubstitutions"] == {
        "Partition": {"Ref": "AWS::Partition"},
        "StepFunctionArn": {"Ref": version},
    }
    assert "DefinitionS3Location" not in machine
    states = json.loads(machine["DefinitionString"])["States"]
    invoked = [
        state["Arguments"]["FunctionName"]
        for state in states.values()
        if state.get("Resource", "").startswith("arn:${Partition}:states:::lambda:invoke")
    ]
    assert set(invoked) == {"${StepFunctionArn}"}


def test_an_execution_under_way_keeps_the_code_it_began_with(
    teardown: Synthesised, teardown_project: TeardownProject, tmp_path: Path
) -> None:
    """Otherwise, a deployment in the middle of a run could stop its Restore with a value that the new code does not know."""
    # Another function is another version, beside the one that is retained.
    other, _ = teardown_project.build(tmp_path, drainSeconds="1200")
    of_other = other.synth().get_stack_by_name("tasks-teardown").template["Resources"]
    for function in ("step", "plan"):
        version = _version(teardown, function)
        assert teardown.resources[version]["DeletionPolicy"] == "Retain"
        assert teardown.resources[version]["UpdateReplacePolicy"] == "Retain"
        assert version not in of_other


def test_every_step_is_invoked_again_when_lambda_is_not_well_or_not_ready(teardown: Synthesised) -> None:
    """ "Handle Lambda service exceptions"; and those of Invoke while the function is changed or woken up."""
    machine = json.loads(_machine(teardown)["DefinitionString"])
    steps = [state for state in machine["States"].values() if state.get("Resource", "").endswith(":lambda:invoke")]
    assert len(steps) == len(CONTRACT["steps"])
    for state in steps:
        (retry,) = state["Retry"]
        assert {
            "Lambda.ClientExecutionTimeoutException",
            "Lambda.ServiceException",
            "Lambda.AWSLambdaException",
            "Lambda.SdkClientException",
            "Lambda.TooManyRequestsException",
            "Lambda.ResourceConflictException",
            "Lambda.ResourceNotReadyException",
            "Transient",
        } <= set(retry["ErrorEquals"])


def test_a_backup_is_begun_only_after_the_time_that_freeze_said(teardown: Synthesised) -> None:
    """CreateBackup promises what was written more than a minute before; tests/e2e/teardown holds the time itself."""
    machine = json.loads(_machine(teardown)["DefinitionString"])
    states = machine["States"]
    before = [name for name, state in states.items() if "Backup" in (state.get("Next"), state.get("Default"))]
    assert before == ["WaitSettled", "WaitBackup"]
    assert states["WaitSettled"]["Timestamp"] == "{% $fromMillis($states.input.backupFrom) %}"


def test_what_ends_a_run_without_restore_comes_after_all_that_it_may_wait_for(teardown: Synthesised) -> None:
    """A service frozen by it would stay frozen."""
    machine = json.loads(_machine(teardown)["DefinitionString"])
    rounds, freezes = LIMITS["rounds"], LIMITS["freezes"]
    waits = [
        ("WaitStable", LIMITS["stableSeconds"], 1),
        ("WaitDrained", RANGES["drainSeconds"]["most"], freezes),
        ("WaitBackup", LIMITS["backupSeconds"], freezes),
        ("WaitDeleted", RANGES["watchSeconds"]["most"], rounds),
        ("WaitProven", LIMITS["goingSeconds"], 1),
    ]
    # WaitSettled, a minute and a half per freeze, included.
    steps_and_their_retries = 3_600
    (retry,) = machine["States"]["Restore"]["Retry"]
    pauses = [min(retry["IntervalSeconds"] * 2**n, retry["MaxDelaySeconds"]) for n in range(retry["MaxAttempts"])]
    assert 3 * 3_600 <= sum(pauses) + LIMITS["lastCallSeconds"] * len(pauses), "Restore tries for hours"
    total = sum(seconds * times for _, seconds, times in waits) + machine["States"]["Approve"]["TimeoutSeconds"]
    restore = sum(pauses) + machine["States"]["Restore"]["TimeoutSeconds"] * len(pauses)
    assert total + LIMITS["lastCallSeconds"] + restore + steps_and_their_retries <= machine["TimeoutSeconds"]

    # "Avoid reaching the history quota": 25,000 events end an execution. Around a wait: five of the task, two each of the
    # choice and the wait.
    def looks(wait: str, seconds: int) -> int:
        form = r"\{% \$states\.input\.states\[-1\]\.times < (\d+) \? (\d+) : (\d+) %\}"
        many, short, long = map(int, re.fullmatch(form, machine["States"][wait]["Seconds"]).groups())
        return many + max(0, seconds - many * short) // long + 1

    events = 9 * sum(looks(wait, seconds) * times for wait, seconds, times in waits)
    steps_and_their_retries = 4_000
    assert events + steps_and_their_retries <= 25_000


def test_the_step_function_knows_what_the_interfaces_say(teardown: Synthesised, expiring: Synthesised) -> None:
    for synthesised, services, architecture, seconds in (
        (teardown, "tasks-dev", "arm64", ("600", "7200")),
        (expiring, "tasks-blue", "x86_64", ("30", "90")),
    ):
        name = synthesised.stack.stack_name
        function = synthesised.only("AWS::Lambda::Function", FunctionName=f"{name}-step")["Properties"]
        assert (function["Runtime"], function["Handler"]) == ("provided.al2023", "bootstrap")
        assert function["Architectures"] == [architecture]
        assert (function["Timeout"], function["MemorySize"]) == (LIMITS["functionSeconds"], 256)
        environment = function["Environment"]["Variables"]
        assert synthesised.resources[environment.pop("EVIDENCE_TABLE")["Ref"]]["Type"] == "AWS::DynamoDB::Table"
        reports = synthesised.resources[environment.pop("REPORT_LOG_GROUP")["Ref"]]["Properties"]
        assert reports["LogGroupName"] == f"/{name}/report"
        executor = synthesised.resources[environment.pop("EXECUTOR_ROLE_ARN")["Fn::GetAtt"][0]]["Properties"]
        assert executor["RoleName"] == f"{name}-executor"
        powerless = synthesised.resources[environment.pop("POWERLESS_ROLE_ARN")["Fn::GetAtt"][0]]["Properties"]
        assert powerless["RoleName"] == f"{name}-powerless"
        assert environment.pop("KINDS").split(",") == list(DELETE_ACTIONS)
        assert environment == {
            "RUST_LOG": "info",
            "SERVICES": services,
            "TEARDOWN_STACK": name,
            "DRAIN_SECONDS": seconds[0],
            "WATCH_SECONDS": seconds[1],
        }


def test_the_evidence_goes_with_the_stack_and_the_reports_stay(each_teardown: Synthesised) -> None:
    name = each_teardown.stack.stack_name
    table = each_teardown.only("AWS::DynamoDB::Table", TableName=f"{name}-evidence")
    assert table["DeletionPolicy"] == "Delete"
    # Lifted by `taskctl teardown finish`.
    assert table["Properties"]["DeletionProtectionEnabled"] is True
    assert table["Properties"]["BillingMode"] == "PAY_PER_REQUEST"
    assert table["Properties"]["KeySchema"] == [
        {"AttributeName": "PK", "KeyType": "HASH"},
        {"AttributeName": "SK", "KeyType": "RANGE"},
    ]
    groups = {
        group["Properties"]["LogGroupName"]: (group["DeletionPolicy"], group["Properties"]["RetentionInDays"])
        for group in each_teardown.of_type("AWS::Logs::LogGroup").values()
    }
    assert groups == {
        f"/{name}/report": ("Retain", 365),
        f"/{name}/function": ("Delete", 90),
        f"/{name}/plan-function": ("Delete", 90),
        f"/aws/vendedlogs/states/{name}": ("Delete", 90),
        f"/aws/vendedlogs/states/{name}-plan": ("Delete", 90),
    }


def test_a_disposable_evidence_table_can_be_deleted_with_its_stack(teardown_project: TeardownProject, tmp_path: Path) -> None:
    disposable = teardown_project.synthesise(tmp_path, evidenceProtection="false")
    table = disposable.only("AWS::DynamoDB::Table", TableName="tasks-teardown-evidence")
    assert table["Properties"]["DeletionProtectionEnabled"] is False


def test_only_the_reports_are_left_behind(each_teardown: Synthesised) -> None:
    kept = [
        resource["Type"]
        for resource in each_teardown.resources.values()
        if resource.get("DeletionPolicy", "Delete") != "Delete"
    ]
    # A version is no more than its function, which goes.
    assert sorted(kept) == ["AWS::Lambda::Version", "AWS::Lambda::Version", "AWS::Logs::LogGroup"]


def test_an_execution_that_ends_red_or_is_broken_off_is_an_alarm(
    teardown: Synthesised, teardown_project: TeardownProject, tmp_path: Path
) -> None:
    """One that was stopped or timed out restored nothing."""
    machine = _machine_id(teardown)
    watched = {}
    for alarm in teardown.of_type("AWS::CloudWatch::Alarm").values():
        given = alarm["Properties"]
        assert (given["Threshold"], given["TreatMissingData"]) == (1, "notBreaching")
        assert "AlarmActions" not in given
        metrics = [metric["MetricStat"]["Metric"] for metric in given.get("Metrics", []) if "MetricStat" in metric] or [given]
        assert all(metric["Dimensions"] == [{"Name": "StateMachineArn", "Value": {"Ref": machine}}] for metric in metrics)
        watched[given["AlarmName"]] = sorted(metric["MetricName"] for metric in metrics)
    assert watched == {
        "tasks-teardown-red": ["ExecutionsFailed"],
        "tasks-teardown-broken-off": ["ExecutionsAborted", "ExecutionsTimedOut"],
    }
    topic = "arn:aws:sns:ap-southeast-1:123456789012:operators"
    told = teardown_project.synthesise(tmp_path, alarmTopicArn=topic).of_type("AWS::CloudWatch::Alarm").values()
    assert [alarm["Properties"]["AlarmActions"] for alarm in told] == [[topic], [topic]]


def test_every_name_begins_with_the_stacks(each_teardown: Synthesised) -> None:
    """Two teardown stacks live side by side."""
    named = ("FunctionName", "LogGroupName", "TableName", "RoleName", "StateMachineName", "ManagedPolicyName", "Name", "AlarmName")
    name = each_teardown.stack.stack_name
    names = [
        value
        for resource in each_teardown.resources.values()
        for key, value in resource["Properties"].items()
        if key in named and not isinstance(value, dict)
    ]
    assert len(names) >= 9
    for value in names:
        assert value.removeprefix("/aws/vendedlogs/states").removeprefix("/").startswith(name)


def test_the_outputs_are_those_of_the_interfaces(teardown: Synthesised, expiring: Synthesised) -> None:
    always = {
        "StateMachineArn",
        "PlanMachineArn",
        "StepFunction",
        "EvidenceTable",
        "ReportLogGroup",
        "ExecutorRoleArn",
        "PlannerPolicyArn",
        "StarterPolicyArn",
        "OperatorPolicyArn",
        "Services",
    }
    assert set(teardown.template.to_json()["Outputs"]) == always
    assert expiring.template.to_json()["Outputs"]["Services"]["Value"] == "tasks-blue"
    assert set(expiring.template.to_json()["Outputs"]) == always | {"ExpiryScheduleName"}


def test_without_an_expiry_nothing_starts_by_itself(teardown: Synthesised) -> None:
    assert teardown.of_type("AWS::Scheduler::Schedule") == {}
    assert teardown.of_type("AWS::Events::Rule") == {}


def test_an_expiry_starts_the_machine_once_after_the_time_asked_for(expiring: Synthesised) -> None:
    schedule = expiring.only("AWS::Scheduler::Schedule", Name="shop-undo-expiry")["Properties"]
    assert schedule["ScheduleExpression"] == "at(2030-02-03T12:00:00)"
    assert schedule["ScheduleExpressionTimezone"] == "UTC"
    assert schedule["FlexibleTimeWindow"] == {"Mode": "OFF"}
    machine = _machine_id(expiring)
    assert schedule["Target"]["Arn"] == {"Ref": machine}
    role = expiring.resources[schedule["Target"]["RoleArn"]["Fn::GetAtt"][0]]["Properties"]
    start, _ = role_document({"Properties": role})["Statement"]
    assert start == {"Action": "states:StartExecution", "Effect": "Allow", "Resource": {"Ref": machine}}


def test_an_expiry_is_announced_on_the_event_bus_with_the_command_that_puts_it_off(expiring: Synthesised) -> None:
    notice = expiring.only("AWS::Scheduler::Schedule", Name="shop-undo-expiry-notice")["Properties"]
    assert notice["ScheduleExpression"] == "at(2030-02-03T06:00:00)", "six hours ahead"
    target = notice["Target"]
    assert rendered(expiring, target["Arn"]).endswith(":event-bus/default")
    assert target["EventBridgeParameters"] == {"Source": EVENT_SOURCE, "DetailType": "Teardown expires soon"}
    assert json.loads(target["Input"]) == {
        "stack": "tasks-blue",
        "expiresAt": "2030-02-03T12:00:00Z",
        "hoursAhead": 6,
        "extend": "taskctl --teardown-stack shop-undo expiry extend 24h",
        "cancel": "taskctl --teardown-stack shop-undo expiry cancel",
    }
    role = expiring.resources[target["RoleArn"]["Fn::GetAtt"][0]]["Properties"]
    _, put = role_document({"Properties": role})["Statement"]
    assert put["Action"] == "events:PutEvents"
    assert rendered(expiring, put["Resource"]) == rendered(expiring, target["Arn"])
    assert put["Condition"] == {
        "StringEquals": {"events:source": EVENT_SOURCE, "events:detail-type": "Teardown expires soon"}
    }


@pytest.mark.parametrize(("minutes", "hours", "ahead"), [(4320, 24, 1440), (1440, 24, 720), (5, 1, 2.5)])
def test_a_notice_comes_half_way_where_an_expiry_is_soon(minutes: int, hours: int, ahead: float) -> None:
    now, expires_in = datetime(2030, 1, 31, tzinfo=UTC), timedelta(minutes=minutes)
    at = notice_at(now=now, expires_in=expires_in, hours=hours)
    assert now + expires_in - at == timedelta(minutes=ahead)


def test_an_expiry_confirms_its_one_service_and_consents_to_nothing_more(expiring: Synthesised) -> None:
    schedule = expiring.only("AWS::Scheduler::Schedule", Name="shop-undo-expiry")["Properties"]
    request = json.loads(schedule["Target"]["Input"])
    assert request == expiry_input("tasks-blue")
    assert (request["stack"], request["confirm"]) == ("tasks-blue", "tasks-blue")
    assert set(request) == {field["name"] for field in CONTRACT["request"]}
    consents = [field["name"] for field in CONTRACT["request"] if field.get("consent")]
    assert len(consents) == 4
    for consent in consents:
        assert request[consent] is False
    for care in ("backup", "keepAuditLog", "systemBackup"):
        assert request[care] is True
    assert (request["dryRun"], request["approval"], request["planHash"]) == (False, False, None)


@pytest.mark.parametrize("principal", ["scheduler.amazonaws.com", "states.amazonaws.com"])
def test_only_this_accounts_resources_may_use_the_roles(expiring: Synthesised, principal: str) -> None:
    trusts = [
        role["Properties"]["AssumeRolePolicyDocument"]["Statement"][0]
        for role in expiring.of_type("AWS::IAM::Role").values()
        if role["Properties"]["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]["Service"] == principal
    ]
    assert trusts
    for trust in trusts:
        assert trust["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
        assert "aws:SourceArn" in trust["Condition"]["ArnEquals"]


def _machine_id(synthesised: Synthesised, end: str = "") -> str:
    wanted = f"{synthesised.stack.stack_name}{end}"
    machines = synthesised.of_type("AWS::StepFunctions::StateMachine").items()
    (found,) = [name for name, machine in machines if machine["Properties"]["StateMachineName"] == wanted]
    return found


def _machine(synthesised: Synthesised, end: str = "") -> dict:
    return synthesised.resources[_machine_id(synthesised, end)]["Properties"]


def _version(synthesised: Synthesised, function: str) -> str:
    """Returns the version of a function, by the end of the function's name."""
    wanted = f"{synthesised.stack.stack_name}-{function}"
    (found,) = [
        name
        for name, version in synthesised.of_type("AWS::Lambda::Version").items()
        if synthesised.resources[version["Properties"]["FunctionName"]["Ref"]]["Properties"]["FunctionName"] == wanted
    ]
    return found
