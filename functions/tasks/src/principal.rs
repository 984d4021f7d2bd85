//! The caller: identified by the authorizer, carried in API Gateway's authorizer context, read by the task function.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, Serializer};

use crate::task::Timestamp;

/// A permission of a principal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Scope {
    #[serde(rename = "tasks:read")]
    Read,
    #[serde(rename = "tasks:write")]
    Write,
}

impl Scope {
    pub const ALL: [Self; 2] = [Self::Read, Self::Write];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "tasks:read",
            Self::Write => "tasks:write",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text)
    }

    /// Returns the methods that need this scope.
    #[must_use]
    pub fn methods(self) -> &'static [&'static str] {
        match self {
            Self::Read => &["GET", "HEAD"],
            Self::Write => &["POST", "PUT", "PATCH", "DELETE"],
        }
    }

    /// Returns the scope that a method needs, or `None` for a method that no route has.
    #[must_use]
    pub fn needed_for(method: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.methods().contains(&method))
    }
}

/// The way in which a principal was authenticated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Auth {
    Token,
    Jwt,
}

impl Auth {
    pub const ALL: [Self; 2] = [Self::Token, Self::Jwt];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Jwt => "jwt",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|auth| auth.as_str() == text)
    }
}

/// The caller, in the form in which `GET /me` shows it. Every task belongs to an `owner`, which several principals may share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Principal {
    pub id: String,
    pub owner: String,
    pub scopes: Vec<Scope>,
    pub auth: Auth,
    /// The Unix time, in seconds, from which on the caller is not authenticated any more: API Gateway caches the authorizer's
    /// answer for longer than some tokens last.
    #[serde(serialize_with = "as_timestamp")]
    pub expires_at: Option<i64>,
    /// The beginning of a hash of the token, for the audit log: a principal may have several tokens.
    #[serde(skip)]
    pub credential: Option<String>,
}

#[expect(clippy::ref_option, reason = "the signature that serde calls")]
fn as_timestamp<S: Serializer>(end: &Option<i64>, serializer: S) -> Result<S::Ok, S::Error> {
    end.and_then(|end| Timestamp::from_unix_millis(end.checked_mul(1_000)?)).serialize(serializer)
}

impl Principal {
    /// Returns whether the principal has this scope.
    #[must_use]
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }

    /// Returns whether the principal's token has ended ("exp", RFC 7519, 4.1.4).
    #[must_use]
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now.unix_seconds())
    }

    /// Returns the authorizer context: string values only ("Output from an API Gateway Lambda authorizer"). The principal's
    /// id is not part of it: API Gateway passes `principalId` on by itself.
    #[must_use]
    pub fn to_context(&self) -> BTreeMap<&'static str, String> {
        let scopes: Vec<_> = self.scopes.iter().map(|scope| scope.as_str()).collect();
        let mut context = BTreeMap::from([
            ("owner", self.owner.clone()),
            ("scopes", scopes.join(" ")),
            ("auth", self.auth.as_str().to_owned()),
        ]);
        context.extend(self.expires_at.map(|end| ("expiresAt", end.to_string())));
        context.extend(self.credential.clone().map(|credential| ("credential", credential)));
        context
    }

    /// Reads a principal from a request's context; `None` if the authorizer did not make it.
    #[must_use]
    pub fn from_context(context: &AuthorizerContext) -> Option<Self> {
        let principal = Self {
            id: context.principal_id.clone()?,
            owner: context.owner.clone()?,
            scopes: context.scopes.as_deref()?.split_whitespace().map(Scope::parse).collect::<Option<_>>()?,
            auth: Auth::parse(context.auth.as_deref()?)?,
            expires_at: match &context.expires_at {
                Some(end) => Some(end.parse().ok()?),
                None => None,
            },
            credential: context.credential.clone(),
        };
        (!principal.id.is_empty() && !principal.owner.is_empty()).then_some(principal)
    }
}

/// `requestContext.authorizer` of a proxy event. Every field may be missing: `/health` has no authorizer.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AuthorizerContext {
    pub principal_id: Option<String>,
    pub owner: Option<String>,
    pub scopes: Option<String>,
    pub auth: Option<String>,
    pub expires_at: Option<String>,
    pub credential: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(json: &str) -> AuthorizerContext {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_principal_survives_the_authorizer_context() {
        for (auth, expires_at) in [(Auth::Token, None), (Auth::Jwt, Some(1_893_456_000))] {
            let principal = Principal {
                id: "alice".into(),
                owner: "team".into(),
                scopes: vec![Scope::Read, Scope::Write],
                auth,
                expires_at,
                credential: expires_at.map(|_| "0a1b2c3d".into()),
            };
            let made = principal.to_context();
            let received = AuthorizerContext {
                principal_id: Some(principal.id.clone()),
                owner: made.get("owner").cloned(),
                scopes: made.get("scopes").cloned(),
                auth: made.get("auth").cloned(),
                expires_at: made.get("expiresAt").cloned(),
                credential: made.get("credential").cloned(),
            };
            assert_eq!(Principal::from_context(&received), Some(principal));
        }
    }

    #[test]
    fn a_context_that_the_authorizer_did_not_make_is_refused() {
        for json in [
            "{}",
            r#"{"principalId":"a","owner":"","scopes":"tasks:read","auth":"token"}"#,
            r#"{"principalId":"a","owner":"o","scopes":"tasks:admin","auth":"token"}"#,
            r#"{"principalId":"a","owner":"o","scopes":"tasks:read","auth":"magic"}"#,
            r#"{"principalId":"a","owner":"o","scopes":"tasks:read","auth":"jwt","expiresAt":"soon"}"#,
        ] {
            assert_eq!(Principal::from_context(&context(json)), None, "{json}");
        }
    }
}
