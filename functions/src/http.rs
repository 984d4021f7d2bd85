//! The proxy event and its answer, with the fields the service uses and no others.
//!
//! Slim on purpose: `aws_lambda_events::apigw::ApiGatewayProxyRequest` costs 200,000 instructions for an
//! empty request, these types half of it ("Input format of a Lambda function for proxy integration").

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{Deserialize, Deserializer, Serialize};

use crate::{input::QueryParameters, principal::AuthorizerContext};

/// A REST API proxy event.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Request {
    pub http_method: String,
    #[serde(deserialize_with = "null_is_default")]
    pub headers: BTreeMap<String, String>,
    #[serde(deserialize_with = "null_is_default")]
    pub multi_value_query_string_parameters: QueryParameters,
    #[serde(deserialize_with = "null_is_default")]
    pub path_parameters: PathParameters,
    pub path: String,
    pub body: Option<String>,
    pub is_base64_encoded: bool,
    pub request_context: RequestContext,
}

/// Of the resource `/{proxy+}`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct PathParameters {
    pub proxy: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RequestContext {
    /// The path as the client sent it, with the stage or the custom domain's base path.
    pub path: String,
    /// API Gateway's id. Clients can set it, so it is for correlation only.
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

impl Request {
    /// Header names are case-insensitive (RFC 9110, 5.1); API Gateway keeps the client's spelling.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The path below the stage, without the leading slash. `path` would do but for custom domains, whose
    /// base path it holds; explicit resources (`/health`) have no proxy parameter.
    #[must_use]
    pub fn resource_path(&self) -> &str {
        self.path_parameters.proxy.as_deref().unwrap_or_else(|| self.path.trim_start_matches('/'))
    }

    /// `None` when the event says base64 and it is not.
    #[must_use]
    pub fn body_bytes(&self) -> Option<Vec<u8>> {
        let body = self.body.as_deref().unwrap_or_default();
        if self.is_base64_encoded { BASE64_STANDARD.decode(body).ok() } else { Some(body.into()) }
    }
}

/// API Gateway writes `null` for an empty map.
fn null_is_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(d: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(d)?.unwrap_or_default())
}

/// What API Gateway turns into the HTTP answer ("Output format of a Lambda function for proxy integration").
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

    /// `body` serialises without failing: plain structs with string keys.
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
        let event = r#"{"headers":{"iF-mAtch":"\"1\""},"body":"e30=","isBase64Encoded":true,
            "pathParameters":{"proxy":"tasks/1"},"path":"/base/tasks/1"}"#;
        let request: Request = serde_json::from_str(event).unwrap();
        assert_eq!(request.header("If-Match"), Some("\"1\""));
        assert_eq!(request.body_bytes().unwrap(), b"{}");
        assert_eq!(request.resource_path(), "tasks/1");
        let broken = Request { body: Some("%".into()), is_base64_encoded: true, ..Request::default() };
        assert_eq!(broken.body_bytes(), None);
    }
}
