"""The teardown stack: it only wires.

It is deployed with the deployer's own credentials, so CloudFormation stores no execution role on it: whoever may
delete its resources can always delete it, whatever became of the bootstrap. `cdk deploy` still puts the function's
code and the template into the bootstrap's bucket. Once deployed, neither is read from there again: Lambda and
CloudFormation keep copies, so without a bootstrap the stack still works and can still be deleted, but not deployed
again (`cdk bootstrap` first).
"""

import json
from datetime import datetime

from aws_cdk import CfnOutput, CliCredentialsStackSynthesizer, Stack, Tags
from constructs import Construct

from teardown.access import Access
from teardown.alarms import Alarms
from teardown.dry_run import dry_run
from teardown.evidence import Evidence
from teardown.executor import Executor
from teardown.expiry import Expiry
from teardown.function import Surroundings
from teardown.plan_function import PlanFunction
from teardown.scope import Scope
from teardown.settings import TeardownSettings
from teardown.step_function import StepFunction
from teardown.workflow import Workflow


class TeardownStack(Stack):
    def __init__(self, scope: Construct, construct_id: str, *, settings: TeardownSettings, now: datetime) -> None:
        tags = {"service": "tasks-teardown"}
        super().__init__(
            scope,
            construct_id,
            stack_name=settings.teardown,
            description=f"Removes {', '.join(settings.services)} and proves it",
            synthesizer=CliCredentialsStackSynthesizer(),
            tags=tags,
        )
        for name, value in tags.items():
            Tags.of(self).add(name, value)

        service_scope = Scope(settings.services)
        evidence = Evidence(self, "Evidence", teardown=settings.teardown, protected=settings.evidence_protection)
        executor = Executor(self, "Executor", teardown=settings.teardown, service_scope=service_scope)
        surroundings = Surroundings(
            settings=settings,
            service_scope=service_scope,
            executor=executor.role,
            powerless=executor.powerless,
            evidence=evidence.table,
            reports=evidence.reports,
        )
        step = StepFunction(self, "Steps", surroundings=surroundings)
        definition = settings.definition.read_text(encoding="utf-8")
        workflow = Workflow(self, "Workflow", name=settings.teardown, definition=definition, step=step.version)
        planning = self._planning(surroundings, definition=definition)
        Alarms(
            self,
            "Alarms",
            teardown=settings.teardown,
            machine=workflow.machine,
            topic_arn=settings.alarm_topic_arn,
        )
        expiry = self._expiry(settings, workflow=workflow, now=now)
        access = Access(
            self,
            "Access",
            teardown=settings.teardown,
            service_scope=service_scope,
            machine=workflow.machine,
            planning=planning.machine,
            reports=evidence.reports,
            expiry=expiry,
        )
        outputs = {
            "StateMachineArn": workflow.machine.state_machine_arn,
            "PlanMachineArn": planning.machine.state_machine_arn,
            "StepFunction": step.function.function_name,
            "EvidenceTable": evidence.table.table_name,
            "ReportLogGroup": evidence.reports.log_group_name,
            "ExecutorRoleArn": executor.role.role_arn,
            "StarterPolicyArn": access.starter.managed_policy_arn,
            "PlannerPolicyArn": access.planner.managed_policy_arn,
            "Services": ",".join(settings.services),
            "OperatorPolicyArn": access.operator.managed_policy_arn,
            **({"ExpiryScheduleName": expiry.name} if expiry else {}),
        }
        for name, value in outputs.items():
            CfnOutput(self, name, value=value)

    def _planning(self, surroundings: Surroundings, *, definition: str) -> Workflow:
        """Makes the machine that only plans, for who may not start a deletion."""
        name = f"{surroundings.settings.teardown}-plan"
        function = PlanFunction(self, "Planning", name=name, surroundings=surroundings)
        planning = json.dumps(dry_run(json.loads(definition)), indent=2)
        return Workflow(self, "PlanWorkflow", name=name, definition=planning, step=function.version)

    def _expiry(self, settings: TeardownSettings, *, workflow: Workflow, now: datetime) -> Expiry | None:
        if settings.expires_in is None:
            return None
        (service,) = settings.services
        return Expiry(
            self,
            "Expiry",
            teardown=settings.teardown,
            service=service,
            now=now,
            expires_in=settings.expires_in,
            notice_hours=settings.expiry_notice_hours,
            machine=workflow.machine,
        )
