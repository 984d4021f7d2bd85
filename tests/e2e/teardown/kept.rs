//! Things that were to stay, or are somebody else's, although it has a name of the stack's.

use contract::{FoundFate, Outcome, State};
use serde_json::{Value, json};

use super::account::{Account, LOG, SEAL};

fn as_json(template: &Value) -> String {
    template.to_string()
}

/// The logical id of the one resource of a type whose own begins so.
fn logical(template: &Value, kind: &str, beginning: &str) -> String {
    let mut resources = template["Resources"].as_object().unwrap().iter();
    let found = resources.find(|(id, resource)| resource["Type"] == kind && id.starts_with(beginning));
    found.unwrap_or_else(|| panic!("no {kind} {beginning}")).0.clone()
}

/// Makes the template keep a resource with this policy.
fn keep(template: &mut Value, kind: &str, beginning: &str, policy: &str) {
    let id = logical(template, kind, beginning);
    template["Resources"][&id]["DeletionPolicy"] = json!(policy);
}

async fn make_group(account: &Account, name: &str) {
    account.aws.logs("CreateLogGroup", json!({"logGroupName": name})).await.done();
}

async fn has_group(account: &Account, name: &str) -> bool {
    account.log_groups(name).await.iter().any(|group| group == name)
}

#[tokio::test]
async fn what_is_retained_except_on_create_is_kept_and_told() {
    let account =
        Account::with(|template| keep(template, "AWS::Logs::LogGroup", "TaskApi", "RetainExceptOnCreate"))
            .await;
    let group = account.thing("AWS::Logs::LogGroup", "TaskApi").clone();
    let end = account.teardown(json!({})).await;
    end.assert_green(Outcome::Deleted);
    assert_eq!(end.fate(&group.physical), FoundFate::Kept);
    assert!(end.keeps(&group.physical), "{end:#?}");
    account.assert_gone_but(&[&[group.logical.as_str()], &LOG[..], &SEAL[..]].concat()).await;
}

/// The function goes on writing to the group that Lambda made for it, and its own group is made again by it.
#[tokio::test]
async fn the_log_groups_of_a_function_that_stays_stay() {
    let account = Account::with(|template| keep(template, "AWS::Lambda::Function", "Docs", "Retain")).await;
    let function = account.thing("AWS::Lambda::Function", "Docs").clone();
    let implicit = format!("/aws/lambda/{}", function.physical);
    make_group(&account, &implicit).await;
    account.hold_second_sweep().await;
    let run = account.start(json!({})).await;
    run.reaches(State::WaitSwept).await;
    let own = account.thing("AWS::Logs::LogGroup", "Docs").clone();
    make_group(&account, &own.physical).await;
    let end = run.end().await;
    end.assert_green(Outcome::Deleted);
    for stays in [&implicit, &own.physical] {
        assert!(has_group(&account, stays).await);
    }
    for stays in [&function.physical, &own.physical] {
        assert_eq!(end.fate(stays), FoundFate::Kept);
    }
}

#[tokio::test]
async fn a_log_group_that_another_stack_makes_after_the_deletion_stays() {
    let account = Account::new().await;
    account.hold_second_sweep().await;
    let run = account.start(json!({})).await;
    run.reaches(State::WaitSwept).await;
    let name = account.thing("AWS::Logs::LogGroup", "TaskApi").physical.clone();
    let group = json!({"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": name}});
    let template = json!({"Resources": {"Group": group}}).to_string();
    let create = [("StackName", "another"), ("TemplateBody", template.as_str())];
    account.aws.cloudformation("CreateStack", &create).await.done();
    let end = run.end().await;
    end.assert_green(Outcome::Deleted);
    assert!(has_group(&account, &name).await);
    assert!(end.keeps("it belongs to the stack arn:") && end.fate(&name) == FoundFate::Kept, "{end:#?}");
}

#[tokio::test]
async fn what_is_made_by_hand_after_everything_was_proven_stays() {
    let account = Account::new().await;
    account.teardown(json!({})).await.assert_green(Outcome::Deleted);
    let name = account.thing("AWS::Logs::LogGroup", "TaskApi").physical.clone();
    let function = account.thing("AWS::Lambda::Function", "TaskApi").physical.clone();
    let implicit = format!("/aws/lambda/{function}");
    let role = account.thing("AWS::IAM::Role", "TaskApi").physical.clone();
    make_group(&account, &name).await;
    make_group(&account, &implicit).await;
    account.make_role(&role, "lambda.amazonaws.com").await;
    let end = account.teardown(json!({})).await;
    end.assert_green(Outcome::NothingToDo);
    assert!(has_group(&account, &name).await && has_group(&account, &implicit).await);
    for made in [&name, &role] {
        assert_eq!(end.fate(made), FoundFate::Kept);
        assert!(
            end.report.kept.iter().any(|noted| noted.id == *made && noted.why.contains("made after")),
            "{end:#?}"
        );
    }
}

/// A run that was refused has it on its list. Then somebody takes it out of the stack, to keep it.
#[tokio::test]
async fn what_left_the_stack_before_its_deletion_stays_with_its_protection() {
    let mut account = Account::with(|template| {
        let audit = logical(template, "AWS::Logs::LogGroup", "AuditLog");
        let name = template["Resources"][&audit]["Properties"]["LogGroupName"].as_str().unwrap();
        let extra =
            json!({"LogGroupName": name.replace("audit", "extra"), "DeletionProtectionEnabled": true});
        template["Resources"]["Extra"] =
            json!({"Type": "AWS::Logs::LogGroup", "DeletionPolicy": "Delete", "Properties": extra});
    })
    .await;
    let group = account.thing("AWS::Logs::LogGroup", "Extra").clone();
    account.teardown(json!({})).await.assert_red(Outcome::Refused, &[&group.physical, "deletion protection"]);
    account
        .update(|template| template["Resources"]["Extra"]["DeletionPolicy"] = json!("Retain"), as_json)
        .await;
    let remove = |template: &mut Value| {
        template["Resources"].as_object_mut().unwrap().remove("Extra");
    };
    account.update(remove, as_json).await;
    let end = account.teardown(json!({"overrideLogProtection": true})).await;
    end.assert_green(Outcome::Deleted);
    assert_eq!(end.fate(&group.physical), FoundFate::Kept);
    let groups =
        account.aws.logs("DescribeLogGroups", json!({"logGroupNamePrefix": group.physical})).await.json();
    assert_eq!(groups["logGroups"][0]["deletionProtectionEnabled"], true, "{groups:#}");
}

/// The same things, with another property.
#[tokio::test]
async fn an_update_in_place_after_the_plan_is_refused() {
    let mut account = Account::new().await;
    let planned = account.teardown(json!({"dryRun": true})).await;
    let run = account.start(json!({"approval": true})).await;
    run.reaches(State::Approve).await;
    let group = account.thing("AWS::Logs::LogGroup", "TaskApi").logical.clone();
    account.update(|template| keep(template, "AWS::Logs::LogGroup", "TaskApi", "Retain"), as_json).await;
    run.approve().await;
    let refused = run.end().await;
    refused.assert_red(Outcome::Refused, &["updated since the plan was made", "another template"]);
    assert!(!refused.entered(State::Drain), "{refused:#?}");
    account.assert_intact("UPDATE_COMPLETE").await;
    let other = account.teardown(json!({"planHash": planned.report.plan_hash})).await;
    other.assert_red(Outcome::Refused, &["the plan is now"]);
    let end = account.teardown(json!({})).await;
    end.assert_green(Outcome::Deleted);
    account.assert_gone_but(&[&[group.as_str()], &LOG[..], &SEAL[..]].concat()).await;
}

/// It is on a function that is in no stack, and goes with none.
#[tokio::test]
async fn a_permission_on_a_function_outside_the_stack_is_asked_for() {
    let account = Account::with(|template| {
        let id = logical(template, "AWS::Lambda::Function", "TaskApi");
        let name = template["Resources"][&id]["Properties"]["FunctionName"].as_str().unwrap();
        let outside = json!({"FunctionName": name.replace("task-api", "outside"), "Action": "lambda:InvokeFunction",
            "Principal": "events.amazonaws.com"});
        template["Resources"]["Outside"] = json!({"Type": "AWS::Lambda::Permission", "Properties": outside});
    })
    .await;
    let permission = account.thing("AWS::Lambda::Permission", "Outside").clone();
    let function = account.outputs["TaskApiFunction"].replace("task-api", "outside");
    account.hold_second_sweep().await;
    let run = account.start(json!({})).await;
    run.reaches(State::WaitSwept).await;
    account.make_function(&function).await;
    let statement = json!({"StatementId": permission.physical, "Action": "lambda:InvokeFunction",
        "Principal": "events.amazonaws.com"});
    let path = format!("/2015-03-31/functions/{function}/policy");
    account.aws.rest("lambda", "POST", &path, statement.to_string().into_bytes()).await.done();
    let end = run.end().await;
    end.assert_red(Outcome::Unproven, &[]);
    assert!(end.report.unproven[0].is_about(&permission.kind, &permission.physical), "{end:#?}");
    account.aws.delete("lambda", &format!("{path}/{}", permission.physical)).await.done();
    account.teardown(json!({})).await.assert_green(Outcome::Deleted);
}
