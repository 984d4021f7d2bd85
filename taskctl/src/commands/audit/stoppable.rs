//! Ends a command on a signal as on an error, so that what it began to write is removed.

use std::io;

use tokio::signal::unix::{SignalKind, signal};

use crate::cli::failure::{Exit, Failure};

/// Runs a command until its end, Ctrl-C or SIGTERM.
pub async fn stoppable(command: impl Future<Output = Result<Exit, Failure>>) -> Result<Exit, Failure> {
    tokio::select! {
        // First: nothing is written before the signals are heard.
        biased;
        stopped = stopped() => Err(match stopped {
            Ok(()) => Failure::interrupted("what it had begun to write is removed"),
            Err(error) => Failure::failed(format!("listening for signals: {error}")),
        }),
        ended = command => ended,
    }
}

async fn stopped() -> io::Result<()> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}
