//! A checkpoint: the signed statement of all leaves so far, as <https://c2sp.org/tlog-checkpoint> defines it. Its extension
//! lines say what it follows and what it adds.

use std::fmt::Write;

use crate::{
    clock::{Minute, Second},
    merkle::Hash,
};

/// The statement of a checkpoint. [`Checkpoint::text`] writes it, and only that form is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log, such as `tasks/dev/audit`; also the name of its keys.
    pub origin: String,
    /// The number of leaves in all manifests so far.
    pub size: u64,
    /// The root over them, manifest by manifest.
    pub root: Hash,
    /// 1 for the first.
    pub number: u64,
    /// The SHA-256 of the text of the checkpoint before, without its signatures, to which others may be added later. `None`
    /// for the first.
    pub previous: Option<Hash>,
    /// The first and the last minute whose intents it covers, but for late ones, which the next checkpoint takes.
    pub from: Minute,
    pub to: Minute,
    /// The notary's clock.
    pub at: Second,
    /// How many stream records went to quarantine. One that was delivered several times counts several times.
    pub quarantined: u64,
    /// How many records had no known actor, counted in the same way.
    pub unknown_actors: u64,
    /// The ids of the keys that sign.
    pub keys: Vec<String>,
}

impl Checkpoint {
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = format!("{}\n{}\n{}\n", self.origin, self.size, self.root.base64());
        let previous = self.previous.map_or_else(|| "none".to_owned(), Hash::base64);
        let Self { number, from, to, at, quarantined, unknown_actors, .. } = self;
        // Writing to a string cannot fail.
        let _ = write!(text, "number {number}\nprevious {previous}\nfrom {from}\nto {to}\nat {at}\n");
        let _ = write!(text, "quarantined {quarantined}\nunknown-actors {unknown_actors}\n");
        for key in &self.keys {
            let _ = writeln!(text, "key {key}");
        }
        text
    }

    /// Parses a note's text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut lines = text.strip_suffix('\n').ok_or("its text does not end with a newline")?.split('\n');
        let mut line = |name: &str| lines.next().ok_or_else(|| format!("it has no line for its {name}"));
        let origin = line("origin")?.to_owned();
        let size = line("size")?.parse().map_err(|_| "its size is no number")?;
        let root = Hash::parse_base64(line("root")?).ok_or("its root is no hash")?;
        let mut extension = |name: &str| -> Result<String, String> {
            let line = line(name)?;
            let value = line.strip_prefix(name).and_then(|rest| rest.strip_prefix(' '));
            value
                .map(str::to_owned)
                .ok_or_else(|| format!("the line {line:?} stands where its {name} should"))
        };
        let malformed = |name: &'static str| move || format!("its {name} is malformed");
        let number = extension("number")?.parse().map_err(|_| malformed("number")())?;
        let previous = match extension("previous")?.as_str() {
            "none" => None,
            hash => Some(Hash::parse_base64(hash).ok_or_else(malformed("previous"))?),
        };
        let from = Minute::parse(&extension("from")?).ok_or_else(malformed("from"))?;
        let to = Minute::parse(&extension("to")?).ok_or_else(malformed("to"))?;
        let at = Second::parse(&extension("at")?).ok_or_else(malformed("at"))?;
        let quarantined = extension("quarantined")?.parse().map_err(|_| malformed("quarantined")())?;
        let unknown_actors =
            extension("unknown-actors")?.parse().map_err(|_| malformed("unknown-actors")())?;
        let keys: Option<Vec<_>> = lines.map(|line| line.strip_prefix("key ").map(str::to_owned)).collect();
        let keys = keys.ok_or("it ends with lines that are no keys")?;
        let parsed =
            Self { origin, size, root, number, previous, from, to, at, quarantined, unknown_actors, keys };
        // Numbers and hashes with other spellings.
        if parsed.text() == text {
            Ok(parsed)
        } else {
            Err("it is not written as a checkpoint is".to_owned())
        }
    }

    /// Returns what the next checkpoint names as the one before.
    #[must_use]
    pub fn hash(&self) -> Hash {
        Hash::of(self.text().as_bytes())
    }

    /// The name of the object that holds it.
    #[must_use]
    pub fn key(number: u64) -> String {
        format!("checkpoints/{number:010}")
    }

    /// Returns the number in an object's name.
    #[must_use]
    pub fn number_of(key: &str) -> Option<u64> {
        let number = key.strip_prefix("checkpoints/")?.parse().ok()?;
        (Self::key(number) == key).then_some(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "tasks/dev/audit\n3\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\nnumber 2\n\
        previous 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\nfrom 2026-11-28T08:37Z\nto 2026-11-28T08:41Z\n\
        at 2026-11-28T08:46:07Z\nquarantined 0\nunknown-actors 1\nkey c74f20a3\nkey 0a0b0c0d\n";

    #[test]
    fn a_checkpoint_is_read_as_it_is_written_and_in_no_other_way() {
        let parsed = Checkpoint::parse(TEXT).unwrap();
        assert_eq!((parsed.number, parsed.size, parsed.keys.len()), (2, 3, 2));
        assert_eq!(parsed.text(), TEXT);
        let first = Checkpoint { previous: None, keys: Vec::new(), ..parsed };
        assert_eq!(Checkpoint::parse(&first.text()), Ok(first));
        for (from, to) in [
            ("\n3\n", "\n03\n"),
            ("\n3\n", "\n+3\n"),
            ("number 2", "number two"),
            ("from", "since"),
            ("key c74", "kea c74"),
            ("quarantined 0\n", ""),
            ("08:41Z", "08:41:00Z"),
            ("tasks/dev/audit\n", ""),
            ("0d\n", "0d"),
            ("0d\n", "0d\n\n"),
        ] {
            assert!(Checkpoint::parse(&TEXT.replacen(from, to, 1)).is_err(), "{from:?} → {to:?}");
        }
        assert!(Checkpoint::parse("").is_err());
    }

    #[test]
    fn a_name_of_an_object_tells_the_number() {
        assert_eq!(Checkpoint::number_of(&Checkpoint::key(17)), Some(17));
        for other in ["checkpoints/17", "checkpoints/00000000x7", "manifests/0000000017"] {
            assert_eq!(Checkpoint::number_of(other), None);
        }
    }
}
