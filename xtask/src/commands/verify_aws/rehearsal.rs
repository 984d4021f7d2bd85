//! `cargo xtask test verify`: runs the command itself on a local AWS. Every row comes out held, or skipped for a known reason; a
//! row that is made to fail is reported; a run that is stopped leaves nothing behind.

use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use local_wire::texts;
use nix::sys::signal::Signal;
use serde_json::json;

use super::local;
use super::patience::Patience;
use super::rows::{Check, ROWS};
use crate::local::client::LocalAws;
use crate::tools::install;
use crate::tools::process::{self, signal};
use crate::tools::programs;
use crate::tools::workspace::Workspace;

/// Rows that the local AWS cannot answer, beside those that are checked by hand.
const NOT_LOCAL: [&str; 8] = [
    "cold-start",
    "execution-ends",
    "execution-log-group",
    "no-protection",
    "role-arn-condition",
    "schedule-on-bus",
    "small-quota",
    "tracing",
];

/// Runs the scenes on one local AWS.
pub fn rehearse(workspace: &Workspace) -> Result<()> {
    programs::node()?;
    programs::curl()?;
    install::cdk(workspace)?;
    install::aws_cli(workspace)?;
    let local = local::start(workspace)?;
    let scene = Scene { aws: LocalAws::new(&local.endpoint), endpoint: &local.endpoint };
    scene.a_row_that_fails_is_told()?;
    scene.a_run_that_is_stopped_cleans_up()?;
    scene.every_row_is_held_or_skipped()
}

struct Scene<'a> {
    aws: LocalAws,
    endpoint: &'a str,
}

impl Scene<'_> {
    fn command(&self, rows: &[&str]) -> Command {
        // Not by its path: a build of the tests may have replaced the file since this program was started.
        let mut command = Command::new("/proc/self/exe");
        command.args(["verify-aws", "--endpoint-url", self.endpoint]);
        if !rows.is_empty() {
            command.arg("--row").args(rows);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        command
    }

    /// Runs the command and returns its exit code and what it printed.
    fn run(&self, rows: &[&str]) -> Result<(Option<i32>, String)> {
        let mut child = process::start(&mut self.command(rows))?;
        let mut output = child.stdout.take().context("the output cannot be read")?;
        let reader = std::thread::spawn(move || std::io::read_to_string(&mut output));
        let status = process::wait(&mut child, None)?;
        let text = reader.join().ok().context("the output was lost")??;
        print!("{text}");
        Ok((status.code(), text))
    }

    fn every_row_is_held_or_skipped(&self) -> Result<()> {
        let (code, text) = self.run(&[])?;
        ensure!(code == Some(0), "the rehearsal ended with {code:?}");
        for row in ROWS {
            let skipped = NOT_LOCAL.contains(&row.id) || matches!(row.check, Check::ByHand(_));
            let wanted = format!("{:<9} {} ", if skipped { "skipped" } else { "held" }, row.id);
            ensure!(text.lines().any(|line| line.starts_with(&wanted)), "no line begins with `{wanted}`");
        }
        ensure!(!text.contains("could not be checked"), "a check broke off");
        self.nothing_is_left()
    }

    /// Makes the local AWS refuse the second round of `RetainResources`, as AWS might.
    fn a_row_that_fails_is_told(&self) -> Result<()> {
        let refusal =
            json!({"error": {"status": 400, "code": "ValidationError", "message": "once is enough"}});
        let rule = json!({"service": "cloudformation", "action": "DeleteStack", "match": "BucketB", "effect": refusal});
        self.aws.set("/_local/faults", &rule)?;
        let (code, text) = self.run(&["retain-twice"])?;
        ensure!(code == Some(1), "a row that did not hold ended with {code:?}");
        let told = text
            .lines()
            .any(|line| line.starts_with("NOT HELD  retain-twice") && line.contains("once is enough"));
        ensure!(told, "the row that fails is not told");
        self.nothing_is_left()
    }

    fn a_run_that_is_stopped_cleans_up(&self) -> Result<()> {
        let mut child = process::start(&mut self.command(&["dead-role", "retain-twice"]))?;
        let begun = Patience::LOCAL.until(Duration::from_mins(1), || {
            Ok(self.stacks()?.iter().any(|name| name.contains("-probe-")).then_some(()))
        });
        signal(i32::try_from(child.id())?, Signal::SIGINT);
        let status = process::wait(&mut child, None)?;
        ensure!(begun?.is_some(), "no stack was made");
        ensure!(status.code() == Some(130), "a run that was stopped ended with {status}");
        self.nothing_is_left()
    }

    fn stacks(&self) -> Result<Vec<String>> {
        let answer = self.aws.query("cloudformation", "DescribeStacks", &[])?;
        Ok(texts(&answer, "StackName"))
    }

    /// Asks each service by its own calls.
    fn nothing_is_left(&self) -> Result<()> {
        let stacks = self.stacks()?.join(" ");
        let roles = self.aws.query("iam", "ListRoles", &[])?;
        let groups = self.aws.json("logs", "Logs_20140328.DescribeLogGroups", &json!({}))?.to_string();
        let buckets = self.aws.buckets()?;
        let tables = self.aws.json("dynamodb", "DynamoDB_20120810.ListTables", &json!({}))?.to_string();
        let list_pools = "AWSCognitoIdentityProviderService.ListUserPools";
        let pools = self.aws.json("cognito-idp", list_pools, &json!({"MaxResults": 60}))?.to_string();
        for (kind, text) in [
            ("stack", stacks),
            ("role", roles),
            ("log group", groups),
            ("bucket", buckets),
            ("table", tables),
            ("user pool", pools),
        ] {
            if let Some(at) = text.find("tasks-v").or(text.find("/tasks/v")) {
                bail!(
                    "a {kind} is left: {}",
                    text.get(at..).unwrap_or_default().chars().take(60).collect::<String>()
                );
            }
        }
        Ok(())
    }
}
