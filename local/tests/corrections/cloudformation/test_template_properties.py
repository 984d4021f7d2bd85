"""Smoke test of ``cloudformation.template_properties``: table, stage and bucket are as the template says."""

from __future__ import annotations

import json
import uuid

from local.tests.aws import until

TABLE = {
    "BillingMode": "PAY_PER_REQUEST",
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
}
KEPT = {
    "TimeToLiveSpecification": {"AttributeName": "expiresAt", "Enabled": True},
    "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
}
API = {
    "Bucket": {
        "Type": "AWS::S3::Bucket",
        "Properties": {
            "LifecycleConfiguration": {
                "Rules": [
                    {
                        "Status": "Enabled",
                        "ExpirationInDays": 90,
                        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
                    }
                ]
            }
        },
    },
    "Api": {"Type": "AWS::ApiGateway::RestApi", "Properties": {"Name": "a"}},
    "Root": {
        "Type": "AWS::ApiGateway::Method",
        "Properties": {
            "RestApiId": {"Ref": "Api"},
            "ResourceId": {"Fn::GetAtt": ["Api", "RootResourceId"]},
            "HttpMethod": "GET",
            "AuthorizationType": "NONE",
            "Integration": {"Type": "MOCK", "ContentHandling": "CONVERT_TO_TEXT"},
        },
    },
    "Deployment": {
        "Type": "AWS::ApiGateway::Deployment",
        "DependsOn": "Root",
        "Properties": {"RestApiId": {"Ref": "Api"}},
    },
    "Stage": {
        "Type": "AWS::ApiGateway::Stage",
        "Properties": {
            "RestApiId": {"Ref": "Api"},
            "DeploymentId": {"Ref": "Deployment"},
            "StageName": "dev",
            "AccessLogSetting": {
                "DestinationArn": "arn:aws:logs:us-east-1:000000000000:log-group:/access",
                "Format": "$context.requestId",
            },
        },
    },
}


class Stack:
    def __init__(self, aws, table_properties):
        self.aws, self.cloudformation, self.name = aws, aws.client("cloudformation"), f"props-{uuid.uuid4().hex[:8]}"
        self.cloudformation.create_stack(StackName=self.name, TemplateBody=self.template(table_properties))
        self.await_status("CREATE_COMPLETE")

    def template(self, table_properties) -> str:
        table = {"Type": "AWS::DynamoDB::Table", "Properties": {"TableName": self.name, **TABLE, **table_properties}}
        return json.dumps(
            {
                "Resources": {"Table": table, **API},
                "Outputs": {name: {"Value": {"Ref": name}} for name in ("Api", "Bucket")},
            }
        )

    def await_status(self, status):
        until(lambda: self.cloudformation.describe_stacks(StackName=self.name)["Stacks"][0]["StackStatus"] == status)

    def time_to_live(self):
        return self.aws.client("dynamodb").describe_time_to_live(TableName=self.name)["TimeToLiveDescription"]

    def recovery(self):
        backups = self.aws.client("dynamodb").describe_continuous_backups(TableName=self.name)[
            "ContinuousBackupsDescription"
        ]
        return backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"]

    def output(self, name):
        outputs = self.cloudformation.describe_stacks(StackName=self.name)["Stacks"][0]["Outputs"]
        return next(output["OutputValue"] for output in outputs if output["OutputKey"] == name)

    def stage(self):
        return self.aws.client("apigateway").get_stage(restApiId=self.output("Api"), stageName="dev")

    def integration(self):
        gateway, api = self.aws.client("apigateway"), self.output("Api")
        [root] = gateway.get_resources(restApiId=api)["items"]
        return gateway.get_integration(restApiId=api, resourceId=root["id"], httpMethod="GET")


def test_properties_are_set_and_taken_away_again(aws):
    stack = Stack(aws, KEPT)
    assert stack.time_to_live() == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expiresAt"}
    assert stack.recovery() == "ENABLED"
    settings = stack.stage()["accessLogSettings"]
    assert settings == {
        "destinationArn": "arn:aws:logs:us-east-1:000000000000:log-group:/access",
        "format": "$context.requestId",
    }
    assert stack.integration()["contentHandling"] == "CONVERT_TO_TEXT"
    [rule] = aws.client("s3").get_bucket_lifecycle_configuration(Bucket=stack.output("Bucket"))["Rules"]
    assert rule["Expiration"] == {"Days": 90}
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}
    stack.cloudformation.update_stack(StackName=stack.name, TemplateBody=stack.template({}))
    stack.await_status("UPDATE_COMPLETE")
    assert stack.time_to_live()["TimeToLiveStatus"] == "DISABLED"
    assert stack.recovery() == "DISABLED"


def test_stock_drops_them(stock):
    stack = Stack(stock, KEPT)
    assert stack.time_to_live()["TimeToLiveStatus"] == "DISABLED"
    assert stack.recovery() == "DISABLED"
    assert not stack.stage().get("accessLogSettings")
    assert not stack.integration().get("contentHandling")
