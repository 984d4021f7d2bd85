//! An issuer's public keys (RFC 7517, 7518, 8037), and the signatures that they verify.

use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    json::Object,
    jwt::{Jwt, LONGEST_KID, decode},
    refusal::Reason,
};

/// The sizes of RSA keys, in bits.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=4096;
/// The most keys that one token is tried with: a token without `kid` fits every key of its algorithm.
const MOST_TRIES: usize = 4;

/// The algorithms that exist here: a signature that anybody can verify, and nobody but the issuer can make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Algorithm {
    #[serde(rename = "RS256")]
    Rs256,
    #[serde(rename = "ES256")]
    Es256,
    #[serde(rename = "EdDSA")]
    EdDsa,
}

impl Algorithm {
    /// Returns the value of `alg` that means this algorithm.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Key {
    kid: Option<String>,
    public: Public,
}

/// A public key. Its kind decides the algorithm.
#[derive(Debug, PartialEq, Eq)]
enum Public {
    /// Modulus and exponent, big-endian without leading zeros.
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    /// An uncompressed point: 4, x, y.
    P256(Vec<u8>),
    Ed25519(Vec<u8>),
}

/// The usable keys of a JWK set: at least one.
#[derive(Debug, PartialEq, Eq)]
pub struct KeySet {
    keys: Vec<Key>,
}

impl KeySet {
    /// Reads a JWK set. A key that is not for verifying signatures here, or is damaged, is left out; `None` if none is left.
    pub fn read(document: &Object) -> Option<Self> {
        let entries = document.get("keys")?.as_array()?;
        let keys: Vec<_> = entries.iter().filter_map(|entry| Key::read(entry.as_object()?)).collect();
        (!keys.is_empty()).then_some(Self { keys })
    }

    /// Verifies a token's signature with the key that its `kid` names, or, without a `kid`, with each key of the algorithm.
    pub fn verify(&self, jwt: &Jwt, algorithm: Algorithm) -> Result<(), Reason> {
        let named: Vec<_> = match &jwt.kid {
            Some(kid) => self.keys.iter().filter(|key| key.kid.as_ref() == Some(kid)).collect(),
            None => self.keys.iter().filter(|key| key.public.algorithm() == algorithm).collect(),
        };
        if named.is_empty() {
            return Err(Reason::UnknownKey);
        }
        let mut fitting = named.iter().filter(|key| key.public.algorithm() == algorithm).peekable();
        if fitting.peek().is_none() {
            return Err(Reason::WrongAlgorithm);
        }
        let verified = fitting.take(MOST_TRIES).any(|key| key.public.verifies(jwt.signed, &jwt.signature));
        if verified { Ok(()) } else { Err(Reason::BadSignature) }
    }
}

impl Key {
    fn read(jwk: &Object) -> Option<Self> {
        let kid = match jwk.get("kid") {
            None => None,
            Some(kid) => Some(kid.as_str().filter(|kid| kid.chars().count() <= LONGEST_KID)?.to_owned()),
        };
        let for_signatures = jwk.get("use").is_none_or(|purpose| purpose == "sig");
        let for_verifying = jwk.get("key_ops").is_none_or(|operations| {
            operations.as_array().is_some_and(|operations| operations.iter().any(|one| one == "verify"))
        });
        // A key that shows its private part is no secret any more.
        if !for_signatures || !for_verifying || jwk.contains_key("d") {
            return None;
        }
        let public = Public::read(jwk)?;
        let algorithm = public.algorithm().name();
        jwk.get("alg").is_none_or(|named| named == algorithm).then_some(Self { kid, public })
    }
}

impl Public {
    fn read(jwk: &Object) -> Option<Self> {
        let text = |name: &str| jwk.get(name).and_then(Value::as_str);
        let bytes = |name: &str| text(name).and_then(decode);
        let exactly = |name: &str| bytes(name).filter(|bytes| bytes.len() == 32);
        match (text("kty")?, text("crv")) {
            ("RSA", _) => {
                let (n, e) = (bytes("n")?, bytes("e")?);
                (RSA_BITS.contains(&bits(&n)?) && is_exponent(&e)).then_some(Self::Rsa { n, e })
            }
            ("EC", Some("P-256")) => Some(Self::P256([&[4_u8][..], &exactly("x")?, &exactly("y")?].concat())),
            ("OKP", Some("Ed25519")) => Some(Self::Ed25519(exactly("x")?)),
            _ => None,
        }
    }

    const fn algorithm(&self) -> Algorithm {
        match self {
            Self::Rsa { .. } => Algorithm::Rs256,
            Self::P256(_) => Algorithm::Es256,
            Self::Ed25519(_) => Algorithm::EdDsa,
        }
    }

    fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let verified = match self {
            Self::Rsa { n, e } => {
                RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
            }
            Self::P256(point) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature)
            }
            Self::Ed25519(key) => UnparsedPublicKey::new(&ED25519, key).verify(message, signature),
        };
        verified.is_ok()
    }
}

/// Returns the bits of an odd number without leading zeros (RFC 7518, 6.3.1.1); a modulus is odd.
fn bits(n: &[u8]) -> Option<usize> {
    let (first, last) = (n.first()?, n.last()?);
    (*first != 0 && last % 2 == 1).then(|| n.len() * 8 - first.leading_zeros() as usize)
}

/// An odd number from 3 to 33 bits, which is as far as `ring` goes.
fn is_exponent(e: &[u8]) -> bool {
    e != [1] && bits(e).is_some_and(|bits| bits <= 33)
}

#[cfg(test)]
mod vectors;
