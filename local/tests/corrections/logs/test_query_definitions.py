"""Smoke test of ``logs.query_definitions``: the calls, and the type of a template."""

from __future__ import annotations

import botocore.exceptions
import pytest

from local.tests.stacks import Stack, fresh, own_account, refused

QUERY = "fields @timestamp, level | filter level = 'ERROR'"


def resources(name: str, **more) -> dict:
    properties = {"Name": name, "QueryString": QUERY, **more}
    return {"Saved": {"Type": "AWS::Logs::QueryDefinition", "Properties": properties}}


def saved(aws, prefix: str, account: str = "test") -> list[dict]:
    logs = aws.client("logs", account=account)
    return logs.describe_query_definitions(queryDefinitionNamePrefix=prefix)["queryDefinitions"]


def test_a_definition_is_created_replaced_and_deleted(aws):
    logs, name = aws.client("logs"), fresh("query")
    groups, parameters = ["/a", "/b"], [{"name": "level", "defaultValue": "ERROR"}]
    given = logs.put_query_definition(name=name, queryString=QUERY, logGroupNames=groups, parameters=parameters)
    [found] = saved(aws, name)
    assert found.pop("lastModified") > 0
    assert found == {
        "queryDefinitionId": given["queryDefinitionId"],
        "name": name,
        "queryString": QUERY,
        "queryLanguage": "CWLI",
        "logGroupNames": groups,
        "parameters": parameters,
    }
    logs.put_query_definition(queryDefinitionId=given["queryDefinitionId"], name=f"{name}-b", queryString="stats count()")
    [found] = saved(aws, name)
    assert (found["name"], found["queryString"], found["logGroupNames"]) == (f"{name}-b", "stats count()", [])
    assert "parameters" not in found
    assert logs.delete_query_definition(queryDefinitionId=given["queryDefinitionId"])["success"]
    assert saved(aws, name) == []


def test_what_is_refused(aws):
    logs = aws.client("logs")
    absent = {"queryDefinitionId": "none"}
    assert refused(logs.delete_query_definition, **absent)[0] == "ResourceNotFoundException"
    assert refused(logs.put_query_definition, name="a", queryString="b", **absent)[0] == "ResourceNotFoundException"
    assert refused(logs.put_query_definition, name="a", queryString="b" * 10_001)[0] == "InvalidParameterException"
    assert refused(logs.put_query_definition, name="a" * 256, queryString="b")[0] == "InvalidParameterException"


def test_a_repeated_request_creates_one(aws):
    logs, name = aws.client("logs"), fresh("query")
    given = [logs.put_query_definition(name=name, queryString=QUERY, clientToken=f"{name:x<36}") for _ in range(2)]
    assert given[0]["queryDefinitionId"] == given[1]["queryDefinitionId"] == saved(aws, name)[0]["queryDefinitionId"]
    assert len(saved(aws, name)) == 1


def test_the_list_comes_in_pages_and_is_the_accounts_own(aws):
    account, other = own_account(), own_account()
    logs = aws.client("logs", account=account)
    for number in range(3):
        logs.put_query_definition(name=f"q{number}", queryString=QUERY)
    first = logs.describe_query_definitions(maxResults=2)
    assert len(first["queryDefinitions"]) == 2
    rest = logs.describe_query_definitions(maxResults=2, nextToken=first["nextToken"])
    assert [one["name"] for one in rest["queryDefinitions"]] == ["q2"] and "nextToken" not in rest
    assert saved(aws, "q", other) == []


def test_a_template_creates_updates_and_deletes_it(aws):
    name = fresh("query")
    parameters = [{"Name": "level", "DefaultValue": "ERROR"}]
    stack = Stack(
        aws,
        resources(name, LogGroupNames=["/a"], Parameters=parameters),
        outputs={"Ref": {"Value": {"Ref": "Saved"}}, "Id": {"Value": {"Fn::GetAtt": ["Saved", "QueryDefinitionId"]}}},
    )
    [found] = saved(aws, name)
    assert (found["logGroupNames"], found["queryString"]) == (["/a"], QUERY)
    assert found["parameters"] == [{"name": "level", "defaultValue": "ERROR"}]
    assert stack.physical("Saved") == found["queryDefinitionId"]
    assert {output["OutputValue"] for output in stack.described()["Outputs"]} == {found["queryDefinitionId"]}

    stack.update(resources(f"{name}-b"))
    stack.await_status("UPDATE_COMPLETE")
    [updated] = saved(aws, name)
    assert (updated["name"], updated["logGroupNames"]) == (f"{name}-b", [])
    assert updated["queryDefinitionId"] == found["queryDefinitionId"]
    assert stack.delete() == "DELETE_COMPLETE"
    assert saved(aws, name) == []


def test_a_definition_that_is_gone_does_not_hold_its_stack_up(aws):
    stack = Stack(aws, resources(fresh("query")))
    aws.client("logs").delete_query_definition(queryDefinitionId=stack.physical("Saved"))
    assert stack.delete() == "DELETE_COMPLETE"


def test_a_property_that_is_refused_fails_the_stack(aws):
    stack = Stack(aws, resources("x" * 256), expect="ROLLBACK_COMPLETE")
    assert "between 1 and 255" in stack.why("Saved", "CREATE_FAILED")


def test_stock_knows_neither_the_calls_nor_the_type(stock):
    logs = stock.client("logs")
    assert refused(logs.put_query_definition, name="a", queryString="b")[0] == "InvalidOperationException"
    with pytest.raises(botocore.exceptions.ClientError, match="Unrecognized resource types"):
        Stack(stock, resources("a"))
