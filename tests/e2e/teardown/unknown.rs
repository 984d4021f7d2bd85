//! Stacks that are deleted already, by somebody else, or that nothing is known of.

use contract::{FoundFate, Noted, Outcome, State};
use serde_json::json;

use super::{
    account::{Account, LOG, SEAL, fresh_account},
    deployment::{bootstrap, create_stack, outputs_of},
    run::Execution,
};
use crate::stack::shared;

async fn delete_stack(account: &Account) {
    account.aws.cloudformation("DeleteStack", &[("StackName", &account.names.service)]).await.done();
}

#[tokio::test]
async fn a_stack_that_somebody_else_deletes_is_proven_by_what_cloudformation_remembers() {
    let account = Account::new().await;
    account.break_handler("AWS::CloudFormation::Stack", 1, json!({"delayMs": 2_000})).await;
    delete_stack(&account).await;
    let run = account.start(json!({})).await;
    run.reaches(State::WaitStable).await;
    let end = run.end().await;
    end.assert_green(Outcome::Deleted);
    assert!(!end.entered(State::Inventory), "{end:#?}");
    for thing in &account.things {
        let stays = LOG.iter().chain(&SEAL).any(|kept| thing.logical.starts_with(kept));
        let fate = if stays { FoundFate::Kept } else { FoundFate::Absent };
        assert_eq!(end.fate(&thing.physical), fate, "{thing:?}");
    }
    account.assert_gone().await;
}

#[tokio::test]
async fn a_stack_that_was_deleted_before_any_run_is_looked_up_and_its_leftovers_told() {
    let account = Account::new().await;
    delete_stack(&account).await;
    account.reaches_status("DELETE_COMPLETE").await;
    let role = account.thing("AWS::IAM::Role", "TaskApi").clone();
    account.make_role(&role.physical, "lambda.amazonaws.com").await;
    let end = account.teardown(json!({})).await;
    end.assert_red(Outcome::Unproven, &[]);
    assert_eq!(end.report.unproven, [Noted::resource(&role.kind, &role.physical, "still there")]);
    account.delete_role(&role.physical).await;
    account.teardown(json!({})).await.assert_green(Outcome::Deleted);
    account.teardown(json!({})).await.assert_green(Outcome::NothingToDo);
}

#[tokio::test]
async fn of_a_name_that_never_was_nothing_is_proven() {
    let shared = shared().await;
    let (number, names) = fresh_account();
    let aws = shared.account.neighbour(number);
    let teardown = names.teardown();
    bootstrap(&aws, &[&teardown]).await;
    let stack = create_stack(&aws, &teardown, &teardown.stack, None).await;
    let machine = outputs_of(&aws, &stack).await.remove("StateMachineArn").unwrap();
    for input in [
        json!({"stack": names.service, "confirm": names.service}),
        json!({"stack": names.service, "dryRun": true}),
    ] {
        let end = Execution::start(&aws, &machine, &input).await.end().await;
        end.assert_red(Outcome::Unproven, &[]);
        assert!(end.report.unproven[0].is_about(Noted::STACK, &names.service), "{end:#?}");
        assert!(end.report.unproven[0].why.contains("nothing is known of"), "{end:#?}");
    }
}
