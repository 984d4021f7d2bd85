"""The section "What it costs" of README.md agrees with the template."""

import json
import math
import re

from conftest import APP_DIR, Synthesised
from test_dashboard import graphs


def test_the_readme_counts_what_is_charged_per_resource(dev: Synthesised) -> None:
    (costs,) = re.findall(r"## What it costs\n(.*?)\n## ", (APP_DIR.parent / "README.md").read_text(), re.DOTALL)
    alarms = list(dev.of_type("AWS::CloudWatch::Alarm").values())
    watched = sum(len(_metrics(alarm)) for alarm in alarms)
    # "Amazon CloudWatch pricing", us-east-1: each metric of an alarm, and each custom metric that receives data.
    assert f"| {len(alarms)} of standard resolution that watch {watched} metrics, per month: {watched * 0.10:.2f} $" in costs
    filters = len(dev.of_type("AWS::Logs::MetricFilter"))
    assert f"| {filters} of metric filters" in costs
    assert f"at most {(filters - 1 + _reasons()) * 0.30:.2f} $ a month" in costs
    assert f"| {len(dev.of_type('AWS::CloudWatch::Dashboard'))}, with {len(list(graphs(dev)))} metrics" in costs
    for binary, words in (("task-api", "task function"), ("authorizer", "authorizer"), ("docs", "docs function"), ("audit", "audit function"), ("notary", "notary")):
        function = dev.only("AWS::Lambda::Function", FunctionName=f"tasks-dev-{binary}")["Properties"]
        assert f"{words} ({function['MemorySize']} MB)" in costs


def test_the_audit_page_says_what_the_seal_costs(dev: Synthesised) -> None:
    """Prices of us-east-1, each from its service's page "pricing"; a month has 30 days."""
    schedule = dev.only("AWS::Events::Rule", Name="tasks-dev-notary")["Properties"]["ScheduleExpression"]
    (minutes,) = map(int, re.findall(r"rate\((\d+) minutes\)", schedule))
    runs, checkpoints = 30 * 24 * 60 // minutes, 30 * 24
    memory = dev.only("AWS::Lambda::Function", FunctionName="tasks-dev-notary")["Properties"]["MemorySize"]
    million = 1_000_000
    idle = {
        "key": 1.00 * len(dev.of_type("AWS::KMS::Key")),
        "signatures": checkpoints * 0.15 / 10_000,
        "metric": 0.30,
        "alarms": 0.10 * len([name for name in dev.of_type("AWS::CloudWatch::Alarm") if re.search("unsealed|notaryerrors", name)]),
        "runs": runs * 0.20 / million,
        # A second each, which is more than they take.
        "memory": runs * memory / 1024 * 0.0000133334,
        # Each asks for the minutes since the last checkpoint, up to an hour, and for fifteen before it, at a read unit each.
        "intents": runs * (60 / 2 + 15) * 0.125 / million,
        "lists": runs * 0.005 / 1_000,
        "objects": checkpoints * 2 * 0.005 / 1_000 + runs * 2 * 0.0004 / 1_000,
        # Its own line, its figures, and three lines of Lambda's.
        "log": runs * 1_000 * 0.50 / 10**9,
    }
    # Changes that come one by one: an intent each, of less than a kilobyte.
    busy = million * 0.625 / million
    page = (APP_DIR.parent / "docs/audit.md").read_text()
    assert f"{sum(idle.values()):.2f} $ a month" in page, idle
    assert f"at most {math.ceil(100 * busy) / 100} $ per million changes" in page
    assert idle["key"] + idle["metric"] + idle["alarms"] > 0.9 * sum(idle.values())


def test_the_cost_model_counts_what_is_in_the_templates(dev: Synthesised, teardown: Synthesised) -> None:
    """`docs/cost.md` and `docs/scale.md` are made of the file."""
    quantities = json.loads((APP_DIR.parent / "docs/quantities.json").read_text())
    schedule = dev.only("AWS::Events::Rule", Name="tasks-dev-notary")["Properties"]["ScheduleExpression"]
    (minutes,) = map(int, re.findall(r"rate\((\d+) minutes\)", schedule))
    memory = {
        name: dev.only("AWS::Lambda::Function", FunctionName=f"tasks-dev-{name}")["Properties"]["MemorySize"]
        for name in ("task-api", "authorizer", "audit", "notary")
    }
    kept = {
        name: dev.only("AWS::Logs::LogGroup", LogGroupName=f"/tasks/dev/{name}")["Properties"]["RetentionInDays"]
        for name in ("audit", "access", "task-api")
    }
    (mapping,) = (one["Properties"] for one in dev.of_type("AWS::Lambda::EventSourceMapping").values())
    (stage,) = (one["Properties"]["MethodSettings"] for one in dev.of_type("AWS::ApiGateway::Stage").values())
    assert quantities["stack"] == {
        "alarmMetrics": _watched(dev),
        "dashboards": len(dev.of_type("AWS::CloudWatch::Dashboard")),
        "keys": len(dev.of_type("AWS::KMS::Key")),
        "notaryMinutes": minutes,
        "batchSize": mapping["BatchSize"],
        "parallelization": mapping["ParallelizationFactor"],
        "taskMemory": memory["task-api"],
        "authorizerMemory": memory["authorizer"],
        "auditMemory": memory["audit"],
        "notaryMemory": memory["notary"],
        "auditDays": kept["audit"],
        "accessDays": kept["access"],
        "logDays": kept["task-api"],
        "throttleRate": stage[0]["ThrottlingRateLimit"],
        "throttleBurst": stage[0]["ThrottlingBurstLimit"],
    }
    assert quantities["teardown"]["alarmMetrics"] == _watched(teardown)


def _watched(stack: Synthesised) -> int:
    return sum(len(_metrics(alarm)) for alarm in stack.of_type("AWS::CloudWatch::Alarm").values())


def _metrics(alarm: dict) -> list[dict]:
    """Returns what an alarm is charged for: the metrics that it reads, not what it makes of them."""
    properties = alarm["Properties"]
    return [properties] if "MetricName" in properties else [one["MetricStat"] for one in properties["Metrics"] if "MetricStat" in one]


def _reasons() -> int:
    """Each reason for which a token is refused is a metric, once it occurs."""
    (table,) = re.findall(r"\| reason \| cause \|\n\| --- \| --- \|\n((?:\|.*\n)+)", (APP_DIR.parent / "docs/auth.md").read_text())
    return len(table.splitlines())


def test_nothing_else_in_the_stack_is_charged(dev: Synthesised, prod: Synthesised) -> None:
    """Every type of resource either costs nothing by itself or has a row in the README."""
    free = {
        "AWS::ApiGateway::Authorizer",
        "AWS::ApiGateway::Deployment",
        "AWS::ApiGateway::GatewayResponse",
        "AWS::ApiGateway::Method",
        "AWS::ApiGateway::Resource",
        "AWS::ApiGateway::Stage",
        # "Amazon EventBridge pricing": events of AWS's own services on the default bus, and what rules of a schedule send there.
        "AWS::Events::Rule",
        "AWS::IAM::Role",
        "AWS::Lambda::EventSourceMapping",
        "AWS::Lambda::Permission",
        "AWS::Logs::QueryDefinition",
        "AWS::S3::BucketPolicy",
    }
    charged = {
        "AWS::ApiGateway::RestApi",
        "AWS::CloudWatch::Alarm",
        "AWS::CloudWatch::Dashboard",
        "AWS::DynamoDB::Table",
        "AWS::KMS::Key",
        "AWS::Lambda::Function",
        "AWS::Logs::LogGroup",
        "AWS::Logs::MetricFilter",
        "AWS::S3::Bucket",
    }
    assert {resource["Type"] for resource in dev.resources.values()} - {"AWS::CDK::Metadata"} == free | charged
    # A user pool and its clients, beside which domain and scopes cost nothing.
    more = {resource["Type"] for resource in prod.resources.values()} - free - charged
    assert {kind for kind in more if kind.startswith("AWS::Cognito::UserPool")} == more
    (costs,) = re.findall(r"## What it costs\n(.*?)\n## ", (APP_DIR.parent / "README.md").read_text(), re.DOTALL)
    assert "| Cognito" in costs
    assert "| Cognito's client for machines" in costs
    # These would be billed by the hour or per instance, and have no row.
    for alarm in dev.of_type("AWS::CloudWatch::Alarm").values():
        for metric in _metrics(alarm):
            assert metric["Period"] >= 60
    for table in dev.of_type("AWS::DynamoDB::Table").values():
        assert table["Properties"]["BillingMode"] == "PAY_PER_REQUEST"
