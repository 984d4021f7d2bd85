//! The seal of the audit log, in real time: a minute is sealed three minutes after its end.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use contract::Outcome;
use local_wire::{text, texts};
use seal::{
    Checkpoint, Manifest, Minute, Note, VerifierKey,
    verify::{Demands, Document, Report, Verdict, verify},
};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::{stack::eventually, teardown::account::Account};

/// The time within which a record must be sealed.
const PATIENCE: Duration = Duration::from_mins(6);

#[tokio::test]
async fn what_was_changed_is_sealed_and_verified_and_the_seal_outlives_the_service() {
    let account = Account::new().await;
    for title in ["one", "two", "three"] {
        account.create_task(title).await.unwrap();
    }
    let records =
        eventually("the records", async || Some(records(&account).await).filter(|it| it.len() == 3)).await;
    let newest = records.iter().filter_map(|record| Minute::of_timestamp(audited(record))).max().unwrap();
    let checkpoint = sealed_until(&account, newest).await;
    assert_eq!(checkpoint.size, 3);

    let report = verified(&account).await;
    assert_eq!((report.verdict(), &report.unchecked[..]), (Verdict::Intact, &[][..]), "{report:#?}");
    // The notary writes a checkpoint's copy after the checkpoint, and its metric at the end of the run.
    eventually("a copy of each checkpoint", async || {
        let copies = account.log(&account.outputs["CheckpointLogGroup"]).await;
        (copies.len() as u64 == checkpoint.number).then_some(())
    })
    .await;
    let bucket = &account.outputs["SealBucket"];
    let locked = account.aws.get("s3", &format!("/{bucket}/{}?retention", Checkpoint::key(1))).await.done();
    assert_eq!(text(&locked, "Mode").as_deref(), Some("GOVERNANCE"));

    eventually("the alarm to be quiet", async || (unsealed_alarm(&account, 1).await == "OK").then_some(()))
        .await;
    // CloudWatch looks back further than the alarm's three periods where the newest have no data.
    assert_eq!(unsealed_alarm(&account, 35).await, "ALARM", "silence is trouble");

    account.teardown(json!({})).await.assert_green(Outcome::Deleted);
    account.assert_gone().await;
    let report = verified(&account).await;
    assert_eq!(report.verdict(), Verdict::CannotTell, "sentinels are not sealed any more: {report:#?}");
    assert_eq!(report.findings, []);
}

async fn records(account: &Account) -> Vec<Value> {
    let lines = account.log(&account.outputs["AuditLogGroup"]).await;
    lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn audited(record: &Value) -> &str {
    record["time"]["audited"].as_str().unwrap()
}

/// Lets the schedule call the notary until a checkpoint covers a minute.
async fn sealed_until(account: &Account, minute: Minute) -> Checkpoint {
    let (began, notary) = (Instant::now(), &account.outputs["NotaryFunction"]);
    for round in 1.. {
        // It is due every five minutes, by the clock of the schedule alone, from the second in which the rule was made.
        let fired = account.aws.admin("schedules", json!({"now": in_minutes(round * 5 + 1)})).await;
        assert_eq!(fired["rules"], json!([notary]));
        sleep(Duration::from_secs(5)).await;
        let newest = objects(account, "checkpoints/")
            .await
            .pop()
            .map(|(_, content)| Checkpoint::parse(&Note::parse(&content).unwrap().text).unwrap());
        if let Some(newest) = newest.filter(|newest| newest.to >= minute) {
            return newest;
        }
        assert!(began.elapsed() < PATIENCE, "{minute} is not sealed");
    }
    unreachable!("it is sealed or not");
}

/// Verifies the log by what is in the bucket, with the key that KMS gives out.
async fn verified(account: &Account) -> Report {
    let origin = &account.outputs["SealOrigin"];
    let key = account.aws.kms("GetPublicKey", json!({"KeyId": account.outputs["SealKeys"]})).await.json();
    let key = BASE64_STANDARD.decode(key["PublicKey"].as_str().unwrap()).unwrap();
    let demands = Demands {
        keys: vec![VerifierKey::from_der(origin, &key).unwrap()],
        origin: Some(origin.clone()),
        fresh: Some((seal::Second::of_unix_millis(in_minutes(0) * 1_000), 600)),
        ..Demands::default()
    };
    let document = |(number, content)| Document { number, content };
    let checkpoints = objects(account, "checkpoints/").await.into_iter().map(document);
    let manifests = objects(account, "manifests/").await.into_iter().map(document);
    let lines = account.log(&account.outputs["AuditLogGroup"]).await;
    verify(&demands, checkpoints, manifests, lines.into_iter().map(|line| Ok(line.into_bytes())))
}

/// Returns the objects of a folder of the bucket by their numbers.
async fn objects(account: &Account, folder: &str) -> Vec<(u64, Vec<u8>)> {
    let bucket = &account.outputs["SealBucket"];
    let listed = account.aws.get("s3", &format!("/{bucket}?list-type=2&prefix={folder}")).await.done();
    let mut objects = Vec::new();
    for key in texts(&listed, "Key") {
        let number = (1..1_000).find(|n| [Checkpoint::key(*n), Manifest::key(*n)].contains(&key)).unwrap();
        let content = account.aws.get("s3", &format!("/{bucket}/{key}")).await.done();
        objects.push((number, content.into_bytes()));
    }
    objects
}

/// Returns the state of the alarm in so many minutes, with nothing heard of the notary from now on.
async fn unsealed_alarm(account: &Account, minutes: i64) -> String {
    account.aws.admin("alarms", json!({"now": in_minutes(minutes)})).await;
    let name = format!("{}-audit-unsealed", account.names.service);
    let described =
        account.aws.query("monitoring", "DescribeAlarms", &[("AlarmNames.member.1", &name)]).await.done();
    text(&described, "StateValue").unwrap()
}

/// Returns the Unix time in so many minutes.
fn in_minutes(minutes: i64) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    i64::try_from(now).unwrap() + minutes * 60
}
