//! A log service on this machine that keeps every call.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use crate::table::Table;

/// The log service: the lines it accepted by group, and how many of its coming calls fail.
#[derive(Clone)]
pub struct Logs {
    pub endpoint: String,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    lines: Vec<(String, String)>,
    /// The number of leaves that the table of intents held at each call.
    leaves_before: Vec<usize>,
    failures: usize,
}

impl Logs {
    pub async fn start(table: Arc<Table>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&shared), Arc::clone(&table)));
            }
        });
        Self { endpoint, state }
    }

    /// Returns the lines of a group as they were written.
    pub fn lines(&self, group: &str) -> Vec<String> {
        let state = self.state.lock().unwrap();
        state.lines.iter().filter(|(of, _)| of == group).map(|(_, line)| line.clone()).collect()
    }

    pub fn messages(&self, group: &str) -> Vec<Value> {
        self.lines(group).iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    pub fn leaves_before(&self) -> Vec<usize> {
        self.state.lock().unwrap().leaves_before.clone()
    }

    /// Lets the next calls fail.
    pub fn fail(&self, calls: usize) {
        self.state.lock().unwrap().failures = calls;
    }
}

async fn serve(mut stream: TcpStream, state: Arc<Mutex<State>>, table: Arc<Table>) {
    let mut bytes = Vec::new();
    while let Some(body) = request(&mut stream, &mut bytes).await {
        let call: Value = serde_json::from_slice(&body).unwrap();
        let leaves = table.leaves().await.len();
        let status = {
            let mut state = state.lock().unwrap();
            state.leaves_before.push(leaves);
            if state.failures > 0 {
                state.failures -= 1;
                "400 Bad Request"
            } else {
                for event in call["logEvents"].as_array().unwrap() {
                    let line = event["message"].as_str().unwrap().to_owned();
                    state.lines.push((call["logGroupName"].as_str().unwrap().to_owned(), line));
                }
                "200 OK"
            }
        };
        let answer = json!({"__type": "InvalidParameterException"}).to_string();
        let answer = if status.starts_with("200") { "{}" } else { &answer };
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/x-amz-json-1.1\r\nContent-Length: {}\r\n\r\n",
            answer.len()
        );
        if stream.write_all((head + answer).as_bytes()).await.is_err() {
            return;
        }
    }
}

/// Reads the body of one request.
async fn request(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> Option<Vec<u8>> {
    loop {
        let head = bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4);
        if let Some(head) = head {
            let text = String::from_utf8_lossy(&bytes[..head]).to_lowercase();
            let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
            let end = head + length.unwrap_or(0);
            if bytes.len() >= end {
                let body = bytes[head..end].to_vec();
                bytes.drain(..end);
                return Some(body);
            }
        }
        if stream.read_buf(bytes).await.ok()? == 0 {
            return None;
        }
    }
}
