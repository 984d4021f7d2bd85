//! `taskctl audit verify BUNDLE` as a whole: its exit codes, its words, and what it costs.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests stop at the first surprise")]

#[path = "../../functions/seal/tests/log/bundle.rs"]
#[allow(dead_code, reason = "shared with the tests of seal, which use all of it")]
mod bundle;

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::symlink,
    path::Path,
    process::{Command, Output, Stdio},
    time::Duration,
};

use bundle::{Bundle, Folder, key, records, stated};
use serde_json::{Value, json};

/// Runs the command far from any account, as at the time of the log.
fn verify(log: &Bundle, folder: &Path, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_taskctl"));
    command.env_clear().current_dir("/").args(["audit", "verify"]).arg(folder);
    command.args(["--at", &log.now.to_string()]).args(words).output().unwrap()
}

/// Runs the command with the true keys.
fn with_keys(log: &Bundle, folder: &Path, words: &[&str]) -> Output {
    let keys: Vec<String> = log.keys.iter().map(|seed| key(*seed).to_string()).collect();
    let keys = keys.iter().flat_map(|key| ["--key", key]);
    verify(log, folder, &keys.chain(words.iter().copied()).collect::<Vec<_>>())
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// A bundle with every kind of thing in it that an honest one has.
fn written(change: impl FnOnce(&mut Bundle)) -> (Bundle, Folder) {
    let (mut log, folder) = (Bundle::interleaved().rotated(), Folder::new());
    change(&mut log);
    log.write(&folder.0);
    (log, folder)
}

/// A record of a change that never was, of a task that never was.
fn forged(like: &Value) -> Value {
    let mut forged = like.clone();
    forged["eventId"] = json!("another");
    forged["task"]["id"] = json!("another");
    stated(forged)
}

#[test]
fn every_verdict_has_its_exit_code_and_its_word_comes_first() {
    type Change = fn(&mut Bundle);
    let cases: [(i32, &str, Change); 5] = [
        (0, "intact", |_| {}),
        (10, "altered", |log| log.records[9]["actor"]["id"] = json!("mallory")),
        (11, "forged", |log| {
            log.records.push(forged(&log.records[40]));
        }),
        (12, "missing", |log| log.records.retain(|record| record["task"]["id"] != "task-7")),
        (13, "truncated", |log| log.records.truncate(60)),
    ];
    for (code, word, change) in cases {
        let (log, folder) = written(change);
        let said = with_keys(&log, &folder.0, &[]);
        assert_eq!(said.status.code(), Some(code), "{word}: {said:#?}");
        assert!(out(&said).starts_with(&format!("{word}: ")), "{}", out(&said));
    }
}

#[test]
fn what_cannot_be_told_is_named_with_what_would_help() {
    let (log, folder) = written(|_| {});
    for (words, part) in [
        (&[][..], "the only keys came with the bundle"),
        (
            &["--key", &key(1).to_string(), "--key", &key(2).to_string(), "--any-age"],
            "how new the newest checkpoint is",
        ),
    ] {
        let said = verify(&log, &folder.0, words);
        assert_eq!(said.status.code(), Some(5), "{said:#?}");
        assert!(out(&said).starts_with("cannot tell: ") && out(&said).contains(part), "{}", out(&said));
    }
    let old = with_keys(&log, &folder.0, &["--at", "2027-01-01T00:00:00Z"]);
    assert_eq!(old.status.code(), Some(2), "given twice");
    let stranger = verify(&log, &folder.0, &["--key", &key(9).to_string()]);
    assert_eq!(stranger.status.code(), Some(11), "{stranger:#?}");
}

#[test]
fn a_key_that_is_none_and_a_folder_that_is_no_bundle_are_told_apart() {
    let (log, folder) = written(|_| {});
    assert_eq!(verify(&log, &folder.0, &["--key", "/nowhere"]).status.code(), Some(2));
    let nothing = verify(&log, Path::new("/nowhere"), &[]);
    assert_eq!(nothing.status.code(), Some(4));
    assert!(String::from_utf8_lossy(&nothing.stderr).contains("/nowhere"), "{nothing:#?}");
}

/// Puts something that is no regular file in the place of a file.
fn replace(path: &Path, kind: &str, outside: &Path) {
    match kind {
        "a link to the file" => {
            fs::rename(path, outside).unwrap();
            symlink(outside, path).unwrap();
        }
        "a link to nothing that ends" => {
            fs::remove_file(path).unwrap();
            symlink("/dev/zero", path).unwrap();
        }
        "a directory" => {
            fs::remove_file(path).unwrap();
            fs::create_dir(path).unwrap();
        }
        _ => {
            fs::remove_file(path).unwrap();
            assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
        }
    }
}

#[test]
fn what_is_no_regular_file_is_refused_before_it_is_read() {
    for kind in ["a link to the file", "a directory", "a link to nothing that ends", "a pipe"] {
        for name in [
            "bundle.json",
            "records.ndjson",
            "newer.ndjson",
            "checkpoints/0000000003",
            "manifests/0000000003.json",
            &key(1).object(),
        ] {
            let ((log, folder), outside) = (written(|_| {}), Folder::new());
            fs::create_dir(&outside.0).unwrap();
            replace(&folder.0.join(name), kind, &outside.0.join("x"));
            let said = with_keys(&log, &folder.0, &[]);
            let err = String::from_utf8_lossy(&said.stderr);
            assert_eq!(said.status.code(), Some(4), "{kind} as {name}: {said:#?}");
            assert!(err.contains(&format!("{name}: it is no regular file")), "{kind} as {name}: {err}");
        }
    }
    let (log, folder) = written(|_| {});
    let (seals, elsewhere) = (folder.0.join("checkpoints"), folder.0.join("elsewhere"));
    fs::rename(&seals, &elsewhere).unwrap();
    symlink(&elsewhere, &seals).unwrap();
    let said = with_keys(&log, &folder.0, &[]);
    let err = String::from_utf8_lossy(&said.stderr);
    assert!(said.status.code() == Some(4) && err.contains("checkpoints: it is no directory"), "{said:#?}");
}

#[test]
fn one_task_is_judged_by_its_own_records() {
    let (log, folder) = written(|log| log.records[9]["actor"]["id"] = json!("mallory"));
    let altered = log.records[9]["task"]["id"].as_str().unwrap();
    let other = if altered == "task-3" { "task-4" } else { "task-3" };
    let of = |task: &str| with_keys(&log, &folder.0, &["--task", task, "--json"]);
    let said = of(altered);
    assert_eq!(said.status.code(), Some(10), "{said:#?}");
    let told: Value = serde_json::from_str(&out(&said)).unwrap();
    assert_eq!((&told["verdict"], &told["findings"][0]["line"]), (&json!("altered"), &json!(10)));
    let said = of(other);
    assert_eq!(said.status.code(), Some(5), "the record may have been the other's: {said:#?}");
    assert_eq!(of("task-of-nobody").status.code(), Some(4));
    let (log, folder) = written(|log| log.records.push(forged(&log.records[40])));
    let of = |task: &str| with_keys(&log, &folder.0, &["--task", task]).status.code();
    assert_eq!((of(other), of("another")), (Some(0), Some(11)));
}

#[test]
fn a_last_record_that_was_given_to_another_task_is_missed() {
    let (log, folder) = written(|log| {
        let task = log.records[9]["task"]["id"].clone();
        let last = log.records.iter().rposition(|record| record["task"]["id"] == task).unwrap();
        let event = log.records[last]["eventId"].clone();
        for record in log.records.iter_mut().filter(|record| record["eventId"] == event) {
            record["task"]["id"] = json!("another");
        }
    });
    let task = log.records[9]["task"]["id"].as_str().unwrap();
    let said = with_keys(&log, &folder.0, &["--task", task]);
    assert_eq!(said.status.code(), Some(5), "{said:#?}");
    assert!(out(&said).contains("may be its own"), "{}", out(&said));
}

#[test]
fn a_task_of_which_no_record_is_sealed_is_not_intact() {
    let (log, folder) = (Bundle::interleaved(), Folder::new());
    let to = log.checkpoint(log.checkpoints.len()).to;
    let time = format!("{}:00.000Z", to.plus(1).to_string().trim_end_matches('Z'));
    let mut newer = forged(&log.records[0]);
    newer["time"] = json!({"changed": time, "streamed": time, "audited": time});
    log.write_with(&folder.0, &[stated(newer)]);
    let of = |task: &str| with_keys(&log, &folder.0, &["--task", task]);
    assert_eq!(of("task-3").status.code(), Some(0));
    let said = of("another");
    assert_eq!(said.status.code(), Some(5), "{said:#?}");
    assert!(out(&said).contains("1 record is later than"), "{}", out(&said));
}

#[test]
fn a_forged_record_of_a_task_is_its_own_however_its_id_is_spelled() {
    let (log, folder) = written(|log| {
        let mut again = log.records[40].clone();
        again["eventId"] = json!("another");
        log.records.push(stated(again));
    });
    let task = log.records[40]["task"]["id"].as_str().unwrap();
    let lines = fs::read_to_string(folder.0.join("records.ndjson")).unwrap();
    let (before, forged) = lines.trim_end().rsplit_once('\n').unwrap();
    let spelled = forged.replace(task, &task.replacen('t', "\\u0074", 1));
    assert_ne!(forged, spelled);
    fs::write(folder.0.join("records.ndjson"), format!("{before}\n{spelled}\n")).unwrap();
    let said = with_keys(&log, &folder.0, &["--task", task]);
    assert_eq!(said.status.code(), Some(11), "{said:#?}");
}

#[test]
fn a_command_that_a_signal_stops_leaves_nothing_behind() {
    // An AWS that takes every call and answers none.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let (endpoint, key) = (format!("http://{}", silent.local_addr().unwrap()), key(1).to_string());
    let commands: [&[&str]; 4] = [
        &["verify", "--bucket", "seals", "--key", &key],
        &["export", "--no-record", "--output", "log.ndjson"],
        &[
            "export",
            "--no-record",
            "--format",
            "bundle",
            "--output",
            "log",
            "--bucket",
            "seals",
            "--key",
            &key,
        ],
        &["report", "--html", "log.html"],
    ];
    for (words, signal) in commands.iter().flat_map(|words| ["INT", "TERM"].map(|signal| (words, signal))) {
        let folder = Folder::new();
        fs::create_dir(&folder.0).unwrap();
        let files = || fs::read_dir(&folder.0).unwrap().count();
        let mut command = Command::new(env!("CARGO_BIN_EXE_taskctl"));
        command.env_clear().env("AWS_ENDPOINT_URL", &endpoint).env("AWS_REGION", "us-east-1");
        command
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("TMPDIR", &folder.0);
        command.current_dir(&folder.0).args(["audit", "--stage", "dev"]).args(*words);
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        while files() == 0 {
            assert!(child.try_wait().unwrap().is_none(), "{:#?}", child.wait_with_output());
            std::thread::sleep(Duration::from_millis(5));
        }
        let kill = format!("kill -{signal} {}", child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        let said = child.wait_with_output().unwrap();
        assert_eq!((said.status.code(), files()), (Some(130), 0), "{signal} to {words:?}: {said:#?}");
    }
}

#[test]
fn the_report_for_programs_has_everything() {
    let (log, folder) = written(|log| log.records.truncate(60));
    let said = with_keys(&log, &folder.0, &["--json"]);
    let told: Value = serde_json::from_str(&out(&said)).unwrap();
    for member in
        ["verdict", "of", "keys", "records", "copies", "sealed", "exports", "newer", "checkpoints", "tasks"]
    {
        assert!(!told[member].is_null(), "{member} in {told:#}");
    }
    assert_eq!(told["last"]["origin"], bundle::ORIGIN);
    assert!(told["findings"][0]["meaning"].is_string(), "{told:#}");
}

/// Peak memory and processor time of the real command, `cargo test -p taskctl --release --test verify -- --ignored --nocapture`.
#[test]
#[ignore = "needs optimised code"]
fn a_hundred_thousand_records_are_verified_in_bounded_memory() {
    let folder = Folder::new();
    let mut log = Bundle::seal(records(18_000, 600), &[1]);
    let count = log.records.len();
    assert!(count > 100_000);
    log.write(&folder.0);
    log.records = Vec::new();
    let size: u64 = fs::metadata(folder.0.join("records.ndjson")).unwrap().len();
    let mut command = Command::new(env!("CARGO_BIN_EXE_taskctl"));
    command.env_clear().args(["audit", "verify", "--key", &key(1).to_string(), "--at", &log.now.to_string()]);
    let mut child = command.arg(&folder.0).stdout(Stdio::piped()).spawn().unwrap();
    // Its own peak, which only grows; what the system adds up for children has this test's memory in it, from before the exec.
    let (mut peak, mut ticks) = (0, 0);
    while child.try_wait().unwrap().is_none() {
        (peak, ticks) = (peak.max(memory(child.id()).unwrap_or(0)), processor(child.id()).unwrap_or(ticks));
        std::thread::sleep(Duration::from_millis(5));
    }
    let said = child.wait_with_output().unwrap();
    println!("{count} records ({} MB): {ticks}0 ms of CPU, {peak} kB at most", size / 1_000_000);
    assert!(out(&said).starts_with("intact: "), "{said:#?}");
    assert!((1..200_000).contains(&peak));
}

/// The greatest resident memory of a process so far, in kB.
fn memory(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.split_whitespace().next()?.parse().ok()
}

/// The time that a process has been running, in hundredths of a second.
fn processor(process: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let numbers = stat.rsplit_once(") ")?.1.split(' ').skip(11).take(2);
    numbers.map(|number| number.parse::<u64>().ok()).sum()
}
