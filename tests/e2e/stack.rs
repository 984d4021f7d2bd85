//! The deployed stack as a test sees it: its API, its audit log, and faults on demand.

use std::{
    collections::{BTreeMap, HashSet},
    env,
    path::{Path, PathBuf},
    sync::LazyLock,
    time::Duration,
};

use deployment::{Outputs, Service};
use jsonschema::{Draft, Validator};
use reqwest::{Client, Method, StatusCode, header::HeaderMap};
use serde_json::{Value, json};
use tokio::{
    sync::{RwLock, RwLockReadGuard, RwLockWriteGuard},
    time::{Instant, sleep},
};

use crate::{
    aws::Aws,
    document::{self, Received},
};

/// The published schema of a line of the audit log.
static LINES: LazyLock<Validator> = LazyLock::new(|| {
    let schema = serde_json::from_str(include_str!("../../docs/audit-record.schema.json")).expect("JSON");
    jsonschema::options().with_draft(Draft::Draft202012).build(&schema).expect("a schema")
});

/// The time within which a condition must come true. It keeps a test from hanging and measures nothing.
const PATIENCE: Duration = Duration::from_mins(1);

static STACK: RwLock<()> = RwLock::const_new(());

/// Returns the stack, shared with tests that do not disturb each other.
pub async fn shared() -> Stack<RwLockReadGuard<'static, ()>> {
    Stack::new(STACK.read().await)
}

/// Returns the stack, with no other test running.
pub async fn alone() -> Stack<RwLockWriteGuard<'static, ()>> {
    Stack::new(STACK.write().await)
}

pub struct Stack<Guard> {
    pub outputs: Service,
    /// The stacks' other outputs.
    pub more: BTreeMap<String, String>,
    /// The account that the stack is deployed into.
    pub account: Aws,
    http: Client,
    tally: PathBuf,
    _guard: Guard,
}

impl<Guard> Drop for Stack<Guard> {
    /// The last test leaves the tally of all.
    fn drop(&mut self) {
        document::write_tally(&self.tally);
    }
}

impl<Guard> Stack<Guard> {
    fn new(guard: Guard) -> Self {
        let path = env::var("E2E_OUTPUTS").expect("E2E_OUTPUTS is not set: run `cargo xtask test e2e`");
        let outputs = Outputs::read(Path::new(&path)).unwrap();
        Self {
            account: Aws::new(outputs.endpoint().unwrap(), outputs.region.as_deref().unwrap()),
            outputs: outputs.service().unwrap().clone(),
            more: outputs.more,
            http: Client::new(),
            tally: Path::new(&path).with_file_name("responses.json"),
            _guard: guard,
        }
    }

    /// Calls the API with the token of the read/write principal.
    pub async fn call(&self, method: &str, path: &str, body: Value) -> Answer {
        let authorization = format!("Bearer {}", self.outputs.token);
        self.call_with(method, path, &[("Authorization", &authorization)], body).await
    }

    /// Calls the API with these headers, and with a JSON body unless it is `Value::Null`.
    pub async fn call_with(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Value) -> Answer {
        if body.is_null() {
            return self.send(method, path, headers, None).await;
        }
        let headers = [headers, &[("Content-Type", "application/json")]].concat();
        self.send(method, path, &headers, Some(body.to_string().into())).await
    }

    /// Sends a request with exactly these headers and this body. Every response is held against the API's document.
    pub async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Vec<u8>>,
    ) -> Answer {
        let url = format!("{}{path}", self.outputs.api_url);
        let mut request = self.http.request(Method::from_bytes(method.as_bytes()).unwrap(), url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.body(body);
        }
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status(), answer.headers().clone());
        let body = answer.bytes().await.unwrap();
        document::check(Received { method, path, status: status.as_u16(), headers: &headers, body: &body });
        Answer { status, headers, body: String::from_utf8_lossy(&body).into_owned() }
    }

    /// Creates a task and returns its id.
    pub async fn create(&self, title: &str) -> String {
        let created = self.call("POST", "/tasks", json!({"title": title})).await;
        assert_eq!(created.status, 201, "{created:?}");
        created.json()["id"].as_str().unwrap().to_owned()
    }

    /// Returns a task's item in DynamoDB JSON.
    pub async fn item(&self, id: &str) -> Value {
        let input = json!({"TableName": self.outputs.table_name, "Key": key(id), "ConsistentRead": true});
        self.account.dynamodb("GetItem", input).await.json()["Item"].take()
    }

    /// Returns every event of a log group.
    pub async fn log(&self, group: &str) -> Vec<String> {
        self.matches(group, &json!("")).await
    }

    /// Returns the events of a log group that match a filter pattern.
    pub async fn matches(&self, group: &str, pattern: &Value) -> Vec<String> {
        let mut events = Vec::new();
        let mut next = Value::Null;
        loop {
            let mut input = json!({"logGroupName": group, "limit": 10_000, "filterPattern": pattern});
            if !next.is_null() {
                input["nextToken"] = next;
            }
            let mut page = self.account.logs("FilterLogEvents", input).await.json();
            let found = page["events"].as_array().unwrap();
            events.extend(found.iter().map(|event| event["message"].as_str().unwrap().to_owned()));
            next = page["nextToken"].take();
            if next.is_null() {
                return events;
            }
        }
    }

    /// Returns every audit record, as often as it was delivered.
    pub async fn audit_log(&self) -> Vec<Value> {
        let events = self.log(&self.outputs.audit_log_group).await;
        events.iter().map(|event| serde_json::from_str(event).expect("an audit record is JSON")).collect()
    }

    /// Waits for `count` audit records of a task; returns them, each once, after checking that they are an unbroken chain.
    pub async fn audit_of(&self, id: &str, count: usize) -> Vec<Value> {
        let what = format!("{count} audit records of {id}");
        let records = eventually(&what, async || {
            let records = of_task(&self.audit_log().await, id);
            (records.len() >= count).then_some(records)
        })
        .await;
        assert_eq!(records.len(), count, "{records:#?}");
        for record in &records {
            assert_published(record);
        }
        assert_chain(&records);
        records
    }

    /// Posts to one of the launcher's own endpoints.
    pub async fn admin(&self, path: &str, body: Value) -> Value {
        self.account.launcher("POST", path, Some(body)).await.json()
    }

    /// Applies `effect` to the next `times` calls of the task function that have `matching` in their body; to all of them if
    /// `times` is -1.
    pub async fn break_api(&self, action: &str, matching: &str, times: i32, effect: Value) {
        let caller = &self.outputs.task_api_function;
        let rule = json!({"service": "dynamodb", "action": action, "caller": caller, "match": matching,
            "times": times, "effect": effect});
        self.admin("faults", rule).await;
    }

    /// Applies `effect` to `times` calls of `PutLogEvents` by the audit function, from the `nth` on.
    pub async fn break_audit(&self, nth: u32, times: i32, effect: Value) {
        let caller = &self.outputs.audit_function;
        let rule = json!({"service": "logs", "action": "PutLogEvents", "caller": caller, "nth": nth,
            "times": times, "effect": effect});
        self.admin("faults", rule).await;
    }

    /// Returns the status of every call of `action` so far, null while there is no answer.
    pub async fn calls(&self, action: &str) -> Vec<Value> {
        let calls = self.account.launcher("GET", "calls", None).await.json();
        let calls = calls.as_array().unwrap().iter().filter(|call| call["action"] == action);
        calls.map(|call| call["status"].clone()).collect()
    }

    /// Returns how often the faults have struck, apart from those that are limited to an account.
    pub async fn faults_hit(&self) -> u64 {
        let rules = self.account.launcher("GET", "faults", None).await.json();
        let ours = rules.as_array().unwrap().iter().filter(|rule| rule["account"].is_null());
        ours.map(|rule| rule["hits"].as_u64().unwrap()).sum()
    }

    /// Removes all faults.
    pub async fn lift_faults(&self) {
        self.account.launcher("DELETE", "faults", None).await.done();
    }

    /// Freezes the task function: sets its reserved concurrency to 0.
    pub async fn freeze_api(&self) {
        let body = json!({"ReservedConcurrentExecutions": 0}).to_string().into_bytes();
        self.account.rest("lambda", "PUT", &self.concurrency(), body).await.done();
    }

    pub async fn thaw_api(&self) {
        self.account.delete("lambda", &self.concurrency()).await.done();
    }

    fn concurrency(&self) -> String {
        format!("/2017-10-31/functions/{}/concurrency", self.outputs.task_api_function)
    }

    /// Invokes a function directly and returns its answer, which must not be an error.
    pub async fn invoke(&self, function: &str, event: &Value) -> Value {
        let path = format!("/2015-03-31/functions/{function}/invocations");
        let answer = self.account.rest("lambda", "POST", &path, event.to_string().into_bytes()).await.json();
        assert!(answer["errorType"].is_null(), "{function}: {answer}");
        answer
    }
}

/// Asserts that a line of the audit log or of its quarantine is as docs/audit-record.schema.json says.
pub fn assert_published(line: &Value) {
    let errors: Vec<String> = LINES.iter_errors(line).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:#?}: {line:#}");
}

/// Returns the key of a task of the read/write principal's owner.
pub fn key(id: &str) -> Value {
    json!({"PK": {"S": "local"}, "SK": {"S": format!("TASK#{id}")}})
}

#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Returns the status and kind of a problem, after checking the members and headers that every problem has.
    pub fn problem(&self) -> (u16, String) {
        assert_eq!(self.header("Content-Type"), Some("application/problem+json"), "{self:?}");
        assert_eq!(self.header("Access-Control-Allow-Origin"), Some("*"), "{self:?}");
        assert_eq!(self.header("X-Content-Type-Options"), Some("nosniff"), "{self:?}");
        let body = self.json();
        for member in ["type", "title", "detail", "instance", "requestId"] {
            assert!(body[member].as_str().is_some_and(|text| !text.is_empty()), "{member}: {self:?}");
        }
        assert_eq!(self.header("X-Request-Id"), body["requestId"].as_str(), "{self:?}");
        assert_eq!(body["status"], self.status.as_u16());
        let (_, kind) = body["type"].as_str().unwrap().rsplit_once("/problems/").unwrap();
        (self.status.as_u16(), kind.to_owned())
    }
}

/// Waits until `attempt` returns something.
pub async fn eventually<T>(what: &str, mut attempt: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = attempt().await {
            return found;
        }
        assert!(Instant::now() < deadline, "still waiting for {what}");
        sleep(Duration::from_millis(50)).await;
    }
}

/// Returns the records of a task in the log's order, without the duplicates of at-least-once delivery.
pub fn of_task(log: &[Value], id: &str) -> Vec<Value> {
    let mut seen = HashSet::new();
    let records = log.iter().filter(|record| record["task"]["id"] == id);
    records.filter(|record| seen.insert(record["eventId"].as_str().unwrap().to_owned())).cloned().collect()
}

/// Asserts that the first record starts from nothing, and each other one from the version and image at which the one before it
/// ended.
pub fn assert_chain(records: &[Value]) {
    assert_eq!(records[0]["integrity"]["before"], Value::Null, "{records:#?}");
    for pair in records.windows(2) {
        assert_eq!(pair[0]["integrity"]["after"], pair[1]["integrity"]["before"], "{pair:#?}");
        assert_eq!(pair[0]["task"]["versionAfter"], pair[1]["task"]["versionBefore"], "{pair:#?}");
    }
}
