//! Hashes of inputs, and stamp files that keep the hash which something was made from: they tell whether anything has changed.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use anyhow::{Context, Result};
use sha2::{Digest as _, Sha256};

/// Folders that are no sources.
const MADE: [&str; 7] =
    ["node_modules", "cdk.out", "__pycache__", ".pytest_cache", ".ruff_cache", ".mypy_cache", "tests"];

/// A hash over named inputs. Every part goes in with its length, so that no two lists of parts look alike.
#[derive(Default)]
pub struct Fingerprint(Sha256);

impl Fingerprint {
    /// Begins with no inputs.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a value, such as a version.
    pub fn value(mut self, name: &str, value: &[u8]) -> Self {
        for part in [name.as_bytes(), value] {
            self.0.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            self.0.update(part);
        }
        self
    }

    /// Adds a file's content; a missing file is different from an empty one.
    pub fn file(self, name: &str, path: &Path) -> Result<Self> {
        match fs::read(path) {
            Ok(content) => Ok(self.value(name, &content)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Ok(self.value(&format!("no {name}"), b""))
            }
            Err(error) => Err(error).with_context(|| format!("{} cannot be read", path.display())),
        }
    }

    /// Adds a large file by its size and time of change, as `make` and `rsync` do it.
    pub fn made_file(self, name: &str, path: &Path) -> Result<Self> {
        let (size, changed) = size_and_time(path)?;
        Ok(self.value(name, &size.to_be_bytes()).value("changed", &changed.to_be_bytes()))
    }

    /// Adds the sources below a folder, names and contents, without tests, what tools leave behind, and Rust, which cargo watches.
    pub fn tree(mut self, root: &Path, folder: &str) -> Result<Self> {
        let mut files = Vec::new();
        collect(&root.join(folder), &mut files)?;
        files.sort();
        for path in files {
            let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
            self = self.file(&name, &path)?;
        }
        Ok(self)
    }

    /// Returns the hash in hex.
    pub fn finish(self) -> String {
        hex::encode(self.0.finalize())
    }
}

/// Reads the size in bytes and the time of change in nanoseconds.
pub fn size_and_time(path: &Path) -> Result<(u64, u128)> {
    let data = fs::metadata(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let changed = data.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    Ok((data.len(), changed.map_or(0, |time| time.as_nanos())))
}

/// Tells whether `stamp` says that its folder is complete and was made from exactly these inputs.
pub fn is_fresh(stamp: &Path, hash: &str) -> bool {
    fs::read_to_string(stamp).is_ok_and(|found| found.trim() == hash)
}

/// Writes the stamp, which comes last.
pub fn mark_fresh(stamp: &Path, hash: &str) -> Result<()> {
    fs::write(stamp, hash).with_context(|| format!("{} cannot be written", stamp.display()))
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).with_context(|| format!("{} cannot be read", folder.display())),
    };
    for entry in entries {
        let path = entry.with_context(|| format!("{} cannot be read", folder.display()))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() {
            if !MADE.contains(&name.as_ref()) {
                collect(&path, files)?;
            }
        } else if ![".pyc", ".rs"].iter().any(|end| name.ends_with(end)) && name != "Cargo.toml" {
            files.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{Fingerprint, is_fresh, mark_fresh};
    use crate::tools::testing::folder;

    #[test]
    fn parts_do_not_run_into_each_other() {
        let one = Fingerprint::new().value("a", b"bc").finish();
        let other = Fingerprint::new().value("ab", b"c").finish();
        assert_ne!(one, other);
        assert_eq!(one, Fingerprint::new().value("a", b"bc").finish());
    }

    #[test]
    fn a_tree_changes_with_names_and_contents_but_not_with_what_tools_leave() {
        let root = folder("tree");
        fs::create_dir_all(root.join("src/deep")).expect("a folder");
        fs::write(root.join("src/deep/a.py"), "1").expect("a file");
        let hash = || Fingerprint::new().tree(&root, "src").expect("a hash").finish();
        let first = hash();

        fs::create_dir_all(root.join("src/__pycache__")).expect("a folder");
        fs::write(root.join("src/__pycache__/a.pyc"), "x").expect("a file");
        fs::create_dir_all(root.join("src/node_modules/p")).expect("a folder");
        fs::write(root.join("src/node_modules/p/i.js"), "x").expect("a file");
        fs::write(root.join("src/deep/lib.rs"), "x").expect("a file");
        fs::write(root.join("src/deep/Cargo.toml"), "x").expect("a file");
        assert_eq!(hash(), first);

        fs::write(root.join("src/deep/a.py"), "2").expect("a file");
        let second = hash();
        assert_ne!(second, first);
        fs::rename(root.join("src/deep/a.py"), root.join("src/deep/b.py")).expect("a new name");
        assert_ne!(hash(), second);
    }

    #[test]
    fn a_missing_file_is_not_an_empty_one() {
        let root = folder("missing");
        let missing = Fingerprint::new().file("f", &root.join("f")).expect("a hash").finish();
        fs::write(root.join("f"), "").expect("a file");
        let empty = Fingerprint::new().file("f", &root.join("f")).expect("a hash").finish();
        assert_ne!(missing, empty);
    }

    #[test]
    fn only_the_same_hash_is_fresh() {
        let stamp = folder("stamp").join(".stamp");
        assert!(!is_fresh(&stamp, "abc"), "no stamp: a half-finished install");
        mark_fresh(&stamp, "abc").expect("a stamp");
        assert!(is_fresh(&stamp, "abc"));
        assert!(!is_fresh(&stamp, "abd"));
    }
}
