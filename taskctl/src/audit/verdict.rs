//! The verdict on a sealed log in words: for the terminal, and for a report.

use seal::{
    Minute,
    bundle::NEWER,
    verify::{Finding, Report, Unchecked, Verdict},
};
use serde_json::{Value, json};

use crate::{
    cli::failure::Exit,
    terminal::{
        layout,
        screen::{Colour, Paint},
        visible::visible,
    },
};

/// The most findings that people are shown.
pub const SHOWN: usize = 100;

/// A verdict with its reasons.
#[derive(Debug)]
pub struct Judgement {
    pub report: Report,
    /// The number of lines before those that are newer than the newest checkpoint.
    pub lines: u64,
    /// The bundle or log that was verified.
    pub of: String,
    /// The task that alone was asked about.
    pub task: Option<String>,
    /// The keys that vouched, by their ids.
    pub keys: Vec<String>,
}

impl From<Verdict> for Exit {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Altered => Self::Altered,
            Verdict::Forged => Self::Forged,
            Verdict::Missing => Self::Missing,
            Verdict::Truncated => Self::Truncated,
            Verdict::CannotTell => Self::Unproven,
            Verdict::Intact => Self::Success,
        }
    }
}

impl Judgement {
    /// Returns the first line: the verdict, on what.
    pub fn headline(&self) -> String {
        let what = match self.report.verdict() {
            Verdict::Altered => "something says other than what was sealed",
            Verdict::Forged => "something is there that was never sealed",
            Verdict::Missing => "something that was sealed is not there",
            Verdict::Truncated => "the newest part is not there",
            Verdict::CannotTell => "nothing is wrong, but not all of it could be checked",
            Verdict::Intact => "every record is as it was sealed, and none is missing",
        };
        let until = match self.report.last.as_ref() {
            Some(last) => format!("up to {} (checkpoint {})", last.to, last.checkpoint),
            None => "no checkpoint vouches for it".to_owned(),
        };
        let of =
            self.task.as_ref().map_or_else(|| self.of.clone(), |task| format!("task {task} in {}", self.of));
        format!("{}, {until}: {what}", visible(&of))
    }

    pub fn findings(&self) -> impl Iterator<Item = String> {
        self.report.findings.iter().map(|finding| visible(&meaning(finding, self.lines)))
    }

    /// Returns what was checked.
    pub fn checked(&self) -> Vec<String> {
        let report = &self.report;
        let keys = if self.keys.is_empty() { "no key".to_owned() } else { self.keys.join(", ") };
        vec![
            format!(
                "{} of {}, {} among them, held to the leaves that were sealed: {} there",
                count(report.records, "record"),
                count(report.tasks, "task"),
                count(report.copies, "copy"),
                are(report.sealed, "leaf"),
            ),
            format!(
                "{}: signatures ({keys}), numbers, order, roots",
                count(report.checkpoints, "checkpoint")
            ),
            "the chain of each task, from record to record".to_owned(),
        ]
    }

    /// Returns what was not checked: first what rules out `intact`, then what is never sealed.
    pub fn unchecked(&self) -> Vec<String> {
        let report = &self.report;
        let mut all: Vec<String> = report.unchecked.iter().map(|what| visible(&lack(what))).collect();
        if report.newer > 0 {
            all.push(format!(
                "{} newer than the newest checkpoint: not sealed yet",
                are(report.newer, "record")
            ));
        }
        if report.exports > 0 {
            all.push(format!("{} of exports, which nobody seals", count(report.exports, "record")));
        }
        if let Some(last) = report.last.as_ref().filter(|last| last.quarantined > 0) {
            all.push(format!(
                "{} that went to quarantine instead of the log",
                count(last.quarantined, "change")
            ));
        }
        all.push("whether what was written to the table is true, and the time in time.audited".to_owned());
        all
    }

    /// Returns all of it for a terminal.
    pub fn text(&self, paint: Paint) -> String {
        let verdict = self.report.verdict();
        let colour = match verdict {
            Verdict::Intact => Colour::Green,
            Verdict::CannotTell => Colour::Yellow,
            _ => Colour::Red,
        };
        let mut lines = vec![format!("{}: {}", paint.text(colour, &verdict.to_string()), self.headline())];
        let mut part = |title: &str, items: Vec<String>| {
            if !items.is_empty() {
                lines.push(paint.text(Colour::Bold, title));
                lines.extend(items.into_iter().map(|item| format!("  {item}")));
            }
        };
        let more = self.report.findings.len().saturating_sub(SHOWN);
        let more = (more > 0).then(|| format!("and {more} more: --json has all"));
        part("Found", self.findings().take(SHOWN).chain(more).collect());
        part("Checked", self.checked());
        part("Not checked", self.unchecked());
        lines.join("\n")
    }

    pub fn json(&self) -> Value {
        let mut all = serde_json::to_value(&self.report).unwrap_or_default();
        let findings = self.report.findings.iter().map(|finding| {
            let mut told = serde_json::to_value(finding).unwrap_or_default();
            told["verdict"] = json!(finding.verdict());
            told["meaning"] = json!(meaning(finding, self.lines));
            told
        });
        all["findings"] = findings.collect();
        let unchecked = self.report.unchecked.iter().map(|what| {
            let mut told = serde_json::to_value(what).unwrap_or_default();
            told["meaning"] = json!(lack(what));
            told
        });
        all["unchecked"] = unchecked.collect();
        all["verdict"] = json!(self.report.verdict());
        all["of"] = json!(self.of);
        all["task"] = json!(self.task);
        all["keys"] = json!(self.keys);
        all
    }
}

fn count(number: u64, thing: &str) -> String {
    match thing {
        "leaf" if number != 1 => format!("{number} leaves"),
        thing => layout::count(usize::try_from(number).unwrap_or(usize::MAX), thing),
    }
}

fn are(number: u64, thing: &str) -> String {
    format!("{} {}", count(number, thing), if number == 1 { "is" } else { "are" })
}

/// Returns a finding with what it means.
fn meaning(finding: &Finding, lines: u64) -> String {
    let at = |line: &u64| match line.checked_sub(lines).filter(|line| *line > 0) {
        Some(line) => format!("line {line} of {NEWER}"),
        None => format!("line {line}"),
    };
    match finding {
        Finding::NotARecord { line, reason } => format!("{}: no audit record: {reason}", at(line)),
        Finding::RecordAltered { line, event_id } => {
            format!("{}: the record of event {event_id} is not the one that was sealed", at(line))
        }
        Finding::ToldTwice { line, event_id } => {
            format!("{}: another record of event {event_id} says something else", at(line))
        }
        Finding::RecordForged { line, event_id } => {
            format!("{}: the record of event {event_id} was never sealed", at(line))
        }
        Finding::RecordsMissing { checkpoint, count: missing } => {
            format!("checkpoint {checkpoint}: not there: {} that it seals", count(*missing, "record"))
        }
        Finding::RecordsTruncated { checkpoint, count: missing } => {
            let missing = count(*missing, "record");
            format!("checkpoint {checkpoint}: not there, nor any later one: {missing} that it seals")
        }
        Finding::ChainBroken { line, event_id, owner, task } => {
            format!("{}: task {task} of {owner}: a change before event {event_id} has no record", at(line))
        }
        Finding::ItemDiffers { owner, task } => {
            format!("task {task} of {owner}: the item in the table is not the one after the last record")
        }
        Finding::CheckpointAltered { checkpoint, reason }
        | Finding::CheckpointForged { checkpoint, reason } => {
            format!("checkpoint {checkpoint}: {reason}")
        }
        Finding::CheckpointMissing { checkpoint, through } if checkpoint == through => {
            format!("checkpoint {checkpoint} is not there")
        }
        Finding::CheckpointMissing { checkpoint, through } => {
            format!("checkpoints {checkpoint} to {through} are not there")
        }
        Finding::Fork { checkpoint, reason } => {
            format!("checkpoint {checkpoint}: {reason}: there are two histories")
        }
        Finding::ManifestAltered { checkpoint, reason } => {
            format!("the manifest of checkpoint {checkpoint}: {reason}")
        }
        Finding::ManifestMissing { checkpoint } => {
            format!("the manifest of checkpoint {checkpoint} is not there: its records cannot be judged")
        }
        Finding::Stale { checkpoint, at } => format!(
            "checkpoint {checkpoint} of {at} is the newest, and older than allowed: later ones are missing, or the notary \
             stands still. If the log was meant to end there, say so: --until TIME, or --at TIME for a bundle made then"
        ),
        Finding::WrittenAgain { object } => format!("{object} was written more than once"),
        Finding::Deleted { object } => format!("{object} was deleted, although its content is still there"),
        Finding::Stranger { object } => format!("{object} is nothing that a notary makes"),
        Finding::KeyAltered { object, reason } => format!("{object}: {reason}"),
        Finding::LabelWrong { reason } => format!("the bundle: {reason}"),
        Finding::CutShort { until, last } => {
            let minute =
                |minute: &Option<Minute>| minute.map_or_else(|| "nothing".to_owned(), |at| at.to_string());
            format!("the bundle says that it reaches {}, and reaches {}", minute(until), minute(last))
        }
    }
}

/// Returns what could not be checked, and what to do about it.
fn lack(what: &Unchecked) -> String {
    match what {
        Unchecked::Signatures => {
            "signatures: no key is known. taskctl audit keys prints them; then --key KEY".to_owned()
        }
        Unchecked::KeysOfTheBundle => {
            "whose signatures they are: the only keys came with the bundle. Compare them with those of \
             taskctl audit keys, which come from KMS, and give the true ones: --key KEY"
                .to_owned()
        }
        Unchecked::Part { since } => {
            format!(
                "what is before {since}: the bundle is a part. If that is what you asked for: --since {since}"
            )
        }
        Unchecked::NoCheckpoint => "anything but each task's chain: there is no checkpoint".to_owned(),
        Unchecked::Beginning { checkpoint } => {
            format!(
                "what is before checkpoint {checkpoint}, the first that is there. To judge what follows: --since TIME"
            )
        }
        Unchecked::Freshness => "how new the newest checkpoint is".to_owned(),
        Unchecked::NotSigned { manifest } => format!("manifest {manifest}, which has no checkpoint"),
        Unchecked::NotReached { since, last } => {
            format!("anything: the newest checkpoint ends with {last}, and {since} is later")
        }
        Unchecked::BeforeTheSeal { records, first } => {
            format!(
                "{} from before {first}, where the seal begins. To judge what follows: --since {first}",
                count(*records, "record")
            )
        }
        Unchecked::NotYetSealed { records, last } => {
            format!("{} later than {last}, where the newest checkpoint ends", are(*records, "record"))
        }
        Unchecked::WithoutManifest { records } => {
            format!("{} of minutes whose manifests are not there or not trusted", count(*records, "record"))
        }
        Unchecked::TaskBeginnings { tasks } => {
            format!(
                "the beginning of {}: the first record is not that of the creation",
                count(*tasks, "task")
            )
        }
        Unchecked::MissingElsewhere { records } => {
            format!(
                "whether the task has further records: {} missing or altered, and may be its own",
                are(*records, "sealed record")
            )
        }
        Unchecked::Unreadable { line, reason } => format!("what comes after line {line}: {reason}"),
    }
}

#[cfg(test)]
mod tests {
    use seal::verify::{Finding, Report, Unchecked, Verdict};

    use super::Judgement;
    use crate::{cli::failure::Exit, terminal::screen::Paint};

    fn judgement(report: Report) -> Judgement {
        Judgement {
            report,
            lines: 10,
            of: "the log".to_owned(),
            task: None,
            keys: vec!["c74f20a3".to_owned()],
        }
    }

    #[test]
    fn each_verdict_has_an_exit_code_of_its_own() {
        let all = [
            Verdict::Intact,
            Verdict::CannotTell,
            Verdict::Altered,
            Verdict::Forged,
            Verdict::Missing,
            Verdict::Truncated,
        ];
        assert_eq!(all.map(|verdict| Exit::from(verdict) as u8), [0, 5, 10, 11, 12, 13]);
    }

    #[test]
    fn the_verdict_comes_first_and_foreign_text_is_safe() {
        let mut report = Report { newer: 1, exports: 2, ..Report::default() };
        report.found(Finding::RecordForged { line: 3, event_id: "\u{1b}[2J".to_owned() });
        report.found(Finding::NotARecord { line: 12, reason: "x".to_owned() });
        report.unchecked(Unchecked::KeysOfTheBundle);
        let text = judgement(report).text(Paint::NONE);
        assert!(text.starts_with("altered: the log, "), "{text}");
        for part in [
            "Found\n  line 3: the record of event \\u{1b}[2J was never sealed\n",
            "  line 2 of newer.ndjson: no audit record: x\n",
            "Checked\n",
            "taskctl audit keys",
            "1 record is newer than",
            "2 records of exports",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(!text.contains('\u{1b}'));
    }

    #[test]
    fn only_so_many_findings_are_shown_and_all_are_in_the_json() {
        let mut report = Report::default();
        for checkpoint in 0..150 {
            report.found(Finding::ManifestMissing { checkpoint });
        }
        let judgement = judgement(report);
        let text = judgement.text(Paint::NONE);
        assert!(text.contains("checkpoint 99 ") && !text.contains("checkpoint 100 "), "{text}");
        assert!(text.contains("and 50 more"), "{text}");
        let json = judgement.json();
        assert_eq!(
            (json["findings"].as_array().map(Vec::len), &json["verdict"]),
            (Some(150), &"missing".into())
        );
    }
}
