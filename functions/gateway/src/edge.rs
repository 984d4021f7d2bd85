//! The headers that every response has, and the one line that is logged about it.

use std::time::Duration;

use crate::http::{Request, RequestHeader, Response};

/// The response headers that a script in a browser may read. Through `api.json` this also holds for the gateway's own
/// responses. API Gateway renames the `WWW-Authenticate` of a function ("Amazon API Gateway important notes").
pub const EXPOSED_HEADERS: &str = "Accept-Patch, Accept-Post, Allow, ETag, Idempotent-Replayed, Link, Location, \
    RateLimit-Policy, Retry-After, WWW-Authenticate, X-Amzn-Remapped-WWW-Authenticate, X-Request-Id";

/// The settings of a deployment that every response states.
#[derive(Debug)]
pub struct Edge {
    pub origins: Origins,
    /// The value of `RateLimit-Policy`.
    pub rate_limit_policy: String,
}

/// A request that has its response, for the log.
#[derive(Debug)]
pub struct Served<'a> {
    pub request: &'a Request,
    /// The Lambda invocation's id.
    pub request_id: &'a str,
    /// The route's name, without ids.
    pub route: &'static str,
    pub took: Duration,
    /// The reason for which the caller was refused; the line then has the source address too.
    pub refusal: Option<&'static str>,
    /// The cause of an error, which only the log may show.
    pub cause: Option<String>,
}

impl Edge {
    /// Logs the request's line, and returns the response with the headers that every response has.
    #[must_use]
    pub fn send(&self, served: &Served<'_>, response: Response) -> Response {
        served.log(response.status_code);
        let response = response
            .with_header("X-Request-Id", served.request_id)
            .with_header("X-Content-Type-Options", "nosniff")
            .with_header("RateLimit-Policy", &self.rate_limit_policy)
            .with_default_header("Cache-Control", "no-store");
        self.origins.allow(served.request.header(RequestHeader::Origin).as_deref(), response)
    }
}

impl Served<'_> {
    /// Logs without paths, headers and bodies.
    fn log(&self, status: u16) {
        let context = &self.request.request_context;
        let source_ip = self.refusal.and(context.identity.source_ip.as_deref());
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    request_id = self.request_id,
                    gateway_request_id = context.request_id,
                    method = self.request.http_method,
                    route = self.route,
                    status,
                    principal = context.authorizer.principal_id,
                    reason = self.refusal,
                    source_ip,
                    took_ms = self.took.as_secs_f64() * 1e3,
                    cause = self.cause,
                    "answered a request"
                )
            };
        }
        if status >= 500 { line!(error) } else { line!(info) }
    }
}

/// The origins whose pages may call the API. Credentials (cookies) are never allowed, so a token must be sent explicitly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origins(Vec<String>);

impl Origins {
    /// Parses a comma-separated list, which may be `*` for any origin. Returns `None` for an empty list.
    #[must_use]
    pub fn parse(list: &str) -> Option<Self> {
        let origins: Vec<_> =
            list.split(',').map(str::trim).filter(|o| !o.is_empty()).map(str::to_owned).collect();
        (!origins.is_empty()).then_some(Self(origins))
    }

    /// Adds the CORS headers. With several allowed origins, a response names the caller's, or the first if the caller's is not
    /// allowed, which the browser then refuses. `Vary` tells caches that responses differ.
    fn allow(&self, origin: Option<&str>, response: Response) -> Response {
        let allowed = self.0.iter().find(|allowed| origin == Some(allowed.as_str())).unwrap_or(&self.0[0]);
        let response = response
            .with_header("Access-Control-Allow-Origin", allowed)
            .with_header("Access-Control-Expose-Headers", EXPOSED_HEADERS);
        if self.0.len() > 1 { response.varying_by("Origin") } else { response }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_echoed_only_when_it_is_allowed() {
        let allow = |list: &str, origin| {
            let response = Origins::parse(list).unwrap().allow(origin, Response::empty(204));
            (response.headers["Access-Control-Allow-Origin"].clone(), response.headers.contains_key("Vary"))
        };
        assert_eq!(allow("*", Some("https://a.example")), ("*".into(), false));
        let two = "https://a.example, https://b.example";
        assert_eq!(allow(two, Some("https://b.example")), ("https://b.example".into(), true));
        assert_eq!(allow(two, Some("https://evil.example")), ("https://a.example".into(), true));
        assert_eq!(Origins::parse(" , "), None);
    }
}
