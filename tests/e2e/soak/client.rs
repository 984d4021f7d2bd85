//! A client: it creates, changes and deletes tasks of an owner of its own, and notes what it was told.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use super::Progress;
use crate::teardown::account::Account;

/// An answer to a write.
#[derive(Debug)]
pub struct Told {
    /// The id of the request, if the answer names it.
    pub request: String,
    pub outcome: Outcome,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Done,
    /// The answer to an earlier request with the same key.
    Replayed,
    Nothing,
    Unknown,
}

pub struct Client<'a> {
    account: &'a Account,
    owner: String,
    random: u64,
    /// Id and last known version.
    tasks: Vec<(String, u64)>,
    told: Vec<Told>,
}

/// Returns the owner of a client's tasks.
pub fn owner(number: usize) -> String {
    format!("owner-{number}")
}

impl<'a> Client<'a> {
    pub fn new(account: &'a Account, number: usize) -> Self {
        let random = (number as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        Self { account, owner: owner(number), random, tasks: Vec::new(), told: Vec::new() }
    }

    /// Makes one change after the other, as long as there are changes to be made.
    pub async fn work(mut self, progress: &Progress) -> Vec<Told> {
        while progress.goes_on() {
            let before = self.told.len();
            match self.below(10) {
                0..=3 => self.create().await,
                4..=7 => self.change().await,
                _ => self.delete().await,
            }
            let done = self.told[before..].iter().filter(|told| told.outcome == Outcome::Done).count();
            progress.changes.fetch_add(done, Ordering::Relaxed);
        }
        self.told
    }

    /// Half of the tasks are created with a key. It is used again after an answer that tells nothing, and sometimes anyway.
    async fn create(&mut self) {
        let title = self.fresh();
        let body = json!({"title": title, "priority": "HIGH"});
        let headers = if self.below(2) == 0 { json!({"Idempotency-Key": [title]}) } else { json!({}) };
        let (mut outcome, mut task) = self.send("POST", "tasks", &headers, &body).await;
        if headers["Idempotency-Key"].is_array() && (outcome == Outcome::Unknown || self.below(4) == 0) {
            (outcome, task) = self.send("POST", "tasks", &headers, &body).await;
        }
        if let (Outcome::Done | Outcome::Replayed, Some(id)) = (outcome, task["id"].as_str()) {
            self.tasks.push((id.to_owned(), 1));
        }
    }

    async fn change(&mut self) {
        let Some(at) = self.any() else { return };
        let (id, version) = self.tasks[at].clone();
        let headers =
            if self.below(2) == 0 { json!({"If-Match": [format!("\"{version}\"")]}) } else { json!({}) };
        let body = json!({"title": self.fresh(), "description": "changed"});
        let (outcome, task) = self.send("PUT", &format!("tasks/{id}"), &headers, &body).await;
        if outcome == Outcome::Unknown {
            // Its version is not known any more.
            self.tasks.swap_remove(at);
        } else if let Some(version) = task["version"].as_u64() {
            self.tasks[at].1 = version;
        }
    }

    async fn delete(&mut self) {
        let Some(at) = self.any() else { return };
        let (id, _) = self.tasks.swap_remove(at);
        self.send("DELETE", &format!("tasks/{id}"), &json!({}), &Value::Null).await;
    }

    /// Calls the task function as API Gateway does. Returns what the answer tells, and its body.
    async fn send(&mut self, method: &str, path: &str, headers: &Value, body: &Value) -> (Outcome, Value) {
        let mut headers = headers.clone();
        headers["Content-Type"] = json!(["application/json"]);
        let event = json!({
            "resource": "/{proxy+}", "httpMethod": method, "path": format!("/{path}"), "pathParameters": {"proxy": path},
            "multiValueHeaders": headers, "multiValueQueryStringParameters": {},
            "body": if body.is_null() { Value::Null } else { json!(body.to_string()) },
            "requestContext": {
                "path": format!("/dev/{path}"), "stage": "dev", "requestId": "gateway",
                "identity": {"sourceIp": "192.0.2.1", "userAgent": "soak"},
                "authorizer": {
                    "principalId": self.owner, "owner": self.owner, "scopes": "tasks:read tasks:write", "auth": "token",
                },
            },
        });
        let function =
            format!("/2015-03-31/functions/{}/invocations", self.account.outputs["TaskApiFunction"]);
        let answer = self.account.aws.rest("lambda", "POST", &function, event.to_string().into_bytes()).await;
        let answer: Value = serde_json::from_str(&answer.body).unwrap_or_default();
        let body: Value =
            serde_json::from_str(answer["body"].as_str().unwrap_or_default()).unwrap_or_default();
        let kind = body["type"].as_str().and_then(|kind| kind.rsplit('/').next()).unwrap_or_default();
        let is_replayed = answer["headers"]["Idempotent-Replayed"] == "true";
        let outcome = match (answer["statusCode"].as_u64(), kind) {
            (Some(200..300), _) if is_replayed => Outcome::Replayed,
            (Some(200..300), _) => Outcome::Done,
            (Some(400..500), _) | (_, "unavailable") => Outcome::Nothing,
            _ => Outcome::Unknown,
        };
        let request = answer["headers"]["X-Request-Id"].as_str().unwrap_or_default().to_owned();
        self.told.push(Told { request, outcome });
        (outcome, body)
    }

    fn any(&mut self) -> Option<usize> {
        let count = self.tasks.len() as u64;
        (count > 0).then(|| usize::try_from(self.below(count)).unwrap())
    }

    /// Returns a text that no other request has, so that every change changes something.
    fn fresh(&self) -> String {
        format!("{}-{}", self.owner, self.told.len())
    }

    /// Returns a number below `end` (xorshift64: the same sequence in every run).
    fn below(&mut self, end: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % end
    }
}
