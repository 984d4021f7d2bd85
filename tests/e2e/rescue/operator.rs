//! Somebody at a terminal, in an account with a stack that is stuck.

use std::{
    env,
    process::{Child, Command, Stdio},
};

use local_wire::text;
use serde_json::Value;
use tokio::task::spawn_blocking;

use super::foreign::Foreign;
use crate::teardown::people::taskctl;

const NAME: &str = "operator";
/// The rights that `taskctl rescue --help` names.
const RIGHTS: &str = include_str!("templates/operator.json");
/// The rights that read the stack's resources.
const READER: &str = include_str!("templates/reader.json");

/// An IAM user with the rights that the help names, and no others.
pub struct Operator {
    /// `taskctl`'s environment.
    signed_in: Vec<(&'static str, String)>,
}

/// A command's output and how it ended.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub words: String,
}

impl Operator {
    pub async fn of(account: &Foreign) -> Self {
        let aws = &account.aws;
        aws.iam("CreateUser", &[("UserName", NAME)]).await.done();
        for (name, policy) in [("rights", RIGHTS), ("reader", READER)] {
            let put = [("UserName", NAME), ("PolicyName", name), ("PolicyDocument", policy)];
            aws.iam("PutUserPolicy", &put).await.done();
        }
        let key = aws.iam("CreateAccessKey", &[("UserName", NAME)]).await.done();
        let signed_in = vec![
            ("AWS_ENDPOINT_URL", aws.endpoint.clone()),
            ("AWS_REGION", aws.region.clone()),
            ("AWS_ACCESS_KEY_ID", text(&key, "AccessKeyId").unwrap()),
            ("AWS_SECRET_ACCESS_KEY", text(&key, "SecretAccessKey").unwrap()),
        ];
        Self { signed_in }
    }

    /// Runs `taskctl rescue` to its end.
    pub async fn rescue(&self, words: &[&str]) -> Said {
        let mut command = self.command(words);
        let output = spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let words = [output.stdout, output.stderr].concat();
        Said { code: output.status.code().unwrap(), words: String::from_utf8(words).unwrap() }
    }

    /// Starts `taskctl rescue`.
    pub fn begins(&self, words: &[&str]) -> Child {
        self.command(words).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(taskctl());
        command.arg("rescue").args(words);
        // No outputs file of the developer's, no profile.
        command.env_clear().envs(self.signed_in.iter().cloned()).current_dir(env::temp_dir());
        command
    }
}

impl Said {
    #[track_caller]
    pub fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:#?}");
        self
    }

    #[track_caller]
    pub fn tells(self, words: &[&str]) -> Self {
        for word in words {
            assert!(self.words.contains(word), "{word} is not in {self:#?}");
        }
        self
    }

    /// Returns the last object of this kind that `--json` printed.
    #[track_caller]
    pub fn object(&self, kind: &str) -> Value {
        let mut objects = self.words.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let found = objects.rfind(|object| object["kind"] == kind);
        found.unwrap_or_else(|| panic!("no {kind} in {self:#?}"))
    }
}

#[test]
fn the_help_names_every_right_that_the_operator_has() {
    let help = Command::new(taskctl()).args(["rescue", "--help"]).output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let policy: Value = serde_json::from_str(RIGHTS).unwrap();
    let actions =
        policy["Statement"].as_array().unwrap().iter().flat_map(|it| it["Action"].as_array().unwrap());
    for action in actions {
        let (service, action) = action.as_str().unwrap().split_once(':').unwrap();
        assert!(help.contains(service) && help.contains(action), "{service}:{action} is not in {help}");
    }
}
