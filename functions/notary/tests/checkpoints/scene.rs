//! A log that is sealed: its table, its bucket, and any number of notaries.

use std::time::Duration;

use notary::{
    error::Error,
    intents::Intents,
    journal::Journal,
    notary::{Notary, Run},
    signer::Signer,
    store::Store,
};
use runtime::{AwsSettings, client, timeouts};
use seal::{
    Checkpoint, Hash, Leaf, Manifest, Minute, Note, Second,
    verify::{Demands, Document, Report, Verdict, verify},
};

use crate::{
    aws::{Aws, key},
    table::{NAME, Table},
};

pub const ORIGIN: &str = "tasks/dev/audit";
/// The minutes until a minute is settled.
pub const SETTLE: i64 = 2;

pub struct Scene {
    pub aws: Aws,
    pub table: Table,
}

/// Returns the minute so many minutes after the first.
pub fn minute(number: i64) -> Minute {
    Minute::parse("2026-11-28T08:00Z").unwrap().plus(number)
}

pub fn leaf(number: u32) -> Leaf {
    Hash::of(&number.to_be_bytes())
}

impl Scene {
    pub async fn new() -> Self {
        Self { aws: Aws::start().await, table: Table::start().await }
    }

    pub async fn notary(&self, keys: &[&str]) -> Notary {
        let settings = AwsSettings {
            region: aws_sdk_s3::config::Region::new("us-east-1"),
            credentials: aws_sdk_s3::config::Credentials::new("test", "test", None, None, "test"),
            endpoint_url: Some(self.aws.endpoint.clone()),
            app_name: None,
            http_client: runtime::http_client(),
        };
        let timeouts = timeouts(Duration::from_secs(10), Duration::from_secs(30));
        let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
        let kms = client!(aws_sdk_kms, &settings, timeouts.clone());
        let group = "checkpoints".to_owned();
        let logs = client!(aws_sdk_cloudwatchlogs, &settings, timeouts.clone());
        Notary {
            origin: ORIGIN.to_owned(),
            settle_minutes: SETTLE,
            intents: Intents { client: self.table.client.clone(), table: NAME.to_owned() },
            store: Store::new(client!(aws_sdk_s3, &settings, timeouts), "seals".to_owned()),
            signer: Signer::load(kms, &keys, ORIGIN).await.unwrap(),
            journal: Some(Journal { client: logs, group, stream: "notary".to_owned() }),
            published: tokio::sync::OnceCell::new(),
        }
    }

    /// Announces leaves in a minute, as of records that were made then.
    pub async fn announce(&self, at: i64, leaves: &[u32]) {
        let leaves: Vec<Leaf> = leaves.iter().map(|number| leaf(*number)).collect();
        self.table.announce(minute(at), u64::from(leaves[0].0[0]), minute(at), &leaves).await;
    }

    pub fn checkpoint(&self, number: u64) -> Checkpoint {
        let note = Note::parse(self.aws.object(&Checkpoint::key(number)).unwrap().as_bytes()).unwrap();
        Checkpoint::parse(&note.text).unwrap()
    }

    pub fn manifest(&self, number: u64) -> Manifest {
        Manifest::parse(self.aws.object(&Manifest::key(number)).unwrap().as_bytes()).unwrap()
    }

    /// Lists the leaves of all manifests, in the order of the manifests.
    pub fn sealed(&self) -> Vec<Vec<Leaf>> {
        (1..)
            .map_while(|number| self.aws.object(&Manifest::key(number)).map(|_| self.manifest(number).leaves))
            .collect()
    }

    /// Verifies the bucket's checkpoints and manifests, for which there are no records.
    pub fn verify(&self, keys: &[&str], now: i64) -> Report {
        let documents = |prefix: &str| {
            let number = |key: &str| key[prefix.len()..].trim_end_matches(".json").parse().unwrap();
            let objects = self.aws.objects(prefix).into_iter();
            objects.map(|(key, content)| Document { number: number(&key), content }).collect::<Vec<_>>()
        };
        let demands = Demands {
            keys: keys.iter().map(|id| key(id, ORIGIN)).collect(),
            origin: Some(ORIGIN.to_owned()),
            since: None,
            until: None,
            fresh: Some((Second::of_unix_millis(millis(now)), 3_600)),
        };
        verify(&demands, documents("checkpoints/"), documents("manifests/"), Vec::new())
    }

    /// Asserts that the seals are whole, but for the records, of which there are none.
    #[track_caller]
    pub fn is_whole(&self, keys: &[&str], now: i64) {
        let report = self.verify(keys, now);
        let whole = matches!(report.verdict(), Verdict::Truncated | Verdict::Intact);
        assert!(whole && report.unchecked.is_empty(), "{report:#?}");
    }
}

/// Returns the Unix time of the middle of a minute.
pub fn millis(at: i64) -> i64 {
    minute(at).start().unix() * 1_000 + 30_000
}

/// Runs a notary in a minute.
pub async fn run(notary: &Notary, at: i64) -> Result<Run, Error> {
    notary.run(millis(at)).await
}
