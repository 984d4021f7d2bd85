//! Gathers a bundle from the account: the seals with all their versions, and the log as far as they reach.

use std::{io, path::Path};

use seal::{
    Checkpoint, Minute, Second, VerifierKey,
    bundle::{Counts, Kind, Label, SCHEMA, Writer, as_line, kind},
};
use serde::Deserialize;
use tasks::audit::LATEST_HOURS;

use crate::{
    account::clients::Aws,
    audit::{
        bucket::{Bucket, Listing, Version},
        log::Reader,
    },
    cli::{audit_args::RangeArgs, failure::Failure},
    terminal::{
        clock::{self, Millis},
        layout::count,
        screen::Progress,
    },
};

/// How far clocks may differ.
const CLOCKS_DIFFER: i64 = 5;
/// A copy of a record may be made so many minutes after it, and is sealed by the record's checkpoint.
const COPIES: i64 = LATEST_HOURS * 60 + 60;

/// A log and its seals.
#[derive(Debug)]
pub struct Source<'a> {
    pub aws: &'a Aws,
    pub group: &'a str,
    pub bucket: Bucket,
    /// The log's name; if it is not known, that of the newest checkpoint.
    pub origin: Option<String>,
    /// The moment that the bundle bears as that of its making.
    pub made: Millis,
}

/// The checkpoints of a bundle, and the minutes that they judge.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Span {
    first: u64,
    last: u64,
    since: Option<Minute>,
    until: Option<Minute>,
}

/// A bundle that only waits for its name.
#[derive(Debug)]
pub struct Gathered {
    writer: Writer,
    label: Label,
    pub counts: Counts,
}

impl Gathered {
    pub fn finish(self) -> io::Result<()> {
        self.writer.finish(self.label)
    }
}

/// Reads seals and log into a bundle of this name, which nothing may have yet.
pub async fn gather(source: &Source<'_>, range: RangeArgs, target: &Path) -> Result<Gathered, Failure> {
    let unwritable =
        |error: io::Error| Failure::failed(format!("writing the bundle {}: {error}", target.display()));
    let now = clock::now();
    let mut writer = Writer::begin(target).map_err(unwritable)?;
    let mut progress = Progress::new();
    let listing = source.bucket.list(&mut progress).await?;
    for stranger in &listing.strangers {
        writer.stranger(stranger).map_err(unwritable)?;
    }
    let (span, newest) = span(&source.bucket, &listing, range).await?;
    let (mut keys, mut read) = (Vec::new(), 0);
    let objects = listing.between(span.first, span.last);
    let mut put = |version: &Version, content: Option<&[u8]>| {
        put(&mut writer, &mut keys, version, content).map_err(unwritable)
    };
    for some in objects.chunks(256) {
        source.bucket.read_all(some, &mut put).await?;
        read += some.len();
        progress.show(&format!("read {} of the seal", count(read, "object")));
    }
    read_log(source, span, range, now, &mut writer, &mut progress, &unwritable).await?;
    let origin = source.origin.clone().or(newest.map(|newest| newest.origin)).unwrap_or_default();
    let label = Label {
        schema: SCHEMA.to_owned(),
        origin,
        stage: source.group.split('/').nth(2).unwrap_or_default().to_owned(),
        log_group: source.group.to_owned(),
        since: span.since,
        until: span.until,
        made: Second::of_unix_millis(source.made),
        counts: Counts::default(),
        keys,
    };
    Ok(Gathered { counts: writer.counts, writer, label })
}

/// Adds an object to the bundle, and a key to those of its label.
fn put(
    writer: &mut Writer,
    keys: &mut Vec<String>,
    version: &Version,
    content: Option<&[u8]>,
) -> io::Result<()> {
    if let (Some(Kind::Key), 1, Some(content)) = (kind(&version.key), version.number, content) {
        let first = String::from_utf8_lossy(content).lines().next().map(VerifierKey::parse);
        keys.extend(first.and_then(Result::ok).map(|key| key.to_string()));
    }
    writer.object(&version.key, version.number, content)
}

/// Finds the checkpoints for a range, which is widened to theirs, and the newest of them.
async fn span(
    bucket: &Bucket,
    listing: &Listing,
    range: RangeArgs,
) -> Result<(Span, Option<Checkpoint>), Failure> {
    let minute = |at: Millis| Minute::of_unix_millis(at);
    let mut place = match range.until {
        Some(until) => bucket.reaching(listing, minute(until - 1)).await?,
        None => listing.checkpoints.len(),
    };
    place = place.min(listing.checkpoints.len().saturating_sub(1));
    let last = listing.checkpoints.get(place).copied().unwrap_or_default();
    // What cannot be read is a finding, but its minutes are not known.
    let mut newest = bucket.checkpoint(listing, place).await?;
    while newest.is_none() && place > 0 {
        place -= 1;
        newest = bucket.checkpoint(listing, place).await?;
    }
    let until = newest.as_ref().map(|newest| newest.to);
    let whole = Span { first: 0, last, since: None, until };
    let Some(since) = range.since.map(minute) else { return Ok((whole, newest)) };
    let from = bucket.reaching(listing, since).await?;
    if from == 0 {
        // What came into the log before that is not part of it, so that what claims to be as old is judged.
        let first = bucket.checkpoint(listing, 0).await?.map_or(since, |first| since.min(first.from));
        return Ok((Span { since: Some(first), ..whole }, newest));
    }
    let since = bucket.checkpoint(listing, from).await?.map_or(since, |checkpoint| checkpoint.from);
    // One more: its manifest leads to the next one.
    let first = bucket.reaching(listing, since.plus(-COPIES)).await?.saturating_sub(1);
    let first = if first == 0 { 0 } else { listing.checkpoints[first] };
    Ok((Span { first, since: Some(since), ..whole }, newest))
}

/// Reads the log. A line that is newer than the newest checkpoint is kept apart.
async fn read_log(
    source: &Source<'_>,
    span: Span,
    range: RangeArgs,
    now: Millis,
    writer: &mut Writer,
    progress: &mut Progress,
    unwritable: &impl Fn(io::Error) -> Failure,
) -> Result<(), Failure> {
    let start = |minute: Minute| minute.start().unix() * 1_000;
    let end = span.until.filter(|_| range.until.is_some());
    let log_range = RangeArgs {
        since: span.since.map(|since| start(since.plus(-COPIES))),
        until: Some(end.map_or(now, |until| start(until.plus(1 + CLOCKS_DIFFER)))),
    };
    let since = span.since.map(start);
    let mut reader = Reader::new(source.aws, source.group, None, log_range);
    loop {
        let events = match reader.try_page().await {
            Ok(Some(events)) => events,
            Ok(None) => break,
            // The seals outlive a log that somebody removed, and say what was in it.
            Err(error) if error.is("ResourceNotFound") && span.last > 0 => break,
            Err(error) => return Err(reader.stop(&error)),
        };
        let last = events.last().map(|event| event.at);
        for event in events {
            let audited = audited(&event.message);
            let is_earlier = |at: Option<Millis>| since.is_some_and(|since| at.is_some_and(|at| at < since));
            if is_earlier(Some(event.at)) && is_earlier(audited.map(start)) {
                continue;
            }
            let line = as_line(&event.message);
            let is_newer = span.until.is_some_and(|until| audited > Some(until));
            let written =
                if is_newer { writer.newer(line.as_bytes()) } else { writer.record(line.as_bytes()) };
            written.map_err(unwritable)?;
        }
        if let Some(last) = last.filter(|_| progress.visible()) {
            let lines = usize::try_from(writer.counts.records).unwrap_or(usize::MAX);
            progress.show(&format!("read {}, up to {}", count(lines, "line"), clock::date_time(last)));
        }
    }
    Ok(())
}

/// Returns the minute in which a line's record was made.
fn audited(message: &str) -> Option<Minute> {
    #[derive(Deserialize)]
    struct Line {
        time: Time,
    }
    #[derive(Deserialize)]
    struct Time {
        audited: String,
    }
    Minute::of_timestamp(&serde_json::from_str::<Line>(message).ok()?.time.audited)
}
