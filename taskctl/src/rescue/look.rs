//! Looks at what a stack has: is it there?
//!
//! A thing's own service is asked where the way is known, else Cloud Control, by the physical id. That no thing has this id proves
//! less: the id that CloudFormation keeps need not be the one that Cloud Control knows it by.

use aws_sdk_cloudcontrol::operation::get_resource::GetResourceError;
use contract::Planned;
use futures::{StreamExt, stream};
use serde_json::Value;
use stacks::{AwsError, Presence, presence, types as kinds};

use crate::{
    cli::failure::Failure,
    rescue::{
        Account,
        family::Member,
        stop,
        subject::DELETED,
        types::{self, STACK, Schema, Schemas},
    },
};

const AT_ONCE: usize = 6;

#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Look {
    Alive,
    /// Its own service says that there is none.
    Absent,
    /// Cloud Control finds nothing by its physical id.
    NotFound,
    Going,
    /// With the reason.
    Unknown(String),
}

impl Look {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Alive => "alive",
            Self::Absent | Self::NotFound => "absent",
            Self::Going => "going",
            Self::Unknown(_) => "unknown",
        }
    }

    /// Returns what a person has to know of it besides its name.
    pub fn why(&self) -> &str {
        match self {
            Self::NotFound => "Cloud Control finds nothing by this id",
            Self::Unknown(why) => why,
            Self::Alive | Self::Absent | Self::Going => "",
        }
    }
}

impl From<Presence> for Look {
    fn from(presence: Presence) -> Self {
        match presence {
            Presence::Present => Self::Alive,
            Presence::Absent => Self::Absent,
            Presence::Going => Self::Going,
            Presence::Unproven(why) => Self::Unknown(why),
        }
    }
}

/// Looks at things of a stack. The answers are in their order.
pub async fn at(
    account: &Account<'_>,
    wanted: &[&Planned],
    member: &Member,
    schemas: &Schemas,
) -> Result<Vec<Look>, Failure> {
    let inventory = presence_inventory(member);
    let seen = presence::looks(&account.stacks, wanted, &inventory).await.map_err(stop)?;
    let sure = |entry: &Planned, seen: Presence| match seen {
        Presence::Absent if !is_sure(entry, member.template.as_ref()) => {
            Presence::Unproven("the template does not plainly say what it is a part of".to_owned())
        }
        seen => seen,
    };
    let looks = wanted.iter().zip(seen);
    let looks = looks.map(|(entry, seen)| further(account, entry, sure(entry, seen), schemas));
    let looks: Vec<_> = stream::iter(looks).buffered(AT_ONCE).collect().await;
    looks.into_iter().collect()
}

/// Tells whether a look that shows nothing is a proof. What lives inside another is gone with it, but only if the template says which
/// one that is, and that it is the only one.
pub fn is_sure(entry: &Planned, template: Option<&Value>) -> bool {
    if kinds::whole(&entry.kind).is_none() {
        return true;
    }
    let Some(template) = template.filter(|_| entry.part_of.is_some()) else { return false };
    let properties = &template["Resources"][&entry.logical_id]["Properties"];
    let attached = ["Roles", "Users", "Groups"].iter().filter_map(|kind| properties[kind].as_array());
    entry.kind != "AWS::IAM::Policy" || attached.map(Vec::len).sum::<usize>() == 1
}

/// Returns what the looks know of a stack's things: those to be deleted with what they are a part of, and of those that are deleted
/// already at least their names.
fn presence_inventory(member: &Member) -> Vec<Planned> {
    let known = |entry: &Planned| {
        member.entries.iter().any(|it| it.logical_id == entry.logical_id && it.kind == entry.kind)
    };
    let others = member.listed.iter().map(|listed| &listed.entry);
    let others = others.filter(|entry| !known(entry) && !entry.physical_id.is_empty());
    member.entries.iter().chain(others).cloned().collect()
}

async fn further(
    account: &Account<'_>,
    entry: &Planned,
    seen: Presence,
    schemas: &Schemas,
) -> Result<Look, Failure> {
    let (kind, id) = (entry.kind.as_str(), entry.physical_id.as_str());
    match seen {
        _ if types::is_bare(kind) => Ok(Look::Absent),
        _ if types::is_custom(kind) => {
            Ok(Look::Unknown("only its function knows what it stands for".to_owned()))
        }
        _ if kind == STACK => nested(account, id).await,
        Presence::Unproven(why) => Ok(match by_cloud_control(account, entry, schemas.get(kind)).await {
            // Where a way is known, its reason says more.
            Look::Unknown(_) if !why.starts_with("no way is known") => Look::Unknown(why),
            look => look,
        }),
        seen => Ok(seen.into()),
    }
}

async fn nested(account: &Account<'_>, id: &str) -> Result<Look, Failure> {
    Ok(match account.stacks.stack_status(id).await.map_err(stop)?.as_deref() {
        None | Some(DELETED) => Look::Absent,
        Some("DELETE_IN_PROGRESS") => Look::Going,
        Some(_) => Look::Alive,
    })
}

/// Asks Cloud Control. An error proves nothing, and stops nothing.
async fn by_cloud_control(
    account: &Account<'_>,
    entry: &Planned,
    schema: Option<&Result<Schema, String>>,
) -> Look {
    let id = &entry.physical_id;
    match schema {
        Some(Ok(schema)) if schema.identifier != id.split('|').count() => {
            return Look::Unknown(format!(
                "Cloud Control knows it by {} values, and CloudFormation keeps one of them",
                schema.identifier
            ));
        }
        Some(Err(why)) => return Look::Unknown(why.clone()),
        Some(Ok(_)) | None => {}
    }
    let got = account.control.get_resource().type_name(&entry.kind).identifier(id).send().await;
    match got {
        Ok(_) => Look::Alive,
        Err(error)
            if error.as_service_error().is_some_and(GetResourceError::is_resource_not_found_exception) =>
        {
            Look::NotFound
        }
        Err(error) => Look::Unknown(format!("Cloud Control: {}", types::words(&AwsError::from(error)))),
    }
}

#[cfg(test)]
mod tests {
    use contract::{Planned, PlannedFate};
    use serde_json::json;
    use stacks::{Presence, types as kinds};

    use super::{Look, is_sure};

    #[test]
    fn a_part_is_gone_with_the_one_thing_that_the_template_names() {
        let part = |kind: &str, of: Option<&str>| Planned {
            kind: kind.into(),
            logical_id: "P".into(),
            physical_id: "p".into(),
            part_of: of.map(str::to_owned),
            fate: PlannedFate::Delete,
            why: String::new(),
        };
        let roles = |roles: &[&str]| json!({"Resources": {"P": {"Properties": {"Roles": roles}}}});
        assert!(is_sure(&part(kinds::TABLE, None), None));
        assert!(is_sure(&part(kinds::PERMISSION, Some("f")), Some(&roles(&[]))));
        assert!(!is_sure(&part(kinds::PERMISSION, Some("f")), None));
        assert!(!is_sure(&part(kinds::PERMISSION, None), Some(&roles(&[]))));
        assert!(is_sure(&part("AWS::IAM::Policy", Some("r")), Some(&roles(&["r"]))));
        assert!(!is_sure(&part("AWS::IAM::Policy", Some("r")), Some(&roles(&["r", "other"]))));
    }

    #[test]
    fn an_error_is_no_absence() {
        let look = Look::from(Presence::Unproven("AccessDenied".into()));
        assert_eq!((look.name(), look.why()), ("unknown", "AccessDenied"));
        assert_eq!(Look::from(Presence::Absent).name(), "absent");
        assert_eq!(Look::NotFound.name(), "absent");
        assert!(Look::NotFound.why().contains("by this id"));
    }
}
