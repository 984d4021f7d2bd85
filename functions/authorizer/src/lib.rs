//! The TOKEN authorizer: turns a token into its principal and a policy for the stage ("Output from an API Gateway Lambda
//! authorizer").
//!
//! It says who calls, and not what they may do: the task function checks scopes, so that each refusal leaves one line with the
//! caller's name.

mod fetch;
mod issuer;
mod json;
mod jwt;
mod keyring;
mod keys;
mod method_arn;
mod refusal;
mod token;

use std::collections::BTreeMap;

use aws_lambda_events::{
    apigw::{
        ApiGatewayCustomAuthorizerPolicy, ApiGatewayCustomAuthorizerRequest,
        ApiGatewayCustomAuthorizerResponse,
    },
    iam::{IamPolicyEffect, IamPolicyStatement},
};
use lambda_runtime::{Context, Diagnostic};
use runtime::trace_id;
use tasks::principal::Principal;

pub use self::refusal::Reason;
use self::{fetch::Fetcher, issuer::Issuer, jwt::Jwt, method_arn::MethodArn, token::Entry};

pub type Policy = ApiGatewayCustomAuthorizerResponse<BTreeMap<String, String>>;

/// The longest value of `Authorization`, in bytes.
pub const LONGEST_HEADER: usize = 8 * 1024;

/// A call that gets no policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// The token is refused. API Gateway answers 401 if the error's text is exactly `Unauthorized`.
    Refused(Reason),
    /// No key of the issuer can be had, so the token may be good. Any other text is `AUTHORIZER_FAILURE`, which our gateway
    /// responses make a 503.
    WithoutKeys,
}

impl From<Denied> for Diagnostic {
    fn from(denied: Denied) -> Self {
        let text = match denied {
            Denied::Refused(_) => "Unauthorized",
            Denied::WithoutKeys => "Unavailable",
        };
        Self { error_type: text.into(), error_message: text.into() }
    }
}

/// Knows the static tokens and the issuers whose JWTs count.
pub struct Authorizer {
    entries: Vec<Entry>,
    issuers: Vec<Issuer>,
    fetcher: Fetcher,
}

impl Authorizer {
    /// Reads the values of `PRINCIPALS` and `ISSUERS`, each a JSON array that may be empty, but not both: docs/auth.md has their
    /// members. Refuses settings under which two callers could have one id or owner.
    pub fn parse(principals: &str, issuers: &str) -> Result<Self, String> {
        let (entries, issuers) = (token::read(principals)?, issuer::read(issuers)?);
        if entries.is_empty() && issuers.is_empty() {
            return Err("PRINCIPALS and ISSUERS are empty: nobody could call".into());
        }
        for (index, entry) in entries.iter().enumerate() {
            let taken = |issuer: &&Issuer| {
                entry.id.starts_with(&issuer.prefix) || entry.owner.starts_with(&issuer.prefix)
            };
            if let Some(issuer) = issuers.iter().find(taken) {
                return Err(format!(
                    "PRINCIPALS: the id or owner of entry {index} begins with the `ownerPrefix` \"{}\" of an issuer, whose \
                     users could be taken for it",
                    issuer.prefix
                ));
            }
        }
        Ok(Self { entries, issuers, fetcher: Fetcher::default() })
    }

    /// Authorizes `<token>` or `Bearer <token>` at the time `now`, in Unix seconds. The log line names the principal, if any, and
    /// never what was sent.
    pub async fn authorize(
        &self,
        request: &ApiGatewayCustomAuthorizerRequest,
        context: &Context,
        now: i64,
    ) -> Result<Policy, Denied> {
        let arn = request.method_arn.as_deref().and_then(MethodArn::parse);
        let principal = self.principal(request.authorization_token.as_deref().unwrap_or_default(), now).await;
        let principal =
            principal.and_then(|principal| Ok((principal, arn.ok_or(Denied::Refused(Reason::Malformed))?)));
        let denied = match principal {
            Ok((principal, arn)) => {
                tracing::info!(principal = principal.id, "authorized a principal");
                return Ok(policy(&principal, arn.stage));
            }
            Err(denied) => denied,
        };
        let (method, route) = arn.map_or(("other", "other"), |arn| (arn.method, arn.route));
        let trace = context.xray_trace_id.as_deref().and_then(trace_id);
        let request_id = &context.request_id;
        match denied {
            Denied::Refused(reason) => {
                tracing::info!(reason = reason.code(), method, route, request_id, trace, "refused a token");
            }
            Denied::WithoutKeys => {
                tracing::error!(method, route, request_id, trace, "no key of an issuer can be had");
            }
        }
        Err(denied)
    }

    async fn principal(&self, header: &str, now: i64) -> Result<Principal, Denied> {
        if header.len() > LONGEST_HEADER {
            return Err(Denied::Refused(Reason::TooLarge));
        }
        let token = bare_token(header).ok_or(Denied::Refused(Reason::Malformed))?;
        // A static token may look like a JWT, so the list comes first.
        let known = token::principal(&self.entries, token, now);
        if known != Err(Reason::UnknownToken) || self.issuers.is_empty() || !Jwt::looks_like(token) {
            return known.map_err(Denied::Refused);
        }
        let jwt = Jwt::parse(token).map_err(Denied::Refused)?;
        let claims = jwt.claims().map_err(Denied::Refused)?;
        let issuer = self.issuers.iter().find(|issuer| issuer.made(&claims));
        let issuer = issuer.ok_or(Denied::Refused(Reason::WrongIssuer))?;
        issuer.verify(&jwt, &claims, &self.fetcher, now).await
    }
}

/// Strips the `Bearer` scheme, whose name is case-insensitive (RFC 9110, 11.1), from the credentials.
fn bare_token(header: &str) -> Option<&str> {
    let header = header.trim_matches([' ', '\t']);
    let token = match header.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim_start_matches(' '),
        Some(_) => return None,
        None if header.eq_ignore_ascii_case("bearer") => return None,
        None => header,
    };
    (!token.is_empty()).then_some(token)
}

/// Returns a policy for the whole stage: API Gateway caches it per token, so it must also cover the paths of later calls.
fn policy(principal: &Principal, stage: &str) -> Policy {
    let mut statement = IamPolicyStatement::default();
    statement.action = vec!["execute-api:Invoke".to_owned()];
    (statement.effect, statement.resource) = (IamPolicyEffect::Allow, vec![format!("{stage}/*/*")]);
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
