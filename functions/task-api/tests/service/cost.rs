//! The cost of each call, as docs/api.md lists it, by DynamoDB's own count.

use std::{env, fs, path::Path};

use dynoxide::{AttributeValue, Item};
use serde_json::{Value, json};
use tasks::task::TaskId;

use crate::table::{Spent, Table};

fn cost(call: &'static str, table: f64, indexes: f64) -> Spent {
    Spent { call, table, indexes }
}

#[tokio::test]
async fn a_create_is_one_write_and_its_index_entry_and_one_more_when_keyed() {
    let table = Table::new().await;
    table.create(r#"{"title":"a"}"#).await;
    assert_eq!(table.spent(), [cost("PutItem", 1.0, 1.0)]);
    let key = json!({"Idempotency-Key": "k"});
    table.send("POST", "/tasks", key, r#"{"title":"a"}"#).await;
    assert_eq!(table.spent(), [cost("PutItem", 1.0, 0.0), cost("PutItem", 1.0, 1.0)]);
}

#[tokio::test]
async fn an_assignee_has_an_index_entry_of_its_own() {
    let table = Table::new().await;
    let id = table.create(r#"{"title":"a","assignee":"ann"}"#).await;
    assert_eq!(table.spent(), [cost("PutItem", 1.0, 2.0)]);
    let path = format!("/tasks/{id}");
    table.send("PUT", &path, json!({}), r#"{"title":"b"}"#).await;
    assert_eq!(table.spent(), [cost("UpdateItem", 1.0, 2.0)]);
    // In the indexes: one entry updated, one removed, one written.
    table.send("PUT", &path, json!({}), r#"{"assignee":"bob"}"#).await;
    assert_eq!(table.spent(), [cost("UpdateItem", 1.0, 3.0)]);
    table.send("PUT", &path, json!({}), r#"{"assignee":null}"#).await;
    assert_eq!(table.spent(), [cost("UpdateItem", 1.0, 2.0)]);
    table.send("PUT", &path, json!({}), r#"{"assignee":"bob"}"#).await;
    assert_eq!(table.spent(), [cost("UpdateItem", 1.0, 2.0)]);
    table.send("DELETE", &path, json!({}), "").await;
    assert_eq!(table.spent(), [cost("UpdateItem", 1.0, 2.0), cost("DeleteItem", 1.0, 0.0)]);
}

#[tokio::test]
async fn a_warm_up_is_one_read_that_finds_nothing_and_a_failure_of_it_is_none() {
    let table = Table::new().await;
    table.warm_up().await;
    assert_eq!(table.spent(), [cost("GetItem", 1.0, 0.0)]);
    Table::unreachable().await.warm_up().await;
}

#[tokio::test]
async fn a_get_is_one_strongly_consistent_read() {
    let table = Table::new().await;
    let id = table.create(r#"{"title":"a"}"#).await;
    table.spent();
    table.send("GET", &format!("/tasks/{id}"), json!({}), "").await;
    assert_eq!(table.spent(), [cost("GetItem", 1.0, 0.0)]);
}

#[tokio::test]
async fn an_update_is_one_write_and_one_that_changes_nothing_writes_nothing() {
    let table = Table::new().await;
    let id = table.create(r#"{"title":"a"}"#).await;
    table.spent();
    table.send("PUT", &format!("/tasks/{id}"), json!({}), r#"{"title":"b"}"#).await;
    assert_eq!(table.spent(), [cost("UpdateItem", 1.0, 1.0)]);
    // The index entry moves: one removed, one written.
    table.send("PUT", &format!("/tasks/{id}"), json!({}), r#"{"status":"COMPLETED"}"#).await;
    assert_eq!(table.spent(), [cost("UpdateItem", 1.0, 2.0)]);
    table.send("PUT", &format!("/tasks/{id}"), json!({}), r#"{"status":"COMPLETED"}"#).await;
    assert_eq!(table.spent(), []);
}

#[tokio::test]
async fn a_delete_is_two_writes_and_one_more_for_a_keyed_create() {
    let table = Table::new().await;
    let id = table.create(r#"{"title":"a"}"#).await;
    table.spent();
    table.send("DELETE", &format!("/tasks/{id}"), json!({}), "").await;
    assert_eq!(table.spent(), [cost("UpdateItem", 1.0, 1.0), cost("DeleteItem", 1.0, 0.0)]);

    let keyed = table.send("POST", "/tasks", json!({"Idempotency-Key": "k"}), r#"{"title":"a"}"#).await;
    let id = keyed.json()["id"].as_str().unwrap().to_owned();
    table.spent();
    table.send("DELETE", &format!("/tasks/{id}"), json!({}), "").await;
    let expected = [cost("UpdateItem", 1.0, 1.0), cost("UpdateItem", 1.0, 0.0), cost("DeleteItem", 1.0, 0.0)];
    assert_eq!(table.spent(), expected);
}

/// Adds tasks like `model`, of which there are `from`, until there are `total`.
fn fill(table: &Table, model: &Item, from: usize, total: usize) {
    let items = (from..total).map(|_| {
        let id = TaskId::new();
        let mut item = model.clone();
        item.insert("SK".into(), AttributeValue::S(format!("TASK#{id}")));
        item.insert("statusKey".into(), AttributeValue::S(format!("PENDING#{id}")));
        item
    });
    table.import(items.collect());
}

#[tokio::test]
async fn a_page_costs_the_same_out_of_100_000_tasks_as_out_of_1_000() {
    let table = Table::new().await;
    let body =
        r#"{"title":"a task like any other","description":"with some words","dueAt":"2026-01-01T00:00:00Z"}"#;
    let id = table.create(body).await;
    let model = table.item(&id).unwrap();
    let mut pages = Vec::new();
    for (from, total) in [(1, 1_000), (1_000, 100_000)] {
        fill(&table, &model, from, total);
        table.spent();
        for query in ["", "&status=PENDING", "&order=asc", "&status=PENDING&order=asc", "&sort=dueAt"] {
            let page = table.send("GET", &format!("/tasks?limit=100{query}"), json!({}), "").await.json();
            assert_eq!(page["items"].as_array().unwrap().len(), 100);
            let cursor = page["nextCursor"].as_str().unwrap();
            let next = format!("/tasks?limit=100{query}&cursor={cursor}");
            let second = table.send("GET", &next, json!({}), "").await.json();
            assert_ne!(second["items"][0]["id"], page["items"][0]["id"]);
        }
        pages.push(table.spent());
    }
    assert!(pages[0].iter().all(|spent| spent.call == "Query" && spent.table + spent.indexes > 0.0));
    assert_eq!(pages[0].len(), 10, "one Query per page");
    assert_eq!(pages[0], pages[1]);
}

#[tokio::test]
async fn a_filter_reads_only_what_it_returns() {
    let table = Table::new().await;
    for _ in 0..30 {
        table.create(r#"{"title":"a"}"#).await;
    }
    let body = r#"{"title":"b","status":"COMPLETED"}"#;
    let id = table.create(body).await;
    table.spent();
    let found = table.send("GET", "/tasks?status=COMPLETED", json!({}), "").await.json();
    assert_eq!(found["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(found["items"][0]["id"], Value::String(id));
    assert_eq!(table.spent(), [cost("Query", 0.0, 0.5)]);
}

/// Returns what a call spends, and the bytes of its answer, as docs/quantities.json has it.
async fn quantities(table: &Table, method: &str, target: &str, headers: Value, body: &str) -> Value {
    table.spent();
    let answer = table.send(method, target, headers, body).await;
    assert!(answer.status() < 300, "{answer:?}");
    let spent = table.spent();
    let units = |of_reads: bool| {
        let calls = spent.iter().filter(|spent| matches!(spent.call, "GetItem" | "Query") == of_reads);
        calls.fold(0.0, |sum, spent| sum + spent.table + spent.indexes)
    };
    json!({"reads": units(true), "writes": units(false), "tableCalls": spent.len(), "answerBytes": answer.body().len()})
}

/// docs/cost.md is made of the file. `REFRESH=1 cargo test --workspace --test service` writes this part of it.
#[tokio::test]
async fn the_quantities_of_the_calls_are_those_of_the_cost_model() {
    let table = Table::new().await;
    let body = r#"{"title":"a task like any other","description":"with some words"}"#;
    let none = || json!({});
    let create = quantities(&table, "POST", "/tasks", none(), body).await;
    let keyed = quantities(&table, "POST", "/tasks", json!({"Idempotency-Key": "k"}), body).await;
    let id = table.create(body).await;
    fill(&table, &table.item(&id).unwrap(), 3, 1_000);
    let path = format!("/tasks/{id}");
    let calls = json!({
        "create": create,
        "keyed create": keyed,
        "read": quantities(&table, "GET", &path, none(), "").await,
        "list of 20": quantities(&table, "GET", "/tasks?limit=20", none(), "").await,
        "list of 100": quantities(&table, "GET", "/tasks?limit=100", none(), "").await,
        "update": quantities(&table, "PUT", &path, none(), r#"{"title":"another one"}"#).await,
        "delete": quantities(&table, "DELETE", &path, none(), "").await,
    });
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/quantities.json");
    let mut written: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    if env::var_os("REFRESH").is_some() {
        written["calls"] = calls.clone();
        fs::write(&file, format!("{}\n", serde_json::to_string_pretty(&written).unwrap())).unwrap();
    }
    assert_eq!(
        written["calls"], calls,
        "run `REFRESH=1 cargo test --workspace --test service`, then `cargo xtask cost --write`"
    );
}
