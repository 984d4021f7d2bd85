//! The run: plans again, asks, makes the role, deletes, proves, and removes the role once the stack is gone.

use std::cell::OnceCell;

use crate::{
    cli::{
        failure::{Exit, Failure},
        hint,
        rescue_args::RescueRunArgs,
    },
    rescue::{
        Account,
        deletion::{self, Deletion, End},
        events::Events,
        plan::{self, Choices, Fate, Plan, Role},
        plan_text, proof,
        report::{Outcome, Report, RoleEnd},
        role::{MadeRole, trust},
        stop,
        subject::{self, Subject},
    },
    terminal::{
        ask,
        screen::{self, Paint},
    },
};

pub async fn run(account: &Account<'_>, args: &RescueRunArgs) -> Result<Exit, Failure> {
    let choices = Choices { role: &args.role, consents: &args.consents };
    let run = Run { account, args, choices, began: OnceCell::new() };
    tokio::select! {
        ended = run.rescue() => ended,
        _ = tokio::signal::ctrl_c() => Err(run.interrupted()),
    }
}

struct Run<'a> {
    account: &'a Account<'a>,
    args: &'a RescueRunArgs,
    choices: Choices<'a>,
    /// The id of the stack of which something is changed, or about to be.
    began: OnceCell<String>,
}

impl Run<'_> {
    async fn rescue(&self) -> Result<Exit, Failure> {
        let mut subject = subject::find(self.account, &self.args.stack).await?;
        if subject.is_gone() {
            return self.prove(&subject, None, 0).await;
        }
        if subject.is_going() {
            let plan = plan::make(self.account, &subject, self.choices).await?;
            screen::err(&format!("{} is being deleted already: watching", subject.stack.name));
            let events = Events::of(&plan.stack_ids(), self.args.json);
            deletion::watch_other(self.account, &subject.stack.id, events).await?;
            match subject::again(self.account, &subject.stack.id).await? {
                Some(now) if now.is_gone() => return self.prove(&now, Some(&plan), 0).await,
                Some(now) => subject = now,
                None => return Err(forgotten(&subject)),
            }
        }
        let plan = plan::make(self.account, &subject, self.choices).await?;
        if self.args.json {
            screen::out(&plan.json(self.choices).to_string());
        }
        if let Some(refused) = self.refusal(&plan) {
            return Err(refused);
        }
        self.agreed(&plan).await?;
        self.carry_out(&plan).await
    }

    fn interrupted(&self) -> Failure {
        if self.began.get().is_none() {
            return Failure::interrupted("nothing was changed").next(self.again());
        }
        let what = "what CloudFormation has begun goes on; a role that was made, and a protection that was lifted, stay as they are";
        Failure::interrupted(what).next(format!("{}, which goes on from there", self.again()))
    }

    /// Returns the same command again: once something is changed, by the stack's id, since a new one may take the name.
    fn again(&self) -> String {
        let boundary = self.args.permissions_boundary.as_ref();
        let boundary = boundary.map(|arn| format!(" --permissions-boundary {arn}")).unwrap_or_default();
        let stack = self.began.get().unwrap_or(&self.args.stack);
        hint::command(&format!("rescue run {stack}{}{boundary}", self.choices.flags()))
    }

    /// Refuses a plan that is another than the one that was seen, or that something stands in the way of.
    fn refusal(&self, plan: &Plan) -> Option<Failure> {
        let (paint, width) = (Paint::stderr(), screen::error_width());
        let other = self.args.plan_hash.as_ref().filter(|hash| **hash != plan.hash);
        let (what, next) = match other {
            Some(hash) => (
                format!("the plan hash is now {}, not {hash}; nothing was changed", plan.hash),
                hint::command(&format!("rescue plan {}{}", plan.subject.stack.name, self.choices.flags())),
            ),
            None if plan.blockers.is_empty() => return None,
            None => {
                let reasons: Vec<_> = plan.blockers.iter().map(|blocker| blocker.why.as_str()).collect();
                (format!("{}; nothing was changed", reasons.join("; ")), plan.next(self.choices))
            }
        };
        let report = Report::refused(plan, what.clone(), vec![next.clone()]);
        if self.args.json {
            screen::out(&report.json().to_string());
        } else {
            screen::err(&plan_text::text(plan, self.choices, paint, width));
        }
        Some(Failure::refused(what).next(next))
    }

    /// Asks a person to type the stack's name.
    async fn agreed(&self, plan: &Plan) -> Result<(), Failure> {
        let name = &plan.subject.stack.name;
        let question =
            plan_text::question(plan, &self.account.aws.place, Paint::stderr(), screen::error_width());
        if self.args.yes {
            if !self.args.json {
                screen::err(&question);
            }
            return Ok(());
        }
        if !ask::possible() {
            return Err(Failure::usage(
                "nobody can be asked here for the stack's name, so nothing was started",
            )
            .next(format!("{} --plan-hash {} --yes", self.again(), plan.hash)));
        }
        screen::err(&question);
        // On a thread of its own, so that Ctrl-C is heard meanwhile.
        let word = name.clone();
        let typed =
            tokio::task::spawn_blocking(move || ask::typed("Type the stack's name to go on: ", &word));
        if typed.await.unwrap_or_default() {
            Ok(())
        } else {
            Err(Failure::refused("that is not the stack's name; nothing was started")
                .next(hint::command(&format!("rescue plan {name}{}", self.choices.flags()))))
        }
    }

    async fn carry_out(&self, plan: &Plan) -> Result<Exit, Failure> {
        self.began.get_or_init(|| plan.subject.stack.id.clone());
        if let Err(failure) = self.make_role(plan).await {
            return Err(self.without_role(plan, failure).await);
        }
        let id = &plan.subject.stack.id;
        let lifted = plan.subject.stack.termination_protected;
        if lifted && let Err(error) = self.account.stacks.set_termination_protection(id, false).await {
            let failure = stop(error);
            let mut report = Report::failed(plan, failure.what, &[]);
            report.next = failure.next;
            return self.failed(plan, report, lifted, false).await;
        }
        let events = Events::of(&plan.stack_ids(), self.args.json);
        let consents = &self.args.consents;
        let mut deletion =
            Deletion { account: self.account, plan, consents, events, begun: false, rounds: 0 };
        let ended = deletion.carry_out().await;
        let (begun, rounds) = (deletion.begun, deletion.rounds);
        // The progress line goes before anything else is said.
        drop(deletion);
        match ended {
            Ok(End::Gone) => {
                let gone = subject::again(self.account, id).await?.ok_or_else(|| forgotten(&plan.subject))?;
                self.prove(&gone, Some(plan), rounds).await
            }
            Ok(End::Failed { why, stuck }) => {
                let mut report = Report::failed(plan, why, &stuck);
                report.rounds = rounds;
                self.failed(plan, report, lifted, begun).await
            }
            // It goes on without this command.
            Err(failure) if failure.passes && begun => Err(failure.next(self.again())),
            Err(failure) => {
                let mut report = Report::failed(plan, failure.what, &[]);
                (report.rounds, report.next) = (rounds, failure.next);
                self.failed(plan, report, lifted, begun).await
            }
        }
    }

    /// Makes the role of the plan. Where something is abandoned, the first deletion is to fail: the role may do nothing yet.
    async fn make_role(&self, plan: &Plan) -> Result<(), Failure> {
        let Role::Made { role, policy, there } = &plan.role else { return Ok(()) };
        let powerless = !plan.subject.has_failed()
            && plan.things.iter().any(|thing| thing.fate == Fate::Abandoned && thing.is_root());
        let boundary = self.args.permissions_boundary.as_deref();
        let trust = trust(&plan.stack_ids(), &plan.subject.place);
        role.make(self.account, &trust, (!powerless).then_some(policy), boundary).await?;
        let made = if *there { "is there from an earlier try" } else { "is made" };
        screen::err(&format!("the role {} {made}", role.arn));
        deletion::settle(self.account).await;
        Ok(())
    }

    /// Takes away what was made of a role, if this run made it.
    async fn without_role(&self, plan: &Plan, failure: Failure) -> Failure {
        match &plan.role {
            Role::Made { role, there: false, .. } if !role.remove(self.account).await.unwrap_or_default() => {
                failure.next(format!("the role may be there: {}", role.removal()))
            }
            _ => failure,
        }
    }

    /// Reports a deletion that failed. A role that the stack perhaps stores stays: without it, the stack would be stuck again.
    async fn failed(
        &self,
        plan: &Plan,
        mut report: Report,
        lifted: bool,
        begun: bool,
    ) -> Result<Exit, Failure> {
        let id = &plan.subject.stack.id;
        if lifted && let Err(error) = self.account.stacks.set_termination_protection(id, true).await {
            report.notes.push(format!("termination protection could not be put back: {error}"));
        }
        report.role = match &plan.role {
            Role::Made { role, there, .. } => {
                let unused = !begun && !there;
                let removed = unused && role.remove(self.account).await.unwrap_or_default();
                let removal = (!removed).then(|| role.removal());
                Some(RoleEnd { arn: role.arn.clone(), made: true, removed, removal })
            }
            Role::Given(arn) => {
                Some(RoleEnd { arn: arn.clone(), made: false, removed: false, removal: None })
            }
            Role::Caller | Role::Unchosen => None,
        };
        report.next.push(format!("{}{}", self.again(), report.flags(&self.choices.flags())));
        Ok(self.concluded(&report))
    }

    /// Proves what is gone, and removes the role that was made for it.
    async fn prove(&self, gone: &Subject, plan: Option<&Plan>, rounds: u32) -> Result<Exit, Failure> {
        screen::err(&format!("{} is deleted; looking for what is left of it", gone.stack.name));
        let proof = proof::of(self.account, gone, plan).await?;
        let leaves_a_stack = proof.leaves_a_stack();
        let mut report = Report::proven(gone, proof);
        report.rounds = rounds;
        let made = MadeRole::of(&gone.stack.id, &gone.place);
        if leaves_a_stack {
            if made.is_there(self.account).await.unwrap_or(true) {
                let removal = Some(made.removal());
                report.role = Some(RoleEnd { arn: made.arn, made: true, removed: false, removal });
            }
            return Ok(self.concluded(&report));
        }
        match made.remove(self.account).await {
            Ok(true) => {
                let arn = made.arn.clone();
                report.role = Some(RoleEnd { arn, made: true, removed: true, removal: None });
            }
            Ok(false) => {
                let given = plan.and_then(|plan| plan.role.arn()).filter(|arn| *arn != made.arn);
                report.role = given.map(|arn| RoleEnd {
                    arn: arn.to_owned(),
                    made: false,
                    removed: false,
                    removal: None,
                });
            }
            // Whoever made none need not be allowed to look for one.
            Err(failure) if !self.args.role.make_role => report.notes.push(failure.what),
            Err(failure) => {
                report.outcome = Outcome::Failed;
                report.reason =
                    Some(format!("the stack is gone, and its role is not removed: {}", failure.what));
                let removal = Some(made.removal());
                report.role = Some(RoleEnd { arn: made.arn, made: true, removed: false, removal });
                report.next.push(self.again());
            }
        }
        Ok(self.concluded(&report))
    }

    /// Prints the report.
    fn concluded(&self, report: &Report) -> Exit {
        screen::out(&if self.args.json {
            report.json().to_string()
        } else {
            report.text(Paint::stdout(), screen::width())
        });
        report.outcome.into()
    }
}

fn forgotten(subject: &Subject) -> Failure {
    Failure::unproven(format!("CloudFormation no longer knows {}", subject.stack.id))
        .next("run it again in a minute")
}
