use notary::{error::Error, metrics, notary::Run};
use seal::{Manifest, Tree};
use serde_json::json;

use crate::{
    aws::key,
    scene::{ORIGIN, SETTLE, Scene, leaf, millis, minute, run},
};

fn sorted(numbers: &[u32]) -> Vec<seal::Leaf> {
    let mut leaves: Vec<_> = numbers.iter().map(|number| leaf(*number)).collect();
    leaves.sort_unstable();
    leaves
}

#[tokio::test]
async fn settled_minutes_are_sealed_and_others_wait() {
    let scene = Scene::new().await;
    let notary = scene.notary(&["1"]).await;
    scene.announce(0, &[1, 2]).await;
    scene.announce(4, &[3]).await;
    scene.announce(5, &[4]).await;
    let first = run(&notary, 5 + SETTLE).await.unwrap();
    // The minute of the run is not over, and those before it are not settled.
    let expected =
        Run { checkpoints: 1, leaves: 3, quarantined: 2, unknown_actors: 4, lag_seconds: 150, lost: None };
    assert_eq!(first, expected);
    let checkpoint = scene.checkpoint(1);
    assert_eq!((checkpoint.from, checkpoint.to, checkpoint.size), (minute(0), minute(4), 3));
    assert_eq!((scene.sealed(), checkpoint.previous), (vec![sorted(&[1, 2, 3])], None));
    let second = run(&notary, 6 + SETTLE).await.unwrap();
    assert_eq!((second.checkpoints, scene.sealed()[1].clone()), (1, sorted(&[4])));
    assert_eq!(scene.checkpoint(2).previous, Some(checkpoint.hash()));
    scene.is_whole(&["1"], 8);
    // A copy of each, and the public key.
    let lines = scene.aws.lines();
    let note = scene.aws.object("checkpoints/0000000002").unwrap();
    assert_eq!(lines[1], json!({"schema": "audit.checkpoint/1", "number": 2, "checkpoint": note}));
    let key = key("1", ORIGIN);
    let published = scene.aws.object(&format!("keys/{}.pub", key.id())).unwrap();
    assert_eq!(published, format!("{key}\n{}", key.pem()));
}

#[tokio::test]
async fn a_quiet_hour_has_one_checkpoint() {
    let scene = Scene::new().await;
    let notary = scene.notary(&["1"]).await;
    let mut made = Vec::new();
    for at in (10..=190).step_by(5) {
        let run = run(&notary, at).await.unwrap();
        assert_eq!(run.lag_seconds, 150, "nothing waits");
        if run.checkpoints == 1 {
            made.push(at);
        }
    }
    assert_eq!(made, [10, 70, 130, 190]);
    scene.is_whole(&["1"], 190);
}

#[tokio::test]
async fn an_ordinary_run_reads_three_small_objects_more_than_it_writes() {
    let scene = Scene::new().await;
    let notary = scene.notary(&["1"]).await;
    for at in 0..40 {
        scene.announce(at, &[u32::try_from(at).unwrap()]).await;
    }
    for at in (8..=38).step_by(5) {
        run(&notary, at).await.unwrap();
    }
    scene.aws.calls();
    run(&notary, 43).await.unwrap();
    let calls = scene.aws.calls();
    let gets = calls.iter().filter(|call| call.starts_with("GET manifests/")).count();
    assert!(gets <= 5 && calls.iter().filter(|call| *call == "GET ").count() == 1, "{calls:?}");
}

#[tokio::test]
async fn a_late_intent_is_sealed_by_the_next_checkpoint_and_a_second_delivery_is_not() {
    let scene = Scene::new().await;
    let notary = scene.notary(&["1"]).await;
    scene.announce(0, &[1]).await;
    run(&notary, 5).await.unwrap();
    scene.announce(1, &[2]).await;
    // A copy, much later: its records were streamed in the first minute.
    scene.table.announce(minute(40), 9, minute(0), &[leaf(1), leaf(3)]).await;
    run(&notary, 10).await.unwrap();
    run(&notary, 45).await.unwrap();
    assert_eq!(scene.sealed(), [sorted(&[1]), sorted(&[2]), sorted(&[3])]);
    scene.is_whole(&["1"], 45);
}

#[tokio::test]
async fn a_notary_that_stood_still_catches_up() {
    let scene = Scene::new().await;
    let notary = scene.notary(&["1"]).await;
    scene.announce(0, &[1]).await;
    run(&notary, 5).await.unwrap();
    scene.announce(300, &[2]).await;
    let caught_up = run(&notary, 500).await.unwrap();
    assert_eq!((caught_up.checkpoints, caught_up.leaves, caught_up.lag_seconds), (3, 1, 150));
    assert_eq!(scene.checkpoint(4).to, minute(497));
    scene.is_whole(&["1"], 500);
}

#[tokio::test]
async fn a_run_that_crashed_between_manifest_and_checkpoint_is_finished_by_the_next() {
    let scene = Scene::new().await;
    scene.announce(0, &[1]).await;
    run(&scene.notary(&["1"]).await, 5).await.unwrap();
    scene.announce(5, &[2]).await;
    scene.aws.refuse(Some("PUT checkpoints/"));
    assert!(matches!(run(&scene.notary(&["1"]).await, 10).await, Err(Error::Aws { .. })));
    let left = scene.manifest(2);
    scene.aws.refuse(None);
    scene.announce(6, &[3]).await;
    let next = run(&scene.notary(&["1"]).await, 15).await.unwrap();
    assert_eq!(scene.manifest(2), left);
    assert_eq!((next.checkpoints, scene.checkpoint(2).to), (2, left.to));
    assert_eq!(scene.sealed(), [sorted(&[1]), sorted(&[2]), sorted(&[3])]);
    scene.is_whole(&["1"], 15);
}

#[tokio::test]
async fn a_manifest_that_nobody_announced_is_not_signed() {
    let scene = Scene::new().await;
    scene.announce(0, &[1]).await;
    run(&scene.notary(&["1"]).await, 5).await.unwrap();
    scene.announce(5, &[2]).await;
    let mut tree = Tree::default();
    tree.push(leaf(1));
    let make = |tree: &Tree, from: i64, to: i64, leaves: &[u32]| {
        Manifest::extend(tree, 2, minute(from), minute(to), sorted(leaves)).0.text()
    };
    for forged in [
        make(&tree, 3, 7, &[2, 66]),
        make(&tree, 3, 7, &[1, 2]),
        make(&tree, 4, 7, &[2]),
        make(&tree, 3, 8, &[2]),
        make(&Tree::default(), 3, 7, &[2]),
        make(&tree, 3, 7, &[2]).replace("\"number\":2", "\"number\":3"),
        "{}".to_owned(),
    ] {
        scene.aws.overwrite(&Manifest::key(2), &forged);
        let err = run(&scene.notary(&["1"]).await, 10).await.unwrap_err();
        assert!(matches!(&err, Error::Untrusted(reason) if reason.contains("manifest 2")), "{err}");
        assert_eq!(scene.aws.object("checkpoints/0000000002"), None);
    }
    scene.aws.overwrite(&Manifest::key(2), &make(&tree, 3, 7, &[2]));
    assert_eq!(run(&scene.notary(&["1"]).await, 10).await.unwrap().checkpoints, 1);
}

#[tokio::test]
async fn of_two_notaries_at_once_one_makes_the_checkpoint() {
    let scene = Scene::new().await;
    let mut lost = 0;
    for round in 0..6 {
        scene.announce(round * 5, &[u32::try_from(round).unwrap()]).await;
        let (one, two) = (scene.notary(&["1"]).await, scene.notary(&["1"]).await);
        // Their clocks differ, so that neither can take the other's checkpoint for its own.
        let at = millis(round * 5 + 8);
        let (one, two) = tokio::join!(one.run(at), two.run(at + 1_000));
        let (one, two) = (one.unwrap(), two.unwrap());
        assert_eq!(one.checkpoints + two.checkpoints, 1, "{one:?} {two:?}");
        lost += usize::from(one.lost.is_some()) + usize::from(two.lost.is_some());
    }
    assert!(lost > 0, "they never met");
    assert_eq!(scene.sealed().concat().len(), 6);
    scene.is_whole(&["1"], 40);
}

#[tokio::test]
async fn a_clock_that_goes_back_makes_no_checkpoint() {
    let scene = Scene::new().await;
    let notary = scene.notary(&["1"]).await;
    scene.announce(0, &[1]).await;
    run(&notary, 100).await.unwrap();
    scene.announce(20, &[2]).await;
    let back = run(&notary, 30).await.unwrap();
    assert_eq!((back.checkpoints, back.lag_seconds), (0, 0));
    scene.announce(98, &[3]).await;
    run(&notary, 110).await.unwrap();
    assert_eq!(scene.checkpoint(2).from, scene.checkpoint(1).to.plus(1));
    scene.is_whole(&["1"], 110);
}

#[tokio::test]
async fn keys_change_through_checkpoints_that_both_sign() {
    let scene = Scene::new().await;
    for (round, keys) in [&["1"][..], &["1", "2"], &["2"]].into_iter().enumerate() {
        let at = i64::try_from(round).unwrap() * 5;
        scene.announce(at, &[u32::try_from(round).unwrap()]).await;
        assert_eq!(run(&scene.notary(keys).await, at + 5).await.unwrap().checkpoints, 1);
    }
    scene.is_whole(&["1", "2"], 15);
    assert_eq!(scene.aws.objects("keys/").len(), 2);
    // A key that never signed with the one before is not a notary's.
    scene.announce(20, &[9]).await;
    let err = run(&scene.notary(&["3"]).await, 25).await.unwrap_err();
    assert!(err.to_string().contains("no key of this notary signed it"), "{err}");
}

#[tokio::test]
async fn a_checkpoint_or_manifest_that_was_replaced_is_not_built_on() {
    for (key, from, to) in [
        ("checkpoints/0000000001", "quarantined 1", "quarantined 0"),
        ("manifests/0000000001.json", "frontier\":[\"", "frontier\":[\"00"),
    ] {
        let scene = Scene::new().await;
        scene.announce(0, &[1]).await;
        run(&scene.notary(&["1"]).await, 5).await.unwrap();
        let content = scene.aws.object(key).unwrap();
        assert!(content.contains(from));
        scene.aws.overwrite(key, &content.replace(from, to));
        let err = run(&scene.notary(&["1"]).await, 10).await.unwrap_err();
        assert!(matches!(err, Error::Untrusted(_)), "{err}");
    }
}

#[tokio::test]
async fn the_newest_checkpoint_is_found_among_many() {
    let scene = Scene::new().await;
    let notary = scene.notary(&["1"]).await;
    for at in (0..60).step_by(5) {
        scene.announce(at, &[u32::try_from(at).unwrap()]).await;
        run(&notary, at + 5).await.unwrap();
    }
    assert_eq!(notary.store.newest().await.unwrap(), 12);
    assert_eq!(scene.notary(&["1"]).await.store.newest().await.unwrap(), 12);
}

#[test]
fn the_figures_are_in_the_embedded_metric_format() {
    let run =
        Run { checkpoints: 1, leaves: 2, quarantined: 3, unknown_actors: 4, lag_seconds: 5, lost: None };
    let line = metrics::line(&run, "Tasks/dev", 7);
    // What the alarm `audit-unsealed` watches, without dimensions.
    let metrics = json!([{"Name": "SealLagSeconds", "Unit": "Seconds"}]);
    let directive = json!([{"Namespace": "Tasks/dev", "Dimensions": [[]], "Metrics": metrics}]);
    assert_eq!(line["_aws"], json!({"Timestamp": 7, "CloudWatchMetrics": directive}));
    assert_eq!((&line["SealLagSeconds"], &line["SealedLeaves"]), (&json!(5), &json!(2)));
}
