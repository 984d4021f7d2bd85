//! Calls to AWS services and to the launcher's own endpoints, ready to be sent.

use serde_json::Value;

/// An HTTP request to the local AWS, without the `Authorization` header.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Request {
    /// The service to sign for; none for the launcher's own endpoints.
    pub service: Option<String>,
    pub method: String,
    /// The path, with the query string if there is one.
    pub path: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

impl Request {
    /// Returns a call of the JSON protocol. `target` is the value of `X-Amz-Target`.
    #[must_use]
    pub fn json(service: &str, target: &str, body: &Value) -> Self {
        Self::post(service, "application/x-amz-json-1.1", body.to_string())
            .with_header("x-amz-target", target.to_owned())
    }

    /// Returns a call of the query protocol (`CloudFormation`, IAM, `CloudWatch`), to which the answer is XML.
    #[must_use]
    pub fn query(service: &str, action: &str, parameters: &[(&str, &str)]) -> Self {
        let pairs =
            [("Action", action), ("Version", "2010-05-15")].into_iter().chain(parameters.iter().copied());
        let pairs: Vec<String> =
            pairs.map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
        Self::post(service, "application/x-www-form-urlencoded", pairs.join("&"))
    }

    /// Returns a call to a service whose actions are paths: Lambda, API Gateway, S3.
    #[must_use]
    pub fn rest(service: &str, method: &str, path: &str, body: Vec<u8>) -> Self {
        let request = Self {
            service: Some(service.to_owned()),
            method: method.to_owned(),
            path: path.to_owned(),
            headers: Vec::new(),
            body,
        };
        // The body of an S3 call is an object of any type; all others are JSON.
        if service == "s3" {
            request
        } else {
            request.with_header("content-type", "application/json".to_owned())
        }
    }

    /// Returns a call to one of the launcher's own endpoints.
    #[must_use]
    pub fn launcher(method: &str, path: &str, body: Option<&Value>) -> Self {
        let body = body.map(Value::to_string).unwrap_or_default().into_bytes();
        Self { service: None, ..Self::rest("", method, path, body) }
    }

    fn post(service: &str, content_type: &str, body: String) -> Self {
        Self {
            service: Some(service.to_owned()),
            method: "POST".to_owned(),
            path: "/".to_owned(),
            headers: vec![("content-type", content_type.to_owned())],
            body: body.into_bytes(),
        }
    }

    fn with_header(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }
}

/// Returns the `Authorization` header of an account's root user, whom the local AWS trusts without a signature; it does verify
/// the signatures of IAM users. A 12-digit access key selects that account, any other the default one.
#[must_use]
pub fn root(access_key: &str, region: &str, service: &str) -> String {
    let scope = format!("{access_key}/20260101/{region}/{service}/aws4_request");
    format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0")
}

/// Percent-encodes all characters but the unreserved ones (RFC 3986, 2.3).
fn encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Request, encoded};

    #[test]
    fn parameters_are_encoded() {
        assert_eq!(encoded("arn:aws:iam::1:role/a b"), "arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fa%20b");
        let request = Request::query("iam", "GetRole", &[("RoleName", "a b")]);
        assert_eq!(request.body, b"Action=GetRole&Version=2010-05-15&RoleName=a%20b");
    }

    #[test]
    fn the_launchers_own_endpoints_take_json_and_no_signature() {
        let request = Request::launcher("POST", "/_local/faults", Some(&json!({"times": 1})));
        assert_eq!((request.service, request.body.as_slice()), (None, &b"{\"times\":1}"[..]));
        assert_eq!(request.headers, [("content-type", "application/json".to_owned())]);
    }
}
