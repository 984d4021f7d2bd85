//! Prove: each thing of the inventory is shown absent by its own service. An error is no proof.
//!
//! What is still shown is looked at again, after a wait of the state machine: S3, IAM and CloudWatch Logs show a deleted thing for
//! some seconds, and `CloudFormation` in Express mode says `DELETE_COMPLETE` while services still delete.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::{operation::describe_table::DescribeTableOutput, types::BackupTypeFilter};
use aws_sdk_lambda::operation::get_function::GetFunctionOutput;

use crate::{
    Context, Entry, Fate, Run, StepError,
    clients::{AwsError, done},
    drain::COMPLETENESS,
    evidence::Kind,
    inventory::{BUCKET, FUNCTION, LOG_GROUP, REST_API, ROLE, SYSTEM_BACKUP_WHY, TABLE, entry},
};

/// How often what is still shown is looked at, 5 s apart, before it is believed to stay.
const LOOKS: u32 = 5;
/// How long a service may say that it deletes something, in seconds.
const GOING_SECONDS: i64 = 600;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Presence {
    Absent,
    Present,
    /// Its service says that it is being deleted.
    Going,
    /// Absent, and another has its name.
    Replaced,
    /// With the reason.
    Unproven(String),
}

/// The type that a type lives inside: gone with it. `None` for one that its service knows by itself.
fn parent(kind: &str) -> Option<&'static str> {
    match kind {
        "AWS::ApiGateway::Authorizer"
        | "AWS::ApiGateway::Deployment"
        | "AWS::ApiGateway::GatewayResponse"
        | "AWS::ApiGateway::Method"
        | "AWS::ApiGateway::Model"
        | "AWS::ApiGateway::RequestValidator"
        | "AWS::ApiGateway::Resource"
        | "AWS::ApiGateway::Stage" => Some(REST_API),
        "AWS::Lambda::Permission" => Some(FUNCTION),
        "AWS::S3::BucketPolicy" => Some(BUCKET),
        "AWS::IAM::Policy" => Some(ROLE),
        _ => None,
    }
}

impl Context<'_> {
    /// Also tells of what an earlier run could not drain, and was stopped before it could say so.
    pub(super) async fn prove(&self, mut run: Run) -> Result<Run, StepError> {
        let seen = self.look_at_everything(&run).await?;
        let shown = |presence: &Presence| seen.iter().any(|(_, seen)| seen.as_ref() == Some(presence));
        let going = shown(&Presence::Going) && !run.expired(self.now, GOING_SECONDS);
        if going || (shown(&Presence::Present) && run.times() < LOOKS) {
            run.again = true;
            return Ok(run);
        }
        run.deadline = None;
        run.inventory =
            seen.into_iter().map(|(entry, presence)| concluded(&mut run, entry, presence)).collect();
        self.note_system_backups(&mut run).await?;
        if let Some(stack) = run.stack.clone()
            && let Some(why) = self.recall::<String>(&stack.id, Kind::Unaudited).await?
        {
            run.not_proven(COMPLETENESS, why);
        }
        Ok(run)
    }

    /// Each entry with what its service shows; `None` for one that stays.
    async fn look_at_everything(&self, run: &Run) -> Result<Vec<(Entry, Option<Presence>)>, StepError> {
        // What a new stack of the name has is under the old name, and not the old thing.
        let theirs: BTreeSet<_> = match self.successor(run).await? {
            Some(id) => self.listed(&id).await?.iter().map(|resource| entry(resource).physical_id).collect(),
            None => BTreeSet::new(),
        };
        let ours: Vec<_> =
            run.inventory.iter().filter(|entry| !theirs.contains(&entry.physical_id)).cloned().collect();
        let mut seen = Vec::with_capacity(run.inventory.len());
        for entry in &run.inventory {
            let presence = match entry.fate {
                Fate::Delete if theirs.contains(&entry.physical_id) => Some(Presence::Replaced),
                Fate::Delete => Some(self.presence(entry, &ours).await?),
                // What was to stay may have been removed by somebody: the report claims nothing.
                _ if entry.kind == LOG_GROUP => {
                    Some(self.presence(entry, &ours).await?).filter(|presence| *presence == Presence::Absent)
                }
                _ => None,
            };
            seen.push((entry.clone(), presence));
        }
        Ok(seen)
    }

    /// A table with point-in-time recovery leaves a backup behind whoever deletes it: this workflow or a hand.
    async fn note_system_backups(&self, run: &mut Run) -> Result<(), StepError> {
        let aws = self.aws;
        let tables: Vec<_> =
            run.inventory.iter().filter(|e| e.kind == TABLE && e.fate == Fate::Absent).cloned().collect();
        for table in tables {
            let listed = aws.dynamodb.list_backups().table_name(&table.physical_id);
            let listed = listed.backup_type(BackupTypeFilter::System).send().await;
            match done(listed, "listing system backups") {
                Ok(listed) => {
                    for arn in listed.backup_summaries().iter().filter_map(|backup| backup.backup_arn()) {
                        run.keep(format!("backup {arn}"), SYSTEM_BACKUP_WHY);
                    }
                }
                Err(error) => {
                    if let Presence::Unproven(why) = unproven(error)? {
                        run.not_proven(format!("system backups of {}", table.physical_id), why);
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether a thing is there. A passing error stops the step, to be tried again; a lasting one proves nothing.
    pub(super) async fn presence(&self, entry: &Entry, inventory: &[Entry]) -> Result<Presence, StepError> {
        let Some(parent) = parent(&entry.kind) else { return self.own_presence(entry, inventory).await };
        for parent in inventory.iter().filter(|other| other.kind == parent && other.fate != Fate::Keep) {
            match self.own_presence(parent, inventory).await? {
                Presence::Absent | Presence::Replaced => {}
                // With its parent: looked at again as long as that is.
                shown @ (Presence::Present | Presence::Going | Presence::Unproven(_)) => return Ok(shown),
            }
        }
        Ok(Presence::Absent)
    }

    async fn own_presence(&self, entry: &Entry, inventory: &[Entry]) -> Result<Presence, StepError> {
        let (aws, id) = (self.aws, entry.physical_id.as_str());
        let not_found = &[
            "ResourceNotFoundException",
            "NotFoundException",
            "NoSuchEntity",
            "NoSuchEntityException",
            "NotFound",
        ];
        // The state of what has one.
        let asked: Result<Option<String>, AwsError> = match entry.kind.as_str() {
            REST_API => {
                let read = aws.apigateway.get_rest_api().rest_api_id(id).send().await;
                read.map(|_| None).map_err(AwsError::from)
            }
            FUNCTION => {
                let read = aws.lambda.get_function().function_name(id).send().await.map_err(AwsError::from);
                let state = |function: GetFunctionOutput| function.configuration.and_then(|it| it.state);
                read.map(|function| state(function).map(|state| state.as_str().to_owned()))
            }
            "AWS::Lambda::EventSourceMapping" => {
                let read = aws.lambda.get_event_source_mapping().uuid(id).send().await;
                read.map(|mapping| mapping.state).map_err(AwsError::from)
            }
            ROLE => aws.iam.get_role().role_name(id).send().await.map(|_| None).map_err(AwsError::from),
            TABLE => {
                let read = aws.dynamodb.describe_table().table_name(id).send().await.map_err(AwsError::from);
                let state = |described: DescribeTableOutput| described.table.and_then(|it| it.table_status);
                read.map(|described| state(described).map(|state| state.as_str().to_owned()))
            }
            BUCKET => aws.s3.head_bucket().bucket(id).send().await.map(|_| None).map_err(AwsError::from),
            LOG_GROUP => return self.log_group_presence(id).await,
            "AWS::Logs::MetricFilter" => return self.metric_filter_presence(id, inventory).await,
            "AWS::CloudWatch::Alarm" => return self.alarm_presence(id).await,
            // A note of CDK's, nothing that exists.
            "AWS::CDK::Metadata" => return Ok(Presence::Absent),
            kind => return Ok(Presence::Unproven(format!("no way is known to show {kind} absent"))),
        };
        match asked {
            // "DELETING" of a table, "Deleting" of a mapping and of a function.
            Ok(Some(state)) if state.eq_ignore_ascii_case("deleting") => Ok(Presence::Going),
            Ok(_) => Ok(Presence::Present),
            // HEAD has no body, so no code either.
            Err(error) if error.is(not_found) || (entry.kind == BUCKET && error.status == 404) => {
                Ok(Presence::Absent)
            }
            Err(error) => unproven(error.stop(id)),
        }
    }

    async fn log_group_presence(&self, name: &str) -> Result<Presence, StepError> {
        match self.log_groups(name).await {
            Ok(names) if names.iter().any(|other| other == name) => Ok(Presence::Present),
            Ok(_) => Ok(Presence::Absent),
            Err(error) => unproven(error),
        }
    }

    /// A filter goes with its group; on a group that is kept it is looked for.
    async fn metric_filter_presence(&self, name: &str, inventory: &[Entry]) -> Result<Presence, StepError> {
        let aws = self.aws;
        for group in inventory.iter().filter(|entry| entry.kind == LOG_GROUP) {
            let filters = aws
                .logs
                .describe_metric_filters()
                .log_group_name(&group.physical_id)
                .filter_name_prefix(name);
            match filters.send().await.map_err(AwsError::from) {
                Ok(filters)
                    if filters.metric_filters().iter().any(|filter| filter.filter_name() == Some(name)) =>
                {
                    return Ok(Presence::Present);
                }
                Ok(_) => {}
                Err(error) if error.is(&["ResourceNotFoundException"]) => {}
                Err(error) => return unproven(error.stop(name)),
            }
        }
        Ok(Presence::Absent)
    }

    async fn alarm_presence(&self, name: &str) -> Result<Presence, StepError> {
        let aws = self.aws;
        match aws.cloudwatch.describe_alarms().alarm_names(name).send().await.map_err(AwsError::from) {
            Ok(found) if found.metric_alarms().is_empty() && found.composite_alarms().is_empty() => {
                Ok(Presence::Absent)
            }
            Ok(_) => Ok(Presence::Present),
            Err(error) => unproven(error.stop(name)),
        }
    }
}

/// An entry with the fate that was found. What stays is no longer noted as kept when it is absent.
fn concluded(run: &mut Run, entry: Entry, presence: Option<Presence>) -> Entry {
    let what = format!("{} {}", entry.kind, entry.physical_id);
    let (fate, why) = match presence {
        Some(Presence::Replaced) => {
            (Fate::Absent, "what has its name is a new stack's of the same name".to_owned())
        }
        None => (Fate::Kept, entry.why.clone()),
        Some(Presence::Absent) if entry.fate != Fate::Delete => {
            run.kept.retain(|noted| noted.what != what);
            (Fate::Absent, "to be kept, but removed by somebody else".to_owned())
        }
        Some(Presence::Absent) => (Fate::Absent, "shown absent by its service".to_owned()),
        Some(Presence::Present | Presence::Going) if parent(&entry.kind).is_some() => {
            (Fate::Unproven, "what it is a part of is still there".to_owned())
        }
        Some(Presence::Present) => (Fate::Present, "still there".to_owned()),
        Some(Presence::Going) => (Fate::Present, format!("still being deleted after {GOING_SECONDS} s")),
        Some(Presence::Unproven(why)) => (Fate::Unproven, why),
    };
    if matches!(fate, Fate::Present | Fate::Unproven) {
        run.not_proven(what, why.clone());
    }
    Entry { fate, why, ..entry }
}

/// A passing error is worth another try; a refused look and the like prove neither presence nor absence.
fn unproven(error: StepError) -> Result<Presence, StepError> {
    match error {
        StepError::Transient(_) => Err(error),
        StepError::Refused(why) | StepError::Thawed(why) | StepError::Failed(why) => {
            Ok(Presence::Unproven(why))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lasting_error_proves_nothing_and_a_passing_one_is_tried_again() {
        assert!(unproven(StepError::Transient("slow down".into())).is_err());
        let denied = unproven(StepError::Failed("AccessDenied".into())).unwrap();
        assert_eq!(denied, Presence::Unproven("AccessDenied".into()));
    }
}
