//! Runs one function by itself, with a Runtime API of ours ("Using the Lambda runtime API").

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;

use anyhow::{Context, Result, bail};

/// A request of HTTP/1.1.
#[derive(Debug)]
pub struct Request {
    /// Method, path and version.
    pub line: String,
    pub headers: HashMap<String, String>,
    pub body: Vec<u8>,
}

impl Request {
    pub fn read(reader: &mut impl BufRead) -> Result<Self> {
        let mut lines = BufRead::lines(&mut *reader);
        let mut line = || lines.next().context("the connection is closed")?.context("the connection broke");
        let (first, mut headers) = (line()?, HashMap::new());
        loop {
            let next = line()?;
            match next.split_once(':') {
                Some((name, value)) => drop(headers.insert(name.to_lowercase(), value.trim().to_owned())),
                None if next.is_empty() => break,
                None => bail!("a header without a colon: {next}"),
            }
        }
        let length = headers.get("content-length").map_or(Ok(0), |length| length.parse())?;
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        Ok(Self { line: first, headers, body })
    }
}

/// Returns a listener on a free port of this machine, and its address.
pub fn listen() -> Result<(TcpListener, String)> {
    let listener = TcpListener::bind("127.0.0.1:0").context("no port is free")?;
    let address = listener.local_addr().context("the port has no address")?.to_string();
    Ok((listener, address))
}

/// Answers the requests of each connection in a thread of its own, until `answer` has no answer.
pub fn serve(listener: TcpListener, answer: impl Fn(Request) -> Option<String> + Clone + Send + 'static) {
    thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            let answer = answer.clone();
            thread::spawn(move || converse(connection, &answer));
        }
    });
}

fn converse(connection: TcpStream, answer: &impl Fn(Request) -> Option<String>) -> Result<()> {
    connection.set_nodelay(true)?;
    let mut reader = BufReader::new(connection.try_clone()?);
    let mut connection = connection;
    while let Some(answer) = answer(Request::read(&mut reader)?) {
        connection.write_all(answer.as_bytes())?;
    }
    Ok(())
}

/// Writes the answer that hands an event to a function, or that takes its result if there is no event. AWS's runtime for Python
/// breaks down without a `Content-Type`.
pub fn invocation(event: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Lambda-Runtime-Aws-Request-Id: 7f2c8b52-0000-4000-8000-000000000000\r\nLambda-Runtime-Deadline-Ms: 4102444800000\r\nLambda-Runtime-Invoked-Function-Arn: arn\r\n\
         Lambda-Runtime-Trace-Id: Root=1-67891233-abcdef012345678912345678;Sampled=0\r\n\r\n{event}",
        event.len()
    )
}

/// The variables that Lambda gives to a function of this name.
pub fn environment<'a>(function: &'a str, address: &'a str) -> [(&'a str, &'a str); 5] {
    [
        ("AWS_LAMBDA_RUNTIME_API", address),
        ("AWS_LAMBDA_FUNCTION_NAME", function),
        ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
        ("RUST_LOG", "info"),
    ]
}
