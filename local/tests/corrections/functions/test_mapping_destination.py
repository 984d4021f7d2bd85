"""Smoke test of ``functions.mapping_destination``: which roles a mapping with a failure bucket takes, by call and by template."""

from __future__ import annotations

import pytest

from local.tests.aws import create_function
from local.tests.stacks import Stack, fresh, refused, role

NOTHING = "def handler(event):\n    return None"
REFUSAL = "The function execution role does not have permissions to call PutObject on S3"


class Scene:
    """A table with a stream, a bucket, and a function whose role may put objects on one resource."""

    def __init__(self, aws, resource: str, condition: dict | None = None):
        self.aws, self.name = aws, fresh("destination")
        self.stream = aws.client("dynamodb").create_table(
            TableName=self.name,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
        )["TableDescription"]["LatestStreamArn"]
        aws.client("s3").create_bucket(Bucket=self.name)
        allowed = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": resource.replace("BUCKET", self.name)}
        if condition:
            allowed["Condition"] = condition
        create_function(aws, self.name, NOTHING, Role=role(aws, "lambda.amazonaws.com", allowed))
        self.mapping = {
            "FunctionName": self.name,
            "EventSourceArn": self.stream,
            "StartingPosition": "TRIM_HORIZON",
            "DestinationConfig": {"OnFailure": {"Destination": f"arn:aws:s3:::{self.name}"}},
        }

    def create(self, **changed):
        return self.aws.client("lambda").create_event_source_mapping(**{**self.mapping, **changed})


OURS = {"StringEquals": {"s3:ResourceAccount": "000000000000"}}
SHORT = ("arn:aws:s3:::BUCKET/aws/lambda/*", "arn:aws:s3:::BUCKET", "arn:aws:s3:::another/*")


@pytest.mark.parametrize("resource", SHORT)
def test_a_role_that_may_not_write_to_the_whole_bucket_is_refused(aws, resource):
    scene = Scene(aws, resource)
    code, message = refused(scene.create)
    assert (code, message) == ("InvalidParameterValueException", REFUSAL)
    scene.create(DestinationConfig={})


@pytest.mark.parametrize("condition", [None, OURS])
def test_a_role_that_may_write_to_the_whole_bucket_is_taken(aws, condition):
    assert Scene(aws, "arn:aws:s3:::BUCKET/*", condition).create()["UUID"]


def test_a_condition_of_another_account_is_refused(aws):
    scene = Scene(aws, "arn:aws:s3:::BUCKET/*", {"StringEquals": {"s3:ResourceAccount": "111111111111"}})
    assert refused(scene.create)[1] == REFUSAL


def test_a_destination_that_comes_later_is_checked_too(aws):
    scene = Scene(aws, SHORT[0])
    mapping = scene.create(DestinationConfig={})["UUID"]
    update = aws.client("lambda").update_event_source_mapping
    assert refused(update, UUID=mapping, DestinationConfig=scene.mapping["DestinationConfig"])[1] == REFUSAL


def test_a_stack_with_such_a_mapping_fails(aws):
    scene = Scene(aws, SHORT[0])
    resource = {"Mapping": {"Type": "AWS::Lambda::EventSourceMapping", "Properties": scene.mapping}}
    stack = Stack(aws, resource, expect="ROLLBACK_COMPLETE")
    assert REFUSAL in stack.why("Mapping", "CREATE_FAILED")


def test_stock_takes_any_role(stock):
    assert Scene(stock, SHORT[0]).create()["UUID"]
