//! Buckets.

use aws_sdk_s3::{
    primitives::DateTime,
    types::{Delete, ObjectIdentifier},
};

use super::{Clients, done, found};
use crate::Error;

/// The most that one call deletes ("`DeleteObjects`").
const AT_ONCE: usize = 1_000;

/// A thing that a bucket or a log group holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Unix milliseconds, by its service's clock.
    pub at: i64,
    pub name: String,
    pub version: Option<String>,
}

impl Clients {
    /// Lists every version and delete marker of a bucket. A bucket that is absent holds none.
    pub async fn objects(&self, bucket: &str) -> Result<Vec<Held>, Error> {
        let (mut held, mut key, mut version) = (Vec::new(), None, None);
        loop {
            let page = self.s3.list_object_versions().bucket(bucket);
            let page = page.set_key_marker(key).set_version_id_marker(version).send().await;
            let Some(page) = found(page, &["NoSuchBucket"], "looking into the bucket")? else {
                return Ok(Vec::new());
            };
            held.extend(page.versions().iter().map(|v| object(v.key(), v.version_id(), v.last_modified())));
            let markers = page.delete_markers().iter();
            held.extend(markers.map(|m| object(m.key(), m.version_id(), m.last_modified())));
            if !page.is_truncated().unwrap_or_default() {
                return Ok(held);
            }
            (key, version) = (page.next_key_marker, page.next_version_id_marker);
        }
    }

    /// Deletes these, and nothing that came since they were listed.
    pub async fn delete_objects(&self, bucket: &str, objects: &[Held]) -> Result<(), Error> {
        for some in objects.chunks(AT_ONCE) {
            let id = |held: &Held| {
                ObjectIdentifier::builder().key(&held.name).set_version_id(held.version.clone()).build().ok()
            };
            let batch =
                Delete::builder().set_objects(Some(some.iter().filter_map(id).collect())).quiet(true).build();
            let batch = batch.map_err(|error| Error::Failed(error.to_string()))?;
            let deleted = self.s3.delete_objects().bucket(bucket).delete(batch).send().await;
            let deleted = done(deleted, "emptying the bucket")?;
            if let Some(error) = deleted.errors().first() {
                let (key, why) = (error.key().unwrap_or("?"), error.message().unwrap_or("no reason given"));
                return Err(Error::Failed(format!("{key} in {bucket} cannot be deleted: {why}")));
            }
        }
        Ok(())
    }
}

fn object(key: Option<&str>, version: Option<&str>, at: Option<&DateTime>) -> Held {
    Held {
        at: at.and_then(|at| at.to_millis().ok()).unwrap_or(i64::MAX),
        name: key.unwrap_or_default().to_owned(),
        version: version.map(str::to_owned),
    }
}
