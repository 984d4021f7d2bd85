"""State machines on a running launcher."""

from __future__ import annotations

import json

from local.tests.aws import Launcher, until
from local.tests.stacks import fresh


class Machine:
    def __init__(self, aws: Launcher, states: dict, **more):
        self.aws, self.client, name = aws, aws.client("stepfunctions"), fresh("machine")
        definition = {"QueryLanguage": "JSONata", "StartAt": next(iter(states)), "States": states, **more}
        self.arn = self.client.create_state_machine(
            name=name, definition=json.dumps(definition), roleArn="arn:aws:iam::000000000000:role/any"
        )["stateMachineArn"]

    def start(self, **given) -> str:
        return self.client.start_execution(stateMachineArn=self.arn, **given)["executionArn"]

    def ended(self, execution: str) -> dict:
        return until(lambda: (d := self.client.describe_execution(executionArn=execution))["status"] != "RUNNING" and d)

    def events(self, execution: str, kind: str) -> list[dict]:
        history = self.client.get_execution_history(executionArn=execution, maxResults=1000)["events"]
        return [event for event in history if event["type"] == kind]
