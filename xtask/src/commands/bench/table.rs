//! The table of the measurements: `DynamoDB` in a process of its own (`xtask/bench/peers/table`), compiled for release.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::commands::bench::calls::{READ, TASKS, task};
use crate::commands::bench::wire::Wire;
use crate::tools::process;

pub const NAME: &str = "tasks";

/// The addresses that the process prints.
#[derive(Debug, Deserialize)]
struct Addresses {
    http: String,
    https: Option<String>,
    ca: Option<PathBuf>,
}

/// The keys and indexes, as the CDK app reads them.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Schema {
    partition_key: String,
    sort_key: String,
    indexes: Vec<Index>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Index {
    name: String,
    partition_key: String,
    sort_key: String,
}

/// A running table.
pub struct Table {
    process: Child,
    addresses: Addresses,
    wire: Wire,
}

impl Table {
    /// Starts it, and puts the tasks into it that are read. With a folder for its certificate it also speaks TLS.
    pub fn start(program: &Path, tls: Option<&Path>) -> Result<Self> {
        let mut command = Command::new(program);
        if let Some(folder) = tls {
            command.arg("--tls-dir").arg(folder);
        }
        // The table ends when its standard input does. Its errors are the broken connections of functions that were ended.
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = process::start(&mut command)?;
        let mut line = String::new();
        let output = process.stdout.take().context("the table's addresses cannot be read")?;
        BufReader::new(output).read_line(&mut line).context("the table's addresses cannot be read")?;
        let addresses: Addresses =
            serde_json::from_str(&line).with_context(|| format!("the table said {line}"))?;
        let wire = Wire::connect(&addresses.http)?;
        let mut table = Self { process, addresses, wire };
        table.create()?;
        for number in 0..TASKS {
            table.put(&task(READ, number))?;
        }
        Ok(table)
    }

    pub fn http(&self) -> &str {
        &self.addresses.http
    }

    /// Returns the address for TLS, and the file with the one certificate to trust.
    pub fn https(&self) -> Result<(&str, &Path)> {
        let pair = self.addresses.https.as_deref().zip(self.addresses.ca.as_deref());
        pair.context("the table was started without TLS")
    }

    pub fn wire(&mut self) -> &mut Wire {
        &mut self.wire
    }

    pub fn put(&mut self, item: &Value) -> Result<()> {
        self.wire.call("PutItem", &json!({"TableName": NAME, "Item": item}).to_string()).map(drop)
    }

    fn create(&mut self) -> Result<()> {
        let schema = include_str!("../../../../functions/tasks/schema.json");
        let schema: Schema = serde_json::from_str(schema).context("schema.json is damaged")?;
        self.wire.call("CreateTable", &definition(&schema).to_string()).map(drop)
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn definition(schema: &Schema) -> Value {
    let keys = |partition: &str, sort: &str| json!([{"AttributeName": partition, "KeyType": "HASH"}, {"AttributeName": sort, "KeyType": "RANGE"}]);
    let index = |index: &Index| {
        json!({
            "IndexName": index.name, "KeySchema": keys(&index.partition_key, &index.sort_key),
            "Projection": {"ProjectionType": "ALL"},
        })
    };
    let of_indexes = schema.indexes.iter().flat_map(|index| [&index.partition_key, &index.sort_key]);
    let mut names: Vec<_> = of_indexes.chain([&schema.partition_key, &schema.sort_key]).collect();
    names.sort_unstable();
    names.dedup();
    let text = |name: &&String| json!({"AttributeName": name, "AttributeType": "S"});
    json!({
        "TableName": NAME, "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": keys(&schema.partition_key, &schema.sort_key),
        "AttributeDefinitions": names.iter().map(text).collect::<Vec<_>>(),
        "GlobalSecondaryIndexes": schema.indexes.iter().map(index).collect::<Vec<_>>(),
    })
}
