//! `cargo xtask scale`: what gives first when changes come faster, by a simulation with AWS's quotas.

mod page;
mod picture;
mod simulation;

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result};
use clap::Args;
use serde::Deserialize;

use crate::commands::cost::Model;
use crate::commands::cost::model::read;
use crate::tools::page::Page;
use crate::tools::workspace::Workspace;

/// The options of `scale`.
#[derive(Args, Debug)]
pub struct ScaleArgs {
    /// Write the tables into docs/scale.md and the picture beside it, too
    #[arg(long)]
    write: bool,
}

/// `docs/quotas.json`.
#[derive(Debug, Deserialize)]
struct Quotas {
    looked_up: String,
    quotas: BTreeMap<String, Quota>,
}

#[derive(Debug, Deserialize)]
struct Quota {
    value: f64,
    what: String,
    page: String,
    raised: String,
}

impl Quotas {
    /// Returns a quota. A name that the file lacks shows as no number in every result.
    fn of(&self, name: &str) -> f64 {
        self.quotas.get(name).map_or(f64::NAN, |quota| quota.value)
    }
}

/// Simulates and prints.
pub fn run(workspace: &Workspace, args: &ScaleArgs) -> Result<()> {
    let (tables, picture) = outputs(workspace)?;
    println!("{tables}");
    if args.write {
        Page::of(workspace, "scale").write(&tables)?;
        fs::write(workspace.root().join(PICTURE), picture).context("the picture cannot be written")?;
    }
    Ok(())
}

const PICTURE: &str = "docs/scale.svg";

fn outputs(workspace: &Workspace) -> Result<(String, String)> {
    let (model, quotas): (_, Quotas) = (Model::load(workspace)?, read(workspace, "quotas.json")?);
    let scenarios = simulation::scenarios(&model, &quotas);
    let results: Vec<_> = scenarios.iter().map(|scenario| scenario.run(&model, &quotas)).collect();
    Ok((page::tables(&model, &quotas, &scenarios, &results), picture::draw(&scenarios, &results)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `cargo xtask scale --write` writes both.
    #[test]
    fn the_page_and_the_picture_are_what_the_command_makes() {
        let workspace = Workspace::find().expect("the repository");
        let (tables, picture) = outputs(&workspace).expect("a simulation");
        assert!(!tables.contains("NaN"), "a quota is missing:\n{tables}");
        let written = Page::of(&workspace, "scale").written().expect("docs/scale.md");
        assert_eq!(written, tables.trim(), "run `cargo xtask scale --write`");
        let drawn = fs::read_to_string(workspace.root().join(PICTURE)).expect(PICTURE);
        assert!(drawn == picture, "run `cargo xtask scale --write`");
    }

    #[test]
    fn a_quota_that_is_raised_refuses_less_and_nothing_is_lost() {
        let workspace = Workspace::find().expect("the repository");
        let model = Model::load(&workspace).expect("prices and quantities");
        let quotas: Quotas = read(&workspace, "quotas.json").expect("quotas");
        let scenarios = simulation::scenarios(&model, &quotas);
        let run = |name: &str| {
            let scenario = scenarios.iter().find(|scenario| scenario.name == name).expect(name);
            scenario.run(&model, &quotas)
        };
        let (deployed, raised) = (run("1,000/s, as deployed"), run("1,000/s, `throttleRate=2000`"));
        assert!(deployed.refused.stage > 0.4 * deployed.offered, "{deployed:?}");
        assert!(raised.refused.total() < 1.0, "{raised:?}");
        for result in [deployed, raised] {
            let found = result.refused.total() + result.audited + result.waiting;
            assert!((result.offered - found).abs() < 1.0, "{result:?}");
        }
    }
}
