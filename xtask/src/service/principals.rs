//! Tokens and the principals they belong to. Only its owner keeps a token; the deployed function has its SHA-256.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, anyhow, bail};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::tools::private::write_private;
use crate::tools::programs;
use crate::tools::workspace::Workspace;

/// The scopes that a principal may have.
pub const SCOPES: [&str; 2] = ["tasks:read", "tasks:write"];

/// An entry of the principals file, which the authorizer gets.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Principal {
    pub id: String,
    pub owner: String,
    pub scopes: Vec<String>,
    pub token_sha256: String,
    /// The end of the token, an RFC 3339 timestamp.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
}

impl Principal {
    /// Makes the entry of the principal that `token` belongs to.
    pub fn new(id: &str, owner: &str, scopes: &[&str], token: &str) -> Self {
        Self {
            id: id.to_owned(),
            owner: owner.to_owned(),
            scopes: scopes.iter().map(|&scope| scope.to_owned()).collect(),
            token_sha256: hex::encode(Sha256::digest(token.as_bytes())),
            expires_at: None,
        }
    }
}

/// The tokens of a local AWS.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tokens {
    /// The token that reads and writes.
    pub token: String,
    /// The token of the same owner that reads only.
    pub read_only_token: String,
    /// The token of the same owner that writes only.
    pub write_only_token: String,
    /// The token of another owner, which reads and writes.
    pub other_owner_token: String,
}

impl Tokens {
    /// Makes new ones.
    pub fn fresh() -> Result<Self> {
        Ok(Self {
            token: random_token()?,
            read_only_token: random_token()?,
            write_only_token: random_token()?,
            other_owner_token: random_token()?,
        })
    }

    /// Reads the ones kept in `path`; makes new ones when there are none or the file is damaged.
    pub fn keep(path: &Path) -> Result<Self> {
        let kept = fs::read(path).ok().and_then(|content| serde_json::from_slice::<Self>(&content).ok());
        if let Some(tokens) = kept {
            return Ok(tokens);
        }
        let tokens = Self::fresh()?;
        write_private(path, &tokens)?;
        Ok(tokens)
    }

    /// Returns their entries of the principals file.
    pub fn principals(&self) -> Vec<Principal> {
        vec![
            Principal::new("local-developer", "local", &SCOPES, &self.token),
            Principal::new("local-reader", "local", &SCOPES[..1], &self.read_only_token),
            Principal::new("local-writer", "local", &SCOPES[1..], &self.write_only_token),
            Principal::new("local-other", "other", &SCOPES, &self.other_owner_token),
        ]
    }
}

/// Makes a token of 256 random bits, in hex.
pub fn random_token() -> Result<String> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).map_err(|error| anyhow!("the system gives no random numbers: {error}"))?;
    Ok(hex::encode(bytes))
}

/// Reads a principals file; a missing one is an empty list.
pub fn read(path: &Path) -> Result<Vec<Principal>> {
    match fs::read(path) {
        Ok(content) => serde_json::from_slice(&content)
            .with_context(|| format!("{} is not a list of principals", path.display())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error).with_context(|| format!("{} cannot be read", path.display())),
    }
}

/// Refuses a file of `principals` or `issuers` that the CDK app would refuse: the app's own judge is asked, in a moment and without
/// the CDK.
pub fn judge(workspace: &Workspace, what: &str, path: &Path) -> Result<()> {
    let mut command = Command::new(programs::python()?.program);
    command.args(["-m", &format!("task_service.{what}")]).arg(path).current_dir(workspace.cdk());
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    let output = command.output().with_context(|| format!("the judge of {what} cannot be started"))?;
    if output.status.success() {
        return Ok(());
    }
    bail!("{}", String::from_utf8_lossy(&output.stderr).trim())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::{Principal, SCOPES, Tokens, judge, random_token, read};
    use crate::tools::private::write_private;
    use crate::tools::testing::folder;
    use crate::tools::workspace::Workspace;

    #[test]
    fn a_principal_holds_the_hash_and_never_the_token() {
        let principal = Principal::new("ci", "team", &SCOPES, "abc");
        let json = serde_json::to_string(&principal).expect("json");
        assert_eq!(
            json,
            r#"{"id":"ci","owner":"team","scopes":["tasks:read","tasks:write"],"tokenSha256":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}"#
        );
    }

    #[test]
    fn a_tokens_end_is_kept_when_another_is_added() {
        let path = folder("token-ends").join("principals.json");
        let end = Some("2030-01-31T12:00:00Z".to_owned());
        let mut principals =
            vec![Principal { expires_at: end, ..Principal::new("ci", "team", &SCOPES, "abc") }];
        write_private(&path, &principals).expect("a file");
        judge(&Workspace::find().expect("the repository"), "principals", &path).expect("a good file");
        assert_eq!(read(&path).expect("the file"), principals);
        principals.push(Principal::new("ci", "team", &SCOPES, "def"));
        write_private(&path, &principals).expect("a file");
        assert_eq!(read(&path).expect("the file"), principals);
    }

    #[test]
    fn a_wrong_file_is_refused_with_the_entry_and_the_rule() {
        let workspace = Workspace::find().expect("the repository");
        let path = folder("principals").join("principals.json");
        write_private(&path, &[Principal::new("ci@team", "team", &SCOPES, "abc")]).expect("a file");
        judge(&workspace, "principals", &path).expect("a good file");
        write_private(&path, &[Principal::new("ci", "team/a", &SCOPES, "abc")]).expect("a file");
        let error = judge(&workspace, "principals", &path).expect_err("a wrong file").to_string();
        assert!(error.contains("entry 0, field `owner` must be 1 to 128 characters"), "{error}");
    }

    #[test]
    fn tokens_are_random() {
        let (one, other) = (random_token().expect("a token"), random_token().expect("a token"));
        assert_eq!(one.len(), 64);
        assert_ne!(one, other);
    }

    #[test]
    fn tokens_are_kept_privately_and_repaired() {
        let path = folder("tokens").join("tokens.json");
        let first = Tokens::keep(&path).expect("tokens");
        assert_eq!(Tokens::keep(&path).expect("tokens"), first);
        assert_eq!(fs::metadata(&path).expect("data").permissions().mode() & 0o777, 0o600);
        fs::write(&path, "{").expect("a damaged file");
        assert_ne!(Tokens::keep(&path).expect("tokens"), first);
    }

    #[test]
    fn reader_and_writer_share_the_owner_and_have_one_scope_each() {
        let [developer, reader, writer, other] = &Tokens::fresh().expect("tokens").principals()[..] else {
            panic!("four principals")
        };
        assert_eq!((&reader.owner, &writer.owner), (&developer.owner, &developer.owner));
        assert_eq!(reader.scopes, ["tasks:read"]);
        assert_eq!(writer.scopes, ["tasks:write"]);
        assert_ne!(other.owner, developer.owner);
    }
}
