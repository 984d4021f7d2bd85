"""Smoke test of ``functions.environment_size``: the last byte that fits, by call and by template."""

from __future__ import annotations

import json

import pytest

from local.tests.aws import create_function, until
from local.tests.stacks import Stack, fresh, refused

NOTHING = "def handler(event):\n    return None"
REFUSAL = "exceeded the 4KB limit. String measured: {"


def variables(size: int, character: str = "x") -> dict:
    """Returns an environment of ``size`` bytes as Lambda counts them; a quote counts twice, for its escape."""
    width = len(json.dumps(character, ensure_ascii=False).encode()) - 2
    room = size - len('{"V":""}')
    return {"Variables": {"V": character * (room // width) + "x" * (room % width)}}


@pytest.mark.parametrize("character", ["x", '"', "ä"])
def test_4096_bytes_of_json_are_taken_and_one_more_is_not(aws, character):
    name, functions = fresh("environment"), aws.client("lambda")
    code, message = refused(create_function, aws, name, NOTHING, Environment=variables(4097, character))
    assert code == "InvalidParameterValueException"
    assert REFUSAL in message
    create_function(aws, name, NOTHING, Environment=variables(4096, character))
    update = functions.update_function_configuration
    assert REFUSAL in refused(update, FunctionName=name, Environment=variables(4097, character))[1]
    update(FunctionName=name, Environment=variables(4096, character))


def test_a_stack_with_more_fails(aws):
    def template(size: int) -> dict:
        properties = {
            "Runtime": "provided.al2023",
            "Handler": "bootstrap",
            "Role": "arn:aws:iam::000000000000:role/any",
            "Code": {"ZipFile": NOTHING},
            "Environment": variables(size),
        }
        return {"Function": {"Type": "AWS::Lambda::Function", "Properties": properties}}

    assert REFUSAL in Stack(aws, template(4097), expect="ROLLBACK_COMPLETE").why("Function", "CREATE_FAILED")
    stack = Stack(aws, template(4096))
    stack.update(template(4097))
    until(lambda: stack.status == "UPDATE_ROLLBACK_COMPLETE")
    assert REFUSAL in stack.why("Function", "UPDATE_FAILED")


def test_stock_takes_more(stock):
    create_function(stock, fresh("environment"), NOTHING, Environment=variables(5000))
