//! The stack that nothing can delete any more, made on purpose and removed by the workflow: a story for people, told by
//! `cargo xtask stuck-demo` on a local AWS of its own.

use std::{
    env,
    process::{Command, Stdio},
};

use local_wire::text;

use super::{account::Account, deployment::status_of, people::taskctl};
use crate::stack::eventually;

/// The words of `CloudFormation` about a stored role that is gone.
const WELL_KNOWN: &str = "is invalid or cannot be assumed";

#[tokio::test]
#[ignore = "removes the service that all other tests share: cargo xtask stuck-demo"]
async fn a_stack_that_nothing_can_delete_any_more_is_removed_by_the_workflow() {
    let account = Account::deployed().await;
    let (name, was) = (account.names.service.as_str(), account.stack_status().await);
    let role = stored_role(&account, &was).await;
    everything_is_deleted_by_hand(&account).await;

    chapter(3, "…and the bootstrap's execution role");
    account.delete_stored_role().await;
    say(&format!("deleted AWS::IAM::Role {}", role.rsplit('/').next().unwrap()));

    destruction_fails(name, &role);

    chapter(5, "The stack stands as if nothing had happened: it is stuck");
    let status = account.stack_status().await;
    say(&format!("DescribeStacks: {name} is {status}"));
    assert_eq!(status, was);

    workflow(name);

    chapter(7, "Gone");
    // What an account shows at once may show elsewhere a moment later.
    account.reaches_status("DELETE_COMPLETE").await;
    say(&format!("DescribeStacks: {} is DELETE_COMPLETE", account.stack));
    eventually("the name to be free", async || status_of(&account.aws, name).await.is_none().then_some(()))
        .await;
    say(&format!("and no stack is named {name} any more"));
}

/// Finds the role that the stack keeps.
async fn stored_role(account: &Account, status: &str) -> String {
    chapter(
        1,
        "A service, deployed as `cdk deploy` does it: CloudFormation stores the bootstrap's execution role",
    );
    let described =
        account.aws.cloudformation("DescribeStacks", &[("StackName", &account.stack)]).await.done();
    let role = text(&described, "RoleARN").expect("DescribeStacks shows the stack's role");
    say(&format!("{} is {status}, with {} resources", account.names.service, account.things.len()));
    say(&format!("its role: {role}"));
    assert!(role.contains("-cfn-exec-role-"), "this is not the bootstrap's execution role");
    role
}

async fn everything_is_deleted_by_hand(account: &Account) {
    chapter(
        2,
        "Somebody tidies up: every resource is deleted by hand, and CloudFormation knows nothing of it",
    );
    for thing in &account.things {
        if account.delete_by_hand(thing).await {
            say(&format!("deleted {:<33} {}", thing.kind, thing.physical));
        }
    }
    // A table is DELETING for a while.
    eventually("all of it to be gone", async || account.living().await.is_empty().then_some(())).await;
    let shown = account.things_with_an_api();
    say(&format!("{shown} resources are shown absent by their own services; the others were parts of these"));
}

/// Runs the command that everybody would try.
fn destruction_fails(name: &str, role: &str) {
    chapter(4, "`cdk destroy` cannot delete the stack");
    say(&format!("$ cdk destroy --force {name}"));
    let cdk = concat!(env!("CARGO_MANIFEST_DIR"), "/../cdk");
    let mut command = Command::new(format!("{cdk}/node_modules/.bin/cdk"));
    command.args([
        "--no-notices",
        "--no-version-reporting",
        "--no-color",
        "--ci",
        "destroy",
        "--force",
        name,
    ]);
    command.arg("--app").arg(env::var_os("E2E_SERVICE_ASSEMBLY").unwrap()).current_dir(cdk);
    command.env("CDK_DISABLE_CLI_TELEMETRY", "true").env("CDK_DISABLE_VERSION_CHECK", "true");
    command.env("NODE_NO_WARNINGS", "1").stdin(Stdio::null());
    let output = command.output().unwrap();
    let words = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    for line in words.lines().filter(|line| !line.trim().is_empty()) {
        say(line);
    }
    assert!(!output.status.success(), "cdk destroy ended well: {name} is not stuck");
    assert!(
        words.contains(role) && words.contains(WELL_KNOWN),
        "cdk destroy failed, but not with the words `Role {role} {WELL_KNOWN}`"
    );
    say("cdk destroy failed");
}

fn workflow(name: &str) {
    chapter(6, "The teardown workflow, whose own role CloudFormation uses instead");
    say(&format!("$ taskctl teardown start {name} --yes --watch\n"));
    let mut command = Command::new(taskctl());
    command.arg("--outputs").arg(env::var_os("E2E_OUTPUTS").unwrap());
    let ended = command.args(["teardown", "start", name, "--yes", "--watch"]).status().unwrap();
    assert!(ended.success(), "the workflow did not end well: see its report above");
}

fn chapter(number: u32, title: &str) {
    println!("\n{number}. {title}\n");
}

fn say(line: &str) {
    println!("   {line}");
}
