//! Requests through the deployed API, one after the other, and how long they take.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use deployment::Service;
use serde_json::{Value, json};
use ureq::http::Request;

use crate::local::client::{LocalAws, agent};
use crate::tools::process::check_interrupted;

/// The number of requests after which the memory is read.
pub const REQUESTS: usize = 1_000;
/// The number of times that each call is timed.
const ROUNDS: usize = 200;

/// A client of the API, which keeps its connection.
pub struct Api {
    agent: ureq::Agent,
    url: String,
    token: String,
}

/// The median times.
#[derive(Debug)]
pub struct Latencies {
    pub item: Duration,
    pub health: Duration,
    pub get: Duration,
    pub list: Duration,
    pub create: Duration,
}

impl Api {
    pub fn new(service: &Service) -> Self {
        let token = format!("Bearer {}", service.token);
        Self { agent: agent(Duration::from_secs(30)), url: service.api_url.clone(), token }
    }

    /// Sends requests: out of ten, three creations, five reads and two pages.
    pub fn mix(&self) -> Result<()> {
        let mut last = self.create()?;
        for number in 1..REQUESTS {
            check_interrupted()?;
            match number % 10 {
                0..=2 => last = self.create()?,
                3..=7 => drop(self.get(&last)?),
                _ => drop(self.list()?),
            }
        }
        Ok(())
    }

    /// Times the calls in turn, so that other work on the machine slows all of them.
    pub fn latencies(&self, aws: &LocalAws, service: &Service) -> Result<Latencies> {
        let task = self.create()?;
        let key = json!({"PK": {"S": "local"}, "SK": {"S": format!("TASK#{task}")}});
        let item = json!({"TableName": service.table_name, "Key": key});
        let mut times: [Vec<Duration>; 5] = Default::default();
        for _ in 0..ROUNDS {
            check_interrupted()?;
            let calls: [&dyn Fn() -> Result<()>; 5] = [
                &|| aws.json("dynamodb", "DynamoDB_20120810.GetItem", &item).map(drop),
                &|| self.call("GET", "/health", None, 200).map(drop),
                &|| self.get(&task).map(drop),
                &|| self.list().map(drop),
                &|| self.create().map(drop),
            ];
            for (call, times) in calls.iter().zip(&mut times) {
                let began = Instant::now();
                call()?;
                times.push(began.elapsed());
            }
        }
        let [item, health, get, list, create] = times.map(median);
        Ok(Latencies { item, health, get, list, create })
    }

    fn create(&self) -> Result<String> {
        let task = self.call("POST", "/tasks", Some(&json!({"title": "measured"})), 201)?;
        task["id"].as_str().map(str::to_owned).context("a created task has no id")
    }

    fn get(&self, id: &str) -> Result<Value> {
        self.call("GET", &format!("/tasks/{id}"), None, 200)
    }

    fn list(&self) -> Result<Value> {
        self.call("GET", "/tasks?limit=20", None, 200)
    }

    fn call(&self, method: &str, path: &str, body: Option<&Value>, expected: u16) -> Result<Value> {
        let request = Request::builder().method(method).uri(format!("{}{path}", self.url));
        let request = request.header("Authorization", &self.token).header("Content-Type", "application/json");
        let request = request.body(body.map(Value::to_string).unwrap_or_default())?;
        let mut answer = self.agent.run(request).context("the API does not answer")?;
        let text = answer.body_mut().read_to_string().context("an answer of the API broke off")?;
        ensure!(answer.status() == expected, "{method} {path} answered {}: {text}", answer.status());
        serde_json::from_str(&text)
            .with_context(|| format!("{method} {path} answered something else than JSON"))
    }
}

pub fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::median;

    #[test]
    fn the_median_is_in_the_middle() {
        let times = [9, 1, 5].map(Duration::from_millis).to_vec();
        assert_eq!(median(times), Duration::from_millis(5));
        assert_eq!(median(Vec::new()), Duration::ZERO);
    }
}
