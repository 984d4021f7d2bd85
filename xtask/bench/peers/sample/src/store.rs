//! The table.

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    Client,
    operation::{delete_item::DeleteItemError, update_item::UpdateItemError},
    types::{AttributeValue, ReturnValue},
};
use lambda_http::Error;
use serde_dynamo::{from_item, from_items, to_item};

use crate::task::{self, Fields, Item};

/// A task as it is shown, and whether it is deleted. The service's items carry more, for its audit log.
const ONLY_READ: &str = "PK, SK, title, description, #status, priority, dueAt, assignee, version, createdAt, updatedAt, \
                         createdBy, updatedBy, deletedBy";
const LIVE: &str = "attribute_exists(PK) AND attribute_not_exists(deletedBy)";

pub struct Store {
    client: Client,
    table: String,
}

impl Store {
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    /// Returns the item of a live task.
    pub async fn get(&self, owner: &str, id: &str) -> Result<Option<Item>, Error> {
        let get = self.client.get_item().table_name(&self.table).consistent_read(true);
        let get = get.projection_expression(ONLY_READ).expression_attribute_names("#status", "status");
        let found = get.key("PK", text(owner)).key("SK", text(task::sort_key(id))).send().await?;
        let item: Option<Item> = found.item.map(from_item).transpose()?;
        Ok(item.filter(|item| item.deleted_by.is_none()))
    }

    /// Returns a page of items, newest first, and the sort key of the last one if there may be more.
    pub async fn page(
        &self,
        owner: &str,
        limit: i32,
        after: Option<&str>,
    ) -> Result<(Vec<Item>, Option<String>), Error> {
        let mut query = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("PK = :owner AND begins_with(SK, :prefix)")
            .expression_attribute_values(":owner", text(owner))
            .expression_attribute_values(":prefix", text("TASK#"))
            .projection_expression(ONLY_READ)
            .expression_attribute_names("#status", "status")
            .scan_index_forward(false)
            .limit(limit);
        if let Some(after) = after {
            query = query.exclusive_start_key("PK", text(owner)).exclusive_start_key("SK", text(after));
        }
        let found = query.send().await?;
        let mut items: Vec<Item> = from_items(found.items.unwrap_or_default())?;
        items.retain(|item| item.deleted_by.is_none());
        let last = found.last_evaluated_key.and_then(|key| key.get("SK")?.as_s().ok().cloned());
        Ok((items, last))
    }

    pub async fn create(&self, item: &Item) -> Result<(), Error> {
        let put = self.client.put_item().table_name(&self.table).set_item(Some(to_item(item)?));
        put.condition_expression("attribute_not_exists(PK)").send().await?;
        Ok(())
    }

    /// Changes a live task; returns its new item, or `None` if there is no such task.
    pub async fn update(
        &self,
        owner: &str,
        id: &str,
        principal: &str,
        fields: Fields,
    ) -> Result<Option<Item>, Error> {
        let (mut set, mut remove) = (vec!["version = version + :one".to_owned()], Vec::new());
        let mut names = HashMap::new();
        let mut values = HashMap::from([(":one".to_owned(), AttributeValue::N("1".to_owned()))]);
        for (name, value) in changes(owner, id, principal, fields) {
            names.insert(format!("#{name}"), name.to_owned());
            match value {
                Some(value) => {
                    set.push(format!("#{name} = :{name}"));
                    values.insert(format!(":{name}"), AttributeValue::S(value));
                }
                None => remove.push(format!("#{name}")),
            }
        }
        let mut expression = format!("SET {}", set.join(", "));
        if !remove.is_empty() {
            expression = format!("{expression} REMOVE {}", remove.join(", "));
        }
        let updated = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("PK", text(owner))
            .key("SK", text(task::sort_key(id)))
            .update_expression(expression)
            .condition_expression(LIVE)
            .set_expression_attribute_names(Some(names))
            .set_expression_attribute_values(Some(values))
            .return_values(ReturnValue::AllNew)
            .send()
            .await;
        match updated {
            Ok(output) => Ok(output.attributes.map(from_item).transpose()?),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(UpdateItemError::is_conditional_check_failed_exception) =>
            {
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Deletes a task; returns whether there was one.
    pub async fn delete(&self, owner: &str, id: &str) -> Result<bool, Error> {
        let delete = self.client.delete_item().table_name(&self.table).condition_expression(LIVE);
        match delete.key("PK", text(owner)).key("SK", text(task::sort_key(id))).send().await {
            Ok(_) => Ok(true),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(DeleteItemError::is_conditional_check_failed_exception) =>
            {
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }
}

fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

/// Returns each attribute that a change sets, or clears if it has no value.
fn changes(owner: &str, id: &str, principal: &str, fields: Fields) -> Vec<(&'static str, Option<String>)> {
    let mut changes = vec![("updatedAt", Some(task::now())), ("updatedBy", Some(principal.to_owned()))];
    changes.extend(fields.title.map(|title| ("title", Some(title))));
    changes.extend(fields.description.map(|description| ("description", Some(description))));
    changes.extend(fields.priority.map(|priority| ("priority", Some(priority.as_str().to_owned()))));
    changes.extend(fields.due_at.map(|due_at| ("dueAt", due_at)));
    if let Some(status) = fields.status {
        changes.push(("status", Some(status.as_str().to_owned())));
        changes.push(("statusKey", Some(task::status_key(status, id))));
        changes.push(("openOwner", status.is_open().then(|| owner.to_owned())));
    }
    if let Some(assignee) = fields.assignee {
        changes.push(("assigneeKey", assignee.as_ref().map(|assignee| task::assignee_key(assignee, id))));
        changes.push(("assignee", assignee));
    }
    changes
}
