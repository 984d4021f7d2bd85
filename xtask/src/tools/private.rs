//! Files that hold secrets.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;

/// Writes a JSON file that only its owner may read, in one move.
pub fn write_private(path: &Path, value: &impl Serialize) -> Result<()> {
    let write = || -> std::io::Result<()> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let part = path.with_extension("part");
        // A new file, so that the mode holds for it.
        fs::remove_file(&part).ok();
        let mut file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&part)?;
        serde_json::to_writer_pretty(&mut file, value)?;
        file.write_all(b"\n")?;
        fs::rename(part, path)
    };
    write().with_context(|| format!("{} cannot be written", path.display()))
}
