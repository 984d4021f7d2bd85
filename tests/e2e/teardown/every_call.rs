//! Each call that a teardown makes fails in each way. `cargo xtask faults` runs all of it, `cargo xtask test` a sample.
//!
//! The scenario has everything on its way: all protections, point-in-time recovery, a reserved concurrency, a bucket that is
//! not empty.

use std::{
    any::Any,
    collections::{BTreeMap, BTreeSet},
    env, fmt,
    panic::AssertUnwindSafe,
    time::Duration,
};

use futures::{FutureExt, StreamExt, stream};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::{
    account::{self, Account, SEAL, SIDE_BY_SIDE},
    refusals::protect_user_pool,
};
use crate::stack::shared;

/// The number of cases that run in `cargo xtask test`, spread evenly over all of them.
const SAMPLE: usize = 12;
/// Emulated accounts side by side when the test runs alone, and the share of each wait that passes then: restoring is retried for
/// three hours.
const ALONE: usize = 6;
const WAITS_ALONE: f64 = 0.002;
/// Every state may be retried to its end, on a busy machine.
const PATIENCE: Duration = Duration::from_mins(5);
const RESERVED: u64 = 7;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    /// From this call on, for good.
    Throttled,
    /// Once.
    Broken,
    /// From this call on, for good.
    Denied,
    /// Carried out, once.
    Lost,
}

impl Fault {
    const ALL: [Self; 4] = [Self::Throttled, Self::Broken, Self::Denied, Self::Lost];

    fn times(self) -> i32 {
        match self {
            Self::Throttled | Self::Denied => -1,
            Self::Broken | Self::Lost => 1,
        }
    }

    fn effect(self) -> Value {
        let error =
            |status: u16, code: &str| json!({"error": {"status": status, "code": code, "message": "a test"}});
        match self {
            Self::Throttled => error(400, "ThrottlingException"),
            Self::Broken => error(500, "InternalFailure"),
            Self::Denied => error(403, "AccessDenied"),
            Self::Lost => json!({"dropAnswer": true}),
        }
    }
}

/// One call of a teardown, to fail in one way.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Case {
    service: String,
    action: String,
    /// The how many-th such call.
    nth: u64,
    fault: Fault,
}

impl fmt::Display for Case {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {} (call {}) {:?}", self.service, self.action, self.nth, self.fault)
    }
}

/// Every call with every fault, calls of one kind together.
fn cases(calls: &[(String, String)]) -> Vec<Case> {
    let mut counts = BTreeMap::new();
    for call in calls {
        *counts.entry(call).or_insert(0) += 1;
    }
    let of_call = |((service, action), count): (&(String, String), u64)| {
        let (service, action) = (service.clone(), action.clone());
        let one = move |(nth, fault)| Case { service: service.clone(), action: action.clone(), nth, fault };
        (1..=count).flat_map(|nth| Fault::ALL.map(|fault| (nth, fault))).map(one)
    };
    counts.into_iter().flat_map(of_call).collect()
}

/// `size` of them, spread evenly, and over the faults too.
fn sample(cases: &[Case], size: usize) -> Vec<Case> {
    let (all, size) = (cases.len(), size.clamp(1, cases.len()));
    // An even stride would always meet the same fault.
    let at = |n: usize| if size == all { n } else { (n * all / size / 4 * 4 + n % 4).min(all - 1) };
    (0..size).map(|n| cases[at(n)].clone()).collect()
}

/// Every case of the calls of one part out of several (`2/3`): each has a local AWS of its own, which slows down with every account.
fn part(cases: &[Case], wish: &str) -> Option<Vec<Case>> {
    let (part, of) = wish.split_once('/')?;
    let (part, of) = (part.parse::<usize>().ok()?, of.parse::<usize>().ok()?);
    let calls = cases.len() / Fault::ALL.len();
    let first = |part: usize| calls * part / of * Fault::ALL.len();
    Some(cases.get(first(part.checked_sub(1)?)..first(part))?.to_vec())
}

/// `all`, a number, a part such as `2/3`, or text that names cases; a small sample when nothing is said.
fn chosen(all: &[Case], wish: Option<&str>) -> Vec<Case> {
    let Some(wish) = wish else { return sample(all, SAMPLE) };
    if wish == "all" {
        return all.to_vec();
    }
    if let Ok(size) = wish.parse() {
        return sample(all, size);
    }
    let named = || all.iter().filter(|case| case.to_string().contains(wish)).cloned().collect();
    part(all, wish).unwrap_or_else(named)
}

/// Gives the whole machine to the cases, and takes how many run side by side.
async fn alone() -> usize {
    account::widen(ALONE);
    shared().await.account.scale_waits(WAITS_ALONE).await;
    ALONE
}

/// The stack as it is seen after a run.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is looked at by itself")]
struct Seen {
    status: String,
    /// Logical ids of its resources that are there, and how many there were.
    living: Vec<String>,
    of: usize,
    served: bool,
    concurrency: Option<u64>,
    table_protected: bool,
    user_pool_protected: bool,
    table_recoverable: bool,
    log_protected: bool,
    termination_protected: bool,
}

/// The end of a run: `SUCCEEDED` or `FAILED`, and the report's outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Ended {
    status: String,
    outcome: String,
    reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    /// Green, and nothing is left.
    Gone,
    /// Red, and the stack is as it was: traffic, protections, resources.
    AsBefore,
    /// Red, nothing was deleted, but the fault kept the workflow from restoring everything. The report says so.
    NotRestored,
    /// Red, with the deletion begun: the next start goes on.
    Begun,
    /// An end that must never happen, and why.
    Wrong(String),
}

/// Tells whether a resource stays, by its logical id.
fn is_kept(logical: &str) -> bool {
    SEAL.iter().any(|kept| logical.starts_with(kept))
}

/// Pure, so that it can be tested.
fn judge(ended: &Ended, seen: &Seen) -> Verdict {
    let gone = seen.status == "DELETE_COMPLETE" && seen.living.iter().all(|logical| is_kept(logical));
    let green = ended.status == "SUCCEEDED" && matches!(ended.outcome.as_str(), "deleted" | "nothing-to-do");
    let red = ended.status == "FAILED" && matches!(ended.outcome.as_str(), "refused" | "failed" | "unproven");
    let whole = seen.living.len() == seen.of;
    let restored = seen.served
        && seen.concurrency == Some(RESERVED)
        && seen.table_protected
        && seen.user_pool_protected
        && seen.table_recoverable
        && seen.log_protected
        && seen.termination_protected;
    match seen.status.as_str() {
        _ if green && gone => Verdict::Gone,
        _ if green => Verdict::Wrong(format!("green on a leftover: {seen:?}")),
        _ if !red => Verdict::Wrong(format!("neither green nor red: {ended:?}")),
        "CREATE_COMPLETE" if whole && restored => Verdict::AsBefore,
        "CREATE_COMPLETE" if whole && ended.reason.contains("restoring failed") => Verdict::NotRestored,
        "CREATE_COMPLETE" => Verdict::Wrong(format!("not as before, and silent: {ended:?} {seen:?}")),
        status if status.starts_with("DELETE_") => Verdict::Begun,
        status => Verdict::Wrong(format!("left in {status}: {ended:?}")),
    }
}

/// A stack with everything that a teardown may meet.
async fn scenario() -> Account {
    let account = Account::with(protect_user_pool).await;
    account.protect_table().await;
    let protect = [("StackName", account.stack.as_str()), ("EnableTerminationProtection", "true")];
    account.aws.cloudformation("UpdateTerminationProtection", &protect).await.done();
    account.reserve_concurrency(RESERVED).await;
    account.fill_bucket().await;
    account.create_task("to be audited").await.unwrap();
    account
}

async fn run(account: &Account) -> Ended {
    let consents = json!({
        "deleteData": true, "overrideTerminationProtection": true, "emptyBuckets": true, "keepAuditLog": false,
        "overrideLogProtection": true, "systemBackup": false,
    });
    let execution = account.start(consents).await;
    let began = Instant::now();
    let mut ended = execution.ended().await;
    while ended.is_none() && began.elapsed() < PATIENCE {
        sleep(Duration::from_millis(100)).await;
        ended = execution.ended().await;
    }
    let ended = ended.unwrap_or_default();
    let json = |name: &str| ended[name].as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
    let report = json(if ended["status"] == "FAILED" { "cause" } else { "output" }).unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Ended {
        status: text(&ended["status"]),
        outcome: text(&report["outcome"]),
        reason: text(&report["reason"]),
    }
}

async fn look(account: &Account) -> Seen {
    // A deletion that a broken-off run began goes on by itself.
    let began = Instant::now();
    let mut status = account.stack_status().await;
    while status == "DELETE_IN_PROGRESS" && began.elapsed() < PATIENCE {
        sleep(Duration::from_millis(100)).await;
        status = account.stack_status().await;
    }
    let there = status == "CREATE_COMPLETE";
    Seen {
        living: account.living().await.into_iter().map(|thing| thing.logical.clone()).collect(),
        of: account.things_with_an_api(),
        served: there && account.create_task("still served").await.is_some(),
        concurrency: if there { account.concurrency().await } else { None },
        table_protected: there && account.table_is_protected().await,
        user_pool_protected: there && account.user_pool_is_protected().await,
        table_recoverable: there && account.table_is_recoverable().await,
        log_protected: there && account.audit_log_is_protected().await,
        termination_protected: there && account.termination_is_protected().await,
        status,
    }
}

/// The run with the fault, then a clean one.
#[derive(Debug)]
struct Outcome {
    case: Case,
    /// Tells whether the call came at all: polling does not always make the same number of calls.
    struck: bool,
    first: Verdict,
    then: Verdict,
}

impl Outcome {
    fn findings(&self) -> Vec<String> {
        let mut findings = Vec::new();
        if let Verdict::Wrong(why) = &self.first {
            findings.push(format!("{}: {why}", self.case));
        }
        if self.then != Verdict::Gone {
            findings.push(format!("{}: after a clean restart {:?}", self.case, self.then));
        }
        findings
    }
}

async fn play(case: Case) -> Outcome {
    let (mut struck, mut first) = (false, Verdict::Wrong("did not end".to_owned()));
    let story = async {
        let account = scenario().await;
        let Case { service, action, nth, fault } = &case;
        account.break_nth(service, action, *nth, fault.times(), fault.effect()).await;
        let ended = run(&account).await;
        struck = account.aws.faults_hit().await > 0;
        account.aws.lift_faults().await;
        first = judge(&ended, &look(&account).await);
        let then = judge(&run(&account).await, &look(&account).await);
        account.remove_teardown().await;
        then
    };
    let then = AssertUnwindSafe(story).catch_unwind().await;
    let then = then.unwrap_or_else(|panic| Verdict::Wrong(words(panic.as_ref())));
    Outcome { case, struck, first, then }
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic").to_owned()
}

/// A line a kind of call, a column a fault: how many runs ended how.
fn table(outcomes: &[Outcome]) -> String {
    let kind = |outcome: &Outcome| (outcome.case.service.clone(), outcome.case.action.clone());
    let kinds: BTreeSet<_> = outcomes.iter().map(kind).collect();
    let line = |service: &str, action: &str, cells: [String; 4]| {
        let [throttled, broken, denied, lost] = cells;
        let line = format!("{service:<16}{action:<28}{throttled:<16}{broken:<16}{denied:<16}{lost}");
        line.trim_end().to_owned()
    };
    let mut lines = vec![line("service", "call", Fault::ALL.map(|fault| format!("{fault:?}")))];
    for (service, action) in &kinds {
        let cell = |fault| {
            let of_cell = outcomes.iter().filter(|outcome| {
                let Case { service: s, action: a, fault: f, .. } = &outcome.case;
                (s, a, *f) == (service, action, fault)
            });
            counted(of_cell.map(letter))
        };
        lines.push(line(service, action, Fault::ALL.map(cell)));
    }
    lines.push(
        "g gone and proven at once; b failed, all as before; r failed, not all restored, and said so; d failed with the \
         deletion begun; - the call did not come; ! a finding. Each was then started again without the fault."
            .to_owned(),
    );
    lines.join("\n")
}

/// `g3 b1`
fn counted(letters: impl Iterator<Item = char>) -> String {
    let mut counts = BTreeMap::new();
    for letter in letters {
        *counts.entry(letter).or_insert(0) += 1;
    }
    counts.iter().map(|(letter, count)| format!("{letter}{count}")).collect::<Vec<_>>().join(" ")
}

fn letter(outcome: &Outcome) -> char {
    match &outcome.first {
        _ if !outcome.findings().is_empty() => '!',
        Verdict::Gone if !outcome.struck => '-',
        Verdict::Gone => 'g',
        Verdict::AsBefore => 'b',
        Verdict::NotRestored => 'r',
        Verdict::Begun => 'd',
        Verdict::Wrong(_) => '!',
    }
}

/// The calls of an undisturbed run.
async fn calls() -> Vec<(String, String)> {
    let account = scenario().await;
    let ended = run(&account).await;
    assert_eq!(judge(&ended, &look(&account).await), Verdict::Gone, "{ended:?}");
    let calls = account.aws.calls_of(&account.step()).await;
    calls.into_iter().map(|(service, action, _)| (service, action)).collect()
}

#[tokio::test]
async fn every_call_with_every_fault_ends_gone_or_as_before_and_a_restart_ends_gone() {
    let wish = env::var("E2E_FAULTS").ok();
    let lanes = if wish.is_some() { alone().await } else { SIDE_BY_SIDE };
    let calls = calls().await;
    let all = cases(&calls);
    let chosen = chosen(&all, wish.as_deref());
    let (began, number) = (Instant::now(), chosen.len());
    let mut running = stream::iter(chosen).map(play).buffer_unordered(lanes);
    let mut outcomes = Vec::new();
    while let Some(outcome) = running.next().await {
        outcome.findings().iter().for_each(|finding| println!("FINDING {finding}"));
        outcomes.push(outcome);
        if outcomes.len() % 20 == 0 {
            println!("{} of {number} cases after {} s", outcomes.len(), began.elapsed().as_secs());
        }
    }
    let findings: Vec<_> = outcomes.iter().flat_map(Outcome::findings).collect();
    println!("\n{}", table(&outcomes));
    println!(
        "{number} cases ({} calls of one teardown), {} runs, {} s, {} findings",
        calls.len(),
        2 * number,
        began.elapsed().as_secs(),
        findings.len()
    );
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}

mod tests {
    use super::*;

    fn ended(status: &str, outcome: &str, reason: &str) -> Ended {
        Ended { status: status.to_owned(), outcome: outcome.to_owned(), reason: reason.to_owned() }
    }

    fn whole() -> Seen {
        Seen {
            status: "CREATE_COMPLETE".to_owned(),
            living: vec!["AuditLog1".to_owned(), "Table".to_owned()],
            of: 2,
            served: true,
            concurrency: Some(RESERVED),
            table_protected: true,
            user_pool_protected: true,
            table_recoverable: true,
            log_protected: true,
            termination_protected: true,
        }
    }

    #[test]
    fn green_is_believed_only_when_nothing_is_left() {
        let gone =
            Seen { status: "DELETE_COMPLETE".to_owned(), living: vec!["SealKey1".to_owned()], ..whole() };
        let green = ended("SUCCEEDED", "deleted", "");
        assert_eq!(judge(&green, &gone), Verdict::Gone);
        assert!(matches!(judge(&green, &whole()), Verdict::Wrong(_)));
        assert!(matches!(
            judge(&green, &Seen { living: vec!["Table".to_owned()], ..gone }),
            Verdict::Wrong(_)
        ));
        assert!(matches!(judge(&ended("RUNNING", "", ""), &whole()), Verdict::Wrong(_)));
    }

    #[test]
    fn red_leaves_all_as_it_was_or_says_what_it_could_not_restore() {
        let red = ended("FAILED", "failed", "freezing: AccessDenied");
        assert_eq!(judge(&red, &whole()), Verdict::AsBefore);
        for frozen in [
            Seen { concurrency: Some(0), ..whole() },
            Seen { table_protected: false, ..whole() },
            Seen { user_pool_protected: false, ..whole() },
            Seen { table_recoverable: false, ..whole() },
            Seen { log_protected: false, ..whole() },
            Seen { termination_protected: false, ..whole() },
            Seen { served: false, ..whole() },
        ] {
            assert!(matches!(judge(&red, &frozen), Verdict::Wrong(_)), "{frozen:?}");
            let said = ended("FAILED", "failed", "AccessDenied -- and restoring failed: AccessDenied");
            assert_eq!(judge(&said, &frozen), Verdict::NotRestored);
        }
        assert_eq!(judge(&red, &Seen { status: "DELETE_FAILED".to_owned(), ..whole() }), Verdict::Begun);
    }

    #[test]
    fn cases_are_every_call_with_every_fault_and_a_sample_spreads() {
        let call = |service: &str, action: &str| (service.to_owned(), action.to_owned());
        let calls = [call("iam", "GetRole"), call("logs", "PutLogEvents"), call("iam", "GetRole")];
        let all = cases(&calls);
        assert_eq!(all.len(), 12);
        assert_eq!((all[4].action.as_str(), all[4].nth, all[4].fault), ("GetRole", 2, Fault::Throttled));
        assert_eq!(sample(&all, 12), all);
        let some = sample(&all, 4);
        let faults: Vec<_> = some.iter().map(|case| case.fault).collect();
        assert_eq!(faults, Fault::ALL);
        assert_eq!(sample(&all, 99), all);
        assert_eq!(chosen(&all, Some("GetRole (call 2) Denied")), all[6..7]);
        assert_eq!(chosen(&all, Some("all")), all);
        assert_eq!(chosen(&all, Some("1/2")), all[..4]);
        assert_eq!(chosen(&all, Some("2/2")), all[4..]);
        assert_eq!(chosen(&all, None).len(), all.len().min(SAMPLE));
    }
}
