"""Correction: CloudFormation remembers what it deleted, shows a stack as AWS does and pages its lists.

What AWS does ("DescribeStacks", "ListStackResources", "DescribeStackResources" in the API reference): deleted resources stay in
their stack's lists as DELETE_COMPLETE, for 90 days after the stack itself is deleted (by its id); a deleted stack has a
DeletionTime; DescribeStackResources gives only the first 100 resources; ListStackResources gives the reason for a status. A
list may come in pages of any size: only the absence of NextToken says that it is complete.

What stock MiniStack does: forgets deleted resources, knows no DeletionTime, gives all resources, no reasons, and pages of 100:
with our stacks, a client that ignores NextToken would look right. Here a page has 25 entries.
"""

from __future__ import annotations

import contextvars
import re
from xml.sax.saxutils import escape

PAGE = 25
MOST_DESCRIBED = 100
_with_deleted: contextvars.ContextVar[bool] = contextvars.ContextVar("with_deleted", default=False)
_EMPTY = re.compile(r"<(StackStatusReason|Description|LastUpdatedTime)></\1>")
_CREATED = re.compile(r"(<StackId>([^<]+)</StackId><StackStatus>DELETE_COMPLETE.*?<CreationTime>[^<]*</CreationTime>)")


def apply() -> None:
    from ministack.services.cloudformation import handlers

    resolve, page, actions = handlers._resolve_stack, handlers._page, handlers._ACTION_HANDLERS

    def resolve_with_deleted(name):
        stack = resolve(name)
        if stack is None or not _with_deleted.get():
            return stack
        return {**stack, "_resources": {**stack.get("_deleted", {}), **stack.get("_resources", {})}}

    def page_of(items, params, action, page_size=PAGE):
        return page(items, params, action, min(page_size, PAGE))

    handlers._resolve_stack, handlers._page = resolve_with_deleted, page_of
    for name in ("ListStackResources", "DescribeStackResources", "DescribeStackResource"):
        actions[name] = _remembering(actions[name])
    for name in ("ListStackResources", "DescribeStackResources", "GetTemplate"):
        actions[name] = _with_their_words(actions[name])
    actions["DescribeStackResources"] = _first(actions["DescribeStackResources"])
    actions["ListStackResources"] = _with_reasons(actions["ListStackResources"])
    actions["DescribeStacks"] = _described(actions["DescribeStacks"])


def _remembering(handler):
    def remembering(params):
        token = _with_deleted.set(True)
        try:
            return handler(params)
        finally:
            _with_deleted.reset(token)

    return remembering


def _with_their_words(handler):
    """Words a missing stack as these calls do; stock has the words of the others."""

    def with_their_words(params):
        status, headers, body = handler(params)
        if status == 400:
            body = re.sub(rb"Stack \[([^\]]*)\] does not exist", rb"Stack with id \1 does not exist", body)
        return status, headers, body

    return with_their_words


def _first(handler):
    def first(params):
        status, headers, body = handler(params)
        if status == 200:
            members = body.split(b"</member>")
            body = b"</member>".join(members[:MOST_DESCRIBED] + members[-1:]) if len(members) > MOST_DESCRIBED else body
        return status, headers, body

    return first


def _with_reasons(handler):
    def with_reasons(params):
        from ministack.services.cloudformation import handlers

        status, headers, body = handler(params)
        if status != 200:
            return status, headers, body
        stack = handlers._resolve_stack(params["StackName"][0])
        resources = {**stack.get("_deleted", {}), **stack.get("_resources", {})}

        def reasoned(found):
            reason = resources[found[1]].get("ResourceStatusReason")
            return found[0] + (f"<ResourceStatusReason>{escape(reason)}</ResourceStatusReason>" if reason else "")

        member = r"<LogicalResourceId>([^<]+)</LogicalResourceId>.*?</ResourceStatus>"
        return status, headers, re.sub(member, reasoned, body.decode()).encode()

    return with_reasons


def _described(handler):
    def described(params):
        from ministack.services.cloudformation import handlers

        def deleted(found):
            time = (handlers._resolve_stack(found[2]) or {}).get("DeletionTime")
            return found[1] + (f"<DeletionTime>{time}</DeletionTime>" if time else "")

        status, headers, body = handler(params)
        if status != 200:
            return status, headers, body
        return status, headers, _EMPTY.sub("", _CREATED.sub(deleted, body.decode())).encode()

    return described
