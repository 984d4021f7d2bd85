//! A service on a local AWS: brought up step by step, each step only when its inputs changed or its result is gone.

use std::fs;
use std::path::PathBuf;
use std::thread;

use anyhow::{Context, Result, anyhow};
use deployment::Outputs;
use deployment::names::TEARDOWN_STACK;
use serde::{Deserialize, Serialize};

use crate::local::client::LocalAws;
use crate::local::launcher::{Launcher, Running};
use crate::local::outputs::{of_service, with_teardown};
use crate::service::cdk::{App, Cdk, Settings, Target, host_architecture};
use crate::service::functions::{self, Binary};
use crate::service::log_role;
use crate::service::principals::Tokens;
use crate::tools::environment::REGION;
use crate::tools::fingerprint::Fingerprint;
use crate::tools::install;
use crate::tools::private::write_private;
use crate::tools::progress::step;
use crate::tools::workspace::Workspace;

const STAGE: &str = "dev";

/// The files of one local service. `up` has its own in `.local/`, `test` in `.local/test/`: they never meet.
#[derive(Debug)]
pub struct Stack<'a> {
    workspace: &'a Workspace,
    folder: PathBuf,
    launcher: Launcher,
}

/// What is deployed, written after each step: what an interrupted run did not reach is not in it.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    /// The local AWS it is deployed on: another process has another, empty state.
    pid: i32,
    launcher: String,
    deployment: Option<String>,
}

/// What there is to do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Work {
    Nothing,
    Deploy,
    Start,
}

/// What was found.
#[derive(Clone, Copy, Debug)]
struct Found {
    /// A launcher of ours answers, at the port asked for.
    running: bool,
    /// It runs today's sources and is the one the record speaks of.
    same_launcher: bool,
    /// The record's deployment is today's, its stack is complete, and its outputs are there.
    same_deployment: bool,
}

impl Found {
    fn work(self) -> Work {
        match (self.running && self.same_launcher, self.same_deployment) {
            (false, _) => Work::Start,
            (true, false) => Work::Deploy,
            (true, true) => Work::Nothing,
        }
    }
}

impl<'a> Stack<'a> {
    /// Only names the files.
    pub fn new(workspace: &'a Workspace, folder: PathBuf) -> Self {
        let launcher = Launcher::new(folder.join("aws"), folder.join("local-aws.log"));
        Self { workspace, folder, launcher }
    }

    /// The file for scripts.
    pub fn outputs_file(&self) -> PathBuf {
        self.folder.join("outputs.json")
    }

    /// Its processes.
    pub fn launcher(&self) -> &Launcher {
        &self.launcher
    }

    /// Does what is needed until the service of these binaries answers.
    pub fn bring_up(&self, binaries: &[Binary], port: Option<u16>) -> Result<(Work, Outputs)> {
        let tokens = Tokens::keep(&self.folder.join("tokens.json"))?;
        let settings = self.settings();
        fs::create_dir_all(&settings.assets)
            .with_context(|| format!("{} cannot be made", settings.assets.display()))?;
        functions::lay_out(binaries, &settings.assets)?;
        write_private(&settings.principals, &tokens.principals())?;
        let wanted = Record {
            pid: 0,
            launcher: self.launcher_hash()?,
            deployment: Some(self.deployment_hash(&settings, binaries)?),
        };
        let running = self.launcher.find();
        let work = self.found(&wanted, running.as_ref(), port, &settings).work();
        match (work, running) {
            (Work::Nothing, Some(_)) => {
                let outputs = Outputs::read(&self.outputs_file()).context("outputs.json went away")?;
                return Ok((work, outputs));
            }
            (Work::Deploy, Some(running)) => self.deploy(&settings, &tokens, &wanted, || Ok(running))?,
            _ => self.deploy(&settings, &tokens, &wanted, || self.start(&wanted, port))?,
        }
        let outputs = Outputs::read(&self.outputs_file()).context("outputs.json was not written")?;
        Ok((work, outputs))
    }

    fn settings(&self) -> Settings {
        Settings {
            stage: STAGE.to_owned(),
            architecture: host_architecture().to_owned(),
            assets: self.folder.join("assets"),
            principals: self.folder.join("principals.json"),
            more: Vec::new(),
        }
    }

    fn found(
        &self,
        wanted: &Record,
        running: Option<&Running>,
        port: Option<u16>,
        settings: &Settings,
    ) -> Found {
        let record: Record = fs::read(self.record())
            .ok()
            .and_then(|content| serde_json::from_slice(&content).ok())
            .unwrap_or_default();
        let Some(running) = running else {
            return Found { running: false, same_launcher: false, same_deployment: false };
        };
        let status = LocalAws::new(&running.endpoint_url).stack_status(&settings.stack(App::Service));
        let deployed = matches!(status.as_deref(), Some("CREATE_COMPLETE" | "UPDATE_COMPLETE"));
        let outputs = Outputs::read(&self.outputs_file()).ok();
        Found {
            running: port.is_none() || running.port() == port,
            same_launcher: record.launcher == wanted.launcher && record.pid == running.pid,
            same_deployment: record.deployment == wanted.deployment
                && deployed
                && outputs
                    .is_some_and(|outputs| outputs.endpoint_url.as_ref() == Some(&running.endpoint_url)),
        }
    }

    /// Starts the local AWS anew; what an earlier run left is stopped first.
    fn start(&self, wanted: &Record, port: Option<u16>) -> Result<Running> {
        fs::remove_file(self.record()).ok();
        fs::remove_file(self.outputs_file()).ok();
        step("Local AWS", || {
            self.launcher.stop()?;
            let running = self.launcher.start(self.workspace, port)?;
            write_private(&self.record(), &Record { pid: running.pid, deployment: None, ..wanted.clone() })?;
            Ok(running)
        })
    }

    /// Synthesises while the local AWS starts and is bootstrapped (both take seconds), then deploys.
    fn deploy(
        &self,
        settings: &Settings,
        tokens: &Tokens,
        wanted: &Record,
        start: impl FnOnce() -> Result<Running> + Send,
    ) -> Result<()> {
        let (synthesised, running) = thread::scope(|scope| {
            let synthesis = scope.spawn(|| {
                let nowhere = self.cdk("http://127.0.0.1:1");
                step("CDK templates", || {
                    nowhere.synthesise(App::Service, settings)?;
                    nowhere.synthesise(App::Teardown, settings)
                })
            });
            let running = start().and_then(|running| self.bootstrap(&running).map(|()| running));
            (synthesis.join().unwrap_or_else(|_| Err(anyhow!("the synthesis broke off"))), running)
        });
        let running = running?;
        synthesised?;
        let part = Record { pid: running.pid, deployment: None, ..wanted.clone() };
        write_private(&self.record(), &part)?;
        let stack = settings.stack(App::Service);
        let cdk = self.cdk(&running.endpoint_url);
        log_role::ensure(&cdk)?;
        let service = step(&format!("Deployment of {stack}"), || {
            let outputs = cdk.deploy(App::Service, settings)?;
            of_service(&stack, outputs, &running.endpoint_url, REGION, tokens)
        })?;
        let teardown =
            step(&format!("Deployment of {TEARDOWN_STACK}"), || cdk.deploy(App::Teardown, settings))?;
        write_private(&self.outputs_file(), &with_teardown(&service, TEARDOWN_STACK, teardown)?)?;
        write_private(&self.record(), &Record { deployment: wanted.deployment.clone(), ..part })
    }

    fn bootstrap(&self, running: &Running) -> Result<()> {
        let status = LocalAws::new(&running.endpoint_url).stack_status("CDKToolkit");
        if status.is_some_and(|status| status.ends_with("_COMPLETE")) {
            return Ok(());
        }
        step("CDK bootstrap", || self.cdk(&running.endpoint_url).bootstrap_local())
    }

    fn cdk(&self, endpoint: &str) -> Cdk<'a> {
        Cdk {
            workspace: self.workspace,
            target: Target::Local { endpoint: endpoint.to_owned() },
            folder: self.folder.clone(),
        }
    }

    fn record(&self) -> PathBuf {
        self.folder.join("deployed.json")
    }

    fn launcher_hash(&self) -> Result<String> {
        Ok(Fingerprint::new().tree(self.workspace.root(), "local")?.finish())
    }

    fn deployment_hash(&self, settings: &Settings, binaries: &[Binary]) -> Result<String> {
        let root = self.workspace.root();
        let mut hash = Fingerprint::new().value("architecture", settings.architecture.as_bytes());
        for binary in binaries {
            hash = hash.made_file(&binary.name, &settings.assets.join(&binary.name).join("bootstrap"))?;
        }
        hash =
            hash.file("principals", &settings.principals)?.tree(root, "cdk")?.tree(root, "statemachine")?;
        hash = hash.file("names", &root.join("deployment/names.json"))?;
        Ok(install::lock_inputs(self.workspace, hash)?.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::{Found, Work};

    fn work(running: bool, same_launcher: bool, same_deployment: bool) -> Work {
        Found { running, same_launcher, same_deployment }.work()
    }

    #[test]
    fn nothing_is_done_only_when_everything_is_the_same() {
        assert_eq!(work(true, true, true), Work::Nothing);
    }

    #[test]
    fn changed_functions_are_deployed_on_the_running_local_aws() {
        assert_eq!(work(true, true, false), Work::Deploy);
    }

    #[test]
    fn a_dead_or_changed_local_aws_is_started_anew_whatever_the_record_says() {
        assert_eq!(work(false, false, true), Work::Start);
        assert_eq!(work(false, true, true), Work::Start);
        assert_eq!(work(true, false, true), Work::Start);
    }
}
