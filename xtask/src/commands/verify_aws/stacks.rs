//! Checks of CloudFormation and IAM, on stacks of a few resources made for the check alone.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::awscli::Refusal;
use super::finding::Finding;
use super::made::{Made, described};
use super::site::Site;

const OVER_WITHIN: Duration = Duration::from_mins(10);
/// The words by which the workflow knows a role that is gone (`deletion.rs`).
const DEAD_ROLE: &str = "is invalid or cannot be assumed";
/// The pauses of the workflow's six retries add up to this, on average (`teardown.asl.json`).
const RETRIED_FOR: Duration = Duration::from_secs(45);
/// `STALE_LOOKS` in `watch.rs`: five looks, 15 s apart.
const SHOWN_WITHIN: Duration = Duration::from_mins(1);
/// The time for which Prove looks again (`stacks::proof`).
const ABSENT_WITHIN: Duration = Duration::from_secs(20);

/// Names something made for one check.
pub fn probe(site: &Site<'_>, name: &str) -> String {
    format!("tasks-{}-probe-{name}", site.stage)
}

/// Makes a role that `principal` may assume and returns its ARN.
pub fn role(site: &Site<'_>, name: &str, principal: &Value, policy: &Value) -> Result<String> {
    let name = probe(site, name);
    let statement = json!({"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"});
    let trust = json!({"Version": "2012-10-17", "Statement": statement}).to_string();
    let policy = json!({"Version": "2012-10-17", "Statement": policy}).to_string();
    site.made.add(Made::Role(name.clone()));
    let role = ["--role-name", &name];
    let create = [&["iam", "create-role"], &role[..], &["--assume-role-policy-document", &trust]].concat();
    let made = site.aws.call(&create)?;
    let put = ["--policy-name", "verify", "--policy-document", &policy];
    site.aws.call(&[&["iam", "put-role-policy"], &role[..], &put[..]].concat())?;
    made["Role"]["Arn"].as_str().map(str::to_owned).context("a new role has no ARN")
}

/// Makes a role with which CloudFormation may do anything to the log groups of this run's checks, and look at others.
fn stack_role(site: &Site<'_>, name: &str) -> Result<String> {
    let groups = format!("arn:{}:logs:*:{}:log-group:/{}*", site.partition, site.account, probe(site, ""));
    let policy = json!([
        {"Effect": "Allow", "Action": "logs:*", "Resource": groups},
        {"Effect": "Allow", "Action": ["logs:Describe*", "logs:Get*", "logs:List*"], "Resource": "*"},
    ]);
    role(site, name, &json!({"Service": "cloudformation.amazonaws.com"}), &policy)
}

fn log_group(site: &Site<'_>, name: &str) -> Value {
    let name = format!("/{}", probe(site, name));
    json!({"Group": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": name}}})
}

/// Makes a stack, waits for its end, and returns its id and status. A new role is refused for a while.
pub fn stack(site: &Site<'_>, name: &str, resources: &Value, roles: Roles<'_>) -> Result<(String, String)> {
    let name = probe(site, name);
    let template = json!({"Resources": resources}).to_string();
    let rescue = roles.deletes.map(str::to_owned);
    site.made.add(Made::Stack { name: name.clone(), role: rescue });
    let mut create = vec!["cloudformation", "create-stack", "--stack-name", &name];
    create.extend(["--template-body", &template]);
    create.extend(roles.stored.into_iter().flat_map(|role| ["--role-arn", role]));
    let made = site.patience.until(RETRIED_FOR * 4, || match site.aws.ask(&create)? {
        Ok(answer) => Ok(Some(answer)),
        Err(refusal) if refusal.message.contains(DEAD_ROLE) => Ok(None),
        Err(refusal) => bail!("the stack {name} cannot be made: {refusal}"),
    })?;
    let (made, _) = made.with_context(|| format!("the role of {name} cannot be assumed"))?;
    let id = made["StackId"].as_str().context("a new stack has no id")?.to_owned();
    let status = ended(site, &id)?;
    Ok((id, status))
}

/// The role that a stack remembers, and the one it is to be deleted through.
#[derive(Clone, Copy, Default)]
pub struct Roles<'a> {
    stored: Option<&'a str>,
    deletes: Option<&'a str>,
}

fn status(site: &Site<'_>, id: &str) -> Result<String> {
    let stack = described(&site.aws, id)?.unwrap_or_default();
    Ok(stack["StackStatus"].as_str().unwrap_or("absent").to_owned())
}

/// Waits until an operation is over and returns the stack's status.
fn ended(site: &Site<'_>, id: &str) -> Result<String> {
    let over = site.patience.until(OVER_WITHIN, || {
        let status = status(site, id)?;
        Ok((!status.ends_with("_IN_PROGRESS")).then_some(status))
    })?;
    Ok(over.with_context(|| format!("{id} is still at work"))?.0)
}

/// Asks for a deletion, with further words of the command.
fn delete(site: &Site<'_>, id: &str, more: &[&str]) -> Result<Result<Value, Refusal>> {
    site.aws.ask(&[&["cloudformation", "delete-stack", "--stack-name", id], more].concat())
}

fn events(site: &Site<'_>, id: &str) -> Result<Vec<Value>> {
    let events = site.aws.call(&["cloudformation", "describe-stack-events", "--stack-name", id])?;
    Ok(events["StackEvents"].as_array().cloned().unwrap_or_default())
}

pub fn dead_role(site: &Site<'_>) -> Result<Finding> {
    let (dies, lives) = (stack_role(site, "dies")?, stack_role(site, "lives")?);
    let roles = Roles { stored: Some(&dies), deletes: Some(&lives) };
    let (id, before) = stack(site, "dead-role", &log_group(site, "dead-role"), roles)?;
    let name = probe(site, "dies");
    let policy = ["--role-name", &name, "--policy-name", "verify"];
    site.aws.call(&[&["iam", "delete-role-policy"], &policy[..]].concat())?;
    site.aws.call(&["iam", "delete-role", "--role-name", &name])?;
    site.patience.settle()?;
    let first = delete(site, &id, &[])?;
    let after = status(site, &id)?;
    let Err(refusal) = first else {
        return Ok(Finding::NotHeld(format!("the call was accepted; the stack is {after}")));
    };
    let at_once = refusal.code == "ValidationError" && refusal.message.contains(DEAD_ROLE) && after == before;
    let through = delete(site, &id, &["--role-arn", &lives])?;
    let end = ended(site, &id)?;
    let held = at_once && through.is_ok() && end == "DELETE_COMPLETE";
    Ok(Finding::new(held, format!("{refusal}; the status stays {after}; through another role: {end}")))
}

pub fn young_role(site: &Site<'_>) -> Result<Finding> {
    let (id, _) = stack(site, "young-role", &log_group(site, "young-role"), Roles::default())?;
    let role = stack_role(site, "young")?;
    let mut tries = 0;
    let accepted = site.patience.until(RETRIED_FOR * 4, || {
        tries += 1;
        match delete(site, &id, &["--role-arn", &role])? {
            Ok(_) => Ok(Some(())),
            Err(refusal) if refusal.message.contains(DEAD_ROLE) => Ok(None),
            Err(refusal) => bail!("another refusal: {refusal}"),
        }
    })?;
    let Some(((), time)) = accepted else {
        return Ok(Finding::NotHeld(format!("refused {tries} times")));
    };
    let seen =
        format!("accepted after {:.1} s, at try {tries}; then {}", time.as_secs_f64(), ended(site, &id)?);
    Ok(Finding::new(time <= RETRIED_FOR, seen))
}

pub fn deletion_shown(site: &Site<'_>) -> Result<Finding> {
    let (id, _) = stack(site, "shown", &log_group(site, "shown"), Roles::default())?;
    let accepted = delete(site, &id, &[])?;
    if let Err(refusal) = accepted {
        return Ok(Finding::NotHeld(refusal.to_string()));
    }
    let shown = site.patience.until(OVER_WITHIN, || {
        let status = status(site, &id)?;
        Ok(status.starts_with("DELETE_").then_some(status))
    })?;
    Ok(match shown {
        Some((status, time)) => {
            Finding::new(time <= SHOWN_WITHIN, format!("{status} after {:.1} s", time.as_secs_f64()))
        }
        None => Finding::NotHeld("no look shows the deletion".to_owned()),
    })
}

pub fn no_protection(site: &Site<'_>) -> Result<Finding> {
    let table = json!({"Table": {"Type": "AWS::DynamoDB::Table", "Properties": {
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "k", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "k", "KeyType": "HASH"}],
    }}});
    let (id, _) = stack(site, "protection", &table, Roles::default())?;
    if let Err(refusal) = delete(site, &id, &[])? {
        return Ok(Finding::NotHeld(refusal.to_string()));
    }
    let protect = ["cloudformation", "update-termination-protection", "--stack-name", &id];
    let answer = site.aws.ask(&[&protect[..], &["--enable-termination-protection"]].concat())?;
    let during = status(site, &id)?;
    if answer.is_ok() {
        site.aws.ask(&[&protect[..], &["--no-enable-termination-protection"]].concat())?.ok();
    }
    let end = ended(site, &id)?;
    Ok(match answer {
        _ if during != "DELETE_IN_PROGRESS" => {
            Finding::Skipped(format!("the deletion was over before the call: {during}"))
        }
        Err(refusal) => Finding::new(end == "DELETE_COMPLETE", format!("{refusal}; then {end}")),
        Ok(_) => Finding::NotHeld(format!("protection was taken during the deletion; then {end}")),
    })
}

/// Makes, once per run, a stack that stays in `DELETE_FAILED`: of a log group that goes and two buckets that hold an object.
fn stuck<'a>(site: &'a Site<'_>) -> Result<&'a str> {
    if let Some(id) = site.stuck.get() {
        return Ok(id);
    }
    let mut resources = log_group(site, "stuck");
    for (logical, letter) in [("BucketA", "a"), ("BucketB", "b")] {
        let bucket = probe(site, letter);
        site.made.add(Made::Bucket(bucket.clone()));
        resources[logical] = json!({"Type": "AWS::S3::Bucket", "Properties": {"BucketName": bucket}});
    }
    let (id, _) = stack(site, "stuck", &resources, Roles::default())?;
    // Removed before the stack: entered after it.
    for letter in ["a", "b"] {
        let bucket = probe(site, letter);
        site.made.add(Made::Objects(bucket.clone()));
        site.aws.call(&["s3api", "put-object", "--bucket", &bucket, "--key", "in-the-way"])?;
    }
    let token = ["--client-request-token", &site.stage];
    if let Err(refusal) = delete(site, &id, &token)? {
        bail!("the deletion was refused: {refusal}");
    }
    let status = ended(site, &id)?;
    if status != "DELETE_FAILED" {
        bail!("a stack of buckets that are not empty is {status}");
    }
    Ok(site.stuck.get_or_init(|| id))
}

pub fn repeated_token(site: &Site<'_>) -> Result<Finding> {
    let id = stuck(site)?;
    let before = events(site, id)?.len();
    let answer = delete(site, id, &["--client-request-token", &site.stage])?;
    // A deletion would show by now.
    site.patience.settle()?;
    let status = status(site, id)?;
    let more = events(site, id)?.len() - before;
    let said = answer.map_or_else(|refusal| refusal.to_string(), |_| "accepted".to_owned());
    Ok(Finding::new(
        more == 0 && status == "DELETE_FAILED",
        format!("the second call: {said}; {more} more events; {status}"),
    ))
}

pub fn listed_after_failure(site: &Site<'_>) -> Result<Finding> {
    let id = stuck(site)?;
    let list = site.aws.call(&["cloudformation", "list-stack-resources", "--stack-name", id])?;
    let listed: Vec<String> = list["StackResourceSummaries"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|one| {
            let text = |name: &str| one[name].as_str().unwrap_or_default().to_owned();
            format!("{} {}", text("LogicalResourceId"), text("ResourceStatus"))
        })
        .collect();
    let held = listed.len() == 3 && listed.iter().any(|one| one == "Group DELETE_COMPLETE");
    Ok(Finding::new(held, listed.join(", ")))
}

pub fn retain_only_failed(site: &Site<'_>) -> Result<Finding> {
    let id = stuck(site)?;
    let answer = delete(site, id, &["--retain-resources", "Group", "BucketA", "BucketB"])?;
    let status = ended(site, id)?;
    Ok(match answer {
        Err(refusal) => Finding::new(status == "DELETE_FAILED", format!("{refusal}; the stack is {status}")),
        Ok(_) => Finding::NotHeld(format!("a resource already deleted may be named; the stack is {status}")),
    })
}

pub fn retain_twice(site: &Site<'_>) -> Result<Finding> {
    let id = stuck(site)?;
    let mut seen = Vec::new();
    for retained in ["BucketA", "BucketB"] {
        if let Err(refusal) = delete(site, id, &["--retain-resources", retained])? {
            return Ok(Finding::NotHeld(format!("retaining {retained}: {refusal}")));
        }
        seen.push(format!("retaining {retained}: {}", ended(site, id)?));
    }
    let held = seen == ["retaining BucketA: DELETE_FAILED", "retaining BucketB: DELETE_COMPLETE"];
    Ok(Finding::new(held, seen.join("; ")))
}

pub fn stack_in_review(site: &Site<'_>) -> Result<Finding> {
    let name = probe(site, "review");
    let template = json!({"Resources": log_group(site, "review")}).to_string();
    site.made.add(Made::Stack { name: name.clone(), role: None });
    let change = ["--change-set-name", "verify", "--change-set-type", "CREATE"];
    let rest = ["--template-body", &template, "--tags", "Key=service,Value=tasks"];
    let create = ["cloudformation", "create-change-set", "--stack-name", &name];
    site.aws.call(&[&create[..], &change[..], &rest[..]].concat())?;
    let stack = described(&site.aws, &name)?.context("a change set made no stack")?;
    let id = stack["StackId"].as_str().unwrap_or(&name).to_owned();
    let tags = stack["Tags"].as_array().map_or(0, Vec::len);
    let state = stack["StackStatus"].as_str().unwrap_or_default().to_owned();
    let deleted = delete(site, &id, &[])?;
    let end = ended(site, &id)?;
    let gone = matches!(end.as_str(), "absent" | "DELETE_COMPLETE");
    Ok(Finding::new(
        state == "REVIEW_IN_PROGRESS" && deleted.is_ok() && gone,
        format!("{state} with {tags} tags; after its deletion: {end}"),
    ))
}

pub fn stack_rolled_back(site: &Site<'_>) -> Result<Finding> {
    let group = format!("/{}", probe(site, "taken"));
    site.made.add(Made::LogGroup(group.clone()));
    site.aws.call(&["logs", "create-log-group", "--log-group-name", &group])?;
    let (id, state) = stack(site, "rolled-back", &log_group(site, "taken"), Roles::default())?;
    if state != "ROLLBACK_COMPLETE" {
        return Ok(Finding::Skipped(format!("a stack whose log group is taken is {state}")));
    }
    let deleted = delete(site, &id, &[])?;
    let end = ended(site, &id)?;
    Ok(Finding::new(deleted.is_ok() && end == "DELETE_COMPLETE", format!("{state}, then {end}")))
}

/// Checks that a policy may demand deletion with exactly this role, as someone who may do only that.
pub fn role_arn_condition(site: &Site<'_>) -> Result<Finding> {
    if site.local() {
        return Ok(Finding::Skipped(
            "the local AWS has a test of its own for it (local/tests/corrections/iam/test_requests.py)"
                .to_owned(),
        ));
    }
    let executor = stack_role(site, "executor")?;
    let (id, _) = stack(site, "condition", &log_group(site, "condition"), Roles::default())?;
    let everybody = json!({"AWS": format!("arn:{}:iam::{}:root", site.partition, site.account)});
    let condition = json!({"ArnEquals": {"cloudformation:RoleArn": executor}});
    let policy = json!([
        {"Effect": "Allow", "Action": "cloudformation:DeleteStack", "Resource": id, "Condition": condition},
        {"Effect": "Allow", "Action": "iam:PassRole", "Resource": executor},
    ]);
    let caller = role(site, "caller", &everybody, &policy)?;
    site.patience.settle()?;
    let session =
        site.aws.call(&["sts", "assume-role", "--role-arn", &caller, "--role-session-name", "verify"])?;
    let part = |name: &str| session["Credentials"][name].as_str().unwrap_or_default().to_owned();
    let aws = site.aws.with_session(&part("AccessKeyId"), &part("SecretAccessKey"), &part("SessionToken"));
    let command = ["cloudformation", "delete-stack", "--stack-name", &id];
    let without = aws.ask(&command)?;
    let with = aws.ask(&[&command[..], &["--role-arn", &executor]].concat())?;
    let said = |answer: &Result<Value, Refusal>| {
        answer.as_ref().map_or_else(|refusal| refusal.code.clone(), |_| "accepted".to_owned())
    };
    let denied = matches!(&without, Err(refusal) if refusal.code == "AccessDenied");
    Ok(Finding::new(
        denied && with.is_ok(),
        format!("without the role: {}; with it: {}", said(&without), said(&with)),
    ))
}

/// Deletes a bucket, a role and a log group, and measures how long their services still show them.
pub fn absence_lag(site: &Site<'_>) -> Result<Finding> {
    let (bucket, role_name, group) =
        (probe(site, "lag"), probe(site, "lag"), format!("/{}", probe(site, "lag")));
    site.made.add(Made::Bucket(bucket.clone()));
    site.aws.call(&["s3", "mb", &format!("s3://{bucket}")])?;
    site.made.add(Made::LogGroup(group.clone()));
    site.aws.call(&["logs", "create-log-group", "--log-group-name", &group])?;
    stack_role(site, "lag")?;
    site.aws.call(&["s3api", "delete-bucket", "--bucket", &bucket])?;
    site.aws.call(&["logs", "delete-log-group", "--log-group-name", &group])?;
    let policy = ["--role-name", &role_name, "--policy-name", "verify"];
    site.aws.call(&[&["iam", "delete-role-policy"], &policy[..]].concat())?;
    site.aws.call(&["iam", "delete-role", "--role-name", &role_name])?;
    let listed = ["logs", "describe-log-groups", "--log-group-name-prefix", &group];
    let gone = site.patience.until(Duration::from_mins(2), || {
        let bucket = site.aws.find(&["s3api", "head-bucket", "--bucket", &bucket])?.is_none();
        let role = site.aws.find(&["iam", "get-role", "--role-name", &role_name])?.is_none();
        let group = site.aws.call(&listed)?["logGroups"].as_array().is_none_or(Vec::is_empty);
        Ok((bucket && role && group).then_some(()))
    })?;
    Ok(match gone {
        Some(((), time)) => {
            Finding::new(time <= ABSENT_WITHIN, format!("all absent after {:.1} s", time.as_secs_f64()))
        }
        None => Finding::NotHeld("one is still shown after two minutes".to_owned()),
    })
}
