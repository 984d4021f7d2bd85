"""Smoke test of ``admin.stack_state``."""

from __future__ import annotations

import pytest

from local.tests.stacks import Stack, role


@pytest.mark.parametrize(
    "status", ["ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_FAILED", "REVIEW_IN_PROGRESS", "CREATE_FAILED", "ROLLBACK_FAILED"]
)
def test_a_stack_can_be_put_into_a_state_and_is_deleted_from_it(aws, status):
    stack = Stack(aws, RoleARN=role(aws))
    put = aws.call("POST", "/_local/stack", {"stack": stack.name, "status": status, "reason": "r", "role": None})
    assert put.json["StackStatus"] == status and put.json["RoleARN"] == ""
    assert (stack.status, stack.described().get("RoleARN")) == (status, None)
    assert stack.delete() == "DELETE_COMPLETE"
    assert aws.call("POST", "/_local/stack", {"stack": "none", "status": status}).status == 400
    assert aws.call("POST", "/_local/stack", {"status": status}).status == 400
