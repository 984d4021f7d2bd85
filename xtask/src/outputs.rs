//! What a deployment tells scripts and people: `outputs.json` and calls ready to paste.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::principals::Tokens;

/// The file for scripts. `rest` holds the stack's other outputs (functions' names, the failure bucket, …) in camel case.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outputs {
    pub api_url: String,
    pub endpoint_url: String,
    pub region: String,
    pub token: String,
    pub read_only_token: String,
    pub other_owner_token: String,
    pub table_name: String,
    pub audit_log_group: String,
    pub service_stack: String,
    #[serde(flatten)]
    pub rest: BTreeMap<String, String>,
}

impl Outputs {
    /// From the outputs of a stack on the local AWS.
    pub fn of_local_stack(
        stack: &str,
        mut outputs: BTreeMap<String, String>,
        endpoint: &str,
        region: &str,
        tokens: &Tokens,
    ) -> Result<Self> {
        let mut take = |name: &str| {
            outputs.remove(name).with_context(|| format!("the stack {stack} has no output named {name}"))
        };
        let api_url = local_url(&take("ApiUrl")?, endpoint);
        Ok(Self {
            api_url,
            endpoint_url: endpoint.to_owned(),
            region: region.to_owned(),
            token: tokens.token.clone(),
            read_only_token: tokens.read_only_token.clone(),
            other_owner_token: tokens.other_owner_token.clone(),
            table_name: take("TableName")?,
            audit_log_group: take("AuditLogGroup")?,
            service_stack: stack.to_owned(),
            rest: outputs.into_iter().map(|(name, value)| (camel_case(&name), value)).collect(),
        })
    }

    /// Adds another stack's outputs.
    pub fn add(&mut self, outputs: BTreeMap<String, String>) {
        self.rest.extend(outputs.into_iter().map(|(name, value)| (camel_case(&name), value)));
    }

    /// The ones written earlier, if they are whole.
    pub fn read(path: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(path).ok()?).ok()
    }

    /// Three calls, ready to paste, for both shells.
    pub fn calls(&self) -> String {
        let mut text = String::new();
        let (url, bearer) = (format!("{}/tasks", self.api_url), format!("Bearer {}", self.token));
        let curl = format!("curl -sS -H 'Authorization: {bearer}'");
        let body = r#"{"title":"Try the task service"}"#;
        let newest = format!("{curl} '{url}?limit=1' | sed -E 's/.*\"id\":\"([^\"]+)\".*/\\1/'");
        writeln!(text, "curl: create a task, list the tasks, delete the newest\n").ok();
        writeln!(text, "  {curl} -X POST '{url}' -H 'Content-Type: application/json' -d '{body}'").ok();
        writeln!(text, "  {curl} '{url}'").ok();
        writeln!(text, "  {curl} -i -X DELETE \"{url}/$({newest})\"").ok();
        let rest = format!("Invoke-RestMethod -Headers @{{Authorization='{bearer}'}}");
        writeln!(text, "\nPowerShell: the same\n").ok();
        writeln!(text, "  {rest} -Method Post -Uri '{url}' -ContentType 'application/json' -Body '{body}'")
            .ok();
        writeln!(text, "  ({rest} -Uri '{url}').items").ok();
        writeln!(text, "  {rest} -Method Delete -Uri ('{url}/' + ({rest} -Uri '{url}?limit=1').items[0].id)")
            .ok();
        text
    }
}

/// A stack's `https://<id>.execute-api.<region>.amazonaws.com/<stage>/` as the local AWS serves it, without a name server:
/// `<endpoint>/_aws/execute-api/<id>/<stage>`.
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

    use super::{Outputs, camel_case, local_url};
    use crate::principals::Tokens;

    fn outputs() -> Outputs {
        let stack = [
            ("ApiUrl", "https://abc123.execute-api.us-east-1.amazonaws.com/dev/"),
            ("TableName", "t"),
            ("AuditLogGroup", "/tasks/dev/audit"),
            ("FailureBucket", "b"),
        ];
        let stack: BTreeMap<_, _> =
            stack.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let tokens = Tokens {
            token: "T".to_owned(),
            read_only_token: "R".to_owned(),
            other_owner_token: "O".to_owned(),
        };
        Outputs::of_local_stack("tasks-dev", stack, "http://127.0.0.1:4566", "us-east-1", &tokens)
            .expect("outputs")
    }

    #[test]
    fn the_file_has_the_promised_keys() {
        let json = serde_json::to_value(outputs()).expect("json");
        let url = "http://127.0.0.1:4566/_aws/execute-api/abc123/dev";
        let expected = serde_json::json!({
            "apiUrl": url, "endpointUrl": "http://127.0.0.1:4566", "region": "us-east-1", "token": "T", "readOnlyToken": "R",
            "otherOwnerToken": "O", "tableName": "t", "auditLogGroup": "/tasks/dev/audit", "serviceStack": "tasks-dev",
            "failureBucket": "b",
        });
        assert_eq!(json, expected);
    }

    #[test]
    fn the_calls_hold_url_and_token_and_balanced_quotes() {
        let calls = outputs().calls();
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
    fn an_url_that_is_local_already_stays() {
        let url = "http://127.0.0.1:1/_aws/execute-api/x/dev";
        assert_eq!(local_url(&format!("{url}/"), "http://127.0.0.1:1"), url);
    }

    #[test]
    fn names_are_in_camel_case() {
        assert_eq!(camel_case("TaskApiFunction"), "taskApiFunction");
    }
}
