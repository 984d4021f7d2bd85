//! A service on a local AWS: brought up step by step, each step only when its inputs changed or its result is gone.
//!
//! The teardown workflow follows the service, which answers in the meantime.

use std::fs;
use std::path::PathBuf;
use std::thread;

use anyhow::{Context, Result, anyhow};
use deployment::Outputs;
use deployment::names::TEARDOWN_STACK;
use serde::{Deserialize, Serialize};

use crate::local::client::LocalAws;
use crate::local::launcher::{Launcher, Running, free_port};
use crate::local::outputs::{of_service, with_machine_client, with_teardown};
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
/// Every kind of credential, so that each can be tried.
const AUTH: [&str; 2] = ["auth=cognito", "cognitoMachineClient=true"];

/// The files of one local service. Those of `up` are in `.local/`, those of `test` in `.local/test/`.
#[derive(Debug)]
pub struct Stack<'a> {
    workspace: &'a Workspace,
    folder: PathBuf,
    launcher: Launcher,
    settings: Settings,
}

/// The deployments that were completed. It is written after each, so it lacks what an interrupted run did not reach.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    /// The local AWS it is deployed on: another process has another, empty state.
    pid: i32,
    launcher: String,
    service: Option<String>,
    teardown: Option<String>,
}

/// The work to be done.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Work {
    Nothing,
    Deploy,
    Start,
}

/// The state that the service was found in.
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
    /// Names the files; starts nothing.
    pub fn new(workspace: &'a Workspace, folder: PathBuf) -> Self {
        let launcher = Launcher::new(folder.join("aws"), folder.join("local-aws.log"));
        let settings = Settings {
            stage: STAGE.to_owned(),
            architecture: host_architecture().to_owned(),
            assets: folder.join("assets"),
            principals: Some(folder.join("principals.json")),
            more: AUTH.map(str::to_owned).to_vec(),
        };
        Self { workspace, folder, launcher, settings }
    }

    /// Adds settings of the CDK app, `key=value`.
    #[must_use]
    pub fn with(mut self, settings: &[&str]) -> Self {
        self.settings.more.extend(settings.iter().map(|&setting| setting.to_owned()));
        self
    }

    /// Names the file for scripts.
    pub fn outputs_file(&self) -> PathBuf {
        self.folder.join("outputs.json")
    }

    /// Returns its processes.
    pub fn launcher(&self) -> &Launcher {
        &self.launcher
    }

    /// Brings up the service and the teardown workflow of these binaries, from nothing.
    pub fn bring_up(&self, binaries: &[Binary]) -> Result<Outputs> {
        functions::lay_out(self.workspace, binaries, &self.settings.assets)?;
        // Each synthesis takes seconds, most of which it waits for.
        let synthesised = thread::scope(|scope| {
            let teardown = scope.spawn(|| self.synthesise(App::Teardown, &self.settings));
            self.bring_up_service(binaries, None)?;
            teardown.join().unwrap_or_else(|_| Err(anyhow!("the synthesis broke off")))
        });
        synthesised?;
        self.deploy_teardown(&self.hash(App::Teardown)?)
    }

    /// Brings up the service of these binaries, as far as it is not up already.
    pub fn bring_up_service(&self, binaries: &[Binary], port: Option<u16>) -> Result<(Work, Outputs)> {
        let tokens = Tokens::keep(&self.folder.join("tokens.json"))?;
        functions::lay_out(self.workspace, binaries, &self.settings.assets)?;
        if let Some(path) = &self.settings.principals {
            write_private(path, &tokens.principals())?;
        }
        let (launcher, hash) = (self.launcher_hash()?, self.hash(App::Service)?);
        let running = self.launcher.find();
        let work = self.found(&launcher, &hash, running.as_ref(), port).work();
        let outputs = match (work, running) {
            (Work::Nothing, Some(_)) => {
                Outputs::read(&self.outputs_file()).context("outputs.json went away")?
            }
            (Work::Deploy, Some(running)) => {
                let port = running.port().context("the local AWS's address has no port")?;
                self.deploy_service(&hash, &tokens, port, || Ok(running))?
            }
            _ => {
                // Chosen now, since the template names it.
                let port = port.map_or_else(free_port, Ok)?;
                self.deploy_service(&hash, &tokens, port, || self.start(&launcher, port))?
            }
        };
        Ok((work, outputs))
    }

    /// Deploys the teardown workflow of these binaries beside the service; tells whether there was anything to do.
    pub fn bring_up_teardown(&self, binaries: &[Binary]) -> Result<(bool, Outputs)> {
        functions::lay_out(self.workspace, binaries, &self.settings.assets)?;
        let hash = self.hash(App::Teardown)?;
        let outputs = Outputs::read(&self.outputs_file()).context("outputs.json went away")?;
        let deployed = outputs.state_machine().is_ok()
            && self.record().teardown.as_ref() == Some(&hash)
            && is_complete(outputs.endpoint()?, TEARDOWN_STACK);
        if deployed {
            return Ok((false, outputs));
        }
        self.synthesise(App::Teardown, &self.settings)?;
        Ok((true, self.deploy_teardown(&hash)?))
    }

    fn found(&self, launcher: &str, hash: &str, running: Option<&Running>, port: Option<u16>) -> Found {
        let record = self.record();
        let Some(running) = running else {
            return Found { running: false, same_launcher: false, same_deployment: false };
        };
        let outputs = Outputs::read(&self.outputs_file()).unwrap_or_default();
        Found {
            running: port.is_none() || running.port() == port,
            same_launcher: record.launcher == launcher && record.pid == running.pid,
            same_deployment: record.service.as_deref() == Some(hash)
                && outputs.service.is_some()
                && outputs.endpoint_url.as_ref() == Some(&running.endpoint_url)
                && is_complete(&running.endpoint_url, &self.settings.stack(App::Service)),
        }
    }

    /// Starts a new local AWS; what an earlier run left is stopped first.
    fn start(&self, launcher: &str, port: u16) -> Result<Running> {
        fs::remove_file(self.record_file()).ok();
        fs::remove_file(self.outputs_file()).ok();
        step("Local AWS", || {
            self.launcher.stop()?;
            let running = self.launcher.start(self.workspace, Some(port))?;
            self.write(&Record { pid: running.pid, launcher: launcher.to_owned(), ..Record::default() })?;
            Ok(running)
        })
    }

    /// Synthesises while the local AWS starts and is bootstrapped (both take seconds), then deploys.
    fn deploy_service(
        &self,
        hash: &str,
        tokens: &Tokens,
        port: u16,
        start: impl FnOnce() -> Result<Running> + Send,
    ) -> Result<Outputs> {
        let (synthesised, running) = thread::scope(|scope| {
            let synthesis = scope.spawn(|| self.synthesise_service(port));
            let running = start().and_then(|running| self.bootstrap(&running).map(|()| running));
            (synthesis.join().unwrap_or_else(|_| Err(anyhow!("the synthesis broke off"))), running)
        });
        let running = running?;
        synthesised?;
        let record = Record { service: None, ..self.record() };
        self.write(&record)?;
        let (cdk, stack) = (self.cdk(&running.endpoint_url), self.settings.stack(App::Service));
        log_role::ensure(&cdk)?;
        let outputs = step(&format!("Deployment of {stack}"), || cdk.deploy(App::Service, &self.settings))?;
        let outputs = of_service(&stack, outputs, &running.endpoint_url, REGION, tokens)?;
        let mut outputs = with_machine_client(outputs, &LocalAws::new(&running.endpoint_url))?;
        // A teardown workflow that is deployed already stays so.
        if let Some(before) = Outputs::read(&self.outputs_file()).ok().filter(|_| record.teardown.is_some()) {
            outputs.teardown = before.teardown;
            outputs.more = before.more.into_iter().chain(outputs.more).collect();
        }
        write_private(&self.outputs_file(), &outputs)?;
        self.write(&Record { service: Some(hash.to_owned()), ..record })?;
        Ok(outputs)
    }

    /// Deploys what was synthesised, beside the service.
    fn deploy_teardown(&self, hash: &str) -> Result<Outputs> {
        let service = Outputs::read(&self.outputs_file()).context("outputs.json went away")?;
        let record = Record { teardown: None, ..self.record() };
        self.write(&record)?;
        let cdk = self.cdk(service.endpoint()?);
        let deployed =
            step(&format!("Deployment of {TEARDOWN_STACK}"), || cdk.deploy(App::Teardown, &self.settings))?;
        let outputs = with_teardown(&service, TEARDOWN_STACK, deployed)?;
        write_private(&self.outputs_file(), &outputs)?;
        self.write(&Record { teardown: Some(hash.to_owned()), ..record })?;
        Ok(outputs)
    }

    /// Writes the service's template. Tokens of the local Cognito name AWS as their issuer, but their keys are at this port.
    fn synthesise_service(&self, port: u16) -> Result<()> {
        let keys = format!("cognitoJwksUri=http://127.0.0.1:{port}/{{pool}}/.well-known/jwks.json");
        let mut settings = self.settings.clone();
        settings.more.push(keys);
        self.synthesise(App::Service, &settings)
    }

    /// Writes an app's template, for which no AWS is needed.
    fn synthesise(&self, app: App, settings: &Settings) -> Result<()> {
        let nowhere = self.cdk("http://127.0.0.1:1");
        step(&format!("CDK template of {}", settings.stack(app)), || nowhere.synthesise(app, settings))
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

    fn record_file(&self) -> PathBuf {
        self.folder.join("deployed.json")
    }

    /// Reads the record; it is empty when there is no file.
    fn record(&self) -> Record {
        let content = fs::read(self.record_file()).unwrap_or_default();
        serde_json::from_slice(&content).unwrap_or_default()
    }

    fn write(&self, record: &Record) -> Result<()> {
        write_private(&self.record_file(), record)
    }

    fn launcher_hash(&self) -> Result<String> {
        Ok(Fingerprint::new().tree(self.workspace.root(), "local")?.finish())
    }

    /// Hashes all that an app's deployment is made from.
    fn hash(&self, app: App) -> Result<String> {
        let (root, settings) = (self.workspace.root(), &self.settings);
        let mut hash = Fingerprint::new().value("architecture", settings.architecture.as_bytes());
        for name in functions::of(app) {
            hash = hash.made_file(name, &settings.assets.join(name).join("bootstrap"))?;
        }
        // Of the Rust folders only what the CDK apps read too: the rules of names, the table's schema, the API.
        for folder in ["cdk", "deployment", "functions"] {
            hash = hash.tree(root, folder)?;
        }
        hash = match app {
            App::Service => {
                let hash = hash.value("settings", settings.more.join(" ").as_bytes());
                settings.principals.iter().try_fold(hash, |hash, path| hash.file("principals", path))?
            }
            App::Teardown => hash.tree(root, "statemachine")?,
        };
        Ok(install::lock_inputs(self.workspace, hash)?.finish())
    }
}

/// Tells whether a stack is deployed to the end.
fn is_complete(endpoint: &str, stack: &str) -> bool {
    let status = LocalAws::new(endpoint).stack_status(stack);
    matches!(status.as_deref(), Some("CREATE_COMPLETE" | "UPDATE_COMPLETE"))
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
    fn a_new_local_aws_is_started_for_a_dead_or_changed_one_whatever_the_record_says() {
        assert_eq!(work(false, false, true), Work::Start);
        assert_eq!(work(false, true, true), Work::Start);
        assert_eq!(work(true, false, true), Work::Start);
    }
}
