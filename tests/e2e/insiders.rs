//! Insiders: people who hold the rights of one part of the audit log, what these rights let them do, and what shows that they did it.

use std::{collections::BTreeSet, env, fs, process};

use aws_credential_types::Credentials;
use base64::{Engine, prelude::BASE64_STANDARD};
use local_wire::{text, texts};
use seal::{Checkpoint, Note, VerifierKey};
use serde_json::{Value, json};
use tokio::time::{Duration, sleep};

use crate::{
    aws::{Answer, Aws},
    stack::eventually,
    teardown::{
        account::Account,
        people::{Person, user},
    },
};

const TASKS: usize = 3;

/// A service with a sealed audit log, and its owner at a terminal.
struct Scene {
    account: Account,
    owner: Person,
}

impl Scene {
    async fn new() -> Self {
        let account = Account::with(|template| {
            let resources = template["Resources"].as_object_mut().unwrap().values_mut();
            for resource in resources.filter(|it| it["Type"] == "AWS::Lambda::Function") {
                // A minute is settled sooner if the audit function could run for a second only.
                if let Some(seconds) =
                    resource.pointer_mut("/Properties/Environment/Variables/AUDIT_TIMEOUT_SECONDS")
                {
                    *seconds = json!("1");
                }
            }
        })
        .await;
        for n in 0..TASKS {
            account.create_task(&format!("sealed {n}")).await.unwrap();
        }
        let owner =
            Person::signed_in(&account, &Credentials::new(&account.aws.account, "test", None, None, "e2e"));
        Self { account, owner }
    }

    fn output(&self, name: &str) -> &str {
        &self.account.outputs[name]
    }

    fn stage(&self) -> &str {
        self.account.names.service.strip_prefix("tasks-").unwrap()
    }

    /// Lets the notary run until all records are sealed.
    async fn seal(&self) {
        let path = format!("/2015-03-31/functions/{}/invocations", self.output("NotaryFunction"));
        for _ in 0..30 {
            let answer = self.account.aws.rest("lambda", "POST", &path, b"{}".to_vec()).await.json();
            assert!(answer["errorType"].is_null(), "{answer}");
            let (_, report) = self.verify().await;
            if report["sealed"] == TASKS {
                return;
            }
            sleep(Duration::from_secs(6)).await;
        }
        panic!("the records were not sealed: {:?}", self.verify().await);
    }

    /// Returns the exit code of `taskctl audit verify`, and its report.
    async fn verify(&self) -> (i32, Value) {
        let said = self.owner.says(&["audit", "--stage", self.stage(), "verify", "--json"]).await;
        let report = said.words.lines().next().and_then(|line| serde_json::from_str(line).ok());
        (said.code, report.unwrap_or_else(|| panic!("{said:#?}")))
    }

    /// Returns the kinds of what `taskctl audit verify` finds.
    async fn findings(&self) -> BTreeSet<String> {
        let (_, report) = self.verify().await;
        let findings = report["findings"].as_array().unwrap().iter();
        findings.map(|finding| finding["finding"].as_str().unwrap().to_owned()).collect()
    }

    /// Returns the account as somebody sees it who may do this to the audit log.
    async fn who_may(&self, name: &str, actions: &[&str]) -> Aws {
        let policy = json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": actions, "Resource": "*"}]});
        self.with_policy(name, &policy.to_string()).await
    }

    /// Returns the account as a function of the service sees it, for somebody who took its role over.
    async fn in_the_place_of(&self, role: &str) -> Aws {
        let role = &self.account.thing("AWS::IAM::Role", role).physical;
        let trust = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
            "Principal": {"AWS": format!("arn:aws:iam::{}:root", self.account.aws.account)}}]});
        let trust = trust.to_string();
        let trusted = [("RoleName", role.as_str()), ("PolicyDocument", &trust)];
        self.account.aws.iam("UpdateAssumeRolePolicy", &trusted).await.done();
        let taker = self.who_may(&format!("taker-of-{role}"), &["sts:AssumeRole"]).await;
        let arn = format!("arn:aws:iam::{}:role/{role}", self.account.aws.account);
        let assume = [("RoleArn", arn.as_str()), ("RoleSessionName", "insider")];
        let assumed = taker.query("sts", "AssumeRole", &assume).await.done();
        let part = |name: &str| text(&assumed, name).unwrap();
        let (key, secret, token) = (part("AccessKeyId"), part("SecretAccessKey"), part("SessionToken"));
        self.account.aws.signed_in_as(Credentials::new(key, secret, Some(token), None, "e2e"))
    }

    async fn with_policy(&self, name: &str, policy: &str) -> Aws {
        let (aws, _) = user(&self.account, name).await;
        let put = [("UserName", name), ("PolicyName", "rights"), ("PolicyDocument", policy)];
        self.account.aws.iam("PutUserPolicy", &put).await.done();
        aws
    }

    /// Tries to remove a part of the log, or what keeps it.
    async fn assert_cannot_remove(&self, who: &Aws) {
        let group = self.output("AuditLogGroup");
        let streams =
            self.account.aws.logs("DescribeLogStreams", json!({"logGroupName": group})).await.json();
        let stream = &streams["logStreams"][0]["logStreamName"];
        for (action, input) in [
            ("DeleteLogGroup", json!({"logGroupName": group})),
            ("DeleteLogStream", json!({"logGroupName": group, "logStreamName": stream})),
            ("PutRetentionPolicy", json!({"logGroupName": group, "retentionInDays": 1})),
        ] {
            assert_denied(action, &who.logs(action, input).await);
        }
        let bucket = self.output("SealBucket");
        for key in ["checkpoints/0000000001", "manifests/0000000001.json"] {
            assert_denied(key, &who.delete("s3", &format!("/{bucket}/{key}")).await);
        }
        let key = json!({"PK": {"S": "2026-01-01T00:00Z"}, "SK": {"S": "any"}});
        let intent = json!({"TableName": self.output("IntentTable"), "Key": key});
        assert_denied("DeleteItem", &who.dynamodb("DeleteItem", intent).await);
    }

    /// Puts a line into the audit log.
    async fn write(&self, who: &Aws, stream: &str, line: &Value, millis: i64) {
        let group = self.output("AuditLogGroup");
        let at = json!({"logGroupName": group, "logStreamName": stream});
        who.logs("CreateLogStream", at).await.done();
        let events = json!([{"timestamp": millis, "message": line.to_string()}]);
        let input = json!({"logGroupName": group, "logStreamName": stream, "logEvents": events});
        who.logs("PutLogEvents", input).await.done();
    }

    /// Returns the first record of the log, and its time there.
    async fn record(&self) -> (Value, i64) {
        eventually("a record", async || {
            let input = json!({"logGroupName": self.output("AuditLogGroup")});
            let page = self.account.aws.logs("FilterLogEvents", input).await.json();
            let events = page["events"].as_array().unwrap();
            (events.len() >= TASKS).then(|| {
                let record = serde_json::from_str(events[0]["message"].as_str().unwrap()).unwrap();
                (record, events[0]["timestamp"].as_i64().unwrap())
            })
        })
        .await
    }
}

#[track_caller]
fn assert_denied(what: &str, answer: &Answer) {
    assert!(answer.body.contains("AccessDenied"), "{what}: {answer:#?}");
}

/// One scene after the other in one account, since each needs a sealed log, which takes minutes.
#[tokio::test]
async fn what_an_insider_does_is_refused_or_shown() {
    let scene = Scene::new().await;
    scene.record().await;
    scene.seal().await;
    let (code, report) = scene.verify().await;
    assert_eq!((code, &report["verdict"]), (0, &json!("intact")), "{report:#}");

    who_changes_an_item_while_the_log_is_stopped(&scene).await;
    whoever_is_given_a_bundle(&scene).await;
    who_may_write_to_the_log(&scene).await;
    who_has_the_audit_function(&scene).await;
    who_has_the_notary(&scene).await;
    who_may_delete_the_log(&scene).await;
}

/// A change that the audit function was not given has no record; the task's last one tells of another item than the table has. The
/// mapping stays disabled, since nothing that follows makes a record through the stream.
async fn who_changes_an_item_while_the_log_is_stopped(scene: &Scene) {
    let (record, _) = scene.record().await;
    let (owner, id) = (record["task"]["owner"].as_str().unwrap(), record["task"]["id"].as_str().unwrap());
    let live = ["audit", "--stage", scene.stage(), "verify", "--task", id, "--live", "--json"];
    let said = scene.owner.says(&live).await;
    assert_eq!(said.code, 0, "{said:#?}");
    let mapping = &scene.account.thing("AWS::Lambda::EventSourceMapping", "").physical;
    let path = format!("/2015-03-31/event-source-mappings/{mapping}");
    let disabled = json!({"Enabled": false}).to_string().into_bytes();
    scene.account.aws.rest("lambda", "PUT", &path, disabled).await.done();
    let key = json!({"PK": {"S": owner}, "SK": {"S": format!("TASK#{id}")}});
    let update = json!({"TableName": scene.output("TableName"), "Key": key,
        "UpdateExpression": "SET priority = :p", "ExpressionAttributeValues": {":p": {"S": "HIGH"}}});
    scene.account.aws.dynamodb("UpdateItem", update).await.done();
    let said = scene.owner.says(&live).await;
    assert!(said.code == 12 && said.words.contains("\"finding\":\"item-differs\""), "{said:#?}");
}

/// A bundle is verified without the account, by the command and by a stranger's program.
async fn whoever_is_given_a_bundle(scene: &Scene) {
    let folder = env::temp_dir().join(format!("insiders-{}", process::id()));
    let (bundle, keys) = (folder.join("bundle"), folder.join("trusted.pub"));
    fs::create_dir(&folder).unwrap();
    let trusted = scene.owner.says(&["audit", "--stage", scene.stage(), "keys"]).await;
    fs::write(&keys, &trusted.words).unwrap();
    let (bundle, keys) = (bundle.to_str().unwrap(), keys.to_str().unwrap());
    let export = ["audit", "--stage", scene.stage(), "export", "--format", "bundle", "--output", bundle];
    let exported = scene.owner.says(&export).await;
    assert_eq!(exported.code, 0, "{exported:#?}");
    let verified = scene.owner.says(&["audit", "verify", bundle, "--key", keys]).await;
    assert_eq!(verified.code, 0, "{verified:#?}");
    let key = trusted.words.lines().find(|line| line.starts_with(scene.output("SealOrigin"))).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/verify_audit.py");
    let said = process::Command::new("python3").args([script, bundle, key]).output().unwrap();
    let words = String::from_utf8([said.stdout, said.stderr].concat()).unwrap();
    assert!(said.status.success() && words.starts_with(&format!("intact: {TASKS} records")), "{words}");
    fs::remove_dir_all(&folder).unwrap();
}

/// `logs:PutLogEvents` adds lines: a record of another content before the true one, and one of a change that never was.
async fn who_may_write_to_the_log(scene: &Scene) {
    let writer = scene.who_may("writer", &["logs:CreateLogStream", "logs:PutLogEvents"]).await;
    scene.assert_cannot_remove(&writer).await;
    let (mut record, millis) = scene.record().await;
    let id = record["task"]["id"].as_str().unwrap().to_owned();
    record["actor"]["id"] = json!("somebody-else");
    record["integrity"]["record"] = json!(seal::leaf::leaf(&record).unwrap().hex());
    scene.write(&writer, "altered", &record, millis - 1).await;
    assert_eq!(scene.findings().await, BTreeSet::from(["told-twice".to_owned()]));
    let history = scene.owner.says(&["audit", "--stage", scene.stage(), "task", &id]).await;
    assert_eq!(history.code, 5, "{history:#?}");

    record["eventId"] = json!("00000000-0000-4000-8000-000000000000");
    record["task"]["id"] = json!("00000000-0000-7000-8000-000000000000");
    record["integrity"]["record"] = json!(seal::leaf::leaf(&record).unwrap().hex());
    scene.write(&writer, "forged", &record, millis).await;
    assert_eq!(scene.findings().await, BTreeSet::from(["told-twice".to_owned(), "record-forged".to_owned()]));
}

/// The audit function's rights let its holder announce and write records that say anything, from then on. What is sealed stays as it
/// is, the table of tasks too, and nobody else can be made to sign.
async fn who_has_the_audit_function(scene: &Scene) {
    let function = scene.in_the_place_of("AuditConsumerRole").await;
    scene.assert_cannot_remove(&function).await;
    let (_, before) = scene.verify().await;
    let sign =
        json!({"KeyId": scene.output("SealKeys"), "Message": "", "SigningAlgorithm": "ED25519_SHA_512"});
    assert_denied("Sign", &function.kms("Sign", sign).await);
    let checkpoint = format!("/{}/checkpoints/0000000002", scene.output("SealBucket"));
    assert_denied("PutObject", &function.rest("s3", "PUT", &checkpoint, b"x".to_vec()).await);
    let item = json!({"PK": {"S": "local"}, "SK": {"S": "TASK#1"}});
    let input = json!({"TableName": scene.output("TableName"), "Item": item});
    assert_denied("PutItem", &function.dynamodb("PutItem", input).await);
    // Not even an intent can be taken back once it is sealed: the manifest has its leaves.
    let intents = json!({"TableName": scene.output("IntentTable")});
    let intents = scene.account.aws.dynamodb("Scan", intents).await.json();
    for intent in intents["Items"].as_array().unwrap() {
        let mut empty = intent.clone();
        empty["leaves"] = json!({"B": ""});
        let input = json!({"TableName": scene.output("IntentTable"), "Item": empty});
        function.dynamodb("PutItem", input).await.done();
    }
    assert_eq!(scene.verify().await.1["sealed"], before["sealed"]);
}

/// The notary's rights let its holder sign anything. A second history stands beside the first one, which nobody can remove.
async fn who_has_the_notary(scene: &Scene) {
    let notary = scene.in_the_place_of("SealNotaryRole").await;
    scene.assert_cannot_remove(&notary).await;
    let group = scene.output("AuditLogGroup");
    assert_denied(
        "CreateLogStream",
        &notary.logs("CreateLogStream", json!({"logGroupName": group, "logStreamName": "notary"})).await,
    );
    let path = format!("/{}/checkpoints/0000000001", scene.output("SealBucket"));
    let first = notary.get("s3", &path).await.done();
    let mut checkpoint = Checkpoint::parse(&Note::parse(first.as_bytes()).unwrap().text).unwrap();
    checkpoint.unknown_actors += 1;
    let forked = scene.sign(&notary, &checkpoint).await;
    notary.rest("s3", "PUT", &path, forked.into_bytes()).await.done();
    let found = scene.findings().await;
    assert!(found.contains("fork"), "{found:?}");

    let list = format!("/{}?versions&prefix=checkpoints/0000000001", scene.output("SealBucket"));
    let versions = texts(&scene.account.aws.get("s3", &list).await.done(), "VersionId");
    assert_eq!(versions.len(), 2);
    for version in versions {
        // Not even the owner of the account.
        assert_denied(
            "DeleteObject",
            &scene.account.aws.delete("s3", &format!("{path}?versionId={version}")).await,
        );
    }
}

impl Scene {
    /// Signs a checkpoint as the notary does.
    async fn sign(&self, notary: &Aws, checkpoint: &Checkpoint) -> String {
        let text = checkpoint.text();
        let sign = json!({"KeyId": self.output("SealKeys"), "MessageType": "RAW", "SigningAlgorithm": "ED25519_SHA_512",
            "Message": BASE64_STANDARD.encode(&text)});
        let signed = notary.kms("Sign", sign).await.json();
        let key = notary.kms("GetPublicKey", json!({"KeyId": self.output("SealKeys")})).await.json();
        let key = BASE64_STANDARD.decode(key["PublicKey"].as_str().unwrap()).unwrap();
        let key = VerifierKey::from_der(&checkpoint.origin, &key).unwrap();
        let mut note = Note::new(text);
        note.add_signature(&key, &BASE64_STANDARD.decode(signed["Signature"].as_str().unwrap()).unwrap());
        note.to_string()
    }
}

/// Who may delete the log group and lift its protection destroys the records; the seals stay, and say how many there were.
async fn who_may_delete_the_log(scene: &Scene) {
    let group = scene.output("AuditLogGroup");
    let input = json!({"logGroupName": group});
    let remover = scene.who_may("remover", &["logs:DeleteLogGroup"]).await;
    scene.account.protect_log_group(group, true).await;
    let refused = remover.logs("DeleteLogGroup", input.clone()).await;
    assert!(refused.body.contains("protection"), "{refused:#?}");
    let lift = json!({"logGroupIdentifier": group, "deletionProtectionEnabled": false});
    assert_denied(
        "PutLogGroupDeletionProtection",
        &remover.logs("PutLogGroupDeletionProtection", lift.clone()).await,
    );

    let both = ["logs:DeleteLogGroup", "logs:PutLogGroupDeletionProtection"];
    let remover = scene.who_may("remover-of-both", &both).await;
    remover.logs("PutLogGroupDeletionProtection", lift).await.done();
    remover.logs("DeleteLogGroup", input).await.done();
    let found = scene.findings().await;
    assert!(found.contains("records-truncated"), "{found:?}");
}
