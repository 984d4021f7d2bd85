//! The steps of the teardown workflow (docs/teardown.md): `statemachine/teardown.asl.json` holds order, waits,
//! retries and compensation; here each state does its work. A step takes the whole [`Run`] and answers the
//! whole new one. Every step can be repeated, and picked up by another execution after this one was stopped.

mod backup;
mod clients;
mod delete;
mod drain;
mod evidence;
mod freeze;
mod inventory;
mod preflight;
mod prove;
mod remedy;
mod report;
mod request;
mod resolve;
mod sweep;

use std::collections::BTreeSet;

use lambda_runtime::Diagnostic;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use self::{clients::Clients, request::Request};
use tasks::task::Timestamp;

/// What the deployment says.
#[derive(Debug, Clone)]
pub struct Settings {
    pub evidence_table: String,
    pub report_log_group: String,
    /// The role `CloudFormation` deletes the service stack with.
    pub executor_role_arn: String,
    /// Names of the stacks that may be torn down.
    pub services: Vec<String>,
    /// The name of the stack this function is in: never a target.
    pub teardown_stack: String,
    pub drain_seconds: i64,
    pub watch_seconds: i64,
}

/// The workflow's states that do something, by the name the state machine calls them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    Resolve,
    Stabilise,
    Inventory,
    Preflight,
    Plan,
    Freeze,
    Drain,
    Backup,
    Unprotect,
    Delete,
    Watch,
    Remedy,
    Sweep,
    Prove,
    Report,
    Restore,
    ReportFailure,
}

#[derive(Debug, Deserialize)]
pub struct StepInput {
    pub step: Step,
    /// The execution's ARN.
    pub execution: String,
    pub run: Run,
}

/// All that one state hands to the next.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Run {
    /// The execution's input as given; [`Request::parse`] judges it.
    pub request: Value,
    pub started_at: Option<String>,
    pub stack: Option<StackRef>,
    /// The stack is deleted: by this run, or before it began.
    pub gone: bool,
    /// The step wants to be called again, after a wait.
    pub again: bool,
    /// Unix seconds after which the present loop gives up.
    pub deadline: Option<i64>,
    pub inventory: Vec<Entry>,
    pub inventory_hash: Option<String>,
    pub plan_hash: Option<String>,
    /// What stands in the way without a consent, or altogether.
    pub blockers: Vec<String>,
    /// Unix milliseconds from which on no writer can have written: Freeze stopped them, and the invocations that were
    /// under way have timed out.
    pub quiet_from: i64,
    /// Unix milliseconds before which no backup is begun: the state machine waits. 0 when none is wanted.
    pub backup_from: i64,
    /// Unix milliseconds before the first sentinel: part of their names.
    pub drained_since: Option<i64>,
    /// How many sentinels were written.
    pub sentinels: u32,
    /// The shards that have shown one.
    pub marked: BTreeSet<String>,
    pub all_marked: bool,
    /// The sentinels that were found in the audit log so far, and the token of the page to go on with.
    pub audited: BTreeSet<u32>,
    pub audit_page: Option<String>,
    pub backup_arn: Option<String>,
    pub delete: DeleteState,
    /// Logical ids proven absent since the last deletion failed, which the next one leaves out.
    pub retain: Vec<String>,
    pub rounds: u32,
    pub sweeps: u32,
    pub kept: Vec<Noted>,
    pub unproven: Vec<Noted>,
    pub states: Vec<Visited>,
    /// What a `Catch` caught.
    pub error: Option<Caught>,
    pub outcome: Option<Outcome>,
    pub report: Option<Value>,
}

/// The stack, once its name is resolved: from then on only its id is used.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct StackRef {
    pub id: String,
    pub name: String,
    pub status: String,
    pub termination_protected: bool,
}

impl StackRef {
    // The names that the CDK app gives (cdk/task_service); the step function's role knows them so too. Outputs would say
    // the same, but not of a stack whose creation failed half-way.

    /// The function that writes tasks.
    fn task_function(&self) -> String {
        format!("{}-task-api", self.name)
    }

    fn audit_function(&self) -> String {
        format!("{}-audit", self.name)
    }

    /// The audit log's group.
    fn audit_log(&self) -> String {
        format!("/tasks/{}/audit", self.name.strip_prefix("tasks-").unwrap_or(&self.name))
    }
}

/// One thing that belongs to the stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    #[serde(rename = "type")]
    pub kind: String,
    /// Empty for what `CloudFormation` does not list.
    pub logical_id: String,
    pub physical_id: String,
    pub fate: Fate,
    pub why: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fate {
    /// Planned.
    Delete,
    Keep,
    /// Found afterwards.
    Absent,
    Kept,
    Present,
    Unproven,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Noted {
    pub what: String,
    pub why: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Visited {
    pub state: Step,
    pub at: String,
    pub times: u32,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Caught {
    pub error: String,
    pub cause: String,
}

/// How the deletion stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeleteState {
    #[default]
    NotStarted,
    InProgress,
    Deleted,
    /// `DELETE_FAILED`: there may be a remedy.
    Failed,
}

/// How a run ended. The first three are green.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    Planned,
    Deleted,
    NothingToDo,
    Refused,
    Failed,
    Unproven,
}

/// Why a step stopped. The state machine tells them apart by [`Diagnostic::error_type`].
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// Worth another try: throttling, a time-out, a server's fault.
    #[error("{0}")]
    Transient(String),
    /// The request, or the stack as it is, does not allow it; nothing was changed.
    #[error("{0}")]
    Refused(String),
    /// Writers were started again after they had been stopped: back to Freeze.
    #[error("{0}")]
    Thawed(String),
    #[error("{0}")]
    Failed(String),
}

impl From<StepError> for Diagnostic {
    fn from(error: StepError) -> Self {
        let kind = match error {
            StepError::Transient(_) => "Transient",
            StepError::Refused(_) => "Refused",
            StepError::Thawed(_) => "Thawed",
            StepError::Failed(_) => "Failed",
        };
        Self { error_type: kind.to_owned(), error_message: error.to_string() }
    }
}

/// Does the steps.
#[derive(Debug)]
pub struct Teardown {
    pub aws: Clients,
    pub settings: Settings,
}

/// One step's view: the clients, the settings, the execution.
pub(crate) struct Context<'a> {
    aws: &'a Clients,
    settings: &'a Settings,
    execution: &'a str,
    now: Timestamp,
}

impl Context<'_> {
    /// The execution's name, the last part of its ARN.
    fn execution_name(&self) -> &str {
        self.execution.rsplit(':').next().unwrap_or_default()
    }
}

impl Teardown {
    pub async fn handle(&self, input: StepInput) -> Result<Run, StepError> {
        let StepInput { step, execution, mut run } = input;
        let now = Timestamp::now();
        let context = Context { aws: &self.aws, settings: &self.settings, execution: &execution, now };
        run.visit(step, now);
        run.again = false;
        // Boxed: the step's future is large, and most of a run waits outside of it.
        let outcome = Box::pin(context.take(step, run)).await;
        match &outcome {
            Ok(run) => tracing::info!(?step, execution, again = run.again, "step"),
            Err(error) => tracing::warn!(?step, execution, %error, "step stopped"),
        }
        outcome
    }
}

impl Context<'_> {
    async fn take(&self, step: Step, run: Run) -> Result<Run, StepError> {
        match step {
            Step::Resolve => self.resolve(run).await,
            Step::Stabilise => self.stabilise(run).await,
            Step::Inventory => self.inventory(run).await,
            Step::Preflight => self.preflight(run).await,
            Step::Plan => self.plan(run),
            Step::Freeze => self.freeze(run).await,
            Step::Drain => self.drain(run).await,
            Step::Backup => self.backup(run).await,
            Step::Unprotect => self.unprotect(run).await,
            Step::Delete => self.delete(run).await,
            Step::Watch => self.watch(run).await,
            Step::Remedy => self.remedy(run).await,
            Step::Sweep => self.sweep(run).await,
            Step::Prove => self.prove(run).await,
            Step::Report => self.report(run).await,
            Step::Restore => self.restore(run).await,
            Step::ReportFailure => self.report_failure(run).await,
        }
    }
}

impl Run {
    fn visit(&mut self, state: Step, at: Timestamp) {
        self.started_at.get_or_insert_with(|| at.to_string());
        match self.states.last_mut() {
            Some(last) if last.state == state => last.times += 1,
            _ => self.states.push(Visited { state, at: at.to_string(), times: 1 }),
        }
    }

    fn stack(&self) -> Result<&StackRef, StepError> {
        self.stack.as_ref().ok_or_else(|| StepError::Failed("the run names no stack yet".to_owned()))
    }

    fn keep(&mut self, what: impl Into<String>, why: impl Into<String>) {
        let noted = Noted { what: what.into(), why: why.into() };
        if !self.kept.contains(&noted) {
            self.kept.push(noted);
        }
    }

    /// How often the present state was entered without another in between.
    fn times(&self) -> u32 {
        self.states.last().map_or(0, |visited| visited.times)
    }

    /// The first reason for one thing stands: it is the cause of the later ones.
    fn not_proven(&mut self, what: impl Into<String>, why: impl Into<String>) {
        let what = what.into();
        if self.unproven.iter().all(|noted| noted.what != what) {
            self.unproven.push(Noted { what, why: why.into() });
        }
    }

    /// Starts the clock of a loop, or says that its time is up.
    fn expired(&mut self, now: Timestamp, seconds: i64) -> bool {
        now.unix_seconds() > *self.deadline.get_or_insert(now.unix_seconds() + seconds)
    }

    /// The entries of a type that are to be deleted.
    fn doomed<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Entry> {
        self.inventory.iter().filter(move |entry| entry.kind == kind && entry.fate == Fate::Delete)
    }
}
