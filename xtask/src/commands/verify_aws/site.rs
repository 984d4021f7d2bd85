//! The throw-away stage that the rows are checked on, and the account around it.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use anyhow::{Context, Result, anyhow, bail};
use deployment::names::service_stack;

use super::awscli::AwsCli;
use super::made::{Ledger, Made, described};
use super::patience::Patience;
use crate::local::outputs::local_url;
use crate::service::cdk::{App, Cdk, Settings, Target, context};
use crate::service::log_role;
use crate::service::principals::{Principal, SCOPES, random_token};
use crate::tools::private::write_private;
use crate::tools::process::check_interrupted;
use crate::tools::progress::step;
use crate::tools::workspace::Workspace;

/// Two, so that the preflight has to choose.
pub const ORIGINS: [&str; 2] = ["https://one.example", "https://two.example"];

/// Everything a check needs.
pub struct Site<'a> {
    pub workspace: &'a Workspace,
    pub aws: AwsCli,
    pub patience: Patience,
    /// The stage, by which everything of this run is named.
    pub stage: String,
    pub account: String,
    pub partition: String,
    pub made: Ledger,
    /// The folder of the run's files.
    pub folder: PathBuf,
    pub assets: PathBuf,
    pub architecture: String,
    service: OnceLock<Result<Service, String>>,
    pub stuck: OnceLock<String>,
}

/// The deployed service.
#[derive(Debug)]
pub struct Service {
    pub url: String,
    pub stack: String,
    /// Where Cognito gives out tokens.
    pub token_endpoint: String,
    token: String,
    outputs: BTreeMap<String, String>,
}

impl Service {
    /// Returns an output of the stack.
    pub fn output(&self, name: &str) -> Result<&str> {
        self.outputs.get(name).map(String::as_str).with_context(|| format!("the stack has no output {name}"))
    }
}

/// An answer of the API.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    /// Returns a header, by its name in lower case.
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(found, _)| found == name);
        found.map_or("", |(_, value)| value)
    }

    /// Reads what `curl -i` prints: interim answers, then the headers, then the body.
    fn parse(text: &str) -> Option<Self> {
        let mut rest = text;
        loop {
            let (head, body) = rest.split_once("\r\n\r\n").unwrap_or((rest.trim_end(), ""));
            let mut lines = head.lines();
            let status: u16 = lines.next()?.split(' ').nth(1)?.parse().ok()?;
            if (100..200).contains(&status) {
                rest = body;
                continue;
            }
            let header = |line: &str| {
                let (name, value) = line.split_once(':')?;
                Some((name.to_ascii_lowercase(), value.trim().to_owned()))
            };
            return Some(Self { status, headers: lines.filter_map(header).collect(), body: body.to_owned() });
        }
    }
}

impl<'a> Site<'a> {
    /// Chooses a stage that is not taken.
    pub fn new(
        workspace: &'a Workspace,
        target: Target,
        program: PathBuf,
        assets: PathBuf,
        architecture: &str,
    ) -> Result<Self> {
        let stage = format!("v{}", &random_token()?[..6]);
        let folder = workspace.scratch().join("verify").join(&stage);
        fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        let patience = if matches!(target, Target::Local { .. }) { Patience::LOCAL } else { Patience::AWS };
        let aws = AwsCli { program, target, log: folder.join("calls.log"), session: Vec::new() };
        let caller = aws.call(&["sts", "get-caller-identity"]).context("AWS does not say who calls")?;
        let arn = caller["Arn"].as_str().unwrap_or_default();
        let site = Self {
            workspace,
            patience,
            account: caller["Account"].as_str().unwrap_or_default().to_owned(),
            partition: arn.split(':').nth(1).unwrap_or("aws").to_owned(),
            made: Ledger::new(folder.join("clean-up.sh"), aws.options()),
            aws,
            stage,
            folder,
            assets,
            architecture: architecture.to_owned(),
            service: OnceLock::new(),
            stuck: OnceLock::new(),
        };
        let stack = site.stack();
        if described(&site.aws, &stack)?.is_some() {
            bail!("there is a stack {stack}, which this run did not make: run it again");
        }
        Ok(site)
    }

    /// Tells whether this is the local AWS.
    pub fn local(&self) -> bool {
        matches!(self.aws.target, Target::Local { .. })
    }

    /// Names the service stack.
    pub fn stack(&self) -> String {
        service_stack(&self.stage)
    }

    /// Names the teardown stack; neither of the two names may continue the other.
    pub fn teardown_stack(&self) -> String {
        format!("tasks-teardown-{}", self.stage)
    }

    /// Returns the service, once [`Self::deploy`] has succeeded.
    pub fn service(&self) -> Result<&Service> {
        match self.service.get() {
            Some(Ok(service)) => Ok(service),
            Some(Err(error)) => bail!("the service could not be deployed: {error}"),
            None => bail!("the service was not deployed"),
        }
    }

    /// Deploys the service with a token of its own, keeping nothing for long and retrying little.
    pub fn deploy(&self) -> Result<()> {
        let deployed = self.deployed();
        check_interrupted()?;
        self.service
            .set(deployed.map_err(|error| format!("{error:#}")))
            .map_err(|_| anyhow!("deployed twice"))
    }

    fn deployed(&self) -> Result<Service> {
        let token = random_token()?;
        let principals = self.folder.join("principals.json");
        write_private(&principals, &[Principal::new("verify-aws", &self.stage, &SCOPES, &token)])?;
        let settings = Settings {
            stage: self.stage.clone(),
            architecture: self.architecture.clone(),
            assets: self.assets.clone(),
            principals: Some(principals),
            more: self.settings(),
        };
        let cdk = self.cdk();
        step("CDK template", || cdk.synthesise(App::Service, &settings))?;
        self.log_role_is_set(&cdk)?;
        let stack = self.stack();
        self.made.add(Made::Stack { name: stack.clone(), role: None });
        let outputs = step(&format!("Deployment of {stack}"), || cdk.deploy(App::Service, &settings))?;
        let output =
            |name: &str| outputs.get(name).with_context(|| format!("the stack has no output {name}"));
        let (url, token_endpoint) = (output("ApiUrl")?, output("TokenEndpoint")?);
        let (url, token_endpoint) = match &self.aws.target {
            Target::Local { endpoint } => (local_url(url, endpoint), format!("{endpoint}/oauth2/token")),
            Target::Aws { .. } => (url.clone(), token_endpoint.clone()),
        };
        let service = Service { url, stack, token_endpoint, token, outputs };
        self.made.add(Made::Objects(service.output("FailureBucket")?.to_owned()));
        self.made.add(Made::Recovery(service.output("TableName")?.to_owned()));
        Ok(service)
    }

    fn settings(&self) -> Vec<String> {
        let mut settings = vec![
            format!("allowedOrigins={}", ORIGINS.join(",")),
            "auth=cognito".to_owned(),
            format!("cognitoCallbackUrls={}/signed-in", ORIGINS[0]),
            "cognitoMachineClient=true".to_owned(),
            "deletionProtection=false".to_owned(),
            "retainAuditLog=false".to_owned(),
            // The seal is made to be kept: a key, and a bucket that nobody can empty before its time.
            "auditSeal=false".to_owned(),
            "auditRetentionDays=3".to_owned(),
            "accessLogRetentionDays=1".to_owned(),
            "logRetentionDays=1".to_owned(),
            "auditRetryAttempts=1".to_owned(),
        ];
        if let Target::Local { endpoint } = &self.aws.target {
            // Tokens of the local Cognito name AWS as their issuer.
            settings.push(format!("cognitoJwksUri={endpoint}/{{pool}}/.well-known/jwks.json"));
        }
        settings
    }

    /// Checks that API Gateway has its log role, which belongs to the account: a run makes it on the local AWS only.
    fn log_role_is_set(&self, cdk: &Cdk<'_>) -> Result<()> {
        if self.local() {
            return log_role::ensure(cdk);
        }
        match cdk.log_role() {
            Ok(None) => bail!(
                "API Gateway has no log role in this account and region.\n  `cargo xtask deploy` sets it when it first deploys a stage here"
            ),
            // Whoever may not read it may still deploy.
            _ => Ok(()),
        }
    }

    /// Deploys the teardown workflow for this one service and returns the stack's outputs.
    pub fn deploy_teardown(&self) -> Result<BTreeMap<String, String>> {
        let stack = self.teardown_stack();
        let values = [
            format!("teardown={stack}"),
            format!("services={}", self.stack()),
            format!("architecture={}", self.architecture),
            format!("assets={}", self.assets.display()),
            // What this run has made, it deletes by itself.
            "evidenceProtection=false".to_owned(),
        ];
        let cdk = self.cdk();
        step("CDK template", || cdk.synthesise_with(App::Teardown, context(values)))?;
        self.made.add(Made::LogGroup(format!("/{stack}/report")));
        self.made.add(Made::Stack { name: stack.clone(), role: None });
        let outputs = step(&format!("Deployment of {stack}"), || cdk.deploy_stack(App::Teardown, &stack))?;
        // It has point-in-time recovery of its own.
        let evidence =
            outputs.get("EvidenceTable").context("the teardown stack has no output EvidenceTable")?;
        self.made.add(Made::Recovery(evidence.clone()));
        Ok(outputs)
    }

    fn cdk(&self) -> Cdk<'a> {
        Cdk { workspace: self.workspace, target: self.aws.target.clone(), folder: self.folder.clone() }
    }

    /// Calls the API with the stage's token: `curl ARGUMENTS URL/path`.
    pub fn curl(&self, path: &str, arguments: &[&str]) -> Result<Answer> {
        self.curl_as(&self.service()?.token, path, arguments)
    }

    /// Calls the API without a token.
    pub fn curl_without_token(&self, path: &str, arguments: &[&str]) -> Result<Answer> {
        self.curl_url(&format!("{}{path}", self.service()?.url), "", arguments)
    }

    /// Calls the API with another token.
    pub fn curl_as(&self, token: &str, path: &str, arguments: &[&str]) -> Result<Answer> {
        let url = format!("{}{path}", self.service()?.url);
        self.curl_url(&url, &format!("header = \"Authorization: Bearer {token}\""), arguments)
    }

    /// Runs curl. A secret goes through standard input, as a line of curl's configuration, because every user of the machine can
    /// see a command line.
    pub fn curl_url(&self, url: &str, secret: &str, arguments: &[&str]) -> Result<Answer> {
        check_interrupted()?;
        let mut command = Command::new("curl");
        command.args(["-sSi", "--max-time", "40", "--config", "-"]).args(arguments).arg(url);
        self.aws.aim(&mut command);
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().context("curl cannot be started: is it installed?")?;
        if let Some(mut input) = child.stdin.take() {
            writeln!(input, "{secret}").context("curl takes no input")?;
        }
        let output = child.wait_with_output().context("curl cannot be waited for")?;
        if !output.status.success() {
            bail!("curl {url} failed: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        let text = String::from_utf8_lossy(&output.stdout);
        Answer::parse(&text).with_context(|| format!("{url} was answered with something else than HTTP"))
    }
}

#[cfg(test)]
mod tests {
    use super::Answer;

    #[test]
    fn an_answer_is_read_behind_interim_ones() {
        let text =
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/2 401 \r\nContent-Type: a/b; c=d\r\n\r\n{\"a\":\r\n\r\n1}";
        let answer = Answer::parse(text).expect("an answer");
        assert_eq!((answer.status, answer.header("content-type")), (401, "a/b; c=d"));
        assert_eq!(answer.body, "{\"a\":\r\n\r\n1}");
        assert_eq!(answer.header("etag"), "");
        let head = Answer::parse("HTTP/1.1 204 No Content\r\nA: b\r\n\r\n").expect("an answer");
        assert_eq!((head.status, head.body.as_str()), (204, ""));
        assert!(Answer::parse("curl: (7)").is_none());
    }
}
