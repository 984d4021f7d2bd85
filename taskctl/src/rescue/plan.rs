//! The plan of a rescue: each resource, what is known of it and what would become of it, and what stands in the way.

use std::collections::{BTreeMap, BTreeSet};

use contract::Planned;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use stacks::{
    Error, Held,
    inventory::{self, RoleState},
    types as kinds,
};

use crate::{
    cli::{
        failure::Failure,
        hint,
        rescue_args::{RescueConsents, RoleArgs},
    },
    rescue::{
        Account, arns, blockers, custom,
        family::{self, Member},
        look::{self, Look},
        policy::{Grant, Policy},
        role::MadeRole,
        stop,
        subject::Subject,
        types::{self, Schemas},
    },
};

/// The choices and consents of the operator.
#[derive(Clone, Copy, Debug)]
pub struct Choices<'a> {
    pub role: &'a RoleArgs,
    pub consents: &'a RescueConsents,
}

impl Choices<'_> {
    pub fn flags(&self) -> String {
        format!("{}{}", self.role.flags(), self.consents.flags())
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fate {
    Delete,
    Retained,
    Abandoned,
}

impl Fate {
    pub fn name(self) -> &'static str {
        match self {
            Self::Delete => "delete",
            Self::Retained => "retained",
            Self::Abandoned => "abandoned",
        }
    }
}

/// A resource of the stack or of one nested in it.
#[derive(Clone, Debug)]
pub struct Thing {
    /// The logical ids of the nested stacks on the way, each with a slash.
    pub path: String,
    pub entry: Planned,
    /// The status that CloudFormation lists it with.
    pub status: String,
    pub look: Look,
    /// It is younger than CloudFormation's record of it.
    pub younger: bool,
    pub fate: Fate,
    /// The reason of its fate, where it needs one.
    pub why: String,
}

impl Thing {
    /// Returns its logical id with those of the nested stacks on the way.
    pub fn id(&self) -> String {
        format!("{}{}", self.path, self.entry.logical_id)
    }

    pub fn is_root(&self) -> bool {
        self.path.is_empty()
    }

    /// Returns everything that a person has to know of it, in one sentence.
    pub fn told(&self) -> String {
        let younger = if self.younger { "younger than CloudFormation's record of it" } else { "" };
        let parts = [self.look.why(), younger, &self.why];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ")
    }
}

/// The role that is stored with the stack.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Stored {
    None,
    There(String),
    Gone(String),
    Distrusts(String),
    /// With the reason why it cannot be read.
    Unread(String, String),
}

impl Stored {
    pub fn words(&self) -> String {
        match self {
            Self::None => "none is stored: CloudFormation uses the rights of whoever calls it".to_owned(),
            Self::There(arn) => format!("{arn} is stored; it is there and trusts CloudFormation"),
            Self::Gone(arn) => {
                format!("{arn} is stored and GONE: CloudFormation can do nothing with the stack")
            }
            Self::Distrusts(arn) => {
                format!(
                    "{arn} is stored and does not trust CloudFormation, which can do nothing with the stack"
                )
            }
            Self::Unread(arn, why) => format!("{arn} is stored, and cannot be read: {why}"),
        }
    }

    pub fn name(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::There(_) => "there",
            Self::Gone(_) => "gone",
            Self::Distrusts(_) => "distrusts",
            Self::Unread(..) => "unread",
        }
    }

    pub fn arn(&self) -> Option<&str> {
        match self {
            Self::None => None,
            Self::There(arn) | Self::Gone(arn) | Self::Distrusts(arn) | Self::Unread(arn, _) => Some(arn),
        }
    }
}

/// The role that the stack is deleted with.
#[derive(Clone, Debug)]
pub enum Role {
    /// None: CloudFormation uses the caller's rights.
    Caller,
    Given(String),
    /// One to be made; `there` if an earlier try left it.
    Made {
        role: MadeRole,
        policy: Policy,
        there: bool,
    },
    /// None is chosen, though the stack stores one.
    Unchosen,
}

/// Something that stands in the way.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Blocker {
    pub why: String,
    /// The flag that answers it.
    pub flag: Option<String>,
    /// The command or advice that removes it.
    pub next: Option<String>,
}

#[derive(Clone, Debug)]
pub struct Plan {
    pub subject: Subject,
    pub members: Vec<Member>,
    pub schemas: Schemas,
    pub stored: Stored,
    pub role: Role,
    pub things: Vec<Thing>,
    /// The objects in the buckets that are to go.
    pub held: BTreeMap<String, Vec<Held>>,
    pub blockers: Vec<Blocker>,
    pub notes: Vec<String>,
    pub hash: String,
}

impl Plan {
    pub fn doomed(&self) -> impl Iterator<Item = &Thing> {
        self.things.iter().filter(|thing| thing.fate == Fate::Delete)
    }

    pub fn staying(&self) -> impl Iterator<Item = &Thing> {
        self.things.iter().filter(|thing| thing.fate != Fate::Delete)
    }

    /// Returns the ids of all stacks of the family: the role is for them.
    pub fn stack_ids(&self) -> Vec<&str> {
        self.members.iter().map(|member| member.subject.stack.id.as_str()).collect()
    }

    /// Returns the next command: the same with the flags that are needed, or the run.
    pub fn next(&self, choices: Choices<'_>) -> String {
        let name = &self.subject.stack.name;
        if self.blockers.is_empty() {
            let flags = choices.flags();
            return hint::command(&format!("rescue run {name}{flags} --plan-hash {}", self.hash));
        }
        let needed: BTreeSet<_> =
            self.blockers.iter().filter_map(|blocker| blocker.flag.as_deref()).collect();
        // A role that cannot be used is not named again.
        let flags = if needed.contains("--make-role") { choices.consents.flags() } else { choices.flags() };
        let needed: String = needed.into_iter().flat_map(|flag| [" ", flag]).collect();
        hint::command(&format!("rescue plan {name}{flags}{needed}"))
    }

    pub fn json(&self, choices: Choices<'_>) -> Value {
        let stack = &self.subject.stack;
        json!({
            "kind": "plan",
            "schema": "stack-rescue.plan/1",
            "stack": stack.name,
            "stackId": stack.id,
            "status": stack.status,
            "reason": self.subject.reason,
            "terminationProtected": stack.termination_protected,
            "storedRole": {"arn": self.stored.arn(), "state": self.stored.name()},
            "role": self.role.json(),
            "resources": self.things.iter().map(Thing::json).collect::<Vec<_>>(),
            "blockers": self.blockers.iter().map(Blocker::json).collect::<Vec<_>>(),
            "notes": self.notes,
            "planHash": self.hash,
            "next": self.next(choices),
        })
    }
}

impl Role {
    pub fn arn(&self) -> Option<&str> {
        match self {
            Self::Caller | Self::Unchosen => None,
            Self::Given(arn) => Some(arn),
            Self::Made { role, .. } => Some(&role.arn),
        }
    }

    fn json(&self) -> Value {
        match self {
            Self::Caller => json!({"kind": "caller"}),
            Self::Unchosen => json!({"kind": "unchosen"}),
            Self::Given(arn) => json!({"kind": "given", "arn": arn}),
            Self::Made { role, policy, there } => json!({
                "kind": "made", "arn": role.arn, "there": there, "widened": policy.widened,
                "policy": policy.document().and_then(|document| serde_json::from_str::<Value>(&document).ok()),
            }),
        }
    }
}

impl Thing {
    fn json(&self) -> Value {
        json!({
            "type": self.entry.kind,
            "logicalId": self.id(),
            "physicalId": self.entry.physical_id,
            "status": self.status,
            "look": self.look.name(),
            "younger": self.younger,
            "fate": self.fate.name(),
            "why": self.told(),
        })
    }
}

impl Blocker {
    fn json(&self) -> Value {
        json!({"why": self.why, "flag": self.flag, "next": self.next})
    }
}

/// Makes the plan. It only reads.
pub async fn make(account: &Account<'_>, subject: &Subject, choices: Choices<'_>) -> Result<Plan, Failure> {
    let members = family::of(account, subject).await?;
    let kinds = members.iter().flat_map(|member| &member.listed);
    let schemas = types::schemas(account, kinds.map(|it| it.entry.kind.as_str()).collect()).await?;
    let stored = stored(account, subject.role_arn.as_deref()).await?;
    let (things, notes) = things(account, &members, &schemas, &choices.consents.abandon).await?;
    let role = role(account, subject, &members, &schemas, &things, choices, &stored).await?;
    let (role, mut blocked) = match role {
        Ok(role) => (role, Vec::new()),
        Err(blocker) => (Role::Unchosen, vec![blocker]),
    };
    let mut plan = Plan {
        subject: subject.clone(),
        members,
        schemas,
        stored,
        role,
        things,
        held: BTreeMap::new(),
        blockers: Vec::new(),
        notes,
        hash: String::new(),
    };
    blocked.extend(blockers::of(account, &mut plan, choices).await?);
    plan.blockers = blocked;
    plan.hash = hash(&plan);
    Ok(plan)
}

/// Reads the state of a role that is stored with a stack.
pub async fn stored(account: &Account<'_>, arn: Option<&str>) -> Result<Stored, Failure> {
    let Some(arn) = arn.map(str::to_owned) else { return Ok(Stored::None) };
    match inventory::may_be_assumed(&account.stacks, &arn, "reading the stored role").await {
        Ok(RoleState::There) => Ok(Stored::There(arn)),
        Ok(RoleState::Gone) => Ok(Stored::Gone(arn)),
        Ok(RoleState::Distrusts) => Ok(Stored::Distrusts(arn)),
        Err(Error::Failed(why)) => Ok(Stored::Unread(arn, why)),
        Err(error) => Err(stop(error)),
    }
}

/// Returns every resource with its look and its fate, and notes about what could not be found out.
async fn things(
    account: &Account<'_>,
    members: &[Member],
    schemas: &Schemas,
    abandoned: &[String],
) -> Result<(Vec<Thing>, Vec<String>), Failure> {
    let (mut things, mut notes): (Vec<Thing>, Vec<String>) = (Vec::new(), Vec::new());
    for member in members {
        let wanted: Vec<&Planned> = member.entries.iter().collect();
        let looks = look::at(account, &wanted, member, schemas).await?;
        let kept = kept_with_its_stack(&things, &member.path);
        let found = wanted.iter().zip(looks).map(|(entry, look)| {
            let (fate, why) = kept.clone().unwrap_or_else(|| fate(member, entry, abandoned));
            let status = member.listed(&entry.logical_id).map(|it| it.status.clone()).unwrap_or_default();
            let (path, entry) = (member.path.clone(), (*entry).clone());
            Thing { path, entry, status, look, younger: false, fate, why }
        });
        let mut found: Vec<Thing> = found.collect();
        let doomed: Vec<&Planned> =
            found.iter().filter(|it| it.fate == Fate::Delete).map(|it| &it.entry).collect();
        let strangers = match inventory::strangers(&account.stacks, &member.subject.stack.id, &doomed).await {
            Ok(strangers) => strangers,
            // Whoever may not read a table cannot compare its age.
            Err(Error::Failed(why)) => {
                notes.push(format!("whether something was made again by hand is not known: {why}"));
                Vec::new()
            }
            Err(error) => return Err(stop(error)),
        };
        for thing in &mut found {
            thing.younger = strangers.iter().any(|it| it.logical_id == thing.entry.logical_id);
        }
        things.extend(found);
    }
    Ok((things, notes))
}

/// Returns the fate of everything in a nested stack that itself stays.
fn kept_with_its_stack(things: &[Thing], path: &str) -> Option<(Fate, String)> {
    let stack = things.iter().find(|thing| !path.is_empty() && path == format!("{}/", thing.id()))?;
    (stack.fate != Fate::Delete).then(|| (stack.fate, "it is in a nested stack that stays".to_owned()))
}

/// Returns what becomes of a resource: what the template says, unless it is abandoned. A policy that the template does not plainly
/// say is CloudFormation's to know.
fn fate(member: &Member, entry: &Planned, abandoned: &[String]) -> (Fate, String) {
    if member.path.is_empty() && abandoned.contains(&entry.logical_id) {
        return (Fate::Abandoned, "--abandon".to_owned());
    }
    let Some(template) = &member.template else {
        return (
            Fate::Delete,
            "unless its DeletionPolicy retains it: the template cannot be read".to_owned(),
        );
    };
    match inventory::deletion_policy(template, &entry.logical_id) {
        None | Some("Delete") => (Fate::Delete, String::new()),
        Some(policy @ ("Retain" | "RetainExceptOnCreate")) => {
            (Fate::Retained, format!("DeletionPolicy {policy}"))
        }
        Some("Snapshot") => (Fate::Delete, "a snapshot of it stays (DeletionPolicy Snapshot)".to_owned()),
        Some(_) => (Fate::Delete, "unless its DeletionPolicy, which is no literal, retains it".to_owned()),
    }
}

/// Returns the role that was chosen, or why it cannot be.
async fn role(
    account: &Account<'_>,
    subject: &Subject,
    members: &[Member],
    schemas: &Schemas,
    things: &[Thing],
    choices: Choices<'_>,
    stored: &Stored,
) -> Result<Result<Role, Blocker>, Failure> {
    if let Some(arn) = &choices.role.role_arn {
        return Ok(Ok(Role::Given(arn.clone())));
    }
    if choices.role.make_role {
        let role = MadeRole::of(&subject.stack.id, &subject.place);
        let there = role.is_there(account).await?;
        return Ok(Policy::of(&grants(members, schemas, things))
            .map(|policy| Role::Made { role, policy, there })
            .map_err(|why| Blocker {
                why,
                flag: None,
                next: Some("name a role that may delete them: --role-arn ARN".to_owned()),
            }));
    }
    Ok(Ok(if *stored == Stored::None { Role::Caller } else { Role::Unchosen }))
}

/// Returns what the deletion of each resource takes.
fn grants(members: &[Member], schemas: &Schemas, things: &[Thing]) -> Vec<Grant> {
    let mut grants = Vec::new();
    for thing in things.iter().filter(|thing| thing.fate == Fate::Delete) {
        let Some(member) = members.iter().find(|member| member.path == thing.path) else { continue };
        let entry = &thing.entry;
        if types::is_custom(&entry.kind) {
            let token = custom::token(member, &entry.logical_id);
            grants.extend(token.map(|token| Grant {
                actions: [custom::action(&token).to_owned()].into(),
                arns: Some(vec![token]),
            }));
            continue;
        }
        let schema = schemas.get(&entry.kind).and_then(|schema| schema.as_ref().ok());
        let Some(actions) = schema.and_then(|schema| schema.actions.clone()) else { continue };
        let (place, template) = (&member.subject.place, member.template.as_ref());
        grants.push(Grant { actions, arns: arns::of(entry, place, template, &member.entries) });
    }
    grants
}

/// Returns the hash of what is agreed to: who goes and who stays, under which status, template and permissions.
fn hash(plan: &Plan) -> String {
    let things = plan
        .things
        .iter()
        .map(|thing| json!([thing.entry.kind, thing.id(), thing.entry.physical_id, thing.fate.name()]));
    let templates = plan.members.iter().map(|member| member.text.as_str());
    let held = plan.held.iter().map(|(bucket, held)| {
        let names = held.iter().map(|held| json!([held.name, held.version]));
        json!([bucket, names.collect::<Vec<_>>()])
    });
    let agreed = json!({
        "stack": plan.subject.stack.id,
        "status": plan.subject.stack.status,
        "things": things.collect::<Vec<_>>(),
        "templates": templates.collect::<Vec<_>>(),
        "held": held.collect::<Vec<_>>(),
        "role": match &plan.role {
            Role::Made { role, policy, .. } => json!([role.arn, policy.document()]),
            role => json!([role.arn()]),
        },
    });
    hex::encode(Sha256::digest(agreed.to_string().as_bytes()))
}

/// Tells whether something holds what a person may want back.
pub fn holds_data(kind: &str) -> bool {
    [kinds::TABLE, kinds::BUCKET, kinds::USER_POOL, kinds::LOG_GROUP, kinds::KEY].contains(&kind)
        || ["AWS::RDS::", "AWS::EFS::", "AWS::SecretsManager::"]
            .iter()
            .any(|service| kind.starts_with(service))
}
