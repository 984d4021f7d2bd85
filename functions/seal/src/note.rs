//! Signed notes as <https://c2sp.org/signed-note> defines them, with Ed25519.

use std::fmt;

use base64::{Engine, prelude::BASE64_STANDARD};
use ring::signature::{ED25519, UnparsedPublicKey};

use crate::merkle::Hash;

/// The signature type of Ed25519.
const TYPE: u8 = 1;
/// The DER form of an Ed25519 public key (RFC 8410), up to the key's 32 bytes.
const DER_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
/// The most signature lines that are read. A verifier must take 16.
const SIGNATURES_MAX: usize = 64;

/// A public key that notes are verified with, and the name of its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    key: [u8; 32],
}

impl VerifierKey {
    /// Returns the key of an owner. Fails for a name that no note may have.
    pub fn new(name: &str, key: [u8; 32]) -> Result<Self, String> {
        if name.is_empty() || name.chars().any(|c| c.is_whitespace() || c.is_control() || c == '+') {
            return Err(format!("{name:?} is no name of a key: it may have no spaces and no plus sign"));
        }
        Ok(Self { name: name.to_owned(), key })
    }

    /// Returns the key in a DER form (`SubjectPublicKeyInfo`), as KMS gives it out.
    pub fn from_der(name: &str, der: &[u8]) -> Result<Self, String> {
        let key = der.strip_prefix(&DER_PREFIX).and_then(|key| key.try_into().ok());
        Self::new(name, key.ok_or("the public key is not an Ed25519 key")?)
    }

    /// Parses `<name>+<id>+<key>`, as [`VerifierKey`] is displayed.
    pub fn parse(text: &str) -> Result<Self, String> {
        let parse = || {
            let (name, rest) = text.split_once('+')?;
            let (id, key) = rest.split_once('+')?;
            let key = BASE64_STANDARD.decode(key).ok()?;
            let [TYPE, key @ ..] = &key[..] else { return None };
            let key = Self::new(name, key.try_into().ok()?).ok()?;
            (key.id() == id).then_some(key)
        };
        parse().ok_or_else(|| {
            format!("{text:?} is no key of a note: expected NAME+8 HEX DIGITS+BASE64 of an Ed25519 key")
        })
    }

    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the key's id: eight hex digits.
    #[must_use]
    pub fn id(&self) -> String {
        hex::encode(self.id_bytes())
    }

    fn id_bytes(&self) -> [u8; 4] {
        let Hash([a, b, c, d, ..]) = Hash::of(&[self.name.as_bytes(), b"\n", &[TYPE], &self.key].concat());
        [a, b, c, d]
    }

    /// Returns the key in PEM, as other programs read it.
    #[must_use]
    pub fn pem(&self) -> String {
        let der = BASE64_STANDARD.encode([&DER_PREFIX[..], &self.key].concat());
        format!("-----BEGIN PUBLIC KEY-----\n{der}\n-----END PUBLIC KEY-----\n")
    }

    /// Returns the key as the notary publishes it: for notes, and in PEM.
    #[must_use]
    pub fn published(&self) -> String {
        format!("{self}\n{}", self.pem())
    }

    /// The name of the object that holds it.
    #[must_use]
    pub fn object(&self) -> String {
        format!("keys/{}.pub", self.id())
    }

    /// Returns whether a signature of a text is this key's.
    #[must_use]
    pub fn verifies(&self, text: &str, signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.key).verify(text.as_bytes(), signature).is_ok()
    }

    fn signed(&self, signature: &Signature) -> bool {
        signature.name == self.name && signature.id == self.id_bytes()
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = BASE64_STANDARD.encode([&[TYPE], &self.key[..]].concat());
        write!(f, "{}+{}+{key}", self.name, self.id())
    }
}

/// A text with signatures, none of which is verified yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Ends with a newline, which is signed too.
    pub text: String,
    signatures: Vec<Signature>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Signature {
    name: String,
    id: [u8; 4],
    bytes: Vec<u8>,
}

/// The outcome of a note's verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signed {
    /// At least one of the known keys signed it, and each of them that its signatures name.
    Yes,
    /// No signature is of a known key.
    ByStrangers,
    /// A signature that names a known key is not that key's.
    No,
}

impl Note {
    #[must_use]
    pub fn new(text: String) -> Self {
        Self { text, signatures: Vec::new() }
    }

    pub fn add_signature(&mut self, key: &VerifierKey, signature: &[u8]) {
        let (name, bytes) = (key.name.clone(), signature.to_vec());
        self.signatures.push(Signature { name, id: key.id_bytes(), bytes });
    }

    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let note = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8")?;
        if note.chars().any(|c| c < ' ' && c != '\n') {
            return Err("it has control characters".to_owned());
        }
        let (text, signatures) = note.rsplit_once("\n\n").ok_or("it has no signatures")?;
        let lines = signatures.strip_suffix('\n').ok_or("its last line does not end")?;
        let signatures: Option<Vec<_>> = lines.split('\n').map(Signature::parse).collect();
        let signatures = signatures.ok_or("a line of its signatures is malformed")?;
        if signatures.len() > SIGNATURES_MAX {
            return Err(format!("it has more than {SIGNATURES_MAX} signatures"));
        }
        Ok(Self { text: format!("{text}\n"), signatures })
    }

    /// Verifies the signatures of the keys that are known, and ignores the others.
    #[must_use]
    pub fn verify(&self, keys: &[VerifierKey]) -> Signed {
        let mut signed = Signed::ByStrangers;
        for key in keys {
            for signature in self.signatures.iter().filter(|signature| key.signed(signature)) {
                if !key.verifies(&self.text, &signature.bytes) {
                    return Signed::No;
                }
                signed = Signed::Yes;
            }
        }
        signed
    }

    /// Returns whether one of the signatures names a key with this id.
    #[must_use]
    pub fn names_key(&self, id: &str) -> bool {
        self.signatures.iter().any(|signature| hex::encode(signature.id) == id)
    }
}

impl Signature {
    fn parse(line: &str) -> Option<Self> {
        let (name, signature) = line.strip_prefix("— ")?.split_once(' ')?;
        let signature = BASE64_STANDARD.decode(signature).ok()?;
        let (id, bytes) = signature.split_first_chunk()?;
        (!name.is_empty()).then(|| Self { name: name.to_owned(), id: *id, bytes: bytes.to_vec() })
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        for Signature { name, id, bytes } in &self.signatures {
            writeln!(f, "— {name} {}", BASE64_STANDARD.encode([&id[..], bytes].concat()))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ring::signature::{Ed25519KeyPair, KeyPair};

    /// The key and note of Go's golang.org/x/mod/sumdb/note.
    const KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const NOTE: &str = "If you think cryptography is the answer to your problem,\n\
        then you don't know what your problem is.\n\n\
        — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

    fn pair(seed: u8) -> (Ed25519KeyPair, VerifierKey) {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap();
        let key =
            VerifierKey::new("tasks/dev/audit", pair.public_key().as_ref().try_into().unwrap()).unwrap();
        (pair, key)
    }

    fn note(seeds: &[u8]) -> Note {
        let mut note = Note::new("a\n\nb\n".to_owned());
        for (pair, key) in seeds.iter().map(|seed| pair(*seed)) {
            note.add_signature(&key, pair.sign(note.text.as_bytes()).as_ref());
        }
        note
    }

    #[test]
    fn a_note_of_another_implementation_is_read_verified_and_written_back() {
        let key = VerifierKey::parse(KEY).unwrap();
        let note = Note::parse(NOTE.as_bytes()).unwrap();
        assert_eq!((key.to_string(), note.to_string()), (KEY.to_owned(), NOTE.to_owned()));
        assert_eq!(note.verify(&[key]), Signed::Yes);
    }

    #[test]
    fn any_known_key_will_do_and_a_wrong_signature_of_one_spoils_the_note() {
        let (one, two, three) = (pair(1).1, pair(2).1, pair(3).1);
        let both = note(&[1, 2]);
        assert_eq!(Note::parse(both.to_string().as_bytes()).as_ref(), Ok(&both));
        assert_eq!(both.verify(&[one.clone(), three.clone()]), Signed::Yes);
        assert_eq!(both.verify(std::slice::from_ref(&three)), Signed::ByStrangers);
        let mut spoilt = note(&[1]);
        spoilt.add_signature(&two, pair(1).0.sign(spoilt.text.as_bytes()).as_ref());
        assert_eq!(spoilt.verify(&[one.clone(), two]), Signed::No);
        assert_eq!(spoilt.verify(std::slice::from_ref(&one)), Signed::Yes, "the other key is unknown");
        let mut edited = both;
        edited.text = "a\n\nc\n".to_owned();
        assert_eq!(edited.verify(&[one]), Signed::No);
    }

    #[test]
    fn what_is_no_note_is_refused() {
        let good = note(&[1]).to_string();
        assert!(Note::parse(good.as_bytes()).is_ok());
        for bad in [
            String::new(),
            "\n\n".to_owned(),
            good.replace("\n\n—", "\n—").replace("a\n\n", "a\n"),
            good.trim_end().to_owned(),
            good.replace("— ", "- "),
            good.replace("b\n", "\r\n"),
            good.replace("audit ", "audit"),
            format!("{good}\n"),
            good.clone() + &good.rsplit_once("\n\n").unwrap().1.repeat(SIGNATURES_MAX),
        ] {
            assert!(Note::parse(bad.as_bytes()).is_err(), "{bad:?}");
        }
        assert!(Note::parse(b"\xff\n\n").is_err());
    }

    #[test]
    fn a_key_is_read_from_der_and_only_as_it_is_written() {
        let key = VerifierKey::parse(KEY).unwrap();
        let der = BASE64_STANDARD.decode(key.pem().lines().nth(1).unwrap()).unwrap();
        assert_eq!(VerifierKey::from_der("PeterNeumann", &der), Ok(key));
        assert!(VerifierKey::from_der("PeterNeumann", &der[1..]).is_err());
        assert!(VerifierKey::from_der("Peter Neumann", &der).is_err());
        for bad in [
            "",
            "a+b",
            &KEY[1..],
            &KEY.replace("ARpc", "AhpC"),
            &KEY.replace("c74f", "C74F"),
            &format!("{KEY}AA"),
        ] {
            assert!(VerifierKey::parse(bad).is_err(), "{bad}");
        }
    }
}
