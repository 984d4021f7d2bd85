//! Files that are there when they are complete, or not at all.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, ErrorKind, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// Standard output, or a file that appears only when it is complete.
pub struct Target {
    writer: BufWriter<Box<dyn Write>>,
    file: Option<(File, PathBuf, PathBuf)>,
}

impl Target {
    pub fn open(output: Option<&Path>) -> io::Result<Self> {
        let Some(path) = output else {
            return Ok(Self { writer: BufWriter::new(Box::new(io::stdout())), file: None });
        };
        let mut name = path.file_name().ok_or(ErrorKind::InvalidInput)?.to_owned();
        name.push(format!(".{}.partial", std::process::id()));
        let partial = path.with_file_name(name);
        // For its owner alone: it names people and their addresses.
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&partial)?;
        let writer = BufWriter::new(Box::new(file.try_clone()?) as Box<dyn Write>);
        Ok(Self { writer, file: Some((file, partial, path.to_owned())) })
    }

    pub fn finish(mut self) -> io::Result<()> {
        self.writer.flush()?;
        match self.file.take() {
            None => Ok(()),
            Some((file, partial, path)) => {
                let placed = file.sync_all().and_then(|()| fs::rename(&partial, path));
                placed.inspect_err(|_| drop(fs::remove_file(&partial)))
            }
        }
    }
}

impl Drop for Target {
    /// Removes a file that did not become complete.
    fn drop(&mut self) {
        if let Some((_, partial, _)) = self.file.take() {
            fs::remove_file(partial).ok();
        }
    }
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::{env, fs, io::Write, os::unix::fs::PermissionsExt};

    use super::Target;

    #[test]
    fn a_file_appears_when_it_is_complete_and_for_its_owner_alone() {
        let folder = env::temp_dir().join(format!("taskctl-output-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("x.csv");
        let files = || fs::read_dir(&folder).unwrap().count();
        let mut stopped = Target::open(Some(&path)).unwrap();
        stopped.write_all(b"half").unwrap();
        assert_eq!((path.exists(), files()), (false, 1));
        drop(stopped);
        assert_eq!(files(), 0, "nothing is left of one that was stopped");

        let mut whole = Target::open(Some(&path)).unwrap();
        whole.write_all(b"whole").unwrap();
        whole.finish().unwrap();
        assert_eq!((fs::read(&path).unwrap().as_slice(), files()), (&b"whole"[..], 1));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::remove_dir_all(&folder).unwrap();
        assert!(Target::open(Some(&path)).is_err(), "no such folder");
    }
}
