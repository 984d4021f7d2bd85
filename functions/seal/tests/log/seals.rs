//! Everything that may be done to checkpoints and manifests.

use seal::{
    Checkpoint, Hash, Note,
    verify::{Demands, Document, Finding, Unchecked, Verdict, verify},
};

use crate::bundle::{Bundle, EVERY, records, sign};

/// Signs a checkpoint again after a change to it.
fn resign(bundle: &mut Bundle, number: usize, seeds: &[u8], change: impl FnOnce(&mut Checkpoint)) {
    let mut checkpoint = bundle.checkpoint(number);
    change(&mut checkpoint);
    bundle.checkpoints[number - 1] = sign(&checkpoint, seeds);
}

fn edited(note: &Note, change: impl FnOnce(&mut Checkpoint)) -> Note {
    let mut checkpoint = Checkpoint::parse(&note.text).unwrap();
    change(&mut checkpoint);
    let mut note = note.clone();
    note.text = checkpoint.text();
    note
}

#[test]
fn an_edit_of_any_line_of_a_checkpoint_is_altered() {
    let bundle = Bundle::new();
    let changes: [fn(&mut Checkpoint); 9] = [
        |c| c.size += 1,
        |c| c.root = Hash::of(b"x"),
        |c| c.previous = Some(Hash::of(b"x")),
        |c| c.from = c.from.plus(1),
        |c| c.to = c.to.plus(1),
        |c| c.at = c.to.plus(60).start(),
        |c| c.quarantined += 1,
        |c| c.unknown_actors += 1,
        |c| c.keys.clear(),
    ];
    for change in changes {
        for number in [1, 6, bundle.checkpoints.len()] {
            let mut bundle = bundle.clone();
            bundle.checkpoints[number - 1] = edited(&bundle.checkpoints[number - 1], change);
            let report = bundle.is(Verdict::Altered);
            assert!(matches!(report.findings[0], Finding::CheckpointAltered { .. }), "{:?}", report.findings);
        }
    }
}

#[test]
fn what_no_trusted_key_signed_is_forged() {
    let mut bundle = Bundle::new();
    resign(&mut bundle, 4, &[9], |_| {});
    bundle.is(Verdict::Forged);
    // The name of another log, and the place of another number.
    let mut bundle = Bundle::new();
    resign(&mut bundle, 4, &[1], |c| c.origin = "tasks/other/audit".to_owned());
    bundle.is(Verdict::Forged);
    let bundle = Bundle::new();
    let (mut checkpoints, manifests) = bundle.documents();
    checkpoints[3].content = checkpoints[4].content.clone();
    assert_eq!(verify(&bundle.demands(), checkpoints, manifests, bundle.lines()).verdict(), Verdict::Forged);
}

#[test]
fn bytes_that_are_no_checkpoint_or_manifest_are_altered() {
    let bundle = Bundle::new();
    for content in [&b""[..], b"\xff", b"x\n\n\n", b"{}", b"\n\n"] {
        for at in [0, 1] {
            let (mut checkpoints, mut manifests) = bundle.documents();
            [&mut checkpoints, &mut manifests][at][5].content = content.to_vec();
            let report = verify(&bundle.demands(), checkpoints, manifests, bundle.lines());
            assert_eq!(report.verdict(), Verdict::Altered);
        }
    }
}

#[test]
fn a_dropped_checkpoint_is_missing_and_a_dropped_end_is_truncated() {
    for number in [1, 5] {
        let mut bundle = Bundle::new();
        bundle.checkpoints.remove(number - 1);
        // Without the first, the beginning could have expired.
        let verdict = if number == 1 { Verdict::CannotTell } else { Verdict::Missing };
        bundle.is(verdict);
    }
    let mut bundle = Bundle::new();
    let kept = bundle.checkpoints.len() - 30 / usize::try_from(EVERY).unwrap() - 1;
    bundle.checkpoints.truncate(kept);
    let report = bundle.is(Verdict::Truncated);
    assert!(matches!(report.findings[..], [Finding::Stale { .. }]), "{:?}", report.findings);
    bundle.manifests.truncate(kept);
    bundle.is(Verdict::Truncated);
    // The last one alone is not too old yet, and the records after it cannot be judged.
    let mut bundle = Bundle::new();
    bundle.checkpoints.pop();
    let report = bundle.is(Verdict::CannotTell);
    assert!(
        matches!(report.unchecked[..], [Unchecked::NotSigned { .. }, Unchecked::NotYetSealed { .. }]),
        "{report:?}"
    );
}

#[test]
fn a_number_far_away_is_one_finding_and_no_endless_list() {
    let bundle = Bundle::new();
    let (mut checkpoints, mut manifests) = bundle.documents();
    let count = checkpoints.len();
    // A stranger's says nothing about those before it.
    checkpoints.push(Document { number: u64::MAX, content: checkpoints[0].content.clone() });
    manifests.push(Document { number: u64::MAX, content: Vec::new() });
    let report = verify(&bundle.demands(), checkpoints, manifests, bundle.lines());
    assert!(report.findings.len() <= 3, "{} findings", report.findings.len());
    // The notary's own.
    let (mut checkpoints, manifests) = bundle.documents();
    let mut other = bundle.clone();
    resign(&mut other, count, &[1], |c| c.number = u64::MAX);
    checkpoints[count - 1] =
        Document { number: u64::MAX, content: other.checkpoints[count - 1].to_string().into_bytes() };
    let report = verify(&bundle.demands(), checkpoints, manifests, bundle.lines());
    let missing = Finding::CheckpointMissing { checkpoint: count as u64, through: u64::MAX - 1 };
    assert!(report.findings.contains(&missing) && report.findings.len() < 10, "{:?}", report.findings);
}

#[test]
fn a_dropped_manifest_is_missing_and_blames_no_record() {
    for number in [1, 5, Bundle::new().manifests.len()] {
        let mut bundle = Bundle::new();
        bundle.manifests.remove(number - 1);
        let report = bundle.is(Verdict::Missing);
        let [Finding::ManifestMissing { checkpoint }] = report.findings[..] else { panic!("{report:?}") };
        assert_eq!(checkpoint, number as u64);
        assert!(report.unchecked.iter().any(|what| matches!(what, Unchecked::WithoutManifest { .. })));
    }
}

#[test]
fn a_manifest_with_a_leaf_more_less_or_other_is_altered() {
    for number in [1, 5, Bundle::new().manifests.len()] {
        for change in 0..4 {
            let mut bundle = Bundle::new();
            let manifest = &mut bundle.manifests[number - 1];
            match change {
                0 => drop(manifest.leaves.pop()),
                1 => manifest.leaves.push(Hash([0xff; 32])),
                2 => manifest.frontier[0] = Hash::of(b"x"),
                _ => manifest.to = manifest.to.plus(1),
            }
            let report = bundle.is(Verdict::Altered);
            let [Finding::ManifestAltered { checkpoint, .. }] = report.findings[..] else {
                panic!("{report:?}")
            };
            assert_eq!(checkpoint, number as u64);
        }
    }
}

#[test]
fn two_histories_are_a_fork() {
    // A second checkpoint of one number, signed with the true key.
    let bundle = Bundle::new();
    let (mut checkpoints, manifests) = bundle.documents();
    let mut other = bundle.clone();
    resign(&mut other, 5, &[1], |c| c.quarantined = 3);
    checkpoints.push(other.documents().0[4].clone());
    let report = verify(&bundle.demands(), checkpoints, manifests, bundle.lines());
    assert_eq!(report.verdict(), Verdict::Forged);
    // One in place of another: the next does not follow it.
    let report = other.is(Verdict::Forged);
    assert!(matches!(report.findings[..], [Finding::Fork { checkpoint: 6, .. }]), "{report:?}");
    // The end of a log that had one record less.
    let mut shorter = records(40, 4);
    shorter.remove(30);
    let other = Bundle::seal(shorter, &[1]);
    let mut spliced = bundle.clone();
    spliced.checkpoints.truncate(6);
    spliced.checkpoints.extend_from_slice(&other.checkpoints[6..]);
    assert!(spliced.report().findings.iter().any(|f| matches!(f, Finding::Fork { checkpoint: 7, .. })));
    // Minutes left out between two checkpoints.
    let mut bundle = bundle;
    let last = bundle.checkpoints.len();
    resign(&mut bundle, last, &[1], |c| c.from = c.from.plus(1));
    assert!(bundle.report().findings.iter().any(|f| matches!(f, Finding::Fork { .. })));
}

#[test]
fn a_root_that_the_leaves_do_not_make_is_found_even_if_it_is_signed() {
    let mut bundle = Bundle::new();
    let last = bundle.checkpoints.len();
    resign(&mut bundle, last, &[1], |c| c.root = Hash::of(b"x"));
    bundle.is(Verdict::Altered);
}

#[test]
fn a_checkpoint_in_between_may_be_lost_and_its_records_are_still_vouched_for() {
    let mut bundle = Bundle::new();
    bundle.checkpoints.remove(4);
    let report = bundle.is(Verdict::Missing);
    assert_eq!(report.findings, [Finding::CheckpointMissing { checkpoint: 5, through: 5 }]);
    assert_eq!(report.unchecked, []);
}

#[test]
fn keys_are_rotated_through_a_checkpoint_that_both_sign() {
    let mut bundle = Bundle::new().rotated();
    bundle.is(Verdict::Intact);
    // Who does not know the new key cannot be told that all is well.
    bundle.keys = vec![1];
    bundle.is(Verdict::Forged);
    // One of two signatures taken away.
    bundle.keys = vec![1, 2];
    resign(&mut bundle, 7, &[2], |_| {});
    bundle.is(Verdict::Altered);
}

#[test]
fn without_keys_checkpoints_or_a_clock_nothing_is_intact() {
    let bundle = Bundle::new();
    let (checkpoints, manifests) = bundle.documents();
    let without = |demands: Demands| verify(&demands, checkpoints.clone(), manifests.clone(), bundle.lines());
    let report = without(Demands { keys: Vec::new(), ..bundle.demands() });
    assert_eq!(
        (report.verdict(), &report.unchecked[..]),
        (Verdict::CannotTell, &[Unchecked::Signatures][..])
    );
    let report = without(Demands { fresh: None, ..bundle.demands() });
    assert_eq!((report.verdict(), &report.unchecked[..]), (Verdict::CannotTell, &[Unchecked::Freshness][..]));
    let report = verify(&bundle.demands(), Vec::new(), Vec::new(), bundle.lines());
    assert_eq!(
        (report.verdict(), &report.unchecked[..]),
        (Verdict::CannotTell, &[Unchecked::NoCheckpoint][..])
    );
}
