//! `taskctl audit verify` against a log group and a bucket on the local AWS. Whether the functions write what it takes for intact
//! is shown elsewhere; here the log is made for the test, so that anything may be done to it.

#[path = "../../functions/seal/tests/log/files.rs"]
#[allow(dead_code, reason = "shared with the tests of seal, which use all of it")]
mod files;
#[path = "../../functions/seal/tests/log/ways.rs"]
#[allow(dead_code, reason = "shared with the tests of seal, which use all of it")]
mod ways;

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    time::{SystemTime, UNIX_EPOCH},
};

use deployment::Outputs;
use local_wire::texts;
use seal::{
    Checkpoint, Manifest,
    bundle::{LABEL, NEWER, RECORDS},
    verify::Verdict,
};
use serde_json::{Value, json};

use self::{
    bundle::{Bundle, Folder, ORIGIN, key, stated},
    files::Files,
    ways::{Dice, Done, WAYS},
};
// The name that the shared files know it by.
use crate::{
    auditor::{Said, audit_as},
    aws::Aws,
    sealed as bundle,
};

/// The log of a stage that is not deployed, in an account of its own.
struct Log {
    aws: Aws,
    bundle: Bundle,
}

const GROUP: &str = "/tasks/dev/audit";
/// How many random tamperings are tried.
const TAMPERINGS: usize = 40;

impl Log {
    /// Puts a sealed log into a log group and a bucket.
    async fn new(account: &str) -> Self {
        let outputs = Outputs::read(env::var("E2E_OUTPUTS").unwrap().as_ref()).unwrap();
        let aws = Aws::new(outputs.endpoint().unwrap(), outputs.region.as_deref().unwrap());
        let log = Self { aws: aws.neighbour(account.to_owned()), bundle: Bundle::interleaved().rotated() };
        log.aws.logs("CreateLogGroup", json!({"logGroupName": GROUP})).await.done();
        let lines: Vec<String> = log.bundle.records.iter().map(ToString::to_string).collect();
        log.append("audit", &lines).await;
        log.aws.rest("s3", "PUT", &format!("/{}", log.bucket()), Vec::new()).await.done();
        let versioning = "<VersioningConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Status>Enabled</Status></VersioningConfiguration>";
        let path = format!("/{}?versioning", log.bucket());
        log.aws.rest("s3", "PUT", &path, versioning.as_bytes().to_vec()).await.done();
        let (checkpoints, manifests) = log.bundle.documents();
        for document in checkpoints {
            log.put(&Checkpoint::key(document.number), document.content).await;
        }
        for document in manifests {
            log.put(&Manifest::key(document.number), document.content).await;
        }
        for seed in [1, 2] {
            log.put(&key(seed).object(), key(seed).published().into_bytes()).await;
        }
        log
    }

    fn bucket(&self) -> String {
        format!("seals-{}", self.aws.account)
    }

    /// Runs `taskctl audit` in the account.
    async fn audit(&self, words: &[&str]) -> Said {
        let environment = vec![
            ("AWS_ACCESS_KEY_ID", self.aws.account.clone()),
            ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
            ("AWS_REGION", self.aws.region.clone()),
            ("AWS_ENDPOINT_URL", self.aws.endpoint.clone()),
        ];
        audit_as(environment, &[&["--stage", "dev"], words].concat()).await
    }

    async fn put(&self, key: &str, content: Vec<u8>) {
        self.aws.rest("s3", "PUT", &format!("/{}/{key}", self.bucket()), content).await.done();
    }

    /// Writes lines to a stream that it makes.
    async fn append(&self, stream: &str, lines: &[String]) {
        let names = json!({"logGroupName": GROUP, "logStreamName": stream});
        self.aws.logs("CreateLogStream", names.clone()).await.done();
        if lines.is_empty() {
            return;
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        let now = u64::try_from(now).unwrap() - 10_000;
        let events =
            lines.iter().enumerate().map(|(at, line)| json!({"timestamp": now + at as u64, "message": line}));
        let mut put = names;
        put["logEvents"] = events.collect();
        self.aws.logs("PutLogEvents", put).await.done();
    }

    /// Stores these files instead of others: the lines in the log group, the objects with all their versions in the bucket.
    async fn store(&self, new: &Files, old: &Files) {
        if [RECORDS, NEWER].iter().any(|name| new.0[*name] != old.0[*name]) {
            let stream = json!({"logGroupName": GROUP, "logStreamName": "audit"});
            self.aws.logs("DeleteLogStream", stream).await.found();
            self.append("audit", &lines(new).unwrap()).await;
        }
        let names: BTreeSet<&String> = new.0.keys().chain(old.0.keys()).collect();
        let is_object = |name: &&&String| ![LABEL, RECORDS, NEWER].contains(&name.as_str());
        let changed = names.iter().filter(is_object).filter(|name| new.0.get(**name) != old.0.get(**name));
        let changed: BTreeSet<&str> = changed.map(|name| object(name)).collect();
        for changed in changed {
            let list = format!("/{}?versions&prefix={changed}", self.bucket());
            let path = format!("/{}/{changed}", self.bucket());
            for version in texts(&self.aws.get("s3", &list).await.done(), "VersionId") {
                self.aws.delete("s3", &format!("{path}?versionId={version}")).await.done();
            }
            for (name, content) in new.0.iter().filter(|(name, _)| object(name) == changed) {
                if name.ends_with("-deleted") {
                    self.aws.delete("s3", &path).await.done();
                } else {
                    self.put(changed, content.clone()).await;
                }
            }
        }
    }

    /// Verifies the log, with the true keys, at the time of its last checkpoint.
    async fn verify(&self, more: &[&str]) -> Said {
        let keys = [1, 2].map(|seed| key(seed).to_string());
        let (bucket, at) = (self.bucket(), self.bundle.now.to_string());
        let words = ["verify", "--bucket", &bucket, "--at", &at, "--key", &keys[0], "--key"];
        self.audit(&[&words[..], &[&keys[1]], more].concat()).await
    }

    /// Verifies it, and returns the verdict and the findings.
    async fn judged(&self) -> (i32, Vec<Value>) {
        let said = self.verify(&["--json"]).await;
        let told: Value = serde_json::from_str(&said.out).unwrap_or_else(|_| panic!("{said:#?}"));
        (said.code, told["findings"].as_array().unwrap().clone())
    }
}

/// Returns the object that a file of a bundle is a version of.
fn object(file: &str) -> &str {
    file.split_once('@').map_or(file, |(object, _)| object)
}

/// Returns the lines of the log. None if they are no text, which no log holds.
fn lines(files: &Files) -> Option<Vec<String>> {
    let text = |name: &str| String::from_utf8(files.0[name].clone()).ok();
    let (records, newer) = (text(RECORDS)?, text(NEWER)?);
    Some(records.lines().chain(newer.lines()).map(str::to_owned).collect())
}

/// The stored log is tampered with, and the command reads all of it again over the network, as an auditor's does.
///
/// `TAMPERINGS=1000 TAMPERING_SEED=7 cargo xtask test e2e -- random_tamperings` tries more, and others.
#[tokio::test]
async fn random_tamperings_where_the_log_is_are_all_found_and_called_by_their_names() {
    let most = env::var("TAMPERINGS").map_or(TAMPERINGS, |most| most.parse().unwrap());
    let ((honest, files), log, mut dice) = (Files::honest(), Log::new("770000000007").await, Dice::seeded());
    let mut nothing = files.clone();
    nothing.0.insert(RECORDS.to_owned(), Vec::new());
    log.store(&files, &nothing).await;
    // The newest checkpoint is of this minute, so that an older one in its place is too old.
    let judged = async || {
        let said = log.verify(&["--json", "--max-age", "4m"]).await;
        let told: Value = serde_json::from_str(&said.out).unwrap_or_else(|_| panic!("{said:#?}"));
        let verdicts = [Verdict::Altered, Verdict::Forged, Verdict::Missing, Verdict::Truncated];
        let others = [Verdict::CannotTell, Verdict::Intact];
        let verdict = verdicts.into_iter().chain(others).find(|it| told["verdict"] == json!(it)).unwrap();
        (verdict, told["findings"].clone())
    };
    assert_eq!(judged().await, (Verdict::Intact, json!([])));
    let (mut counts, mut wrong, mut tried) = (BTreeMap::new(), Vec::new(), 0);
    while tried < most {
        let ((name, way), mut tampered) = (*dice.pick(&WAYS), files.clone());
        let Some(Done { what, live, .. }) = way(&mut tampered, &honest, &mut dice) else { continue };
        if live.is_empty() || lines(&tampered).is_none() {
            continue;
        }
        tried += 1;
        log.store(&tampered, &files).await;
        let (verdict, findings) = judged().await;
        log.store(&files, &tampered).await;
        *counts.entry((name, verdict.to_string())).or_insert(0) += 1;
        if !live.contains(&verdict) {
            wrong.push(format!("{name}, {what}: {verdict} instead of {live:?}: {findings}"));
        }
    }
    for ((name, verdict), count) in counts {
        println!("{count:>5} × {name}: {verdict}");
    }
    assert!(wrong.is_empty(), "{} of {tried}\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(judged().await, (Verdict::Intact, json!([])));
}

#[tokio::test]
async fn a_log_that_nobody_touched_is_intact_and_so_is_a_part_of_it() {
    let log = Log::new("770000000000").await;
    let said = log.verify(&[]).await;
    assert_eq!(said.code, 0, "{said:#?}");
    assert!(said.out.starts_with("intact: /tasks/dev/audit at "), "{said:#?}");
    let task = log.bundle.records[0]["task"]["id"].as_str().unwrap();
    let said = log.verify(&["--task", task]).await;
    assert_eq!(said.code, 0, "{said:#?}");
    let since = log.bundle.checkpoint(7).from.start().to_string();
    let said = log.verify(&["--since", &since]).await;
    assert_eq!(said.code, 0, "{said:#?}");
    let first = log.bundle.checkpoint(1).from;
    let (first, earlier) = (first.start().to_string(), first.plus(-60).start().to_string());
    for all in [&first, &earlier] {
        assert_eq!(log.verify(&["--since", all]).await.code, 0, "{all}");
    }
    // The log has all records of today; by their own times, the seals end before.
    let shown = log.audit(&["search", "--since", "1h", "--json"]).await;
    assert_eq!(shown.out.lines().count(), log.bundle.leaves(), "{shown:#?}");
    assert_eq!(log.verify(&["--since", "1h", "--any-age"]).await.code, 5);
    // After a teardown nothing names the bucket, but for who exports.
    let (folder, key, last) = (Folder::new(), key(1).to_string(), log.bundle.checkpoints.len());
    let (path, bucket) = (folder.0.to_str().unwrap(), log.bucket());
    let export = ["export", "--no-record", "--format", "bundle", "--output", path, "--bucket", &bucket];
    let said = log.audit(&[&export[..], &["--key", &key]].concat()).await;
    let parts = format!("{} lines and {last} checkpoints in ", log.bundle.records.len());
    assert!(said.code == 0 && said.err.starts_with(&parts), "{said:#?}");
    let until = log.bundle.checkpoint(last).to.plus(1).start().to_string();
    let keys = [1, 2].map(|seed| bundle::key(seed).to_string());
    let said = log.audit(&["verify", path, "--key", &keys[0], "--key", &keys[1], "--until", &until]).await;
    assert_eq!(said.code, 0, "{said:#?}");
    let mut altered = log.bundle.records[120].clone();
    altered["action"] = json!("task.purged");
    log.append("another", &[stated(altered).to_string()]).await;
    assert_eq!(log.verify(&["--since", &since]).await.code, 10);
}

#[tokio::test]
async fn a_record_that_was_written_today_and_claims_to_be_old_is_forged_in_every_part() {
    let log = Log::new("770000000006").await;
    let mut stray = log.bundle.records[40].clone();
    stray["eventId"] = json!("stray");
    stray["task"]["id"] = json!("stray");
    let old = "2026-01-01T00:00:00.000Z";
    stray["time"] = json!({"changed": old, "streamed": old, "audited": old});
    log.append("another", &[stated(stray).to_string()]).await;
    let first = log.bundle.checkpoint(1).from;
    for since in [first.plus(-60), first, log.bundle.checkpoint(7).from] {
        let said = log.verify(&["--since", &since.start().to_string()]).await;
        assert_eq!(said.code, 11, "{since}: {said:#?}");
    }
}

#[tokio::test]
async fn an_altered_copy_in_front_of_its_record_is_found() {
    let log = Log::new("770000000001").await;
    let mut copy = log.bundle.records[33].clone();
    copy["actor"]["id"] = json!("mallory");
    log.append("another", &[stated(copy).to_string()]).await;
    let (code, findings) = log.judged().await;
    assert_eq!((code, &findings[0]["finding"]), (10, &json!("told-twice")), "{findings:#?}");
}

#[tokio::test]
async fn a_forged_record_and_a_line_that_is_none_are_found() {
    let log = Log::new("770000000002").await;
    let mut forged = log.bundle.records[40].clone();
    forged["eventId"] = json!("another");
    forged["task"]["id"] = json!("task-of-nobody");
    log.append("another", &[stated(forged).to_string()]).await;
    let (code, findings) = log.judged().await;
    assert_eq!((code, &findings[0]["finding"]), (11, &json!("record-forged")), "{findings:#?}");
    log.append("a-third", &["{\n\"schema\": \"task.audit/2\"}".to_owned()]).await;
    let (code, findings) = log.judged().await;
    assert!(
        code == 10 && findings.iter().any(|finding| finding["finding"] == "not-a-record"),
        "{findings:#?}"
    );
}

#[tokio::test]
async fn a_removed_log_stream_is_missed() {
    let log = Log::new("770000000003").await;
    let stream = json!({"logGroupName": GROUP, "logStreamName": "audit"});
    log.aws.logs("DeleteLogStream", stream).await.done();
    let kept: Vec<String> = log.bundle.records[..90].iter().map(ToString::to_string).collect();
    log.append("what-is-left", &kept).await;
    let (code, findings) = log.judged().await;
    assert!(code == 13 || code == 12, "{findings:#?}");
    assert!(findings.iter().all(|finding| finding["checkpoint"].as_u64() > Some(1)), "{findings:#?}");
}

#[tokio::test]
async fn a_second_version_of_a_checkpoint_and_a_deleted_one_are_found() {
    let log = Log::new("770000000004").await;
    let name = Checkpoint::key(5);
    let (checkpoints, _) = log.bundle.documents();
    let path = format!("/{}/{name}", log.bucket());
    log.aws.delete("s3", &path).await.done();
    let (code, findings) = log.judged().await;
    assert_eq!((code, &findings[0]["finding"]), (12, &json!("deleted")), "{findings:#?}");
    log.put(&name, checkpoints[4].content.clone()).await;
    let (code, findings) = log.judged().await;
    assert_eq!(code, 11, "{findings:#?}");
    assert!(findings.iter().any(|finding| finding["finding"] == "written-again"), "{findings:#?}");
}

#[tokio::test]
async fn a_bucket_without_seals_vouches_for_nothing() {
    let log = Log::new("770000000005").await;
    let empty = "seals-verify-none";
    log.aws.rest("s3", "PUT", &format!("/{empty}"), Vec::new()).await.done();
    let key = key(1).to_string();
    let said = log.audit(&["verify", "--bucket", empty, "--key", &key]).await;
    assert!(said.code == 5 && said.out.contains("no checkpoint"), "{said:#?}");
    let missing = log.audit(&["verify", "--bucket", "seals-nowhere", "--key", &key]).await;
    assert!(missing.code == 4 && missing.err.contains("seals-nowhere"), "{missing:#?}");
    assert_eq!(key.split('+').next(), Some(ORIGIN));
}
