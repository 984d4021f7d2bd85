//! An account of its own with both stacks in it, and what a test can see and do there.

mod changes;
mod condition;
mod ends;
mod evidence;
mod faults;
mod hands;
mod presence;
mod protection;

use std::{
    collections::BTreeMap,
    process,
    sync::atomic::{AtomicU64, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

use local_wire::text;
use serde_json::{Value, json};
use tokio::sync::{RwLockReadGuard, Semaphore, SemaphorePermit};

use super::{
    assembly::{Assembly, Names, account as account_stack},
    deployment::{
        Thing, bootstrap, create_stack, execution_role, make_execution_role, outputs_of, things_of,
    },
    run::Execution,
};
use crate::{
    aws::Aws,
    stack::{Stack, shared},
};

/// Emulated accounts side by side, beside the other tests: more only wait for each other.
pub const SIDE_BY_SIDE: usize = 3;
static SLOTS: Semaphore = Semaphore::const_new(SIDE_BY_SIDE);

/// The logical id of the table of tasks begins so.
const TASKS: &str = "TasksTable";
/// And that of the table of intents.
const INTENTS: &str = "SealIntents";

/// The audit log and its quarantine: the beginnings of the logical ids.
pub const LOG: [&str; 2] = ["AuditLog", "AuditQuarantine"];

/// The seal of the audit log stays, whatever becomes of the log: the beginnings of the logical ids.
pub const SEAL: [&str; 3] = ["SealBucket", "SealCheckpoints", "SealKey"];

/// One account. The service stack is deployed as `cdk deploy` does it: with an execution role, which the stack keeps.
pub struct Account {
    pub aws: Aws,
    pub names: Names,
    /// The service stack's id.
    pub stack: String,
    pub outputs: BTreeMap<String, String>,
    /// All of the service stack's resources, as they were made.
    pub things: Vec<Thing>,
    pub machine: String,
    service: Assembly,
    _slot: SemaphorePermit<'static>,
    _shared: Stack<RwLockReadGuard<'static, ()>>,
}

/// Lets so many accounts be there at once, for a test that runs alone.
pub fn widen(accounts: usize) {
    SLOTS.add_permits(accounts.saturating_sub(SIDE_BY_SIDE));
}

impl Account {
    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// With a service template changed first.
    pub async fn with(change: impl FnOnce(&mut Value)) -> Self {
        Self::made(Some(account_stack()), change).await
    }

    /// The service stack has API Gateway's log role itself, and the setting that names it; both are retained.
    pub async fn of_an_older_version() -> Self {
        let assume = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
            "Principal": {"Service": "apigateway.amazonaws.com"}}]});
        let role = json!({"Type": "AWS::IAM::Role", "DeletionPolicy": "Retain",
            "Properties": {"AssumeRolePolicyDocument": assume}});
        let setting = json!({"Type": "AWS::ApiGateway::Account", "DeletionPolicy": "Retain",
            "Properties": {"CloudWatchRoleArn": {"Fn::GetAtt": ["ApiCloudWatchRole", "Arn"]}}});
        let change = |template: &mut Value| {
            let resources = template["Resources"].as_object_mut().unwrap();
            let mut stages = resources.values_mut().filter(|it| it["Type"] == "AWS::ApiGateway::Stage");
            // A stage logs only once the setting is there.
            stages.next().unwrap()["DependsOn"] = json!(["ApiAccount"]);
            resources.insert("ApiCloudWatchRole".to_owned(), role);
            resources.insert("ApiAccount".to_owned(), setting);
        };
        Self::made(None, change).await
    }

    async fn made(account_stack: Option<Assembly>, change: impl FnOnce(&mut Value)) -> Self {
        let slot = SLOTS.acquire().await.unwrap();
        let shared = shared().await;
        let (account, names) = fresh_account();
        let aws = shared.account.neighbour(account);
        let (mut service, teardown) = (names.service(), names.teardown());
        change(&mut service.template);
        bootstrap(&aws, &[&service, &teardown]).await;
        if let Some(stack) = account_stack {
            create_stack(&aws, &stack, &stack.stack, None).await;
        }
        let role = execution_role(&aws);
        make_execution_role(&aws).await;
        let (stack, machine) = tokio::join!(
            create_stack(&aws, &service, &service.stack, Some(&role)),
            create_stack(&aws, &teardown, &teardown.stack, None)
        );
        Self::of(aws, names, stack, &machine, service, slot, shared).await
    }

    /// The account that `cargo xtask` deployed both stacks into, for all tests: who removes them runs alone.
    pub async fn deployed() -> Self {
        let slot = SLOTS.acquire().await.unwrap();
        let shared = shared().await;
        let aws = shared.account.clone();
        let names = Names::deployed();
        let described = aws.cloudformation("DescribeStacks", &[("StackName", &names.service)]).await.done();
        let stack = text(&described, "StackId").unwrap();
        let (machine, service) = (names.teardown.clone(), names.service());
        Self::of(aws, names, stack, &machine, service, slot, shared).await
    }

    async fn of(
        aws: Aws,
        names: Names,
        stack: String,
        teardown: &str,
        service: Assembly,
        slot: SemaphorePermit<'static>,
        shared: Stack<RwLockReadGuard<'static, ()>>,
    ) -> Self {
        let machine = outputs_of(&aws, teardown).await.remove("StateMachineArn").unwrap();
        let outputs = outputs_of(&aws, &stack).await;
        let things = things_of(&aws, &stack).await;
        Self { aws, names, stack, outputs, things, machine, service, _slot: slot, _shared: shared }
    }

    /// A run with the operator's consent to this, and what it ended with.
    pub async fn teardown(&self, consents: Value) -> super::run::End {
        self.start(consents).await.end().await
    }

    pub async fn start(&self, consents: Value) -> Execution {
        let mut input = json!({"stack": self.names.service, "confirm": self.names.service});
        input.as_object_mut().unwrap().extend(consents.as_object().unwrap().clone());
        Execution::start(&self.aws, &self.machine, &input).await
    }

    /// The function every step runs in: the caller of the calls that faults are set for.
    pub fn step(&self) -> String {
        format!("{}-step", self.names.teardown)
    }

    /// The name of the role that deletions are done with.
    pub fn executor(&self) -> String {
        format!("{}-executor", self.names.teardown)
    }
}

/// Twelve digits that no other test, and no earlier run on the same launcher, has; and names for what is in there.
pub fn fresh_account() -> (String, Names) {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let run = (now * 7 + u64::from(process::id())) % 800_000_000;
    ((100_000_000_000 + run * 1_000 + number).to_string(), Names::new(number))
}
