"""Checks that every statement of the templates' policies is needed: ``python -m local.needed --decisions FILE TEMPLATE…``.

A statement is needed if some call that the recorded run was allowed would be denied without it. The emulator's own evaluator
decides that, on the policies as they were deployed. ``UNCALLED`` lists what no local run can call, with the reason.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass

_TRACING = (
    "AWS X-Ray is not emulated; the actions are those of its guides (\"Using AWS Lambda with AWS X-Ray\", \"X-Ray and Step "
    "Functions\")"
)
_SCHEMA = (
    "a delete handler's permission in CloudFormation's registry, which the emulated handlers do not all use; held by "
    "test_deleting_a_type_takes_what_cloudformations_registry_says (cdk/tests/test_teardown_permissions.py)"
)
_DESTINATION = "\"Retain discarded records for a DynamoDB event source in Lambda\" asks for it; nothing says when it is used"
_OLDER = (
    "asked for where a teardown stack has no output Services; the grant is held to taskctl's calls by cdk/tests/test_sdk_calls.py"
)

# The beginning of a role's or policy's logical id ("" for any) and one of its actions → why no run shows that it is needed.
UNCALLED: dict[tuple[str, str], str] = {
    **{
        ("", f"xray:{action}"): _TRACING
        for action in ("PutTraceSegments", "PutTelemetryRecords", "GetSamplingRules", "GetSamplingTargets")
    },
    ("AuditConsumerRole", "s3:ListBucket"): _DESTINATION,
    ("AccessOperator", "cloudformation:GetTemplate"): _OLDER,
    **{
        ("ExecutorRole", action): _SCHEMA
        for action in (
            "apigateway:GET",
            "cloudwatch:DescribeAlarms",
            "cloudwatch:GetDashboard",
            "cognito-idp:DescribeUserPoolDomain",
            "events:DescribeRule",
            "events:ListTargetsByRule",
            "iam:DetachRolePolicy",
            "iam:GetRole",
            "iam:ListAttachedRolePolicies",
            "iam:ListRolePolicies",
            "iam:TagRole",
            "iam:UntagRole",
            "lambda:GetFunction",
            "logs:DeleteDataProtectionPolicy",
            "logs:DescribeLogGroups",
            "s3:GetBucketPolicy",
            "s3:ListBucket",
        )
    },
}


@dataclass(frozen=True)
class Statement:
    """One statement of a template, by its policy (logical id and name) and its place in it."""

    policy: str
    place: int
    actions: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.policy}[{self.place}] {', '.join(self.actions)}"

    def reason(self) -> str | None:
        """Returns why it may go uncalled, if each of its actions may."""
        found = [_reason(self.policy, action) for action in self.actions]
        return found[0] if all(found) else None


def _reason(policy: str, action: str) -> str | None:
    return next((why for (role, name), why in UNCALLED.items() if policy.startswith(role) and name == action), None)


def statements(template: dict) -> Iterator[Statement]:
    for logical_id, resource in template["Resources"].items():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::IAM::Role":
            policies = [(f"{logical_id}/{p['PolicyName']}", p["PolicyDocument"]) for p in properties.get("Policies", [])]
        elif resource["Type"] == "AWS::IAM::ManagedPolicy":
            policies = [(logical_id, properties["PolicyDocument"])]
        else:
            continue
        for name, document in policies:
            for place, statement in enumerate(document["Statement"]):
                actions = statement["Action"]
                yield Statement(name, place, tuple([actions] if isinstance(actions, str) else actions))


def needed(recorded: dict) -> dict[tuple[str, int], set[str]]:
    """Returns, per statement, the actions of the calls that are denied without it."""
    from ministack.core import iam_evaluator

    parsed = {
        name: [
            (policy["source"], place, iam_evaluator.parse_policy_document({"Statement": [statement]}))
            for place, statement in enumerate(_listed(policy["document"]["Statement"]))
        ]
        for name, policy in recorded["policies"].items()
    }
    found: dict[tuple[str, int], set[str]] = {}
    for call in recorded["calls"]:
        context = _context(call)
        rules = [rule for name in call["policies"] for rule in parsed[name]]
        # A call can only miss a statement that allows it by itself.
        for source, place, own in rules:
            if source is None or iam_evaluator.evaluate(context, [own]).decision != "Allow":
                continue
            rest = [other for _, _, other in rules if other is not own]
            if iam_evaluator.evaluate(context, rest).decision != "Allow":
                found.setdefault((source, place), set()).add(call["action"])
    return found


def _context(call: dict):
    from ministack.core.iam_evaluator import EvalContext

    return EvalContext(
        principal_arn=call["principal"],
        principal_type="User" if ":user/" in call["principal"] else "AssumedRole",
        principal_account=call["principal"].split(":")[4],
        action=call["action"],
        resource_arn=call["resource"],
        region="us-east-1",
        service_context=call["keys"],
    )


def _listed(value) -> list:
    return value if isinstance(value, list) else [value]


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m local.needed", description=__doc__)
    parser.add_argument("--decisions", type=pathlib.Path, required=True, help="the answer of GET /_local/decisions")
    parser.add_argument("templates", type=pathlib.Path, nargs="+", help="the templates that were deployed")
    given = parser.parse_args(arguments)
    called = needed(json.loads(given.decisions.read_text()))
    all_of_them = [found for path in given.templates for found in statements(json.loads(path.read_text()))]
    return report(all_of_them, called)


def report(all_of_them: list[Statement], called: dict[tuple[str, int], set[str]]) -> int:
    """Prints the actions that are not needed and returns the exit code: 0 if all of them are."""
    failures, calls, reasons, idle_actions, granted = [], 0, 0, set(), set()
    for statement in all_of_them:
        seen = called.get((statement.policy, statement.place), set())
        idle = [action for action in statement.actions if action not in seen]
        idle_actions |= {(statement.policy, action) for action in idle}
        granted |= {(statement.policy, action) for action in statement.actions}
        failures += [
            f"no call needs {statement.policy}[{statement.place}] {action}"
            for action in idle
            if _reason(statement.policy, action) is None
        ]
        calls += bool(seen)
        reasons += not seen and statement.reason() is not None
    failures += [
        f"the reason for {role or 'any role'} {action} is not needed: something calls it"
        for role, action in UNCALLED
        if _any(granted, role, action) and not _any(idle_actions, role, action)
    ]
    print(*failures, sep="\n", end="\n" if failures else "")
    print(
        f"{calls + reasons} of {len(all_of_them)} statements are needed: {calls} because a recorded call is denied without them, "
        f"{reasons} for a reason on the list"
    )
    return 1 if failures else 0


def _any(actions: set[tuple[str, str]], role: str, action: str) -> bool:
    return any(policy.startswith(role) and name == action for policy, name in actions)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
