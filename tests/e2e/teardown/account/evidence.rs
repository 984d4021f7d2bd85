//! The evidence of runs, and their reports.

use contract::{Evidence, Report};
use serde_json::{Value, json};

use super::Account;
use crate::{stack::eventually, teardown::deployment::status_of};

impl Account {
    /// Writes a value into the evidence about the service stack, as the step function does.
    pub async fn write_evidence(&self, what: Evidence, value: &Value) {
        let item =
            json!({"PK": {"S": self.stack}, "SK": {"S": what.name()}, "json": {"S": value.to_string()}});
        let put = json!({"TableName": format!("{}-evidence", self.names.teardown), "Item": item});
        self.aws.dynamodb("PutItem", put).await.done();
    }

    /// Loses everything that runs have written down about the service stack.
    pub async fn lose_evidence(&self) {
        let table = format!("{}-evidence", self.names.teardown);
        let query = json!({"TableName": table, "KeyConditionExpression": "PK = :stack",
            "ExpressionAttributeValues": {":stack": {"S": self.stack}}});
        let found = self.aws.dynamodb("Query", query).await.json();
        for item in found["Items"].as_array().unwrap() {
            let delete = json!({"TableName": table, "Key": {"PK": item["PK"], "SK": item["SK"]}});
            self.aws.dynamodb("DeleteItem", delete).await.done();
        }
    }

    /// Removes the teardown stack too, for a test that makes hundreds of accounts.
    pub async fn remove_teardown(&self) {
        let name = self.names.teardown.as_str();
        let table = format!("{name}-evidence");
        let lift = json!({"TableName": table, "DeletionProtectionEnabled": false});
        self.aws.dynamodb("UpdateTable", lift).await.done();
        eventually("the evidence table to be active", async || {
            (self.described_table(&table).await?["TableStatus"] == "ACTIVE").then_some(())
        })
        .await;
        self.aws.cloudformation("DeleteStack", &[("StackName", name)]).await.done();
        eventually("the teardown stack to be deleted", async || {
            status_of(&self.aws, name).await.is_none().then_some(())
        })
        .await;
    }

    /// The reports that were written, in order.
    pub async fn reports(&self) -> Vec<Report> {
        let lines = self.log(&format!("/{}/report", self.names.teardown)).await;
        lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}
