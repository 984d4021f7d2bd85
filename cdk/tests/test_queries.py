"""The saved queries and the metric filters find on recorded lines what they are for, and docs/audit.md shows the same queries."""

import json
import os
import re

import insights
import pytest
from conftest import APP_DIR, Synthesised

from local.corrections.logs import patterns
from task_service.contract import SCHEMA
from task_service.names import PRINCIPAL
from task_service.queries import INDEXED, QUERIES

REPOSITORY = APP_DIR.parent
TEXTS = {query.name: query.text for query in QUERIES}
# One record of every kind, written by the code that the audit function runs (functions/tasks/src/audit/tests.rs).
RECORDS = (REPOSITORY / "functions/tasks/audit-records.jsonl").read_text().splitlines()
# The authorizer's line, as docs/auth.md shows it.
(REFUSED,) = re.findall(r'^\{"timestamp".*"refused a token".*$', (REPOSITORY / "docs/auth.md").read_text(), re.MULTILINE)
# The task function's line, as docs/audit.md shows it, and others of its log.
(FORBIDDEN,) = re.findall(r'^\{"timestamp".*"answered a request".*$', (REPOSITORY / "docs/audit.md").read_text(), re.MULTILINE)
SERVED = (FORBIDDEN.replace('"reason":"insufficient-scope",', ""), "START RequestId: 1 Version: $LATEST")
FIRST, SECOND, THIRD = (f"019a0000-0000-7000-8000-00000000000{n}" for n in (1, 2, 3))


def found(name: str, lines: list[str] = RECORDS, **replaced: str) -> list[insights.Row]:
    text = TEXTS[name]
    for placeholder, value in replaced.items():
        assert text.count(f'"{placeholder}"') == 1
        text = text.replace(placeholder, value)
    return insights.run(text, lines)


def without(*events: str) -> list[str]:
    return [line for line in RECORDS if json.loads(line)["eventId"] not in events]


def events(rows: list[insights.Row]) -> list[str]:
    return [row["eventId"] for row in rows]


def test_a_tasks_history_is_in_order_with_every_change() -> None:
    rows = insights.run(TEXTS["task"].replace("TASK-ID", FIRST), [*reversed(RECORDS), *RECORDS])
    assert events(rows) == ["e-00", "e-01", "e-02", "e-03"]
    assert [row["action"] for row in rows] == ["task.created", "task.updated", "task.deleted", "task.purged"]
    assert (rows[1]["actor.id"], rows[1]["request.id"]) == ("bob", "r2")
    assert {rows[1][f"changes.{n}.field"]: rows[1][f"changes.{n}.new"] for n in range(2)} == {"title": None, "status": "COMPLETED"}


def test_a_record_has_no_more_changes_than_the_queries_show() -> None:
    for line in RECORDS:
        assert len(json.loads(line)["changes"]) <= len(SCHEMA["fields"])
    for name in ("task", "out-of-band"):
        assert f"changes.{len(SCHEMA['fields']) - 1}.new" in TEXTS[name]


def test_an_actors_changes_are_found_and_nobody_elses() -> None:
    rows = found("actor", **{"ACTOR-ID": "bob"})
    assert events(rows) == ["e-09", "e-08", "e-01"]
    assert events(found("actor", **{"ACTOR-ID": "nobody"})) == []


def test_what_was_done_with_one_token_is_found_and_with_no_other() -> None:
    rows = found("credential", CREDENTIAL="89abcdef")
    assert events(rows) == ["e-09", "e-08", "e-01"]
    assert [row["request.method"] for row in rows] == ["DELETE", "POST", "PUT"]
    assert events(found("credential", CREDENTIAL="00000000")) == []


def test_the_changes_from_an_address_are_found() -> None:
    rows = found("address", ADDRESS="192.0.2.1")
    assert events(rows) == ["e-04", "e-03", "e-02", "e-00"]
    assert {row["actor.id"] for row in rows} == {"alice"}


def test_deletes_show_who_and_what_removed_the_rest() -> None:
    rows = found("deletes", [*RECORDS, *RECORDS])
    assert [(row["eventId"], row["actor.id"]) for row in rows] == [
        ("e-10", "dynamodb-ttl"),
        ("e-09", "bob"),
        ("e-07", "dynamodb-ttl"),
        ("e-03", "alice"),
        ("e-02", "alice"),
    ]


def test_what_bypassed_the_api_is_found_and_ttls_removal_of_a_live_task_too() -> None:
    rows = found("out-of-band")
    assert events(rows) == ["e-07", "e-06", "e-05"]
    assert (rows[1]["changes.0.field"], rows[1]["otherFields.0"]) == (None, "expiresAt")


@pytest.mark.parametrize(
    ("lost", "task", "missing"),
    [("e-01", FIRST, 1), ("e-02", FIRST, 1), ("e-09", THIRD, 1)],
)
def test_a_lost_record_is_a_gap(lost: str, task: str, missing: int) -> None:
    assert found("gaps") == []
    assert found("gaps", [*RECORDS, *RECORDS]) == []
    (row,) = found("gaps", without(lost))
    assert (row["task.id"], row["missing"]) == (task, missing)


def test_a_copy_with_another_actor_is_told_from_a_redelivery() -> None:
    assert found("repeated") == []
    forged = RECORDS[1].replace('"bob"', '"mallory"')
    rows = found("repeated", [forged, *RECORDS, RECORDS[4]])
    assert [(row["eventId"], row["copies"], row["actors"]) for row in rows] == [("e-01", 2, 2), ("e-04", 2, 1)]


def test_the_busiest_actors_are_counted_once_per_record() -> None:
    once, twice = found("busiest-actors"), found("busiest-actors", [*RECORDS, *RECORDS])
    assert once == twice
    assert {"actor.id": "alice", "action": "task.created", "changes": 2} in once
    assert sum(row["changes"] for row in once) == len(RECORDS) - 1  # a sentinel is no change


def test_refusals_are_counted_by_reason_among_the_authorizers_other_lines() -> None:
    other = '{"timestamp":"2030-01-31T12:00:00.000000Z","level":"INFO","message":"authorized a principal","principal":"alice"}'
    lines = [REFUSED, "START RequestId: 1 Version: $LATEST", other, REFUSED, REFUSED.replace("expired", "malformed")]
    rows = found("refusals", lines)
    assert [(row["reason"], row["refused"]) for row in rows] == [("expired", 2), ("malformed", 1)]


def test_refused_callers_are_counted_by_what_they_tried() -> None:
    rows = found("refused-callers", [FORBIDDEN, FORBIDDEN, *SERVED, FORBIDDEN.replace('"DELETE"', '"PUT"')])
    assert [(row["principal"], row["reason"], row["method"], row["refused"]) for row in rows] == [
        ("reader", "insufficient-scope", "DELETE", 2),
        ("reader", "insufficient-scope", "PUT", 1),
    ]


def test_every_query_is_tried_here() -> None:
    source = "".join(line for line in open(__file__) if "def test_" not in line)
    assert [name for name in TEXTS if f'"{name}"' not in source] == []


def test_listings_drop_copies_and_counts_count_events_or_copies() -> None:
    for query in QUERIES:
        if query.log == "audit" and "| stats " not in query.text:
            assert query.text.endswith("| dedup eventId"), query.name


@pytest.mark.parametrize(
    "query",
    [
        'filter task.id like /0{4}/',
        "stats avg(task.versionAfter) as a",
        "fields strlen(action) as n",
        "parse @message /x/",
        "sort action",
        "dedup eventId | sort action asc",
    ],
)
def test_what_the_evaluator_does_not_know_it_refuses(query: str) -> None:
    with pytest.raises(insights.UnknownConstruct):
        insights.run(query, RECORDS)


def test_the_filters_for_what_bypassed_the_api_find_what_the_query_finds(dev: Synthesised) -> None:
    (pattern,) = [
        one["Properties"]["FilterPattern"]
        for one in dev.of_type("AWS::Logs::MetricFilter").values()
        if one["Properties"]["MetricTransformations"][0]["MetricName"] == "OutOfBand"
    ]
    matches = patterns.compiled(pattern)
    assert sorted(json.loads(line)["eventId"] for line in RECORDS if matches(line)) == sorted(events(found("out-of-band")))


def test_the_filter_for_refused_callers_finds_what_the_query_finds(dev: Synthesised) -> None:
    (pattern,) = [
        one["Properties"]["FilterPattern"]
        for one in dev.of_type("AWS::Logs::MetricFilter").values()
        if one["Properties"]["MetricTransformations"][0]["MetricName"] == "RefusedCallers"
    ]
    matches = patterns.compiled(pattern)
    assert [matches(line) for line in (FORBIDDEN, *SERVED)] == [True, False, False]


def test_nobody_can_have_a_name_that_the_records_use_where_no_caller_acted() -> None:
    actors = [json.loads(line)["actor"] for line in RECORDS]
    names = {actor["id"] for actor in actors if actor.get("auth", "service") == "service"}
    assert names == set(PRINCIPAL.reserved)


def test_the_saved_queries_are_in_the_stages_folder_and_look_into_one_log(each: Synthesised) -> None:
    stage = each.stack.stack_name.removeprefix("tasks-")
    saved = [one["Properties"] for one in each.of_type("AWS::Logs::QueryDefinition").values()]
    assert {one["Name"] for one in saved} == {f"tasks/{stage}/{query.name}" for query in QUERIES}
    for query in QUERIES:
        (one,) = [one for one in saved if one["Name"].endswith(f"/{query.name}")]
        (group,) = one["LogGroupNames"]
        assert each.resources[group["Ref"]]["Properties"]["LogGroupName"] == f"/tasks/{stage}/{query.log}"
        assert one["QueryString"] == query.text


def test_the_audit_logs_indexes_are_fields_of_records_within_awss_limits(each: Synthesised) -> None:
    indexed = [group["Properties"] for group in each.of_type("AWS::Logs::LogGroup").values() if "FieldIndexPolicies" in group["Properties"]]
    (group,) = indexed
    assert group["LogGroupName"].endswith("/audit")
    assert group["FieldIndexPolicies"] == [{"Fields": list(INDEXED)}]
    assert len(INDEXED) <= 20
    assert all(len(name) <= 100 for name in INDEXED)
    known = {name for line in RECORDS for name in insights.flattened(json.loads(line))} | {"request.idempotencyKey"}
    assert set(INDEXED) <= known


def test_a_query_that_asks_for_one_value_asks_for_an_indexed_field() -> None:
    asked = {field for query in QUERIES if query.log == "audit" for field in re.findall(r"([\w.]+) (?:=|in) ", query.text)}
    assert asked <= set(INDEXED)


def test_the_document_shows_every_query() -> None:
    """`REFRESH=1 pytest tests/test_queries.py` writes them below the section's introduction."""
    path = REPOSITORY / "docs/audit.md"
    document = path.read_text()
    shown = "".join(f"**{query.name}**: {query.answers}\n\n```\n{query.text}\n```\n\n" for query in QUERIES)
    written = re.sub(r"(## Queries\n.*?\n\n)\*\*.*?(?=## )", lambda section: section[1] + shown, document, flags=re.DOTALL)
    if os.environ.get("REFRESH"):
        path.write_text(written)
    assert path.read_text() == written, "run it with REFRESH=1"
    assert shown in written
