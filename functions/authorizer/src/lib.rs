//! The TOKEN authorizer: turns a token into its principal and a policy for the stage ("Output from an API Gateway Lambda
//! authorizer").

use std::collections::BTreeMap;

use aws_lambda_events::{
    apigw::{
        ApiGatewayCustomAuthorizerPolicy, ApiGatewayCustomAuthorizerRequest,
        ApiGatewayCustomAuthorizerResponse,
    },
    iam::{IamPolicyEffect, IamPolicyStatement},
};
use lambda_runtime::Diagnostic;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use tasks::principal::{Auth, Principal, Scope};

pub type Policy = ApiGatewayCustomAuthorizerResponse<BTreeMap<String, String>>;

/// The refusal of a token. API Gateway answers 401 only if the error's text is exactly `Unauthorized`, and 500 to any other.
#[derive(Debug, PartialEq, Eq)]
pub struct Unauthorized;

impl From<Unauthorized> for Diagnostic {
    fn from(_: Unauthorized) -> Self {
        Self { error_type: "Unauthorized".into(), error_message: "Unauthorized".into() }
    }
}

/// Knows each principal by the SHA-256 of its token, not by the token itself. A principal may be listed several times, so that
/// its token can be replaced without downtime: add the new hash, move the clients, remove the old hash.
///
/// A JWT verifier would go beside the list, and be tried when the token looks like a JWT.
pub struct Authorizer {
    entries: Vec<Entry>,
}

/// One element of the JSON array in `PRINCIPALS`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Entry {
    id: String,
    owner: String,
    scopes: Vec<Scope>,
    #[serde(rename = "tokenSha256", deserialize_with = "sha256_from_hex")]
    token_sha256: [u8; 32],
}

impl Authorizer {
    /// Parses the principals: `[{"id", "owner", "scopes": ["tasks:read", "tasks:write"], "tokenSha256": "<64 hex>"}]`.
    pub fn parse(principals: &str) -> Result<Self, String> {
        let entries: Vec<Entry> =
            serde_json::from_str(principals).map_err(|err| format!("PRINCIPALS is not valid: {err}"))?;
        match entries.iter().position(|entry| entry.id.is_empty() || entry.owner.is_empty()) {
            Some(index) => Err(format!("PRINCIPALS: entry {index} has an empty id or owner")),
            None => Ok(Self { entries }),
        }
    }

    /// Authorizes `<token>` or `Bearer <token>`. The log line names the principal, if any, and never what was sent.
    pub fn authorize(&self, request: &ApiGatewayCustomAuthorizerRequest) -> Result<Policy, Unauthorized> {
        let token = request.authorization_token.as_deref().and_then(bare_token);
        let principal = token.and_then(|token| self.principal(token));
        let stage = request.method_arn.as_deref().and_then(stage_arn);
        let (Some(principal), Some(stage)) = (principal, stage) else {
            tracing::info!("refused a token");
            return Err(Unauthorized);
        };
        tracing::info!(principal = principal.id, "authorized a principal");
        Ok(policy(&principal, stage))
    }

    /// Finds the principal of a token. Compares with every entry in constant time, so that timing reveals neither a hash's bytes
    /// nor its position in the list.
    fn principal(&self, token: &str) -> Option<Principal> {
        let digest: [u8; 32] = Sha256::digest(token).into();
        let mut found = None;
        for entry in &self.entries {
            if bool::from(entry.token_sha256.ct_eq(&digest)) {
                found = Some(entry);
            }
        }
        found.map(|entry| Principal {
            id: entry.id.clone(),
            owner: entry.owner.clone(),
            scopes: entry.scopes.clone(),
            auth: Auth::Token,
            expires_at: None,
        })
    }
}

/// Strips the `Bearer` scheme, whose name is case-insensitive (RFC 9110, 11.1), from the credentials.
fn bare_token(header: &str) -> Option<&str> {
    let header = header.trim();
    let token = match header.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim_start(),
        Some(_) => return None,
        None if header.eq_ignore_ascii_case("bearer") => return None,
        None => header,
    };
    (!token.is_empty()).then_some(token)
}

/// Returns the part of a method's ARN that names the stage: `arn:aws:execute-api:<region>:<account>:<api>/<stage>`.
fn stage_arn(method_arn: &str) -> Option<&str> {
    let mut slashes = method_arn.match_indices('/').map(|(index, _)| index);
    let end = slashes.nth(1)?;
    method_arn.get(..end)
}

/// Returns a policy for all paths of the stage, by method: API Gateway caches it per token, so it must also cover the paths of
/// later calls.
fn policy(principal: &Principal, stage: &str) -> Policy {
    let methods = principal.scopes.iter().flat_map(|scope| scope.methods());
    let resources: Vec<_> = methods.map(|method| format!("{stage}/{method}/*")).collect();
    let mut statement = IamPolicyStatement::default();
    statement.action = vec!["execute-api:Invoke".to_owned()];
    (statement.effect, statement.resource) = if resources.is_empty() {
        (IamPolicyEffect::Deny, vec![format!("{stage}/*")])
    } else {
        (IamPolicyEffect::Allow, resources)
    };
    let mut document = ApiGatewayCustomAuthorizerPolicy::default();
    document.version = Some("2012-10-17".to_owned());
    document.statement = vec![statement];
    let mut policy = Policy::default();
    policy.principal_id = Some(principal.id.clone());
    policy.policy_document = document;
    policy.context =
        principal.to_context().into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    policy
}

fn sha256_from_hex<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<[u8; 32], D::Error> {
    let text = String::deserialize(deserializer)?;
    // The message leaves the text out: it may be a token that was put here by mistake.
    let invalid = || serde::de::Error::custom("tokenSha256 must be 64 hexadecimal digits");
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes).map_err(|_| invalid())?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ARN: &str = "arn:aws:execute-api:eu-west-1:123456789012:abc/dev/GET/tasks/1";

    fn authorizer() -> Authorizer {
        let entry = |id: &str, scopes: &str, token: &str| {
            let hash = hex::encode(Sha256::digest(token));
            format!(r#"{{"id":"{id}","owner":"team","scopes":[{scopes}],"tokenSha256":"{hash}"}}"#)
        };
        let entries = [
            entry("alice", r#""tasks:read","tasks:write""#, "old"),
            entry("alice", r#""tasks:read","tasks:write""#, "new"),
            entry("reader", r#""tasks:read""#, "read"),
            entry("nobody", "", "none"),
        ];
        Authorizer::parse(&format!("[{}]", entries.join(","))).unwrap()
    }

    fn authorize(header: Option<&str>, arn: Option<&str>) -> Result<Policy, Unauthorized> {
        let mut request = ApiGatewayCustomAuthorizerRequest::default();
        request.authorization_token = header.map(str::to_owned);
        request.method_arn = arn.map(str::to_owned);
        authorizer().authorize(&request)
    }

    fn resources(header: &str) -> Vec<String> {
        let policy = authorize(Some(header), Some(ARN)).unwrap();
        policy.policy_document.statement[0]
            .resource
            .iter()
            .map(|arn| arn.rsplit_once("/dev/").unwrap().1.to_owned())
            .collect()
    }

    #[test]
    fn bare_and_bearer_tokens_old_and_new_are_accepted() {
        for header in ["old", "new", "Bearer new", "bearer  new", " BEARER new "] {
            let policy = authorize(Some(header), Some(ARN)).expect(header);
            assert_eq!(policy.principal_id.as_deref(), Some("alice"));
            assert_eq!(policy.context["owner"], "team");
        }
    }

    #[test]
    fn anything_else_is_unauthorized() {
        for header in ["", " ", "Bearer", "Bearer ", "Basic new", "new2", "New", "old new"] {
            assert_eq!(authorize(Some(header), Some(ARN)), Err(Unauthorized), "{header:?}");
        }
        assert_eq!(authorize(None, Some(ARN)), Err(Unauthorized));
        assert_eq!(authorize(Some("new"), None), Err(Unauthorized));
        assert_eq!(authorize(Some("new"), Some("arn:nonsense")), Err(Unauthorized));
        assert_eq!(Diagnostic::from(Unauthorized).error_message, "Unauthorized");
    }

    #[test]
    fn the_policy_covers_the_stage_by_method() {
        assert_eq!(resources("read"), ["GET/*", "HEAD/*"]);
        assert_eq!(resources("new"), ["GET/*", "HEAD/*", "POST/*", "PUT/*", "PATCH/*", "DELETE/*"]);
        let none = authorize(Some("none"), Some(ARN)).unwrap();
        assert_eq!(none.policy_document.statement[0].effect, IamPolicyEffect::Deny);
    }

    #[test]
    fn invalid_principals_are_refused_without_revealing_them() {
        let token_for_hash = r#"[{"id":"a","owner":"o","scopes":[],"tokenSha256":"a-secret-token"}]"#;
        for (principals, says) in [
            ("", "PRINCIPALS"),
            (
                r#"[{"id":"","owner":"o","scopes":[],"tokenSha256":"0000000000000000000000000000000000000000000000000000000000000000"}]"#,
                "entry 0",
            ),
            (r#"[{"id":"a","owner":"o","scopes":["tasks:all"],"tokenSha256":""}]"#, "tasks:all"),
            (token_for_hash, "64 hexadecimal"),
        ] {
            let error = Authorizer::parse(principals).err().expect(principals);
            assert!(error.contains(says) && !error.contains("a-secret-token"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn no_header_or_arn_panics(header in ".*", arn in ".*") {
            let _ = authorize(Some(&header), Some(&arn));
        }
    }
}
