//! The processes of the local AWS: started, found again, and stopped with everything they started.
//!
//! A process id alone proves nothing, since ids are reused. A process is ours when its command line starts the launcher
//! with our state folder, when its program lies in that folder (a function), or when it is in the launcher's process group.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::Signal;
use serde::Deserialize;

use crate::tools::environment;
use crate::tools::process::{self, exists, indented, open_log, pause, signal, signal_group, tail};
use crate::tools::workspace::{Workspace, python_of};

const READY_WITHIN: Duration = Duration::from_mins(1);
const STOPPED_WITHIN: Duration = Duration::from_secs(8);

/// A local AWS that runs, as its `ready.json` says.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Running {
    pub pid: i32,
    pub endpoint_url: String,
}

impl Running {
    /// Returns the port it listens on.
    pub fn port(&self) -> Option<u16> {
        self.endpoint_url.trim_end_matches('/').rsplit(':').next()?.parse().ok()
    }
}

/// One local AWS: its state folder and its log.
#[derive(Clone, Debug)]
pub struct Launcher {
    state: PathBuf,
    log: PathBuf,
}

impl Launcher {
    /// Names the files; starts nothing.
    pub fn new(state: PathBuf, log: PathBuf) -> Self {
        Self { state, log }
    }

    /// Finds the one that runs and is ours.
    pub fn find(&self) -> Option<Running> {
        let running = self.ready()?;
        let ours = processes(&self.state);
        ours.iter().any(|found| found.pid == running.pid && found.launcher).then_some(running)
    }

    /// Fails when the port asked for is taken by another program than the one that runs.
    pub fn check_port(&self, port: Option<u16>) -> Result<()> {
        match port {
            Some(port) if self.find().and_then(|running| running.port()) != Some(port) => check_free(port),
            _ => Ok(()),
        }
    }

    /// Starts it in a process group of its own and waits until it answers. It keeps running when this program ends.
    pub fn start(&self, workspace: &Workspace, port: Option<u16>) -> Result<Running> {
        if let Some(port) = port {
            check_free(port)?;
        }
        fs::create_dir_all(&self.state)
            .with_context(|| format!("{} cannot be made", self.state.display()))?;
        fs::remove_file(self.state.join("ready.json")).ok();
        File::create(&self.log).with_context(|| format!("{} cannot be written", self.log.display()))?;
        let log = open_log(&self.log)?;
        let mut command = Command::new(python_of(&workspace.local_venv()));
        command
            .args(["-m", "local", "--port", &port.unwrap_or(0).to_string(), "--state-dir"])
            .arg(&self.state);
        command
            .current_dir(workspace.root())
            .env("PYTHONUNBUFFERED", "1")
            .env("PYTHONDONTWRITEBYTECODE", "1")
            // IAM is evaluated for everybody but root.
            .env("AUTH", "true");
        environment::without_aws(&mut command);
        command.stdin(Stdio::null()).stdout(log.try_clone().context("a log cannot be shared")?).stderr(log);
        let mut child = process::start(&mut command)?;
        let began = Instant::now();
        loop {
            if let Some(running) = self.ready().filter(|ready| u32::try_from(ready.pid) == Ok(child.id())) {
                return Ok(running);
            }
            if let Some(status) = child.try_wait().context("the local AWS cannot be watched")? {
                bail!("the local AWS ended while it started ({status}); {}", self.shown_log());
            }
            if began.elapsed() > READY_WITHIN {
                process::stop(&mut child);
                bail!(
                    "the local AWS was not ready within {} s; {}",
                    READY_WITHIN.as_secs(),
                    self.shown_log()
                );
            }
            if let Err(stop) = pause(Duration::from_millis(25)) {
                process::stop(&mut child);
                return Err(stop);
            }
        }
    }

    /// Stops it and every process it started, also those of an earlier run, and returns their number.
    pub fn stop(&self) -> Result<usize> {
        let first = processes(&self.state);
        // Asked in an orderly way first: it ends its functions itself.
        let asked: Vec<i32> =
            match first.iter().filter(|found| found.launcher).map(|found| found.pid).collect::<Vec<_>>() {
                launchers if !launchers.is_empty() => launchers,
                _ => first.iter().map(|found| found.pid).collect(),
            };
        for &pid in &asked {
            signal(pid, Signal::SIGTERM);
        }
        let mut met: BTreeSet<i32> = first.iter().map(|found| found.pid).collect();
        let left = self.left_within(STOPPED_WITHIN, &mut met);
        for found in &left {
            if found.launcher {
                signal_group(found.pid, Signal::SIGKILL);
            }
            signal(found.pid, Signal::SIGKILL);
        }
        if !left.is_empty() {
            let stubborn = self.left_within(Duration::from_secs(2), &mut met);
            if let Some(found) = stubborn.first() {
                bail!(
                    "process {} of the local AWS cannot be stopped.\n  Look at it with `ps -fp {}`.",
                    found.pid,
                    found.pid
                );
            }
        }
        fs::remove_file(self.state.join("ready.json")).ok();
        Ok(met.len())
    }

    /// Waits until nothing of ours is left; not cut short by a signal, since stopping is what a signal asks for.
    fn left_within(&self, time: Duration, met: &mut BTreeSet<i32>) -> Vec<Process> {
        let end = Instant::now() + time;
        loop {
            let left: Vec<Process> = processes(&self.state);
            met.extend(left.iter().map(|found| found.pid));
            if left.is_empty() || Instant::now() > end {
                return left;
            }
            thread::sleep(Duration::from_millis(25));
        }
    }

    fn ready(&self) -> Option<Running> {
        serde_json::from_slice(&fs::read(self.state.join("ready.json")).ok()?).ok()
    }

    fn shown_log(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        format!("the end of {}:\n{}", self.log.display(), indented(tail(&text, 20)))
    }
}

/// Returns a port that is free now.
pub fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port is free")?;
    Ok(listener.local_addr().context("a port has no number")?.port())
}

/// Fails when a port is not free.
fn check_free(port: u16) -> Result<()> {
    match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
        Ok(_) => Ok(()),
        Err(error) => bail!(
            "port {port} cannot be used: {error}.\n  See what uses it with `ss -ltnp 'sport = :{port}'` and stop that, or choose \
             another with `--port N`, or leave `--port` out for any free one."
        ),
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Process {
    pid: i32,
    launcher: bool,
}

/// Finds the living processes that belong to the local AWS of this state folder.
fn processes(state: &Path) -> Vec<Process> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return believed(state);
    };
    let all: Vec<(i32, i32, Option<bool>)> = entries
        .flatten()
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            let (alive, group) = stat(&fs::read_to_string(entry.path().join("stat")).ok()?)?;
            alive.then(|| (pid, group, belongs(&entry.path(), state)))
        })
        .collect();
    let launchers: BTreeSet<i32> =
        all.iter().filter(|found| found.2 == Some(true)).map(|found| found.0).collect();
    all.iter()
        .filter(|(_, group, belongs)| belongs.is_some() || launchers.contains(group))
        .map(|&(pid, _, belongs)| Process { pid, launcher: belongs == Some(true) })
        .collect()
}

/// Finds the launcher by its own word, for lack of `/proc` (macOS).
fn believed(state: &Path) -> Vec<Process> {
    let ready = fs::read(state.join("ready.json")).ok();
    let running = ready.and_then(|content| serde_json::from_slice::<Running>(&content).ok());
    running
        .filter(|found| exists(found.pid))
        .map(|found| Process { pid: found.pid, launcher: true })
        .into_iter()
        .collect()
}

/// Returns `Some(true)` for a launcher, `Some(false)` for a function, `None` for a stranger.
fn belongs(process: &Path, state: &Path) -> Option<bool> {
    let line = fs::read(process.join("cmdline")).unwrap_or_default();
    if is_launcher(&String::from_utf8_lossy(&line), state) {
        return Some(true);
    }
    fs::read_link(process.join("exe")).is_ok_and(|program| program.starts_with(state)).then_some(false)
}

/// Tells whether a command line (words ended by NUL) is `python -m local … --state-dir STATE`.
fn is_launcher(line: &str, state: &Path) -> bool {
    let words: Vec<&str> = line.split('\0').collect();
    let pair = |name: &str, value: &str| words.windows(2).any(|two| two == [name, value]);
    pair("-m", "local") && pair("--state-dir", &state.to_string_lossy())
}

/// Reads whether a process lives (a zombie does not) and its process group from `/proc/<pid>/stat`, which is
/// `pid (name) state ppid pgrp …`.
fn stat(text: &str) -> Option<(bool, i32)> {
    let (_, rest) = text.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    let state = fields.next()?;
    Some((!matches!(state, "Z" | "X"), fields.nth(1)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::net::{Ipv4Addr, TcpListener};
    use std::path::Path;
    use std::process::Command;

    use super::{Launcher, Running, check_free, is_launcher, processes, stat};
    use crate::tools::process;
    use crate::tools::testing::folder;

    #[test]
    fn a_launcher_is_known_by_its_whole_command_line() {
        let line = "/v/bin/python\0-m\0local\0--port\x000\0--state-dir\0/r/.local/aws\0";
        assert!(is_launcher(line, Path::new("/r/.local/aws")));
        assert!(!is_launcher(line, Path::new("/r/.local/test/aws")), "another instance");
        assert!(!is_launcher("vim\0/r/.local/aws\0", Path::new("/r/.local/aws")));
        assert!(!is_launcher("", Path::new("/r/.local/aws")));
    }

    #[test]
    fn the_state_of_a_process_is_read_behind_its_name() {
        assert_eq!(stat("12 (a) b) S 1 34 5 6"), Some((true, 34)));
        assert_eq!(stat("12 (python) Z 1 34 5 6"), Some((false, 34)));
        assert_eq!(stat("nonsense"), None);
    }

    #[test]
    fn a_stale_ready_file_with_a_living_strangers_pid_is_not_believed() {
        let state = folder("stale");
        fs::write(
            state.join("ready.json"),
            format!(r#"{{"endpointUrl":"http://127.0.0.1:1","pid":{}}}"#, std::process::id()),
        )
        .expect("a file");
        assert_eq!(Launcher::new(state.clone(), state.join("log")).find(), None);
    }

    #[test]
    fn a_function_left_behind_is_found_by_its_program_and_stopped() {
        let state = folder("left");
        let program = state.join("bootstrap");
        fs::copy("/bin/sleep", &program).expect("a program");
        let mut child = process::start(Command::new(&program).arg("60")).expect("a process");
        let found = processes(&state);
        // Before anything is stopped: it must be the only one.
        assert_eq!(found.len(), 1);
        assert!(!found[0].launcher);
        let reaper = std::thread::spawn(move || child.wait());
        assert_eq!(Launcher::new(state.clone(), state.join("log")).stop().expect("stopped"), 1);
        reaper.join().expect("no panic").expect("ended");
        assert!(processes(&state).is_empty());
        assert_eq!(Launcher::new(state.clone(), state.join("log")).stop().expect("stopped"), 0);
    }

    #[test]
    fn a_port_in_use_is_named_with_the_way_out() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let error = check_free(port).expect_err("in use").to_string();
        assert!(error.contains(&format!("port {port} cannot be used")), "{error}");
        assert!(error.contains("--port N"), "{error}");
    }

    #[test]
    fn the_port_is_part_of_the_endpoint() {
        let running = Running { pid: 1, endpoint_url: "http://127.0.0.1:4566".to_owned() };
        assert_eq!(running.port(), Some(4566));
    }
}
