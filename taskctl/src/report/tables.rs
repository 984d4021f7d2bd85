//! How much is in the tables that are to go.

use contract::{PlannedFate, Report};

use crate::{
    account::{clients::Aws, error::AwsError},
    report::summary::{TABLE, Table, planned},
};

/// Returns each table that is to go with `DynamoDB`'s count of its items. Whoever may not look is told so, and stopped by nothing.
pub async fn of(aws: &Aws, report: &Report) -> Vec<Table> {
    let mut tables = Vec::new();
    for entry in planned(report, PlannedFate::Delete).into_iter().filter(|entry| entry.kind == TABLE) {
        let name = entry.physical_id.clone();
        let described = aws.dynamodb.describe_table().table_name(&name).send().await.map_err(AwsError::from);
        let items = match described {
            Ok(described) => described.table.and_then(|table| table.item_count).ok_or("no count".to_owned()),
            Err(error) => Err(error.line()),
        };
        tables.push(Table { name, items });
    }
    tables
}
