"""Custom resources whose function is gone, fails, or says nothing."""

from __future__ import annotations

import pytest

from local.tests.aws import create_function
from local.tests.stacks import TOPIC, Stack, fresh

# Creates with success; what it does when it is to delete is given.
_CODE = """
import urllib.request

def answered(event, status):
    answer = {name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")}
    answer.update(Status=status, PhysicalResourceId="by-hand", Reason="as planned")
    urllib.request.urlopen(urllib.request.Request(event["ResponseURL"], json.dumps(answer).encode(), method="PUT"))

def handler(event):
    if event["RequestType"] == "Create":
        answered(event, "SUCCESS")
    else:
        DELETING
"""


def stack_of(aws, deleting: str) -> tuple[Stack, str]:
    """Returns a stack with a custom resource, and the name of its function."""
    function = fresh("custom")
    create_function(aws, function, _CODE.replace("DELETING", deleting))
    token = f"arn:aws:lambda:us-east-1:000000000000:function:{function}"
    custom = {"Type": "Custom::Thing", "Properties": {"ServiceToken": token, "ServiceTimeout": 3}}
    return Stack(aws, {"Custom": custom, **TOPIC}), function


def test_its_function_is_gone(aws):
    stack, function = stack_of(aws, 'answered(event, "SUCCESS")')
    aws.client("lambda").delete_function(FunctionName=function)
    assert stack.delete() == "DELETE_FAILED"
    assert stack.resources() == {"Custom": "DELETE_FAILED", "Topic": "DELETE_COMPLETE"}
    why = stack.why("Custom")
    assert why.startswith(
        f"Function not found: arn:aws:lambda:us-east-1:000000000000:function:{function} (Service: AWSLambda;"
    )
    assert "Error Code: ResourceNotFoundException" in why
    assert stack.delete(RetainResources=["Custom"]) == "DELETE_COMPLETE"
    assert stack.resources()["Custom"] == "DELETE_SKIPPED"


@pytest.mark.parametrize(
    ("deleting", "words"),
    [
        (
            'answered(event, "FAILED")',
            "Received response status [FAILED] from custom resource. Message returned: as planned (RequestId: ",
        ),
        ('raise RuntimeError("no answer")', "CloudFormation did not receive a response from your Custom Resource. "),
    ],
)
def test_its_function_fails(aws, deleting, words):
    stack, _ = stack_of(aws, deleting)
    assert stack.delete() == "DELETE_FAILED"
    assert stack.why("Custom").startswith(words)
    assert stack.delete(RetainResources=["Custom"]) == "DELETE_COMPLETE"


def test_stock_has_other_words(stock):
    stack, _ = stack_of(stock, 'answered(event, "FAILED")')
    stack.delete()
    assert stack.why("Custom") == "as planned"
