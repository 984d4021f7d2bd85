"""Smoke test of ``logs.index_policies``: the calls, and the property of a template."""

from __future__ import annotations

import json

from local.tests.stacks import Stack, fresh, refused

FIELDS = {"Fields": ["requestId", "principal"]}


def group(name: str, **more) -> dict:
    return {"Log": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": name, **more}}}


def policies(aws, name: str) -> list[dict]:
    return aws.client("logs").describe_index_policies(logGroupIdentifiers=[name])["indexPolicies"]


def indexed(aws, name: str) -> list[dict]:
    return [json.loads(policy["policyDocument"]) for policy in policies(aws, name)]


def test_a_policy_is_put_replaced_and_deleted(aws):
    logs, name = aws.client("logs"), fresh("/indexed")
    logs.create_log_group(logGroupName=name)
    assert policies(aws, name) == []
    put = logs.put_index_policy(logGroupIdentifier=name, policyDocument=json.dumps(FIELDS))["indexPolicy"]
    assert put["lastUpdateTime"] > 0 and json.loads(put["policyDocument"]) == FIELDS
    assert (put["logGroupIdentifier"].split(":log-group:")[1], put["source"]) == (name, "LOG_GROUP")
    assert policies(aws, put["logGroupIdentifier"]) == [put]
    other = {"FieldsV2": {"status": {"type": "FACET"}}}
    logs.put_index_policy(logGroupIdentifier=name, policyDocument=json.dumps(other))
    assert indexed(aws, name) == [other]
    logs.delete_index_policy(logGroupIdentifier=name)
    assert policies(aws, name) == []


def test_what_is_refused(aws):
    logs, name = aws.client("logs"), fresh("/indexed")
    logs.create_log_group(logGroupName=name)
    for document in ("", "no", "[]", "{}", '{"Fields": []}', '{"Fields": "a"}', '{"Fields": [1]}', '{"Other": ["a"]}'):
        document = document or " "
        put = {"logGroupIdentifier": name, "policyDocument": document}
        assert refused(logs.put_index_policy, **put)[0] == "InvalidParameterException", document
    for fields in (
        {"Fields": [f"f{n}" for n in range(21)]},
        {"Fields": ["x" * 101]},
        {"Fields": ["a"], "FieldsV2": {"a": {"type": "FACET"}}},
        {"FieldsV2": {"a": {"type": "other"}}},
    ):
        put = {"logGroupIdentifier": name, "policyDocument": json.dumps(fields)}
        assert refused(logs.put_index_policy, **put)[0] == "InvalidParameterException", fields
    for call, more in (
        (logs.put_index_policy, {"policyDocument": json.dumps(FIELDS)}),
        (logs.delete_index_policy, {}),
    ):
        assert refused(call, logGroupIdentifier="/none", **more)[0] == "ResourceNotFoundException"
    assert refused(logs.describe_index_policies, logGroupIdentifiers=["/none"])[0] == "ResourceNotFoundException"
    rare = fresh("/rare")
    logs.create_log_group(logGroupName=rare, logGroupClass="INFREQUENT_ACCESS")
    put = {"logGroupIdentifier": rare, "policyDocument": json.dumps(FIELDS)}
    assert refused(logs.put_index_policy, **put)[0] == "InvalidParameterException"


def test_the_template_sets_it_and_takes_it_away(aws):
    name = fresh("/indexed")
    stack = Stack(aws, group(name, FieldIndexPolicies=[FIELDS]))
    assert indexed(aws, name) == [FIELDS]
    stack.update(group(name, FieldIndexPolicies=[{"Fields": ["status"]}]))
    stack.await_status("UPDATE_COMPLETE")
    assert indexed(aws, name) == [{"Fields": ["status"]}]
    stack.update(group(name, RetentionInDays=7))
    stack.await_status("UPDATE_COMPLETE")
    assert policies(aws, name) == []
    assert stack.delete() == "DELETE_COMPLETE"


def test_a_property_that_is_refused_fails_the_stack_and_leaves_no_group(aws):
    name = fresh("/indexed")
    stack = Stack(aws, group(name, FieldIndexPolicies=[{"Fields": []}]), expect="ROLLBACK_COMPLETE")
    assert "at least one" in stack.why("Log", "CREATE_FAILED")
    assert aws.client("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"] == []


def test_stock_drops_the_property_and_knows_no_call(stock):
    name = fresh("/indexed")
    Stack(stock, group(name, FieldIndexPolicies=[FIELDS]))
    logs = stock.client("logs")
    assert refused(logs.describe_index_policies, logGroupIdentifiers=[name])[0] == "InvalidOperationException"
