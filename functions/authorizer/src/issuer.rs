//! The trusted issuers: their settings, and what a token's claims must say (RFC 8725, RFC 9068).

use std::collections::BTreeMap;

use http::{Uri, uri::Scheme};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tasks::principal::{Auth, Principal, Scope};

use crate::{
    Denied,
    fetch::Fetcher,
    json::{Object, Strict},
    jwt::Jwt,
    keyring::Keyring,
    keys::{Algorithm, KeySet},
    refusal::Reason,
    token,
};

/// The seconds by which an issuer's clock may be ahead of ours. It does not make `exp` later: a token ends to the second, here and
/// in the task function.
const LEEWAY: i64 = 60;
/// The longest `sub` ("`OpenID` Connect Core 1.0", 2), and so the longest owner claim.
const LONGEST_NAME: usize = 255;
const LONGEST_PREFIX: usize = 64;
/// The last second of the year 9999.
const LAST_SECOND: i64 = 253_402_300_799;

/// One element of the JSON array in `ISSUERS`, as docs/auth.md describes it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Setting {
    issuer: String,
    #[serde(default)]
    audience: Vec<String>,
    #[serde(default)]
    client_ids: Vec<String>,
    token_use: Option<TokenUse>,
    algorithms: Vec<Algorithm>,
    jwks: Option<Object>,
    jwks_uri: Option<String>,
    #[serde(default = "sub")]
    owner_claim: String,
    #[serde(default)]
    owner_prefix: String,
    #[serde(default = "scope")]
    scope_claim: String,
    scopes: Option<BTreeMap<String, Scope>>,
}

/// Cognito's `token_use`. An ID token tells an application who signed in, and is nothing to call an API with.
#[derive(Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum TokenUse {
    Access,
}

fn sub() -> String {
    "sub".to_owned()
}

fn scope() -> String {
    "scope".to_owned()
}

/// A trusted issuer.
#[derive(Debug)]
pub struct Issuer {
    name: String,
    meant_for: MeantFor,
    algorithms: Vec<Algorithm>,
    keyring: Keyring,
    owner_claim: String,
    /// The beginning of every id and owner of this issuer, and of none of another.
    pub prefix: String,
    scope_claim: String,
    scopes: BTreeMap<String, Scope>,
}

/// How a token says that it is meant for this API.
#[derive(Debug)]
enum MeantFor {
    /// One of these is in `aud`.
    Audience(Vec<String>),
    /// Cognito: `client_id` is one of these and `token_use` is `access`, since its access tokens have no `aud`.
    Clients(Vec<String>),
}

/// Reads the issuers. An error names the entry and says what to change.
pub fn read(issuers: &str) -> Result<Vec<Issuer>, String> {
    let Strict(value) =
        serde_json::from_str(issuers).map_err(|error| format!("ISSUERS is not valid: {error}"))?;
    let settings: Vec<Value> =
        serde_json::from_value(value).map_err(|error| format!("ISSUERS is not valid: {error}"))?;
    let read = |(index, setting): (usize, Value)| {
        let setting = serde_json::from_value(setting).map_err(|error| error.to_string());
        setting.and_then(Issuer::new).map_err(|error| format!("ISSUERS: entry {index}: {error}"))
    };
    let issuers: Vec<Issuer> = settings.into_iter().enumerate().map(read).collect::<Result<_, _>>()?;
    for (index, one) in issuers.iter().enumerate() {
        for other in &issuers[..index] {
            if one.name == other.name {
                return Err(format!("ISSUERS: entry {index} has the `issuer` of an earlier one"));
            }
            if one.prefix.starts_with(&other.prefix) || other.prefix.starts_with(&one.prefix) {
                return Err(format!(
                    "ISSUERS: entry {index}: neither `ownerPrefix` may begin with the other, or one issuer's users could \
                     be taken for another's: \"{}\" and \"{}\"",
                    one.prefix, other.prefix
                ));
            }
        }
    }
    Ok(issuers)
}

impl Issuer {
    fn new(setting: Setting) -> Result<Self, String> {
        let empty = |list: &[String]| list.iter().any(String::is_empty);
        let meant_for = match (setting.audience, setting.client_ids, setting.token_use) {
            (audience, clients, None) if clients.is_empty() && !audience.is_empty() && !empty(&audience) => {
                MeantFor::Audience(audience)
            }
            (audience, clients, Some(TokenUse::Access))
                if audience.is_empty() && !clients.is_empty() && !empty(&clients) =>
            {
                MeantFor::Clients(clients)
            }
            _ => {
                return Err(
                    "needs either `audience` or `clientIds` with `tokenUse`, and no empty value".into()
                );
            }
        };
        if setting.issuer.is_empty() || setting.algorithms.is_empty() {
            return Err("`issuer` and `algorithms` must not be empty".into());
        }
        let prefix = setting.owner_prefix;
        if !prefix.is_empty() && !is_name(&prefix, LONGEST_PREFIX) {
            return Err(format!(
                "`ownerPrefix` must be at most {LONGEST_PREFIX} visible ASCII characters other than \" and \\"
            ));
        }
        let pinned = setting.jwks.map(|document| KeySet::read(&document).ok_or("`jwks` has no usable key"));
        let source = setting.jwks_uri.map(|uri| source(&uri));
        if pinned.is_none() && source.is_none() {
            return Err("needs `jwks` or `jwksUri`".into());
        }
        let ours = || Scope::ALL.into_iter().map(|scope| (scope.as_str().to_owned(), scope)).collect();
        Ok(Self {
            name: setting.issuer,
            meant_for,
            algorithms: setting.algorithms,
            keyring: Keyring::new(pinned.transpose()?, source.transpose()?),
            owner_claim: setting.owner_claim,
            prefix,
            scope_claim: setting.scope_claim,
            scopes: setting.scopes.unwrap_or_else(ours),
        })
    }

    /// Returns whether this issuer made a token, going by what the token says.
    pub fn made(&self, claims: &Object) -> bool {
        claims.get("iss").is_some_and(|issuer| *issuer == self.name)
    }

    /// Verifies a token of this issuer and returns its principal. `now` is in Unix seconds.
    pub async fn verify(
        &self,
        jwt: &Jwt<'_>,
        claims: &Object,
        fetcher: &Fetcher,
        now: i64,
    ) -> Result<Principal, Denied> {
        let algorithm = self.algorithms.iter().find(|algorithm| algorithm.name() == jwt.algorithm);
        let algorithm = *algorithm.ok_or(Denied::Refused(Reason::WrongAlgorithm))?;
        self.keyring.verify(jwt, algorithm, fetcher, now).await?;
        self.principal(jwt, claims, now).map_err(Denied::Refused)
    }

    /// Checks the claims of a token whose signature is verified.
    fn principal(&self, jwt: &Jwt<'_>, claims: &Object, now: i64) -> Result<Principal, Reason> {
        self.check_audience(claims)?;
        let expires_at = seconds(claims, "exp")?.ok_or(Reason::Malformed)?;
        // RFC 7519, 4.1.4: not on or after it.
        if now >= expires_at {
            return Err(Reason::Expired);
        }
        for claim in ["nbf", "iat"] {
            if seconds(claims, claim)?.is_some_and(|start| start > now + LEEWAY) {
                return Err(Reason::NotYetValid);
            }
        }
        let name = |claim: &str| {
            let value = claims.get(claim).and_then(Value::as_str).filter(|name| is_name(name, LONGEST_NAME));
            value.map(|name| format!("{}{name}", self.prefix)).ok_or(Reason::NoOwner)
        };
        Ok(Principal {
            id: name("sub")?,
            owner: name(&self.owner_claim)?,
            scopes: self.scopes(claims)?,
            auth: Auth::Jwt,
            expires_at: Some(expires_at),
            credential: Some(credential(jwt, claims)),
        })
    }

    fn check_audience(&self, claims: &Object) -> Result<(), Reason> {
        match &self.meant_for {
            MeantFor::Audience(accepted) => {
                let named = texts(claims.get("aud"))?;
                let meant = named.iter().any(|name| accepted.iter().any(|audience| audience == name));
                if meant { Ok(()) } else { Err(Reason::WrongAudience) }
            }
            MeantFor::Clients(accepted) => {
                if claims.get("token_use").is_none_or(|kind| kind != "access") {
                    return Err(Reason::WrongType);
                }
                let client = claims.get("client_id").and_then(Value::as_str).unwrap_or_default();
                if accepted.iter().any(|one| one == client) { Ok(()) } else { Err(Reason::WrongAudience) }
            }
        }
    }

    /// Reads the scopes: a list, or one text with spaces between them (RFC 8693, 4.2). Unknown ones count for nothing.
    fn scopes(&self, claims: &Object) -> Result<Vec<Scope>, Reason> {
        let named = texts(claims.get(&self.scope_claim))?;
        let granted: Vec<_> = named
            .iter()
            .flat_map(|text| text.split(' '))
            .filter_map(|name| self.scopes.get(name).copied())
            .collect();
        Ok(Scope::ALL.into_iter().filter(|scope| granted.contains(scope)).collect())
    }
}

/// Returns the name of a token: of its `jti` or, without one, of what is signed. A signature itself can have several forms.
fn credential(jwt: &Jwt<'_>, claims: &Object) -> String {
    let id = claims.get("jti").and_then(Value::as_str).map_or(jwt.signed, str::as_bytes);
    token::credential(&Sha256::digest(id).into())
}

/// Reads a claim that is one text or a list of texts; none if it is absent.
fn texts(claim: Option<&Value>) -> Result<Vec<&str>, Reason> {
    match claim {
        None => Ok(Vec::new()),
        Some(Value::String(text)) => Ok(vec![text]),
        Some(Value::Array(list)) => list.iter().map(|text| text.as_str().ok_or(Reason::Malformed)).collect(),
        Some(_) => Err(Reason::Malformed),
    }
}

/// Reads a time in Unix seconds; a fraction of a second is cut off (RFC 7519, 2, `NumericDate`).
fn seconds(claims: &Object, claim: &str) -> Result<Option<i64>, Reason> {
    let Some(value) = claims.get(claim) else { return Ok(None) };
    #[expect(clippy::cast_possible_truncation, reason = "`as` saturates, and the range is checked next")]
    let whole = value.as_i64().or_else(|| value.as_f64().map(|seconds| seconds as i64));
    match whole {
        Some(seconds) if (0..=LAST_SECOND).contains(&seconds) => Ok(Some(seconds)),
        _ => Err(Reason::Malformed),
    }
}

/// Visible ASCII, and nothing that could end a quoted text: ids and owners stand in keys, logs and the gateway's access log, which
/// escapes nothing.
fn is_name(text: &str, longest: usize) -> bool {
    (1..=longest).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\')
}

/// Reads the address of a JWK set: HTTPS, or HTTP to this very machine, as the local AWS is reached.
fn source(uri: &str) -> Result<Uri, String> {
    let refused =
        || "`jwksUri` must be an https:// URL without a user; http:// is for this machine only".to_owned();
    let uri: Uri = uri.parse().map_err(|_| refused())?;
    let authority = uri.authority().ok_or_else(refused)?;
    let is_local = ["localhost", "127.0.0.1", "[::1]"].contains(&authority.host());
    let is_safe = uri.scheme() == Some(&Scheme::HTTPS) || (uri.scheme() == Some(&Scheme::HTTP) && is_local);
    if is_safe && !authority.as_str().contains('@') { Ok(uri) } else { Err(refused()) }
}
