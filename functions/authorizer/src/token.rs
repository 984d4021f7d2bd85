//! The static tokens: long random secrets, each known by its SHA-256.

use serde::{Deserialize, Deserializer, de::Error};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use tasks::{
    principal::{Auth, Principal, Scope},
    task::Timestamp,
};

use crate::refusal::Reason;

pub type Hash = [u8; 32];

/// One element of the JSON array in `PRINCIPALS`. A principal may be listed several times, so that its token can be replaced
/// without downtime: add the new hash, move the clients, remove the old hash.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Entry {
    pub id: String,
    pub owner: String,
    scopes: Vec<Scope>,
    #[serde(rename = "tokenSha256", deserialize_with = "sha256_from_hex")]
    token_sha256: Hash,
    /// The end of the token, in Unix seconds; in the JSON an RFC 3339 timestamp.
    #[serde(default, deserialize_with = "unix_seconds")]
    expires_at: Option<i64>,
}

/// Reads `[{"id", "owner", "scopes": ["tasks:read", "tasks:write"], "tokenSha256": "<64 hex>", "expiresAt"?}]`.
pub fn read(principals: &str) -> Result<Vec<Entry>, String> {
    let entries: Vec<Entry> =
        serde_json::from_str(principals).map_err(|err| format!("PRINCIPALS is not valid: {err}"))?;
    match entries.iter().position(|entry| entry.id.is_empty() || entry.owner.is_empty()) {
        Some(index) => Err(format!("PRINCIPALS: entry {index} has an empty id or owner")),
        None => Ok(entries),
    }
}

/// Returns the principal of a token. `now` is in Unix seconds.
pub fn principal(entries: &[Entry], token: &str, now: i64) -> Result<Principal, Reason> {
    let hash: Hash = Sha256::digest(token).into();
    let entry = find(entries, |entry| entry.token_sha256.ct_eq(&hash)).ok_or(Reason::UnknownToken)?;
    if entry.expires_at.is_some_and(|end| now >= end) {
        return Err(Reason::Expired);
    }
    Ok(Principal {
        id: entry.id.clone(),
        owner: entry.owner.clone(),
        scopes: entry.scopes.clone(),
        auth: Auth::Token,
        expires_at: entry.expires_at,
        credential: Some(credential(&hash)),
    })
}

/// Returns the name of a credential: eight hexadecimal digits of its hash, too few to look for the token with.
pub fn credential(hash: &Hash) -> String {
    hex::encode(&hash[..4])
}

/// Finds the entry that is `equal`. Asks about every one and branches on no answer, so that timing reveals neither a hash's bytes
/// nor its place in the list.
fn find<T>(entries: &[T], mut equal: impl FnMut(&T) -> Choice) -> Option<&T> {
    let mut found = u32::MAX;
    for (index, entry) in (0..).zip(entries) {
        found = u32::conditional_select(&found, &index, equal(entry));
    }
    entries.get(found as usize)
}

fn sha256_from_hex<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Hash, D::Error> {
    let text = String::deserialize(deserializer)?;
    // The message leaves the text out: it may be a token that was put here by mistake.
    let invalid = || Error::custom("tokenSha256 must be 64 hexadecimal digits");
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes).map_err(|_| invalid())?;
    Ok(bytes)
}

fn unix_seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let end =
        Timestamp::parse(&text).ok_or_else(|| Error::custom("expiresAt must be an RFC 3339 timestamp"))?;
    Ok(Some(end.unix_seconds()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: &str, token: &str, end: &str) -> String {
        let hash = hex::encode(Sha256::digest(token));
        format!(r#"{{"id":"{id}","owner":"team","scopes":["tasks:read"],"tokenSha256":"{hash}"{end}}}"#)
    }

    #[test]
    fn every_entry_is_compared_wherever_the_token_is() {
        for (wanted, place) in [(1, Some(0)), (3, Some(2)), (5, Some(4)), (9, None)] {
            let mut compared = Vec::new();
            let entries = [1, 2, 3, 4, 5];
            let found = find(&entries, |entry| {
                compared.push(*entry);
                u8::from(*entry == wanted).into()
            });
            assert_eq!(found, place.map(|place: usize| &entries[place]));
            assert_eq!(compared, entries);
        }
    }

    #[test]
    fn a_token_ends_to_the_second() {
        let list = format!("[{}]", entry("alice", "secret", r#","expiresAt":"2030-01-01T01:00:00+01:00""#));
        let entries = read(&list).unwrap();
        let end = Timestamp::parse("2030-01-01T00:00:00Z").unwrap().unix_seconds();
        let before = principal(&entries, "secret", end - 1).unwrap();
        assert_eq!((before.id.as_str(), before.expires_at), ("alice", Some(end)));
        assert_eq!(principal(&entries, "secret", end), Err(Reason::Expired));
        assert_eq!(principal(&entries, "Secret", end), Err(Reason::UnknownToken));
    }

    #[test]
    fn a_rotated_token_and_its_successor_are_one_principal() {
        let list =
            format!("[{},{},{}]", entry("a", "old", ""), entry("a", "new", ""), entry("b", "other", ""));
        let entries = read(&list).unwrap();
        for (token, id) in [("old", "a"), ("new", "a"), ("other", "b")] {
            assert_eq!(principal(&entries, token, 0).unwrap().id, id);
        }
    }

    #[test]
    fn invalid_principals_are_refused_without_revealing_them() {
        let token_for_hash = r#"[{"id":"a","owner":"o","scopes":[],"tokenSha256":"a-secret-token"}]"#;
        for (principals, says) in [
            ("", "PRINCIPALS"),
            (&format!("[{}]", entry("", "t", "")), "entry 0"),
            (r#"[{"id":"a","owner":"o","scopes":["tasks:all"],"tokenSha256":""}]"#, "tasks:all"),
            (&format!("[{}]", entry("a", "t", r#","expiresAt":"tomorrow""#)), "RFC 3339"),
            (&format!("[{}]", entry("a", "t", r#","expires":"2030-01-01T00:00:00Z""#)), "expires"),
            (token_for_hash, "64 hexadecimal"),
        ] {
            let error = read(principals).err().expect(principals);
            assert!(error.contains(says) && !error.contains("a-secret-token"), "{error}");
        }
    }
}
