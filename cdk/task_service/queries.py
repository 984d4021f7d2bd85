"""The saved queries of CloudWatch Logs Insights, and the fields of the audit log that are indexed for them.

`docs/audit.md` shows the same table, and `tests/test_queries.py` runs every query on recorded lines. A listing ends with
`dedup eventId`, because a record may be delivered more than once. After `dedup`, Insights takes no command but `limit`, so a count
counts distinct `eventId`s instead.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from aws_cdk import aws_logs as logs
from constructs import Construct

from task_service.contract import SCHEMA

# What is looked for with `=` or `in`, which then skips the records that cannot match. An index policy has at most 20 fields of at
# most 100 characters, which have to be written as in the records ("Field index syntax and quotas").
INDEXED = (
    "eventId",
    "action",
    "actor.id",
    "actor.credential",
    "request.id",
    "request.sourceIp",
    "request.idempotencyKey",
    "request.traceId",
    "task.id",
    "task.owner",
    "sentinel",
)

# Insights knows the members of a list by their place, so each change that a record can have is named.
_CHANGES = ", ".join(f"changes.{n}.field, changes.{n}.new" for n in range(len(SCHEMA["fields"])))

# A direct change of attributes that are no fields has their names; more than these few are in the record itself.
_OTHERS = ", ".join(f"otherFields.{n}" for n in range(4))


@dataclass(frozen=True)
class Query:
    name: str
    """The end of its name in Insights, after `tasks/<stage>/`."""
    answers: str
    text: str
    log: str = "audit"
    """The log group's name after `/tasks/<stage>/`."""


QUERIES = (
    Query(
        "task",
        "What happened to one task, in order? Put its id in the place of `TASK-ID`.",
        f"""filter task.id = "TASK-ID"
| fields coalesce(task.versionBefore, 0) as version, time.changed, action, actor.id, request.method, request.id, {_CHANGES}, eventId
| sort version asc
| dedup eventId""",
    ),
    Query(
        "actor",
        "What did one caller change? Put its id in the place of `ACTOR-ID`.",
        """filter actor.id = "ACTOR-ID"
| fields time.changed, action, actor.credential, task.owner, task.id, request.sourceIp, request.userAgent, request.id, eventId
| sort @timestamp desc
| dedup eventId""",
    ),
    Query(
        "credential",
        "What was changed with one token? Put the eight digits of its `credential` in the place of `CREDENTIAL`.",
        """filter actor.credential = "CREDENTIAL"
| fields time.changed, action, actor.id, request.method, request.route, request.sourceIp, task.owner, task.id, eventId
| sort @timestamp desc
| dedup eventId""",
    ),
    Query(
        "address",
        "What was changed from one network address? Put it in the place of `ADDRESS`.",
        """filter request.sourceIp = "ADDRESS"
| fields time.changed, action, actor.id, task.owner, task.id, request.userAgent, request.id, eventId
| sort @timestamp desc
| dedup eventId""",
    ),
    Query(
        "deletes",
        "Which tasks were deleted, by whom, and when did their last trace leave the table?",
        """filter action in ["task.deleted", "task.purged", "task.removed_out_of_band"]
| fields time.changed, action, actor.id, request.sourceIp, task.owner, task.id, eventId
| sort @timestamp desc
| dedup eventId""",
    ),
    Query(
        "out-of-band",
        "What bypassed the API?",
        f"""filter action in ["task.modified_out_of_band", "task.removed_out_of_band"] or actor.id = "unknown"
| fields time.changed, action, actor.id, task.owner, task.id, {_CHANGES}, {_OTHERS}, eventId
| sort @timestamp desc
| dedup eventId""",
    ),
    Query(
        "gaps",
        "Of which tasks are records missing? Their versions count up by one. A task that is older than the time range is counted "
        "from its first version in it.",
        """filter ispresent(task.id)
| fields coalesce(task.versionAfter, task.versionBefore) as version
| stats max(version) as newest, min(task.versionAfter) as oldest, count_distinct(task.versionAfter) as seen, \
newest - oldest + 1 - seen as missing by task.owner, task.id
| filter missing > 0
| sort missing desc""",
    ),
    Query(
        "repeated",
        "Which records are in the log more than once? Copies of a redelivery are equal: more than one actor or action is a forgery.",
        """filter ispresent(eventId)
| stats count(*) as copies, count_distinct(actor.id) as actors, count_distinct(action) as actions by eventId
| filter copies > 1
| sort actors desc""",
    ),
    Query(
        "busiest-actors",
        "Who changed most, and how?",
        """filter ispresent(task.id)
| stats count_distinct(eventId) as changes by actor.id, action
| sort changes desc
| limit 20""",
    ),
    Query(
        "refusals",
        "Which tokens were refused, and why?",
        """filter message = "refused a token"
| stats count(*) as refused by reason, method, route
| sort refused desc""",
        log="authorizer",
    ),
    Query(
        "refused-callers",
        "Which known callers tried what their token is not for, or went on after its end?",
        """filter ispresent(reason)
| stats count(*) as refused by principal, reason, method, route, source_ip
| sort refused desc""",
        log="task-api",
    ),
)


class SavedQueries(Construct):
    """The queries in Insights' list, in the folder `tasks/<stage>`."""

    def __init__(self, scope: Construct, construct_id: str, *, stage: str, logs_by_name: Mapping[str, logs.LogGroup]) -> None:
        super().__init__(scope, construct_id)
        for query in QUERIES:
            logs.CfnQueryDefinition(
                self,
                query.name,
                name=f"tasks/{stage}/{query.name}",
                query_string=query.text,
                log_group_names=[logs_by_name[query.log].log_group_name],
            )
