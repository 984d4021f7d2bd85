//! Prove: each thing of the inventory is shown absent by its own service. An error is no proof.

use std::collections::BTreeSet;

use super::{
    Context, Entry, Fate, Run, StepError,
    clients::AwsError,
    drain::COMPLETENESS,
    evidence::Kind,
    inventory::{BUCKET, FUNCTION, LOG_GROUP, REST_API, ROLE, TABLE, entry},
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Presence {
    Absent,
    Present,
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
        let planned = run.inventory.clone();
        // What a new stack of the name has is under the old name, and not the old thing.
        let theirs = match self.successor(&run).await? {
            Some(id) => self.listed(&id).await?.iter().map(|resource| entry(resource).physical_id).collect(),
            None => BTreeSet::new(),
        };
        let ours: Vec<_> =
            planned.iter().filter(|entry| !theirs.contains(&entry.physical_id)).cloned().collect();
        let mut proven = Vec::with_capacity(planned.len());
        for entry in &planned {
            let presence = match entry.fate {
                Fate::Delete if theirs.contains(&entry.physical_id) => Some(Presence::Replaced),
                Fate::Delete => Some(self.presence(entry, &ours).await?),
                // What was to stay may have been removed by somebody: the report claims nothing.
                _ if entry.kind == LOG_GROUP => {
                    Some(self.presence(entry, &ours).await?).filter(|presence| *presence == Presence::Absent)
                }
                _ => None,
            };
            let (fate, why) = match presence {
                Some(Presence::Replaced) => {
                    (Fate::Absent, "what has its name is a new stack's of the same name".to_owned())
                }
                None => (Fate::Kept, entry.why.clone()),
                Some(Presence::Absent) if entry.fate != Fate::Delete => {
                    let what = format!("{} {}", entry.kind, entry.physical_id);
                    run.kept.retain(|noted| noted.what != what);
                    (Fate::Absent, "to be kept, but removed by somebody else".to_owned())
                }
                Some(Presence::Absent) => (Fate::Absent, "shown absent by its service".to_owned()),
                Some(Presence::Present) => (Fate::Present, "still there".to_owned()),
                Some(Presence::Unproven(why)) => (Fate::Unproven, why),
            };
            if matches!(fate, Fate::Present | Fate::Unproven) {
                let what = format!("{} {}", entry.kind, entry.physical_id);
                run.not_proven(what, why.clone());
            }
            proven.push(Entry { fate, why, ..entry.clone() });
        }
        if let Some(stack) = run.stack.clone()
            && let Some(why) = self.recall::<String>(&stack.id, Kind::Unaudited).await?
        {
            run.not_proven(COMPLETENESS, why);
        }
        run.inventory = proven;
        Ok(run)
    }

    /// Whether a thing is there. A passing error stops the step, to be tried again; a lasting one proves nothing.
    pub(super) async fn presence(&self, entry: &Entry, inventory: &[Entry]) -> Result<Presence, StepError> {
        let Some(parent) = parent(&entry.kind) else { return self.own_presence(entry, inventory).await };
        for parent in inventory.iter().filter(|other| other.kind == parent && other.fate != Fate::Keep) {
            match self.own_presence(parent, inventory).await? {
                Presence::Absent | Presence::Replaced => {}
                Presence::Present => {
                    return Ok(Presence::Unproven(format!("{} is still there", parent.physical_id)));
                }
                unproven @ Presence::Unproven(_) => return Ok(unproven),
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
        let asked = match entry.kind.as_str() {
            REST_API => {
                aws.apigateway.get_rest_api().rest_api_id(id).send().await.map(drop).map_err(AwsError::from)
            }
            FUNCTION => {
                aws.lambda.get_function().function_name(id).send().await.map(drop).map_err(AwsError::from)
            }
            "AWS::Lambda::EventSourceMapping" => {
                aws.lambda.get_event_source_mapping().uuid(id).send().await.map(drop).map_err(AwsError::from)
            }
            ROLE => aws.iam.get_role().role_name(id).send().await.map(drop).map_err(AwsError::from),
            TABLE => {
                aws.dynamodb.describe_table().table_name(id).send().await.map(drop).map_err(AwsError::from)
            }
            BUCKET => aws.s3.head_bucket().bucket(id).send().await.map(drop).map_err(AwsError::from),
            LOG_GROUP => return self.log_group_presence(id).await,
            "AWS::Logs::MetricFilter" => return self.metric_filter_presence(id, inventory).await,
            "AWS::CloudWatch::Alarm" => return self.alarm_presence(id).await,
            // A note of CDK's, nothing that exists.
            "AWS::CDK::Metadata" => return Ok(Presence::Absent),
            kind => return Ok(Presence::Unproven(format!("no way is known to show {kind} absent"))),
        };
        match asked {
            Ok(()) => Ok(Presence::Present),
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
