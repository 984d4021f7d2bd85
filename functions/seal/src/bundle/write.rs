use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, BufWriter, ErrorKind, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use super::{
    FOLDERS, LABEL, NEWER, RECORDS,
    label::{Counts, Label},
    object::{Kind, Version, kind},
};

/// Writes a bundle, which appears under its name when it is complete.
#[derive(Debug)]
pub struct Writer {
    target: PathBuf,
    partial: PathBuf,
    records: BufWriter<File>,
    newer: BufWriter<File>,
    pub counts: Counts,
    strangers: u32,
}

impl Writer {
    /// Begins a bundle. Nothing may be there under its name.
    pub fn begin(target: &Path) -> io::Result<Self> {
        let mut name = target.file_name().ok_or(ErrorKind::InvalidInput)?.to_owned();
        if target.symlink_metadata().is_ok() {
            return Err(io::Error::new(ErrorKind::AlreadyExists, "it is there already"));
        }
        name.push(format!(".{}.partial", std::process::id()));
        let partial = target.with_file_name(name);
        // For its owner alone: it names people and their addresses.
        let folder = |path: &Path| DirBuilder::new().mode(0o700).create(path);
        folder(&partial)?;
        let made = FOLDERS.iter().try_for_each(|name| folder(&partial.join(name)));
        let opened = made.and_then(|()| Ok((create(&partial, RECORDS)?, create(&partial, NEWER)?)));
        match opened {
            Ok((records, newer)) => Ok(Self {
                target: target.to_owned(),
                partial,
                records: BufWriter::new(records),
                newer: BufWriter::new(newer),
                counts: Counts::default(),
                strangers: 0,
            }),
            Err(err) => {
                fs::remove_dir_all(partial).ok();
                Err(err)
            }
        }
    }

    /// Adds a version of an object of the bucket, the first being 1. One without content is a delete marker.
    pub fn object(&mut self, name: &str, number: u32, content: Option<&[u8]>) -> io::Result<()> {
        // A name that no notary gives may lead anywhere.
        let stranger =
            || io::Error::new(ErrorKind::InvalidInput, format!("{name:?} is no object of a notary"));
        let count = match kind(name).ok_or_else(stranger)? {
            Kind::Checkpoint(_) => &mut self.counts.checkpoints,
            Kind::Manifest(_) => &mut self.counts.manifests,
            Kind::Key => &mut self.counts.keys,
        };
        *count += 1;
        let version = Version { number, is_marker: content.is_none() };
        create(&self.partial, &version.file(name))?.write_all(content.unwrap_or_default())
    }

    /// Notes an object among the seals that no notary makes, under a name without anything that leads elsewhere.
    pub fn stranger(&mut self, name: &str) -> io::Result<()> {
        self.strangers += 1;
        let is_safe = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
        let name: String = name.chars().take(80).map(|c| if is_safe(c) { c } else { '_' }).collect();
        create(&self.partial.join(FOLDERS[0]), &format!("stranger-{}-{name}", self.strangers)).map(drop)
    }

    /// Adds a line of the log, without its end.
    pub fn record(&mut self, line: &[u8]) -> io::Result<()> {
        self.counts.records += 1;
        write_line(&mut self.records, line)
    }

    /// Adds a line that is newer than the newest checkpoint.
    pub fn newer(&mut self, line: &[u8]) -> io::Result<()> {
        self.counts.newer += 1;
        write_line(&mut self.newer, line)
    }

    /// Ends the bundle and gives it its name. The label's counts are those of what was written.
    pub fn finish(mut self, mut label: Label) -> io::Result<()> {
        label.counts = self.counts;
        // Text and numbers cannot fail to serialise.
        let text = serde_json::to_string_pretty(&label).unwrap_or_default();
        create(&self.partial, LABEL)?.write_all(format!("{text}\n").as_bytes())?;
        for file in [&mut self.records, &mut self.newer] {
            file.flush()?;
            file.get_ref().sync_all()?;
        }
        fs::rename(&self.partial, &self.target)
    }
}

impl Drop for Writer {
    /// Removes a bundle that did not become complete.
    fn drop(&mut self) {
        fs::remove_dir_all(&self.partial).ok();
    }
}

fn write_line(file: &mut impl Write, line: &[u8]) -> io::Result<()> {
    file.write_all(line)?;
    file.write_all(b"\n")
}

fn create(folder: &Path, name: &str) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(folder.join(name))
}
