"""Stacks on a running launcher, for the tests of the CloudFormation corrections."""

from __future__ import annotations

import json
import uuid

import botocore.exceptions
import pytest

from local.tests.aws import Launcher, until

TOPIC = {"Topic": {"Type": "AWS::SNS::Topic", "Properties": {}}}
TABLE = {
    "Type": "AWS::DynamoDB::Table",
    "Properties": {
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    },
}


def fresh(prefix: str = "stack") -> str:
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


class Stack:
    """A stack, addressed by its id once it is created."""

    def __init__(
        self,
        aws: Launcher,
        resources: dict | None = None,
        name: str | None = None,
        outputs=None,
        expect: str = "CREATE_COMPLETE",
        account: str = "test",
        **more,
    ):
        self.aws, self.name = aws, name or fresh()
        self.cloudformation = aws.client("cloudformation", account=account)
        template = {"Resources": resources or TOPIC, "Outputs": outputs or {}}
        self.id = self.cloudformation.create_stack(
            StackName=self.name, TemplateBody=json.dumps(template), Capabilities=["CAPABILITY_NAMED_IAM"], **more
        )["StackId"]
        self.await_status(expect)

    def described(self) -> dict:
        return self.cloudformation.describe_stacks(StackName=self.id)["Stacks"][0]

    @property
    def status(self) -> str:
        return self.described()["StackStatus"]

    def await_status(self, *wanted: str) -> None:
        until(lambda: self.status in wanted, 10)

    def update(self, resources: dict, **more) -> None:
        self.cloudformation.update_stack(
            StackName=self.id,
            TemplateBody=json.dumps({"Resources": resources}),
            Capabilities=["CAPABILITY_NAMED_IAM"],
            **more,
        )

    def delete(self, **more) -> str:
        """Deletes it, waits for the end and returns the final status."""
        self.cloudformation.delete_stack(StackName=self.id, **more)
        until(lambda: not self.status.endswith("_IN_PROGRESS"), 10)
        return self.status

    def events(self) -> list[dict]:
        pages = self.cloudformation.get_paginator("describe_stack_events").paginate(StackName=self.id)
        return [event for page in pages for event in page["StackEvents"]]

    def why(self, logical_id: str, status: str = "DELETE_FAILED") -> str | None:
        """Returns the reason in the latest event with this status of a resource (or, by the stack's name, of the stack)."""
        for event in self.events():
            if (event["LogicalResourceId"], event["ResourceStatus"]) == (logical_id, status):
                return event.get("ResourceStatusReason", "")
        return None

    def resources(self) -> dict[str, str]:
        pages = self.cloudformation.get_paginator("list_stack_resources").paginate(StackName=self.id)
        return {r["LogicalResourceId"]: r["ResourceStatus"] for page in pages for r in page["StackResourceSummaries"]}

    def physical(self, logical_id: str) -> str:
        [found] = self.cloudformation.describe_stack_resources(StackName=self.id, LogicalResourceId=logical_id)[
            "StackResources"
        ]
        return found["PhysicalResourceId"]


def role(
    aws: Launcher,
    service: str = "cloudformation.amazonaws.com",
    *allowed: dict,
    name: str | None = None,
    account: str = "test",
) -> str:
    """Makes a role that a service can assume and that may do what is ``allowed`` (by default everything). Returns its ARN."""
    iam, name = aws.client("iam", account=account), name or fresh("role")
    trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    arn = iam.create_role(
        RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    )["Role"]["Arn"]
    statements = allowed or [{"Effect": "Allow", "Action": "*", "Resource": "*"}]
    iam.put_role_policy(
        RoleName=name,
        PolicyName="allowed",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": list(statements)}),
    )
    return arn


def drop_role(aws: Launcher, arn: str) -> None:
    iam, name = aws.client("iam"), arn.rsplit("/", 1)[1]
    iam.delete_role_policy(RoleName=name, PolicyName="allowed")
    iam.delete_role(RoleName=name)


def own_account() -> str:
    """Returns the access key of a fresh account, for tests of what exists once per account."""
    return f"{uuid.uuid4().int % 10**12:012d}"


def let_gateway_log(aws: Launcher, account: str = "test") -> str:
    """Sets the role with which API Gateway writes logs, once per account, and returns its ARN."""
    arn = role(aws, "apigateway.amazonaws.com", account=account)
    operation = {"op": "replace", "path": "/cloudwatchRoleArn", "value": arn}
    aws.client("apigateway", account=account).update_account(patchOperations=[operation])
    return arn


def refused(call, *args, **kwargs) -> tuple[str, str]:
    """Returns code and message of the error with which a call is answered."""
    with pytest.raises(botocore.exceptions.ClientError) as raised:
        call(*args, **kwargs)
    error = raised.value.response["Error"]
    return error["Code"], error["Message"]
