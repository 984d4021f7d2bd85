"""The machine that only plans: the states that a dry run enters, taken from the definition of the whole workflow.

IAM knows no condition on the input of StartExecution ("Actions, resources, and condition keys for AWS Step Functions"), so whoever may
start the workflow for a plan may start a deletion too. This machine cannot, whatever its input.
"""

import copy
from typing import Any

State = dict[str, Any]

_IS_DRY_RUN = "$states.input.request.dryRun = true"
# A dry run changes nothing, so it has nothing to put back.
_LEFT_OUT = "Restore"


def dry_run(definition: dict[str, Any]) -> dict[str, Any]:
    """Returns the definition without what only a real run enters."""
    states: dict[str, State] = definition["States"]
    start: str = definition["StartAt"]
    kept: dict[str, State] = {}
    waiting = [start]
    while waiting:
        name = waiting.pop()
        if name not in kept:
            kept[name] = _of_dry_run(states[name], instead=states[_LEFT_OUT]["Next"])
            waiting.extend(_next_of(kept[name]))
    kept[start]["Output"] = {"request": "{% " + _as_dry_run("$states.input") + " %}"}
    comment = "The dry run of the teardown, and nothing else: made from statemachine/teardown.asl.json."
    # In the order of the whole.
    return {**definition, "Comment": comment, "States": {name: kept[name] for name in states if name in kept}}


def _as_dry_run(request: str) -> str:
    # The step function judges an input that is no object.
    return f"$type({request}) = 'object' ? $merge([{request}, {{'dryRun': true}}]) : {request}"


def _of_dry_run(state: State, *, instead: str) -> State:
    state = copy.deepcopy(state)
    for catch in state.get("Catch", []):
        catch["Next"] = instead if catch["Next"] == _LEFT_OUT else catch["Next"]
    return _decided(state) if state["Type"] == "Choice" else state


def _decided(choice: State) -> State:
    """Leaves out the branches that a dry run never takes: those after one that it always takes, or takes in the same case."""
    rules: list[State] = []
    cases: set[tuple[str, ...]] = set()
    for rule in choice["Choices"]:
        terms = tuple(rule["Condition"].removeprefix("{%").removesuffix("%}").strip().split(" and "))
        case = tuple(term for term in terms if term != _IS_DRY_RUN)
        if not case:
            choice["Default"] = rule["Next"]
            break
        if case not in cases:
            rules.append(rule)
        cases.add(case)
    if rules:
        return {**choice, "Choices": rules}
    return {"Type": "Pass", "Next": choice["Default"]}


def _next_of(state: State) -> list[str]:
    branches = [*state.get("Choices", []), *state.get("Catch", [])]
    named = [state.get("Next"), state.get("Default"), *(branch["Next"] for branch in branches)]
    return [name for name in named if name is not None]
