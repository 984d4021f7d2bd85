//! S3, KMS and CloudWatch Logs as far as the notary needs them, over HTTP.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use ring::signature::{Ed25519KeyPair, KeyPair};
use seal::VerifierKey;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// The objects of a list's page.
const PAGE: usize = 3;

#[derive(Clone, Default)]
pub struct Aws {
    pub endpoint: String,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    objects: BTreeMap<String, Vec<u8>>,
    lines: Vec<Value>,
    /// Calls whose names begin so are refused.
    refused: Option<String>,
    calls: Vec<String>,
}

struct Request {
    method: String,
    path: String,
    query: BTreeMap<String, String>,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

/// Returns the key pair of a key id, which is a number.
fn pair(id: &str) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[id.parse().unwrap(); 32]).unwrap()
}

pub fn key(id: &str, origin: &str) -> VerifierKey {
    VerifierKey::new(origin, pair(id).public_key().as_ref().try_into().unwrap()).unwrap()
}

impl Aws {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let aws = Self { endpoint, state: Arc::default() };
        let shared = aws.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(shared.clone().serve(stream));
            }
        });
        aws
    }

    pub fn object(&self, key: &str) -> Option<String> {
        let state = self.state.lock().unwrap();
        state.objects.get(key).map(|content| String::from_utf8(content.clone()).unwrap())
    }

    pub fn objects(&self, prefix: &str) -> Vec<(String, Vec<u8>)> {
        let state = self.state.lock().unwrap();
        let found = state.objects.iter().filter(|(key, _)| key.starts_with(prefix));
        found.map(|(key, content)| (key.clone(), content.clone())).collect()
    }

    pub fn overwrite(&self, key: &str, content: &str) {
        self.state.lock().unwrap().objects.insert(key.to_owned(), content.as_bytes().to_vec());
    }

    pub fn lines(&self) -> Vec<Value> {
        self.state.lock().unwrap().lines.clone()
    }

    /// Refuses calls whose names begin so, such as `PUT checkpoints/`, until it is told otherwise.
    pub fn refuse(&self, call: Option<&str>) {
        self.state.lock().unwrap().refused = call.map(str::to_owned);
    }

    /// Returns the calls since the last time.
    pub fn calls(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().unwrap().calls)
    }

    async fn serve(self, mut stream: TcpStream) {
        let mut bytes = Vec::new();
        while let Some(request) = read(&mut stream, &mut bytes).await {
            let (status, body) = self.answer(&request);
            let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n", body.len());
            if stream.write_all(&[head.as_bytes(), &body].concat()).await.is_err() {
                return;
            }
        }
    }

    fn answer(&self, request: &Request) -> (u16, Vec<u8>) {
        let mut state = self.state.lock().unwrap();
        let target = request.headers.get("x-amz-target").map(|target| target.split('.').next_back().unwrap());
        let key = request.path.trim_start_matches("/seals").trim_start_matches('/');
        let call = target.map_or_else(|| format!("{} {key}", request.method), str::to_owned);
        state.calls.push(call.clone());
        if state.refused.as_ref().is_some_and(|refused| call.starts_with(refused.as_str())) {
            return (403, b"<Error><Code>AccessDenied</Code></Error>".to_vec());
        }
        match call.split(' ').next().unwrap() {
            "PUT" if state.objects.contains_key(key) => {
                assert_eq!(request.headers["if-none-match"], "*");
                (412, b"<Error><Code>PreconditionFailed</Code></Error>".to_vec())
            }
            "PUT" => {
                assert_eq!(request.headers["if-none-match"], "*");
                state.objects.insert(key.to_owned(), request.body.clone());
                (200, Vec::new())
            }
            "GET" if key.is_empty() => (200, list(&state.objects, &request.query).into_bytes()),
            "GET" => match state.objects.get(key) {
                Some(content) => (200, content.clone()),
                None => (404, b"<Error><Code>NoSuchKey</Code></Error>".to_vec()),
            },
            other => {
                let body: Value = serde_json::from_slice(&request.body).unwrap();
                (200, other_answer(&mut state, other, &body).to_string().into_bytes())
            }
        }
    }
}

fn list(objects: &BTreeMap<String, Vec<u8>>, query: &BTreeMap<String, String>) -> String {
    let after = &query["start-after"];
    let mut found = objects.keys().filter(|key| key.starts_with(&query["prefix"]) && *key > after);
    let page: Vec<_> = found.by_ref().take(PAGE).collect();
    let page: Vec<_> = page.iter().map(|key| format!("<Contents><Key>{key}</Key></Contents>")).collect();
    let more = found.next().is_some();
    format!("<ListBucketResult><IsTruncated>{more}</IsTruncated>{}</ListBucketResult>", page.concat())
}

fn other_answer(state: &mut State, call: &str, body: &Value) -> Value {
    match call {
        "GetPublicKey" => {
            let pem = key(body["KeyId"].as_str().unwrap(), "x").pem();
            json!({"PublicKey": pem.lines().nth(1).unwrap()})
        }
        "Sign" => {
            assert_eq!(
                (&body["MessageType"], &body["SigningAlgorithm"]),
                (&json!("RAW"), &json!("ED25519_SHA_512"))
            );
            let message = BASE64_STANDARD.decode(body["Message"].as_str().unwrap()).unwrap();
            assert!(message.len() <= 4_096);
            let signature = pair(body["KeyId"].as_str().unwrap()).sign(&message);
            json!({"Signature": BASE64_STANDARD.encode(signature)})
        }
        "PutLogEvents" => {
            let messages = body["logEvents"].as_array().unwrap().iter();
            let lines =
                messages.map(|event| serde_json::from_str(event["message"].as_str().unwrap()).unwrap());
            state.lines.extend(lines);
            json!({})
        }
        other => panic!("an unexpected call: {other}"),
    }
}

async fn read(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> Option<Request> {
    loop {
        if let Some(head) = bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4) {
            let text = String::from_utf8_lossy(&bytes[..head]).into_owned();
            let mut lines = text.lines();
            let mut first = lines.next()?.split(' ');
            let (method, target) = (first.next()?.to_owned(), first.next()?);
            let headers: BTreeMap<String, String> = lines
                .filter_map(|line| line.split_once(": "))
                .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
                .collect();
            let end = head + headers.get("content-length").map_or(0, |length| length.parse().unwrap());
            if bytes.len() >= end {
                let (path, query) = target.split_once('?').unwrap_or((target, ""));
                let query = query.split('&').filter_map(|pair| pair.split_once('='));
                let query = query.map(|(name, value)| (name.to_owned(), value.replace("%2F", "/"))).collect();
                let request = Request {
                    method,
                    path: path.to_owned(),
                    query,
                    headers,
                    body: bytes[head..end].to_vec(),
                };
                bytes.drain(..end);
                return Some(request);
            }
        }
        if stream.read_buf(bytes).await.ok()? == 0 {
            return None;
        }
    }
}
