"""Smoke test of ``cloudformation.history``."""

from __future__ import annotations

from local.tests.stacks import TOPIC, Stack, refused


def test_a_deleted_stack_is_found_by_its_id_beside_a_new_one_of_its_name(aws):
    old = Stack(aws)
    assert old.delete() == "DELETE_COMPLETE"
    client = old.cloudformation
    missing = ("ValidationError", f"Stack with id {old.name} does not exist")
    assert refused(client.describe_stacks, StackName=old.name) == missing
    for call in (client.list_stack_resources, client.describe_stack_resources, client.get_template):
        assert refused(call, StackName=old.name) == missing
    other_words = ("ValidationError", f"Stack [{old.name}] does not exist")
    assert refused(client.describe_stack_events, StackName=old.name) == other_words
    client.delete_stack(StackName=old.name)
    new = Stack(aws, name=old.name)
    client.delete_stack(StackName=old.id)
    assert (old.status, new.status) == ("DELETE_COMPLETE", "CREATE_COMPLETE")
    assert old.described()["DeletionTime"] and old.resources() == {"Topic": "DELETE_COMPLETE"}
    assert client.describe_stacks(StackName=old.name)["Stacks"][0]["StackId"] == new.id
    assert old.events() and client.get_template(StackName=old.id)["TemplateBody"]
    assert new.delete() == "DELETE_COMPLETE"


def test_long_lists_come_in_pages(aws):
    stack = Stack(aws, {f"T{n}": TOPIC["Topic"] for n in range(110)})
    client = stack.cloudformation
    first = client.list_stack_resources(StackName=stack.id)
    assert len(first["StackResourceSummaries"]) == 25 and first["NextToken"]
    assert len(stack.resources()) == 110
    assert len(stack.events()) == 222
    assert len(client.describe_stack_resources(StackName=stack.id)["StackResources"]) == 100


def test_stock_forgets_what_it_deleted(stock):
    stack = Stack(stock)
    assert stack.delete() == "DELETE_COMPLETE"
    assert stack.resources() == {}
    Stack(stock, name=stack.name)
    assert refused(stack.described)[0] == "ValidationError"
