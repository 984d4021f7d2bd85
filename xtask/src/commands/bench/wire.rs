//! A connection to a server of this machine that is kept open: the shortest way to call the table.

use std::io::{BufReader, Write as _};
use std::net::TcpStream;

use anyhow::{Context, Result, ensure};
use local_wire::root;
use serde_json::Value;

use crate::commands::bench::runtime_api::Request;
use crate::tools::environment::REGION;

/// A client of the table.
pub struct Wire {
    reader: BufReader<TcpStream>,
    address: String,
}

impl Wire {
    pub fn connect(address: &str) -> Result<Self> {
        let connection = TcpStream::connect(address).with_context(|| format!("{address} does not answer"))?;
        connection.set_nodelay(true).context("a connection cannot be set up")?;
        Ok(Self { reader: BufReader::new(connection), address: address.to_owned() })
    }

    /// Calls an action of `DynamoDB`.
    pub fn call(&mut self, action: &str, body: &str) -> Result<Value> {
        let answer = self.send(&self.request(action, body))?;
        serde_json::from_slice(&answer).with_context(|| format!("{action} was not answered with JSON"))
    }

    /// Writes a request, so that only its sending is timed.
    pub fn request(&self, action: &str, body: &str) -> String {
        let authorization = root("test", REGION, "dynamodb");
        format!(
            "POST / HTTP/1.1\r\nHost: {}\r\nX-Amz-Target: DynamoDB_20120810.{action}\r\nAuthorization: {authorization}\r\nX-Amz-Date: 20260101T000000Z\r\n\
             Content-Type: application/x-amz-json-1.0\r\nContent-Length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        )
    }

    /// Sends such a request, and returns the body of its answer.
    pub fn send(&mut self, request: &str) -> Result<Vec<u8>> {
        self.reader.get_mut().write_all(request.as_bytes()).context("the table is gone")?;
        // An answer looks like a request but for its first line.
        let answer = Request::read(&mut self.reader)?;
        let ok = answer.line.contains(" 200 ");
        ensure!(ok, "the table answered {}: {}", answer.line, String::from_utf8_lossy(&answer.body));
        Ok(answer.body)
    }
}
