//! `audit verify`: says whether the audit log is as it was sealed.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::{Path, PathBuf},
    process,
    sync::Arc,
};

use seal::{
    Minute, Place, Second,
    bundle::Bundle,
    verify::{Demands, Finding, Report, Unchecked},
};
use serde_json::Value;
use tokio::task::spawn_blocking;

use crate::{
    account::{clients::Aws, service},
    audit::{
        bucket::Bucket,
        gather::{self, Source},
        item, keys,
        verdict::Judgement,
    },
    cli::{
        audit_args::{RangeArgs, VerifyArgs},
        failure::{Exit, Failure},
    },
    commands::audit::{checked, random_id},
    terminal::{
        clock,
        screen::{self, Paint},
    },
};

/// Verifies a bundle, without the account.
pub fn offline(bundle: &Path, args: &VerifyArgs) -> Result<Exit, Failure> {
    let range = checked(args.range)?;
    let keys = keys::given(&args.key)?;
    let of = bundle.display().to_string();
    let (judgement, _) = judge(bundle, &of, demands(args, keys, None, range), args.task.as_deref())?;
    Ok(tell(&judgement, args.json))
}

/// Verifies the log where it is: through a bundle that is made for it, and removed.
pub async fn run(aws: &Aws, stage: Option<&str>, args: &VerifyArgs) -> Result<Exit, Failure> {
    let (mut judgement, task) = live(aws, stage, args).await?;
    if args.live {
        let table = service::find(aws, stage).await?.table;
        for ((owner, id), history) in &task.histories {
            if item::fingerprint(aws, &table, owner, id).await? != history.after {
                judgement.report.found(Finding::ItemDiffers { owner: owner.clone(), task: id.clone() });
            }
        }
    }
    Ok(tell(&judgement, args.json))
}

/// Verifies the log where it is.
pub async fn live(aws: &Aws, stage: Option<&str>, args: &VerifyArgs) -> Result<(Judgement, Task), Failure> {
    let range = checked(args.range)?;
    let group = service::audit_group(aws, stage)?;
    let mut trusted = keys::given(&args.key)?;
    let (bucket, origin) = if let Some(bucket) = &args.bucket {
        (bucket.clone(), None)
    } else {
        let seal = service::sealed(aws, stage, &group).await?;
        if trusted.is_empty() {
            trusted = keys::of_kms(aws, &seal).await?;
        }
        (seal.bucket, Some(seal.origin))
    };
    let source = Source {
        aws,
        group: &group,
        bucket: Bucket { client: aws.s3.clone(), name: bucket },
        origin: args.origin.clone().or(origin.clone()),
        made: args.at.unwrap_or_else(clock::now),
    };
    let name = format!("taskctl-verify-{}-{}", process::id(), random_id()?);
    let folder = Temporary(env::temp_dir().join(name));
    let gathered = gather::gather(&source, range, &folder.0).await?;
    let unwritable = |error| Failure::failed(format!("writing {}: {error}", folder.0.display()));
    gathered.finish().map_err(unwritable)?;
    let of = format!("{group} at {}", aws.place);
    let (path, demands, task) = (folder.0.clone(), demands(args, trusted, origin, range), args.task.clone());
    // Beside the signals, which it would not hear.
    let judged = spawn_blocking(move || judge(&path, &of, demands, task.as_deref())).await;
    judged.unwrap_or_else(|error| Err(Failure::failed(format!("verifying: {error}"))))
}

/// A directory that is gone when the command ends.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

fn demands(
    args: &VerifyArgs,
    keys: Vec<seal::VerifierKey>,
    origin: Option<String>,
    range: RangeArgs,
) -> Demands {
    // A key bears the log's name.
    let named = keys.first().map(|key| key.name().to_owned());
    let now = Second::of_unix_millis(args.at.unwrap_or_else(clock::now));
    let age = i64::try_from(args.max_age.as_secs()).unwrap_or(i64::MAX);
    Demands {
        keys,
        origin: args.origin.clone().or(origin).or(named),
        since: range.since.map(Minute::of_unix_millis),
        until: range.until.map(|until| Minute::of_unix_millis(until - 1)),
        fresh: (!args.any_age).then_some((now, age)),
    }
}

/// Verifies a bundle that lies on the disk.
fn judge(
    folder: &Path,
    of: &str,
    demands: Demands,
    asked: Option<&str>,
) -> Result<(Judgement, Task), Failure> {
    let unreadable = |error: std::io::Error| Failure::failed(format!("reading {of}: {error}"));
    let bundle = Bundle::open(folder).map_err(unreadable)?;
    let trusted = if demands.keys.is_empty() { bundle.keys() } else { &demands.keys };
    let keys = trusted.iter().map(seal::VerifierKey::id).collect();
    let mut task = Task { id: asked.map(str::to_owned), ..Task::default() };
    let verified = bundle.verify(demands, |line, text| task.look(line, text)).map_err(unreadable)?;
    let mut report = verified.report;
    if let Some(id) = asked {
        if task.lines.is_empty() {
            return Err(Failure::failed(format!("{of} has no record of a task {id}"))
                .next("is this the right stage? --stage STAGE"));
        }
        task.narrow(&mut report);
    }
    let judgement =
        Judgement { report, lines: verified.lines, of: of.to_owned(), task: task.id.clone(), keys };
    Ok((judgement, task))
}

fn tell(judgement: &Judgement, json: bool) -> Exit {
    if json {
        screen::out(&judgement.json().to_string());
    } else {
        screen::out(&judgement.text(Paint::stdout()));
    }
    judgement.report.verdict().into()
}

/// The records of the one task that was asked about.
#[derive(Debug, Default)]
pub struct Task {
    id: Option<String>,
    lines: BTreeSet<u64>,
    /// When the first of its records was made.
    earliest: Option<Minute>,
    /// The history of each owner's task of this id.
    histories: BTreeMap<(String, String), History>,
}

/// Both ends of a task's history.
#[derive(Debug)]
struct History {
    first: Place<Arc<str>>,
    last: Place<Arc<str>>,
    before: Option<String>,
    after: Option<String>,
}

impl Task {
    fn look(&mut self, line: u64, text: &[u8]) {
        let Some(id) = &self.id else { return };
        // With an escape, an id can be spelled in many ways.
        let may_have = |text: &&str| text.contains(id.as_str()) || text.contains('\\');
        let Some(text) = std::str::from_utf8(text).ok().filter(may_have) else { return };
        let Ok(record) = serde_json::from_str::<Value>(text) else { return };
        if record["task"]["id"] != **id {
            return;
        }
        self.lines.insert(line);
        let text = |path: &str| record.pointer(path).and_then(Value::as_str).map(str::to_owned);
        let place = Place::of(&record);
        let place = place.kept(place.stream.into());
        let (before, after) = (text("/integrity/before"), text("/integrity/after"));
        let audited = text("/time/audited").and_then(|audited| Minute::of_timestamp(&audited));
        self.earliest = self.earliest.into_iter().chain(audited).min();
        let owner = text("/task/owner").unwrap_or_default();
        let history = self.histories.entry((owner, id.clone())).or_insert_with(|| History {
            first: place.clone(),
            last: place.clone(),
            before: before.clone(),
            after: after.clone(),
        });
        if place < history.first {
            (history.first, history.before) = (place, before);
        } else if place > history.last {
            (history.last, history.after) = (place, after);
        }
    }

    /// Leaves the findings of this task's records and of the seals. Records that are missing may be its own, and so may be an altered
    /// one that says it is of another task.
    fn narrow(&self, report: &mut Report) {
        report.findings.retain(|finding| match finding {
            Finding::NotARecord { line, .. }
            | Finding::RecordAltered { line, .. }
            | Finding::ToldTwice { line, .. }
            | Finding::RecordForged { line, .. }
            | Finding::ChainBroken { line, .. } => self.lines.contains(line),
            Finding::RecordsMissing { .. } | Finding::RecordsTruncated { .. } => false,
            _ => true,
        });
        report.unchecked.retain(|what| !matches!(what, Unchecked::TaskBeginnings { .. }));
        let headless = self.histories.values().filter(|history| history.before.is_some()).count();
        if headless > 0 {
            report.unchecked(Unchecked::TaskBeginnings { tasks: headless as u64 });
        }
        let last = report.last.as_ref().map(|last| last.to);
        if let Some(last) = last.filter(|last| self.earliest.is_some_and(|earliest| earliest > *last)) {
            report.unchecked(Unchecked::NotYetSealed { records: self.lines.len() as u64, last });
        }
        if report.absent > 0 {
            report.unchecked(Unchecked::MissingElsewhere { records: report.absent });
        }
    }
}

#[cfg(test)]
mod tests {
    use seal::verify::{Finding, Report, Unchecked, Verdict};
    use serde_json::json;

    use super::Task;

    fn record(id: &str, number: &str, after: &str) -> Vec<u8> {
        json!({"task": {"owner": "o", "id": id}, "source": {"sequenceNumber": number}, "integrity": {"after": after}})
            .to_string()
            .into_bytes()
    }

    #[test]
    fn of_one_task_its_own_findings_count_and_what_is_missing_may_be_its_own() {
        let mut task = Task { id: Some("t".to_owned()), ..Task::default() };
        task.look(1, &record("t", "0010", "b"));
        task.look(2, &record("t", "9", "a"));
        task.look(3, &record("other", "11", "c"));
        task.look(4, b"t");
        assert_eq!(task.lines.iter().copied().collect::<Vec<_>>(), [1, 2]);
        let after = task.histories.values().next().map(|history| history.after.clone());
        assert_eq!(after, Some(Some("b".to_owned())), "by number, not by text");

        let mut report = Report { absent: 2, ..Report::default() };
        report.found(Finding::RecordForged { line: 3, event_id: "x".to_owned() });
        report.found(Finding::RecordsMissing { checkpoint: 1, count: 2 });
        report.unchecked(Unchecked::TaskBeginnings { tasks: 3 });
        task.narrow(&mut report);
        assert_eq!(report.verdict(), Verdict::CannotTell);
        assert_eq!(report.unchecked, [Unchecked::MissingElsewhere { records: 2 }]);
        report.found(Finding::RecordForged { line: 2, event_id: "x".to_owned() });
        task.narrow(&mut report);
        assert_eq!(report.verdict(), Verdict::Forged);
    }
}
