//! The list of open tasks by due date.

use serde_json::{Value, json};
use tasks::input::{ListQuery, Position};

use crate::{
    api::pages,
    table::{Spent, Table},
};

const DUE: &str = "/tasks?sort=dueAt";

async fn titles(table: &Table, target: &str) -> Vec<String> {
    let list = table.send("GET", target, json!({}), "").await;
    assert_eq!(list.status(), 200, "{list:?}");
    let items = list.json()["items"].take();
    items.as_array().unwrap().iter().map(|task| task["title"].as_str().unwrap().to_owned()).collect()
}

async fn create(table: &Table, title: &str, due: &str, status: &str) -> String {
    table.create(&json!({"title": title, "dueAt": due, "status": status}).to_string()).await
}

#[tokio::test]
async fn open_tasks_with_a_due_date_are_listed_soonest_first() {
    let table = Table::new().await;
    create(&table, "second", "2026-02-01T00:00:00Z", "IN_PROGRESS").await;
    create(&table, "third", "2026-02-01T00:00:00.001Z", "PENDING").await;
    create(&table, "first", "2026-02-01T00:30:00+01:00", "PENDING").await;
    create(&table, "done", "2026-01-15T00:00:00Z", "COMPLETED").await;
    create(&table, "given up", "2026-01-15T00:00:00Z", "CANCELLED").await;
    table.create(r#"{"title":"whenever"}"#).await;
    table
        .send_as(
            "another",
            "POST",
            "/tasks",
            json!({}),
            r#"{"title":"theirs","dueAt":"2026-01-01T00:00:00Z"}"#,
        )
        .await;

    assert_eq!(titles(&table, DUE).await, ["first", "second", "third"]);
    assert_eq!(titles(&table, "/tasks?sort=dueAt&order=desc").await, ["third", "second", "first"]);
    for (bounds, expected) in [
        ("&dueAfter=2026-02-01T00:00:00Z", vec!["second", "third"]),
        ("&dueBefore=2026-02-01T00:00:00Z", vec!["first"]),
        ("&dueAfter=2026-01-31T23:30:00Z&dueBefore=2026-02-01T00:00:00.001Z", vec!["first", "second"]),
        ("&dueAfter=2026-03-01T00:00:00Z", vec![]),
        ("&dueBefore=0000-01-01T00:00:00Z", vec![]),
        ("&dueBefore=9999-12-31T23:59:59.999Z", vec!["first", "second", "third"]),
        // More exact than a due date.
        ("&dueBefore=2026-02-01T00:00:00.0015Z", vec!["first", "second", "third"]),
        ("&dueBefore=2026-02-01T00:00:00.001000000Z", vec!["first", "second"]),
        ("&dueAfter=2026-02-01T00:00:00.0005Z", vec!["third"]),
        ("&dueAfter=2026-02-01T00:00:00.001000001Z", vec![]),
        ("&dueAfter=2026-02-01T00:00:00.001Z&dueBefore=2026-02-01T00:00:00.0015Z", vec!["third"]),
        ("&dueAfter=2026-02-01T00:00:00.0005Z&dueBefore=2026-02-01T00:00:00.0007Z", vec![]),
    ] {
        assert_eq!(titles(&table, &format!("{DUE}{bounds}")).await, expected, "{bounds}");
    }
}

/// Status and due date change one without the other, in every order, and the list follows.
#[tokio::test]
async fn a_task_is_in_the_list_while_it_is_open_and_due() {
    let table = Table::new().await;
    let path = format!("/tasks/{}", table.create(r#"{"title":"a"}"#).await);
    let (is_in, is_out) = (vec!["a".to_owned()], Vec::<String>::new());
    for (change, expected) in [
        (json!({"dueAt": "2026-01-01T00:00:00Z"}), &is_in),
        (json!({"status": "IN_PROGRESS"}), &is_in),
        (json!({"status": "COMPLETED"}), &is_out),
        (json!({"dueAt": "2026-01-02T00:00:00Z"}), &is_out),
        (json!({"status": "PENDING"}), &is_in),
        (json!({"dueAt": null}), &is_out),
        (json!({"status": "COMPLETED"}), &is_out),
        (json!({"status": "PENDING", "dueAt": "2026-01-03T00:00:00Z"}), &is_in),
        (json!({"status": "COMPLETED", "dueAt": "2026-01-04T00:00:00Z"}), &is_out),
        (json!({"status": "IN_PROGRESS"}), &is_in),
        (json!({"assignee": "ann"}), &is_in),
    ] {
        let changed = table.send("PATCH", &path, json!({}), &change.to_string()).await;
        assert_eq!(changed.status(), 200, "{changed:?}");
        assert_eq!(titles(&table, DUE).await, *expected, "{change}");
    }
    let task = table.send("GET", &path, json!({}), "").await.json();
    let listed = table.send("GET", DUE, json!({}), "").await.json();
    assert_eq!(listed["items"], json!([task]), "the index has the whole task");
    assert_eq!(table.send("DELETE", &path, json!({}), "").await.status(), 204);
    assert_eq!(titles(&table, DUE).await, is_out);
}

#[tokio::test]
async fn pages_by_due_date_miss_and_repeat_nothing_although_many_are_due_at_once() {
    let table = Table::new().await;
    let mut expected = Vec::new();
    for day in 1..=3 {
        for _ in 0..7 {
            expected.push(create(&table, "a", &format!("2026-01-0{day}T12:00:00Z"), "PENDING").await);
        }
    }
    expected.sort();
    for order in ["asc", "desc"] {
        let range = "dueAfter=2026-01-01T12:00:00Z&dueBefore=2026-01-04T00:00:00Z";
        let mut next = Some(format!("/tasks?sort=dueAt&{range}&order={order}&limit=4"));
        let (mut ids, mut due) = (Vec::new(), Vec::new());
        while let Some(target) = next {
            let page = table.send("GET", &target, json!({}), "").await;
            for task in page.json()["items"].as_array().unwrap() {
                ids.push(task["id"].as_str().unwrap().to_owned());
                due.push(task["dueAt"].as_str().unwrap().to_owned());
            }
            // The link has the whole query, with the bounds as the service writes them.
            let link =
                page.header("Link").map(|link| link.split(['<', '>']).nth(1).unwrap().replace("%3A", ":"));
            assert_eq!(link.is_some(), page.json()["nextCursor"] != Value::Null);
            next = link.map(|link| link.strip_prefix("/dev").unwrap().to_owned());
        }
        assert!(if order == "asc" { due.is_sorted() } else { due.iter().rev().is_sorted() }, "{due:?}");
        ids.sort();
        assert_eq!(ids, expected, "{order}");
    }
}

/// Someone wrote to the table directly: a due date that is no time, an id that is none, and an index key of another place.
#[tokio::test]
async fn pages_go_on_after_an_item_with_keys_that_the_service_never_writes() {
    let table = Table::new().await;
    let mut items = Vec::new();
    let mut whole = Vec::new();
    for (day, changes) in [
        (1, vec![]),
        (2, vec![("dueAt", "2026-01-02"), ("assigneeKey", "ann#zzz")]),
        (3, vec![]),
        (4, vec![("SK", "TASK#by hand"), ("dueAt", "2026-01-04T24:61"), ("statusKey", "PENDING#")]),
        (5, vec![]),
    ] {
        let due = format!("2026-01-0{day}T00:00:00Z");
        let id = table.create(&json!({"title": "a", "dueAt": due, "assignee": "ann"}).to_string()).await;
        let mut item = table.item(&id).unwrap();
        if changes.is_empty() {
            whole.push(id);
        }
        for (name, value) in changes {
            item.insert(name.to_owned(), dynoxide::AttributeValue::S(value.to_owned()));
        }
        items.push(item);
    }
    table.import(items);
    for filter in
        ["sort=dueAt&", "sort=dueAt&dueAfter=2026-01-01T00:00:00Z&", "status=PENDING&", "assignee=ann&", ""]
    {
        for order in ["asc", "desc"] {
            let mut found = pages(&table, &format!("{filter}order={order}&limit=1")).await;
            found.retain(|id| whole.contains(id));
            found.sort();
            assert_eq!(found, whole, "{filter}{order}");
        }
    }
}

#[tokio::test]
async fn a_cursor_leads_nowhere_but_into_its_list() {
    let table = Table::new().await;
    let range = [("dueAfter", "2026-01-01T00:00:00.000Z"), ("dueBefore", "2026-02-01T00:00:00.000Z")];
    let parameters = [&[("sort", "dueAt")], &range[..]].concat();
    let given = parameters.iter().map(|(name, value)| ((*name).to_owned(), vec![(*value).to_owned()]));
    let query = ListQuery::parse(&given.collect(), "team").unwrap();
    let target: Vec<_> = parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let long = "2026-01-15".repeat(103);
    for (sort_key, index_key, status) in [
        ("TASK#1", Some("2026-01-01T00:00:00.000Z"), 200),
        ("TASK#1", Some("2026-01-31T23:59:59.999Z"), 200),
        ("anything", Some("2026-01-02"), 200),
        ("TASK#1", Some("2025-12-31T23:59:59.999Z"), 400),
        ("TASK#1", Some("2026-02-01T00:00:00.000Z"), 400),
        ("TASK#1", Some(&long), 400),
        (&long, Some("2026-01-02"), 400),
        ("", Some("2026-01-02"), 400),
        ("TASK#1", None, 400),
    ] {
        let place = Position { sort_key: sort_key.to_owned(), index_key: index_key.map(str::to_owned) };
        let cursor = query.cursor_after(&place, "team");
        let target = format!("/tasks?{}&cursor={cursor}", target.join("&"));
        let answer = table.send("GET", &target, json!({}), "").await;
        assert_eq!(answer.status(), status, "{place:?}: {answer:?}");
        assert!(status == 200 || answer.problem().1 == "invalid-cursor", "{answer:?}");
    }
}

#[tokio::test]
async fn a_due_date_costs_an_index_entry_while_the_task_is_open() {
    let cost = |call, table, indexes| Spent { call, table, indexes };
    let table = Table::new().await;
    let id = create(&table, "a", "2026-01-01T00:00:00Z", "PENDING").await;
    assert_eq!(table.spent(), [cost("PutItem", 1.0, 2.0)]);
    let path = format!("/tasks/{id}");
    for (change, indexes) in [
        (json!({"title": "b"}), 2.0),
        // One entry updated, one moved.
        (json!({"dueAt": "2026-01-02T00:00:00Z"}), 3.0),
        // One entry moved, one removed.
        (json!({"status": "COMPLETED"}), 3.0),
        (json!({"title": "c"}), 1.0),
        (json!({"dueAt": "2026-01-03T00:00:00Z"}), 1.0),
        (json!({"status": "PENDING"}), 3.0),
        (json!({"dueAt": null}), 2.0),
    ] {
        table.send("PUT", &path, json!({}), &change.to_string()).await;
        assert_eq!(table.spent(), [cost("UpdateItem", 1.0, indexes)], "{change}");
    }
    table.send("GET", DUE, json!({}), "").await;
    assert_eq!(table.spent(), [cost("Query", 0.0, 0.5)]);
}
