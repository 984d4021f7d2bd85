//! Fetches a JWK set over HTTP. TLS, with the system's trust store, is set up at the first fetch: with pinned keys most instances
//! never make one.

use std::{sync::OnceLock, time::Duration};

use aws_smithy_runtime_api::client::{
    http::{HttpConnector as _, SharedHttpConnector},
    orchestrator::HttpRequest,
    result::ConnectorError,
};
use aws_smithy_types::byte_stream::{ByteStream, error::Error as BodyError};
use http::Uri;

use crate::{json, keys::KeySet};

/// A caller is waiting, and the function itself has 5 s.
const LONGEST: Duration = Duration::from_secs(3);
const LONGEST_CONNECT: Duration = Duration::from_secs(1);
/// The largest document, in bytes; a key takes about 500.
const LARGEST: usize = 64 * 1024;

/// An answer that is no key set.
#[derive(Debug, thiserror::Error)]
pub enum NoKeys {
    #[error("no answer within {} s", LONGEST.as_secs())]
    Slow,
    #[error("no connection")]
    Connection(#[from] ConnectorError),
    #[error("the answer broke off")]
    Broken(#[from] BodyError),
    /// A redirect too: it is not followed, so that the configured address alone decides whose keys count.
    #[error("status {0}")]
    Status(u16),
    #[error("more than {LARGEST} bytes")]
    TooLarge,
    #[error("no JWK set with a usable key")]
    Unusable,
}

/// An HTTP client that is made when it is first needed.
#[derive(Debug, Default)]
pub struct Fetcher {
    connector: OnceLock<SharedHttpConnector>,
}

impl Fetcher {
    pub async fn key_set(&self, uri: &Uri) -> Result<KeySet, NoKeys> {
        tokio::time::timeout(LONGEST, self.get(uri)).await.map_err(|_| NoKeys::Slow)?
    }

    async fn get(&self, uri: &Uri) -> Result<KeySet, NoKeys> {
        let connector = self.connector.get_or_init(|| runtime::connector(LONGEST_CONNECT));
        let mut request =
            HttpRequest::get(uri.to_string()).map_err(|error| ConnectorError::user(error.into()))?;
        request.headers_mut().insert("accept", "application/json");
        request.headers_mut().insert("user-agent", "tasks-authorizer");
        // The next fetch is a minute away or more: by then the issuer may be closing a connection that was kept.
        request.headers_mut().insert("connection", "close");
        let answer = connector.call(request).await?;
        if answer.status().as_u16() != 200 {
            return Err(NoKeys::Status(answer.status().as_u16()));
        }
        let (mut body, mut text) = (ByteStream::new(answer.into_body()), Vec::new());
        while let Some(part) = body.try_next().await? {
            if text.len() + part.len() > LARGEST {
                return Err(NoKeys::TooLarge);
            }
            text.extend_from_slice(&part);
        }
        json::object(&text).and_then(|document| KeySet::read(&document)).ok_or(NoKeys::Unusable)
    }
}
