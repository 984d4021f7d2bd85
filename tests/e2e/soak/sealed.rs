//! The bucket of checkpoints and manifests, and what the verifier says with it.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::{Engine, prelude::BASE64_STANDARD};
use local_wire::texts;
use seal::{
    Checkpoint, Manifest, Minute, Note, Second, VerifierKey,
    verify::{Demands, Document, Verdict, verify},
};
use serde_json::json;

use super::{Table, ledger::Log};
use crate::teardown::account::Account;

pub struct Sealed<'a> {
    account: &'a Account,
}

impl<'a> Sealed<'a> {
    pub fn new(account: &'a Account) -> Self {
        Self { account }
    }

    /// Returns the last minute that is sealed.
    pub async fn until(&self) -> Option<Minute> {
        let newest = self.keys("checkpoints/").await.pop()?;
        let note = Note::parse(self.content(&newest).await.as_bytes()).unwrap();
        Some(Checkpoint::parse(&note.text).unwrap().to)
    }

    /// Verifies the whole log with the key that KMS gives out.
    pub async fn verify(&self, log: &Log, table: &mut Table) {
        let (mut checkpoints, mut manifests) = (Vec::new(), Vec::new());
        for key in self.keys("checkpoints/").await {
            let number = Checkpoint::number_of(&key).unwrap();
            checkpoints.push(Document { number, content: self.content(&key).await.into_bytes() });
            let manifest = self.content(&Manifest::key(number)).await;
            manifests.push(Document { number, content: manifest.into_bytes() });
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        let now = Second::of_unix_millis(i64::try_from(now).unwrap());
        let demands = Demands {
            keys: vec![self.key().await],
            origin: Some(self.account.outputs["SealOrigin"].clone()),
            fresh: Some((now, 60 * 60)),
            ..Demands::default()
        };
        let count = checkpoints.len();
        let lines = log.lines.iter().map(|line| Ok(line.clone().into_bytes()));
        let report = verify(&demands, checkpoints, manifests, lines);
        table.says("checkpoints", count);
        table.must("sealed", report.sealed, report.records - report.copies);
        table.must("verdict", report.verdict(), Verdict::Intact);
        table.wrong.extend(report.findings.iter().take(5).map(|finding| format!("{finding:?}")));
        table.wrong.extend(report.unchecked.iter().map(|what| format!("{what:?}")));
    }

    async fn key(&self) -> VerifierKey {
        let key = json!({"KeyId": self.account.outputs["SealKeys"]});
        let key = self.account.aws.kms("GetPublicKey", key).await.json();
        let der = BASE64_STANDARD.decode(key["PublicKey"].as_str().unwrap()).unwrap();
        VerifierKey::from_der(&self.account.outputs["SealOrigin"], &der).unwrap()
    }

    /// Lists the names of the bucket's objects in a folder, in order.
    async fn keys(&self, folder: &str) -> Vec<String> {
        let (mut keys, mut after) = (Vec::new(), String::new());
        loop {
            let page = format!("/{}?list-type=2&prefix={folder}&start-after={after}", self.bucket());
            let page = texts(&self.account.aws.get("s3", &page).await.done(), "Key");
            let Some(last) = page.last() else { return keys };
            after.clone_from(last);
            keys.extend(page);
        }
    }

    async fn content(&self, key: &str) -> String {
        self.account.aws.get("s3", &format!("/{}/{key}", self.bucket())).await.done()
    }

    fn bucket(&self) -> &str {
        &self.account.outputs["SealBucket"]
    }
}
