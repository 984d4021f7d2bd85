//! One process of a function by itself, which is invoked through a Runtime API of ours.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::Signal;

use crate::commands::bench::runtime_api::{self, Request};
use crate::tools::process::{self, check_interrupted};

/// The time that one answer may take; valgrind slows a start down to half a minute.
const PATIENCE: Duration = Duration::from_mins(3);
const TICK: Duration = Duration::from_millis(100);
/// A process is quiet when it has not run for this long.
const QUIET: Duration = Duration::from_millis(300);

/// The news of the Runtime API.
enum News {
    /// The function asks for its next event.
    Waits,
    Answered(Answer),
    Failed(String),
}

/// The answer to one event, and the time from the event's sending until the answer was here.
#[derive(Debug)]
pub struct Answer {
    pub body: String,
    pub took: Duration,
    pub arrived: Instant,
}

/// A running function.
pub struct Instance {
    child: Child,
    errors: Option<JoinHandle<String>>,
    events: Sender<String>,
    news: Receiver<News>,
    waits: bool,
}

impl Instance {
    /// Starts a program as the function of this name. Its log lines are dropped; its standard error is kept for [`Self::end`].
    pub fn start(command: &mut Command, function: &str) -> Result<Self> {
        let (listener, address) = runtime_api::listen()?;
        let (events, next) = channel::<String>();
        let (says, news) = channel();
        let (next, sent) = (Arc::new(Mutex::new(next)), Arc::new(Mutex::new(Instant::now())));
        runtime_api::serve(listener, move |request| answer(&request, &next, &says, &sent));
        command.envs(runtime_api::environment(function, &address));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = process::start(command)?;
        let mut output = child.stderr.take().context("a function's errors cannot be read")?;
        let errors = thread::spawn(move || std::io::read_to_string(&mut output).unwrap_or_default());
        Ok(Self { child, errors: Some(errors), events, news, waits: false })
    }

    /// Waits until the function asks for its first event.
    pub fn ready(&mut self) -> Result<()> {
        while !self.waits {
            match self.news()? {
                News::Waits => self.waits = true,
                News::Failed(error) => bail!("a function failed at its start: {error}"),
                News::Answered(_) => bail!("a function answered before it was asked"),
            }
        }
        Ok(())
    }

    /// Invokes the function, and waits until it asks for the next event.
    pub fn invoke(&mut self, event: &str) -> Result<Answer> {
        self.events.send(event.to_owned()).ok().context("the Runtime API is gone")?;
        self.ready()?;
        self.waits = false;
        let answer = match self.news()? {
            News::Answered(answer) => answer,
            News::Failed(error) => bail!("a function failed: {error}"),
            News::Waits => bail!("a function asked for an event before it answered the last one"),
        };
        self.ready()?;
        Ok(answer)
    }

    /// Waits until the process has stopped working beside its invocations.
    pub fn settle(&self) -> Result<()> {
        let mut before = self.on_cpu()?;
        loop {
            process::pause(QUIET)?;
            let now = self.on_cpu()?;
            if now <= before {
                return Ok(());
            }
            before = now;
        }
    }

    /// Reads the seconds for which the process's threads have been running.
    pub fn on_cpu(&self) -> Result<f64> {
        let threads = fs::read_dir(format!("/proc/{}/task", self.child.id()))
            .context("processor time can be read on Linux only, of a process that runs")?;
        let nanoseconds = |thread: fs::DirEntry| {
            let text =
                fs::read_to_string(thread.path().join("schedstat")).context("a thread has no schedstat")?;
            let first = text.split(' ').next().and_then(|first| first.parse::<f64>().ok());
            first.context("schedstat is malformed")
        };
        Ok(threads.flatten().map(nanoseconds).sum::<Result<f64>>()? / 1e9)
    }

    /// Reads a size from the process's status: `VmRSS`, or `VmHWM` for the largest so far.
    pub fn memory(&self, name: &str) -> Result<u64> {
        let path = format!("/proc/{}/status", self.child.id());
        let status = fs::read_to_string(path).context("memory can be read on Linux only")?;
        super::memory::size(&status, name).with_context(|| format!("a process has no {name}"))
    }

    /// Ends the process, and returns what it wrote to standard error.
    pub fn end(mut self) -> Result<String> {
        let pid = i32::try_from(self.child.id()).context("a process has a strange id")?;
        process::signal(pid, Signal::SIGTERM);
        process::wait(&mut self.child, None)?;
        self.errors.take().and_then(|errors| errors.join().ok()).context("a function's errors were lost")
    }

    fn news(&mut self) -> Result<News> {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            check_interrupted()?;
            match self.news.recv_timeout(TICK) {
                Ok(news) => return Ok(news),
                Err(RecvTimeoutError::Disconnected) => bail!("the Runtime API is gone"),
                Err(RecvTimeoutError::Timeout) => {}
            }
            if self.child.try_wait().context("a function cannot be waited for")?.is_some() {
                let errors = self.errors.take().and_then(|errors| errors.join().ok()).unwrap_or_default();
                bail!("a function ended by itself:\n{}", process::indented(process::tail(&errors, 20)));
            }
        }
        bail!("a function does not answer")
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Answers a call of the Runtime API: the next event, once there is one, or a receipt.
fn answer(
    request: &Request,
    events: &Mutex<Receiver<String>>,
    says: &Sender<News>,
    sent: &Mutex<Instant>,
) -> Option<String> {
    let arrived = Instant::now();
    if request.line.contains("/invocation/next ") {
        says.send(News::Waits).ok()?;
        let event = events.lock().ok()?.recv().ok()?;
        let invocation = runtime_api::invocation(&event);
        *sent.lock().ok()? = Instant::now();
        return Some(invocation);
    }
    let body = String::from_utf8_lossy(&request.body).into_owned();
    let news = if request.line.contains("/response ") {
        News::Answered(Answer { body, took: arrived - *sent.lock().ok()?, arrived })
    } else {
        News::Failed(body)
    };
    says.send(news).ok()?;
    Some(runtime_api::invocation(""))
}
