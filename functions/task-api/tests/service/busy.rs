//! Many clients change one task at once, so that most writes are overtaken by one with a later time.

use std::cell::Cell;

use futures::future::{join, join_all};
use serde_json::{Value, json};

use crate::table::{Answer, Table};

const WRITERS: usize = 20;

/// Returns a table with one task, and the task's path.
async fn one_task(body: &str) -> (Table, String) {
    let table = Table::new().await;
    let path = format!("/tasks/{}", table.create(body).await);
    (table, path)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_one_of_many_writers_gets_through_and_updated_at_never_goes_back() {
    const EACH: usize = 5;
    let (table, path) = one_task(r#"{"title":"a"}"#).await;
    let write = async |writer| {
        let mut answers = Vec::new();
        for n in 0..EACH {
            let body = json!({"title": format!("{writer}-{n}")}).to_string();
            answers.push(table.send("PUT", &path, json!({}), &body).await);
        }
        answers
    };
    let answers: Vec<_> = join_all((0..WRITERS).map(write)).await.into_iter().flatten().collect();
    let refused: Vec<_> = answers.iter().filter(|answer| answer.status() != 200).collect();
    assert!(refused.is_empty(), "{} of {} are refused: {:?}", refused.len(), answers.len(), refused[0]);

    let mut tasks: Vec<Value> = answers.iter().map(Answer::json).collect();
    tasks.sort_by_key(|task| task["version"].as_u64());
    assert!(tasks.iter().map(|task| task["version"].as_u64().unwrap()).eq(2..=101), "each is a version");
    assert!(tasks.is_sorted_by_key(|task| task["updatedAt"].as_str().unwrap().to_owned()), "{tasks:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_definite_answer_is_the_same_on_a_busy_task() {
    const EACH: usize = 10;
    let (table, path) = one_task(r#"{"title":"a","status":"CANCELLED"}"#).await;
    table.send("PUT", &path, json!({}), r#"{"title":"b"}"#).await;
    let busy = Cell::new(true);
    let keep_busy = async |writer| {
        for n in 0.. {
            let body = json!({"title": format!("{writer}-{n}")}).to_string();
            table.send("PUT", &path, json!({}), &body).await;
            if !busy.get() {
                break;
            }
        }
    };
    let ask = async {
        let mut surprises = Vec::new();
        let (none, stale) = (json!({}), json!({"If-Match": "\"1\""}));
        for (method, headers, body, status) in [
            ("PUT", &stale, r#"{"title":"stale"}"#, 412),
            ("DELETE", &stale, "", 412),
            ("PUT", &none, r#"{"status":"PENDING"}"#, 409),
            ("PUT", &none, r#"{"version":1}"#, 400),
            ("PUT", &none, r#"{"status":"CANCELLED"}"#, 200),
        ] {
            for _ in 0..EACH {
                let answer = table.send(method, &path, headers.clone(), body).await;
                if answer.status() != status {
                    surprises.push(format!("{method} {body}: {answer:?}"));
                }
            }
        }
        busy.set(false);
        surprises
    };
    let (surprises, _) = join(ask, join_all((0..WRITERS / 2).map(keep_busy))).await;
    assert!(surprises.is_empty(), "{} surprises: {}", surprises.len(), surprises[0]);
}
