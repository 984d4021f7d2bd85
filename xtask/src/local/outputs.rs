//! The results of a deployment for scripts and people: `outputs.json`, and calls ready to paste.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Context, Result};
use deployment::{Outputs, Service};
use serde::Deserialize as _;
use serde_json::{Value, json};

use crate::local::client::LocalAws;
use crate::service::principals::Tokens;

/// Returns the file's content once the service is deployed on the local AWS.
pub fn of_service(
    stack: &str,
    outputs: BTreeMap<String, String>,
    endpoint: &str,
    region: &str,
    tokens: &Tokens,
) -> Result<Outputs> {
    let mut keys = keys(outputs);
    for (key, value) in [
        ("endpointUrl", endpoint),
        ("region", region),
        ("serviceStack", stack),
        ("token", &tokens.token),
        ("readOnlyToken", &tokens.read_only_token),
        ("writeOnlyToken", &tokens.write_only_token),
        ("otherOwnerToken", &tokens.other_owner_token),
    ] {
        keys.insert(key.to_owned(), value.into());
    }
    // Cognito's domains are the local AWS itself.
    for (key, path) in [("hostedUi", ""), ("tokenEndpoint", "/oauth2/token")] {
        if let Some(url) = keys.get_mut(key) {
            *url = format!("{}{path}", endpoint.trim_end_matches('/')).into();
        }
    }
    if let Some(Value::String(url)) = keys.get_mut("apiUrl") {
        *url = local_url(url, endpoint);
    }
    // Names the key that is missing; the whole file would only have no service.
    Service::deserialize(&Value::Object(keys.clone()))
        .with_context(|| format!("the stack {stack} lacks an output"))?;
    serde_json::from_value(Value::Object(keys)).context("the outputs do not fit into outputs.json")
}

/// Adds the secret of the user pool's client for machines, which no stack tells.
pub fn with_machine_client(mut outputs: Outputs, aws: &LocalAws) -> Result<Outputs> {
    let more = &mut outputs.more;
    if let (Some(pool), Some(client)) = (more.get("userPoolId"), more.get("machineClientId")) {
        let body = json!({"UserPoolId": pool, "ClientId": client});
        let target = "AWSCognitoIdentityProviderService.DescribeUserPoolClient";
        let described = aws.json("cognito-idp", target, &body)?;
        let secret = described["UserPoolClient"]["ClientSecret"].as_str();
        let secret = secret.context("the client for machines has no secret")?.to_owned();
        more.insert("machineClientSecret".to_owned(), secret);
    }
    Ok(outputs)
}

/// Adds the outputs of the teardown stack.
pub fn with_teardown(service: &Outputs, stack: &str, outputs: BTreeMap<String, String>) -> Result<Outputs> {
    let mut whole = serde_json::to_value(service).context("outputs.json cannot be written")?;
    if let Value::Object(whole) = &mut whole {
        whole.extend(keys(outputs));
        whole.insert("teardownStack".to_owned(), stack.into());
    }
    serde_json::from_value(whole).context("the outputs do not fit into outputs.json")
}

fn keys(outputs: BTreeMap<String, String>) -> serde_json::Map<String, Value> {
    outputs.into_iter().map(|(name, value)| (camel_case(&name), value.into())).collect()
}

/// Formats three calls, ready to paste, for both shells.
pub fn calls(service: &Service) -> String {
    let mut text = String::new();
    let (url, bearer) = (format!("{}/tasks", service.api_url), format!("Bearer {}", service.token));
    let curl = format!(r"curl -sS -w '\n' -H 'Authorization: {bearer}'");
    let body = r#"{"title":"Try the task service"}"#;
    let newest = format!("{curl} '{url}?limit=1' | sed -E 's/.*\"id\":\"([^\"]+)\".*/\\1/'");
    writeln!(text, "curl: create a task, list the tasks, delete the newest\n").ok();
    writeln!(text, "  {curl} -X POST '{url}' -H 'Content-Type: application/json' -d '{body}'").ok();
    writeln!(text, "  {curl} '{url}'").ok();
    writeln!(text, "  {curl} -i -X DELETE \"{url}/$({newest})\"").ok();
    let rest = format!("Invoke-RestMethod -Headers @{{Authorization='{bearer}'}}");
    writeln!(text, "\nPowerShell: the same\n").ok();
    writeln!(text, "  {rest} -Method Post -Uri '{url}' -ContentType 'application/json' -Body '{body}'").ok();
    writeln!(text, "  ({rest} -Uri '{url}').items").ok();
    writeln!(text, "  {rest} -Method Delete -Uri ('{url}/' + ({rest} -Uri '{url}?limit=1').items[0].id)")
        .ok();
    text
}

/// Formats the call that gets a token of Cognito, for both shells.
pub fn token_calls(outputs: &Outputs) -> Option<String> {
    let of = |key: &str| outputs.more.get(key);
    let (url, id, secret) = (of("tokenEndpoint")?, of("machineClientId")?, of("machineClientSecret")?);
    // Each shell encodes the secret itself: it is base64 on the local AWS, and a `+` would arrive as a space.
    let curl = format!(
        "-d 'grant_type=client_credentials&client_id={id}' --data-urlencode 'client_secret={secret}'"
    );
    let hash = format!("@{{grant_type='client_credentials'; client_id='{id}'; client_secret='{secret}'}}");
    Some(format!(
        "A token of Cognito instead (curl, PowerShell), good for an hour, with tasks of its own:\n\n  \
         curl -sS '{url}' {curl}\n  (Invoke-RestMethod -Method Post -Uri '{url}' -Body {hash}).access_token\n"
    ))
}

/// Turns a stack's `https://<id>.execute-api.<region>.amazonaws.com/<stage>/` into what the local AWS serves without a
/// name server: `<endpoint>/_aws/execute-api/<id>/<stage>`.
pub fn local_url(url: &str, endpoint: &str) -> String {
    let url = url.trim_end_matches('/');
    let parts = url.split_once("://").and_then(|(_, rest)| rest.split_once('/'));
    match parts.and_then(|(host, stage)| Some((host.split_once(".execute-api.")?.0, stage))) {
        Some((id, stage)) => format!("{}/_aws/execute-api/{id}/{stage}", endpoint.trim_end_matches('/')),
        None => url.to_owned(),
    }
}

fn camel_case(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use deployment::Outputs;

    use super::{calls, camel_case, local_url, of_service, token_calls, with_teardown};
    use crate::service::principals::Tokens;

    fn owned(outputs: &[(&str, &str)]) -> BTreeMap<String, String> {
        outputs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    fn outputs() -> Outputs {
        let stack = [
            ("ApiUrl", "https://abc123.execute-api.us-east-1.amazonaws.com/dev/"),
            ("TableName", "t"),
            ("AuditLogGroup", "/tasks/dev/audit"),
            ("QuarantineLogGroup", "/tasks/dev/quarantine"),
            ("TaskApiFunction", "tasks-dev-task-api"),
            ("AuditFunction", "tasks-dev-audit"),
            ("FailureBucket", "b"),
            ("HostedUi", "https://tasks-dev-0.auth.us-east-1.amazoncognito.com"),
        ];
        let tokens = Tokens {
            token: "T".to_owned(),
            read_only_token: "R".to_owned(),
            write_only_token: "W".to_owned(),
            other_owner_token: "O".to_owned(),
        };
        of_service("tasks-dev", owned(&stack), "http://127.0.0.1:4566", "us-east-1", &tokens)
            .expect("outputs")
    }

    #[test]
    fn the_file_has_the_promised_keys() {
        let json = serde_json::to_value(outputs()).expect("json");
        let url = "http://127.0.0.1:4566/_aws/execute-api/abc123/dev";
        let expected = serde_json::json!({
            "apiUrl": url, "endpointUrl": "http://127.0.0.1:4566", "region": "us-east-1", "token": "T", "readOnlyToken": "R",
            "writeOnlyToken": "W", "otherOwnerToken": "O", "tableName": "t", "auditLogGroup": "/tasks/dev/audit", "serviceStack": "tasks-dev",
            "quarantineLogGroup": "/tasks/dev/quarantine", "taskApiFunction": "tasks-dev-task-api", "auditFunction": "tasks-dev-audit",
            "failureBucket": "b", "hostedUi": "http://127.0.0.1:4566",
        });
        assert_eq!(json, expected);
    }

    #[test]
    fn the_teardowns_keys_follow_and_the_services_stay() {
        let outputs = outputs();
        let teardown = owned(&[("StateMachineArn", "m"), ("Services", "tasks-dev"), ("EvidenceTable", "e")]);
        let whole = with_teardown(&outputs, "tasks-teardown", teardown).expect("outputs");
        assert_eq!(whole.service, outputs.service);
        assert_eq!(whole.state_machine(), Ok("m"));
        assert_eq!(whole.teardown.teardown_stack.as_deref(), Some("tasks-teardown"));
        assert_eq!(whole.more.get("evidenceTable").map(String::as_str), Some("e"));
    }

    #[test]
    fn an_output_that_the_stack_lacks_is_named() {
        let none = String::new;
        let tokens = Tokens {
            token: none(),
            read_only_token: none(),
            write_only_token: none(),
            other_owner_token: none(),
        };
        let error =
            of_service("tasks-dev", owned(&[("ApiUrl", "u")]), "e", "r", &tokens).expect_err("not whole");
        assert!(format!("{error:#}").contains("`tableName`"), "{error:#}");
    }

    #[test]
    fn the_calls_hold_url_and_token_and_balanced_quotes() {
        let calls = calls(outputs().service().expect("a service"));
        let lines: Vec<&str> = calls.lines().filter(|line| line.starts_with("  ")).collect();
        assert_eq!(lines.len(), 6);
        for line in lines {
            assert!(line.contains("http://127.0.0.1:4566/_aws/execute-api/abc123/dev/tasks"), "{line}");
            assert!(line.contains("Authorization"), "{line}");
            assert!(line.contains("Bearer T"), "{line}");
            assert_eq!(line.matches('\'').count() % 2, 0, "{line}");
        }
    }

    #[test]
    fn a_token_of_cognito_is_fetched_where_the_local_aws_is() {
        let mut outputs = outputs();
        assert_eq!(token_calls(&outputs), None, "without a user pool");
        let more = [("machineClientId", "ID"), ("machineClientSecret", "a+b/c=")];
        outputs.more.extend(owned(&more));
        outputs.more.insert("tokenEndpoint".to_owned(), "http://127.0.0.1:4566/oauth2/token".to_owned());
        let calls = token_calls(&outputs).expect("calls");
        let curl = "-d 'grant_type=client_credentials&client_id=ID' --data-urlencode 'client_secret=a+b/c='";
        assert!(calls.contains(curl), "{calls}");
        let powershell = "-Body @{grant_type='client_credentials'; client_id='ID'; client_secret='a+b/c='})";
        assert!(calls.contains(powershell), "{calls}");
        assert_eq!(calls.matches("'http://127.0.0.1:4566/oauth2/token'").count(), 2, "{calls}");
    }

    #[test]
    fn an_url_that_is_local_already_stays() {
        let url = "http://127.0.0.1:1/_aws/execute-api/x/dev";
        assert_eq!(local_url(&format!("{url}/"), "http://127.0.0.1:1"), url);
    }

    #[test]
    fn names_are_in_camel_case() {
        assert_eq!(camel_case("TaskApiFunction"), "taskApiFunction");
    }
}
