//! Checks of the gateway and of the functions behind it, on the deployed service.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use super::finding::Finding;
use super::logs::messages;
use super::site::{Answer, ORIGINS, Site};

/// CloudWatch Logs may show an access-log line minutes later.
const LOGGED_WITHIN: Duration = Duration::from_mins(5);
/// The domain of a user pool is a new name in the DNS.
const DOMAIN_WITHIN: Duration = Duration::from_mins(5);
/// The time that the workflow gives writers to finish after it has set the concurrency to 0 (`freeze.rs`).
const STOPPED_WITHIN: Duration = Duration::from_secs(10);

pub fn problem_content_type(site: &Site<'_>) -> Result<Finding> {
    header(site, "content-type", "application/problem+json")
}

pub fn www_authenticate(site: &Site<'_>) -> Result<Finding> {
    header(site, "www-authenticate", "Bearer error=\"invalid_token\"")
}

fn header(site: &Site<'_>, name: &str, wanted: &str) -> Result<Finding> {
    let answer = site.curl_without_token("/tasks", &[])?;
    let found = answer.header(name);
    Ok(Finding::new(answer.status == 401 && found == wanted, format!("{}, {name}: {found}", answer.status)))
}

pub fn raw_query(site: &Site<'_>) -> Result<Finding> {
    let answer = site.curl("/tasks?a=|{}", &["-g"])?;
    let json: Option<Value> = serde_json::from_str(&answer.body).ok();
    Ok(match json {
        Some(_) => Finding::Held(format!("{} with JSON", answer.status)),
        None => Finding::NotHeld(format!("{}, no JSON: {}", answer.status, answer.body)),
    })
}

pub fn authorizer_nulls(site: &Site<'_>) -> Result<Finding> {
    let answer = site.curl("/tasks", &[])?;
    Ok(Finding::new(answer.status == 200, format!("{} with a valid token", answer.status)))
}

/// Asks Cognito for a token, as the client for machines, and the API who bears it.
pub fn cognito_token(site: &Site<'_>) -> Result<Finding> {
    let service = site.service()?;
    let (pool, client) = (service.output("UserPoolId")?, service.output("MachineClientId")?);
    let of_client = ["--user-pool-id", pool, "--client-id", client];
    let described =
        site.aws.call(&[&["cognito-idp", "describe-user-pool-client"], &of_client[..]].concat())?;
    let secret = described["UserPoolClient"]["ClientSecret"].as_str().context("the client has no secret")?;
    let secret = format!("data-urlencode = \"client_secret={secret}\"");
    let form = ["-d", "grant_type=client_credentials", "-d", &format!("client_id={client}")];
    // The domain's name may not be known everywhere at once.
    let given = site.patience.until(DOMAIN_WITHIN, || {
        let answer = site.curl_url(&service.token_endpoint, &secret, &form);
        Ok(answer.ok().filter(|answer| answer.status == 200))
    })?;
    let Some((given, time)) = given else {
        return Ok(Finding::NotHeld(format!("no token within {} s", DOMAIN_WITHIN.as_secs())));
    };
    let given: Value = serde_json::from_str(&given.body).unwrap_or_default();
    let me = site.curl_as(given["access_token"].as_str().unwrap_or_default(), "/me", &[])?;
    let caller: Value = serde_json::from_str(&me.body).unwrap_or_default();
    let scopes = caller["scopes"].as_array().map_or(0, Vec::len);
    Ok(Finding::new(
        me.status == 200 && caller["auth"] == "jwt" && scopes == 2,
        format!("{} at /me with {scopes} scopes; a token after {:.0} s", me.status, time.as_secs_f64()),
    ))
}

pub fn head(site: &Site<'_>) -> Result<Finding> {
    let id = create(site, "HEAD")?;
    let answer = site.curl(&format!("/tasks/{id}"), &["-I"])?;
    let etag = answer.header("etag");
    Ok(Finding::new(answer.status == 200 && !etag.is_empty(), format!("{}, etag: {etag}", answer.status)))
}

pub fn text_answers(site: &Site<'_>) -> Result<Finding> {
    let answer = site.curl_without_token("/tasks", &["-H", "Accept: application/json"])?;
    let json = serde_json::from_str::<Value>(&answer.body).is_ok();
    Ok(Finding::new(answer.status == 401 && json, format!("{}, JSON: {json}", answer.status)))
}

pub fn bodies_arrive_unchanged(site: &Site<'_>) -> Result<Finding> {
    let file = site.folder.join("not-utf-8.json");
    fs::write(&file, b"{\"title\":\"\xff\"}")
        .with_context(|| format!("{} cannot be written", file.display()))?;
    let content_type = "Content-Type: application/json; charset=utf-8";
    let body = format!("@{}", file.display());
    let answer = site.curl("/tasks", &["-X", "POST", "-H", content_type, "--data-binary", &body])?;
    Ok(Finding::new(answer.status == 400, format!("{} to a body that is not UTF-8", answer.status)))
}

pub fn quoted_header(site: &Site<'_>) -> Result<Finding> {
    let refused = site.curl_without_token("/tasks", &[])?;
    let preflight =
        site.curl_without_token("/tasks", &["-X", "OPTIONS", "-H", "Origin: https://a.example"])?;
    let (one, two) = (refused.header("ratelimit-policy"), preflight.header("ratelimit-policy"));
    let held = one == two && one.starts_with("\"default\";q=");
    Ok(Finding::new(held, format!("{one} on a gateway response, {two} on a preflight")))
}

pub fn header_lines(site: &Site<'_>) -> Result<Finding> {
    let id = create(site, "header lines")?;
    let json = "Content-Type: application/json";
    let lines = ["-H", "If-None-Match: \"1\"", "-H", "If-None-Match: \"9\""];
    let change = [&["-X", "PUT", "-H", json, "-d", r#"{"title":"changed"}"#], &lines[..]].concat();
    let answer = site.curl(&format!("/tasks/{id}"), &change)?;
    Ok(Finding::new(answer.status == 412, format!("{} to a precondition on two lines", answer.status)))
}

pub fn preflight_origins(site: &Site<'_>) -> Result<Finding> {
    let origin = format!("Origin: {}", ORIGINS[1]);
    let method = "Access-Control-Request-Method: POST";
    let answer = site.curl_without_token("/tasks", &["-X", "OPTIONS", "-H", &origin, "-H", method])?;
    let allowed = answer.header("access-control-allow-origin");
    let held = answer.status == 204 && allowed == ORIGINS[1] && answer.body.is_empty();
    Ok(Finding::new(held, format!("{}, allows {allowed}", answer.status)))
}

pub fn long_access_log_line(site: &Site<'_>) -> Result<Finding> {
    let agent = "x".repeat(900);
    site.curl_without_token("/health", &["-A", &agent])?;
    let group = format!("/tasks/{}/access", site.stage);
    let found = site.patience.until(LOGGED_WITHIN, || {
        let found = messages(site, &group)?;
        Ok(found.into_iter().find(|line| line.contains("xxxxxxxxxx")))
    })?;
    let Some((line, _)) = found else {
        return Ok(Finding::NotHeld(format!("no such line in {group} within {} s", LOGGED_WITHIN.as_secs())));
    };
    let whole = line.len() > 1024 && serde_json::from_str::<Value>(&line).is_ok();
    Ok(Finding::new(whole, format!("a line of {} bytes, JSON to its end: {whole}", line.len())))
}

pub fn execution_log_group(site: &Site<'_>) -> Result<Finding> {
    if site.local() {
        return Ok(Finding::Skipped("the local gateway writes no execution log".to_owned()));
    }
    site.curl_without_token("/tasks", &[])?;
    let group = format!("API-Gateway-Execution-Logs_{}/{}", site.service()?.output("ApiId")?, site.stage);
    let streams = ["logs", "describe-log-streams", "--log-group-name", &group, "--max-items", "1"];
    let found = site.patience.until(LOGGED_WITHIN, || {
        let streams = site.aws.call(&streams)?;
        Ok(streams["logStreams"].as_array().is_some_and(|streams| !streams.is_empty()).then_some(()))
    })?;
    Ok(match found {
        Some(_) => Finding::Held(format!("{group} has log streams")),
        None => Finding::NotHeld(format!("{group} is empty")),
    })
}

/// Returns the gateway's answer while a function may not run, and how soon it comes. The function may run again at the end in
/// any case.
pub fn frozen(site: &Site<'_>) -> Result<Finding> {
    let function = site.service()?.output("TaskApiFunction")?;
    let name = ["--function-name", function];
    site.aws.call(
        &[&["lambda", "put-function-concurrency"], &name[..], &["--reserved-concurrent-executions", "0"]]
            .concat(),
    )?;
    let seen = frozen_answers(site);
    site.aws.call(&[&["lambda", "delete-function-concurrency"], &name[..]].concat())?;
    let again = site.patience.until(Duration::from_mins(2), || {
        Ok((site.curl_without_token("/health", &[])?.status == 200).then_some(()))
    })?;
    let finding = seen?;
    Ok(if again.is_some() { finding } else { Finding::NotHeld("the function does not come back".to_owned()) })
}

fn frozen_answers(site: &Site<'_>) -> Result<Finding> {
    let stopped = site.patience.until(Duration::from_mins(2), || {
        let answer = site.curl_without_token("/health", &[])?;
        Ok((answer.status != 200).then_some(answer))
    })?;
    let Some((first, time)) = stopped else {
        return Ok(Finding::NotHeld("calls are still answered after two minutes".to_owned()));
    };
    let mut late = 0;
    for _ in 0..5 {
        late += u32::from(site.curl_without_token("/health", &[])?.status == 200);
    }
    let retry = first.header("retry-after");
    let held = first.status == 503 && !retry.is_empty() && late == 0 && time <= STOPPED_WITHIN;
    Ok(Finding::new(
        held,
        format!(
            "{} with Retry-After {retry:?} after {:.1} s; {late} of 5 later calls were answered",
            first.status,
            time.as_secs_f64()
        ),
    ))
}

pub fn cold_start(site: &Site<'_>) -> Result<Finding> {
    const MOST: f64 = 1_000.0;
    if site.local() {
        return Ok(Finding::Skipped("the local AWS reports no cold starts".to_owned()));
    }
    let group = format!("/tasks/{}/task-api", site.stage);
    let found = site.patience.until(LOGGED_WITHIN, || {
        site.curl_without_token("/health", &[])?;
        let times: Vec<f64> = messages(site, &group)?.iter().filter_map(|line| init_duration(line)).collect();
        Ok((!times.is_empty()).then_some(times))
    })?;
    let Some((times, _)) = found else {
        return Ok(Finding::NotHeld(format!("no REPORT with an Init Duration in {group}")));
    };
    let slowest = times.iter().copied().fold(0.0, f64::max);
    Ok(Finding::new(slowest <= MOST, format!("the slowest of {} took {slowest} ms", times.len())))
}

/// Reads the time in `REPORT RequestId: … Init Duration: 12.3 ms …`.
fn init_duration(line: &str) -> Option<f64> {
    line.split_once("Init Duration: ")?.1.split_once(" ms")?.0.parse().ok()
}

/// Creates a task and returns its id.
pub fn create(site: &Site<'_>, title: &str) -> Result<String> {
    let answer = send(site, "/tasks", "POST", &format!(r#"{{"title":"{title}"}}"#))?;
    let task: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    let id = task["id"].as_str().with_context(|| format!("a create was answered {}", answer.status))?;
    Ok(id.to_owned())
}

/// Returns curl's arguments that send JSON.
pub fn send(site: &Site<'_>, path: &str, method: &str, body: &str) -> Result<Answer> {
    site.curl(path, &["-X", method, "-H", "Content-Type: application/json", "-d", body])
}

#[cfg(test)]
mod tests {
    use super::init_duration;

    #[test]
    fn a_cold_start_is_read_from_its_report() {
        let line =
            "REPORT RequestId: r\tDuration: 1.00 ms\tMax Memory Used: 20 MB\tInit Duration: 30.25 ms\t\n";
        assert_eq!(init_duration(line), Some(30.25));
        assert_eq!(init_duration("REPORT RequestId: r\tDuration: 1.00 ms"), None);
    }
}
