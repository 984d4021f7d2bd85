//! The CDK command line: bootstrap, synthesise, deploy, destroy; the same for the local AWS and the real one.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use deployment::names::{TEARDOWN_STACK, service_stack};

use crate::tools::environment::{self, ACCOUNT, REGION};
use crate::tools::process;
use crate::tools::workspace::{Workspace, python_of};

/// The AWS that a command goes to.
#[derive(Clone, Debug)]
pub enum Target {
    /// The local AWS at this endpoint.
    Local { endpoint: String },
    /// An account of the user's.
    Aws { profile: Option<String>, region: Option<String> },
}

/// The settings of a deployment: the app's context values (see `cdk/app.py`).
#[derive(Clone, Debug)]
pub struct Settings {
    pub stage: String,
    pub architecture: String,
    pub assets: PathBuf,
    /// The principals file; none where nobody has a static token.
    pub principals: Option<PathBuf>,
    /// Further values, `key=value`.
    pub more: Vec<String>,
}

impl Settings {
    /// Names an app's stack.
    pub fn stack(&self, app: App) -> String {
        match app {
            App::Service => service_stack(&self.stage),
            App::Teardown => TEARDOWN_STACK.to_owned(),
        }
    }

    fn arguments(&self, app: App) -> Vec<String> {
        let mut values =
            vec![format!("architecture={}", self.architecture), format!("assets={}", self.assets.display())];
        match app {
            App::Service => {
                values.push(format!("stage={}", self.stage));
                values.extend(self.principals.iter().map(|path| format!("principals={}", path.display())));
                values.extend(self.more.iter().cloned());
            }
            App::Teardown => values.push(format!("services={}", self.stack(App::Service))),
        }
        context(values)
    }
}

/// Turns context values (`key=value`) into arguments.
pub fn context(values: impl IntoIterator<Item = String>) -> Vec<String> {
    values.into_iter().flat_map(|value| ["--context".to_owned(), value]).collect()
}

/// An app of `cdk/`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum App {
    Service,
    /// The workflow that removes services. It is an app of its own, so that it is deployed and deleted apart from them.
    Teardown,
}

impl App {
    fn script(self) -> &'static str {
        match self {
            Self::Service => "app.py",
            Self::Teardown => "teardown_app.py",
        }
    }

    fn assembly(self) -> &'static str {
        match self {
            Self::Service => "cdk.out",
            Self::Teardown => "teardown.out",
        }
    }
}

/// Runs the CDK command line with one folder for what it makes.
#[derive(Debug)]
pub struct Cdk<'a> {
    pub workspace: &'a Workspace,
    pub target: Target,
    /// The folder of the assemblies and the logs.
    pub folder: PathBuf,
}

impl Cdk<'_> {
    /// Makes the bucket and the roles that deployments use, on the local AWS.
    pub fn bootstrap_local(&self) -> Result<()> {
        let mut command = self.command();
        command.args(["bootstrap", &format!("aws://{ACCOUNT}/{REGION}")]);
        // Away from cdk.json: bootstrapping needs no app, and synthesising one takes seconds.
        command.current_dir(self.workspace.scratch());
        self.run(&mut command, "cdk bootstrap")
    }

    /// Makes them in the user's account and region, which CDK finds out from what [`Self::synthesise`] wrote. `CloudFormation` may
    /// then do everything, which is CDK's default, unless an earlier bootstrap allowed less.
    pub fn bootstrap(&self) -> Result<()> {
        let mut command = self.command();
        command.arg("bootstrap").arg("--app").arg(self.assembly(App::Service));
        self.run(&mut command, "cdk bootstrap")
    }

    /// Writes the template and the list of assets, for [`Self::deploy`].
    pub fn synthesise(&self, app: App, settings: &Settings) -> Result<()> {
        self.synthesise_with(app, settings.arguments(app))
    }

    /// Does so with arguments that [`context`] made.
    pub fn synthesise_with(&self, app: App, arguments: Vec<String>) -> Result<()> {
        let mut command = self.command();
        let script = format!("\"{}\" {}", python_of(&self.workspace.cdk_venv()).display(), app.script());
        command.args(["synth", "--quiet", "--app", &script, "--output"]);
        command.arg(self.assembly(app)).args(arguments);
        self.run(&mut command, &format!("cdk synth {}", app.script()))
    }

    /// Deploys what [`Self::synthesise`] wrote and returns the stack's outputs.
    pub fn deploy(&self, app: App, settings: &Settings) -> Result<BTreeMap<String, String>> {
        self.deploy_stack(app, &settings.stack(app))
    }

    /// Deploys the stack of this name.
    pub fn deploy_stack(&self, app: App, stack: &str) -> Result<BTreeMap<String, String>> {
        let outputs = self.folder.join(format!("{stack}-outputs.json"));
        fs::remove_file(&outputs).ok();
        let mut command = self.command();
        command.arg("deploy").arg(stack).arg("--app").arg(self.assembly(app));
        // The audit log and the reports outlive their stacks under fixed names: a later deployment adopts them.
        command.args(["--import-existing-resources", "--require-approval", "never", "--progress", "events"]);
        command.arg("--outputs-file").arg(&outputs);
        self.run(&mut command, &format!("cdk deploy {stack}"))?;
        outputs_of(&outputs, stack)
    }

    /// Returns the role with which API Gateway writes logs in this account and region, if one is set.
    pub fn log_role(&self) -> Result<Option<String>> {
        let role = self.asked(&["log_role.py"])?;
        Ok(Some(role).filter(|role| !role.is_empty()))
    }

    /// Tells whether a function may run no invocation at all.
    pub fn is_stopped(&self, function: &str) -> Result<bool> {
        Ok(self.asked(&["stopped.py", function])? == "stopped")
    }

    /// Returns what a script of the CDK app prints, which looks into the account as its user.
    fn asked(&self, script: &[&str]) -> Result<String> {
        let mut command = Command::new(python_of(&self.workspace.cdk_venv()));
        command.args(script).current_dir(self.workspace.cdk());
        self.aim(&mut command);
        if let Target::Aws { profile: Some(profile), .. } = &self.target {
            command.arg(profile);
        }
        let output = command.output().with_context(|| format!("{} cannot be started", script[0]))?;
        if !output.status.success() {
            bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// Deletes the stack and shows CDK's messages.
    pub fn destroy(&self, stack: &str) -> Result<()> {
        if process::run(&mut self.destruction(stack))? {
            return Ok(());
        }
        bail!("the stack {stack} could not be deleted: see CDK's messages above")
    }

    /// Returns the command that [`Self::destroy`] runs.
    pub fn destruction(&self, stack: &str) -> Command {
        let mut command = self.command();
        command.args(["destroy", "--force", stack, "--app"]).arg(self.assembly(App::Service));
        command
    }

    fn assembly(&self, app: App) -> PathBuf {
        self.folder.join(app.assembly())
    }

    /// Points a command to the target. The profile is not included, because each program takes it in a way of its own.
    fn aim(&self, command: &mut Command) {
        match &self.target {
            Target::Local { endpoint } => environment::local_aws(command, endpoint),
            Target::Aws { region, .. } => {
                if let Some(region) = region {
                    command.env("AWS_REGION", region).env("AWS_DEFAULT_REGION", region);
                }
            }
        }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(self.workspace.cdk().join("node_modules/.bin/cdk"));
        command.current_dir(self.workspace.cdk());
        self.aim(&mut command);
        // No telemetry, no notices, no look for newer versions: a developer's command says only what it does.
        command
            .env("CDK_DISABLE_CLI_TELEMETRY", "true")
            .env("CDK_DISABLE_VERSION_CHECK", "true")
            .env("JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION", "true")
            .env("JSII_SILENCE_WARNING_DEPRECATED_NODE_VERSION", "true")
            // Names the version whose end of life is known.
            .env("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "20")
            .env("NODE_NO_WARNINGS", "1")
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .args(["--no-notices", "--no-version-reporting", "--no-color", "--ci"]);
        if let Target::Aws { profile: Some(profile), .. } = &self.target {
            command.args(["--profile", profile]);
        }
        command
    }

    fn run(&self, command: &mut Command, what: &str) -> Result<()> {
        // Each has a log of its own: some run side by side.
        let log = self.folder.join(format!("{}.log", what.replace(' ', "-")));
        fs::remove_file(&log).ok();
        process::run_logged(command, &log, what)
    }
}

fn outputs_of(file: &Path, stack: &str) -> Result<BTreeMap<String, String>> {
    let content = fs::read(file).with_context(|| format!("cdk deploy wrote no {}", file.display()))?;
    let mut stacks: BTreeMap<String, BTreeMap<String, String>> = serde_json::from_slice(&content)
        .with_context(|| format!("{} is not what cdk deploy writes", file.display()))?;
    stacks.remove(stack).with_context(|| format!("the stack {stack} has no outputs"))
}

/// Returns the context value for this machine's processor.
pub fn host_architecture() -> &'static str {
    if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::{App, Settings, outputs_of};
    use crate::tools::testing::folder;

    #[test]
    fn settings_become_the_apps_context() {
        let settings = Settings {
            stage: "dev".to_owned(),
            architecture: "x86_64".to_owned(),
            assets: PathBuf::from("/a b"),
            principals: Some(PathBuf::from("/p.json")),
            more: vec!["auditFreeText=true".to_owned()],
        };
        assert_eq!(settings.stack(App::Service), "tasks-dev");
        let arguments = settings.arguments(App::Service);
        assert_eq!(arguments[..2], ["--context", "architecture=x86_64"]);
        assert!(arguments.contains(&"assets=/a b".to_owned()) && arguments.contains(&"stage=dev".to_owned()));
        assert_eq!(arguments[8..], ["--context", "auditFreeText=true"]);
        let without = Settings { principals: None, ..settings.clone() }.arguments(App::Service);
        assert!(!without.iter().any(|argument| argument.starts_with("principals=")));
        let teardown = settings.arguments(App::Teardown);
        assert_eq!(teardown[4..], ["--context", "services=tasks-dev"]);
    }

    #[test]
    fn the_stacks_own_outputs_are_taken() {
        let file = folder("outputs").join("cdk-outputs.json");
        fs::write(&file, r#"{"other":{"A":"1"},"tasks-dev":{"TableName":"t"}}"#).expect("a file");
        assert_eq!(outputs_of(&file, "tasks-dev").expect("outputs")["TableName"], "t");
        assert!(outputs_of(&file, "tasks-x").is_err());
    }
}
