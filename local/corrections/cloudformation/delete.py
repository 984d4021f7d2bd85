"""Correction: DeleteStack as CloudFormation carries it out.

What AWS does ("DeleteStack", "Delete a stack", "Troubleshooting CloudFormation"):

- Every resource is deleted under the stack's execution role; what the role may not do is DELETE_FAILED with the service's own
  words, and so is everything from the moment the role is gone.
- A resource that failed keeps what it depends on: its dependencies are not even tried. The rest goes, and the stack is
  DELETE_FAILED.
- While another stack imports an export, the call succeeds, nothing is deleted and the stack goes back to the status it had,
  with the reason in the event (reported from deployments).
- A stack with an operation under way (``UPDATE_IN_PROGRESS``, …) is refused, and one that is already being deleted is not
  deleted twice. The same ClientRequestToken with the same request is the same deletion, with another request
  TokenAlreadyExistsException.
- ``RetainResources`` works only for a stack in DELETE_FAILED, and not for what is already deleted.
- In Express mode (``DeploymentConfig``) a resource's deletion is complete when the service accepted the call: a table may be
  DELETING when the stack is DELETE_COMPLETE ("Deploy CloudFormation stacks faster with express mode").
- A deleted stack is found only by its id, also while a new one has its name.
- A nested stack is deleted as a stack of its own, with its parent's role. If that fails, it is DELETE_FAILED and so is its resource
  in the parent, with the words ``Embedded stack … was not successfully deleted``; its own resources that are gone stay gone, and the
  next deletion of the parent goes on with the rest ("Working with nested stacks"; the words as reported).

What stock MiniStack does: ignores roles and Express mode, tries everything, refuses a stack with imports at once, starts a second deletion
beside the first, ignores the token, and forgets a deleted stack when its name is used again. A nested stack is always deleted with
success, whatever remains of its resources.

The fault injector reaches the handlers: a rule for service ``cloudformation-handler`` and a resource type as action applies to
the deletion of one resource, ``AWS::CloudFormation::Stack`` (delays only) to a stack's whole operation.
"""

from __future__ import annotations

import asyncio
import json

from local.corrections.cloudformation import delete_permissions
from local.corrections.cloudformation.handlers import HandlerFailure
from local.corrections.cloudformation.role import assumable, refusal
from local.door import faults
from local.door.awscall import AwsCall

SERVICE = "cloudformation-handler"
STACK = "AWS::CloudFormation::Stack"
# The one type of ours whose service goes on deleting after it has answered.
TABLE = "AWS::DynamoDB::Table"


def apply() -> None:
    from ministack.services.cloudformation import changesets, handlers, stacks

    stacks._delete_stack_async = handlers._delete_stack_async = _delete
    handlers._deploy_stack_async = changesets._deploy_stack_async = _held(stacks._deploy_stack_async)
    handlers._ACTION_HANDLERS["DeleteStack"] = _delete_stack


def _held(deploy):
    """Lets a rule hold a stack's creation or update in *_IN_PROGRESS."""

    async def held(stack_name, stack_id, *args, **kwargs):
        from ministack.services.cloudformation import _stacks

        operation = "UPDATE" if kwargs.get("is_update") else "CREATE"
        await _fault(STACK, {"Operation": operation, "StackName": stack_name, "StackId": stack_id})
        stack = _stacks.get(stack_name) or {}
        # It may have been deleted meanwhile.
        if stack.get("StackId") == stack_id and stack["StackStatus"] == f"{operation}_IN_PROGRESS":
            await deploy(stack_name, stack_id, *args, **kwargs)

    return held


async def _fault(kind: str, about: dict) -> dict:
    """Returns the effect planned for a handler's work, after the delay that belongs to it."""
    from ministack.core.responses import get_account_id

    call = AwsCall(SERVICE, kind, None, get_account_id(), "json", "")
    effect = faults.PLAN.effect(call, json.dumps(about).encode()) or {}
    if "delayMs" in effect:
        await asyncio.sleep(effect["delayMs"] / 1000)
    return effect


# --- The call ---


def _delete_stack(params):
    from ministack.services.cloudformation import _change_sets, handlers, stacks
    from ministack.services.cloudformation.helpers import _error, _extract_string_members, _p, _xml

    done = _xml(200, "DeleteStackResponse", "")
    given = _p(params, "StackName")
    stack = handlers._resolve_stack(given) if given else None
    if not given:
        return _error("ValidationError", "StackName is required")
    if stack is None or stack["StackStatus"] == "DELETE_COMPLETE":
        return done
    token, retain = _p(params, "ClientRequestToken"), _extract_string_members(params, "RetainResources")
    force = _p(params, "DeletionMode") == "FORCE_DELETE_STACK"
    mode = _p(params, "DeploymentConfig.Mode")
    request = ("DeleteStack", _p(params, "RoleARN"), _p(params, "DeletionMode"), mode, tuple(sorted(retain)))
    tokens = stack.setdefault("_tokens", {})
    if token in tokens:
        same = tokens[token] == request
        return done if same else _error("TokenAlreadyExistsException", "A client request token already exists.")
    status = stack["StackStatus"]
    if status == "DELETE_IN_PROGRESS":
        return done
    problem = _problem(given, stack, status, retain, force)
    if problem:
        return _error("ValidationError", problem)
    if token:
        tokens[token] = request
    for change_set in [key for key, value in _change_sets.items() if value.get("StackId") == stack["StackId"]]:
        _change_sets.pop(change_set, None)
    stack["_express"] = mode == "EXPRESS"
    if _p(params, "DeletionMode"):
        stack["DeletionMode"] = _p(params, "DeletionMode")
    stack["_status_before"], stack["StackStatus"] = status, "DELETE_IN_PROGRESS"
    stack["StackStatusReason"] = ""
    stacks._create_stack_task_in_region(
        _delete(stack["StackName"], stack["StackId"], frozenset(retain), force=force), stack, stack["StackId"]
    )
    return done


def _problem(given: str, stack: dict, status: str, retain: list[str], force: bool) -> str | None:
    if stack.get("EnableTerminationProtection"):
        return f"Stack [{given}] cannot be deleted while TerminationProtection is enabled"
    if status.endswith("_IN_PROGRESS") and status not in ("CREATE_IN_PROGRESS", "REVIEW_IN_PROGRESS"):
        return f"Stack [{stack['StackId']}] cannot be deleted while in status {status}"
    only = (
        f"Invalid operation on stack [{stack['StackId']}]. You can {{}} in a delete stack operation only when the stack "
        "is in the DELETE_FAILED state."
    )
    if force and status != "DELETE_FAILED":
        return only.format("activate DeletionMode FORCE_DELETE_STACK")
    if retain and status != "DELETE_FAILED":
        return only.format("specify RetainResources")
    if set(retain) & set(stack.get("_deleted", {})):
        return (
            "The specified resources to retain must be in a valid state. "
            "Do not specify resources that are in the DELETE_COMPLETE state."
        )
    unknown = sorted(set(retain) - set(stack.get("_resources", {})))
    return f"Resource(s) [{', '.join(unknown)}] do not exist in stack [{stack['StackName']}]" if unknown else None


# --- The operation ---


async def _delete(stack_name: str, stack_id: str, retain_resources=(), force: bool = False) -> None:
    """Deletes one stack, from DELETE_IN_PROGRESS to its final status."""
    from ministack.services.cloudformation import _stacks, stacks

    stack = _stacks.get(stack_name)
    if stack is None or stack["StackId"] != stack_id:
        return
    before = stack.pop("_status_before", stack["StackStatus"])

    def ended(status: str, reason: str = "") -> None:
        stack["StackStatus"], stack["StackStatusReason"] = status, reason
        stacks._add_event(stack_id, stack_name, stack_name, STACK, status, reason, stack_id)

    ended("DELETE_IN_PROGRESS", "User Initiated")
    stack["StackStatusReason"] = ""
    await _fault(STACK, {"Operation": "DELETE", "StackName": stack_name, "StackId": stack_id})
    in_use = _export_in_use(stack)
    if in_use:
        ended(before, in_use)
        return
    failed = await _delete_resources(stack, retain_resources, force)
    if failed:
        ended("DELETE_FAILED", f"The following resource(s) failed to delete: [{', '.join(sorted(failed))}]. ")
        return
    _forget(stack)
    ended("DELETE_COMPLETE")


def _export_in_use(stack: dict) -> str | None:
    """Returns why the stack's exports keep it from being deleted, if they do."""
    from ministack.services.cloudformation import _stacks, handlers

    names = [output["ExportName"] for output in stack.get("Outputs", []) if output.get("ExportName")]
    for export in names:
        importers = [
            name
            for name, other in _stacks.items()
            if other is not stack
            and other["StackStatus"] != "DELETE_COMPLETE"
            and export in handlers._imported_export_names(other, name)
        ]
        if importers:
            users = " and ".join(filter(None, [", ".join(importers[:-1]), importers[-1]]))
            return f"Delete canceled. Cannot delete export {export} as it is in use by {users}."
    return None


def _forget(stack: dict) -> None:
    """Takes the stack's exports and name away: it is found only by its id from now on."""
    from ministack.core.responses import now_iso
    from ministack.services.cloudformation import _exports, _stacks

    for output in stack.get("Outputs", []):
        _exports.pop(output.get("ExportName"), None)
    stack["DeletionTime"] = now_iso()
    _stacks.pop(stack["StackName"], None)
    _stacks[stack["StackId"]] = stack


async def _delete_resources(stack: dict, retained, force: bool) -> list[str]:
    """Deletes what is not retained, dependents first, and returns the logical ids of what could not be deleted."""
    from ministack.core.responses import now_iso
    from ministack.services.cloudformation import stacks

    resources, template = stack.get("_resources", {}), stack.get("_template") or {}
    definitions = template.get("Resources", {})
    failed, kept = [], set(retained)
    if force:
        broken = [name for name, resource in resources.items() if resource.get("ResourceStatus") == "DELETE_FAILED"]
        kept |= stacks._with_dependencies(broken, definitions, set(resources))
    untouched: set[str] = set()
    for logical_id in _in_order(stack, definitions):
        resource = resources.get(logical_id)
        if resource is None or logical_id in untouched:
            continue

        def noted(status: str, reason: str = "", logical_id=logical_id, resource=resource) -> None:
            resource.update(ResourceStatus=status, ResourceStatusReason=reason, Timestamp=now_iso())
            kind, physical_id = resource["ResourceType"], resource.get("PhysicalResourceId", "")
            stacks._add_event(stack["StackId"], stack["StackName"], logical_id, kind, status, reason, physical_id)

        if logical_id in kept or _policy(stack, logical_id, definitions) in stacks._RETAINING_POLICIES:
            noted("DELETE_SKIPPED")
        else:
            noted("DELETE_IN_PROGRESS")
            try:
                await _delete_resource(stack, logical_id, resource, definitions)
                noted("DELETE_COMPLETE")
            except Exception as failure:
                dependencies = stacks._with_dependencies([logical_id], definitions, set(resources))
                if not force:
                    noted("DELETE_FAILED", str(failure))
                    failed.append(logical_id)
                    untouched |= dependencies
                    continue
                noted("DELETE_SKIPPED", str(failure))
                kept |= dependencies
        stack.setdefault("_deleted", {})[logical_id] = resources.pop(logical_id)
    return failed


def _in_order(stack: dict, definitions: dict) -> list[str]:
    from ministack.services.cloudformation import stacks

    try:
        ordered = stacks._topological_sort(definitions, stack.get("_conditions", {}))
    except ValueError:
        ordered = []
    return list(reversed(ordered + [name for name in stack.get("_resources", {}) if name not in ordered]))


def _policy(stack: dict, logical_id: str, definitions: dict) -> str:
    from ministack.services.cloudformation import stacks

    return stacks._resource_policy(
        definitions.get(logical_id),
        "DeletionPolicy",
        stack.get("_resources", {}),
        stack.get("_resolved_params", {}),
        stack.get("_conditions", {}),
        (stack.get("_template") or {}).get("Mappings", {}),
        stack["StackName"],
        stack["StackId"],
    )


async def _delete_resource(stack: dict, logical_id: str, resource: dict, definitions: dict) -> None:
    from ministack.core.concurrency import run_reentrant
    from ministack.services.cloudformation import stacks

    kind, physical_id = resource["ResourceType"], resource.get("PhysicalResourceId", "")
    properties = resource.get("Properties", {})
    about = {
        "LogicalResourceId": logical_id,
        "PhysicalResourceId": physical_id,
        "StackName": stack["StackName"],
        "StackId": stack["StackId"],
    }
    effect = await _fault(kind, about)
    if "error" in effect:
        failure = effect["error"]
        raise HandlerFailure(failure.get("message", failure["code"]), failure["code"])
    role = stack.get("RoleARN")
    if role:
        if not assumable(role, stack["StackId"]):
            raise RuntimeError(refusal(role))
        delete_permissions.demand(role, kind, physical_id, properties)
    if _policy(stack, logical_id, definitions) == "Snapshot":
        stacks._snapshot_resource(kind, physical_id, properties)
    if stack.get("_express") and kind == TABLE:
        _begin_to_delete_table(physical_id)
        return
    if kind == STACK:
        await _delete_nested(stack, physical_id)
        return
    arguments = (kind, physical_id, properties, stack["StackName"], logical_id)
    if stacks._runs_on_worker_thread(kind):
        await run_reentrant(stacks._delete_resource, *arguments)
    else:
        stacks._delete_resource(*arguments)
        await asyncio.sleep(0)
    if effect.get("dropAnswer"):
        raise HandlerFailure("Exceeded attempts to wait", "NotStabilized")


async def _delete_nested(parent: dict, stack_id: str) -> None:
    from ministack.services.cloudformation import handlers

    stack = handlers._resolve_stack(stack_id)
    if stack is None:
        return
    if stack["StackStatus"] not in ("DELETE_IN_PROGRESS", "DELETE_COMPLETE"):
        if parent.get("RoleARN"):
            stack["RoleARN"] = parent["RoleARN"]
        stack["_express"] = parent.get("_express", False)
        stack["_status_before"], stack["StackStatus"] = stack["StackStatus"], "DELETE_IN_PROGRESS"
        await _delete(stack["StackName"], stack_id)
    while stack["StackStatus"] == "DELETE_IN_PROGRESS":
        # Somebody deletes it by itself.
        await asyncio.sleep(0.05)
    if stack["StackStatus"] != "DELETE_COMPLETE":
        raise RuntimeError(f"Embedded stack {stack_id} was not successfully deleted: {stack['StackStatusReason']}")


def _begin_to_delete_table(name: str) -> None:
    from ministack.services import dynamodb

    if name not in dynamodb._tables:
        return
    status, _, body = dynamodb._delete_table({"TableName": name})
    if status >= 400:
        raise HandlerFailure(json.loads(body).get("message", ""), "InvalidRequest")
