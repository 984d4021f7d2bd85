"""The CloudFormation registry: DescribeType."""

from __future__ import annotations

import json

import botocore.exceptions
import pytest

from local.corrections.cloudformation import registered_deletions, registry
from local.corrections.cloudformation.delete_permissions import DELETIONS
from local.tests.stacks import refused


def described(aws, name: str) -> tuple[dict, dict]:
    """Returns the answer to DescribeType, and its schema."""
    answer = aws.client("cloudformation").describe_type(Type="RESOURCE", TypeName=name)
    return answer, json.loads(answer["Schema"])


def test_a_type_has_its_identifier_and_the_permissions_of_its_handlers(aws):
    answer, schema = described(aws, "AWS::SQS::Queue")
    assert (answer["Type"], answer["TypeName"], answer["ProvisioningType"]) == (
        "RESOURCE",
        "AWS::SQS::Queue",
        "FULLY_MUTABLE",
    )
    assert answer["Arn"] == "arn:aws:cloudformation:us-east-1::type/resource/AWS-SQS-Queue"
    assert schema["typeName"] == "AWS::SQS::Queue"
    assert schema["primaryIdentifier"] == ["/properties/QueueUrl"]
    assert schema["handlers"]["delete"]["permissions"] == ["sqs:DeleteQueue", "sqs:GetQueueAttributes"]
    assert schema["handlers"]["read"]["permissions"] == ["sqs:GetQueueAttributes", "sqs:ListQueueTags"]
    by_arn = aws.client("cloudformation").describe_type(Arn=answer["Arn"])
    assert by_arn["TypeName"] == "AWS::SQS::Queue"


def test_an_identifier_may_have_two_parts(aws):
    answer, schema = described(aws, "AWS::Lambda::Permission")
    assert answer["ProvisioningType"] == "IMMUTABLE"
    assert schema["primaryIdentifier"] == ["/properties/FunctionName", "/properties/Id"]


def test_a_type_may_lack_a_read_handler(aws):
    answer, schema = described(aws, "AWS::SQS::QueuePolicy")
    assert answer["ProvisioningType"] == "NON_PROVISIONABLE"
    assert "read" not in schema["handlers"] and schema["handlers"]["delete"]["permissions"] == [
        "sqs:SetQueueAttributes"
    ]


@pytest.mark.parametrize("name", ["AWS::Route53::RecordSet", "AWS::CloudFormation::CustomResource"])
def test_a_type_may_have_no_handlers_at_all(aws, name):
    answer, schema = described(aws, name)
    assert answer["ProvisioningType"] == "NON_PROVISIONABLE" and "handlers" not in schema


def test_a_type_that_is_not_registered_is_not_found(aws):
    with pytest.raises(botocore.exceptions.ClientError) as raised:
        described(aws, "AWS::Nothing::Here")
    answer = raised.value.response
    assert answer["Error"]["Code"] == "TypeNotFoundException"
    assert answer["Error"]["Message"] == "The type 'AWS::Nothing::Here' cannot be found."
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 404


def test_a_custom_resource_has_no_name_of_a_type(aws):
    code, message = refused(described, aws, "Custom::Thing")
    assert code == "ValidationError" and "failed to satisfy constraint" in message


def test_stock_knows_no_types(stock):
    assert refused(described, stock, "AWS::SQS::Queue")[0] == "InvalidAction"


def test_every_type_whose_deletion_is_checked_is_registered():
    assert set(DELETIONS) | set(registered_deletions._ARNS) <= set(registry.types())
