//! The instructions that the authorizer executes, counted by valgrind: unlike times, they are the same on every run.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::commands::bench::runtime_api;
use crate::service::principals::{Principal, SCOPES};
use crate::tools::process;

/// The calls by which a run is longer than the one that it is compared with.
const CALLS: usize = 50;
const PRINCIPALS: usize = 10;

/// The counts.
#[derive(Debug)]
pub struct Instructions {
    /// From the start until the first call, with ten static tokens and two pinned keys.
    pub init: u64,
    /// A call with the first and the last of ten static tokens.
    pub first_token: u64,
    pub last_token: u64,
    /// A call with a JWT signed with RS256, whose key is known.
    pub jwt: u64,
}

#[derive(Deserialize)]
struct Jwt {
    issuers: Value,
    token: String,
}

/// Counts; `None` if valgrind is not installed.
pub fn measure(authorizer: &Path) -> Result<Option<Instructions>> {
    if process::answer(Command::new("valgrind").arg("--version")).is_none() {
        return Ok(None);
    }
    let jwt: Jwt = serde_json::from_str(include_str!("jwt.json")).context("jwt.json is damaged")?;
    let token = |number: usize| format!("token-{number}");
    let entry = |number| Principal::new(&format!("p{number}"), "team", &SCOPES, &token(number));
    let principals = json!((0..PRINCIPALS).map(entry).collect::<Vec<_>>()).to_string();
    let environment = [("PRINCIPALS", principals), ("ISSUERS", jwt.issuers.to_string())];
    let run = |token: &str, calls| count(authorizer, &environment, token, calls);
    let call = |token: &str| anyhow::Ok((run(token, CALLS + 1)? - run(token, 1)?) / CALLS as u64);
    let jwt_call = call(&jwt.token)?;
    Ok(Some(Instructions {
        init: run(&jwt.token, 1)?.saturating_sub(jwt_call),
        first_token: call(&token(0))?,
        last_token: call(&token(PRINCIPALS - 1))?,
        jwt: jwt_call,
    }))
}

/// Runs the function for some calls with a token, each of which must succeed, and returns all its instructions.
fn count(authorizer: &Path, environment: &[(&str, String)], token: &str, calls: usize) -> Result<u64> {
    let (listener, address) = runtime_api::listen()?;
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(authorizer);
    command.envs(environment.iter().map(|(name, value)| (name, value)));
    command.envs(runtime_api::environment("authorizer", &address));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = process::start(&mut command)?;
    let mut output = child.stderr.take().context("valgrind's output cannot be read")?;
    let reader = thread::spawn(move || std::io::read_to_string(&mut output));
    let pid = i32::try_from(child.id()).context("a process has a strange id")?;
    let succeeded = Arc::new(AtomicUsize::new(0));
    let served = Arc::clone(&succeeded);
    let event = json!({
        "type": "TOKEN", "authorizationToken": format!("Bearer {token}"),
        "methodArn": "arn:aws:execute-api:eu-west-1:123456789012:abcdefghij/dev/GET/tasks",
    });
    let invocation = runtime_api::invocation(&event.to_string());
    runtime_api::serve(listener, move |request| {
        if request.line.ends_with("/response HTTP/1.1") {
            served.fetch_add(1, Ordering::SeqCst);
            Some(runtime_api::invocation(""))
        } else if request.line.contains("/invocation/next ") && served.load(Ordering::SeqCst) < calls {
            Some(invocation.clone())
        } else {
            // Enough, or an error.
            process::signal(pid, Signal::SIGTERM);
            None
        }
    });
    process::wait(&mut child, None)?;
    let text = reader.join().ok().context("valgrind's output was lost")??;
    ensure!(succeeded.load(Ordering::SeqCst) == calls, "the authorizer failed under valgrind:\n{text}");
    let collected = text.lines().find_map(|line| line.split_once("Collected :"));
    let (_, number) = collected.with_context(|| format!("valgrind counted nothing:\n{text}"))?;
    number.trim().parse().context("valgrind's count is no number")
}
