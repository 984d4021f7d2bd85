"""Smoke test of ``admin.types``: a type that no service knows."""

from __future__ import annotations

import json

from local.tests.corrections.cloud_control.test_get_resource import code, got
from local.tests.stacks import Stack, fresh, refused, role


def invented(aws, **facts) -> str:
    """Returns the name of a fresh type; with facts it is registered."""
    kind = f"AWS::Harbour::Crane{fresh('x')[-8:]}"
    assert aws.call("POST", "/_local/type", {"type": kind, "facts": facts or None}).status == 200
    return kind


def test_a_type_that_is_not_registered(aws):
    kind = invented(aws)
    stack = Stack(aws, {"Crane": {"Type": kind, "Properties": {"Height": 40}}})
    described = {"Type": "RESOURCE", "TypeName": kind}
    assert refused(stack.cloudformation.describe_type, **described)[0] == "TypeNotFoundException"
    assert code(aws, kind, stack.physical("Crane")) == "TypeNotFoundException"
    assert stack.delete(RoleARN=role(aws)) == "DELETE_COMPLETE"


def test_its_deletion_can_fail(aws):
    kind = invented(aws)
    stack = Stack(aws, {"Crane": {"Type": kind}})
    refusal = {"status": 400, "code": "NotStabilized", "message": "it is in use"}
    rule = {
        "service": "cloudformation-handler",
        "action": kind,
        "match": stack.id,
        "times": -1,
        "effect": {"error": refusal},
    }
    aws.call("POST", "/_local/faults", rule)
    try:
        assert stack.delete() == "DELETE_FAILED"
        assert 'Resource handler returned message: "it is in use"' in stack.why("Crane")
        assert stack.delete(RetainResources=["Crane"]) == "DELETE_COMPLETE"
    finally:
        aws.call("DELETE", "/_local/faults")


def test_a_registered_type_is_found_and_needs_its_permissions(aws):
    handlers = {"read": {"permissions": ["harbour:GetCrane"]}, "delete": {"permissions": ["harbour:DeleteCrane"]}}
    kind = invented(aws, provisioningType="IMMUTABLE", primaryIdentifier=["/properties/CraneId"], handlers=handlers)
    stack = Stack(aws, {"Crane": {"Type": kind}})
    crane, described = stack.physical("Crane"), stack.cloudformation.describe_type(Type="RESOURCE", TypeName=kind)
    assert json.loads(described["Schema"])["handlers"] == handlers
    assert got(aws, kind, crane) == {"CraneId": crane}
    allowed = {"Effect": "Allow", "Resource": "*"}
    powerless = role(aws, "cloudformation.amazonaws.com", {**allowed, "Action": "harbour:GetCrane"})
    assert stack.delete(RoleARN=powerless) == "DELETE_FAILED"
    assert "not authorized to perform: harbour:DeleteCrane" in stack.why("Crane")
    able = role(aws, "cloudformation.amazonaws.com", {**allowed, "Action": "harbour:DeleteCrane"})
    assert stack.delete(RoleARN=able) == "DELETE_COMPLETE"
    assert code(aws, kind, crane) == "ResourceNotFoundException"


def test_a_type_of_a_service_stays_its_own(aws):
    assert aws.call("POST", "/_local/type", {"type": "AWS::SQS::Queue"}).status == 400
    assert aws.call("POST", "/_local/type", {"facts": {}}).status == 400
