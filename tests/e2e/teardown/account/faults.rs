//! Faults: calls that fail or slow, and a stack in a state that takes long to reach.

use contract::Step;
use serde_json::{Value, json};

use super::Account;
use crate::stack::eventually;

impl Account {
    /// Makes calls fail that a step makes: the first of them, and as many as follow.
    pub async fn break_step(&self, step: Step, service: &str, action: &str, times: i32, effect: Value) {
        let rule = json!({"service": service, "action": action, "caller": self.step(), "times": times,
            "event": {"step": step}, "effect": effect});
        self.aws.admin("faults", rule).await;
    }

    /// Makes calls of the step function fail from the how many-th on, whatever step makes them.
    pub async fn break_nth(&self, service: &str, action: &str, nth: u64, times: i32, effect: Value) {
        let rule = json!({"service": service, "action": action, "caller": self.step(), "nth": nth, "times": times,
            "effect": effect});
        self.aws.admin("faults", rule).await;
    }

    /// Holds the second sweep for three seconds, before it deletes anything.
    pub async fn hold_second_sweep(&self) {
        let rule = json!({"service": "logs", "action": "DescribeLogGroups", "caller": self.step(),
            "event": {"step": Step::Sweep, "run": {"sweeps": 1}}, "effect": {"delayMs": 3_000}});
        self.aws.admin("faults", rule).await;
    }

    /// Makes CloudFormation's own work on a type of resource fail or slow.
    pub async fn break_handler(&self, kind: &str, times: i32, effect: Value) {
        let rule =
            json!({"service": "cloudformation-handler", "action": kind, "times": times, "effect": effect});
        self.aws.admin("faults", rule).await;
    }

    /// Makes calls of another function fail.
    pub async fn break_function(&self, caller: &str, service: &str, action: &str, times: i32, effect: Value) {
        let rule =
            json!({"service": service, "action": action, "caller": caller, "times": times, "effect": effect});
        self.aws.admin("faults", rule).await;
    }

    /// Puts the service stack into a state that takes long to reach.
    pub async fn put_stack(&self, change: Value) {
        let mut body = json!({"stack": self.stack});
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        self.aws.admin("stack", body).await;
    }

    /// Waits until the faults of this account have struck so often.
    pub async fn struck(&self, times: u64) {
        eventually("the fault to strike", async || (self.aws.faults_hit().await >= times).then_some(()))
            .await;
    }
}
