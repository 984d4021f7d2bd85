//! The form of a JWT: three parts in base64url (RFC 7515, 7519). Nothing here is verified yet.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::Value;

use crate::{
    json::{self, Object},
    refusal::Reason,
};

/// The longest `kid`, in characters.
pub const LONGEST_KID: usize = 200;
/// The kinds of token that are meant for an API (RFC 7519, 5.1; RFC 9068, 2.1).
const TYPES: [&str; 2] = ["JWT", "at+jwt"];

/// A JWT taken apart.
#[derive(Debug)]
pub struct Jwt<'a> {
    pub algorithm: String,
    pub kid: Option<String>,
    payload: Vec<u8>,
    /// The bytes that the signature is over: header and claims as they were sent.
    pub signed: &'a [u8],
    pub signature: Vec<u8>,
}

impl<'a> Jwt<'a> {
    /// Returns whether a token has three parts, as a JWT does.
    pub fn looks_like(token: &str) -> bool {
        token.bytes().filter(|byte| *byte == b'.').count() == 2
    }

    /// Takes a token apart. Of the header only `alg`, `kid`, `typ` and `crit` count: a key that comes with the token (`jwk`,
    /// `jku`, `x5c`, `x5u`) is the sender's word, and ignored.
    pub fn parse(token: &'a str) -> Result<Self, Reason> {
        let (signed, signature) = token.rsplit_once('.').ok_or(Reason::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(Reason::Malformed)?;
        let header = decode(header).and_then(|text| json::object(&text)).ok_or(Reason::Malformed)?;
        let payload = decode(payload).ok_or(Reason::Malformed)?;
        let signature = decode(signature).ok_or(Reason::Malformed)?;
        // Extensions that must be understood: none is (RFC 7515, 4.1.11).
        if header.contains_key("crit") {
            return Err(Reason::Malformed);
        }
        let algorithm = header.get("alg").and_then(Value::as_str).ok_or(Reason::Malformed)?.to_owned();
        let kid = match header.get("kid") {
            None => None,
            Some(Value::String(kid)) if kid.chars().count() <= LONGEST_KID => Some(kid.clone()),
            Some(_) => return Err(Reason::Malformed),
        };
        if header.get("typ").is_some_and(|kind| !kind.as_str().is_some_and(is_type)) {
            return Err(Reason::WrongType);
        }
        Ok(Self { algorithm, kid, payload, signed: signed.as_bytes(), signature })
    }

    pub fn claims(&self) -> Result<Object, Reason> {
        json::object(&self.payload).ok_or(Reason::Malformed)
    }
}

/// Decodes base64url without padding; one encoding per value, so no stray bits at the end (RFC 7515, 2).
pub fn decode(text: &str) -> Option<Vec<u8>> {
    BASE64_URL_SAFE_NO_PAD.decode(text).ok()
}

/// A media type: `application/` may be left out, and case does not matter (RFC 7515, 4.1.9).
fn is_type(kind: &str) -> bool {
    let short = match kind.split_at_checked("application/".len()) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case("application/") => rest,
        _ => kind,
    };
    TYPES.iter().any(|known| known.eq_ignore_ascii_case(short))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(header: &str, claims: &str) -> String {
        let encode = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
        format!("{}.{}.{}", encode(header), encode(claims), encode("signature"))
    }

    fn refused(header: &str) -> Option<Reason> {
        Jwt::parse(&token(header, "{}")).err()
    }

    #[test]
    fn a_token_is_taken_apart() {
        let token = token(r#"{"alg":"RS256","kid":"k","jwk":{"kty":"oct"},"b64":true}"#, r#"{"iss":"i"}"#);
        let jwt = Jwt::parse(&token).unwrap();
        assert_eq!((jwt.algorithm.as_str(), jwt.kid.as_deref()), ("RS256", Some("k")));
        assert_eq!(jwt.claims().unwrap()["iss"], "i");
        assert_eq!(jwt.signature, b"signature");
        assert_eq!(jwt.signed, token.rsplit_once('.').unwrap().0.as_bytes());
    }

    #[test]
    fn a_header_that_breaks_a_rule_is_refused() {
        let long = format!(r#"{{"alg":"RS256","kid":"{}"}}"#, "é".repeat(LONGEST_KID + 1));
        for header in [
            "",
            "[]",
            "{}",
            r#"{"alg":1}"#,
            r#"{"alg":"RS256","alg":"none"}"#,
            r#"{"alg":"RS256","crit":["exp"]}"#,
            r#"{"alg":"RS256","crit":[]}"#,
            r#"{"alg":"RS256","kid":1}"#,
            r#"{"alg":"RS256","kid":null}"#,
            &long,
        ] {
            assert_eq!(refused(header), Some(Reason::Malformed), "{header}");
        }
        assert_eq!(refused(&long.replacen('é', "", 1)), None);
    }

    #[test]
    fn the_type_is_that_of_an_access_token() {
        for kind in ["JWT", "jwt", "at+jwt", "application/at+JWT", "Application/JWT"] {
            assert_eq!(refused(&format!(r#"{{"alg":"RS256","typ":"{kind}"}}"#)), None, "{kind}");
        }
        for kind in [r#""JOSE""#, r#""logout+jwt""#, r#""application/""#, r#""""#, "null", "1", r#"["JWT"]"#]
        {
            let header = format!(r#"{{"alg":"RS256","typ":{kind}}}"#);
            assert_eq!(refused(&header), Some(Reason::WrongType), "{kind}");
        }
    }

    #[test]
    fn claims_are_an_object() {
        for claims in ["", "foo", "[]", r#"{"iss":"a","iss":"b"}"#] {
            let token = token(r#"{"alg":"RS256"}"#, claims);
            assert_eq!(Jwt::parse(&token).unwrap().claims(), Err(Reason::Malformed), "{claims}");
        }
    }

    #[test]
    fn there_is_one_encoding_and_three_parts() {
        let good = token(r#"{"alg":"RS256"}"#, "{}");
        assert!(Jwt::parse(&good).is_ok() && Jwt::looks_like(&good));
        let (header, rest) = good.split_once('.').unwrap();
        for bad in [
            // The last character of `{}` (e30) with a stray bit; padding; the other alphabet; white space.
            good.replacen(".e30.", ".e31.", 1),
            good.replacen(".e30.", ".e30=.", 1),
            format!("{header}+.{rest}"),
            format!("{header}/.{rest}"),
            format!(" {good}"),
            format!("{good}\n"),
            format!("{good}.x"),
            format!("{header}.e30"),
            format!("{header}..{rest}"),
            good.replacen(".e30.", ".Zm9v\u{200b}.", 1),
            "..".to_owned(),
        ] {
            assert_eq!(Jwt::parse(&bad).err(), Some(Reason::Malformed), "{bad:?}");
        }
    }
}
