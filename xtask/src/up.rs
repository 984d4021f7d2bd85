//! `cargo xtask up` and `down`: the service on a local AWS of the developer's own.

use anyhow::{Result, bail};
use clap::Args;
use deployment::Service;

use crate::follow;
use crate::functions;
use crate::install;
use crate::lock::Lock;
use crate::outputs::calls;
use crate::progress::step;
use crate::stack::{Stack, Work};
use crate::tools;
use crate::workspace::Workspace;

/// What `up` may be told.
#[derive(Args, Debug)]
pub struct UpArgs {
    /// Then show audit records as they arrive, until Ctrl-C
    #[arg(long)]
    follow: bool,
    /// Port of the local AWS on 127.0.0.1 [default: the running one's, else any free one]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
}

/// Brings the service up, says how to call it, and follows its audit log if asked to.
pub fn up(workspace: &Workspace, args: &UpArgs) -> Result<()> {
    let stack = Stack::new(workspace, workspace.scratch());
    let outputs = {
        let _lock = Lock::wait(&workspace.scratch().join("up.lock"), "another `cargo xtask up` or `down`")?;
        // What is wrong is said before the long steps, and before anything that runs is touched.
        stack.launcher().check_port(args.port)?;
        tools::node()?;
        install::local_venv(workspace)?;
        install::cdk(workspace)?;
        let binaries = step("Functions", || functions::build(workspace, &functions::ALL))?;
        let (work, outputs) = stack.bring_up(&binaries, args.port)?;
        say(work, outputs.service()?, &stack);
        outputs
    };
    if args.follow {
        return follow::audit(&outputs);
    }
    Ok(())
}

/// Stops the local AWS and every process it started.
pub fn down(workspace: &Workspace) -> Result<()> {
    let _lock = Lock::wait(&workspace.scratch().join("up.lock"), "a `cargo xtask up` or `down`")?;
    let stack = Stack::new(workspace, workspace.scratch());
    match stack.launcher().stop()? {
        0 => println!("nothing was running"),
        1 => println!("stopped: 1 process ended, none left"),
        count => println!("stopped: {count} processes ended, none left"),
    }
    if stack.launcher().find().is_some() {
        bail!("a local AWS was started meanwhile; run `cargo xtask down` again");
    }
    Ok(())
}

fn say(work: Work, service: &Service, stack: &Stack<'_>) {
    let state = match work {
        Work::Nothing => "is up already, and nothing has changed",
        Work::Deploy => "is up with today's changes; what the table held is kept",
        Work::Start => "is up, with an empty table",
    };
    println!("\nThe service {state}.\n");
    println!("  URL              {}", service.api_url);
    println!("  token            {}", service.token);
    println!("  read-only token  {}", service.read_only_token);
    println!("  for scripts      {}\n", stack.outputs_file().display());
    print!("{}", calls(service));
    println!("\nAudit records as they arrive: cargo xtask up --follow.  Stop: cargo xtask down");
}
