"""Tests of ``local.needed`` on made-up records: which calls miss a statement, and what the report says."""

from __future__ import annotations

import json

import pytest

from local import needed
from local.needed import Statement

TABLE = "arn:aws:dynamodb:us-east-1:000000000000:table/"


def recorded(*statements: dict, action: str = "dynamodb:GetItem", resource: str = TABLE + "a", **keys) -> dict:
    call = {
        "policies": ["p"],
        "principal": "arn:aws:sts::000000000000:assumed-role/r/s",
        "action": action,
        "resource": resource,
        "keys": keys,
    }
    return {"policies": {"p": {"source": "Role/Own", "document": {"Statement": list(statements)}}}, "calls": [call]}


def allow(actions, resource: str = "*", **conditions) -> dict:
    return {"Effect": "Allow", "Action": actions, "Resource": resource, "Condition": conditions}


def test_the_only_statement_that_allows_a_call_is_needed():
    found = needed.needed(recorded(allow("dynamodb:PutItem"), allow(["dynamodb:GetItem", "dynamodb:Query"])))
    assert found == {("Role/Own", 1): {"dynamodb:GetItem"}}


def test_of_two_that_allow_it_neither_is_needed():
    assert needed.needed(recorded(allow("dynamodb:GetItem"), allow("dynamodb:*"))) == {}


def test_resources_and_conditions_decide_as_they_did():
    by_key = {"StringEquals": {"aws:ResourceTag/stage": "dev"}}
    other, own = allow("dynamodb:GetItem", TABLE + "b"), allow("dynamodb:GetItem", TABLE + "a", **by_key)
    assert needed.needed(recorded(other, own)) == {}
    assert needed.needed(recorded(other, own, **{"aws:resourcetag/stage": "dev"})) == {("Role/Own", 1): {"dynamodb:GetItem"}}


def test_a_call_that_needs_what_no_template_wrote_misses_no_statement():
    by_hand = recorded(allow("dynamodb:GetItem"))
    by_hand["policies"]["p"]["source"] = None
    assert needed.needed(by_hand) == {}


@pytest.fixture
def reasons(monkeypatch: pytest.MonkeyPatch) -> dict:
    given: dict = {}
    monkeypatch.setattr(needed, "UNCALLED", given)
    return given


def test_every_action_of_every_statement_is_called_or_has_a_reason(reasons, capsys):
    everything = [Statement("Role1A/Own", 0, ("s3:GetObject", "s3:ListBucket")), Statement("Role1A/Own", 1, ("sns:Publish",))]
    called = {("Role1A/Own", 0): {"s3:GetObject"}}
    assert needed.report(everything, called) == 1
    said = capsys.readouterr().out
    assert "no call needs Role1A/Own[0] s3:ListBucket" in said
    assert "no call needs Role1A/Own[1] sns:Publish" in said
    assert "1 of 2 statements are needed" in said

    reasons |= {("Role", "s3:ListBucket"): "a reason", ("", "sns:Publish"): "another"}
    assert needed.report(everything, called) == 0
    assert "2 of 2 statements are needed" in capsys.readouterr().out


def test_a_reason_that_is_not_needed_any_more_is_told(reasons, capsys):
    reasons[("Role", "s3:GetObject")] = "nobody calls it"
    assert needed.report([Statement("Role1A/Own", 0, ("s3:GetObject",))], {("Role1A/Own", 0): {"s3:GetObject"}}) == 1
    assert "the reason for Role s3:GetObject is not needed" in capsys.readouterr().out


def test_statements_are_found_in_a_templates_roles_and_managed_policies():
    document = {"Statement": [{"Action": "a:B"}, {"Action": ["a:C", "a:D"]}]}
    resources = {
        "R": {"Type": "AWS::IAM::Role", "Properties": {"Policies": [{"PolicyName": "Own", "PolicyDocument": document}]}},
        "M": {"Type": "AWS::IAM::ManagedPolicy", "Properties": {"PolicyDocument": document}},
        "T": {"Type": "AWS::SNS::Topic"},
    }
    found = needed.statements(json.loads(json.dumps({"Resources": resources})))
    assert [str(s) for s in found] == ["R/Own[0] a:B", "R/Own[1] a:C, a:D", "M[0] a:B", "M[1] a:C, a:D"]
