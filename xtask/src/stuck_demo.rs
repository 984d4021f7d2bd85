//! `cargo xtask stuck-demo`: the stack that nothing can delete any more, made on purpose, and removed by the workflow.

use std::fs;

use anyhow::{Context, Result, bail, ensure};

use crate::by_hand::{self, Thing};
use crate::cdk::{Cdk, Target};
use crate::disposable::Disposable;
use crate::functions;
use crate::http::LocalAws;
use crate::process::{self, indented, pause};
use crate::progress::step;
use crate::workspace::Workspace;
use crate::xml::text;
use deployment::Outputs;

/// What `CloudFormation` says of a stored role that is gone.
const WELL_KNOWN: &str = "is invalid or cannot be assumed";

/// Shows the whole story; fails when any part of it does not happen.
pub fn stuck_demo(workspace: &Workspace) -> Result<()> {
    let binaries = step("Functions", || functions::build(workspace, &functions::ALL))?;
    step("taskctl", || taskctl_is_built(workspace))?;
    let local = Disposable::new(workspace, "stuck")?;
    let outputs = local.bring_up(&binaries)?;
    let story = Story {
        aws: LocalAws::new(outputs.endpoint()?),
        workspace,
        local: &local,
        outputs: &outputs,
        name: outputs.service_stack()?,
    };
    let stack = story.deployed()?;
    story.tidied_up(&stack)?;
    story.role_deleted(&stack)?;
    story.destroy_fails(&stack)?;
    story.nothing_moved(&stack)?;
    story.workflow()?;
    story.gone(&stack)
}

fn taskctl_is_built(workspace: &Workspace) -> Result<()> {
    let built = process::run(&mut workspace.cargo(&["build", "--quiet", "--package", "taskctl"]))?;
    ensure!(built, "taskctl cannot be built: see cargo's messages above");
    Ok(())
}

/// The stack as it was found.
#[derive(Debug)]
struct Found {
    id: String,
    status: String,
    role: String,
    things: Vec<Thing>,
}

struct Story<'a> {
    aws: LocalAws,
    workspace: &'a Workspace,
    local: &'a Disposable<'a>,
    outputs: &'a Outputs,
    name: &'a str,
}

impl Story<'_> {
    fn describe(&self, stack: &str) -> Result<String> {
        self.aws.query("cloudformation", "DescribeStacks", &[("StackName", stack)])?.done()
    }

    fn deployed(&self) -> Result<Found> {
        chapter(
            1,
            "A service, deployed as `cdk deploy` does it: CloudFormation stores the bootstrap's execution role",
        );
        let described = self.describe(self.name)?;
        let part = |name: &str| {
            text(&described, name).with_context(|| format!("DescribeStacks shows no {name} of {}", self.name))
        };
        let (id, status, role) = (part("StackId")?, part("StackStatus")?, part("RoleARN")?);
        let things = by_hand::things(&self.aws, &id)?;
        say(&format!("{} is {status}, with {} resources", self.name, things.len()));
        say(&format!("its role: {role}"));
        ensure!(role.contains("-cfn-exec-role-"), "this is not the bootstrap's execution role");
        Ok(Found { id, status, role, things })
    }

    fn tidied_up(&self, stack: &Found) -> Result<()> {
        chapter(
            2,
            "Somebody tidies up: every resource is deleted by hand, and CloudFormation knows nothing of it",
        );
        for thing in &stack.things {
            if by_hand::remove(&self.aws, thing)? {
                say(&format!("deleted {:<33} {}", thing.kind, thing.physical));
            }
        }
        let gone = by_hand::must_be_gone(&self.aws, &stack.things)?;
        say(&format!(
            "{gone} resources are shown absent by their own services; the others were parts of these"
        ));
        Ok(())
    }

    fn role_deleted(&self, stack: &Found) -> Result<()> {
        chapter(3, "…and the bootstrap's execution role");
        let name = stack.role.rsplit('/').next().unwrap_or_default();
        by_hand::remove_role(&self.aws, name)?;
        say(&format!("deleted AWS::IAM::Role {name}"));
        Ok(())
    }

    fn destroy_fails(&self, stack: &Found) -> Result<()> {
        chapter(4, "`cdk destroy` cannot delete the stack");
        let cdk = Cdk {
            workspace: self.workspace,
            target: Target::Local { endpoint: self.outputs.endpoint()?.to_owned() },
            folder: self.local.folder().to_owned(),
        };
        let log = self.local.folder().join("cdk-destroy.log");
        let ended = process::run_logged(&mut cdk.destruction(self.name), &log, "cdk destroy");
        let words = fs::read_to_string(&log).unwrap_or_default();
        println!("{}", quoted(&words));
        match ended {
            Ok(()) => bail!("cdk destroy ended well: {} is not stuck", self.name),
            Err(error) if error.is::<process::Interrupted>() => return Err(error),
            Err(_) => say("cdk destroy failed"),
        }
        ensure!(
            words.contains(&stack.role) && words.contains(WELL_KNOWN),
            "cdk destroy failed, but not with the words `Role {} {WELL_KNOWN}`",
            stack.role
        );
        Ok(())
    }

    fn nothing_moved(&self, stack: &Found) -> Result<()> {
        chapter(5, "The stack stands as if nothing had happened: it is stuck");
        let status = self.aws.stack_status(&stack.id).unwrap_or_default();
        say(&format!("DescribeStacks: {} is {status}", self.name));
        ensure!(status == stack.status, "it was {} and is {status}", stack.status);
        Ok(())
    }

    fn workflow(&self) -> Result<()> {
        chapter(6, "The teardown workflow, whose own role CloudFormation uses instead");
        let arguments = ["run", "--quiet", "--package", "taskctl", "--", "--outputs"];
        let mut command = self.workspace.cargo(&arguments);
        command.arg(self.local.outputs_file());
        command.args(["teardown", "start", self.name, "--yes", "--watch"]);
        crate::environment::local_aws(&mut command, self.outputs.endpoint()?);
        say(&format!("$ taskctl teardown start {} --yes --watch\n", self.name));
        ensure!(process::run(&mut command)?, "the workflow did not end well: see its report above");
        Ok(())
    }

    fn gone(&self, stack: &Found) -> Result<()> {
        chapter(7, "Gone");
        // What an account shows at once may show elsewhere a moment later.
        for _ in 0..50 {
            if self.aws.stack_status(&stack.id).as_deref() == Some("DELETE_COMPLETE") {
                say(&format!("DescribeStacks: {} is DELETE_COMPLETE", stack.id));
                let by_name = self.aws.stack_status(self.name);
                ensure!(by_name.is_none(), "a stack named {} is there: {by_name:?}", self.name);
                say(&format!("and no stack is named {} any more", self.name));
                return Ok(());
            }
            pause(std::time::Duration::from_millis(200))?;
        }
        bail!("the stack is {:?}, not DELETE_COMPLETE", self.aws.stack_status(&stack.id))
    }
}

fn chapter(number: u32, title: &str) {
    println!("\n{number}. {title}\n");
}

fn say(line: &str) {
    println!("   {line}");
}

/// What another program said, without empty lines.
fn quoted(words: &str) -> String {
    let lines: Vec<&str> = words.lines().filter(|line| !line.trim().is_empty()).collect();
    indented(&lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn what_is_quoted_is_indented_and_dense() {
        assert_eq!(quoted("\n$ cdk destroy\n\nit failed\n"), "    $ cdk destroy\n    it failed");
    }
}
