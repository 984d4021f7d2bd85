"""The machine that only plans, as it is made from the whole workflow: it enters no state that changes a service stack."""

import json

import pytest
from conftest import Synthesised
from test_teardown_checks import MACHINE

from teardown.contract import CONTRACT
from teardown.dry_run import dry_run

WHOLE = json.loads(MACHINE.read_text(encoding="utf-8"))
PLANNING = dry_run(WHOLE)["States"]


def test_the_plan_machine_enters_no_state_with_an_effect() -> None:
    effects = {state["name"]: state["effect"] for state in CONTRACT["states"]}
    # Reports what went wrong; where there is no Restore it comes after none.
    harmless = {name for name, effect in effects.items() if effect in ("nothing", "unreported", "reported")} | {"ReportFailure"}
    assert set(PLANNING) <= harmless - {"Approve"}
    steps = {state["Arguments"]["Payload"]["step"] for state in PLANNING.values() if ":lambda:" in state.get("Resource", "")}
    assert steps == {"resolve", "stabilise", "inventory", "preflight", "plan", "report", "report_failure"}


def test_the_plan_machine_asks_for_a_dry_run_whatever_it_is_asked_for() -> None:
    request = "$type($states.input) = 'object' ? $merge([$states.input, {'dryRun': true}]) : $states.input"
    assert PLANNING["Begin"] == {**WHOLE["States"]["Begin"], "Output": {"request": f"{{% {request} %}}"}}
    assert PLANNING["IsReal"] == {"Type": "Pass", "Next": "Report"}


def test_a_plan_of_a_stack_that_is_gone_is_reported_at_once() -> None:
    for name in ("IsThere", "IsStable"):
        after = [rule["Next"] for rule in PLANNING[name]["Choices"]]
        assert after[1:] == ["Report"]
        assert PLANNING[name]["Default"] == WHOLE["States"][name]["Default"]


def test_all_else_is_as_in_the_whole() -> None:
    changed = {name for name, state in PLANNING.items() if state != WHOLE["States"][name]}
    caught = {name for name, state in WHOLE["States"].items() if {"Restore"} & {it["Next"] for it in state.get("Catch", [])}}
    assert changed == {"Begin", "IsReal", "IsThere", "IsStable"} | caught & set(PLANNING)
    assert [name for name in WHOLE["States"] if name in PLANNING] == list(PLANNING)
    failing = {it["Next"] for state in PLANNING.values() for it in state.get("Catch", [])}
    assert failing == {"ReportFailure", "Announce", "IsGreen"}


def test_the_plan_machine_is_made_from_the_file(each_teardown: Synthesised) -> None:
    name = f"{each_teardown.stack.stack_name}-plan"
    machine = each_teardown.only("AWS::StepFunctions::StateMachine", StateMachineName=name)
    assert json.loads(machine["Properties"]["DefinitionString"]) == dry_run(WHOLE)


@pytest.mark.parametrize("condition", ["{% $states.input.request.dryRun = false %}", "{% $states.input.gone %}"])
def test_a_branch_that_a_dry_run_may_take_stays(condition: str) -> None:
    states = {
        "A": {"Type": "Choice", "Choices": [{"Condition": condition, "Next": "B"}], "Default": "Restore"},
        "B": {"Type": "Succeed"},
        "Restore": {"Type": "Pass", "Next": "B"},
    }
    assert set(dry_run({"StartAt": "A", "States": states})["States"]) == {"A", "B", "Restore"}
