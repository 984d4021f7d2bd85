//! Holds every response of the API against docs/openapi.json.
//!
//! Inside the document, the response of an operation has a documented status, each header that its status requires and none that
//! is documented elsewhere only, a documented media type, and a body of its schema; a problem is of a kind that the status lists.
//! Outside of it are `OPTIONS` (CORS, answered by the gateway), the document itself and its viewer (`/openapi.json`, `/docs`),
//! unknown paths, and methods that a path does not have: they give a preflight's 204, a
//! document's 200 or 304, or a problem, and nothing else.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    io::Read,
    path::Path,
    sync::{LazyLock, Mutex},
};

use flate2::read::GzDecoder;
use jsonschema::{Draft, Validator};
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

static DOCUMENT: LazyLock<Document> =
    LazyLock::new(|| Document::parse(include_str!("../../docs/openapi.json")));
static TALLY: Mutex<Tally> = Mutex::new(Tally { received: 0, validated: 0, seen: BTreeMap::new() });

/// The responses of all tests so far.
struct Tally {
    received: u64,
    validated: u64,
    /// How often each was seen, such as `get /tasks 200`.
    seen: BTreeMap<String, u64>,
}

/// A response as it came over the wire.
#[derive(Clone, Copy)]
pub struct Received<'a> {
    pub method: &'a str,
    /// The path and query that were sent, below the stage.
    pub path: &'a str,
    pub status: u16,
    pub headers: &'a HeaderMap,
    pub body: &'a [u8],
}

/// An operation, for tests that go through all of them.
pub struct Operation {
    pub method: String,
    /// The path, with the document's example in place of each placeholder.
    pub path: String,
    pub needs_token: bool,
    /// The scope that its token must have, if any.
    pub scope: Option<String>,
    responses: Value,
}

impl Operation {
    pub fn documents(&self, status: u16) -> bool {
        !self.responses[status.to_string()].is_null()
    }
}

/// Holds a response against the document, and counts it.
pub fn check(response: Received<'_>) {
    TALLY.lock().unwrap().received += 1;
    let Received { method, path, status, headers, body } = response;
    let name = DOCUMENT.examine(response).unwrap_or_else(|fault| {
        let body = String::from_utf8_lossy(body);
        panic!("{method} {path} {status} is not as docs/openapi.json says: {fault}\n{headers:?}\n{body}")
    });
    let mut tally = TALLY.lock().unwrap();
    tally.validated += 1;
    *tally.seen.entry(name).or_default() += 1;
}

/// Writes how many responses were validated, for `cargo xtask test e2e` to print.
pub fn write_tally(file: &Path) {
    let tally = TALLY.lock().unwrap();
    let text =
        json!({"received": tally.received, "validated": tally.validated, "seen": tally.seen}).to_string();
    fs::write(file, text).unwrap();
}

/// Returns whether a value is of a schema among the document's components.
pub fn allows(schema: &str, value: &Value) -> bool {
    DOCUMENT.compiled(&json!({"$ref": format!("#/components/{schema}")})).is_valid(value)
}

/// Returns every operation of the document.
pub fn operations() -> Vec<Operation> {
    let operations = DOCUMENT.operations();
    operations.map(|(template, method, operation)| DOCUMENT.operation(template, method, operation)).collect()
}

struct Document {
    whole: Value,
    /// By the schema's text, since most responses share a few.
    validators: HashMap<String, Validator>,
}

impl Document {
    fn parse(text: &str) -> Self {
        let mut document =
            Self { whole: serde_json::from_str(text).expect("JSON"), validators: HashMap::new() };
        let mut schemas = vec![problem()];
        for (_, _, operation) in document.operations() {
            for response in members(&operation["responses"]).map(|(_, response)| response) {
                schemas.extend(members(&response["content"]).map(|(_, media)| media["schema"].clone()));
                let headers = members(&response["headers"]).map(|(_, header)| document.resolved(header));
                schemas.extend(headers.map(|header| header["schema"].clone()));
            }
        }
        document.validators =
            schemas.iter().map(|schema| (schema.to_string(), document.compiled(schema))).collect();
        document
    }

    fn compiled(&self, schema: &Value) -> Validator {
        let root = json!({"allOf": [schema], "components": self.whole["components"]});
        let options = jsonschema::options().with_draft(Draft::Draft202012).should_validate_formats(true);
        options.build(&root).unwrap_or_else(|error| panic!("{schema}: {error}"))
    }

    /// Returns each operation with its path's template and its method in lower case.
    fn operations(&self) -> impl Iterator<Item = (&str, &str, &Value)> {
        members(&self.whole["paths"]).flat_map(|(template, item)| {
            let operations = members(item).filter(|(name, _)| *name != "parameters");
            operations.map(move |(method, operation)| (template, method, operation))
        })
    }

    fn operation(&self, template: &str, method: &str, operation: &Value) -> Operation {
        let mut path = template.to_owned();
        for parameter in self.whole["paths"][template]["parameters"].as_array().into_iter().flatten() {
            let parameter = self.resolved(parameter);
            let placeholder = format!("{{{}}}", parameter["name"].as_str().unwrap());
            path = path.replace(&placeholder, parameter["example"].as_str().unwrap());
        }
        let security = operation.get("security").unwrap_or(&self.whole["security"]);
        Operation {
            method: method.to_uppercase(),
            path,
            needs_token: security[0]["token"].is_array(),
            scope: security[0]["token"][0].as_str().map(ToOwned::to_owned),
            responses: operation["responses"].clone(),
        }
    }

    fn resolved<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str() {
            Some(reference) => self.whole.pointer(reference.strip_prefix('#').unwrap()).unwrap(),
            None => value,
        }
    }

    /// Returns the name of the response, such as `get /tasks 200`.
    fn examine(&self, response: Received<'_>) -> Result<String, String> {
        let (method, status) = (response.method.to_lowercase(), response.status);
        let segments = segments(response.path);
        let found = self.operations().find(|(template, of, _)| *of == method && fits(template, &segments));
        let Some((template, _, operation)) = found else {
            self.examine_outside(response)?;
            return Ok(format!("outside {method} {status}"));
        };
        let documented = &operation["responses"][status.to_string()];
        if documented.is_null() {
            return Err(format!("{method} {template} has no such status"));
        }
        self.examine_headers(response, &documented["headers"])?;
        self.examine_body(response, &documented["content"])?;
        Ok(format!("{method} {template} {status}"))
    }

    fn examine_outside(&self, response: Received<'_>) -> Result<(), String> {
        if response.method == "OPTIONS" && response.status == 204 && response.body.is_empty() {
            return Ok(());
        }
        // The document is about the API, and not about itself and the page that shows it.
        let is_shown = matches!(segments(response.path).first(), Some(&"docs" | &"openapi.json"));
        if is_shown && [200, 304].contains(&response.status) && matches!(response.method, "GET" | "HEAD") {
            return Ok(());
        }
        if response.status < 400 {
            return Err("nothing is documented here, so this has to be a problem".into());
        }
        if response.status == 405 && !response.headers.contains_key("Allow") {
            return Err("405 without Allow".into());
        }
        let content = json!({"application/problem+json": {"schema": problem()}});
        self.examine_body(response, if response.method == "HEAD" { &Value::Null } else { &content })
    }

    fn examine_headers(&self, response: Received<'_>, documented: &Value) -> Result<(), String> {
        for (name, _) in members(&self.whole["components"]["headers"]) {
            let header = self.resolved(&documented[name]);
            match response.headers.get(name).map(|value| value.to_str().unwrap()) {
                Some(_) if header.is_null() => return Err(format!("{name} is not documented")),
                Some(value) => self.valid(&header["schema"], &json!(value))?,
                None if header["required"] == true => return Err(format!("{name} is missing")),
                None => {}
            }
        }
        Ok(())
    }

    /// `content` is null where the response has no body.
    fn examine_body(&self, response: Received<'_>, content: &Value) -> Result<(), String> {
        if content.is_null() {
            return if response.body.is_empty() { Ok(()) } else { Err("a body is not documented".into()) };
        }
        let media_type = response.headers.get("Content-Type").map_or("", |value| value.to_str().unwrap());
        let media_type = media_type.split(';').next().unwrap_or_default();
        let media = &content[media_type];
        if media.is_null() {
            return Err(format!("the media type {media_type:?} is not documented"));
        }
        let text = decoded(response)?;
        let body = if media_type.ends_with("json") {
            serde_json::from_str(&text).map_err(|error| error.to_string())?
        } else {
            json!(text)
        };
        self.valid(&media["schema"], &body)?;
        if media_type == "application/problem+json" {
            is_of_a_kind(&body, response.status, media)
        } else {
            Ok(())
        }
    }

    fn valid(&self, schema: &Value, value: &Value) -> Result<(), String> {
        let errors = self.validators[&schema.to_string()].iter_errors(value);
        let errors: Vec<_> = errors.map(|error| format!("{}: {error}", error.instance_path())).collect();
        if errors.is_empty() { Ok(()) } else { Err(errors.join("\n")) }
    }
}

fn problem() -> Value {
    json!({"$ref": "#/components/schemas/Problem"})
}

/// The examples of a response are its kinds of problem.
fn is_of_a_kind(body: &Value, status: u16, media: &Value) -> Result<(), String> {
    let kind = body["type"].as_str().and_then(|of| of.rsplit('/').next()).unwrap_or_default();
    if body.get("status").is_some_and(|stated| *stated != status) {
        return Err("the body states another status".into());
    }
    match media["examples"].get(kind) {
        None if media["examples"].is_object() => Err(format!("{kind} is not documented for this status")),
        _ => Ok(()),
    }
}

fn members(object: &Value) -> impl Iterator<Item = (&str, &Value)> {
    object.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}

/// Splits a path as API Gateway does: without its query and empty segments.
fn segments(path: &str) -> Vec<&str> {
    let path = path.split('?').next().unwrap_or_default();
    path.split('/').filter(|segment| !segment.is_empty()).collect()
}

fn fits(template: &str, segments: &[&str]) -> bool {
    let template = self::segments(template);
    template.len() == segments.len()
        && template
            .iter()
            .zip(segments)
            .all(|(expected, found)| expected.starts_with('{') || expected == found)
}

fn decoded(response: Received<'_>) -> Result<String, String> {
    let mut text = String::new();
    let read = match response.headers.get("Content-Encoding").map(|value| value.to_str().unwrap()) {
        None => { response.body }.read_to_string(&mut text),
        Some("gzip") => GzDecoder::new(response.body).read_to_string(&mut text),
        Some(other) => return Err(format!("the coding {other:?} is not known")),
    };
    read.map_err(|error| error.to_string())?;
    Ok(text)
}

/// The checks above find what departs from the document.
mod tests {
    use super::*;

    fn examined(
        method: &str,
        path: &str,
        status: u16,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Result<String, String> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(name.parse::<reqwest::header::HeaderName>().unwrap(), value.parse().unwrap());
        }
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let response = Received { method, path, status, headers: &map, body: body.as_bytes() };
        DOCUMENT.examine(response)
    }

    const COMMON: [(&str, &str); 3] =
        [("X-Request-Id", "r"), ("RateLimit-Policy", "p"), ("Content-Type", "application/json")];

    #[test]
    fn a_response_that_departs_from_the_document_is_found_out() {
        let health = json!({"status": "ok", "version": "1"});
        let path = "/health/?";
        assert_eq!(examined("GET", path, 200, &COMMON, &health), Ok("get /health 200".into()));
        let longer = json!({"status": "ok", "version": "1", "more": 1});
        for (status, headers, body, fault) in [
            (201, &COMMON[..], &health, "no such status"),
            (200, &COMMON[1..], &health, "X-Request-Id is missing"),
            (200, &[&COMMON[..], &[("ETag", "\"1\"")]].concat(), &health, "ETag is not documented"),
            (200, &COMMON[..2], &health, "media type"),
            (200, &COMMON, &longer, "more"),
            (200, &COMMON, &json!({"status": "ok"}), "version"),
            (200, &COMMON, &json!({"status": "ok", "version": 1}), "/version"),
        ] {
            let found = examined("GET", path, status, headers, body).unwrap_err();
            assert!(found.contains(fault), "{found} for {fault}");
        }
        let task_id = "/tasks/019aa0b1-2c3d-7e4f-8a5b-6c7d8e9f0a1b";
        assert!(examined("HEAD", task_id, 404, &COMMON, &health).unwrap_err().contains("body"));
        for (method, path, status) in
            [("GET", "/nothing", 200), ("POST", "/docs", 200), ("GET", "/docs", 204)]
        {
            assert!(
                examined(method, path, status, &COMMON, &health).unwrap_err().contains("problem"),
                "{path}"
            );
        }
    }

    #[test]
    fn a_problem_is_of_a_kind_that_its_status_lists() {
        let headers = [COMMON[0], COMMON[1], ("Content-Type", "application/problem+json")];
        let problem = |kind: &str, status: u16| {
            json!({"type": format!("/dev/problems/{kind}"), "title": "t", "status": status, "detail": "d",
                "instance": "/i", "requestId": "r"})
        };
        let get = |status, body: &Value| examined("GET", "/tasks/x", status, &headers, body);
        assert!(get(404, &problem("not-found", 404)).is_ok());
        assert!(get(404, &problem("forbidden", 404)).unwrap_err().contains("forbidden"));
        assert!(get(404, &problem("not-found", 410)).unwrap_err().contains("another status"));
        assert!(examined("POST", "/nothing", 404, &headers, &problem("not-found", 404)).is_ok());
        assert!(
            examined("POST", "/health", 405, &headers, &problem("x", 405)).unwrap_err().contains("Allow")
        );
    }
}
