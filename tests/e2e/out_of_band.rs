//! Writes that bypass the API are audited as such, and so are TTL's removals.

use serde_json::{Value, json};

use crate::stack::{alone, key, shared};

#[tokio::test]
async fn a_write_to_the_table_directly_has_no_known_actor() {
    let app = shared().await;
    let id = app.create("out of band").await;
    let table = &app.outputs.table_name;
    let update = json!({"TableName": table, "Key": key(&id), "UpdateExpression": "SET priority = :p",
        "ExpressionAttributeValues": {":p": {"S": "HIGH"}}});
    app.account.dynamodb("UpdateItem", update).await.done();
    app.account.dynamodb("DeleteItem", json!({"TableName": table, "Key": key(&id)})).await.done();
    let records = app.audit_of(&id, 3).await;
    for (record, action) in records[1..].iter().zip(["task.modified_out_of_band", "task.removed_out_of_band"])
    {
        assert_eq!((&record["action"], &record["actor"]), (&json!(action), &json!({"id": "unknown"})));
    }
    assert_eq!(records[1]["changes"], json!([{"field": "priority", "old": "NORMAL", "new": "HIGH"}]));
}

#[tokio::test]
async fn a_tombstone_left_behind_is_purged_by_ttl() {
    let app = alone().await;
    let id = app.create("left behind").await;
    let path = format!("/tasks/{id}");
    assert_eq!(app.call("PUT", &path, json!({"assignee": "ann"})).await.status, 200);
    let failure = json!({"error": {"status": 500, "code": "InternalServerError", "message": "down"}});
    app.break_api("DeleteItem", &id, -1, failure).await;
    assert_eq!(app.call("DELETE", &path, Value::Null).await.status, 204, "the stamp alone deletes the task");
    app.lift_faults().await;
    let tombstone = app.item(&id).await;
    assert_eq!(tombstone["deletedBy"]["S"], "local-developer");
    for content in
        ["title", "description", "status", "statusKey", "assignee", "assigneeKey", "openOwner", "salt"]
    {
        assert_eq!(tombstone[content], Value::Null, "{content} is still there");
    }
    assert_eq!(app.call("GET", &path, Value::Null).await.status, 404);
    assert_eq!(app.call("DELETE", &path, Value::Null).await.status, 404);

    // As if its time had passed.
    let expire = json!({"TableName": app.outputs.table_name, "Key": key(&id),
        "UpdateExpression": "SET expiresAt = :past", "ExpressionAttributeValues": {":past": {"N": "1700000000"}}});
    app.account.dynamodb("UpdateItem", expire).await.done();
    app.admin("ttl", json!({})).await;
    let records = app.audit_of(&id, 5).await;
    assert_eq!(records[1]["changes"], json!([{"field": "assignee", "old": null, "new": "ann"}]));
    assert_eq!(records[4]["action"], "task.purged");
    assert_eq!(records[4]["actor"], json!({"id": "dynamodb-ttl", "auth": "service"}));
}
