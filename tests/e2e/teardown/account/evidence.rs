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
        let put = json!({"TableName": self.evidence_table(), "Item": item});
        self.aws.dynamodb("PutItem", put).await.done();
    }

    /// Loses everything that runs have written down about the service stack.
    pub async fn lose_evidence(&self) {
        self.lose("").await;
    }

    /// Loses the lists of runs, and nothing else.
    pub async fn lose_lists(&self) {
        self.lose(Evidence::Lists.name()).await;
    }

    /// Edits the lists of runs, under the hashes that they have.
    pub async fn edit_lists(&self, from: &str, to: &str) {
        let mut edited = 0;
        for mut item in self.evidence(Evidence::Lists.name()).await {
            let text = item["json"]["S"].as_str().unwrap();
            let new = text.replace(from, to);
            edited += usize::from(new != text);
            item["json"]["S"] = json!(new);
            let put = json!({"TableName": self.evidence_table(), "Item": item});
            self.aws.dynamodb("PutItem", put).await.done();
        }
        assert!(edited > 0, "{from} is in no list");
    }

    async fn lose(&self, beginning: &str) {
        for item in self.evidence(beginning).await {
            let key = json!({"PK": item["PK"], "SK": item["SK"]});
            let delete = json!({"TableName": self.evidence_table(), "Key": key});
            self.aws.dynamodb("DeleteItem", delete).await.done();
        }
    }

    /// Returns the items about the service stack whose sort keys begin so.
    async fn evidence(&self, beginning: &str) -> Vec<Value> {
        let query = json!({"TableName": self.evidence_table(), "KeyConditionExpression": "PK = :stack",
            "ExpressionAttributeValues": {":stack": {"S": self.stack}}});
        let mut found = self.aws.dynamodb("Query", query).await.json();
        let Value::Array(items) = found["Items"].take() else { panic!("no items: {found}") };
        let begins = |item: &Value| item["SK"]["S"].as_str().unwrap().starts_with(beginning);
        items.into_iter().filter(begins).collect()
    }

    fn evidence_table(&self) -> String {
        format!("{}-evidence", self.names.teardown)
    }

    /// Removes the teardown stack too, for a test that makes hundreds of accounts.
    pub async fn remove_teardown(&self) {
        let name = self.names.teardown.as_str();
        let table = self.evidence_table();
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
