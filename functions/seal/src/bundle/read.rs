use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::{self, BufReader, ErrorKind, Read},
    path::{Path, PathBuf},
};

use super::{
    FOLDERS, LABEL, NEWER, RECORDS,
    label::{Counts, Label},
    lines::read_line,
    object::{Kind, Version, kind},
};
use crate::{
    Minute, VerifierKey,
    verify::{Demands, Document, Finding, Report, Unchecked, Verification},
};

/// The most bytes of a file that are read; a longer one is not what it says. A manifest of 50,000 leaves has 3.4 MB.
const FILE_MAX: u64 = 64 << 20;
/// The minutes by which the clock of whoever made the bundle may be ahead.
const CLOCKS_DIFFER: i64 = 5;

/// A bundle on the disk.
#[derive(Debug)]
pub struct Bundle {
    folder: PathBuf,
    /// Its label, or the reason why it cannot be read.
    label: Result<Label, String>,
    checkpoints: Versions,
    manifests: Versions,
    keys: Vec<VerifierKey>,
    /// Findings in the names of its files and in its keys.
    findings: Vec<Finding>,
    counts: Counts,
}

/// Files by number and version.
type Versions = BTreeMap<(u64, Version), PathBuf>;

/// The outcome of a bundle's verification.
#[derive(Debug)]
pub struct Verified {
    pub report: Report,
    /// The number of lines in `records.ndjson`. Those of `newer.ndjson` are counted on from there.
    pub lines: u64,
}

impl Bundle {
    /// Looks at a bundle. Fails if the folder cannot be read, or is none, or holds anything but regular files.
    pub fn open(folder: &Path) -> io::Result<Self> {
        let label = match read(&folder.join(LABEL)) {
            Ok(text) => Label::parse(&text),
            Err(err) if err.kind() == ErrorKind::NotFound => Err("it is not there".to_owned()),
            Err(err) => return Err(err),
        };
        let mut bundle = Self {
            folder: folder.to_owned(),
            label,
            checkpoints: Versions::new(),
            manifests: Versions::new(),
            keys: Vec::new(),
            findings: Vec::new(),
            counts: Counts::default(),
        };
        let mut found = false;
        for name in FOLDERS {
            found |= bundle.list(name)?;
        }
        if found || bundle.label.is_ok() {
            Ok(bundle)
        } else {
            let reason = format!("{} is no bundle: it has neither {LABEL} nor checkpoints", folder.display());
            Err(io::Error::new(ErrorKind::InvalidData, reason))
        }
    }

    /// Returns the keys that lie in the bundle, which prove nothing by themselves.
    #[must_use]
    pub fn keys(&self) -> &[VerifierKey] {
        &self.keys
    }

    #[must_use]
    pub fn label(&self) -> Option<&Label> {
        self.label.as_ref().ok()
    }

    /// Lists a directory. Returns whether it is there.
    fn list(&mut self, name: &str) -> io::Result<bool> {
        let folder = self.folder.join(name);
        match folder.symlink_metadata() {
            Err(err) if err.kind() == ErrorKind::NotFound => return Ok(false),
            found if found.as_ref().is_ok_and(fs::Metadata::is_dir) => {}
            _ => {
                return Err(io::Error::new(
                    ErrorKind::InvalidData,
                    format!("{}: it is no directory", folder.display()),
                ));
            }
        }
        let entries = fs::read_dir(&folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let mut paths: Vec<PathBuf> =
            entries.map_err(|err| named(&folder, &err))?.iter().map(fs::DirEntry::path).collect();
        paths.sort_unstable();
        for path in paths {
            check_regular(&path).map_err(|err| named(&path, &err))?;
            let file = format!("{name}/{}", path.file_name().unwrap_or_default().to_string_lossy());
            let known =
                Version::parse(&file).and_then(|(object, version)| Some((object, version, kind(object)?)));
            match known {
                Some((object, version, kind)) => self.add(object, version, kind, path)?,
                None => self.findings.push(Finding::Stranger { object: file }),
            }
        }
        Ok(true)
    }

    fn add(&mut self, object: &str, version: Version, kind: Kind, path: PathBuf) -> io::Result<()> {
        let name = || object.to_owned();
        if version.is_marker {
            self.findings.push(Finding::Deleted { object: name() });
        } else if version.number > 1 {
            self.findings.push(Finding::WrittenAgain { object: name() });
        }
        match kind {
            Kind::Checkpoint(number) => {
                self.counts.checkpoints += 1;
                if !version.is_marker {
                    self.checkpoints.insert((number, version), path);
                }
            }
            Kind::Manifest(number) => {
                self.counts.manifests += 1;
                if !version.is_marker {
                    self.manifests.insert((number, version), path);
                }
            }
            Kind::Key => {
                self.counts.keys += 1;
                if version.number == 1 {
                    match read_key(object, &read(&path)?) {
                        Ok(key) => self.keys.push(key),
                        Err(reason) => self.findings.push(Finding::KeyAltered { object: name(), reason }),
                    }
                }
            }
        }
        Ok(())
    }

    /// Verifies the bundle, and shows each line on the way. Without keys in the demands, its own serve for the arithmetic.
    pub fn verify(&self, mut demands: Demands, mut look: impl FnMut(u64, &[u8])) -> io::Result<Verified> {
        let mut unchecked = Vec::new();
        if demands.keys.is_empty() && !self.keys.is_empty() {
            demands.keys.clone_from(&self.keys);
            unchecked.push(Unchecked::KeysOfTheBundle);
        }
        if let Some(since) = self.label().and_then(|label| label.since)
            && demands.since.is_none_or(|asked| asked < since)
        {
            demands.since = Some(since);
            unchecked.push(Unchecked::Part { since });
        }
        let now = demands.fresh.map(|(now, _)| Minute::of_unix_millis(now.unix() * 1_000));
        let mut failed = None;
        let checkpoints: Vec<Document> = documents(&self.checkpoints, &mut failed).collect();
        let manifests: Vec<Document> = documents(&self.manifests, &mut failed).collect();
        if let Some(err) = failed {
            return Err(err);
        }
        let mut verification = Verification::begin(demands, checkpoints, manifests);
        if let Some(since) = self.label().and_then(|label| label.since) {
            verification.only_from(since);
        }
        let mut findings = self.findings.clone();
        let lines = self.read_lines(RECORDS, 0, &mut findings, |line, text| {
            look(line, text);
            verification.take(line, text);
        })?;
        let newer = self.read_lines(NEWER, lines, &mut findings, |line, text| {
            look(line, text);
            verification.take_of_growing(line, text);
        })?;
        let mut report = verification.end();
        report.findings.extend(findings);
        report.unchecked.extend(unchecked);
        let counts = Counts { records: lines, newer, ..self.counts };
        self.compare(counts, now, &mut report);
        Ok(Verified { report, lines })
    }

    /// Hands over the lines of a file, counted on from a number. Returns how many there are.
    fn read_lines(
        &self,
        name: &str,
        before: u64,
        findings: &mut Vec<Finding>,
        mut take: impl FnMut(u64, &[u8]),
    ) -> io::Result<u64> {
        let path = self.folder.join(name);
        let mut reader = match open(&path) {
            Ok(file) => BufReader::new(file),
            Err(err) if err.kind() == ErrorKind::NotFound => {
                findings.push(Finding::LabelWrong { reason: format!("there is no {name}") });
                return Ok(0);
            }
            Err(err) => return Err(named(&path, &err)),
        };
        let (mut lines, mut buffer) = (0, Vec::new());
        while read_line(&mut reader, &mut buffer).map_err(|err| named(&path, &err))? {
            lines += 1;
            take(before + lines, &buffer);
        }
        Ok(lines)
    }

    /// Compares the label with what is there. If something else is wrong, that is the reason and says more.
    fn compare(&self, counts: Counts, now: Option<Minute>, report: &mut Report) {
        let wrong = |reason: String| Finding::LabelWrong { reason };
        let label = match &self.label {
            Ok(label) => label,
            Err(reason) => return report.found(wrong(reason.clone())),
        };
        if !report.findings.is_empty() {
            return;
        }
        let last = report.last.as_ref();
        let to = last.map(|last| last.to);
        let first = self.checkpoints.keys().next().map(|(number, _)| *number);
        if label.since.is_none() && first.is_some_and(|first| first > 1) {
            let through = first.unwrap_or_default() - 1;
            return report.found(Finding::CheckpointMissing { checkpoint: 1, through });
        }
        if label.until > to {
            return report.found(Finding::CutShort { until: label.until, last: to });
        }
        let own: BTreeSet<String> = self.keys.iter().map(ToString::to_string).collect();
        let origin = last.map_or(&label.origin, |last| &last.origin);
        let group = label.log_group.strip_prefix('/').unwrap_or_default();
        let is_of_group =
            origin.strip_prefix(group).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        let made = Minute::of_unix_millis(label.made.unix() * 1_000);
        let is_late = now.is_some_and(|now| made > now.plus(CLOCKS_DIFFER));
        let members = [
            ("counts", label.counts == counts),
            ("keys", label.keys.iter().cloned().collect::<BTreeSet<_>>() == own),
            ("origin", *origin == label.origin),
            ("logGroup", last.is_none() || is_of_group),
            ("stage", group.split('/').nth(1) == Some(&label.stage)),
            ("until", label.until == to),
            ("made", !is_late && last.is_none_or(|last| last.at <= label.made)),
        ];
        let different = members.iter().filter(|(_, same)| !same);
        let different: Vec<&str> = different.map(|(member, _)| *member).collect();
        if !different.is_empty() {
            report.found(wrong(format!("{} of {LABEL} does not fit what is there", different.join(", "))));
        }
    }
}

fn documents(versions: &Versions, failed: &mut Option<io::Error>) -> impl Iterator<Item = Document> {
    versions.iter().map_while(|((number, _), path)| match read(path) {
        Ok(content) => Some(Document { number: *number, content }),
        Err(err) => {
            *failed = Some(err);
            None
        }
    })
}

/// Reads a key as the notary publishes it.
fn read_key(object: &str, content: &[u8]) -> Result<VerifierKey, String> {
    let text = std::str::from_utf8(content).map_err(|_| "it is not UTF-8")?;
    let key = VerifierKey::parse(text.lines().next().unwrap_or_default())?;
    if text != key.published() {
        return Err("its two forms of the key differ".to_owned());
    }
    if object != key.object() {
        return Err(format!("it is the key {}", key.id()));
    }
    Ok(key)
}

/// Refuses all but a file that lies in the bundle itself: a pipe keeps its reader waiting, a device may never end, and a link leads
/// to what nobody handed over.
fn check_regular(path: &Path) -> io::Result<()> {
    if path.symlink_metadata()?.is_file() {
        Ok(())
    } else {
        Err(io::Error::new(ErrorKind::InvalidData, "it is no regular file"))
    }
}

fn open(path: &Path) -> io::Result<File> {
    check_regular(path).and_then(|()| File::open(path))
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    let read = open(path).and_then(|file| file.take(FILE_MAX).read_to_end(&mut content));
    read.map(|_| content).map_err(|err| named(path, &err))
}

fn named(path: &Path, err: &io::Error) -> io::Error {
    io::Error::new(err.kind(), format!("{}: {err}", path.display()))
}
