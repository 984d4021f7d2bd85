//! The arguments of `taskctl audit`.

use std::{fmt, net::IpAddr, path::PathBuf, time::Duration};

use clap::{Args, Subcommand, ValueEnum, builder::PossibleValuesParser};
use tasks::item::Field;

use crate::{
    cli::failure::Exit,
    terminal::clock::{self, Millis},
};

/// Every action of an audit record.
const ACTIONS: [&str; 9] = [
    "task.created",
    "task.updated",
    "task.deleted",
    "task.purged",
    "task.modified_out_of_band",
    "task.removed_out_of_band",
    "audit.sentinel",
    "audit.export_started",
    "audit.exported",
];

/// The default of `--max-age`: without changes, a checkpoint is made every hour.
const MAX_AGE: Duration = Duration::from_hours(2);

const TAIL_EXAMPLES: &str = "\
Examples:
  taskctl audit tail --since 10m
  taskctl audit tail --action task.modified_out_of_band --action task.removed_out_of_band --json";
const TASK_EXAMPLES: &str = "\
Examples:
  taskctl audit task 01a20911-a456-70b1-9605-819efc49f74b
  taskctl audit --stage prod task 01a20911-a456-70b1-9605-819efc49f74b --json";
const ACTOR_EXAMPLES: &str = "\
Examples:
  taskctl audit actor alice --since 7d
  taskctl audit actor unknown               # changes that bypassed the API";
const REPLAY_EXAMPLES: &str = "\
Examples:
  taskctl audit replay                      # what waits, and why; changes nothing
  taskctl audit replay --yes                # hands all of it to the audit function
  taskctl audit replay --yes --only 000000017954484813830000002581

A batch of the failure bucket is deleted once the audit function took it whole. A line of the quarantine stays there for its
90 days, and is left alone once the audit log has its record. It may be stopped and run again at any time.";
const SHRED_EXAMPLES: &str = "\
Examples:
  taskctl audit shred-proof 01a20911-a456-70b1-9605-819efc49f74b

Exit codes: 0 shredded, 5 a place could not be looked at or the chain has a gap, 6 text or salt is readable, or the task is not deleted.";
const REPORT_EXAMPLES: &str = "\
Examples:
  taskctl audit report --html november.html --since 2026-11-01T00:00:00Z --until 2026-12-01T00:00:00Z";
const SEARCH_EXAMPLES: &str = "\
Examples:
  taskctl audit search --action task.deleted --since 2026-11-01T00:00:00Z --until 2026-12-01T00:00:00Z
  taskctl audit search --field assignee --address 203.0.113.0/24
  taskctl audit search --action task.modified_out_of_band --action task.removed_out_of_band";
const EXPORT_EXAMPLES: &str = "\
Examples:
  taskctl audit export --since 30d --output november.ndjson
  taskctl audit export --format csv --action task.deleted > deleted.csv
  taskctl audit export --format ocsf --since 1d --no-record | ship-to-siem
  taskctl audit export --format bundle --output november    # with the seals, for taskctl audit verify november
  taskctl audit --stage prod export --format bundle --output last --bucket BUCKET --key trusted.pub   # after a teardown

An export is itself recorded in the audit log: by whom, which range and format, how many records. Whoever may only read the log
exports with --no-record.";

#[derive(Args, Debug)]
pub struct AuditArgs {
    /// Stage whose audit log is meant; it may be gone, its audit log stays [default: that of the outputs file]
    #[arg(long, global = true, value_parser = stage)]
    pub stage: Option<String>,
    #[command(subcommand)]
    pub command: AuditCommand,
}

#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Show records as they arrive, until Ctrl-C
    #[command(after_help = TAIL_EXAMPLES)]
    Tail(TailArgs),
    /// Show the history of a task: who, when, from where, what changed, and whether its chain is whole
    #[command(after_help = TASK_EXAMPLES)]
    Task(TaskArgs),
    /// Show what one actor did
    #[command(after_help = ACTOR_EXAMPLES)]
    Actor(ActorArgs),
    /// Show the records that meet every condition
    #[command(after_help = SEARCH_EXAMPLES)]
    Search(SearchArgs),
    /// Write records to a file or to standard output, for other programs
    #[command(after_help = EXPORT_EXAMPLES)]
    Export(ExportArgs),
    /// Say whether the audit log is as it was sealed: where it is, or as a bundle, offline
    #[command(after_help = verify_help())]
    Verify(VerifyArgs),
    /// Print the public keys that the audit log is sealed with, as KMS has them
    Keys,
    /// Hand changes that did not reach the audit log to the audit function again; a dry run without --yes
    #[command(after_help = REPLAY_EXAMPLES)]
    Replay(ReplayArgs),
    /// Show that a deleted task's text is nowhere any more, and that its hashes cannot be tested
    #[command(after_help = SHRED_EXAMPLES)]
    ShredProof(ShredArgs),
    /// Write a report for people: timeline, actors, counts, findings, and what was not checked
    #[command(after_help = REPORT_EXAMPLES)]
    Report(AuditReportArgs),
}

#[derive(Args, Debug)]
pub struct TailArgs {
    #[command(flatten)]
    pub conditions: ConditionArgs,
    /// Begin with the records from here on: a time like 2026-11-23T15:43:20Z, or how long ago, like 10m [default: now]
    #[arg(long, value_name = "TIME", value_parser = clock::parse_moment)]
    pub since: Option<Millis>,
    /// Print the records as they are stored, one JSON text per line
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Debug)]
pub struct TaskArgs {
    /// The task's id
    pub id: String,
    #[command(flatten)]
    pub range: RangeArgs,
    /// Print the records as they are stored, one JSON text per line
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Debug)]
pub struct ActorArgs {
    /// The actor's id: a principal, `unknown`, or `dynamodb-ttl`
    pub id: String,
    #[command(flatten)]
    pub range: RangeArgs,
    /// Print the records as they are stored, one JSON text per line
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Debug)]
pub struct SearchArgs {
    #[command(flatten)]
    pub conditions: ConditionArgs,
    #[command(flatten)]
    pub range: RangeArgs,
    /// Stop after this many records
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: Option<u64>,
    /// Print the records as they are stored, one JSON text per line
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Debug)]
pub struct ExportArgs {
    #[command(flatten)]
    pub conditions: ConditionArgs,
    #[command(flatten)]
    pub range: RangeArgs,
    #[arg(long, value_enum, default_value_t = Format::Ndjson)]
    pub format: Format,
    /// File to write, or directory of a bundle; it appears when it is complete [default: standard output]
    #[arg(long, alias = "out", value_name = "PATH")]
    pub output: Option<PathBuf>,
    /// Bucket of the seals, for a bundle of a stage whose stack is gone; needs --key
    #[arg(long, value_name = "NAME", requires = "key")]
    pub bucket: Option<String>,
    /// Public key that is trusted, or a file with some, as `verify` takes them; its name is that of the log
    #[arg(long, value_name = "KEY", requires = "bucket")]
    pub key: Vec<String>,
    /// Leave no record of this export in the audit log
    #[arg(long)]
    pub no_record: bool,
}

#[derive(Args, Debug)]
pub struct VerifyArgs {
    /// Directory of a bundle that `taskctl audit export --format bundle` wrote [default: the log where it is]
    pub bundle: Option<PathBuf>,
    /// Public key that is trusted, or a file with some, as `taskctl audit keys` prints them; may be given several times. Without one,
    /// a bundle is never found intact, and the log where it is is held to the keys of KMS
    #[arg(long, value_name = "KEY")]
    pub key: Vec<String>,
    /// Name of the log in its checkpoints [default: that of the first key]
    #[arg(long, value_name = "NAME")]
    pub origin: Option<String>,
    #[command(flatten)]
    pub range: RangeArgs,
    /// Greatest age of the newest checkpoint. Counts only without --until
    #[arg(long, value_name = "DURATION", default_value = "2h", value_parser = clock::parse_duration)]
    pub max_age: Duration,
    /// Do not ask how old the newest checkpoint is; then the log is never found intact
    #[arg(long, conflicts_with = "max_age")]
    pub any_age: bool,
    /// Time that the age is counted up to, such as that at which you were given the bundle [default: now]
    #[arg(long, value_name = "TIME", value_parser = clock::parse_moment)]
    pub at: Option<Millis>,
    /// Give the verdict on the records of this task alone
    #[arg(long, value_name = "ID")]
    pub task: Option<String>,
    /// Compare the task's last record with its item in the table
    #[arg(long, requires = "task", conflicts_with = "bundle")]
    pub live: bool,
    /// Bucket of the seals, if the stack is gone; needs --key
    #[arg(long, value_name = "NAME", requires = "key", conflicts_with = "bundle")]
    pub bucket: Option<String>,
    /// Print the whole report as JSON
    #[arg(long)]
    pub json: bool,
}

impl VerifyArgs {
    /// Returns the arguments of a verification of the log where it is, without any option but the range.
    pub fn of(range: RangeArgs) -> Self {
        Self {
            bundle: None,
            key: Vec::new(),
            origin: None,
            range,
            max_age: MAX_AGE,
            any_age: false,
            at: None,
            task: None,
            live: false,
            bucket: None,
            json: false,
        }
    }
}

/// Returns the examples and exit codes of `audit verify`.
fn verify_help() -> String {
    format!(
        "Examples:\n  taskctl audit verify\n  taskctl audit --stage prod verify --since 30d --json\n  \
         taskctl audit keys > trusted.pub          # on a day on which you trust the account\n  \
         taskctl audit verify november --key trusted.pub --at 2026-12-01T08:00:00Z\n\n\
         Exit codes: {} intact, {} cannot tell, {} altered, {} forged, {} missing, {} truncated (the worst of what was found), \
         {} usage, {} unreadable.",
        Exit::Success as u8,
        Exit::Unproven as u8,
        Exit::Altered as u8,
        Exit::Forged as u8,
        Exit::Missing as u8,
        Exit::Truncated as u8,
        Exit::Usage as u8,
        Exit::Failed as u8,
    )
}

#[derive(Args, Debug)]
pub struct ReplayArgs {
    /// Do it
    #[arg(long)]
    pub yes: bool,
    /// Only the record with this sequence number, or the object with this key; may be given several times
    #[arg(long, value_name = "NAME")]
    pub only: Vec<String>,
    /// Print JSON, one object per line
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Debug)]
pub struct ShredArgs {
    /// The deleted task's id
    #[arg(value_parser = task_id)]
    pub id: String,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Debug)]
pub struct AuditReportArgs {
    /// File to write: one HTML page that needs nothing else; it appears when it is complete
    #[arg(long, value_name = "FILE")]
    pub html: PathBuf,
    #[command(flatten)]
    pub conditions: ConditionArgs,
    #[command(flatten)]
    pub range: RangeArgs,
}

/// The forms of an export.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Format {
    /// The records as they are stored, one JSON text per line
    Ndjson,
    /// A table, for spreadsheets
    Csv,
    /// Events of the Open Cybersecurity Schema Framework 1.8.0, class Entity Management (3004), one per line
    Ocsf,
    /// `CloudEvents` 1.0, one per line
    #[value(name = "cloudevents")]
    CloudEvents,
    /// A directory with the log and its seals, for `taskctl audit verify`
    Bundle,
}

impl Format {
    pub fn name(self) -> &'static str {
        match self {
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
            Self::Ocsf => "ocsf",
            Self::CloudEvents => "cloudevents",
            Self::Bundle => "bundle",
        }
    }
}

/// A range of time.
#[derive(Args, Clone, Copy, Debug, Default)]
#[command(next_help_heading = "Range")]
pub struct RangeArgs {
    /// From here on: a time like 2026-11-23T15:43:20Z, or how long ago, like 10m, 2h or 3d. It counts by the log's own time, at which
    /// the table's stream had the change; `verify` and a bundle take the whole checkpoints around it, by the minutes in which the
    /// records were made
    #[arg(long, value_name = "TIME", value_parser = clock::parse_moment)]
    pub since: Option<Millis>,
    /// Up to here, in the same forms and by the same time
    #[arg(long, value_name = "TIME", value_parser = clock::parse_moment)]
    pub until: Option<Millis>,
}

/// Conditions that a record must meet, all of them.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Conditions")]
pub struct ConditionArgs {
    /// Action; give it several times for any of several
    #[arg(long, value_name = "ACTION", value_parser = PossibleValuesParser::new(ACTIONS))]
    pub action: Vec<String>,
    /// Field that was changed
    #[arg(long, value_name = "FIELD", value_parser = PossibleValuesParser::new(Field::ALL.map(Field::name)))]
    pub field: Option<String>,
    /// Address that the request came from, or a range like 10.0.0.0/8
    #[arg(long, value_name = "ADDRESS", value_parser = Network::parse)]
    pub address: Option<Network>,
    /// Actor's id
    #[arg(long, value_name = "ID")]
    pub actor: Option<String>,
    /// Owner of the tasks
    #[arg(long)]
    pub owner: Option<String>,
}

/// An address, or all addresses that share its first bits.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Network {
    address: IpAddr,
    bits: u32,
}

impl Network {
    pub fn parse(text: &str) -> Result<Self, String> {
        let usage = || format!("{text:?} is neither an address like 203.0.113.7 nor a range like 10.0.0.0/8");
        let (address, bits) =
            text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().map_err(|_| usage())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(most), str::parse).map_err(|_| usage())?;
        if bits <= most { Ok(Self { address, bits }) } else { Err(usage()) }
    }

    /// Returns the address, if this is not a range.
    pub fn single(self) -> Option<IpAddr> {
        let most = if self.address.is_ipv4() { 32 } else { 128 };
        (self.bits == most).then_some(self.address)
    }

    pub fn contains(self, other: IpAddr) -> bool {
        let same =
            |one: u128, other: u128, most: u32| self.bits == 0 || (one ^ other) >> (most - self.bits) == 0;
        match (self.address, other) {
            (IpAddr::V4(one), IpAddr::V4(other)) => {
                same(u128::from(u32::from(one)), u128::from(u32::from(other)), 32)
            }
            (IpAddr::V6(one), IpAddr::V6(other)) => same(one.into(), other.into(), 128),
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.single() {
            Some(address) => write!(out, "{address}"),
            None => write!(out, "{}/{}", self.address, self.bits),
        }
    }
}

/// A proof looks for the id in whole lines, so that a wrong one would be found nowhere.
fn task_id(text: &str) -> Result<String, String> {
    let groups: Vec<usize> = text.split('-').map(str::len).collect();
    let letters = text.chars().all(|letter| matches!(letter, '0'..='9' | 'a'..='f' | '-'));
    if letters && groups == [8, 4, 4, 4, 12] {
        Ok(text.to_owned())
    } else {
        Err(format!("{text:?} is no task's id like 01a20911-a456-70b1-9605-819efc49f74b"))
    }
}

fn stage(name: &str) -> Result<String, String> {
    deployment::names::check_stage(name).map(|()| name.to_owned())
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::{AuditArgs, AuditCommand, Network, RangeArgs, VerifyArgs};
    use crate::cli::args::{Cli, Command};

    #[test]
    fn a_range_contains_the_addresses_with_its_first_bits() {
        let cases = [
            ("203.0.113.7", "203.0.113.7", true),
            ("203.0.113.7", "203.0.113.8", false),
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("0.0.0.0/0", "255.1.2.3", true),
            ("0.0.0.0/0", "::1", false),
            ("2001:db8::/32", "2001:db8:1::5", true),
            ("2001:db8::/32", "2001:db9::5", false),
        ];
        for (network, address, expected) in cases {
            let contains = Network::parse(network).expect(network).contains(address.parse().expect(address));
            assert_eq!(contains, expected, "{address} in {network}");
        }
        for wrong in ["", "localhost", "10.0.0.0/33", "10.0.0/8", "10.0.0.0/", "10.0.0.0/-1", "::/129"] {
            assert!(Network::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_command_with_a_range_says_by_which_time() {
        let mut cli = Cli::command();
        let audit = cli.find_subcommand_mut("audit").expect("a command");
        let (mut ranges, mut said) = (0, 0);
        for command in audit.get_subcommands_mut() {
            let help =
                command.render_long_help().to_string().split_whitespace().collect::<Vec<_>>().join(" ");
            ranges += usize::from(help.contains("--until <TIME>"));
            said +=
                usize::from(help.contains("by the log's own time") && help.contains("the whole checkpoints"));
        }
        assert_eq!((ranges, said), (6, 6));
    }

    #[test]
    fn what_verifies_by_default_is_what_a_report_verifies() {
        let words = Cli::try_parse_from(["taskctl", "audit", "verify"]).expect("valid");
        let Command::Audit(AuditArgs { command: AuditCommand::Verify(typed), .. }) = words.command else {
            panic!("not verify")
        };
        assert_eq!(format!("{typed:?}"), format!("{:?}", VerifyArgs::of(RangeArgs::default())));
        for wrong in [
            &["verify", "--live"][..],
            &["verify", "x", "--live", "--task", "t"],
            &["verify", "--bucket", "b"],
            &["verify", "--any-age", "--max-age", "1h"],
        ] {
            let words = [&["taskctl", "audit"], wrong].concat();
            assert_eq!(Cli::try_parse_from(&words).expect_err("refused").exit_code(), 2, "{wrong:?}");
        }
    }

    #[test]
    fn a_bound_or_condition_that_cannot_be_read_is_refused_with_the_option_it_belongs_to() {
        for (option, value) in [
            ("--since", "yesterday"),
            ("--until", "2026-11-23"),
            ("--address", "10.0.0"),
            ("--action", "task.erased"),
            ("--field", "colour"),
            ("--limit", "0"),
            ("--stage", "Prod"),
        ] {
            let refused =
                Cli::try_parse_from(["taskctl", "audit", "search", option, value]).expect_err(value);
            assert_eq!(refused.exit_code(), 2, "{option}");
            assert!(refused.to_string().contains(option), "{option}: {refused}");
        }
    }
}
