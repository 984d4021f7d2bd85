"""Users, roles and what they may do, for the tests with IAM on."""

from __future__ import annotations

import json
import uuid

import botocore.exceptions

from local.tests.aws import Launcher, bootstrap

ACCOUNT = "000000000000"
REGION = f"us-east-1:{ACCOUNT}"
LAMBDA = "lambda.amazonaws.com"


def allow(actions: str | list[str], resource: str = "*", **conditions: dict) -> dict:
    return {"Effect": "Allow", "Action": actions, "Resource": resource, "Condition": conditions}


class User:
    """An IAM user that may do what these statements say and no more."""

    def __init__(self, aws: Launcher, *statements: dict):
        self._aws, root = aws, aws.client("iam")
        self.name = fresh("user")
        root.create_user(UserName=self.name)
        if statements:
            document = {"Version": "2012-10-17", "Statement": list(statements)}
            root.put_user_policy(UserName=self.name, PolicyName="own", PolicyDocument=json.dumps(document))
        key = root.create_access_key(UserName=self.name)["AccessKey"]
        self.key = key["AccessKeyId"], key["SecretAccessKey"]

    def client(self, service: str):
        return self._aws.client(service, account=self.key[0], secret=self.key[1])


def fresh(prefix: str) -> str:
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


def role(aws: Launcher, service: str, *statements: dict) -> str:
    name, iam = fresh("role"), aws.client("iam")
    trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
    if statements:
        let(aws, arn, *statements)
    return arn


def let(aws: Launcher, role_arn: str, *statements: dict) -> None:
    """Replaces what the role may do."""
    document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    aws.client("iam").put_role_policy(RoleName=role_arn.rsplit("/", 1)[1], PolicyName="own", PolicyDocument=document)


def function(aws: Launcher, role_arn: str, code: str = "def handler(event):\n    return event") -> str:
    name = fresh("function")
    aws.client("lambda").create_function(
        FunctionName=name, Runtime="provided.al2023", Handler="bootstrap", Role=role_arn, Code={"ZipFile": bootstrap(code)}
    )
    return name


def table(aws: Launcher, stream: bool = False) -> str:
    name = fresh("table")
    aws.client("dynamodb").create_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": "PK", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": stream, **({"StreamViewType": "NEW_IMAGE"} if stream else {})},
    )
    return name


def allowed(call, **arguments) -> bool:
    """Tells whether IAM lets a call through, whatever becomes of it then."""
    try:
        call(**arguments)
    except botocore.exceptions.ClientError as error:
        return "not authorized" not in error.response["Error"]["Message"]
    return True


def machine(aws: Launcher, role_arn: str, definition: dict | None = None, **more) -> dict:
    definition = definition or {"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}
    return {"name": fresh("machine"), "roleArn": role_arn, "definition": json.dumps(definition), **more}
