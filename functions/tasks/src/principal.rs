//! The caller: identified by the authorizer, carried in API Gateway's authorizer context, read by the task function.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

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

    /// Returns the methods that need this scope. The authorizer's policy allows them, and the task function checks again.
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

/// The way in which a principal was authenticated. JWTs would be a second variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Auth {
    Token,
}

impl Auth {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
        }
    }
}

/// The caller. Every task belongs to an `owner`, which several principals may share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    pub id: String,
    pub owner: String,
    pub scopes: Vec<Scope>,
    pub auth: Auth,
}

impl Principal {
    /// Returns whether the principal has this scope.
    #[must_use]
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }

    /// Returns the authorizer context: string values only ("Output from an API Gateway Lambda authorizer"). The principal's
    /// id is not part of it: API Gateway passes `principalId` on by itself.
    #[must_use]
    pub fn to_context(&self) -> BTreeMap<&'static str, String> {
        let scopes: Vec<_> = self.scopes.iter().map(|scope| scope.as_str()).collect();
        BTreeMap::from([
            ("owner", self.owner.clone()),
            ("scopes", scopes.join(" ")),
            ("auth", self.auth.as_str().to_owned()),
        ])
    }

    /// Reads a principal from a request's context; `None` if the authorizer did not make it.
    #[must_use]
    pub fn from_context(context: &AuthorizerContext) -> Option<Self> {
        let principal = Self {
            id: context.principal_id.clone()?,
            owner: context.owner.clone()?,
            scopes: context.scopes.as_deref()?.split_whitespace().map(Scope::parse).collect::<Option<_>>()?,
            auth: (context.auth.as_deref()? == Auth::Token.as_str()).then_some(Auth::Token)?,
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
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(json: &str) -> AuthorizerContext {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_principal_survives_the_authorizer_context() {
        let principal = Principal {
            id: "alice".into(),
            owner: "team".into(),
            scopes: vec![Scope::Read, Scope::Write],
            auth: Auth::Token,
        };
        let made = principal.to_context();
        let received = AuthorizerContext {
            principal_id: Some(principal.id.clone()),
            owner: made.get("owner").cloned(),
            scopes: made.get("scopes").cloned(),
            auth: made.get("auth").cloned(),
        };
        assert_eq!(Principal::from_context(&received), Some(principal));
    }

    #[test]
    fn a_context_that_the_authorizer_did_not_make_is_refused() {
        for json in [
            "{}",
            r#"{"principalId":"a","owner":"","scopes":"tasks:read","auth":"token"}"#,
            r#"{"principalId":"a","owner":"o","scopes":"tasks:admin","auth":"token"}"#,
            r#"{"principalId":"a","owner":"o","scopes":"tasks:read","auth":"magic"}"#,
        ] {
            assert_eq!(Principal::from_context(&context(json)), None, "{json}");
        }
    }
}
