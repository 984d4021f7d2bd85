//! Buckets.

use aws_sdk_s3::types::{Delete, ObjectIdentifier};

use super::{Clients, done, found};
use crate::StepError;

impl Clients {
    /// Tells whether a bucket holds any version or delete marker. A bucket that is absent is empty.
    pub async fn bucket_is_filled(&self, bucket: &str) -> Result<bool, StepError> {
        let page = self.s3.list_object_versions().bucket(bucket).max_keys(1).send().await;
        let page = found(page, &["NoSuchBucket"], "looking into the bucket")?;
        Ok(page.is_some_and(|page| !page.versions().is_empty() || !page.delete_markers().is_empty()))
    }

    /// Deletes every version and delete marker. A bucket that is absent is empty.
    pub async fn empty_bucket(&self, bucket: &str) -> Result<(), StepError> {
        loop {
            let page = self.s3.list_object_versions().bucket(bucket).send().await;
            let Some(page) = found(page, &["NoSuchBucket"], "listing the bucket")? else { return Ok(()) };
            let versions = page
                .versions()
                .iter()
                .map(|v| (v.key().map(str::to_owned), v.version_id().map(str::to_owned)));
            let markers = page
                .delete_markers()
                .iter()
                .map(|m| (m.key().map(str::to_owned), m.version_id().map(str::to_owned)));
            let object = |(key, version): (Option<String>, Option<String>)| {
                ObjectIdentifier::builder().key(key?).set_version_id(version).build().ok()
            };
            let objects: Vec<_> = versions.chain(markers).filter_map(object).collect();
            if objects.is_empty() {
                return Ok(());
            }
            let batch = Delete::builder().set_objects(Some(objects)).quiet(true).build();
            let batch = batch.map_err(|error| StepError::Failed(error.to_string()))?;
            let deleted = self.s3.delete_objects().bucket(bucket).delete(batch).send().await;
            let deleted = done(deleted, "emptying the bucket")?;
            if let Some(error) = deleted.errors().first() {
                let (key, why) = (error.key().unwrap_or("?"), error.message().unwrap_or("no reason given"));
                return Err(StepError::Failed(format!("{key} in {bucket} cannot be deleted: {why}")));
            }
        }
    }
}
