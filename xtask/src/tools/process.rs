//! Other programs: each is run in a process group of its own, so that a stop reaches all of its children, and Ctrl-C ends it in an
//! orderly way.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

/// The time that a program has to end after SIGTERM before it is killed.
const PATIENCE: Duration = Duration::from_secs(5);
/// The pause between two looks of a wait.
const TICK: Duration = Duration::from_millis(20);
/// The time after which a quiet step says that it is still at work.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// The number of lines shown of a log whose program failed.
const TAIL: usize = 30;

static INTERRUPTED: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// The error that stands for a request to stop, by the user (Ctrl-C) or the system (SIGTERM, SIGHUP).
#[derive(Debug)]
pub struct Interrupted;

impl std::fmt::Display for Interrupted {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("stopped on request")
    }
}

impl std::error::Error for Interrupted {}

/// Makes a signal only raise a flag from now on: a wait sees it, cleans up and returns [`Interrupted`].
pub fn watch_signals() -> Result<()> {
    let flag = INTERRUPTED.get_or_init(Arc::default);
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        signal_hook::flag::register(signal as i32, Arc::clone(flag)).context("signals cannot be watched")?;
    }
    Ok(())
}

/// Tells whether a stop was asked for.
pub fn interrupted() -> bool {
    INTERRUPTED.get().is_some_and(|flag| flag.load(Ordering::Relaxed))
}

/// Forgets a request to stop, so that programs that clean up may be started. The next request stops these.
pub fn resume() {
    if let Some(flag) = INTERRUPTED.get() {
        flag.store(false, Ordering::Relaxed);
    }
}

/// Fails with [`Interrupted`] if a stop was asked for.
pub fn check_interrupted() -> Result<()> {
    if interrupted() { Err(Interrupted.into()) } else { Ok(()) }
}

/// Sleeps, but not past a request to stop.
pub fn pause(time: Duration) -> Result<()> {
    let end = Instant::now() + time;
    while Instant::now() < end {
        check_interrupted()?;
        thread::sleep(TICK.min(time));
    }
    check_interrupted()
}

/// Runs a program whose output the user sees; tells whether it succeeded.
pub fn run(command: &mut Command) -> Result<bool> {
    command.stdin(Stdio::null());
    let mut child = start(command)?;
    Ok(wait(&mut child, None)?.success())
}

/// Runs a quiet program: its output goes to the end of `log`, whose tail is shown when it fails.
pub fn run_logged(command: &mut Command, log: &Path, what: &str) -> Result<()> {
    let mut file = open_log(log)?;
    writeln!(file, "\n$ {}", shown(command))
        .with_context(|| format!("{} cannot be written", log.display()))?;
    let twin = file.try_clone().context("a log cannot be shared")?;
    let from = file.metadata().context("a log cannot be read")?.len();
    command.stdin(Stdio::null()).stdout(twin).stderr(file);
    let mut child = start(command)?;
    let status = wait(&mut child, Some(what))?;
    if status.success() {
        return Ok(());
    }
    let output = fs::read(log).unwrap_or_default();
    let output = String::from_utf8_lossy(output.get(usize::try_from(from)?..).unwrap_or_default());
    bail!(
        "{what} failed ({}); the end of {}:\n{}",
        ended(status),
        log.display(),
        indented(tail(&output, TAIL))
    )
}

/// Returns what a program printed, for short questions such as `--version`; `None` when it is missing or fails.
pub fn answer(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Starts a program in its own process group.
pub fn start(command: &mut Command) -> Result<Child> {
    check_interrupted()?;
    let name = command.get_program().to_string_lossy().into_owned();
    command.process_group(0).spawn().with_context(|| format!("{name} cannot be started"))
}

/// Waits for the end of a program; on a request to stop its whole group is ended.
pub fn wait(child: &mut Child, heartbeat: Option<&str>) -> Result<ExitStatus> {
    let began = Instant::now();
    let mut said = began;
    loop {
        if let Some(status) = child.try_wait().context("a program cannot be waited for")? {
            return Ok(status);
        }
        if interrupted() {
            stop(child);
            return Err(Interrupted.into());
        }
        if let Some(what) = heartbeat.filter(|_| said.elapsed() >= HEARTBEAT) {
            said = Instant::now();
            eprintln!("         … {what}: {} s so far", began.elapsed().as_secs());
        }
        thread::sleep(TICK);
    }
}

/// Ends a program of ours and its group: SIGTERM, a bounded wait, SIGKILL.
pub fn stop(child: &mut Child) {
    let Ok(group) = i32::try_from(child.id()) else { return };
    signal_group(group, Signal::SIGTERM);
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end && matches!(child.try_wait(), Ok(None)) {
        thread::sleep(TICK);
    }
    signal_group(group, Signal::SIGKILL);
    child.wait().ok();
}

/// Sends a signal to a process; it may be gone already.
pub fn signal(pid: i32, signal: Signal) {
    kill(Pid::from_raw(pid), signal).ok();
}

/// Sends a signal to a process group; it may be gone already.
pub fn signal_group(group: i32, signal: Signal) {
    // 0 and 1 would be our own group and everybody's.
    if group > 1 {
        killpg(Pid::from_raw(group), signal).ok();
    }
}

/// Tells whether a process exists (a zombie does).
pub fn exists(pid: i32) -> bool {
    pid > 0 && kill(Pid::from_raw(pid), None) != Err(Errno::ESRCH)
}

/// Opens a log for appending and makes its folder.
pub fn open_log(log: &Path) -> Result<File> {
    if let Some(folder) = log.parent() {
        fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    }
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(log)
        .with_context(|| format!("{} cannot be written", log.display()))
}

/// Returns the last lines of a text.
pub fn tail(text: &str, lines: usize) -> &str {
    let text = text.trim_end();
    let start = text.rmatch_indices('\n').nth(lines.saturating_sub(1));
    start.map_or(text, |(at, _)| text.get(at + 1..).unwrap_or_default())
}

/// Indents a text for a message.
pub fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n")
}

fn ended(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "unknown end".to_owned(),
    }
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::{indented, tail};

    #[test]
    fn a_tail_is_the_last_lines() {
        assert_eq!(tail("a\nb\nc\n", 2), "b\nc");
        assert_eq!(tail("a\nb\nc\n", 3), "a\nb\nc");
        assert_eq!(tail("a\n", 30), "a");
        assert_eq!(tail("", 3), "");
    }

    #[test]
    fn a_shown_text_is_indented() {
        assert_eq!(indented("a\nb"), "    a\n    b");
    }
}
