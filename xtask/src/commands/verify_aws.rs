//! `cargo xtask verify-aws`: the assumptions that only an account can settle, checked on a throw-away stage.
//!
//! [`rows`] is the one table of them; docs/aws-unverified.md shows it. A run makes a stage with a random name
//! and stacks of a few resources, each entered in [`made`] before it is made, and removes all of it however the run ends.
//! Rows that need no service are checked while the service is deployed.

mod awscli;
mod document;
#[cfg(test)]
mod facts;
mod finding;
mod gateway;
mod local;
mod logs;
mod made;
mod patience;
pub mod rehearsal;
mod rows;
mod service;
mod signals;
mod site;
mod stacks;
mod survey;
mod teardown;

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::{fs, thread};

use anyhow::{Result, anyhow, bail};
use clap::Args;

use crate::account::release::{Architecture, release};
use crate::account::target::AccountArgs;
use crate::service::cdk::{App, Target, host_architecture};
use crate::service::functions;
use crate::tools::install;
use crate::tools::process::{self, Interrupted};
use crate::tools::programs;
use crate::tools::progress::step;
use crate::tools::workspace::Workspace;
use finding::Finding;
use rows::{Check, ROWS, Row};
use site::Site;

/// Options of `verify-aws`.
#[derive(Args, Debug)]
pub struct VerifyArgs {
    #[command(flatten)]
    account: AccountArgs,
    /// Check only these rows [default: all]
    #[arg(long = "row", value_name = "ROW", num_args = 1.., value_parser = known)]
    rows: Vec<String>,
    /// List the rows and check nothing
    #[arg(long)]
    list: bool,
    /// Rehearse on a local AWS of its own instead of an account
    #[arg(long, conflicts_with_all = ["profile", "region"])]
    local: bool,
    /// Rehearse on the local AWS that answers here
    #[arg(long, value_name = "URL", hide = true, conflicts_with_all = ["profile", "region", "local"])]
    endpoint_url: Option<String>,
    /// Processor of the functions
    #[arg(long, value_enum, default_value = "arm64")]
    architecture: Architecture,
    /// Write the rows into docs/aws-unverified.md and check nothing
    #[arg(long)]
    document: bool,
}

fn known(id: &str) -> Result<String, String> {
    match rows::row(id) {
        Some(row) => Ok(row.id.to_owned()),
        None => Err("no such row: see --list".to_owned()),
    }
}

/// Checks the rows that are asked for, and removes everything it made.
pub fn run(workspace: &Workspace, args: &VerifyArgs) -> Result<()> {
    if args.document {
        return document::write(workspace);
    }
    let chosen: Vec<&Row> =
        ROWS.iter().filter(|row| args.rows.is_empty() || args.rows.iter().any(|id| id == row.id)).collect();
    if args.list {
        for row in chosen {
            println!("{:<22} {}", row.id, row.assumption);
        }
        return Ok(());
    }
    programs::node()?;
    programs::curl()?;
    install::cdk(workspace)?;
    install::aws_cli(workspace)?;
    let rehearsed = if args.local { Some(local::start(workspace)?) } else { None };
    let endpoint = args.endpoint_url.clone().or(rehearsed.as_ref().map(|local| local.endpoint.clone()));
    let target = endpoint.map_or_else(|| args.account.target(), |endpoint| Target::Local { endpoint });
    let (assets, architecture) = built(workspace, args, &target, &chosen)?;
    let program = workspace.aws_cli_venv().join("bin/aws");
    let site = Site::new(workspace, target, program, assets, architecture)?;
    eprintln!("account {}, stage {}: everything is removed at the end", site.account, site.stage);
    let report = Report::default();
    let ended = check(&site, &chosen, &report);
    clean_up(&site, ended, &report)
}

/// Builds the functions when a row needs them.
fn built(
    workspace: &Workspace,
    args: &VerifyArgs,
    target: &Target,
    chosen: &[&Row],
) -> Result<(PathBuf, &'static str)> {
    let needed = chosen.iter().any(|row| matches!(row.check, Check::Service(_) | Check::Ends(_)));
    match target {
        Target::Local { .. } => {
            let assets = workspace.scratch().join("verify/assets");
            if needed {
                // The selection that `test` compiles, so that neither makes the other compile again.
                let binaries = functions::build(workspace, &["--workspace", "--bins", "--tests"])?;
                fs::create_dir_all(&assets)?;
                functions::lay_out(workspace, &binaries, &assets)?;
            }
            Ok((assets, host_architecture()))
        }
        Target::Aws { .. } if needed => {
            let assets = release(workspace, args.architecture, &[App::Service, App::Teardown])?;
            Ok((assets, args.architecture.context()))
        }
        Target::Aws { .. } => Ok((PathBuf::new(), args.architecture.context())),
    }
}

/// The lines printed so far, and what did not hold.
#[derive(Default)]
struct Report {
    failed: Mutex<Vec<&'static str>>,
}

impl Report {
    fn add(&self, row: &'static Row, finding: &Finding) {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        println!("{}", finding.line(row.id));
        if matches!(finding, Finding::NotHeld(_)) {
            failed.push(row.id);
        }
    }
}

/// Checks what needs no service while the service is deployed, then the rest.
fn check(site: &Site<'_>, chosen: &[&'static Row], report: &Report) -> Result<()> {
    let (alone, with_service): (Vec<&'static Row>, Vec<&'static Row>) =
        chosen.iter().partition(|row| matches!(row.check, Check::Account(_) | Check::ByHand(_)));
    thread::scope(|scope| {
        let first = scope.spawn(|| each(site, &alone, report));
        let second = if with_service.is_empty() { Ok(()) } else { site.deploy() };
        let second = second.and_then(|()| each(site, &with_service, report));
        first.join().unwrap_or_else(|_| Err(anyhow!("a check broke off"))).and(second)
    })
}

/// Checks row after row. Only a request to stop ends the list early: a check that breaks off says why and counts as skipped.
fn each(site: &Site<'_>, rows: &[&'static Row], report: &Report) -> Result<()> {
    for row in rows {
        let found = match row.check {
            Check::Account(run) | Check::Service(run) | Check::Ends(run) => run(site),
            Check::ByHand(why) => Ok(Finding::Skipped(format!("{why}; {}", row.by_hand))),
        };
        match found {
            Ok(finding) => report.add(row, &finding),
            Err(error) if error.is::<Interrupted>() => return Err(error),
            Err(error) => report.add(row, &Finding::Skipped(format!("could not be checked: {error:#}"))),
        }
    }
    Ok(())
}

/// Removes what was made, says what stays, and returns how the run ended.
fn clean_up(site: &Site<'_>, ended: Result<()>, report: &Report) -> Result<()> {
    // The first Ctrl-C ends the checks, a second one the cleaning.
    process::resume();
    let stays = step("Clean-up", || {
        let stays = site.made.remove_all(&site.aws, site.patience);
        process::check_interrupted().map(|()| stays)
    });
    let Ok(stays) = stays else {
        bail!("the clean-up was stopped; what is left goes with:\n  sh {}", site.made.script().display());
    };
    for (made, reason) in &stays {
        eprintln!("stays: {made:?}: {reason}");
    }
    let mut commands = site.made.commands(stays.iter().map(|(made, _)| made));
    commands.extend(survey::left(site)?);
    if !commands.is_empty() {
        bail!("not everything could be removed. By hand:\n  {}", commands.join("\n  "));
    }
    eprintln!(
        "nothing of stage {} is left but the code in CDK's bootstrap bucket (`npx cdk gc`)",
        site.stage
    );
    ended?;
    let failed = report.failed.lock().unwrap_or_else(PoisonError::into_inner);
    if failed.is_empty() {
        fs::remove_dir_all(&site.folder).ok();
        return Ok(());
    }
    bail!("not held: {} (each call: {})", failed.join(", "), site.aws.log.display())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::VerifyArgs;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        args: VerifyArgs,
    }

    #[test]
    fn only_known_rows_are_taken() {
        let parse = |words: &[&str]| Cli::try_parse_from(["x"].iter().chain(words)).map(|cli| cli.args.rows);
        assert_eq!(parse(&["--row", "head", "frozen"]).expect("known"), ["head", "frozen"]);
        assert!(parse(&["--row", "nonsense"]).is_err());
        assert!(parse(&["--local", "--profile", "p"]).is_err());
    }
}
