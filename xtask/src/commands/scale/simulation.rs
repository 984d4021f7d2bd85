//! Changes on their way: through the gateway, the functions and the table, then through the stream into the audit log.
//!
//! Time goes in steps. What arrives in a step is random (Poisson, a few owners with most of the changes); what passes is a share of
//! it, so a count need not be whole. The random numbers are the same on every run.

use std::collections::VecDeque;

use super::Quotas;
use crate::commands::cost::Model;
use crate::commands::cost::model::intent_units;

pub const SECONDS: usize = 300;
const STEPS: usize = 10;
/// The log takes nothing in these seconds.
pub const OUTAGE: std::ops::Range<f64> = 60.0..120.0;
/// Owners by Zipf's law; the first ones are followed singly, all others are together.
const OWNERS: u32 = 10_000;
const SINGLE: u32 = 50;
/// Units in the index by status: half of the changes change the status, which moves an entry and takes two.
const INDEX_UNITS: f64 = 1.5;

/// The most per second, at each place that a change passes.
#[derive(Clone, Debug)]
pub struct Limits {
    pub stage: f64,
    pub burst: f64,
    pub gateway: f64,
    pub functions: f64,
    pub owner: f64,
    pub table: f64,
    pub shards: usize,
    pub lanes: usize,
    /// Partition keys among which an owner's tasks are spread.
    pub parts: u32,
    /// Write units of the intents, all of one minute under one partition key.
    pub intents: f64,
    pub log: f64,
}

#[derive(Clone, Debug)]
pub struct Scenario {
    pub name: &'static str,
    pub rate: f64,
    pub limits: Limits,
}

/// The scenarios, each with what was changed since the one before it.
pub fn scenarios(model: &Model, quotas: &Quotas) -> Vec<Scenario> {
    let stack = &model.quantities.stack;
    let owner = quotas.of("partitionWrites") / INDEX_UNITS;
    let deployed = Limits {
        stage: stack.throttle_rate,
        burst: stack.throttle_burst,
        gateway: quotas.of("gatewayRate"),
        functions: quotas.of("concurrency") * quotas.of("callsPerEnvironment"),
        owner,
        table: quotas.of("newTableWrites") / INDEX_UNITS,
        shards: 4,
        lanes: stack.parallelization,
        parts: 1,
        intents: quotas.of("partitionWrites"),
        log: quotas.of("putLogEvents"),
    };
    let new_account = Limits {
        stage: 2_000.0,
        functions: quotas.of("newAccountConcurrency") * quotas.of("callsPerEnvironment"),
        ..deployed.clone()
    };
    let throttle = Limits { stage: 2_000.0, burst: 4_000.0, ..deployed.clone() };
    let most =
        Limits { stage: quotas.of("gatewayRate"), burst: quotas.of("gatewayBurst"), ..deployed.clone() };
    let warm = Limits { table: quotas.of("tableWrites") / INDEX_UNITS, shards: 40, ..most.clone() };
    let raised = Limits {
        stage: 120_000.0,
        burst: 60_000.0,
        gateway: 120_000.0,
        functions: 120_000.0,
        table: 120_000.0,
        shards: 120,
        ..warm.clone()
    };
    let intents = Limits { intents: 16.0 * quotas.of("partitionWrites"), ..raised.clone() };
    let spread = Limits { parts: 16, ..intents.clone() };
    let all = Limits { log: 6_000.0, ..spread.clone() };
    let scenario = |name, rate, limits: &Limits| Scenario { name, rate, limits: limits.clone() };
    vec![
        scenario("10/s, as deployed", 10.0, &deployed),
        scenario("1,000/s, as deployed", 1e3, &deployed),
        scenario("1,000/s, `throttleRate=2000`, in a new account", 1e3, &new_account),
        scenario("1,000/s, `throttleRate=2000`", 1e3, &throttle),
        scenario("100,000/s, `throttleRate=10000`", 1e5, &most),
        scenario("100,000/s, and the table warmed to its quota", 1e5, &warm),
        scenario("100,000/s, and the quotas raised", 1e5, &raised),
        scenario("100,000/s, and intents in 16 parts", 1e5, &intents),
        scenario("100,000/s, and owners in 16 parts", 1e5, &spread),
        scenario("100,000/s, and PutLogEvents raised to 6,000", 1e5, &all),
    ]
}

/// Changes that were refused, by the place.
#[derive(Clone, Copy, Debug, Default)]
pub struct Refused {
    pub stage: f64,
    pub gateway: f64,
    pub functions: f64,
    pub owner: f64,
    pub table: f64,
}

impl Refused {
    pub fn parts(&self) -> [f64; 5] {
        [self.stage, self.gateway, self.functions, self.owner, self.table]
    }

    pub fn total(&self) -> f64 {
        self.parts().iter().sum()
    }
}

/// The end of a run.
#[derive(Debug, Default)]
pub struct Outcome {
    pub offered: f64,
    pub refused: Refused,
    pub audited: f64,
    /// The changes that wait for the log at the end.
    pub waiting: f64,
    /// The calls of PutLogEvents per second, in the last minute.
    pub log_calls: f64,
    /// The seconds that a change waited for its record, with the number of such changes; those of the outage apart.
    pub lags: Vec<(f64, f64)>,
    /// The age of the oldest waiting change, second by second.
    pub ages: Vec<f64>,
}

impl Outcome {
    /// Returns the lag that a share of the changes did not exceed.
    pub fn lag(&self, share: f64) -> f64 {
        let mut lags = self.lags.clone();
        lags.sort_by(|one, other| one.0.total_cmp(&other.0));
        let mut left = share * lags.iter().map(|lag| lag.1).sum::<f64>();
        let found = lags.iter().find(|lag| {
            left -= lag.1;
            left <= 0.0
        });
        found.map_or(f64::NAN, |lag| lag.0)
    }

    /// Returns the seconds after the outage at which no change waits longer than two seconds any more.
    pub fn recovered(&self) -> Option<usize> {
        let last = self.ages.iter().rposition(|age| *age > 2.0)?;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "seconds of a run")]
        let end = OUTAGE.end as usize;
        (last + 1 < self.ages.len()).then(|| (last + 1).saturating_sub(end))
    }
}

/// A part of the changes with a place in the stream.
struct Source {
    rate: f64,
    shard: usize,
    single: bool,
}

/// One batch at a time from one shard; the changes that wait, with their times.
#[derive(Default)]
struct Lane {
    waiting: VecDeque<(f64, f64)>,
    free_at: f64,
}

/// A bucket of tokens: what it lets pass of an amount.
struct Bucket {
    rate: f64,
    most: f64,
    tokens: f64,
}

impl Bucket {
    fn new(rate: f64, burst: f64) -> Self {
        let most = burst.max(rate / per_second());
        Self { rate, most, tokens: most }
    }

    fn fill(&mut self) {
        self.tokens = (self.tokens + self.rate / per_second()).min(self.most);
    }

    /// Returns the share of an amount that passes.
    fn pass(&mut self, amount: f64) -> f64 {
        let passed = amount.min(self.tokens);
        self.tokens -= passed;
        if amount > 0.0 { passed / amount } else { 1.0 }
    }
}

#[allow(clippy::cast_precision_loss, reason = "ten")]
fn per_second() -> f64 {
    STEPS as f64
}

impl Scenario {
    /// Runs it.
    pub fn run(&self, model: &Model, quotas: &Quotas) -> Outcome {
        let limits = &self.limits;
        let (mut random, sources) = (Random(42), self.sources());
        let mut buckets =
            [(limits.stage, limits.burst), (limits.gateway, limits.burst), (limits.functions, 0.0)]
                .map(|(rate, burst)| Bucket::new(rate, burst));
        let mut table = Bucket::new(limits.table, 0.0);
        let mut log = Log {
            calls: Bucket::new(limits.log, 0.0),
            intents: Bucket::new(limits.intents, 0.0),
            polls: quotas.of("polls"),
            model,
        };
        let mut lanes: Vec<Lane> = (0..limits.shards * limits.lanes).map(|_| Lane::default()).collect();
        let (mut outcome, mut next) = (Outcome::default(), 0);
        for step in 0..SECONDS * STEPS {
            #[allow(clippy::cast_precision_loss, reason = "thousands")]
            let now = step as f64 / per_second();
            let mut changes: Vec<f64> =
                sources.iter().map(|source| random.poisson(source.rate / per_second())).collect();
            outcome.offered += changes.iter().sum::<f64>();
            outcome.refused =
                outcome.refused.and(&self.enter(&mut changes, &sources, &mut buckets, &mut table));
            for (source, change) in sources.iter().zip(&changes).filter(|(_, change)| **change > 0.0) {
                #[allow(clippy::cast_precision_loss, reason = "ten at most")]
                let part = change / limits.lanes as f64;
                for lane in &mut lanes[source.shard * limits.lanes..][..limits.lanes] {
                    lane.waiting.push_back((now, part));
                }
            }
            log.calls.fill();
            log.intents.fill();
            // Those that found nothing left are the first in the next step.
            let (first, all) = (next, lanes.len());
            for lane in (0..all).map(|at| (first + at) % all) {
                if log.left() {
                    next = lane + 1;
                }
                log.take(&mut lanes[lane], now, &mut random, &mut outcome);
            }
            if step % STEPS == STEPS - 1 {
                let oldest =
                    lanes.iter().filter_map(|lane| lane.waiting.front()).map(|waiting| now - waiting.0);
                outcome.ages.push(oldest.fold(0.0, f64::max));
            }
        }
        outcome.waiting = lanes.iter().flat_map(|lane| &lane.waiting).map(|waiting| waiting.1).sum();
        outcome.log_calls /= 60.0;
        outcome
    }

    fn sources(&self) -> Vec<Source> {
        let weight = |owner: u32| 1.0 / f64::from(owner);
        let all: f64 = (1..=OWNERS).map(weight).sum();
        let shards = self.limits.shards;
        let parts = self.limits.parts;
        let single = (1..=SINGLE).flat_map(|owner| (0..parts).map(move |part| (owner, part)));
        let single = single.map(|(owner, part)| Source {
            rate: self.rate * weight(owner) / all / f64::from(parts),
            shard: (owner * 7 + part) as usize % shards,
            single: true,
        });
        let mut sources: Vec<Source> = single.collect();
        let rest = self.rate - sources.iter().map(|source| source.rate).sum::<f64>();
        #[allow(clippy::cast_precision_loss, reason = "hundreds")]
        sources.extend((0..shards).map(|shard| Source { rate: rest / shards as f64, shard, single: false }));
        sources
    }

    /// Lets changes into the table, and takes those that are refused out of `changes`.
    fn enter(
        &self,
        changes: &mut [f64],
        sources: &[Source],
        buckets: &mut [Bucket; 3],
        table: &mut Bucket,
    ) -> Refused {
        let mut refused = Refused::default();
        let keep = |changes: &mut [f64], share: f64| {
            let amount: f64 = changes.iter().sum();
            for change in changes.iter_mut() {
                *change *= share;
            }
            amount * (1.0 - share)
        };
        let places = [&mut refused.stage, &mut refused.gateway, &mut refused.functions];
        for (bucket, place) in buckets.iter_mut().zip(places) {
            bucket.fill();
            let share = bucket.pass(changes.iter().sum());
            *place = keep(changes, share);
        }
        let owner = self.limits.owner / per_second();
        for (change, _) in changes.iter_mut().zip(sources).filter(|(_, source)| source.single) {
            refused.owner += (*change - owner).max(0.0);
            *change = change.min(owner);
        }
        table.fill();
        let share = table.pass(changes.iter().sum());
        refused.table = keep(changes, share);
        refused
    }
}

impl Refused {
    fn and(&self, other: &Self) -> Self {
        Self {
            stage: self.stage + other.stage,
            gateway: self.gateway + other.gateway,
            functions: self.functions + other.functions,
            owner: self.owner + other.owner,
            table: self.table + other.table,
        }
    }
}

/// The way into the audit log, with the account's calls that are left in this step.
struct Log<'a> {
    calls: Bucket,
    intents: Bucket,
    polls: f64,
    model: &'a Model,
}

impl Log<'_> {
    /// Says that another call can be made in this step.
    fn left(&self) -> bool {
        self.calls.tokens >= 1.0 && self.intents.tokens >= 1.0
    }

    /// Lets a lane run as often as it can before the step ends.
    fn take(&mut self, lane: &mut Lane, now: f64, random: &mut Random, outcome: &mut Outcome) {
        let end = now + 1.0 / per_second();
        while let Some(&(arrived, _)) = lane.waiting.front() {
            let idle = lane.free_at <= arrived;
            let start = if idle { arrived + random.share() / self.polls } else { lane.free_at };
            if start >= end {
                // An idle shard was looked at now; the next look finds the changes.
                lane.free_at = start;
                return;
            }
            if OUTAGE.contains(&start) || !self.left() {
                lane.free_at = end;
                return;
            }
            self.calls.tokens -= 1.0;
            let most = self.model.quantities.stack.batch_size;
            let batch = lane.batch(start, most);
            let size: f64 = batch.iter().map(|part| part.1).sum();
            self.intents.tokens -= intent_units(size);
            lane.free_at = start + self.model.audit_seconds(size.max(1.0));
            outcome.audited += size;
            outcome.log_calls += f64::from(start >= 240.0);
            let undisturbed = batch.iter().filter(|part| part.0 < OUTAGE.start - 1.0);
            outcome.lags.extend(undisturbed.map(|part| (lane.free_at - part.0, part.1)));
        }
    }
}

impl Lane {
    /// Takes up to `most` changes that arrived before `start`.
    fn batch(&mut self, start: f64, most: f64) -> Vec<(f64, f64)> {
        let (mut batch, mut left) = (Vec::new(), most);
        while let Some(first) = self.waiting.front_mut().filter(|first| first.0 <= start && left > 0.0) {
            let taken = first.1.min(left);
            batch.push((first.0, taken));
            left -= taken;
            first.1 -= taken;
            if first.1 <= 1e-9 {
                self.waiting.pop_front();
            }
        }
        batch
    }
}

/// Random numbers by splitmix64, the same on every run.
struct Random(u64);

impl Random {
    /// Returns a number from 0 to 1.
    fn share(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        #[allow(clippy::cast_precision_loss, reason = "53 bits")]
        let share = ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64;
        share
    }

    /// Returns how many of independent events happen, of which so many are expected.
    fn poisson(&mut self, expected: f64) -> f64 {
        if expected > 50.0 {
            // The normal distribution, by the sum of twelve.
            let normal = (0..12).map(|_| self.share()).sum::<f64>() - 6.0;
            return (expected + normal * expected.sqrt()).round().max(0.0);
        }
        let (limit, mut product, mut events) = ((-expected).exp(), self.share(), 0.0);
        while product > limit {
            product *= self.share();
            events += 1.0;
        }
        events
    }
}
