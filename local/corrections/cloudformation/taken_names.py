"""Correction: a log group whose name is taken is not created.

What AWS does (reported from deployments): the resource fails with ``AlreadyExists``, the stack rolls back, and the group that was
there stays as it was. A change set with ``ImportExistingResources`` adopts it instead ("Import AWS resources into a
CloudFormation stack automatically").

What stock MiniStack does: puts an empty group in the place of the one that was there.

Not known: how a stack ends whose conflict is found before anything is provisioned ("Validate stack deployments"). Here it is
found when the group's turn comes.
"""

from __future__ import annotations

import json

from local.corrections.cloudformation.handlers import HandlerFailure, check_before

GROUP = "AWS::Logs::LogGroup"


def apply() -> None:
    from ministack.services.cloudformation import provisioners

    check_before(GROUP, _demand_a_free_name, ("create",))
    # An update that renames the group creates the new one without the handler.
    create = provisioners._cwlogs_create

    def create_if_free(logical_id, props, *more):
        _demand_a_free_name(props)
        return create(logical_id, props, *more)

    provisioners._cwlogs_create = create_if_free


def _demand_a_free_name(props: dict) -> None:
    from ministack.services import cloudwatch_logs

    name = props.get("LogGroupName")
    if name in cloudwatch_logs._log_groups:
        identifier = json.dumps({"/properties/LogGroupName": name}, separators=(",", ":"))
        raise HandlerFailure(f"Resource of type '{GROUP}' with identifier '{identifier}' already exists.", "AlreadyExists")
