"""Smoke test of ``admin.cognito``, and of the door before a pool's keys."""

from __future__ import annotations

import pytest

from local.tests.pools import MACHINES, kids, machine_token, parts
from local.tests.stacks import Stack


@pytest.fixture(scope="module")
def stack(aws):
    return Stack(aws, MACHINES)


def test_a_token_is_signed_with_a_key_of_the_set_and_names_aws_as_its_issuer(aws, stack):
    pool = stack.physical("Pool")
    header, claims = parts(machine_token(aws, stack))
    assert header["kid"] in kids(aws, pool)
    assert claims["iss"] == f"https://cognito-idp.us-east-1.amazonaws.com/{pool}"
    assert (claims["client_id"], claims["scope"]) == (stack.physical("Client"), "tasks/read")
    assert "aud" not in claims


@pytest.mark.parametrize(("given", "stays"), [({}, True), ({"keepOld": False}, False)])
def test_a_rotated_key_signs_no_more_and_stays_in_the_set_unless_told_otherwise(aws, stack, given, stays):
    pool = stack.physical("Pool")
    old, _ = parts(machine_token(aws, stack))
    answer = aws.call("POST", "/_local/cognito/rotate", {"pool": pool, **given}).json
    new, _ = parts(machine_token(aws, stack))
    assert new["kid"] != old["kid"]
    assert answer["kids"] == kids(aws, pool)
    assert new["kid"] in answer["kids"]
    assert (old["kid"] in answer["kids"]) == stays


def test_any_claims_are_signed(aws, stack):
    pool, claims = stack.physical("Pool"), {"iss": "https://elsewhere.example", "exp": 1}
    token = aws.call("POST", "/_local/cognito/token", {"pool": pool, "claims": claims}).json["token"]
    header, signed = parts(token)
    assert signed == claims
    assert header["kid"] in kids(aws, pool)


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("rotate", {"pool": "us-east-1_none"}, "there is no user pool"),
        ("rotate", {"pool": "us-east-1_none", "now": True}, "keepOld"),
        ("rotate", None, "pool"),
        ("token", {"pool": "us-east-1_none", "claims": {}}, "there is no user pool"),
    ],
)
def test_what_makes_no_sense_is_refused(aws, path, body, said):
    answer = aws.call("POST", f"/_local/cognito/{path}", body)
    assert answer.status == 400
    assert said in answer.json["error"]


def test_a_fetch_of_the_keys_is_recorded_and_meets_the_faults(aws, stack):
    path = f"/{stack.physical('Pool')}/.well-known/jwks.json"
    aws.call("DELETE", "/_local/calls")
    failure = {"status": 503, "code": "ServiceUnavailable"}
    aws.call("POST", "/_local/faults", {"action": "jwks.json", "effect": {"error": failure}})
    assert [aws.call("GET", path).status for _ in range(2)] == [503, 200]
    calls = [call for call in aws.call("GET", "/_local/calls").json if call["action"] == "jwks.json"]
    assert [(call["service"], call["status"]) for call in calls] == [("cognito-idp", 503), ("cognito-idp", 200)]
    aws.call("DELETE", "/_local/faults")


def test_tokens_and_keys_need_no_signature_with_iam_on(iam):
    stack = Stack(iam, MACHINES)
    header, _ = parts(machine_token(iam, stack))
    assert header["kid"] in kids(iam, stack.physical("Pool"))
