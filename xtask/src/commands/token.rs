//! `cargo xtask token`: a token for a caller of the deployed service.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;
use deployment::names;

use crate::account::folder::default_principals;
use crate::account::target::stage;
use crate::service::principals::{self, Principal, SCOPES, random_token};
use crate::tools::private::write_private;
use crate::tools::workspace::Workspace;

/// The options of `token`.
#[derive(Args, Debug)]
pub struct TokenArgs {
    /// The caller; the audit log shows it. One id may have several tokens, so that they rotate without downtime
    #[arg(long, value_parser = name)]
    id: String,
    /// The owner of its tasks: every task belongs to one
    #[arg(long, value_parser = name)]
    owner: String,
    /// The scopes it is given
    #[arg(long, value_delimiter = ',', default_values = SCOPES, value_parser = SCOPES)]
    scopes: Vec<String>,
    /// The stage whose principals file gets the hash
    #[arg(long, default_value = "dev", value_parser = stage)]
    stage: String,
    /// The principals file [default: .local/deploy/STAGE/principals.json]
    #[arg(long, value_name = "FILE")]
    principals: Option<PathBuf>,
}

/// Prints a fresh token and adds its hash to the principals file.
pub fn run(workspace: &Workspace, args: &TokenArgs) -> Result<()> {
    let path = args.principals.clone().unwrap_or_else(|| default_principals(workspace, &args.stage));
    let mut principals = principals::read(&path)?;
    let token = random_token()?;
    let scopes: Vec<&str> =
        SCOPES.into_iter().filter(|scope| args.scopes.iter().any(|asked| asked == scope)).collect();
    add(&mut principals, Principal::new(&args.id, &args.owner, &scopes, &token))?;
    write_private(&path, &principals)?;
    println!("{token}");
    let tokens = principals.iter().filter(|principal| principal.id == args.id).count();
    eprintln!("\nKeep it: it is shown only now. Its hash was added to {}.", path.display());
    eprintln!("It is valid from the next `cargo xtask deploy` on.");
    if tokens > 1 {
        eprintln!(
            "{} has {tokens} tokens now; remove the old entries from the file once they are no longer used.",
            args.id
        );
    }
    Ok(())
}

/// Adds a principal. A second token of an id must have the same owner and scopes.
fn add(principals: &mut Vec<Principal>, new: Principal) -> Result<()> {
    if let Some(old) = principals
        .iter()
        .find(|old| old.id == new.id && (&old.owner, &old.scopes) != (&new.owner, &new.scopes))
    {
        bail!(
            "{} is there already, with owner {} and scopes {}.\n  A second token needs the same (so that tokens rotate); choose \
             another --id for other rights, or change the entry in the file.",
            old.id,
            old.owner,
            old.scopes.join(",")
        );
    }
    principals.push(new);
    Ok(())
}

/// Takes an id or owner, which becomes part of keys and log records.
fn name(text: &str) -> Result<String, String> {
    names::check_principal(text).map(|()| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::add;
    use crate::service::principals::{Principal, SCOPES};

    #[test]
    fn a_second_token_of_an_id_has_the_same_rights() {
        let mut principals = Vec::new();
        add(&mut principals, Principal::new("ci", "team", &SCOPES, "one")).expect("the first");
        add(&mut principals, Principal::new("ci", "team", &SCOPES, "two")).expect("a rotation");
        add(&mut principals, Principal::new("ci", "other", &SCOPES, "three")).expect_err("another owner");
        add(&mut principals, Principal::new("ci", "team", &SCOPES[..1], "four")).expect_err("other scopes");
        add(&mut principals, Principal::new("reader", "team", &SCOPES[..1], "five")).expect("another id");
        assert_eq!(principals.len(), 3);
    }
}
