use crate::{Checkpoint, Manifest};

/// The kinds of objects in the bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Checkpoint(u64),
    Manifest(u64),
    Key,
}

/// Returns the kind of an object by its name. `None` for one that no notary makes.
#[must_use]
pub fn kind(name: &str) -> Option<Kind> {
    let is_id =
        |id: &str| id.len() == 8 && id.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    let key = || name.strip_prefix("keys/")?.strip_suffix(".pub").filter(|id| is_id(id)).map(|_| Kind::Key);
    let checkpoint = Checkpoint::number_of(name).map(Kind::Checkpoint);
    checkpoint.or_else(|| Manifest::number_of(name).map(Kind::Manifest)).or_else(key)
}

/// A version of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version {
    /// 1 for the first.
    pub number: u32,
    /// It says that the object was deleted, and has no content.
    pub is_marker: bool,
}

impl Version {
    /// Returns the name of a version's file.
    pub fn file(self, name: &str) -> String {
        match self {
            Self { number: 1, is_marker: false } => name.to_owned(),
            Self { number, is_marker: false } => format!("{name}@{number}"),
            Self { number, is_marker: true } => format!("{name}@{number}-deleted"),
        }
    }

    /// Reads a file's name: the object's, and which version it is.
    pub fn parse(file: &str) -> Option<(&str, Self)> {
        let Some((name, version)) = file.split_once('@') else {
            return Some((file, Self { number: 1, is_marker: false }));
        };
        let (number, is_marker) =
            version.strip_suffix("-deleted").map_or((version, false), |number| (number, true));
        let parsed = Self { number: number.parse().ok()?, is_marker };
        (parsed.file(name) == file).then_some((name, parsed))
    }
}

#[cfg(test)]
mod tests {
    use super::{Kind, Version, kind};

    #[test]
    fn only_what_a_notary_makes_has_a_kind() {
        assert_eq!(kind("checkpoints/0000000017"), Some(Kind::Checkpoint(17)));
        assert_eq!(kind("manifests/0000000017.json"), Some(Kind::Manifest(17)));
        assert_eq!(kind("keys/c74f20a3.pub"), Some(Kind::Key));
        for other in [
            "checkpoints/17",
            "checkpoints/0000000017.json",
            "manifests/0000000017",
            "manifests/17.json",
            "keys/C74F20A3.pub",
            "keys/.pub",
            "other",
        ] {
            assert_eq!(kind(other), None, "{other}");
        }
    }

    #[test]
    fn the_name_of_a_file_says_which_version_it_is() {
        for (number, is_marker, file) in [(1, false, "a"), (2, false, "a@2"), (3, true, "a@3-deleted")] {
            let version = Version { number, is_marker };
            assert_eq!(version.file("a"), file);
            assert_eq!(Version::parse(file), Some(("a", version)));
        }
        for other in ["a@", "a@x", "a@02", "a@1", "a@2-gone", "a@2@3"] {
            assert_eq!(Version::parse(other), None, "{other}");
        }
    }
}
