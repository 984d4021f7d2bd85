//! One run: from the newest checkpoint to the last minute that is settled.

use std::collections::BTreeSet;

use seal::{Checkpoint, Leaf, Manifest, Minute, Note, Second, Tree, note::Signed};
use tokio::sync::OnceCell;

use crate::{
    error::Error,
    intents::Intents,
    journal::Journal,
    signer::Signer,
    store::{Store, Written},
};

/// The most minutes of one checkpoint. It is also how far back the first one looks for the first intent.
const MINUTES_MAX: i64 = 180;
/// The minutes before a checkpoint's own whose intents are looked at again: one of them may have been late.
const LOOK_BACK: i64 = 15;
/// A checkpoint ends early with the minute in which it has so many leaves.
const LEAVES_MAX: usize = 50_000;
/// The most checkpoints of one run, which must end within the function's time.
const CHECKPOINTS_MAX: usize = 8;
/// Without anything new, there is a checkpoint after so many minutes.
const IDLE_MINUTES: i64 = 60;
/// The minutes by which the clocks of the stream and of the audit function may differ.
const CLOCKS_DIFFER: i64 = 2;

/// The notary of one log.
#[derive(Debug)]
pub struct Notary {
    pub origin: String,
    /// The minutes after which a minute gets no more intents.
    pub settle_minutes: i64,
    pub intents: Intents,
    pub store: Store,
    pub signer: Signer,
    pub journal: Option<Journal>,
    /// Set once this instance has put its public keys into the bucket.
    pub published: OnceCell<()>,
}

/// The outcome of a run.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Run {
    pub checkpoints: u64,
    pub leaves: u64,
    pub quarantined: u64,
    pub unknown_actors: u64,
    /// The age of the oldest minute that may have leaves which are not sealed.
    pub lag_seconds: i64,
    /// The number of the checkpoint that another notary made meanwhile.
    pub lost: Option<u64>,
}

/// A checkpoint that the next one builds on.
#[derive(Debug)]
struct Sealed {
    checkpoint: Checkpoint,
    manifest: Manifest,
    tree: Tree,
}

/// The minutes and leaves that the next checkpoint may seal.
#[derive(Debug)]
struct Gathered {
    from: Minute,
    to: Minute,
    /// Without those that earlier manifests hold.
    leaves: BTreeSet<Leaf>,
    quarantined: u64,
    unknown_actors: u64,
}

enum Step {
    /// Nothing is to be sealed up to this minute.
    Idle(Minute),
    Made(Box<Sealed>, Note),
    /// Another notary made it.
    Lost(u64),
}

impl Notary {
    /// Makes the checkpoints that are due.
    pub async fn run(&self, now_millis: i64) -> Result<Run, Error> {
        let now = Minute::of_unix_millis(now_millis);
        let until = now.plus(-1 - self.settle_minutes);
        let mut last = self.newest().await?;
        let mut run = Run::default();
        let mut through = last.as_ref().map(|last| last.checkpoint.to);
        for _ in 0..CHECKPOINTS_MAX {
            match self.step(last.as_ref(), until, now_millis).await? {
                Step::Idle(minute) => {
                    through = Some(minute);
                    break;
                }
                Step::Lost(number) => {
                    run.lost = Some(number);
                    break;
                }
                Step::Made(sealed, note) => {
                    run.checkpoints += 1;
                    run.leaves += sealed.manifest.leaves.len() as u64;
                    run.quarantined += sealed.checkpoint.quarantined;
                    run.unknown_actors += sealed.checkpoint.unknown_actors;
                    through = Some(sealed.checkpoint.to);
                    if let Some(journal) = &self.journal {
                        journal.write(sealed.checkpoint.number, &note.to_string(), now_millis).await?;
                    }
                    last = Some(*sealed);
                }
            }
        }
        let sealed_until = through.map_or(now, |minute| minute.plus(1)).start();
        run.lag_seconds = (Second::of_unix_millis(now_millis).unix() - sealed_until.unix()).max(0);
        Ok(run)
    }

    /// Reads the newest checkpoint and its manifest, and trusts them only as far as it can verify them.
    async fn newest(&self) -> Result<Option<Sealed>, Error> {
        let number = self.store.newest().await?;
        if number == 0 {
            return Ok(None);
        }
        let untrusted =
            |reason: String| Error::Untrusted(format!("checkpoint {number} cannot be built on: {reason}"));
        let note = Note::parse(&self.store.get(&Checkpoint::key(number)).await?).map_err(untrusted)?;
        if note.verify(&self.signer.keys()) != Signed::Yes {
            let reason = "no key of this notary signed it; when keys change, both sign for a while";
            return Err(untrusted(reason.to_owned()));
        }
        let checkpoint = Checkpoint::parse(&note.text).map_err(untrusted)?;
        if checkpoint.number != number || checkpoint.origin != self.origin {
            return Err(untrusted(format!("it is number {} of {}", checkpoint.number, checkpoint.origin)));
        }
        let manifest = Manifest::parse(&self.store.get(&Manifest::key(number)).await?).map_err(untrusted)?;
        let tree = Tree::restore(checkpoint.size, manifest.frontier.clone());
        let tree = tree.filter(|tree| tree.root() == checkpoint.root);
        let tree = tree.ok_or_else(|| untrusted("its manifest does not lead to its root".to_owned()))?;
        Ok(Some(Sealed { checkpoint, manifest, tree }))
    }

    /// Makes the next checkpoint, if one is due.
    async fn step(&self, last: Option<&Sealed>, until: Minute, now_millis: i64) -> Result<Step, Error> {
        let from = last.map_or(until.plus(1 - MINUTES_MAX), |last| last.checkpoint.to.plus(1));
        if from > until {
            // All is sealed, or the clock went back: no checkpoint goes back with it.
            return Ok(Step::Idle(from.plus(-1)));
        }
        let gathered = self.gather(last, from, until.min(from.plus(MINUTES_MAX - 1)), LEAVES_MAX).await?;
        let is_new = !gathered.leaves.is_empty() || gathered.quarantined > 0 || gathered.to < until;
        if last.is_some() && !is_new && gathered.to.since(from) + 1 < IDLE_MINUTES {
            return Ok(Step::Idle(gathered.to));
        }
        let number = last.map_or(1, |last| last.checkpoint.number + 1);
        let empty = Tree::default();
        let before = last.map_or(&empty, |last| &last.tree);
        let leaves = gathered.leaves.iter().copied().collect();
        let (manifest, tree) = Manifest::extend(before, number, gathered.from, gathered.to, leaves);
        let (manifest, tree, gathered) =
            match self.store.put(&Manifest::key(number), &manifest.text()).await? {
                Written::Now => (manifest, tree, gathered),
                Written::Before => self.adopt(last, number, from, until).await?,
            };
        self.seal(last, manifest, tree, &gathered, now_millis).await
    }

    /// Signs and stores the checkpoint of a manifest that is stored.
    async fn seal(
        &self,
        last: Option<&Sealed>,
        manifest: Manifest,
        tree: Tree,
        gathered: &Gathered,
        now_millis: i64,
    ) -> Result<Step, Error> {
        let keys = self.signer.keys();
        self.published.get_or_try_init(|| self.publish()).await?;
        let checkpoint = Checkpoint {
            origin: self.origin.clone(),
            size: tree.size(),
            root: tree.root(),
            number: manifest.number,
            previous: last.map(|last| last.checkpoint.hash()),
            from: manifest.from,
            to: manifest.to,
            at: Second::of_unix_millis(now_millis),
            quarantined: gathered.quarantined,
            unknown_actors: gathered.unknown_actors,
            keys: keys.iter().map(seal::VerifierKey::id).collect(),
        };
        let note = self.signer.sign(checkpoint.text()).await?;
        let key = Checkpoint::key(checkpoint.number);
        let text = note.to_string();
        let is_ours = match self.store.put(&key, &text).await? {
            Written::Now => true,
            // Possibly by an attempt of this very call.
            Written::Before => self.store.get(&key).await? == text.as_bytes(),
        };
        Ok(if is_ours {
            Step::Made(Box::new(Sealed { checkpoint, manifest, tree }), note)
        } else {
            Step::Lost(checkpoint.number)
        })
    }

    /// Puts the public keys beside what they sign.
    async fn publish(&self) -> Result<(), Error> {
        for key in self.signer.keys() {
            self.store.put(&key.object(), &key.published()).await?;
        }
        Ok(())
    }

    /// Takes over the manifest that a notary left which stopped before its checkpoint, or that another one stored just now. It
    /// must add to the tree as this one would, and nothing that the audit function did not announce.
    async fn adopt(
        &self,
        last: Option<&Sealed>,
        number: u64,
        from: Minute,
        until: Minute,
    ) -> Result<(Manifest, Tree, Gathered), Error> {
        let untrusted = |reason: &str| {
            Error::Untrusted(format!(
                "manifest {number}, which has no checkpoint yet, cannot be signed: {reason}"
            ))
        };
        let content = self.store.get(&Manifest::key(number)).await?;
        let manifest = Manifest::parse(&content).map_err(|reason| untrusted(&reason))?;
        if manifest.number != number {
            return Err(untrusted("it has another number"));
        }
        if (last.is_some() && manifest.from != from) || manifest.to > until {
            return Err(untrusted("its minutes are not those that are next"));
        }
        let tree = manifest.after(last.map_or(&Tree::default(), |last| &last.tree));
        if manifest.frontier != tree.frontier() {
            return Err(untrusted("its frontier is not that of its leaves"));
        }
        let gathered = self.gather(last, manifest.from, manifest.to, usize::MAX).await?;
        if !manifest.leaves.iter().all(|leaf| gathered.leaves.contains(leaf)) {
            return Err(untrusted("it holds a leaf that no intent has, or that is sealed already"));
        }
        Ok((manifest, tree, gathered))
    }

    /// Reads the intents of these minutes, and of some before them, and leaves out what is sealed already.
    async fn gather(
        &self,
        last: Option<&Sealed>,
        from: Minute,
        to: Minute,
        leaves_max: usize,
    ) -> Result<Gathered, Error> {
        let begin = if last.is_some() { from.plus(-LOOK_BACK) } else { from };
        let mut gathered = Gathered { from, to, leaves: BTreeSet::new(), quarantined: 0, unknown_actors: 0 };
        let mut oldest = begin;
        let mut first = None;
        for minute in begin.to(to) {
            let of_minute = self.intents.of_minute(minute).await?;
            gathered.leaves.extend(of_minute.leaves);
            oldest = oldest.min(of_minute.streamed.unwrap_or(oldest).plus(-CLOCKS_DIFFER));
            if minute >= from {
                gathered.quarantined += of_minute.quarantined;
                gathered.unknown_actors += of_minute.unknown_actors;
            }
            first = first.or(of_minute.streamed.map(|_| minute));
            if minute >= from && gathered.leaves.len() >= leaves_max {
                gathered.to = minute;
                break;
            }
        }
        match last {
            // The log begins with its first intent.
            None => gathered.from = first.unwrap_or(gathered.to),
            Some(last) => self.leave_out_sealed(last, oldest, &mut gathered.leaves).await?,
        }
        Ok(gathered)
    }

    /// Takes away the leaves of the manifests that end at or after a minute. No older one holds a leaf of these intents: no copy
    /// of their records was announced before that minute.
    async fn leave_out_sealed(
        &self,
        last: &Sealed,
        since: Minute,
        leaves: &mut BTreeSet<Leaf>,
    ) -> Result<(), Error> {
        let mut take = |manifest: &Manifest| {
            for leaf in &manifest.leaves {
                leaves.remove(leaf);
            }
            manifest.from > since
        };
        let mut more = take(&last.manifest);
        for number in (1..last.checkpoint.number).rev() {
            if !more {
                break;
            }
            let content = self.store.get(&Manifest::key(number)).await?;
            let manifest = Manifest::parse(&content)
                .map_err(|reason| Error::Untrusted(format!("manifest {number} cannot be read: {reason}")))?;
            more = take(&manifest);
        }
        Ok(())
    }
}
