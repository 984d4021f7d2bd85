//! A thousand random tamperings of a bundle on the disk, each of which must be found and called by its name.
//!
//! `TAMPERING_SEED=7 cargo test -p seal --test log thousand` tries others.

use std::collections::BTreeMap;

use seal::verify::Verdict;

use crate::{
    bundle::Folder,
    files::{Files, export, newer, report},
    ways::{Dice, Done, WAYS, put},
};

const TAMPERINGS: usize = 1_000;

#[test]
fn a_thousand_random_tamperings_are_all_found_and_called_by_their_names() {
    let (log, files) = Files::honest();
    let folder = Folder::new();
    files.write(&folder.0);
    let (mut dice, mut counts, mut wrong) = (Dice::seeded(), BTreeMap::new(), Vec::new());
    let mut tried = 0;
    while tried < TAMPERINGS {
        let (name, way) = *dice.pick(&WAYS);
        let mut tampered = files.clone();
        let Some(Done { what, right, .. }) = way(&mut tampered, &log, &mut dice) else { continue };
        tried += 1;
        tampered.replace(&files, &folder.0);
        let report = report(&folder.0, &log.demands());
        files.replace(&tampered, &folder.0);
        *counts.entry((name, report.verdict().to_string())).or_insert(0) += 1;
        if !right.contains(&report.verdict()) {
            wrong.push(format!("{name}, {what}: {} instead of {right:?}\n{report:#?}", report.verdict()));
        }
    }
    for ((name, verdict), count) in counts {
        println!("{count:>5} × {name}: {verdict}");
    }
    assert!(wrong.is_empty(), "{} of {tried}\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_hundred_honest_bundles_are_all_intact() {
    let (log, files) = Files::honest();
    let mut dice = Dice::seeded();
    for _ in 0..100 {
        // Order, exact copies and exports are no tampering, if whoever made the bundle counted them.
        let (mut honest, mut records) = (files.clone(), files.records());
        for number in 0..dice.below(5) {
            let copy = records[dice.below(records.len())].clone();
            let at = dice.below(records.len());
            records.insert(at, copy);
            records.push(export(10 + u32::try_from(number).unwrap()));
        }
        let (one, two) = (dice.below(records.len()), dice.below(records.len()));
        records.swap(one, two);
        put(&mut honest, &records, true);
        assert_eq!(newer(&log)["eventId"], "newer");
        honest.is(&log.demands(), Verdict::Intact);
    }
}
