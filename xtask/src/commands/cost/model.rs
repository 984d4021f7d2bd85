//! The cost of a call, a change and an idle month: quantities times prices, by service.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::tools::workspace::Workspace;

const MILLION: f64 = 1e6;
const GB: f64 = 1e9;
/// CloudWatch Logs adds it to each line's size ("PutLogEvents").
const LINE_BYTES: f64 = 26.0;
pub const DAYS: f64 = 30.0;

/// `docs/prices.json`.
#[derive(Debug, Deserialize)]
pub struct Prices {
    pub region: String,
    pub looked_up: String,
    pub sources: BTreeMap<String, String>,
    #[serde(rename = "prices")]
    pub of: BTreeMap<String, Price>,
    pub free: Vec<[String; 4]>,
}

#[derive(Debug, Deserialize)]
pub struct Price {
    pub dollars: f64,
    pub per: f64,
    pub what: String,
    pub page: String,
    pub source: String,
}

/// `docs/quantities.json`, of which each part but the assumptions is held by a test.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Quantities {
    pub calls: BTreeMap<String, Call>,
    pub log_bytes: LogBytes,
    pub stack: Stack,
    pub teardown: Teardown,
    pub assumptions: Assumptions,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Call {
    pub reads: f64,
    pub writes: f64,
    pub table_calls: f64,
    pub answer_bytes: f64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogBytes {
    pub access: f64,
    pub task_api: f64,
    pub authorizer: f64,
    pub refused_token: f64,
    pub audit_function: f64,
    pub platform: f64,
    pub platform_lines: f64,
    pub record_created: f64,
    pub record_updated: f64,
    pub record_deleted: f64,
    pub record_purged: f64,
    pub compressed_to: f64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stack {
    pub alarm_metrics: f64,
    pub dashboards: f64,
    pub keys: f64,
    pub notary_minutes: f64,
    pub batch_size: f64,
    pub task_memory: f64,
    pub authorizer_memory: f64,
    pub audit_memory: f64,
    pub notary_memory: f64,
    pub audit_days: f64,
    pub access_days: f64,
    pub log_days: f64,
    pub throttle_rate: f64,
    pub throttle_burst: f64,
    pub parallelization: usize,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Teardown {
    pub transitions: f64,
    pub dry_run_transitions: f64,
    pub alarm_metrics: f64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Assumptions {
    pub cpu_milliseconds: BTreeMap<String, f64>,
    pub cold_cpu_milliseconds: f64,
    pub cold_share: f64,
    pub table_milliseconds: f64,
    pub runtime_milliseconds: f64,
    pub cpu_of_full_core: f64,
    pub calls_per_authorizer_run: f64,
    pub traced: f64,
    pub millisecond_worth: f64,
}

/// Reads a file of `docs/`.
pub fn read<T: DeserializeOwned>(workspace: &Workspace, name: &str) -> Result<T> {
    let path = workspace.root().join("docs").join(name);
    let text = fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} has another form", path.display()))
}

/// Dollars by service, in the order of the tables' columns.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bill {
    pub gateway: f64,
    pub lambda: f64,
    pub table: f64,
    pub logs: f64,
    pub log_storage: f64,
    pub traces: f64,
    pub out: f64,
}

impl Bill {
    pub const COLUMNS: [&'static str; 7] =
        ["API Gateway", "Lambda", "DynamoDB", "Logs taken in", "Logs kept", "X-Ray", "data out"];

    pub fn parts(&self) -> [f64; 7] {
        [self.gateway, self.lambda, self.table, self.logs, self.log_storage, self.traces, self.out]
    }

    pub fn total(&self) -> f64 {
        self.parts().iter().sum()
    }

    pub fn scaled(&self, factor: f64) -> Self {
        let [gateway, lambda, table, logs, log_storage, traces, out] = self.parts().map(|part| part * factor);
        Self { gateway, lambda, table, logs, log_storage, traces, out }
    }

    pub fn and(&self, other: &Self) -> Self {
        Self {
            gateway: self.gateway + other.gateway,
            lambda: self.lambda + other.lambda,
            table: self.table + other.table,
            logs: self.logs + other.logs,
            log_storage: self.log_storage + other.log_storage,
            traces: self.traces + other.traces,
            out: self.out + other.out,
        }
    }
}

#[derive(Debug)]
pub struct Model {
    pub prices: Prices,
    pub quantities: Quantities,
}

impl Model {
    pub fn load(workspace: &Workspace) -> Result<Self> {
        let model =
            Self { prices: read(workspace, "prices.json")?, quantities: read(workspace, "quantities.json")? };
        for call in model.quantities.calls.keys() {
            let known = &model.quantities.assumptions.cpu_milliseconds;
            known.get(call).with_context(|| format!("quantities.json has no processor time of a {call}"))?;
        }
        Ok(model)
    }

    /// Returns the price of `count` of a thing. A name that the file lacks shows as no number in every sum.
    pub fn price(&self, name: &str, count: f64) -> f64 {
        self.prices.of.get(name).map_or(f64::NAN, |price| price.dollars / price.per * count)
    }

    /// Returns how long a run takes with this much memory, of which Lambda gives processor time in proportion.
    pub fn milliseconds(&self, cpu: f64, table_calls: f64, memory: f64) -> f64 {
        let assumed = &self.quantities.assumptions;
        let own = cpu * (assumed.cpu_of_full_core / memory).max(1.0);
        own + table_calls * assumed.table_milliseconds + assumed.runtime_milliseconds
    }

    /// Returns the price of a million runs, billed by the millisecond, with the share of starts.
    pub fn runs(&self, milliseconds: f64, memory: f64) -> f64 {
        let assumed = &self.quantities.assumptions;
        // Lambda bills the start of these functions too, as it always did for this runtime.
        let start =
            assumed.cold_share * assumed.cold_cpu_milliseconds * (assumed.cpu_of_full_core / memory).max(1.0);
        let seconds = (milliseconds.ceil() + start) / 1e3;
        self.price("invocation", MILLION) + self.price("gbSecondArm", MILLION * seconds * memory / 1024.0)
    }

    /// Returns the size of a task in the table, by what a page of a hundred reads.
    pub fn item_bytes(&self) -> f64 {
        let page = self.quantities.calls.get("list of 100").map_or(f64::NAN, |call| call.reads);
        // Eventually consistent: half a unit for each 4 KB.
        page * 8_192.0 / 100.0
    }

    fn cpu(&self, name: &str) -> f64 {
        self.quantities.assumptions.cpu_milliseconds.get(name).copied().unwrap_or(f64::NAN)
    }

    /// Returns the price of a million of these lines: taken in, and kept for so many days.
    fn lines(&self, bytes: f64, days: f64) -> (f64, f64) {
        let gb = MILLION * bytes / GB;
        let kept = gb * self.quantities.log_bytes.compressed_to * days / DAYS;
        (self.price("logGb", gb), self.price("logStorageGb", kept))
    }

    /// Returns the bytes of a run's own line of `bytes`, and of Lambda's.
    fn run_bytes(&self, bytes: f64) -> f64 {
        let log = &self.quantities.log_bytes;
        bytes + LINE_BYTES + log.platform + log.platform_lines * LINE_BYTES
    }

    fn logs(&self, access: f64, functions: f64, audit: f64) -> (f64, f64) {
        let stack = &self.quantities.stack;
        let parts = [(access, stack.access_days), (functions, stack.log_days), (audit, stack.audit_days)];
        let bills = parts.map(|(bytes, days)| self.lines(bytes, days));
        bills.iter().fold((0.0, 0.0), |sum, part| (sum.0 + part.0, sum.1 + part.1))
    }

    /// Returns what a million runs of the authorizer cost.
    pub fn authorizer(&self, line: f64) -> Bill {
        let memory = self.quantities.stack.authorizer_memory;
        let (logs, log_storage) = self.logs(0.0, self.run_bytes(line), 0.0);
        let lambda = self.runs(self.milliseconds(self.cpu("authorizer"), 0.0, memory), memory);
        Bill { lambda, logs, log_storage, ..Bill::default() }
    }

    /// Returns what a million calls cost, without the audit of what they change.
    pub fn call(&self, name: &str) -> Bill {
        let Quantities { calls, log_bytes, stack, assumptions, .. } = &self.quantities;
        let Some(call) = calls.get(name) else { return Bill { gateway: f64::NAN, ..Bill::default() } };
        let milliseconds = self.milliseconds(self.cpu(name), call.table_calls, stack.task_memory);
        let (logs, log_storage) =
            self.logs(log_bytes.access + LINE_BYTES, self.run_bytes(log_bytes.task_api), 0.0);
        let own = Bill {
            gateway: self.price("restRequest", MILLION),
            lambda: self.runs(milliseconds, stack.task_memory),
            table: self.price("readUnit", call.reads * MILLION)
                + self.price("writeUnit", call.writes * MILLION),
            logs,
            log_storage,
            traces: self.price("trace", assumptions.traced * MILLION),
            out: self.price("outGb", call.answer_bytes * MILLION / GB),
        };
        own.and(&self.authorizer(log_bytes.authorizer).scaled(1.0 / assumptions.calls_per_authorizer_run))
    }

    /// Returns what a million calls cost that are refused: by the gateway alone (no token, or too many calls), by the authorizer, or by
    /// the task function.
    pub fn refused(&self, by: Refusal) -> Bill {
        let log = &self.quantities.log_bytes;
        let (logs, log_storage) = self.logs(log.access + LINE_BYTES, 0.0, 0.0);
        let line = Bill { logs, log_storage, ..Bill::default() };
        match by {
            Refusal::Gateway => line,
            Refusal::Authorizer => line.and(&self.authorizer(log.refused_token)),
            Refusal::Task => {
                let mut bill = self.call("read");
                let assumed = &self.quantities.assumptions;
                let milliseconds =
                    self.milliseconds(self.cpu("read"), 0.0, self.quantities.stack.task_memory);
                bill.table = 0.0;
                bill.lambda = self.runs(milliseconds, self.quantities.stack.task_memory)
                    + self.authorizer(0.0).lambda / assumed.calls_per_authorizer_run;
                bill
            }
        }
    }

    /// Returns how long a run of the audit function takes with so many records.
    pub fn audit_seconds(&self, records: f64) -> f64 {
        let cpu = self.cpu("audit run") + records * self.cpu("audit record");
        // PutLogEvents, and the intents before it.
        self.milliseconds(cpu, 2.0, self.quantities.stack.audit_memory) / 1e3
    }

    /// Returns what the audit of a million changes costs, which leave records of so many bytes and come in batches of `size`.
    pub fn audit(&self, records: &[f64], size: f64) -> Bill {
        let Quantities { log_bytes, stack, assumptions, .. } = &self.quantities;
        #[allow(clippy::cast_precision_loss, reason = "a handful")]
        let count = records.len() as f64;
        let runs = count / size;
        let milliseconds = self.audit_seconds(size) * 1e3;
        let record_bytes = records.iter().sum::<f64>() + count * LINE_BYTES;
        let (logs, log_storage) =
            self.logs(0.0, runs * self.run_bytes(log_bytes.audit_function), record_bytes);
        Bill {
            lambda: runs * self.runs(milliseconds, stack.audit_memory),
            table: self.price("writeUnit", runs * MILLION * intent_units(size)),
            logs,
            log_storage,
            traces: self.price("trace", assumptions.traced * runs * MILLION),
            ..Bill::default()
        }
    }
}

/// Returns the write units of the intent of a batch: a leaf is 32 bytes (`functions/seal/src/intent.rs`), and a hundred fit four
/// units with what is beside them.
pub fn intent_units(records: f64) -> f64 {
    ((records * 32.0 + 300.0) / 1_024.0).ceil()
}

/// The place at which a call is refused.
#[derive(Clone, Copy, Debug)]
pub enum Refusal {
    Gateway,
    Authorizer,
    Task,
}
