//! The deletion: asked for, watched, remedied, and asked for again, until the stack is gone or nothing more can be done.

use std::time::{Duration, Instant};

use aws_sdk_cloudformation::types::StackResourceSummary;
use contract::Planned;
use stacks::{
    Error,
    deletion::{self, Progress, Request},
    remedy::{self, Failed},
};
use tokio::time::sleep;

use crate::{
    cli::{failure::Failure, rescue_args::RescueConsents},
    rescue::{
        Account, blockers,
        diagnosis::Class,
        events::Events,
        family::{self, Member},
        look::{self, Look},
        plan::{Fate, Plan, Role},
        stop,
        subject::{self, DELETED, name_in},
        types::STACK,
    },
    terminal::{clock, layout::one_line, screen},
};

/// The number of deletions in earnest.
pub const ROUNDS: u32 = 3;
/// The number of tries to begin one, for as long as a new role is not known everywhere.
const TRIES: u32 = 12;
/// The number of looks at errors that may pass, and at a stack that shows no trace of its deletion yet.
const PATIENCE: u32 = 20;
const STALE_LOOKS: u32 = 5;
const LOOK: Duration = Duration::from_secs(2);
const BETWEEN_TRIES: Duration = Duration::from_secs(5);
/// The time in which IAM makes a change known everywhere, as far as it is known.
const SETTLES: Duration = Duration::from_secs(10);
/// A custom resource may take an hour, and a distribution or a cluster longer than that.
const LONGEST: Duration = Duration::from_hours(6);

/// The state of a resource that a deletion has left out.
const SKIPPED: &str = "DELETE_SKIPPED";
/// The words of CloudFormation for a resource that cannot be left out, because it has let go of it already.
const LET_GO: &str = "resources to retain must be in a valid state";

/// How the deletion ended.
#[derive(Debug)]
pub enum End {
    Gone,
    /// With the reason in a sentence, and what is stuck with its class and reason.
    Failed {
        why: String,
        stuck: Vec<Stuck>,
    },
}

/// A resource that nothing could be done about.
#[derive(Clone, Debug)]
pub struct Stuck {
    pub id: String,
    pub entry: Planned,
    pub class: Class,
    pub reason: String,
}

/// The deletion of one stack, with what it has come to.
#[derive(Debug)]
pub struct Deletion<'a> {
    pub account: &'a Account<'a>,
    pub plan: &'a Plan,
    pub consents: &'a RescueConsents,
    pub events: Events,
    /// CloudFormation took a deletion, or perhaps did.
    pub begun: bool,
    pub rounds: u32,
}

/// The next step after a deletion that failed.
enum After {
    /// Another one, that leaves these out.
    Again(Vec<String>),
    Stop(Vec<Stuck>),
}

impl Deletion<'_> {
    /// Deletes it. What is abandoned can be left out only of a stack in `DELETE_FAILED`, to which a role that may do nothing takes it
    /// with everything alive.
    pub async fn carry_out(&mut self) -> Result<End, Failure> {
        let abandoned = self.abandoned();
        if !abandoned.is_empty()
            && !self.plan.subject.has_failed()
            && let Some(end) = self.fail_on_purpose().await?
        {
            return Ok(end);
        }
        let mut retain = abandoned.clone();
        while self.rounds < ROUNDS {
            self.rounds += 1;
            match self.delete_without(&retain).await? {
                Progress::Gone => return Ok(End::Gone),
                Progress::Refused { status, reason } => return Ok(refused(&status, &reason)),
                // It never arrived, or failed: perhaps something can be done.
                Progress::Running | Progress::Unseen { .. } => {}
                Progress::Failed => match self.remedied(&abandoned).await? {
                    After::Again(absent) => retain = abandoned.iter().cloned().chain(absent).collect(),
                    After::Stop(stuck) => {
                        let why = format!("CloudFormation could not delete {}", names(&stuck));
                        return Ok(End::Failed { why, stuck });
                    }
                },
            }
        }
        let why = format!("the deletion did not begin or failed {ROUNDS} times");
        Ok(End::Failed { why, stuck: Vec::new() })
    }

    /// Returns the logical ids that are left behind.
    fn abandoned(&self) -> Vec<String> {
        let abandoned =
            self.plan.things.iter().filter(|thing| thing.fate == Fate::Abandoned && thing.is_root());
        abandoned.map(|thing| thing.entry.logical_id.clone()).collect()
    }

    /// Takes the stack to `DELETE_FAILED` with the role that may do nothing yet, then gives it what the plan says.
    async fn fail_on_purpose(&mut self) -> Result<Option<End>, Failure> {
        let Role::Made { role, policy, .. } = &self.plan.role else { return Ok(None) };
        screen::err("the first deletion is to fail: CloudFormation leaves resources behind only then");
        let end = match self.delete(&self.plan.subject.stack.id, &[]).await? {
            Progress::Gone => Some(End::Gone),
            Progress::Refused { status, reason } => Some(refused(&status, &reason)),
            Progress::Failed => None,
            Progress::Running | Progress::Unseen { .. } => {
                let why = "CloudFormation shows no trace of the deletion".to_owned();
                Some(End::Failed { why, stuck: Vec::new() })
            }
        };
        if end.is_none() {
            role.grant(self.account, Some(policy)).await?;
            settle(self.account).await;
        }
        Ok(end)
    }

    /// Deletes it and leaves these out, as far as they are left: where deleting takes no right at all, even the role that may do nothing
    /// has deleted them, and what an earlier deletion skipped is perhaps skipped for good.
    async fn delete_without(&mut self, retain: &[String]) -> Result<Progress, Failure> {
        let id = self.plan.subject.stack.id.as_str();
        if retain.is_empty() {
            return self.delete(id, retain).await;
        }
        let listed = self.account.stacks.stack_resources(id).await.map_err(stop)?;
        let left = |but: &[&str]| -> Vec<String> {
            retain.iter().filter(|id| listed.iter().any(|it| is_left(it, id, but))).cloned().collect()
        };
        match self.delete(id, &left(&[DELETED])).await {
            Err(failure) if failure.what.contains(LET_GO) => {
                self.delete(id, &left(&[DELETED, SKIPPED])).await
            }
            ended => ended,
        }
    }

    /// Asks for one deletion and watches it to its end.
    async fn delete(&mut self, id: &str, retain: &[String]) -> Result<Progress, Failure> {
        let token = format!("stack-rescue-{}-{}", clock::now(), self.rounds);
        let role_arn = self.plan.role.arn();
        let request = Request { stack_id: id, role_arn, token: &token, retain, express: false };
        begin(self.account, &request).await?;
        self.begun = true;
        self.watch(id, &token).await
    }

    async fn watch(&mut self, id: &str, token: &str) -> Result<Progress, Failure> {
        let (began, mut failed, mut unseen) = (Instant::now(), 0, 0);
        loop {
            let progress = deletion::progress(&self.account.stacks, id, token).await;
            self.events.show(self.account, name_in(id)).await;
            match progress {
                Ok(Progress::Running) => (failed, unseen) = (0, 0),
                Ok(Progress::Unseen { .. }) if unseen < STALE_LOOKS => unseen += 1,
                Ok(end) => return Ok(end),
                Err(Error::Transient(_)) if failed < PATIENCE => failed += 1,
                Err(error) => return Err(stop(error)),
            }
            if began.elapsed() > LONGEST {
                return Err(too_long(id));
            }
            sleep(LOOK).await;
        }
    }

    /// Does what can be done about what could not be deleted.
    async fn remedied(&mut self, abandoned: &[String]) -> Result<After, Failure> {
        let root = again(self.account, self.plan).await?;
        let members = family::of(self.account, &root).await?;
        let (mut absent, mut stuck, mut full, mut nested) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for member in members.iter().filter(|member| member.subject.has_failed()) {
            let failed = looked(self.account, member, self.plan).await?;
            full.extend(failed.full.iter().map(|bucket| (member.path.clone(), bucket.clone())));
            stuck.extend(stuck_in(member, &members, failed.stuck, abandoned));
            let ids = failed.absent.into_iter().map(|entry| entry.logical_id);
            let ids: Vec<_> = ids.filter(|id| !abandoned.contains(id) || !member.path.is_empty()).collect();
            if member.path.is_empty() {
                absent = ids;
            } else if !ids.is_empty() {
                nested.push((member.subject.stack.id.clone(), ids));
            }
        }
        for (path, bucket) in full {
            if abandoned.contains(&bucket.logical_id) && path.is_empty() {
                continue;
            }
            if let Err(why) = self.emptied(&bucket).await? {
                let id = format!("{path}{}", bucket.logical_id);
                stuck.push(Stuck { id, entry: bucket, class: Class::NotEmpty, reason: why });
            }
        }
        if !stuck.is_empty() {
            return Ok(if self.is_not_known_yet(&stuck) { After::Again(absent) } else { After::Stop(stuck) });
        }
        // The innermost first: a stack cannot go before those nested in it.
        for (id, ids) in nested.into_iter().rev() {
            self.delete(&id, &ids).await?;
        }
        Ok(After::Again(absent))
    }

    /// Tells whether it may be that IAM did not know the new role's rights everywhere yet.
    fn is_not_known_yet(&self, stuck: &[Stuck]) -> bool {
        let made = matches!(self.plan.role, Role::Made { .. });
        made && self.account.is_aws() && self.rounds == 1 && stuck.iter().all(|it| it.class == Class::Denied)
    }

    /// Empties a bucket of exactly what the plan listed; `Err` with the reason why not.
    async fn emptied(&self, bucket: &Planned) -> Result<Result<(), String>, Failure> {
        let id = &bucket.physical_id;
        if !self.consents.empty_buckets {
            return Ok(Err(format!("{}; consent with --empty-buckets", one_line(&bucket.why))));
        }
        let held = self.account.stacks.objects(id).await.map_err(stop)?;
        let planned = self.plan.held.get(id);
        let known = |held: &stacks::Held| planned.is_some_and(|planned| planned.contains(held));
        if let Some(late) = held.iter().find(|held| !known(held)) {
            return Ok(Err(format!(
                "{}; {} came since the plan was made, so nothing of it was deleted",
                blockers::holding(id, &held),
                late.name
            )));
        }
        screen::err(&format!("{}: deleting all of it", blockers::holding(id, &held)));
        self.account.stacks.delete_objects(id, &held).await.map_err(stop).map(Ok)
    }
}

/// Tells whether a resource is this one, and in none of these states: no other can be left out of a deletion.
fn is_left(resource: &StackResourceSummary, logical_id: &str, but: &[&str]) -> bool {
    resource.logical_resource_id() == Some(logical_id)
        && resource.resource_status().is_none_or(|status| !but.contains(&status.as_str()))
}

fn refused(status: &str, reason: &str) -> End {
    let why = format!("CloudFormation gave the deletion up, and the stack is {status}: {}", one_line(reason));
    End::Failed { why, stuck: Vec::new() }
}

fn names(stuck: &[Stuck]) -> String {
    stuck.iter().map(|it| it.id.as_str()).collect::<Vec<_>>().join(", ")
}

fn too_long(id: &str) -> Failure {
    let hours = LONGEST.as_secs() / 3_600;
    Failure::failed(format!("the deletion of {} still runs after {hours} h", name_in(id)))
        .next("run the same command again, which goes on watching")
}

/// Returns what nothing can be done about. A nested stack is not stuck itself: its resources are.
fn stuck_in(
    member: &Member,
    members: &[Member],
    failed: Vec<(Planned, String)>,
    abandoned: &[String],
) -> Vec<Stuck> {
    let known = |entry: &Planned| {
        entry.kind == STACK
            && members.iter().any(|other| {
                other.subject.stack.id == entry.physical_id
                    && (other.subject.has_failed() || other.subject.is_gone())
            })
    };
    let own = |entry: &Planned| member.path.is_empty() && abandoned.contains(&entry.logical_id);
    let failed = failed.into_iter().filter(|(entry, _)| !known(entry) && !own(entry));
    failed
        .map(|(entry, reason)| {
            let unseen = Look::Unknown(String::new());
            let class = Class::of(&entry.kind, &unseen, &reason);
            let id = format!("{}{}", member.path, entry.logical_id);
            Stuck { id, entry, class, reason: one_line(&reason) }
        })
        .collect()
}

/// Looks at what a stack failed to delete, with what the plan knows of it.
async fn looked(account: &Account<'_>, member: &Member, plan: &Plan) -> Result<Failed, Failure> {
    let planned = plan.members.iter().find(|it| it.subject.stack.id == member.subject.stack.id);
    let known = planned.unwrap_or(member);
    let inventory = &known.entries;
    for _ in 0..PATIENCE {
        match remedy::look(&account.stacks, &member.subject.stack.id, inventory).await {
            // A list may lag behind.
            Err(Error::Transient(_)) => sleep(LOOK).await,
            looked => return looked.map(|failed| only_sure(failed, known)).map_err(stop),
        }
    }
    Err(Failure::failed(format!("{} failed to be deleted and names no resource", member.subject.stack.name))
        .next("run it again in a minute"))
}

/// Keeps what may be left out of the next deletion to what is proven absent.
fn only_sure(mut failed: Failed, known: &Member) -> Failed {
    let entry = |absent: &Planned| {
        known.entries.iter().find(|it| it.logical_id == absent.logical_id).unwrap_or(absent).clone()
    };
    let sure = |absent: &Planned| look::is_sure(&entry(absent), known.template.as_ref());
    let (absent, unsure): (Vec<_>, Vec<_>) = failed.absent.into_iter().partition(sure);
    failed.absent = absent;
    failed.stuck.extend(unsure.into_iter().map(|absent| {
        let reason = known.listed(&absent.logical_id).map(|it| it.reason.clone());
        (absent, reason.unwrap_or_else(|| "no reason given".to_owned()))
    }));
    failed
}

async fn again(account: &Account<'_>, plan: &Plan) -> Result<subject::Subject, Failure> {
    let stack = &plan.subject.stack;
    subject::again(account, &stack.id).await?.ok_or_else(|| {
        Failure::unproven(format!("CloudFormation no longer knows {}", stack.id))
            .next("run it again in a minute")
    })
}

/// Waits until IAM knows a change everywhere. A look-alike of AWS knows it at once.
pub async fn settle(account: &Account<'_>) {
    if account.is_aws() {
        sleep(SETTLES).await;
    }
}

/// Asks for a deletion, again as long as a role that is there is not known everywhere.
async fn begin(account: &Account<'_>, request: &Request<'_>) -> Result<(), Failure> {
    for tried in 1.. {
        match deletion::begin(&account.stacks, request).await {
            Ok(()) => return Ok(()),
            Err(Error::Transient(_)) if tried < TRIES => sleep(BETWEEN_TRIES).await,
            Err(error) => return Err(stop(error)),
        }
    }
    Ok(())
}

/// Watches a deletion that somebody else began, or an earlier run.
pub async fn watch_other(account: &Account<'_>, id: &str, mut events: Events) -> Result<(), Failure> {
    let (began, mut failed) = (Instant::now(), 0);
    loop {
        let status = account.stacks.stack_status(id).await;
        events.show(account, name_in(id)).await;
        match status {
            Ok(Some(status)) if status == "DELETE_IN_PROGRESS" => failed = 0,
            Ok(None | Some(_)) => return Ok(()),
            Err(Error::Transient(_)) if failed < PATIENCE => failed += 1,
            Err(error) => return Err(stop(error)),
        }
        if began.elapsed() > LONGEST {
            return Err(too_long(id));
        }
        sleep(LOOK).await;
    }
}
