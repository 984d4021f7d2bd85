"""Smoke test of ``cognito.user_pools``."""

from __future__ import annotations

import botocore.exceptions
import pytest

from local.tests.pools import POOL, domain
from local.tests.stacks import Stack


def described(aws, pool: str) -> dict:
    return aws.client("cognito-idp").describe_user_pool(UserPoolId=pool)["UserPool"]


def updated(aws, pool: str, **settings) -> str:
    """Updates a pool; returns the refusal, if it was one."""
    try:
        aws.client("cognito-idp").update_user_pool(UserPoolId=pool, **settings)
    except botocore.exceptions.ClientError as refused:
        return refused.response["Error"]["Message"]
    return ""


def protected() -> dict:
    return {**POOL, "Properties": {**POOL["Properties"], "DeletionProtection": "ACTIVE"}}


def test_an_update_sets_what_it_does_not_name_to_its_default(aws):
    stack = Stack(aws, {"Pool": protected()})
    pool = stack.physical("Pool")
    assert updated(aws, pool, DeletionProtection="INACTIVE") == ""
    now = described(aws, pool)
    assert now["AdminCreateUserConfig"] == {"AllowAdminCreateUserOnly": False}
    assert now["AutoVerifiedAttributes"] == []
    assert stack.delete() == "DELETE_COMPLETE"


def test_stock_keeps_what_an_update_does_not_name(stock):
    pool = Stack(stock, {"Pool": POOL}).physical("Pool")
    assert updated(stock, pool, DeletionProtection="INACTIVE") == ""
    assert described(stock, pool)["AutoVerifiedAttributes"] == ["email"]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"UserPoolTags": {"aws:cloudformation:stack-name": "x"}}, "aws: prefixed tag key names"),
        (
            {
                "AdminCreateUserConfig": {"UnusedAccountValidityDays": 7},
                "Policies": {"PasswordPolicy": {"TemporaryPasswordValidityDays": 7}},
            },
            "instead of UnusedAccountValidityDays",
        ),
    ],
)
def test_an_update_that_aws_refuses_changes_nothing(aws, settings, said):
    pool = Stack(aws, {"Pool": POOL}).physical("Pool")
    before = described(aws, pool)
    assert said in updated(aws, pool, **settings)
    assert described(aws, pool) == before


def test_a_protected_pool_or_one_with_a_domain_is_not_deleted(aws):
    stack, idp = Stack(aws, {"Pool": protected(), "Domain": domain()}), aws.client("cognito-idp")
    pool = stack.physical("Pool")
    with pytest.raises(idp.exceptions.InvalidParameterException, match="deletion protection is activated"):
        idp.delete_user_pool(UserPoolId=pool)
    assert updated(aws, pool, DeletionProtection="INACTIVE") == ""
    with pytest.raises(idp.exceptions.InvalidParameterException, match="has a domain configured"):
        idp.delete_user_pool(UserPoolId=pool)
    assert stack.delete() == "DELETE_COMPLETE"
