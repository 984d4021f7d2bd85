//! The instructions that the authorizer executes, counted by valgrind: unlike times, they are the same on every run.

use std::collections::HashMap;
use std::io::{BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::Signal;
use serde::Deserialize;
use serde_json::{Value, json};

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
    let listener = TcpListener::bind("127.0.0.1:0").context("no port is free")?;
    let address = listener.local_addr().context("the port has no address")?;
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(authorizer);
    command.envs(environment.iter().map(|(name, value)| (name, value)));
    command.envs([
        ("AWS_LAMBDA_RUNTIME_API", address.to_string().as_str()),
        ("AWS_LAMBDA_FUNCTION_NAME", "authorizer"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
        ("RUST_LOG", "info"),
    ]);
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
    thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            let (event, served) = (event.to_string(), Arc::clone(&served));
            thread::spawn(move || serve(connection, &event, &served, calls, pid));
        }
    });
    process::wait(&mut child, None)?;
    let text = reader.join().ok().context("valgrind's output was lost")??;
    ensure!(succeeded.load(Ordering::SeqCst) == calls, "the authorizer failed under valgrind:\n{text}");
    let collected = text.lines().find_map(|line| line.split_once("Collected :"));
    let (_, number) = collected.with_context(|| format!("valgrind counted nothing:\n{text}"))?;
    number.trim().parse().context("valgrind's count is no number")
}

/// Answers as Lambda's Runtime API does ("Using the Lambda runtime API"), and stops the function after its calls.
fn serve(connection: TcpStream, event: &str, succeeded: &AtomicUsize, calls: usize, pid: i32) -> Result<()> {
    let mut reader = BufReader::new(connection.try_clone()?);
    let mut connection = connection;
    loop {
        let (line, headers) = head(&mut reader)?;
        let length = headers.get("content-length").map_or(Ok(0), |length| length.parse())?;
        reader.read_exact(&mut vec![0; length])?;
        if line.ends_with("/response HTTP/1.1") {
            succeeded.fetch_add(1, Ordering::SeqCst);
        } else if !line.contains("/invocation/next ") || succeeded.load(Ordering::SeqCst) == calls {
            // Enough, or an error.
            process::signal(pid, Signal::SIGTERM);
            return Ok(());
        }
        let body = if line.starts_with("GET") { event } else { "" };
        write!(
            connection,
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nLambda-Runtime-Aws-Request-Id: 7f2c8b52-0000-4000-8000-000000000000\r\n\
             Lambda-Runtime-Deadline-Ms: 4102444800000\r\nLambda-Runtime-Invoked-Function-Arn: arn\r\n\
             Lambda-Runtime-Trace-Id: Root=1-67891233-abcdef012345678912345678;Sampled=0\r\n\r\n{body}",
            body.len()
        )?;
    }
}

fn head(reader: &mut impl std::io::BufRead) -> Result<(String, HashMap<String, String>)> {
    let mut lines = std::io::BufRead::lines(reader);
    let mut line = || lines.next().context("the connection is closed")?.context("the connection broke");
    let (first, mut headers) = (line()?, HashMap::new());
    loop {
        let next = line()?;
        match next.split_once(':') {
            Some((name, value)) => drop(headers.insert(name.to_lowercase(), value.trim().to_owned())),
            None if next.is_empty() => return Ok((first, headers)),
            None => bail!("a header without a colon: {next}"),
        }
    }
}
