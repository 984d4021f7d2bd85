//! An auditor at a terminal: the real `taskctl audit` against the deployed stack.

use std::{
    env, fs,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Command, Stdio},
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::{Value, json};
use tokio::{sync::mpsc::unbounded_channel, task::spawn_blocking};

use crate::{
    stack::{Stack, eventually, of_task, shared},
    teardown::people::taskctl,
};

/// A command's outputs and how it ended.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Said {
    #[track_caller]
    fn good(self) -> String {
        assert_eq!(self.code, 0, "{self:#?}");
        self.out
    }

    /// Returns the lines of a success as JSON.
    #[track_caller]
    fn records(self) -> Vec<Value> {
        self.good().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }
}

/// Runs `taskctl audit` as whoever owns the account, or with this environment.
pub async fn audit_as(environment: Vec<(&'static str, String)>, words: &[&str]) -> Said {
    let mut command = Command::new(taskctl());
    command.arg("audit").args(words).env_clear().envs(environment).current_dir(env::temp_dir());
    let output = spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

async fn audit(words: &[&str]) -> Said {
    audit_as(vec![("TASKCTL_OUTPUTS", env::var("E2E_OUTPUTS").unwrap())], words).await
}

/// Makes a task with a history of four records, the last of which removes its item.
async fn life<Guard>(app: &Stack<Guard>) -> String {
    let id = app.create("to be read by an auditor").await;
    let path = format!("/tasks/{id}");
    assert_eq!(app.call("PUT", &path, json!({"status": "IN_PROGRESS", "assignee": "ann"})).await.status, 200);
    assert_eq!(app.call("DELETE", &path, Value::Null).await.status, 204);
    app.audit_of(&id, 4).await;
    id
}

/// A file of a test's own that does not exist yet.
fn file(name: &str) -> PathBuf {
    env::temp_dir().join(format!("taskctl-{}-{name}", std::process::id()))
}

#[tokio::test]
async fn the_history_of_a_task_says_who_when_from_where_and_what() {
    let app = shared().await;
    let id = life(&app).await;
    let history = audit(&["task", &id]).await.good();
    assert!(history.starts_with(&format!("{id} of local: 4 records, chain unbroken\n")), "{history}");
    for part in [
        "by          local-developer (token)",
        "from        127.0.0.1",
        "status PENDING → IN_PROGRESS",
        "assignee – → ann",
        "title – → [24 characters, salted hash ",
        "purged  version 3 → –",
    ] {
        assert!(history.contains(part), "{part} in {history}");
    }
    assert!(!history.contains("to be read"), "{history}");
    let records = audit(&["task", &id, "--json"]).await.records();
    assert_eq!(records, app.audit_of(&id, 4).await, "as they are stored");

    let nobody = audit(&["task", "00000000-0000-7000-8000-000000000000"]).await;
    assert!(nobody.code == 4 && nobody.err.contains("no record of a task"), "{nobody:#?}");
}

#[tokio::test]
async fn a_search_finds_what_meets_every_condition() {
    let app = shared().await;
    let id = life(&app).await;
    let found = async |words: &[&str]| -> Vec<Value> {
        let words = [words, &["--json", "--since", "1h"]].concat();
        audit(&words).await.records().into_iter().filter(|record| record["task"]["id"] == *id).collect()
    };
    assert_eq!(found(&["search"]).await.len(), 4);
    assert_eq!(found(&["search", "--action", "task.deleted"]).await.len(), 1);
    assert_eq!(found(&["search", "--action", "task.deleted", "--action", "task.purged"]).await.len(), 2);
    assert_eq!(found(&["search", "--field", "assignee", "--address", "127.0.0.0/8"]).await.len(), 2);
    assert_eq!(found(&["search", "--address", "203.0.113.7"]).await.len(), 0);
    assert_eq!(found(&["actor", "local-developer"]).await.len(), 4);
    assert_eq!(found(&["search", "--owner", "nobody"]).await.len(), 0);
    let earlier = audit(&["search", "--until", "1h", "--json"]).await.records();
    assert!(earlier.iter().all(|record| record["task"]["id"] != *id));
    assert_eq!(audit(&["search", "--json", "--limit", "1"]).await.records().len(), 1);

    for wrong in [["--since", "yesterday"], ["--until", "2026-11-23"], ["--address", "here"]] {
        let refused = audit(&[&["search"][..], &wrong].concat()).await;
        assert!(refused.code == 2 && refused.err.contains(wrong[0]), "{refused:#?}");
    }
    let backwards = audit(&["search", "--since", "1h", "--until", "2h"]).await;
    assert!(backwards.code == 2 && backwards.err.contains("--since"), "{backwards:#?}");
}

#[tokio::test]
async fn an_export_has_every_record_once_and_is_itself_recorded() {
    let app = shared().await;
    let id = life(&app).await;
    let path = file("export.ndjson");
    let written = audit(&["export", "--action", "task.purged", "--output", path.to_str().unwrap()]).await;
    let count = fs::read_to_string(&path).unwrap().lines().count();
    fs::remove_file(&path).unwrap();
    assert!(written.good().is_empty() && count >= 1);

    let lines = audit(&["export", "--no-record"]).await.records();
    assert_eq!(lines.iter().filter(|record| record["task"]["id"] == *id).count(), 4);
    let mut ids: Vec<&str> = lines.iter().map(|record| record["eventId"].as_str().unwrap()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), lines.len(), "each once");

    for (format, id_at, class_at) in
        [("ocsf", "/entity/uid", "/class_uid"), ("cloudevents", "/data/task/id", "/specversion")]
    {
        let events = audit(&["export", "--format", format, "--no-record"]).await.records();
        assert!(events.len() >= lines.len(), "{format}");
        assert!(events.iter().all(|event| event.pointer(class_at).is_some()), "{format}");
        let ours = events.iter().filter(|event| event.pointer(id_at) == Some(&json!(id)));
        assert_eq!(ours.count(), 4, "{format}");
    }

    let csv = audit(&["export", "--format", "csv", "--no-record"]).await.good();
    assert_eq!(csv.lines().filter(|line| line.contains(&id)).count(), 4);

    let recorded = audit(&["search", "--action", "audit.exported", "--json"]).await.records();
    let ours = |record: &&Value| record["export"]["conditions"]["action"] == json!(["task.purged"]);
    let ours: Vec<&Value> = recorded.iter().filter(ours).collect();
    assert_eq!(ours.len(), 1, "{recorded:#?}");
    assert_eq!(
        (&ours[0]["export"]["records"], &ours[0]["export"]["complete"]),
        (&json!(count), &json!(true))
    );
    assert!(ours[0]["actor"]["id"].as_str().unwrap().starts_with("arn:aws:"), "{ours:#?}");

    let taken = audit(&["export", "--output", "/nowhere/export.ndjson"]).await;
    assert!(taken.code == 4 && taken.err.contains("--output /nowhere/export.ndjson"), "{taken:#?}");
}

#[tokio::test]
async fn tail_shows_records_as_they_arrive() {
    let app = shared().await;
    let first = app.create("before").await;
    app.audit_of(&first, 1).await;
    let mut command = Command::new(taskctl());
    command.args(["audit", "tail", "--since", "10m", "--action", "task.created", "--json"]).env_clear();
    command.env("TASKCTL_OUTPUTS", env::var("E2E_OUTPUTS").unwrap()).stdout(Stdio::piped());
    let mut tail = command.current_dir(env::temp_dir()).spawn().unwrap();
    let out = tail.stdout.take().unwrap();
    let (sender, mut lines) = unbounded_channel();
    let reader = spawn_blocking(move || {
        BufReader::new(out).lines().map_while(Result::ok).try_for_each(|line| sender.send(line)).ok();
    });
    let mut next = async |id: &str| {
        eventually("the record of the task", async || lines.try_recv().ok().filter(|line| line.contains(id)))
            .await
    };
    next(&first).await;
    let second = app.create("after").await;
    let line: Value = serde_json::from_str(&next(&second).await).unwrap();
    assert_eq!((&line["action"], &line["task"]["id"]), (&json!("task.created"), &json!(second)));
    tail.kill().unwrap();
    tail.wait().unwrap();
    reader.await.unwrap();
}

/// Returns the quarantine's line for a record that the audit function could not decode, and now can.
fn quarantined(number: &str, id: &str) -> Value {
    let image = json!({
        "PK": {"S": "local"}, "SK": {"S": format!("TASK#{id}")}, "title": {"S": "t"}, "version": {"N": "1"},
        "actor": {"M": {"id": {"S": "ann"}}}, "request": {"M": {"id": {"S": format!("r{number}")}}},
    });
    let payload = json!({
        "eventID": id, "eventSourceARN": "arn:aws:dynamodb:us-east-1:000000000000:table/t/stream/s",
        "dynamodb": {"Keys": {"PK": image["PK"], "SK": image["SK"]}, "NewImage": image, "SequenceNumber": number},
    });
    json!({"schema": "task.quarantine/1", "reason": "not a stream record", "sequenceNumber": number, "payload": payload})
}

/// Returns what `taskctl audit replay` says became of an entry.
async fn replay(name: &str, yes: bool) -> (i32, Vec<Value>) {
    let words = [&["replay", "--only", name, "--json"][..], if yes { &["--yes"] } else { &[] }].concat();
    let said = audit(&words).await;
    let lines = said.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (said.code, lines)
}

#[tokio::test]
async fn what_did_not_reach_the_log_is_replayed_once() {
    let app = shared().await;
    let (number, id) = ("000000000000000000424242", "replayed-from-quarantine");
    let stream = json!({"logGroupName": app.outputs.quarantine_log_group, "logStreamName": "auditor"});
    app.account.logs("CreateLogStream", stream.clone()).await.done();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    let mut put = stream;
    put["logEvents"] =
        json!([{"timestamp": u64::try_from(now).unwrap(), "message": quarantined(number, id).to_string()}]);
    app.account.logs("PutLogEvents", put).await.done();

    let outcomes = async |yes| {
        let (code, lines) = replay(number, yes).await;
        assert_eq!((code, lines.len()), (0, 1), "{lines:#?}");
        lines[0]["outcome"].as_str().unwrap().to_owned()
    };
    assert_eq!(outcomes(false).await, "waits");
    assert!(of_task(&app.audit_log().await, id).is_empty(), "a dry run");
    assert_eq!(outcomes(true).await, "replayed");
    app.audit_of(id, 1).await;
    assert_eq!(outcomes(true).await, "audited before");
    assert_eq!(app.audit_log().await.iter().filter(|record| record["eventId"] == id).count(), 1);

    let (bucket, key) = (&app.more["failureBucket"], "aws/lambda/auditor/batch");
    let record = quarantined("000000000000000000424243", "replayed-from-the-bucket")["payload"].take();
    let object = json!({"requestContext": {"condition": "RetryAttemptsExhausted"},
        "payload": json!({"Records": [record]}).to_string()});
    let path = format!("/{bucket}/{key}");
    app.account.rest("s3", "PUT", &path, object.to_string().into_bytes()).await.done();
    let (code, lines) = replay(key, false).await;
    assert_eq!((code, &lines[0]["outcome"]), (0, &json!("waits")));
    assert!(app.account.get("s3", &path).await.found().is_some(), "a dry run");
    let (code, lines) = replay(key, true).await;
    assert_eq!((code, &lines[0]["outcome"]), (0, &json!("replayed")), "{lines:#?}");
    app.audit_of("replayed-from-the-bucket", 1).await;
    assert!(app.account.get("s3", &path).await.found().is_none(), "deleted after the function took it");
    assert_eq!(replay(key, true).await, (0, Vec::new()));
}

#[tokio::test]
async fn a_batch_that_the_function_does_not_take_stays() {
    let app = shared().await;
    let (bucket, key) = (&app.more["failureBucket"], "aws/lambda/auditor/no-batch");
    let path = format!("/{bucket}/{key}");
    let object = json!({"payload": json!({"Records": "none"}).to_string()});
    app.account.rest("s3", "PUT", &path, object.to_string().into_bytes()).await.done();
    let said = audit(&["replay", "--yes", "--only", key]).await;
    assert!(said.code == 5 && said.err.contains("a payload that is no batch"), "{said:#?}");
    assert!(app.account.get("s3", &path).await.found().is_some());
    app.account.delete("s3", &path).await.done();
}

#[tokio::test]
async fn a_deleted_tasks_text_is_proven_gone_and_a_living_ones_is_not() {
    let app = shared().await;
    let id = life(&app).await;
    let proof = audit(&["shred-proof", &id]).await.good();
    assert!(proof.starts_with(&format!("{id}: shredded\n")), "{proof}");
    for place in ["chain", "audit log", "table", "quarantine", "failure bucket"] {
        assert!(proof.contains(&format!("  {place:<18}clean ")), "{place} in {proof}");
    }
    assert!(proof.contains("the table's stream has the item, salt included, until"), "{proof}");

    let living = app.create("still here").await;
    app.audit_of(&living, 1).await;
    let refuted = audit(&["shred-proof", &living, "--json"]).await;
    let told: Value = serde_json::from_str(&refuted.out).unwrap();
    assert_eq!((refuted.code, &told["verdict"]), (6, &json!("not shredded")), "{refuted:#?}");
    let readable = told["looks"].as_array().unwrap().iter().filter(|look| look["verdict"] == "readable");
    assert_eq!(readable.map(|look| &look["place"]).collect::<Vec<_>>(), ["chain", "table"]);

    let wrong = audit(&["shred-proof", "01a2"]).await;
    assert!(wrong.code == 2 && wrong.err.contains("no task's id"), "{wrong:#?}");
}

#[tokio::test]
async fn a_report_is_one_page_that_needs_nothing_else() {
    let app = shared().await;
    let id = life(&app).await;
    let path = file("report.html");
    audit(&["report", "--html", path.to_str().unwrap(), "--since", "1h"]).await.good();
    let page = fs::read_to_string(&path).unwrap();
    fs::remove_file(&path).unwrap();
    for part in ["<h2>Timeline</h2>", "<td>task.purged</td>", "<td>local-developer</td>", "Not checked:", &id]
    {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("<script") && !page.contains("to be read"));
}
