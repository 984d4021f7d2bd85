//! The evidence: what must outlive an execution, such as who holds the stack, the inventory, and values to restore.
//!
//! One table: `PK` = the stack's id, `SK` = what it is, `json` = the value. `PK` = `name#<stack name>` holds the
//! last stack a name stood for, so that a stack already gone is still found.

use aws_sdk_dynamodb::{operation::put_item::builders::PutItemFluentBuilder, types::AttributeValue};
use contract::{Evidence, StackRef};
use serde::{Serialize, de::DeserializeOwned};
use stacks::{AwsError, done};

use crate::{Context, StepError};

pub fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

pub fn json<T: Serialize>(value: &T) -> Result<String, StepError> {
    serde_json::to_string(value)
        .map_err(|error| StepError::Failed(format!("evidence cannot be written: {error}")))
}

impl Context<'_> {
    /// Reads a value, strongly consistent.
    pub async fn recall<T: DeserializeOwned>(
        &self,
        stack_id: &str,
        what: Evidence,
    ) -> Result<Option<T>, StepError> {
        self.recall_at(stack_id, what.name()).await
    }

    /// Writes a value unless there is one already, and returns the one that stands: the first is never overwritten.
    pub async fn remember<T: Serialize + DeserializeOwned>(
        &self,
        stack_id: &str,
        what: Evidence,
        value: &T,
    ) -> Result<T, StepError> {
        let put = self.put(stack_id, what, value)?.condition_expression("attribute_not_exists(PK)");
        match put.send().await.map_err(AwsError::from) {
            Ok(_) => {}
            Err(error) if error.is(&["ConditionalCheckFailedException"]) => {}
            Err(error) => return Err(error.stop("writing evidence").into()),
        }
        let standing = self.recall(stack_id, what).await?;
        standing.ok_or_else(|| StepError::Failed(format!("the evidence {what} vanished")))
    }

    /// Writes a value in the place of the one that stands.
    pub async fn overwrite<T: Serialize>(
        &self,
        stack_id: &str,
        what: Evidence,
        value: &T,
    ) -> Result<(), StepError> {
        self.overwrite_at(stack_id, what.name(), value).await
    }

    pub async fn overwrite_at<T: Serialize>(
        &self,
        partition: &str,
        sort: &str,
        value: &T,
    ) -> Result<(), StepError> {
        done(self.put_at(partition, sort, value)?.send().await, "writing evidence")?;
        Ok(())
    }

    pub fn put<T: Serialize>(
        &self,
        stack_id: &str,
        what: Evidence,
        value: &T,
    ) -> Result<PutItemFluentBuilder, StepError> {
        self.put_at(stack_id, what.name(), value)
    }

    fn put_at<T: Serialize>(
        &self,
        partition: &str,
        sort: &str,
        value: &T,
    ) -> Result<PutItemFluentBuilder, StepError> {
        let put = self.aws.dynamodb.put_item().table_name(&self.settings.evidence_table);
        let put = put.item("PK", text(partition)).item("SK", text(sort));
        Ok(put.item("json", text(&json(value)?)))
    }

    pub async fn forget(&self, stack_id: &str, what: Evidence) -> Result<(), StepError> {
        let delete = self.aws.dynamodb.delete_item().table_name(&self.settings.evidence_table);
        let delete = delete.key("PK", text(stack_id)).key("SK", text(what.name()));
        done(delete.send().await, "deleting evidence")?;
        Ok(())
    }

    /// Writes which stack a name stands for now.
    pub async fn remember_name(&self, stack: &StackRef) -> Result<(), StepError> {
        self.overwrite_at(&format!("name#{}", stack.name), "latest", stack).await
    }

    /// Reads which stack a name stood for last.
    pub async fn recall_name(&self, name: &str) -> Result<Option<StackRef>, StepError> {
        self.recall_at(&format!("name#{name}"), "latest").await
    }

    pub async fn recall_at<T: DeserializeOwned>(
        &self,
        partition: &str,
        sort: &str,
    ) -> Result<Option<T>, StepError> {
        let get =
            self.aws.dynamodb.get_item().table_name(&self.settings.evidence_table).consistent_read(true);
        let got =
            done(get.key("PK", text(partition)).key("SK", text(sort)).send().await, "reading evidence")?;
        let Some(item) = got.item else { return Ok(None) };
        let value = item
            .get("json")
            .and_then(|json| json.as_s().ok())
            .and_then(|json| serde_json::from_str(json).ok());
        match value {
            Some(value) => Ok(Some(value)),
            None => Err(StepError::Failed(format!("the evidence {sort} of {partition} cannot be read"))),
        }
    }
}
