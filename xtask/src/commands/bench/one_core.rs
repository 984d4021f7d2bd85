//! One core for everything that is measured together, so that a call's parts take turns and never wait for a core to wake up.

use std::thread;

use anyhow::{Context, Result};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

/// Does work in a thread that is bound to one core, as are the threads and programs that it starts.
pub fn on_one_core<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    thread::scope(|scope| {
        let thread = scope.spawn(|| {
            bind()?;
            work()
        });
        thread.join().ok().context("a measurement ended by itself")?
    })
}

/// Binds this thread to the last of its cores: the first one has the most interrupts.
fn bind() -> Result<()> {
    let this = Pid::from_raw(0);
    let allowed = sched_getaffinity(this).context("the cores cannot be read")?;
    let last = (0..CpuSet::count()).rev().find(|core| allowed.is_set(*core).unwrap_or(false));
    let mut one = CpuSet::new();
    one.set(last.context("no core is allowed")?).context("a core has a strange number")?;
    sched_setaffinity(this, &one).context("the process cannot be bound to a core")
}
