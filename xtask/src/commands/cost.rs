//! `cargo xtask cost`: what the service costs on AWS, from `docs/prices.json` and `docs/quantities.json`.

mod idle;
pub mod model;
mod page;

use anyhow::Result;
use clap::Args;

use crate::tools::page::Page;
use crate::tools::workspace::Workspace;

pub use model::Model;

/// The options of `cost`.
#[derive(Args, Debug)]
pub struct CostArgs {
    /// Write the tables into docs/cost.md, too
    #[arg(long)]
    write: bool,
}

/// Prints the tables.
pub fn run(workspace: &Workspace, args: &CostArgs) -> Result<()> {
    let tables = page::tables(&Model::load(workspace)?);
    println!("{tables}");
    if args.write { Page::of(workspace, "cost").write(&tables) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model() -> Model {
        Model::load(&Workspace::find().expect("the repository")).expect("prices and quantities")
    }

    /// `cargo xtask cost --write` writes it.
    #[test]
    fn the_page_has_what_the_command_prints() {
        let workspace = Workspace::find().expect("the repository");
        let written = Page::of(&workspace, "cost").written().expect("docs/cost.md");
        assert_eq!(written, page::tables(&model()).trim(), "run `cargo xtask cost --write`");
    }

    #[test]
    fn every_price_is_known_and_used() {
        let model = model();
        let tables = page::tables(&model);
        assert!(!tables.contains("NaN"), "a price or a quantity is missing:\n{tables}");
        let source = concat!(
            include_str!("cost/model.rs"),
            include_str!("cost/idle.rs"),
            include_str!("cost/page.rs")
        );
        for (name, price) in &model.prices.of {
            assert!(source.contains(&format!("\"{name}\"")), "nothing uses the price {name}");
            assert!(model.prices.sources.contains_key(&price.source), "{name} says not where it is from");
        }
    }

    /// The end-to-end tests hold docs/teardown.md to what a run takes (`tests/e2e/teardown/again.rs`).
    #[test]
    fn a_teardown_has_as_many_transitions_as_its_page_says() {
        let workspace = Workspace::find().expect("the repository");
        let page =
            std::fs::read_to_string(workspace.root().join("docs/teardown.md")).expect("docs/teardown.md");
        let teardown = model().quantities.teardown;
        assert!(page.contains(&format!("A deletion of two minutes: {}.", teardown.transitions)));
        assert!(page.contains(&format!("A dry run: {};", teardown.dry_run_transitions)));
    }

    #[test]
    fn a_run_is_billed_by_the_millisecond_and_memory_brings_processor_time() {
        let model = model();
        // 0.2 ms of a full core are 1.4 ms of a 256 MB function's share; with a call of the table and the runtime, 8 ms.
        assert!((7.0..8.0).contains(&model.milliseconds(0.2, 1.0, 256.0)));
        let (core, cores) = (model.milliseconds(0.2, 1.0, 1_769.0), model.milliseconds(0.2, 1.0, 10_240.0));
        assert!((core - cores).abs() < 1e-9, "one call has no use for a second core");
        assert!((model.runs(7.1, 256.0) - model.runs(8.0, 256.0)).abs() < 1e-9);
        let (small, large) = (model.runs(8.0, 256.0), model.runs(8.0, 512.0));
        assert!(small < large && large < 2.0 * small, "the price of requests does not grow with memory");
    }

    #[test]
    fn a_refusal_costs_less_the_earlier_it_is() {
        let model = model();
        let total = |by| model.refused(by).total();
        assert!(total(model::Refusal::Gateway) < total(model::Refusal::Authorizer));
        assert!(total(model::Refusal::Authorizer) < total(model::Refusal::Task));
        assert!(total(model::Refusal::Task) < model.call("read").total());
    }
}
