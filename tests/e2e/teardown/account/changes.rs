//! Changes of tasks, and those that never reached the audit log.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::Account;

impl Account {
    /// Creates a task, as API Gateway asks the task function to; its id, or `None` when the function may not run.
    /// (The emulated gateway serves the APIs of the default account alone.)
    pub async fn create_task(&self, title: &str) -> Option<String> {
        let event = json!({
            "httpMethod": "POST", "path": "/tasks", "pathParameters": {"proxy": "tasks"},
            "multiValueHeaders": {"content-type": ["application/json"]}, "multiValueQueryStringParameters": {},
            "body": json!({"title": title}).to_string(),
            "requestContext": {
                "path": "/dev/tasks", "requestId": "gateway",
                "identity": {"sourceIp": "192.0.2.1", "userAgent": "test"},
                "authorizer": {
                    "principalId": "alice", "owner": "team", "scopes": "tasks:read tasks:write", "auth": "token",
                },
            },
        });
        let path = format!("/2015-03-31/functions/{}/invocations", self.outputs["TaskApiFunction"]);
        let answer = self.aws.rest("lambda", "POST", &path, event.to_string().into_bytes()).await;
        if !answer.is_success() {
            return None;
        }
        let answer = answer.json();
        let body: Value = serde_json::from_str(answer["body"].as_str()?).unwrap();
        (answer["statusCode"] == 201).then(|| body["id"].as_str().unwrap().to_owned())
    }

    /// A batch that never reached the audit log.
    pub async fn fill_bucket(&self) {
        self.discard("discarded").await;
    }

    /// The same, with a key.
    pub async fn discard(&self, key: &str) {
        let bucket = &self.thing("AWS::S3::Bucket", "AuditFailures").physical;
        self.aws.rest("s3", "PUT", &format!("/{bucket}/{key}"), "a batch".into()).await.done();
    }

    /// A record that could not be audited, by its number in the stream.
    pub async fn quarantine(&self, number: &str) {
        let stream = json!({"logGroupName": self.outputs["QuarantineLogGroup"], "logStreamName": "by-hand"});
        self.aws.logs("CreateLogStream", stream.clone()).await.done();
        let line = json!({"schema": "task.quarantine/1", "reason": "a test", "sequenceNumber": number});
        let millis = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        let mut put = stream;
        put["logEvents"] =
            json!([{"timestamp": u64::try_from(millis).unwrap(), "message": line.to_string()}]);
        self.aws.logs("PutLogEvents", put).await.done();
    }
}
