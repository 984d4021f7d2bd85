//! Many clients at once: nothing is lost or duplicated.

use std::collections::HashSet;

use futures::{StreamExt, stream};
use serde_json::{Value, json};

use crate::stack::{alone, assert_chain, eventually, of_task};

const TASKS: usize = 1_000;
const CLIENTS: usize = 20;

#[tokio::test]
async fn a_thousand_tasks_from_twenty_clients_are_all_audited_once() {
    let app = alone().await;
    let ids: Vec<_> = stream::iter(0..TASKS)
        .map(async |n| app.create(&format!("load {n}")).await)
        .buffer_unordered(CLIENTS)
        .collect()
        .await;
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), TASKS);
    let (changed, kept) = ids.split_at(TASKS / 2);
    let change = async |id: &String| {
        let path = format!("/tasks/{id}");
        let updated = app.call("PUT", &path, json!({"status": "COMPLETED"})).await;
        assert_eq!((updated.status.as_u16(), updated.header("ETag")), (200, Some("\"2\"")));
        assert_eq!(app.call("DELETE", &path, Value::Null).await.status, 204);
    };
    stream::iter(changed).map(change).buffer_unordered(CLIENTS).collect::<()>().await;

    // One record per create, and three more for an update, a delete and its purge.
    let expected = TASKS + 3 * changed.len();
    let ours: HashSet<_> = ids.iter().map(String::as_str).collect();
    let records = eventually("every record of the load", async || {
        let mut records = app.audit_log().await;
        records.retain(|record| record["task"]["id"].as_str().is_some_and(|id| ours.contains(id)));
        (records.len() >= expected).then_some(records)
    });
    let records = records.await;
    assert_eq!(records.len(), expected);
    let events: HashSet<_> = records.iter().map(|record| record["eventId"].as_str().unwrap()).collect();
    assert_eq!(events.len(), expected, "no event twice");
    for (ids, count) in [(changed, 4), (kept, 1)] {
        for id in ids {
            let records = of_task(&records, id);
            assert_eq!(records.len(), count, "{id}");
            assert_chain(&records);
        }
    }
}
