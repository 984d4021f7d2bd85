//! The proxy event and its response, with only the fields that the functions use ("Input format of a Lambda function for proxy
//! integration").
//!
//! Slim on purpose: parsing an empty request takes 200,000 instructions with
//! `aws_lambda_events::apigw::ApiGatewayProxyRequest`, and half of that with these types.

use std::{borrow::Cow, collections::BTreeMap};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{Deserialize, Deserializer, Serialize};

use tasks::{input::QueryParameters, principal::AuthorizerContext};

/// A REST API proxy event.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Request {
    /// The template of the matched resource: `/{proxy+}`, `/health`, `/problems/{name}`.
    pub resource: String,
    pub http_method: String,
    /// All lines of all headers; the event's `headers` have only the last line of each.
    #[serde(deserialize_with = "null_is_default")]
    pub multi_value_headers: BTreeMap<String, Vec<String>>,
    #[serde(deserialize_with = "null_is_default")]
    pub multi_value_query_string_parameters: QueryParameters,
    #[serde(deserialize_with = "null_is_default")]
    pub path_parameters: PathParameters,
    pub path: String,
    pub body: Option<String>,
    pub is_base64_encoded: bool,
    pub request_context: RequestContext,
}

/// The parameters of `/{proxy+}`, and of `/problems/{name}` and `/docs/{name}`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct PathParameters {
    pub proxy: Option<String>,
    pub name: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RequestContext {
    /// The path as the client sent it, with the stage or the custom domain's base path.
    pub path: String,
    pub stage: String,
    /// API Gateway's id of the request. Clients can set it, so it serves for correlation only.
    pub request_id: String,
    pub identity: Identity,
    #[serde(deserialize_with = "null_is_default")]
    pub authorizer: AuthorizerContext,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Identity {
    pub source_ip: Option<String>,
    pub user_agent: Option<String>,
}

/// Defines [`RequestHeader`].
macro_rules! request_headers {
    ($($header:ident $name:literal)+) => {
        /// A request header that the service reads. Through `api.json`, CORS preflights allow scripts to send it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum RequestHeader { $($header),+ }

        impl RequestHeader {
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$header),+];

            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$header => $name),+ }
            }
        }
    };
}

request_headers! {
    Accept         "Accept"
    ContentType    "Content-Type"
    IdempotencyKey "Idempotency-Key"
    IfMatch        "If-Match"
    IfNoneMatch    "If-None-Match"
    Origin         "Origin"
}

impl Request {
    /// Returns a header's value. Several lines make one list (RFC 9110, 5.3). Names are case-insensitive (5.1), and API Gateway
    /// keeps the client's spelling.
    #[must_use]
    pub fn header(&self, header: RequestHeader) -> Option<Cow<'_, str>> {
        let name = header.name();
        let named = self.multi_value_headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
        let lines = named.flat_map(|(_, lines)| lines).map(Cow::from);
        lines.reduce(|list, line| format!("{list}, {line}").into())
    }

    /// Returns the path below the API's root, without the leading slash. The event's `path` will not do: with a custom domain
    /// it includes the base path.
    #[must_use]
    pub fn resource_path(&self) -> Cow<'_, str> {
        if let Some(proxy) = &self.path_parameters.proxy {
            return proxy.into();
        }
        let resource = self.resource.trim_start_matches('/');
        match &self.path_parameters.name {
            Some(name) => resource.replace("{name}", name).into(),
            None => resource.into(),
        }
    }

    /// Returns the path of the API's root as the client sees it, without a trailing slash: the stage, or a custom domain's base
    /// path. It is what precedes the resource path, which the client may have spelt with escapes.
    #[must_use]
    pub fn base_path(&self) -> Cow<'_, str> {
        let resource = segments(&self.resource_path(), "/");
        let base = without_last_segments(&self.request_context.path, resource);
        base.map_or_else(|| format!("/{}", self.request_context.stage).into(), Cow::from)
    }

    /// Returns whether the body may differ from what was sent: a gateway that takes a body for text replaces invalid UTF-8 by
    /// U+FFFD.
    #[must_use]
    pub fn may_have_lost_bytes(&self) -> bool {
        !self.is_base64_encoded
            && self.body.as_ref().is_some_and(|body| body.contains(char::REPLACEMENT_CHARACTER))
    }

    /// Returns the body, or `None` if it is not base64 although the event says so.
    #[must_use]
    pub fn body_bytes(&self) -> Option<Vec<u8>> {
        let body = self.body.as_deref().unwrap_or_default();
        if self.is_base64_encoded { BASE64_STANDARD.decode(body).ok() } else { Some(body.into()) }
    }
}

/// Counts the segments of a path; the gateway drops empty ones.
fn segments(path: &str, separator: &str) -> usize {
    path.split(separator).filter(|segment| !segment.is_empty()).count()
}

/// Returns a path that may have escapes without its last `count` segments, and without empty ones at its end: a reference that
/// begins with two slashes would name a host. An escaped slash, too, stands between two segments.
fn without_last_segments(path: &str, count: usize) -> Option<&str> {
    let path = path.trim_end_matches('/');
    if count == 0 {
        return Some(path);
    }
    let (before, last) = path.rsplit_once('/')?;
    let removed = segments(&last.to_ascii_uppercase(), "%2F");
    without_last_segments(before, count.checked_sub(removed)?)
}

/// Reads `null`, which API Gateway writes for an empty map, as the default.
fn null_is_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(d: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(d)?.unwrap_or_default())
}

/// A response that API Gateway sends to the client ("Output format of a Lambda function for proxy integration").
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    pub status_code: u16,
    pub headers: BTreeMap<&'static str, String>,
    pub body: String,
    pub is_base64_encoded: bool,
}

impl Response {
    #[must_use]
    pub fn empty(status_code: u16) -> Self {
        Self { status_code, headers: BTreeMap::new(), body: String::new(), is_base64_encoded: false }
    }

    #[must_use]
    pub fn text(status_code: u16, media_type: &str, body: String) -> Self {
        Self { body, ..Self::empty(status_code) }.with_header("Content-Type", media_type)
    }

    /// Returns a JSON response. `body` must be a plain struct with string keys, which cannot fail to serialise.
    #[must_use]
    pub fn json(status_code: u16, body: &impl Serialize) -> Self {
        let body = serde_json::to_string(body).unwrap_or_default();
        Self { body, ..Self::empty(status_code) }.with_header("Content-Type", "application/json")
    }

    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.insert(name, value.into());
        self
    }

    /// Adds a header unless the response already has it.
    #[must_use]
    pub fn with_default_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.entry(name).or_insert_with(|| value.into());
        self
    }

    /// Adds a name to `Vary`.
    #[must_use]
    pub fn varying_by(mut self, name: &str) -> Self {
        let vary = self.headers.entry("Vary").or_default();
        if !vary.is_empty() {
            vary.push_str(", ");
        }
        vary.push_str(name);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_with_nulls_for_maps_is_read() {
        let event = r#"{"resource":"/health","path":"/health","httpMethod":"GET","headers":null,
            "multiValueHeaders":null,"queryStringParameters":null,"multiValueQueryStringParameters":null,
            "pathParameters":null,"stageVariables":null,"body":null,"isBase64Encoded":false,
            "requestContext":{"path":"/dev/health","requestId":"r","authorizer":null,
            "identity":{"sourceIp":"192.0.2.1","userAgent":null,"caller":null}}}"#;
        let request: Request = serde_json::from_str(event).unwrap();
        assert_eq!(request.resource_path(), "health");
        assert_eq!(request.body_bytes().unwrap(), b"");
    }

    #[test]
    fn headers_are_found_in_any_case_and_bodies_decoded() {
        let event = r#"{"multiValueHeaders":{"iF-mAtch":["\"1\""]},"body":"e30=","isBase64Encoded":true,
            "pathParameters":{"proxy":"tasks/1"},"path":"/base/tasks/1"}"#;
        let request: Request = serde_json::from_str(event).unwrap();
        assert_eq!(request.header(RequestHeader::IfMatch).as_deref(), Some("\"1\""));
        assert_eq!(request.body_bytes().unwrap(), b"{}");
        assert_eq!(request.resource_path(), "tasks/1");
        let broken = Request { body: Some("%".into()), is_base64_encoded: true, ..Request::default() };
        assert_eq!(broken.body_bytes(), None);
    }

    #[test]
    fn the_root_is_the_stage_or_a_custom_domains_base_path() {
        for (sent, resource, proxy, name, base) in [
            ("/dev/tasks/1", "/{proxy+}", Some("tasks/1"), None, "/dev"),
            ("/dev/tasks/", "/{proxy+}", Some("tasks"), None, "/dev"),
            ("/dev", "/", None, None, "/dev"),
            ("/dev/", "/", None, None, "/dev"),
            ("/dev/health", "/health", None, None, "/dev"),
            ("/dev/problems/internal", "/problems/{name}", None, Some("internal"), "/dev"),
            ("/tasks", "/{proxy+}", Some("tasks"), None, ""),
            ("/", "/", None, None, ""),
            ("//tasks", "/{proxy+}", Some("tasks"), None, ""),
            ("/dev//tasks", "/{proxy+}", Some("tasks"), None, "/dev"),
            ("/my/base/tasks/1", "/{proxy+}", Some("tasks/1"), None, "/my/base"),
            ("/dev/a%20b", "/{proxy+}", Some("a b"), None, "/dev"),
            ("/my/base/%74asks/1", "/{proxy+}", Some("tasks/1"), None, "/my/base"),
            ("/%74asks/1", "/{proxy+}", Some("tasks/1"), None, ""),
            ("/base/tasks%2F1", "/{proxy+}", Some("tasks/1"), None, "/base"),
            ("/base//tasks//1%2f", "/{proxy+}", Some("tasks/1/"), None, "/base"),
            ("/%64ocs", "/docs", None, None, ""),
            ("/base/problems/intern%61l", "/problems/{name}", None, Some("internal"), "/base"),
            ("/tasks", "/{proxy+}", Some("more/than/was/sent"), None, "/dev"),
        ] {
            let event = serde_json::json!({
                "resource": resource, "path": sent, "pathParameters": {"proxy": proxy, "name": name},
                "requestContext": {"path": sent, "stage": "dev"},
            });
            let request: Request = serde_json::from_value(event).unwrap();
            assert_eq!(request.base_path(), base, "{sent}");
        }
    }

    #[test]
    fn a_default_header_replaces_no_other() {
        let response =
            Response::empty(204).with_header("A", "1").with_default_header("A", "2").varying_by("X");
        assert_eq!(response.headers["A"], "1");
        assert_eq!(response.varying_by("Y").headers["Vary"], "X, Y");
    }

    #[test]
    fn a_text_body_with_a_replacement_character_may_have_lost_bytes() {
        let request = |base64, body: &str| Request {
            body: Some(body.into()),
            is_base64_encoded: base64,
            ..Request::default()
        };
        assert!(request(false, "a\u{FFFD}").may_have_lost_bytes());
        assert!(!request(false, "a").may_have_lost_bytes());
        assert!(!request(true, "77+9").may_have_lost_bytes());
    }
}
