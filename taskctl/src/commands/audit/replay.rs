//! `audit replay`: hands changes that did not reach the audit log to the audit function again.
//!
//! It keeps no state of its own, and may be stopped anywhere. A batch of the failure bucket is deleted after the function took it; a
//! line of the quarantine stays, and is left alone once the audit log has its record.

use std::time::Duration;

use aws_sdk_lambda::primitives::Blob;
use serde_json::json;
use tasks::audit::LATEST_HOURS;
use tokio::time::sleep;

use crate::{
    account::{clients::Aws, error::AwsError, service::Service},
    audit::{
        failures::{self, Place, Quarantine, Waiting},
        log::Reader,
    },
    cli::{
        audit_args::{RangeArgs, ReplayArgs},
        failure::{Exit, Failure},
        hint,
    },
    commands::audit::listing,
    terminal::{
        clock::{self, Millis},
        layout::count,
        screen::{self, Colour, Paint},
        visible::visible,
    },
};

/// Lambda writes the batches that it discards below this key.
const BATCHES: &str = "aws/lambda/";
/// The time between two looks for a record that was handed over, and the number of looks.
const LOOK: Duration = Duration::from_secs(2);
const LOOKS: u32 = 10;

/// The difference that is allowed for between this machine's clock and that of AWS.
const SKEW: Millis = 60_000;

/// The fate of a change.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Outcome {
    /// Nothing was done: a dry run.
    Waits,
    /// The audit log has had it before.
    Audited,
    /// The audit function took it, and it is in the audit log, or deleted from the bucket.
    Replayed,
    /// It is still not in the audit log, for this reason.
    Left(String),
}

struct Replay<'a> {
    aws: &'a Aws,
    service: &'a Service,
    args: &'a ReplayArgs,
    found: usize,
    waiting: usize,
    left: usize,
}

pub async fn run(aws: &Aws, service: &Service, args: &ReplayArgs) -> Result<Exit, Failure> {
    let mut replay = Replay { aws, service, args, found: 0, waiting: 0, left: 0 };
    replay.bucket().await?;
    replay.quarantine().await?;
    let Replay { found, waiting, left, .. } = replay;
    screen::err(&format!("{} found, {left} left", count(found, "entry")));
    if waiting > 0 {
        screen::err(&format!("nothing was done; to hand over: {}", hint::command("audit replay --yes")));
    }
    Ok(if left > 0 { Exit::Unproven } else { Exit::Success })
}

impl Replay<'_> {
    /// Goes through the batches that Lambda gave up on.
    async fn bucket(&mut self) -> Result<(), Failure> {
        let bucket = &self.service.failure_bucket;
        let mut pages = self.aws.s3.list_objects_v2().bucket(bucket).prefix(BATCHES).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| AwsError::from(error).stop(&format!("listing {bucket}")))?;
            for object in page.contents() {
                let key = object.key().unwrap_or_default();
                if !self.wanted(key) {
                    continue;
                }
                let at = object.last_modified().and_then(|time| time.to_millis().ok());
                match failures::object(key, &self.body(key).await?, at) {
                    Ok(waiting) => self.handle(&waiting).await?,
                    Err(why) => self.strange(Place::FailureBucket, key, &why),
                }
            }
        }
        Ok(())
    }

    async fn body(&self, key: &str) -> Result<String, Failure> {
        let bucket = &self.service.failure_bucket;
        let doing = format!("reading {key} in {bucket}");
        let object = self.aws.s3.get_object().bucket(bucket).key(key).send().await;
        let object = object.map_err(|error| AwsError::from(error).stop(&doing))?;
        let body =
            object.body.collect().await.map_err(|error| Failure::failed(format!("{doing}: {error}")))?;
        Ok(String::from_utf8_lossy(&body.into_bytes()).into_owned())
    }

    /// Goes through the records that could not be decoded.
    async fn quarantine(&mut self) -> Result<(), Failure> {
        let (aws, service) = (self.aws, self.service);
        let mut reader = Reader::new(aws, &service.quarantine_group, None, RangeArgs::default());
        let mut quarantine = Quarantine::default();
        while let Some(page) = reader.page().await? {
            for event in page {
                match quarantine.take(&event) {
                    Ok(Some(waiting)) if self.wanted(&waiting.name) => self.handle(&waiting).await?,
                    Ok(_) => {}
                    Err(why) => self.strange(Place::Quarantine, &clock::exact(event.at), &why),
                }
            }
        }
        let incomplete: Vec<String> =
            quarantine.incomplete().filter(|name| self.wanted(name)).map(ToOwned::to_owned).collect();
        for name in incomplete {
            self.strange(Place::Quarantine, &name, "a payload with parts missing");
        }
        Ok(())
    }

    fn wanted(&self, name: &str) -> bool {
        self.args.only.is_empty() || self.args.only.iter().any(|only| only == name)
    }

    fn strange(&mut self, place: Place, name: &str, why: &str) {
        if self.wanted(name) {
            self.left += 1;
            listing::finding(&format!("{} {}: {}", place.name(), visible(name), visible(why)));
        }
    }

    async fn handle(&mut self, waiting: &Waiting) -> Result<(), Failure> {
        self.found += 1;
        let outcome = match waiting.place {
            // A batch may be in the log in part; records that it has already are copies, which readers leave out.
            Place::FailureBucket => self.batch(waiting).await?,
            Place::Quarantine => self.record(waiting).await?,
        };
        match &outcome {
            Outcome::Waits => self.waiting += 1,
            Outcome::Left(_) => self.left += 1,
            Outcome::Audited | Outcome::Replayed => {}
        }
        tell(waiting, &outcome, self.args.json);
        Ok(())
    }

    async fn batch(&self, waiting: &Waiting) -> Result<Outcome, Failure> {
        if !self.args.yes {
            return Ok(Outcome::Waits);
        }
        if let Err(refusal) = self.hand_over(waiting).await? {
            return Ok(Outcome::Left(refusal));
        }
        let delete = self.aws.s3.delete_object().bucket(&self.service.failure_bucket).key(&waiting.name);
        delete
            .send()
            .await
            .map_err(|error| AwsError::from(error).stop(&format!("deleting {}", waiting.name)))?;
        Ok(Outcome::Replayed)
    }

    async fn record(&self, waiting: &Waiting) -> Result<Outcome, Failure> {
        let since = waiting.at.unwrap_or_default() - LATEST_HOURS * 3_600_000;
        if self.is_audited(waiting, since).await? {
            return Ok(Outcome::Audited);
        }
        if !self.args.yes {
            return Ok(Outcome::Waits);
        }
        let begun = clock::now() - SKEW;
        if let Err(refusal) = self.hand_over(waiting).await? {
            return Ok(Outcome::Left(refusal));
        }
        // The function takes a record that it still cannot decode too: into quarantine again.
        for look in 0..LOOKS {
            if self.is_audited(waiting, since).await? {
                return Ok(Outcome::Replayed);
            }
            if let Some(why) = self.is_quarantined_again(waiting, begun).await? {
                return Ok(Outcome::Left(format!("quarantined again: {why}")));
            }
            if look + 1 < LOOKS {
                sleep(LOOK).await;
            }
        }
        Ok(Outcome::Left(
            "the function took it, but the audit log does not show it: it may concern no task".into(),
        ))
    }

    /// Invokes the audit function. The inner error says why it did not take everything.
    async fn hand_over(&self, waiting: &Waiting) -> Result<Result<(), String>, Failure> {
        let function = &self.service.audit_function;
        let invoke =
            self.aws.lambda.invoke().function_name(function).payload(Blob::new(waiting.batch.as_bytes()));
        let answer = invoke
            .send()
            .await
            .map_err(|error| AwsError::from(error).stop(&format!("invoking {function}")))?;
        let payload = answer.payload().map(Blob::as_ref).unwrap_or_default();
        if answer.function_error().is_none() && failures::took_all(payload) {
            return Ok(Ok(()));
        }
        let said: String = String::from_utf8_lossy(payload).chars().take(300).collect();
        Ok(Err(format!("{function} answered {said}")))
    }

    /// Tells whether the audit log has the record of a quarantined change.
    async fn is_audited(&self, waiting: &Waiting, since: Millis) -> Result<bool, Failure> {
        let [id] = waiting.events.as_slice() else { return Ok(false) };
        // The pattern only saves reading; an id with other letters than these is looked for in every line.
        let plain = id.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-');
        let pattern = plain.then(|| format!("{{ $.eventId = \"{id}\" }}"));
        let range = RangeArgs { since: Some(since.max(0)), until: None };
        let mut reader = Reader::new(self.aws, &self.service.audit_group, pattern, range);
        while let Some(page) = reader.page().await? {
            let is_it = |line: &str| {
                serde_json::from_str::<serde_json::Value>(line).is_ok_and(|line| line["eventId"] == *id)
            };
            if page.iter().any(|event| is_it(&event.message)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn is_quarantined_again(
        &self,
        waiting: &Waiting,
        since: Millis,
    ) -> Result<Option<String>, Failure> {
        let range = RangeArgs { since: Some(since), until: None };
        let mut reader = Reader::new(self.aws, &self.service.quarantine_group, None, range);
        let mut quarantine = Quarantine::default();
        while let Some(page) = reader.page().await? {
            let again = page.iter().filter_map(|event| quarantine.take(event).ok().flatten());
            if let Some(again) =
                again.filter(|again| again.name == waiting.name && again.at > waiting.at).last()
            {
                return Ok(Some(again.why));
            }
        }
        Ok(None)
    }
}

fn tell(waiting: &Waiting, outcome: &Outcome, json: bool) {
    let (word, colour, why) = match outcome {
        Outcome::Waits => ("waits", Colour::Yellow, &waiting.why),
        Outcome::Audited => ("audited before", Colour::Dim, &waiting.why),
        Outcome::Replayed => ("replayed", Colour::Green, &waiting.why),
        Outcome::Left(why) => ("left", Colour::Red, why),
    };
    if json {
        let line = json!({"place": waiting.place.name(), "name": waiting.name, "at": waiting.at.map(clock::exact),
            "records": waiting.records, "outcome": word, "why": why});
        screen::out(&line.to_string());
    } else {
        screen::out(&format!(
            "{}  {} {}, {}\n    {}",
            Paint::stdout().text(colour, word),
            waiting.place.name(),
            visible(&waiting.name),
            count(waiting.records, "record"),
            visible(why)
        ));
    }
}
