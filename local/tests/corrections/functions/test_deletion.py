"""Smoke test of ``functions.deletion``."""

from __future__ import annotations

import json
import os

from local.tests.aws import bootstrap, until
from local.tests.stacks import Stack, fresh, role


def process_of_a_deleted_function(aws) -> int:
    bucket, name = fresh("code"), fresh("function")
    aws.client("s3").create_bucket(Bucket=bucket)
    code = bootstrap("def handler(event): return os.getpid()")
    aws.client("s3").put_object(Bucket=bucket, Key="code.zip", Body=code)
    properties = {
        "FunctionName": name,
        "Runtime": "provided.al2023",
        "Handler": "bootstrap",
        "Role": role(aws, "lambda.amazonaws.com"),
        "Code": {"S3Bucket": bucket, "S3Key": "code.zip"},
    }
    stack = Stack(aws, {"Function": {"Type": "AWS::Lambda::Function", "Properties": properties}})
    process = json.loads(aws.client("lambda").invoke(FunctionName=name)["Payload"].read())
    assert is_alive(process)
    assert stack.delete() == "DELETE_COMPLETE"
    return process


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_the_process_of_a_function_ends_with_its_stack_and_in_stock_it_does_not(aws, stock):
    process = process_of_a_deleted_function(aws)
    until(lambda: not is_alive(process))
    assert is_alive(process_of_a_deleted_function(stock))
