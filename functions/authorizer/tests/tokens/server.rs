//! An issuer's key server on this machine.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use crate::{app::pinned, signer::Signer, signer::jwks};

#[derive(Clone)]
pub enum Answer {
    Keys(Value),
    /// A status with its headers, and a body.
    Raw(&'static str, String),
    /// The connection is taken, and nothing is sent.
    Silence,
    /// The connection is closed before the whole body is sent.
    Half,
    /// A body without end.
    Endless,
}

pub struct Server {
    port: u16,
    state: Arc<Mutex<State>>,
}

struct State {
    answer: Answer,
    requests: usize,
}

impl Server {
    pub async fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(Mutex::new(State { answer, requests: 0 }));
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&shared)));
            }
        });
        Self { port, state }
    }

    pub async fn with(signers: &[&Signer]) -> Self {
        Self::start(Answer::Keys(jwks(signers))).await
    }

    pub fn set(&self, answer: Answer) {
        self.state.lock().unwrap().answer = answer;
    }

    pub fn rotate(&self, signers: &[&Signer]) {
        self.set(Answer::Keys(jwks(signers)));
    }

    pub fn requests(&self) -> usize {
        self.state.lock().unwrap().requests
    }

    /// The settings of an issuer whose keys are here; these are pinned, if there are any.
    pub fn issuer(&self, signers: &[&Signer]) -> Value {
        let mut issuer = pinned(signers);
        issuer["jwksUri"] = json!(format!("http://127.0.0.1:{}/jwks.json", self.port));
        if signers.is_empty() {
            issuer.as_object_mut().unwrap().remove("jwks");
        }
        issuer
    }
}

async fn serve(mut stream: TcpStream, state: Arc<Mutex<State>>) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut request).await.unwrap_or(0) == 0 {
            return;
        }
    }
    let answer = {
        let mut state = state.lock().unwrap();
        state.requests += 1;
        state.answer.clone()
    };
    let whole = |status: &str, body: &str| {
        format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
    };
    let text = match answer {
        Answer::Keys(keys) => whole("200 OK", &keys.to_string()),
        Answer::Raw(status, body) => whole(status, &body),
        Answer::Half => "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"keys\":[".to_owned(),
        Answer::Silence => return std::future::pending().await,
        Answer::Endless => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
            while stream.write_all(&[b' '; 1024]).await.is_ok() {}
            return;
        }
    };
    let _ = stream.write_all(text.as_bytes()).await;
    let _ = stream.shutdown().await;
}
