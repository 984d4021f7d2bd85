//! The faults of the disturbed phase, one after the other.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use deployment::Service;
use serde_json::{Value, json};

use crate::local::client::LocalAws;

const PAUSE: Duration = Duration::from_millis(250);

/// The calls that faults struck.
#[derive(Debug, Default, Eq, PartialEq)]
pub struct Struck {
    pub calls: u64,
    /// Those among them whose caller was killed. The local AWS kills every process of the function, and each may be at another
    /// request: one such call can fail as many requests as there are clients. (On AWS an environment dies alone.)
    pub kills: u64,
}

/// Sets fault after fault until told to end; returns what they struck.
pub fn inject(aws: &LocalAws, service: &Service, done: &AtomicBool) -> Result<Struck> {
    let faults = faults(service);
    for fault in faults.iter().cycle() {
        if done.load(Ordering::Relaxed) {
            break;
        }
        aws.set("/_local/faults", fault)?;
        thread::sleep(PAUSE);
    }
    let rules: Value = serde_json::from_str(&aws.launcher("/_local/faults")?)?;
    let struck = struck(rules.as_array().context("the faults are no list")?);
    aws.clear("/_local/faults")?;
    Ok(struck)
}

fn struck(rules: &[Value]) -> Struck {
    let hits = |rule: &Value| rule["hits"].as_u64().unwrap_or_default();
    let kills = rules.iter().filter(|rule| rule["effect"]["killCaller"].is_string());
    Struck { calls: rules.iter().map(hits).sum(), kills: kills.map(hits).sum() }
}

fn faults(service: &Service) -> Vec<Value> {
    let (api, audit) = (&service.task_api_function, &service.audit_function);
    let throttled = json!({"error": {
        "status": 400, "code": "ProvisionedThroughputExceededException", "message": "slow down"}});
    let failed = json!({"error": {"status": 500, "code": "InternalServerError", "message": "try again"}});
    let of_table = |action: &str, effect: &Value, times: u32| json!({"service": "dynamodb", "action": action, "caller": api, "times": times, "effect": effect});
    let of_log = |effect: &Value| json!({"service": "logs", "action": "PutLogEvents", "caller": audit, "times": 1, "effect": effect});
    let mut faults = Vec::new();
    for action in ["UpdateItem", "PutItem"] {
        faults.extend([
            of_table(action, &throttled, 6),
            of_table(action, &failed, 1),
            of_table(action, &json!({"dropAnswer": true}), 1),
            of_table(action, &json!({"delayMs": 2_000}), 1),
            of_table(action, &json!({"killCaller": "after"}), 1),
            of_table(action, &json!({"killCaller": "before"}), 1),
        ]);
    }
    faults.extend([
        of_table("GetItem", &failed, 2),
        of_table("Query", &throttled, 4),
        of_table("DeleteItem", &json!({"dropAnswer": true}), 1),
        of_table("DeleteItem", &throttled, 4),
        of_log(&json!({"error": {"status": 400, "code": "ThrottlingException", "message": "slow down"}})),
        of_log(&json!({"dropAnswer": true})),
        of_log(&json!({"killCaller": "after"})),
    ]);
    faults
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Struck, struck};

    #[test]
    fn kills_are_counted_among_the_calls_struck() {
        let rules = [
            json!({"effect": {"delayMs": 2_000}, "hits": 3}),
            json!({"effect": {"killCaller": "after"}, "hits": 2}),
            json!({"effect": {"killCaller": "before"}, "hits": 0}),
        ];
        assert_eq!(struck(&rules), Struck { calls: 5, kills: 2 });
    }
}
