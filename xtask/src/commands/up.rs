//! `cargo xtask up`: the service on a local AWS of the developer's own.

mod follow;

use anyhow::Result;
use clap::Args;
use deployment::Outputs;

use crate::local::client::LocalAws;
use crate::local::outputs::{calls, token_calls};
use crate::local::stack::{Stack, Work};
use crate::service::cdk::App;
use crate::service::functions::{self, Binary};
use crate::service::stopped;
use crate::tools::install;
use crate::tools::lock::Lock;
use crate::tools::programs;
use crate::tools::progress::step;
use crate::tools::workspace::Workspace;

/// The options of `up`.
#[derive(Args, Debug)]
pub struct UpArgs {
    /// Then show audit records as they arrive, until Ctrl-C
    #[arg(long)]
    follow: bool,
    /// Port of the local AWS on 127.0.0.1 [default: the one it runs on, else any free one]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
}

/// Brings the service up, says how to call it, and follows its audit log if asked to.
pub fn run(workspace: &Workspace, args: &UpArgs) -> Result<()> {
    let stack = Stack::new(workspace, workspace.scratch());
    let outputs = {
        let _lock = Lock::wait(&workspace.scratch().join("up.lock"), "another `cargo xtask up` or `down`")?;
        // What is wrong is said before the long steps, and before anything that runs is touched.
        stack.launcher().check_port(args.port)?;
        programs::node()?;
        install::local_venv(workspace)?;
        install::cdk(workspace)?;
        let binaries = step("Functions of the service", || built(workspace, App::Service))?;
        let (work, outputs) = stack.bring_up_service(&binaries, args.port)?;
        say(work, &outputs, &stack)?;
        teardown(workspace, &stack, &outputs)?
    };
    if args.follow {
        return follow::audit(&outputs);
    }
    Ok(())
}

fn built(workspace: &Workspace, app: App) -> Result<Vec<Binary>> {
    functions::build(workspace, &functions::selection(&[app]))
}

/// Brings up the teardown workflow. Its function takes most of the first compilation, which is not needed to create a task.
fn teardown(workspace: &Workspace, stack: &Stack<'_>, service: &Outputs) -> Result<Outputs> {
    if service.state_machine().is_err() {
        eprintln!(
            "\nThe service answers; the teardown follows, whose function is compiled for minutes the first time."
        );
    }
    let binaries = step("Function of the teardown", || built(workspace, App::Teardown))?;
    let (deployed, outputs) = stack.bring_up_teardown(&binaries)?;
    if deployed {
        println!("\nThe teardown workflow is deployed too: docs/teardown.md says how to use it.");
    }
    Ok(outputs)
}

fn say(work: Work, outputs: &Outputs, stack: &Stack<'_>) -> Result<()> {
    let service = outputs.service()?;
    let state = match work {
        Work::Nothing => "is up already, and nothing has changed",
        Work::Deploy => "is up with today's changes; what the table held is kept",
        Work::Start => "is up, with an empty table",
    };
    println!("\nThe service {state}.\n");
    println!("  URL              {}", service.api_url);
    println!("  in a browser     {}/docs", service.api_url);
    println!("  token            {}", service.token);
    println!("  read-only token  {}", service.read_only_token);
    println!("  for scripts      {}\n", stack.outputs_file().display());
    print!("{}", calls(service));
    if let Some(calls) = token_calls(outputs) {
        print!("\n{calls}");
    }
    let stack = outputs.service_stack.as_deref().unwrap_or_default();
    if LocalAws::new(outputs.endpoint()?).is_stopped(&stopped::function(stack)) {
        eprintln!("\n{}", stopped::words(stack));
    }
    println!("\nAudit records as they arrive: cargo xtask up --follow.  Stop: cargo xtask down");
    Ok(())
}
