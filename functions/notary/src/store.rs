//! The bucket of manifests and checkpoints, in which every object is written once.

use std::sync::atomic::{AtomicU64, Ordering};

use aws_sdk_s3::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    primitives::ByteStream,
};
use seal::Checkpoint;

use crate::error::Error;

/// How many checkpoints are skipped at first when the newest one is looked for: those on one page of a list.
const PAGE: u64 = 1_000;

/// The bucket.
#[derive(Debug)]
pub struct Store {
    client: Client,
    bucket: String,
    /// The newest checkpoint that this instance has seen, from which on newer ones are looked for.
    newest: AtomicU64,
}

/// The outcome of a write: made now, or there before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    Now,
    Before,
}

impl Store {
    #[must_use]
    pub fn new(client: Client, bucket: String) -> Self {
        Self { client, bucket, newest: AtomicU64::new(0) }
    }

    /// Returns the number of the newest checkpoint, 0 if there is none.
    ///
    /// Lists go upwards only. One that begins after some number tells whether there are greater ones, so an instance that
    /// knows nothing finds the newest with some steps that double and then halve.
    pub async fn newest(&self) -> Result<u64, Error> {
        let mut number = self.newest.load(Ordering::Relaxed);
        let mut step = 0;
        let newest = loop {
            match self.page_after(number + step).await? {
                Some((last, false)) => break last,
                Some((last, true)) => (number, step) = (last, (step * 2).max(PAGE)),
                None if step == 0 => break number,
                None => step = if step > PAGE { step / 2 } else { 0 },
            }
        };
        self.newest.store(newest, Ordering::Relaxed);
        Ok(newest)
    }

    /// Returns the last number on the page of checkpoints after this number, and whether there are more pages.
    async fn page_after(&self, number: u64) -> Result<Option<(u64, bool)>, Error> {
        let page = self.client.list_objects_v2().bucket(&self.bucket).prefix("checkpoints/");
        let page = page.start_after(Checkpoint::key(number)).send().await;
        let page = page.map_err(|err| Error::aws("listing the checkpoints")(&err))?;
        let Some(last) = page.contents().last() else { return Ok(None) };
        let key = last.key().unwrap_or_default();
        let last = Checkpoint::number_of(key)
            .ok_or_else(|| Error::Untrusted(format!("{key:?} is among the checkpoints and is none")))?;
        Ok(Some((last, page.is_truncated().unwrap_or_default())))
    }

    /// Returns an object's content.
    pub async fn get(&self, key: &str) -> Result<Vec<u8>, Error> {
        let object = self.client.get_object().bucket(&self.bucket).key(key).send().await;
        let object = object.map_err(|err| Error::aws("reading the bucket")(&err))?;
        let content = object.body.collect().await.map_err(|err| Error::aws("reading the bucket")(&err))?;
        Ok(content.to_vec())
    }

    /// Writes an object unless there is one. If an earlier attempt of the same call was carried out and its answer lost, this
    /// one finds its object.
    pub async fn put(&self, key: &str, content: &str) -> Result<Written, Error> {
        let body = ByteStream::from(content.as_bytes().to_vec());
        let put = self.client.put_object().bucket(&self.bucket).key(key).if_none_match("*").body(body);
        match put.send().await {
            Ok(_) => Ok(Written::Now),
            Err(SdkError::ServiceError(err)) if is_there(err.err().code()) => Ok(Written::Before),
            Err(err) => Err(Error::aws("writing to the bucket")(&err)),
        }
    }
}

/// "Conditional writes": 412 if there is such an object, 409 if another write of it is under way.
fn is_there(code: Option<&str>) -> bool {
    matches!(code, Some("PreconditionFailed" | "ConditionalRequestConflict"))
}
