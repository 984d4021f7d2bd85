//! `docs/clients/`: the same few calls for Postman, for httpYac, and for two shells; and the two blocks of
//! shell in the README.
//!
//! Made of `docs/openapi.json`: a step names an operation; its method, path, body, and the status to expect are the document's.
//! `cargo xtask test clients` runs them (tests/clients).

use std::{env, fs, path::Path};

use serde_json::{Map, Value, json};

use crate::openapi::document;

/// The calls by `operationId`, in this order. The id of the task that is created goes into the paths after it.
const STEPS: [Step; 6] = [
    Step { operation: "getMe", example: None, query: &[] },
    Step { operation: CREATE, example: Some("short"), query: &[] },
    Step { operation: "listTasks", example: None, query: &[("status", "PENDING"), ("limit", "10")] },
    Step { operation: "getTask", example: None, query: &[] },
    Step { operation: "updateTask", example: Some("status"), query: &[] },
    Step { operation: "deleteTask", example: None, query: &[] },
];
const CREATE: &str = "createTask";

struct Step {
    operation: &'static str,
    /// The name of the example that is the body.
    example: Option<&'static str>,
    query: &'static [(&'static str, &'static str)],
}

/// A step with what the document says about it.
struct Call {
    operation: &'static str,
    summary: String,
    method: String,
    /// With `{id}` as its only placeholder.
    path: String,
    query: &'static [(&'static str, &'static str)],
    /// The media type and the body.
    body: Option<(String, Value)>,
    status: u64,
}

impl Call {
    fn of(step: &Step, document: &Value) -> Self {
        let (path, method, operation) = found(step.operation, document);
        let body = step.example.map(|name| {
            let (media_type, media) =
                operation["requestBody"]["content"].as_object().unwrap().iter().next().unwrap();
            (media_type.clone(), media["examples"][name]["value"].clone())
        });
        for (name, _) in step.query {
            let reference = json!({"$ref": format!("#/components/parameters/{name}")});
            assert!(operation["parameters"].as_array().unwrap().contains(&reference), "{name}");
        }
        let mut statuses =
            operation["responses"].as_object().unwrap().keys().map(|status| status.parse().unwrap());
        Self {
            operation: step.operation,
            summary: operation["summary"].as_str().unwrap().to_owned(),
            method: method.to_uppercase(),
            path: path.to_owned(),
            query: step.query,
            body,
            status: statuses.find(|status| (200..300).contains(status)).unwrap(),
        }
    }

    /// The path with its query, and the id as the client writes it.
    fn target(&self, id: &str) -> String {
        let query: Vec<_> = self.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mark = if query.is_empty() { "" } else { "?" };
        format!("{}{mark}{}", self.path.replace("{id}", id), query.join("&"))
    }
}

fn calls() -> Vec<Call> {
    let document = document();
    STEPS.iter().map(|step| Call::of(step, &document)).collect()
}

/// Returns the path, method and object of an operation.
fn found<'a>(id: &str, document: &'a Value) -> (&'a str, &'a str, &'a Value) {
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if operation["operationId"] == id {
                return (path, method, operation);
            }
        }
    }
    panic!("no operation is called {id}")
}

/// A Postman collection, format 2.1; its variables are `baseUrl` and `token`.
fn postman(calls: &[Call]) -> String {
    let variable = |name: &str| json!({"key": name, "value": "", "type": "string"});
    let collection = json!({
        "info": {
            "name": "Task service",
            "description": "Creates a task, lists, reads, changes and deletes it. Set the variables baseUrl and token.",
            "schema": "https://schema.getpostman.com/json/collection/v2.1.0/collection.json",
        },
        "auth": {"type": "bearer", "bearer": [{"key": "token", "value": "{{token}}", "type": "string"}]},
        "variable": [variable("baseUrl"), variable("token"), variable("id")],
        "item": calls.iter().map(postman_item).collect::<Vec<_>>(),
    });
    format!("{}\n", serde_json::to_string_pretty(&collection).unwrap())
}

fn postman_item(call: &Call) -> Value {
    let mut script =
        vec![format!("pm.test(\"status {0}\", () => pm.response.to.have.status({0}));", call.status)];
    if call.operation == CREATE {
        script.push("pm.collectionVariables.set(\"id\", pm.response.json().id);".to_owned());
    }
    let path = call.path.replace("{id}", "{{id}}");
    let query: Vec<_> = call.query.iter().map(|(name, value)| json!({"key": name, "value": value})).collect();
    let mut url = Map::from_iter([
        ("raw".to_owned(), json!(format!("{{{{baseUrl}}}}{}", call.target("{{id}}")))),
        ("host".to_owned(), json!(["{{baseUrl}}"])),
        ("path".to_owned(), json!(path.split('/').skip(1).collect::<Vec<_>>())),
    ]);
    if !query.is_empty() {
        url.insert("query".to_owned(), json!(query));
    }
    let mut request = json!({"method": call.method, "header": [], "url": url});
    if let Some((media_type, body)) = &call.body {
        request["header"] = json!([{"key": "Content-Type", "value": media_type}]);
        request["body"] = json!({"mode": "raw", "raw": serde_json::to_string_pretty(body).unwrap(),
            "options": {"raw": {"language": "json"}}});
    }
    json!({
        "name": call.summary, "request": request,
        "event": [{"listen": "test", "script": {"type": "text/javascript", "exec": script}}],
    })
}

const HTTP_FILE: &str = "\
# For httpYac, on the command line or in an editor. It reads BASE_URL and TOKEN from the environment.
@baseUrl = {{$processEnv BASE_URL}}
@token = {{$processEnv TOKEN}}
";

/// The calls as a `.http` file.
fn http(calls: &[Call]) -> String {
    let call = |call: &Call| {
        let Call { summary, operation, method, body, .. } = call;
        let target = call.target(&format!("{{{{{CREATE}.id}}}}"));
        let body = body.as_ref().map_or_else(String::new, |(media_type, body)| {
            format!("Content-Type: {media_type}\n\n{}\n", serde_json::to_string_pretty(body).unwrap())
        });
        format!(
            "\n### {summary}\n# @name {operation}\n{method} {{{{baseUrl}}}}{target}\nAuthorization: Bearer {{{{token}}}}\n{body}"
        )
    };
    calls.iter().map(call).collect()
}

const BASH_SCRIPT: &str = "\
#!/usr/bin/env bash
# Needs curl and python3, the address of a stage in BASE_URL, and a token in TOKEN.
set -euo pipefail
: \"${BASE_URL:?set it to the address of a stage}\" \"${TOKEN:?set it to a token}\"
AUTH=\"Authorization: Bearer $TOKEN\"
";
const BASH_IN_README: &str = "\
out() { python3 -c 'import json,sys; print(json.load(open(\".local/outputs.json\"))[sys.argv[1]])' \"$1\"; }
BASE_URL=$(out apiUrl); AUTH=\"Authorization: Bearer $(out token)\"
";

/// The calls with curl.
fn bash(calls: &[Call]) -> String {
    let call = |call: &Call| {
        let method = if call.method == "GET" { String::new() } else { format!(" -X {}", call.method) };
        let body = call.body.as_ref().map_or_else(String::new, |(media_type, body)| {
            format!(" -H \"Content-Type: {media_type}\" -d {}", quoted(body))
        });
        let target = call.target("$ID");
        let line = format!("curl -sS --fail-with-body{method} \"$BASE_URL{target}\" -H \"$AUTH\"{body}");
        let line = match (call.operation, call.status) {
            (CREATE, _) => format!(
                "TASK=$({line}) || {{ echo \"$TASK\"; false; }}; echo \"$TASK\"\n\
                 ID=$(echo \"$TASK\" | python3 -c 'import json,sys; print(json.load(sys.stdin)[\"id\"])')"
            ),
            (_, 204) => line,
            _ => format!("{line}; echo"),
        };
        format!("\n# {}\n{line}\n", call.summary)
    };
    calls.iter().map(call).collect()
}

const POWERSHELL_SCRIPT: &str = "\
# Needs the address of a stage in $env:BASE_URL, and a token in $env:TOKEN.
$ErrorActionPreference = 'Stop'
$base = $env:BASE_URL
$auth = @{ Authorization = \"Bearer $env:TOKEN\" }
";
const POWERSHELL_IN_README: &str = "\
$out = Get-Content -Raw .local/outputs.json | ConvertFrom-Json
$base = $out.apiUrl
$auth = @{ Authorization = \"Bearer $($out.token)\" }
";

/// The calls with PowerShell.
fn powershell(calls: &[Call]) -> String {
    let call = |call: &Call| {
        let method = if call.method == "GET" {
            String::new()
        } else {
            format!(" -Method {}", title_case(&call.method))
        };
        let body = call.body.as_ref().map_or_else(String::new, |(media_type, body)| {
            format!(" -ContentType '{media_type}' -Body {}", quoted(body))
        });
        let target = call.target("$($task.id)");
        let line = format!("Invoke-RestMethod{method} -Uri \"$base{target}\" -Headers $auth{body}");
        let line = if call.operation == CREATE { format!("$task = {line}\n$task") } else { line };
        format!("\n# {}\n{line}\n", call.summary)
    };
    calls.iter().map(call).collect()
}

fn title_case(word: &str) -> String {
    format!("{}{}", &word[..1], word[1..].to_lowercase())
}

/// Both shells take what stands in single quotes as it is.
fn quoted(body: &Value) -> String {
    let text = body.to_string();
    assert!(!text.contains('\'') && text.is_ascii(), "{text}");
    format!("'{text}'")
}

/// `REFRESH=1 cargo test --workspace --test service` writes them.
#[test]
fn the_clients_follow_the_document() {
    let calls = calls();
    for (name, expected) in [
        ("tasks.postman_collection.json", postman(&calls)),
        ("tasks.http", format!("{HTTP_FILE}{}", http(&calls))),
        ("tasks.sh", format!("{BASH_SCRIPT}{}", bash(&calls))),
        ("tasks.ps1", format!("{POWERSHELL_SCRIPT}{}", powershell(&calls))),
    ] {
        compare(&format!("docs/clients/{name}"), |_| expected.clone());
    }
}

#[test]
fn the_readmes_calls_follow_the_document() {
    let calls = calls();
    compare("README.md", |readme| {
        let readme = with_block(&readme, "With curl", "bash", &format!("{BASH_IN_README}{}", bash(&calls)));
        with_block(
            &readme,
            "With PowerShell",
            "powershell",
            &format!("{POWERSHELL_IN_README}{}", powershell(&calls)),
        )
    });
}

/// Compares a file of the repository with what it should be, which may depend on what it is.
fn compare(name: &str, expected: impl Fn(String) -> String) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name);
    let written = fs::read_to_string(&file).unwrap_or_default();
    let expected = expected(written.clone());
    if env::var_os("REFRESH").is_some() {
        fs::write(&file, &expected).unwrap();
    } else {
        assert!(written == expected, "{name} is old: REFRESH=1 cargo test --workspace --test service");
    }
}

/// Replaces the block of code below a line that begins with `label`.
fn with_block(text: &str, label: &str, language: &str, block: &str) -> String {
    let fence = format!("```{language}\n");
    let (before, rest) = text.split_once(&format!("\n{label}")).unwrap();
    let (between, rest) = rest.split_once(&fence).unwrap();
    let (_, after) = rest.split_once("```\n").unwrap();
    format!("{before}\n{label}{between}{fence}{block}```\n{after}")
}
