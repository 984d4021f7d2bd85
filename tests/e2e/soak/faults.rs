//! Crashes of every function and failures of what it calls, round after round.

use std::{cell::RefCell, collections::BTreeMap, time::Duration};

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::{Progress, Table};
use crate::teardown::account::Account;

/// A round: all faults are set, and what did not strike in its time is forgotten.
const ROUND: Duration = Duration::from_secs(5);
/// The time after a round in which nothing fails, so that most of a long run is changes and not restarts.
const REST: Duration = Duration::from_secs(10);

pub struct Faults<'a> {
    account: &'a Account,
    /// By function: calls that failed or got no answer, and crashes among them.
    struck: RefCell<BTreeMap<&'static str, (u64, u64)>>,
}

/// The functions with the calls that fail, by the name of their output.
const CALLS: [(&str, &[(&str, &str)]); 3] = [
    ("TaskApiFunction", &[("dynamodb", "PutItem"), ("dynamodb", "UpdateItem"), ("dynamodb", "DeleteItem")]),
    ("AuditFunction", &[("dynamodb", "PutItem"), ("logs", "PutLogEvents")]),
    (NOTARY, &[("dynamodb", "Query"), ("kms", "Sign"), ("s3", "PutObject"), ("logs", "PutLogEvents")]),
];
const NOTARY: &str = "NotaryFunction";

impl<'a> Faults<'a> {
    pub fn new(account: &'a Account) -> Self {
        Self { account, struck: RefCell::default() }
    }

    /// Lets calls fail as long as clients are at work, and the notary run.
    pub async fn strike(&self, progress: &Progress) {
        while progress.goes_on() {
            self.set(&CALLS).await;
            self.invoke_notary().await;
            sleep(ROUND).await;
            self.lift().await;
            let end = Instant::now() + REST;
            while progress.goes_on() && Instant::now() < end {
                sleep(Duration::from_millis(200)).await;
            }
        }
    }

    /// Lets all of the notary's calls fail once more, and nobody else's: it has something to seal from now on.
    pub async fn spare_the_others(&self) {
        self.lift().await;
        self.set(&CALLS[2..]).await;
    }

    /// Invokes the notary as its schedule does; how it ends shows in the bucket.
    pub async fn invoke_notary(&self) {
        let path = format!("/2015-03-31/functions/{}/invocations", self.account.outputs[NOTARY]);
        self.account.aws.rest("lambda", "POST", &path, b"{}".to_vec()).await;
    }

    async fn set(&self, calls: &[(&str, &[(&str, &str)])]) {
        let mut rules = Vec::new();
        for (function, calls) in calls {
            for (service, action) in *calls {
                let effects = effects();
                for (nth, effect) in (1..).zip(effects) {
                    rules.push(json!({
                        "service": service, "action": action, "caller": self.account.outputs[*function],
                        "account": self.account.aws.account, "nth": nth * 3, "effect": effect,
                    }));
                }
            }
        }
        self.account.aws.launcher("POST", "faults", Some(Value::Array(rules))).await.done();
    }

    /// Counts what struck, and forgets all faults.
    async fn lift(&self) {
        let rules = self.account.aws.launcher("GET", "faults", None).await.json();
        let ours = |rule: &&Value| rule["account"] == self.account.aws.account.as_str();
        for rule in rules.as_array().unwrap().iter().filter(ours) {
            let caller = |(name, _): &&(&str, _)| rule["caller"] == self.account.outputs[*name].as_str();
            let (name, _) = CALLS.iter().find(caller).unwrap();
            let hits = rule["hits"].as_u64().unwrap();
            let kills = if rule["effect"]["killCaller"].is_string() { hits } else { 0 };
            let mut struck = self.struck.borrow_mut();
            let (calls, crashes) = struck.entry(name).or_default();
            (*calls, *crashes) = (*calls + hits, *crashes + kills);
        }
        self.account.aws.lift_faults().await;
    }

    /// Reports what struck. Each function has to have crashed.
    pub async fn report(&self, table: &mut Table) {
        self.lift().await;
        for (name, _) in CALLS {
            let (calls, crashes) = self.struck.borrow().get(name).copied().unwrap_or_default();
            let name = name.trim_end_matches("Function");
            table.says(&format!("{name}: calls that failed or got no answer"), calls);
            table.says(&format!("{name}: crashes among them"), crashes);
            if crashes == 0 {
                table.wrong.push(format!("{name} did not crash"));
            }
        }
    }
}

fn effects() -> [Value; 4] {
    [
        json!({"error": {"status": 400, "code": "ThrottlingException", "message": "slow down"}}),
        json!({"dropAnswer": true}),
        json!({"killCaller": "before"}),
        json!({"killCaller": "after"}),
    ]
}
