//! One client: it creates, reads, lists, changes and deletes tasks, its own and some that all clients share.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use deployment::Service;
use serde_json::{Value, json};
use ureq::http::Request;

use crate::local::client::agent;

/// The tasks that all clients change, which none of them deletes.
static SHARED: Mutex<Vec<String>> = Mutex::new(Vec::new());
const MOST_SHARED: usize = 8;

/// A request and its answer.
#[derive(Debug)]
pub struct Sent {
    /// Method and path, as in docs/openapi.json.
    pub operation: &'static str,
    /// `None` if the connection broke.
    pub status: Option<u16>,
    /// The kind of problem, or nothing.
    pub kind: String,
    pub request_id: String,
    /// The task, if the answer or the path names one.
    pub task: Option<String>,
    pub version: Option<u64>,
    pub replayed: bool,
}

impl Sent {
    pub fn answer(&self) -> String {
        let status = self.status.map_or_else(|| "broken connection".to_owned(), |status| status.to_string());
        if self.kind.is_empty() { status } else { format!("{status} {}", self.kind) }
    }

    fn ok(&self) -> bool {
        self.status.is_some_and(|status| status < 300)
    }
}

/// A client with a connection and tasks of its own.
pub struct Client {
    agent: ureq::Agent,
    url: String,
    token: String,
    number: u64,
    random: u64,
    /// Id and last known version.
    own: Vec<(String, u64)>,
    sent: Vec<Sent>,
}

impl Client {
    pub fn new(service: &Service, number: u64) -> Self {
        let token = format!("Bearer {}", service.token);
        let agent = agent(Duration::from_secs(40));
        let random = (number + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        Self { agent, url: service.api_url.clone(), token, number, random, own: Vec::new(), sent: Vec::new() }
    }

    /// Sends one request after the other until then.
    pub fn work(mut self, until: Instant) -> Result<Vec<Sent>> {
        while Instant::now() < until {
            self.one()?;
        }
        Ok(self.sent)
    }

    fn one(&mut self) -> Result<()> {
        match self.below(100) {
            0..=24 => self.create(),
            25..=44 => self.read(),
            45..=54 => self.list(),
            55..=74 => self.change_own(),
            75..=84 => self.change_shared(),
            85..=89 => self.move_own(),
            90..=95 => self.delete(),
            96 => self.send("GET /me", "/me", &[], None).map(drop),
            97 => self.send("GET /health", "/health", &[], None).map(drop),
            _ => self.send("POST /tasks", "/tasks", &[], Some(&json!({"title": ""}))).map(drop),
        }
    }

    fn create(&mut self) -> Result<()> {
        let title = self.fresh();
        let day = 1 + self.below(28);
        let body = json!({"title": title, "dueAt": format!("2061-01-{day:02}T00:00:00Z")});
        let key = (self.below(2) == 0).then(|| title.clone());
        let headers: Vec<_> = key.iter().map(|key| ("Idempotency-Key", key.as_str())).collect();
        let attempts = if key.is_some() && self.below(4) == 0 { 2 } else { 1 };
        for attempt in 1..=attempts {
            let created = self.send("POST /tasks", "/tasks", &headers, Some(&body))?;
            if created.ok()
                && attempt == 1
                && let Some(id) = created.task.clone()
            {
                let mut shared = SHARED.lock().map_err(|_| anyhow::anyhow!("a client panicked"))?;
                if shared.len() < MOST_SHARED {
                    shared.push(id);
                } else {
                    self.own.push((id, 1));
                }
            }
        }
        Ok(())
    }

    fn read(&mut self) -> Result<()> {
        let Some((at, id, _)) = self.one_of_own() else { return Ok(()) };
        let read = self.task("GET /tasks/{id}", &id, &[], None)?;
        if let Some(version) = read.version {
            self.own[at].1 = version;
        }
        Ok(())
    }

    fn list(&mut self) -> Result<()> {
        let queries = ["", "?status=PENDING&limit=20", "?sort=dueAt&limit=20", "?limit=100&order=asc"];
        let query = queries[usize::try_from(self.below(4))?];
        self.send("GET /tasks", &format!("/tasks{query}"), &[], None).map(drop)
    }

    fn change_own(&mut self) -> Result<()> {
        let Some((at, id, version)) = self.one_of_own() else { return Ok(()) };
        let tag = format!("\"{version}\"");
        let headers: &[(&str, &str)] = if self.below(2) == 0 { &[("If-Match", &tag)] } else { &[] };
        let body = json!({"title": self.fresh()});
        let changed = self.task("PUT /tasks/{id}", &id, headers, Some(&body))?;
        if let Some(version) = changed.version {
            self.own[at].1 = version;
        }
        Ok(())
    }

    fn change_shared(&mut self) -> Result<()> {
        let shared = SHARED.lock().map_err(|_| anyhow::anyhow!("a client panicked"))?.clone();
        let Some(id) = shared.get(usize::try_from(self.below(MOST_SHARED as u64))?) else { return Ok(()) };
        let body = json!({"title": self.fresh()});
        self.task("PUT /tasks/{id}", id, &[], Some(&body)).map(drop)
    }

    fn move_own(&mut self) -> Result<()> {
        let Some((_, id, _)) = self.one_of_own() else { return Ok(()) };
        let status = ["IN_PROGRESS", "COMPLETED", "CANCELLED"][usize::try_from(self.below(3))?];
        // The status may be the task's already, and a change of nothing leaves no record.
        let body = json!({"status": status, "description": self.fresh()});
        self.task("PATCH /tasks/{id}", &id, &[], Some(&body)).map(drop)
    }

    fn delete(&mut self) -> Result<()> {
        let Some((at, id, _)) = self.one_of_own() else { return Ok(()) };
        self.own.swap_remove(at);
        self.task("DELETE /tasks/{id}", &id, &[], None).map(drop)
    }

    /// Returns the version of a task as the API has it, `None` if there is no such task.
    pub fn version_of(&mut self, id: &str) -> Result<Option<u64>> {
        let read = self.task("GET /tasks/{id}", id, &[], None)?;
        match read.status {
            Some(200) => Ok(read.version),
            Some(404) => Ok(None),
            _ => anyhow::bail!("GET /tasks/{id} answered {} after the load", read.answer()),
        }
    }

    fn task(
        &mut self,
        operation: &'static str,
        id: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<&Sent> {
        let last = self.sent.len();
        self.send(operation, &format!("/tasks/{id}"), headers, body)?;
        self.sent[last].task.get_or_insert_with(|| id.to_owned());
        Ok(&self.sent[last])
    }

    fn send(
        &mut self,
        operation: &'static str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<&Sent> {
        let (method, _) = operation.split_once(' ').context("an operation is a method and a path")?;
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.url));
        request = request.header("Authorization", &self.token).header("Content-Type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body.map(Value::to_string).unwrap_or_default())?;
        let mut sent = Sent {
            operation,
            status: None,
            kind: String::new(),
            request_id: String::new(),
            task: None,
            version: None,
            replayed: false,
        };
        if let Ok(mut answer) = self.agent.run(request)
            && let Ok(text) = answer.body_mut().read_to_string()
        {
            let header = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok());
            sent.status = Some(answer.status().as_u16());
            header("X-Request-Id").unwrap_or_default().clone_into(&mut sent.request_id);
            sent.replayed = header("Idempotent-Replayed").is_some();
            let body: Value = serde_json::from_str(&text).unwrap_or_default();
            sent.task = body["id"].as_str().filter(|_| operation.contains("/tasks")).map(str::to_owned);
            sent.version = body["version"].as_u64();
            let kind = body["type"].as_str().and_then(|kind| kind.rsplit('/').next());
            kind.unwrap_or_default().clone_into(&mut sent.kind);
        }
        self.sent.push(sent);
        self.sent.last().context("just pushed")
    }

    fn one_of_own(&mut self) -> Option<(usize, String, u64)> {
        let count = u64::try_from(self.own.len()).ok().filter(|count| *count > 0)?;
        let at = usize::try_from(self.below(count)).ok()?;
        let (id, version) = self.own.get(at)?;
        Some((at, id.clone(), *version))
    }

    /// Returns a text that no other request has, so that every change changes something.
    fn fresh(&self) -> String {
        format!("load-{}-{}", self.number, self.sent.len())
    }

    /// Returns a number below `end` (xorshift64: the same sequence in every run).
    fn below(&mut self, end: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % end
    }
}
