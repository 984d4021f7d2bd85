//! Remedy: what can be done about resources that CloudFormation failed to delete.

use aws_sdk_cloudformation::types::StackResourceSummary;
use aws_sdk_s3::types::{Delete, ObjectIdentifier};

use crate::{
    Context, Request, Run, StepError,
    clients::{done, found},
    inventory::{BUCKET, entry},
    prove::Presence,
};

impl Context<'_> {
    /// A resource proven absent is left out of the next deletion; a bucket is emptied, with consent; anything
    /// else is reported with CloudFormation's reason.
    pub(super) async fn remedy(&self, mut run: Run) -> Result<Run, StepError> {
        let request = Request::parse(&run.request, self.settings)?;
        let failed = self.failed_resources(&run).await?;
        if failed.is_empty() {
            return Err(StepError::Transient("the stack is DELETE_FAILED and names no resource".to_owned()));
        }
        // What an earlier round left out is no longer in DELETE_FAILED, and naming it again would be refused.
        run.retain.clear();
        let mut stuck = Vec::new();
        for resource in &failed {
            let kind = resource.resource_type().unwrap_or_default();
            let logical_id = resource.logical_resource_id().unwrap_or_default();
            let entry = entry(resource);
            let reason = resource.resource_status_reason().unwrap_or("no reason given");
            match self.presence(&entry, &run.inventory).await? {
                Presence::Absent => run.retain.push(logical_id.to_owned()),
                // The next deletion finds it gone, or fails with it again.
                Presence::Going => {}
                _ if kind == BUCKET && request.empty_buckets => self.empty(&entry.physical_id).await?,
                _ if kind == BUCKET => {
                    stuck.push(format!("{logical_id} ({kind}): {reason} (consent: emptyBuckets)"));
                }
                _ => stuck.push(format!("{logical_id} ({kind}): {reason}")),
            }
        }
        if stuck.is_empty() { Ok(run) } else { Err(StepError::Failed(stuck.join("; "))) }
    }

    /// Lists what is in `DELETE_FAILED` now.
    pub(super) async fn failed_resources(&self, run: &Run) -> Result<Vec<StackResourceSummary>, StepError> {
        let mut listed = self.listed(&run.stack()?.id).await?;
        listed.retain(|r| r.resource_status().is_some_and(|status| status.as_str() == "DELETE_FAILED"));
        Ok(listed)
    }

    /// Deletes every version and delete marker. A bucket that is absent is empty.
    async fn empty(&self, bucket: &str) -> Result<(), StepError> {
        let aws = self.aws;
        loop {
            let page = aws.s3.list_object_versions().bucket(bucket).send().await;
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
            let deleted = aws.s3.delete_objects().bucket(bucket).delete(batch).send().await;
            let deleted = done(deleted, "emptying the bucket")?;
            if let Some(error) = deleted.errors().first() {
                let (key, why) = (error.key().unwrap_or("?"), error.message().unwrap_or("no reason given"));
                return Err(StepError::Failed(format!("{key} in {bucket} cannot be deleted: {why}")));
            }
        }
    }
}
