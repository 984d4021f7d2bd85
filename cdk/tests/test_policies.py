"""Checks every policy of both templates against the Service Authorization Reference.

If an action does not support its statement's resource or condition, the statement grants nothing, or restricts nothing.
"""

import json

import pytest
from conftest import Synthesised
from iam_facts import (
    Permission,
    can_meet,
    condition_keys,
    documents,
    fits_a_type,
    has_key,
    permissions,
    resource_types,
)


@pytest.fixture(scope="session", params=["dev", "prod", "teardown", "expiring", "crowd"])
def any_stack(request: pytest.FixtureRequest) -> Synthesised:
    return request.getfixturevalue(request.param)


def test_a_star_stands_only_where_iam_allows_nothing_else_and_every_arn_fits_its_action(any_stack: Synthesised) -> None:
    assert _all(any_stack)
    for permission in _all(any_stack):
        assert not _misplaced(permission), permission


def test_every_condition_is_on_a_key_that_the_actions_requests_have(any_stack: Synthesised) -> None:
    for permission in _all(any_stack):
        assert _keys_unknown(permission) == set(), permission


def test_a_condition_that_denies_for_ever_is_found() -> None:
    """The operator's policy once had this condition, but only the task token says which execution is answered."""
    tag = {"StringEquals": {"aws:ResourceTag/aws:cloudformation:stack-id": "x"}}
    answer = Permission("states:SendTaskSuccess", "*", json.dumps(tag))
    assert _keys_unknown(answer) == {"aws:ResourceTag/aws:cloudformation:stack-id"}
    backup = "arn:aws:dynamodb:us-east-1:123456789012:table/x/backup/01"
    by_tag = {"StringEqualsIfExists": {"aws:ResourceTag/stage": "dev"}}
    assert _keys_unknown(Permission("dynamodb:DescribeBackup", backup, json.dumps(by_tag)))
    assert not _keys_unknown(Permission("dynamodb:DeleteTable", backup.split("/backup")[0], json.dumps(by_tag)))


def test_a_resource_that_an_action_does_not_take_is_found() -> None:
    table = "arn:aws:dynamodb:us-east-1:123456789012:table/x"
    assert _misplaced(Permission("dynamodb:GetRecords", table, "{}"))
    assert not _misplaced(Permission("dynamodb:GetRecords", f"{table}*", "{}"))
    assert _misplaced(Permission("dynamodb:PutItem", "*", "{}"))
    assert not _misplaced(Permission("dynamodb:ListStreams", "*", "{}"))


@pytest.mark.parametrize(
    ("one", "other", "meet"),
    [
        ("a*c", "abc", True),
        ("a*", "*c", True),
        ("a*/stream/*", "a*", True),
        ("a/stream/*", "a/table", False),
        ("*", "", True),
        ("ab", "a", False),
    ],
)
def test_patterns_meet_when_a_text_matches_both(one: str, other: str, meet: bool) -> None:
    assert can_meet(one, other) == can_meet(other, one) == meet


def _all(synthesised: Synthesised) -> set[Permission]:
    return {found for document in documents(synthesised) for found in permissions(synthesised, document)}


def _misplaced(permission: Permission) -> bool:
    if "*" in permission.action:
        return True
    if permission.resource == "*":
        return resource_types(permission.action) != []
    return not fits_a_type(permission.action, permission.resource)


def _keys_unknown(permission: Permission) -> set[str]:
    known = condition_keys(permission.action, permission.resource)
    used = {key for tests in json.loads(permission.conditions).values() for key in tests}
    return {key for key in used if not has_key(known, key)}
