//! Checks of the permissions, the stream and the audit log, on the deployed service.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use super::finding::Finding;
use super::gateway::{create, send};
use super::logs::messages;
use super::made::described;
use super::signals::count;
use super::site::Site;

/// `drainSeconds` of the teardown: how long a record may take to show.
const AUDITED_WITHIN: Duration = Duration::from_mins(10);
/// The time that the trail and the metrics of rules may take.
const HEARD_WITHIN: Duration = Duration::from_mins(20);
/// A run that restores looks for the tag of one that froze more than a minute ago.
const TAGGED_WITHIN: Duration = Duration::from_mins(1);
/// The number of creates whose order is looked at.
const ORDERED: usize = 30;

/// Checks the five calls of a task's life, and their three records.
pub fn five_calls(site: &Site<'_>) -> Result<Finding> {
    let id = create(site, "five calls")?;
    let task = format!("/tasks/{id}");
    let statuses = [
        site.curl("/tasks?status=PENDING&limit=10", &[])?.status,
        site.curl(&task, &[])?.status,
        send(site, &task, "PUT", r#"{"status":"IN_PROGRESS"}"#)?.status,
        site.curl(&task, &["-X", "DELETE"])?.status,
    ];
    if statuses != [200, 200, 200, 204] {
        return Ok(Finding::NotHeld(format!("list, get, update, delete were answered {statuses:?}")));
    }
    let group = site.service()?.output("AuditLogGroup")?;
    let wanted = ["task.created", "task.updated", "task.deleted"];
    let found = site.patience.until(AUDITED_WITHIN, || {
        let records: Vec<String> =
            messages(site, group)?.into_iter().filter(|line| line.contains(&id)).collect();
        let all = wanted.iter().all(|event| records.iter().any(|record| record.contains(event)));
        Ok(all.then_some(()))
    })?;
    Ok(match found {
        Some(((), time)) => {
            Finding::Held(format!("all answered; all three records shown after {:.1} s", time.as_secs_f64()))
        }
        None => Finding::NotHeld(format!("not all records are in {group}")),
    })
}

pub fn mapping_works(site: &Site<'_>) -> Result<Finding> {
    let function = site.service()?.output("AuditFunction")?;
    let mut seen = String::new();
    let enabled = site.patience.until(Duration::from_mins(3), || {
        let list = ["lambda", "list-event-source-mappings", "--function-name", function];
        let mapping = site.aws.call(&list)?["EventSourceMappings"][0].take();
        let text = |name: &str| mapping[name].as_str().unwrap_or("none").to_owned();
        let (state, result) = (text("State"), text("LastProcessingResult"));
        seen = format!("{state}, last result: {result}");
        let well = ["none", "OK", "No records processed"].contains(&result.as_str());
        Ok((state == "Enabled" && well).then_some(()))
    })?;
    Ok(Finding::new(enabled.is_some(), seen))
}

pub fn no_system_tags(site: &Site<'_>) -> Result<Finding> {
    let service = site.service()?;
    let table =
        site.aws.call(&["dynamodb", "describe-table", "--table-name", service.output("TableName")?])?;
    let arn = table["Table"]["TableArn"].as_str().context("the table has no ARN")?;
    let of_table = site.aws.call(&["dynamodb", "list-tags-of-resource", "--resource-arn", arn])?;
    let function = ["--function-name", service.output("TaskApiFunction")?];
    let function = site.aws.call(&[&["lambda", "get-function-configuration"], &function[..]].concat())?;
    let role = function["Role"].as_str().and_then(|arn| arn.rsplit('/').next()).unwrap_or_default();
    let of_role = site.aws.call(&["iam", "list-role-tags", "--role-name", role])?;
    let found: Vec<&str> = [&of_table, &of_role]
        .into_iter()
        .flat_map(|tags| tags["Tags"].as_array().into_iter().flatten())
        .filter_map(|tag| tag["Key"].as_str())
        .filter(|key| key.starts_with("aws:cloudformation:"))
        .collect();
    Ok(Finding::new(found.is_empty(), format!("system tags on table and role: {found:?}")))
}

/// Creates items one after the other and looks whether each shard shows its own in that order.
pub fn order_in_shard(site: &Site<'_>) -> Result<Finding> {
    let ids = (0..ORDERED).map(|n| create(site, &format!("order {n}"))).collect::<Result<Vec<String>>>()?;
    let place: BTreeMap<&str, usize> = ids.iter().enumerate().map(|(at, id)| (id.as_str(), at)).collect();
    let table = site.service()?.output("TableName")?;
    let table = site.aws.call(&["dynamodb", "describe-table", "--table-name", table])?;
    let stream = table["Table"]["LatestStreamArn"].as_str().context("the table has no stream")?;
    let (mut seen, mut used, mut swapped) = (0, 0, 0);
    for shard in shards(site, stream)? {
        if seen == ORDERED {
            break;
        }
        let keys = inserted(site, stream, &shard)?;
        let order: Vec<usize> = keys.iter().filter_map(|key| place.get(key.as_str()).copied()).collect();
        seen += order.len();
        used += usize::from(!order.is_empty());
        swapped += order.windows(2).filter(|two| two[0] > two[1]).count();
    }
    Ok(Finding::new(
        seen == ORDERED && swapped == 0,
        format!("{seen} of {ORDERED} items seen in {used} shards, {swapped} out of order"),
    ))
}

fn shards(site: &Site<'_>, stream: &str) -> Result<Vec<String>> {
    let mut answer = site.aws.call(&["dynamodbstreams", "describe-stream", "--stream-arn", stream])?;
    let mut shards = Vec::new();
    loop {
        let page = answer["StreamDescription"].take();
        let ids = page["Shards"].as_array().into_iter().flatten();
        shards.extend(ids.filter_map(|shard| Some(shard["ShardId"].as_str()?.to_owned())));
        let Some(last) = page["LastEvaluatedShardId"].as_str() else { return Ok(shards) };
        let from = ["--exclusive-start-shard-id", last];
        answer = site
            .aws
            .call(&[&["dynamodbstreams", "describe-stream", "--stream-arn", stream], &from[..]].concat())?;
    }
}

/// Returns the task ids that a shard shows as inserted, in the shard's order. AWS puts empty pages between full ones.
fn inserted(site: &Site<'_>, stream: &str, shard: &str) -> Result<Vec<String>> {
    let from = ["--shard-id", shard, "--shard-iterator-type", "TRIM_HORIZON"];
    let iterator = [&["dynamodbstreams", "get-shard-iterator", "--stream-arn", stream], &from[..]].concat();
    let mut next = site.aws.call(&iterator)?["ShardIterator"].as_str().map(str::to_owned);
    let (mut ids, mut empty) = (Vec::new(), if site.local() { 1 } else { 5 });
    while let Some(iterator) = next.filter(|_| empty > 0) {
        let page = site.aws.call(&["dynamodbstreams", "get-records", "--shard-iterator", &iterator])?;
        let records = page["Records"].as_array().cloned().unwrap_or_default();
        ids.extend(records.iter().filter(|record| record["eventName"] == "INSERT").filter_map(task_id));
        empty -= i32::from(records.is_empty());
        next = page["NextShardIterator"].as_str().map(str::to_owned);
    }
    Ok(ids)
}

fn task_id(record: &Value) -> Option<String> {
    let key = record["dynamodb"]["Keys"]["SK"]["S"].as_str()?;
    Some(key.rsplit('#').next()?.to_owned())
}

/// Lets the audit function fail at every start, and waits for the batch in the bucket.
pub fn discarded_batch(site: &Site<'_>) -> Result<Finding> {
    let service = site.service()?;
    let (function, bucket) = (service.output("AuditFunction")?, service.output("FailureBucket")?);
    let name = ["--function-name", function];
    let configuration = site.aws.call(&[&["lambda", "get-function-configuration"], &name[..]].concat())?;
    let before = serde_json::json!({"Variables": configuration["Environment"]["Variables"]}).to_string();
    let set = |environment: &str| {
        let option = ["--environment", environment];
        site.aws.call(&[&["lambda", "update-function-configuration"], &name[..], &option[..]].concat())
    };
    set(r#"{"Variables":{}}"#)?;
    let found = discarded(site, bucket);
    set(&before)?;
    Ok(match found? {
        Some((key, time)) => {
            Finding::new(key.starts_with("aws/lambda/"), format!("{key} after {:.0} s", time.as_secs_f64()))
        }
        None => Finding::NotHeld(format!("nothing lies in {bucket} after ten minutes")),
    })
}

fn discarded(site: &Site<'_>, bucket: &str) -> Result<Option<(String, Duration)>> {
    // What is under way may still run with the old settings.
    site.patience.settle()?;
    create(site, "discarded")?;
    site.patience.until(AUDITED_WITHIN, || {
        let list = site.aws.call(&["s3api", "list-objects-v2", "--bucket", bucket])?;
        Ok(list["Contents"][0]["Key"].as_str().map(str::to_owned))
    })
}

pub fn tracing(site: &Site<'_>) -> Result<Finding> {
    if site.local() {
        return Ok(Finding::Skipped("the local AWS has no X-Ray".to_owned()));
    }
    let function = site.service()?.output("TaskApiFunction")?;
    let configuration =
        site.aws.call(&["lambda", "get-function-configuration", "--function-name", function])?;
    if configuration["TracingConfig"]["Mode"] != "Active" {
        return Ok(Finding::Skipped("tracing is off in this template".to_owned()));
    }
    let filter = format!("service(\"{function}\")");
    let found = site.patience.until(Duration::from_mins(5), || {
        site.curl_without_token("/health", &[])?;
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs();
        let (from, to) = ((now - 600).to_string(), now.to_string());
        let span = ["--start-time", &from, "--end-time", &to, "--filter-expression", &filter];
        let traces = site.aws.call(&[&["xray", "get-trace-summaries"], &span[..]].concat())?;
        Ok(traces["TraceSummaries"].as_array().is_some_and(|traces| !traces.is_empty()).then_some(()))
    })?;
    Ok(match found {
        Some(_) => Finding::Held(format!("a trace names {function}")),
        None => Finding::NotHeld(format!("no trace names {function} within five minutes")),
    })
}

/// Makes two calls that change nothing to what the audit log is made of, and asks whether the rule on such calls counts both.
pub fn calls_are_heard(site: &Site<'_>) -> Result<Finding> {
    let service = site.service()?;
    let rule = format!("Name=RuleName,Value={}-audit-interference", service.stack);
    let before = heard(site, &rule)?;
    let group = service.output("AuditLogGroup")?;
    let found = site.aws.call(&["logs", "describe-log-groups", "--log-group-name-prefix", group])?;
    let mut groups = found["logGroups"].as_array().into_iter().flatten();
    let log = groups.find(|found| found["logGroupName"] == group).context("there is no audit log")?;
    let days = log["retentionInDays"].to_string();
    let same = ["--log-group-name", group, "--retention-in-days", &days];
    site.aws.call(&[&["logs", "put-retention-policy"], &same[..]].concat())?;
    let function = service.output("AuditFunction")?;
    let found = site.aws.call(&["lambda", "list-event-source-mappings", "--function-name", function])?;
    let mapping = found["EventSourceMappings"][0]["UUID"].as_str().context("there is no mapping")?;
    site.aws.call(&["lambda", "update-event-source-mapping", "--uuid", mapping, "--enabled"])?;
    let counted =
        site.patience.until(HEARD_WITHIN, || Ok((heard(site, &rule)? >= before + 2.0).then_some(())))?;
    if let Some(((), time)) = counted {
        return Ok(Finding::Held(format!("both calls counted after {:.0} s", time.as_secs_f64())));
    }
    let trails = site.aws.call(&["cloudtrail", "describe-trails"])?;
    if trails["trailList"].as_array().is_some_and(Vec::is_empty) {
        return Ok(Finding::Skipped("needs a trail, and the account has none here".to_owned()));
    }
    Ok(Finding::NotHeld(format!("the rule counted {} of two calls", heard(site, &rule)? - before)))
}

/// Returns the number of events that a rule matched in the last hour.
fn heard(site: &Site<'_>, rule: &str) -> Result<f64> {
    count(site, "AWS/Events", "TriggeredRules", rule)
}

/// Checks that the tag with which a run marks a stopped function is taken, shown and removed, and that the others stay.
pub fn function_tag(site: &Site<'_>) -> Result<Finding> {
    const TAG: &str = "tasks-teardown:concurrency";
    let function = site.service()?.output("TaskApiFunction")?;
    let read = ["lambda", "get-function-configuration", "--function-name", function];
    let configuration = site.aws.call(&read)?;
    let arn = configuration["FunctionArn"].as_str().context("the function has no ARN")?;
    let tags = || -> Result<Value> {
        Ok(site.aws.call(&["lambda", "list-tags", "--resource", arn])?["Tags"].take())
    };
    let before = tags()?;
    let tag = format!("{TAG}=none");
    site.aws.call(&["lambda", "tag-resource", "--resource", arn, "--tags", &tag])?;
    let shown = site.patience.until(TAGGED_WITHIN, || Ok((tags()?[TAG] == "none").then_some(())))?;
    site.aws.call(&["lambda", "untag-resource", "--resource", arn, "--tag-keys", TAG])?;
    let removed = site.patience.until(TAGGED_WITHIN, || Ok((tags()? == before).then_some(())))?;
    Ok(match (shown, removed) {
        (Some(((), shown)), Some(((), removed))) => {
            let (shown, removed) = (shown.as_secs_f64(), removed.as_secs_f64());
            Finding::Held(format!(
                "shown after {shown:.1} s, gone after {removed:.1} s, the others unchanged"
            ))
        }
        (None, _) => Finding::NotHeld("the tag is not shown within a minute".to_owned()),
        (_, None) => Finding::NotHeld(format!("a minute after its removal the tags are {}", tags()?)),
    })
}

pub fn deployed(site: &Site<'_>) -> Result<Finding> {
    let service = match site.service() {
        Ok(service) => service,
        Err(error) => return Ok(Finding::NotHeld(format!("{error:#}"))),
    };
    let stack = described(&site.aws, &service.stack)?.unwrap_or_default();
    let status = stack["StackStatus"].as_str().unwrap_or("absent");
    Ok(Finding::new(status == "CREATE_COMPLETE", format!("{} is {status}", service.stack)))
}

pub fn small_quota(site: &Site<'_>) -> Result<Finding> {
    /// The concurrency that Lambda keeps unreserved: at or below this quota nothing can be reserved.
    const KEPT: i64 = 10;
    let settings = site.aws.call(&["lambda", "get-account-settings"])?;
    let quota = settings["AccountLimit"]["ConcurrentExecutions"].as_i64().unwrap_or_default();
    if quota > KEPT {
        return Ok(Finding::Skipped(format!(
            "needs an account with a quota of {KEPT}; this one has {quota}"
        )));
    }
    let function = site.service()?.output("TaskApiFunction")?;
    let name = ["--function-name", function, "--reserved-concurrent-executions", "1"];
    let answer = site.aws.ask(&[&["lambda", "put-function-concurrency"], &name[..]].concat())?;
    if answer.is_ok() {
        site.aws.call(&["lambda", "delete-function-concurrency", "--function-name", function])?;
    }
    Ok(match answer {
        Err(refusal) => {
            Finding::new(refusal.message.contains("UnreservedConcurrentExecution"), refusal.to_string())
        }
        Ok(_) => Finding::NotHeld("one execution could be reserved".to_owned()),
    })
}
