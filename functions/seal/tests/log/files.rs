//! The files of a bundle, to be changed one by one.

use std::{collections::BTreeMap, fs, path::Path};

use seal::{
    bundle,
    verify::{Demands, Report, Verdict},
};
use serde_json::{Value, json};

use super::bundle::{Bundle, Folder, stated};

/// The files of a bundle, by their names.
#[derive(Clone)]
pub struct Files(pub BTreeMap<String, Vec<u8>>);

/// A record of an export, as it stands in the log among the others.
pub fn export(number: u32) -> Value {
    json!({"schema": "audit.export/1", "eventId": format!("export-{number}"), "action": "audit.exported",
        "actor": {"id": "arn:aws:iam::1:user/eve", "auth": "aws"}, "export": {"id": number.to_string(), "records": 7},
        "time": {"audited": "2026-11-28T08:10:00.000Z"}})
}

/// Returns a record newer than the newest checkpoint.
pub fn newer(bundle: &Bundle) -> Value {
    let mut record = bundle.records[0].clone();
    record["eventId"] = json!("newer");
    record["task"]["id"] = json!("task-newer");
    let to = bundle.checkpoint(bundle.checkpoints.len()).to;
    let time = format!("{}:00.000Z", to.plus(1).to_string().trim_end_matches('Z'));
    record["time"] = json!({"changed": time, "streamed": time, "audited": time});
    stated(record)
}

impl Files {
    /// A log with everything that an honest one may have: copies, deleted tasks, a change of keys, exports, newer records.
    pub fn honest() -> (Bundle, Self) {
        let mut bundle = Bundle::interleaved().rotated();
        bundle.records.insert(70, export(1));
        bundle.records.insert(150, export(2));
        let folder = Folder::new();
        bundle.write_with(&folder.0, &[newer(&bundle)]);
        (bundle, Self::read(&folder.0))
    }

    pub fn read(folder: &Path) -> Self {
        let mut files = BTreeMap::new();
        for name in [bundle::LABEL, bundle::RECORDS, bundle::NEWER] {
            files.insert(name.to_owned(), fs::read(folder.join(name)).unwrap());
        }
        for part in bundle::FOLDERS {
            for entry in fs::read_dir(folder.join(part)).unwrap() {
                let name = entry.unwrap().file_name().into_string().unwrap();
                let name = format!("{part}/{name}");
                files.insert(name.clone(), fs::read(folder.join(&name)).unwrap());
            }
        }
        Self(files)
    }

    pub fn write(&self, folder: &Path) {
        for part in bundle::FOLDERS {
            fs::create_dir_all(folder.join(part)).unwrap();
        }
        self.0.iter().for_each(|(name, content)| fs::write(folder.join(name), content).unwrap());
    }

    /// Verifies the files on the disk, as `taskctl audit verify` does.
    pub fn report(&self, demands: &Demands) -> Report {
        let folder = Folder::new();
        self.write(&folder.0);
        report(&folder.0, demands)
    }

    /// Makes the folder, which has other files, have these.
    pub fn replace(&self, others: &Self, folder: &Path) {
        for name in others.0.keys().filter(|name| !self.0.contains_key(*name)) {
            fs::remove_file(folder.join(name)).unwrap();
        }
        for (name, content) in self.0.iter().filter(|(name, content)| others.0.get(*name) != Some(*content)) {
            fs::write(folder.join(name), content).unwrap();
        }
    }

    #[track_caller]
    pub fn is(&self, demands: &Demands, verdict: Verdict) -> Report {
        let report = self.report(demands);
        assert_eq!(report.verdict(), verdict, "{:#?}", (&report.findings, &report.unchecked));
        report
    }

    pub fn records(&self) -> Vec<Value> {
        let text = std::str::from_utf8(&self.0[bundle::RECORDS]).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    pub fn set_records(&mut self, records: &[Value]) {
        let lines: Vec<String> = records.iter().map(|record| record.to_string() + "\n").collect();
        self.0.insert(bundle::RECORDS.to_owned(), lines.concat().into_bytes());
    }

    pub fn label(&self) -> Value {
        serde_json::from_slice(&self.0[bundle::LABEL]).unwrap()
    }

    pub fn set_label(&mut self, label: &Value) {
        self.0.insert(bundle::LABEL.to_owned(), label.to_string().into_bytes());
    }
}

pub fn report(folder: &Path, demands: &Demands) -> Report {
    bundle::Bundle::open(folder).unwrap().verify(demands.clone(), |_, _| {}).unwrap().report
}
