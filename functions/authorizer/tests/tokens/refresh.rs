//! Keys that are fetched: when, how often, and what an issuer's bad day does.

use authorizer::{Denied, Reason};
use futures::future::join_all;
use serde_json::json;

use crate::{
    app::{App, Log, NOW, claims},
    server::{Answer, Server},
    signer::{Signer, encode},
};

/// A well-formed token with a `kid` that somebody made up.
fn made_up(number: usize) -> String {
    let header = json!({"alg": "EdDSA", "kid": format!("made-up-{number}")});
    format!("{}.{}.{}", encode(header.to_string()), encode(claims().to_string()), encode([0; 64]))
}

fn without_keys<T>(answer: &Result<T, Denied>) -> bool {
    matches!(answer, Err(Denied::WithoutKeys))
}

#[tokio::test]
async fn pinned_keys_need_no_network() {
    let signer = Signer::rsa("pinned");
    let server = Server::with(&[&signer]).await;
    App::of(&[server.issuer(&[&signer])]).accepts(&signer.token(&claims())).await;
    assert_eq!(server.requests(), 0);
}

#[tokio::test]
async fn without_pinned_keys_the_first_token_fetches_them() {
    let signer = Signer::p256("ec");
    let server = Server::with(&[&signer]).await;
    let app = App::of(&[server.issuer(&[])]);
    for _ in 0..3 {
        app.accepts(&signer.token(&claims())).await;
    }
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn ten_thousand_made_up_kids_cause_one_fetch_per_window() {
    let signer = Signer::ed25519("good");
    let server = Server::with(&[&signer]).await;
    let app = App::of(&[server.issuer(&[&signer])]);
    let good = signer.token(&claims());
    for number in 0..10_000 {
        // All of them within 60 s, three a window's length later, and a good one now and then.
        let now = NOW + i64::try_from(number).unwrap() / 167;
        assert_eq!(app.at(now, &made_up(number)).await, Err(Denied::Refused(Reason::UnknownKey)));
        if number % 500 == 0 {
            assert!(app.at(now, &good).await.is_ok());
        }
    }
    assert_eq!(server.requests(), 1);
    for window in 1..4 {
        for number in 0..100 {
            let _ = app.at(NOW + 60 * window, &made_up(number)).await;
        }
        assert_eq!(server.requests(), 1 + usize::try_from(window).unwrap());
    }
}

#[tokio::test]
async fn calls_at_the_same_time_share_one_fetch() {
    let (old, new) = (Signer::ed25519("old"), Signer::ed25519("new"));
    let server = Server::with(&[&old, &new]).await;
    let app = App::of(&[server.issuer(&[&old])]);
    let (good, strange) = (new.token(&claims()), made_up(0));
    let answers =
        join_all((0..200).map(|number| app.at(NOW, if number % 2 == 0 { &good } else { &strange }))).await;
    for (number, answer) in answers.iter().enumerate() {
        assert_eq!(answer.is_ok(), number % 2 == 0, "{number}: {answer:?}");
    }
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn a_rotation_fails_no_good_token() {
    let keys = [Signer::ed25519("1"), Signer::p256("2"), Signer::rsa("3")];
    let server = Server::with(&[&keys[0]]).await;
    let app = App::of(&[server.issuer(&[&keys[0]])]);
    for (day, pair) in (1..).zip(keys.windows(2)) {
        let now = NOW + day * 100;
        let [old, new] = pair else { panic!("a pair") };
        assert!(app.at(now, &old.token(&claims())).await.is_ok());
        server.rotate(&[old, new]);
        assert!(app.at(now, &new.token(&claims())).await.is_ok(), "at once");
        assert!(app.at(now, &old.token(&claims())).await.is_ok(), "until they are used up");
    }
    assert_eq!(server.requests(), 2);
}

#[tokio::test]
async fn a_key_that_the_issuer_took_back_is_gone_after_the_next_fetch() {
    let (old, new) = (Signer::ed25519("old"), Signer::ed25519("new"));
    let server = Server::with(&[&new]).await;
    let app = App::of(&[server.issuer(&[&old])]);
    app.accepts(&new.token(&claims())).await;
    assert_eq!(app.refuses(&old.token(&claims())).await, Reason::UnknownKey);
}

#[tokio::test]
async fn a_token_without_kid_may_be_of_a_new_key() {
    let (old, new) = (Signer::ed25519("old"), Signer::ed25519("new").without_kid());
    let server = Server::with(&[&old, &new]).await;
    let app = App::of(&[server.issuer(&[&old])]);
    app.accepts(&new.token(&claims())).await;
    let forged = Signer::ed25519("forged").without_kid();
    for _ in 0..5 {
        assert_eq!(app.refuses(&forged.token(&claims())).await, Reason::BadSignature);
    }
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn a_forged_signature_under_a_known_kid_fetches_nothing() {
    let signer = Signer::ed25519("good");
    let server = Server::with(&[&signer]).await;
    let app = App::of(&[server.issuer(&[&signer])]);
    assert_eq!(app.refuses(&Signer::ed25519("good").token(&claims())).await, Reason::BadSignature);
    assert_eq!(app.refuses(&Signer::p256("good").token(&claims())).await, Reason::WrongAlgorithm);
    assert_eq!(server.requests(), 0);
}

/// Answers that are no key set.
fn bad_answers(signer: &Signer) -> Vec<Answer> {
    let keys = json!({"keys": [signer.jwk()]}).to_string();
    vec![
        Answer::Raw("500 Oops", String::new()),
        Answer::Raw("404 Not Found", keys.clone()),
        Answer::Raw("204 No Content", String::new()),
        // A redirect is not followed, wherever it leads.
        Answer::Raw("302 Found\r\nLocation: /jwks.json", keys.clone()),
        Answer::Raw("200 OK", "<html>Sign in</html>".into()),
        Answer::Raw("200 OK", String::new()),
        Answer::Raw("200 OK", "{}".into()),
        Answer::Raw("200 OK", r#"{"keys":[]}"#.into()),
        Answer::Raw("200 OK", r#"{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]}"#.into()),
        Answer::Raw("200 OK", keys.replacen('{', r#"{"keys":[],"#, 1)),
        Answer::Raw("200 OK", format!("{}{keys}", " ".repeat(64 * 1024))),
        Answer::Raw("nonsense", keys),
        Answer::Half,
        Answer::Endless,
    ]
}

#[tokio::test]
async fn a_bad_answer_never_evicts_a_good_key() {
    let (signer, new) = (Signer::ed25519("good"), Signer::ed25519("new"));
    let server = Server::with(&[]).await;
    let app = App::of(&[server.issuer(&[&signer])]);
    let answers = bad_answers(&new);
    let count = answers.len();
    for (window, answer) in (0..).zip(answers) {
        server.set(answer);
        let now = NOW + 60 * window;
        // An issuer whose keys we have is not down: an unknown key is a 401 meanwhile.
        assert_eq!(app.at(now, &made_up(0)).await, Err(Denied::Refused(Reason::UnknownKey)));
        assert!(app.at(NOW, &signer.token(&claims())).await.is_ok(), "window {window}");
        assert_eq!(server.requests(), usize::try_from(window).unwrap() + 1, "window {window}");
    }
    server.rotate(&[&signer, &new]);
    let later = NOW + 60 * i64::try_from(count).unwrap();
    assert_ne!(app.at(later, &new.token(&claims())).await, Err(Denied::Refused(Reason::UnknownKey)));
    app.accepts(&new.token(&claims())).await;
}

#[tokio::test]
async fn without_any_key_it_is_not_the_tokens_fault() {
    let signer = Signer::ed25519("good");
    let log = Log::start();
    for answer in bad_answers(&signer) {
        let server = Server::start(answer).await;
        let app = App::of(&[server.issuer(&[])]);
        let token = signer.token(&claims());
        assert!(without_keys(&app.at(NOW, &token).await));
        assert!(without_keys(&app.at(NOW + 4, &token).await), "at most one fetch in 5 s");
        assert_eq!(server.requests(), 1);
        server.rotate(&[&signer]);
        assert!(app.at(NOW + 5, &token).await.is_ok());
        assert_eq!(server.requests(), 2);
    }
    assert!(log.text().contains("the keys of an issuer cannot be fetched"));
    assert!(log.text().contains("no key of an issuer can be had"));
    assert!(!log.text().contains("jwks.json") && !log.text().contains(&signer.token(&claims())));
}

#[tokio::test]
async fn an_issuer_that_cannot_be_reached_is_no_fault_of_the_token_either() {
    let signer = Signer::ed25519("good");
    let mut issuer = Server::with(&[]).await.issuer(&[]);
    // Nothing listens on port 1.
    issuer["jwksUri"] = json!("http://127.0.0.1:1/jwks.json");
    assert!(without_keys(&App::of(&[issuer]).at(NOW, &signer.token(&claims())).await));
}

/// The clock jumps to the time-out, because nothing else is going on.
#[tokio::test(start_paused = true)]
async fn a_silent_issuer_is_given_three_seconds() {
    let signer = Signer::ed25519("good");
    let server = Server::start(Answer::Silence).await;
    let app = App::of(&[server.issuer(&[])]);
    let began = tokio::time::Instant::now();
    assert!(without_keys(&app.at(NOW, &signer.token(&claims())).await));
    assert!(began.elapsed() <= std::time::Duration::from_millis(3_100), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_clock_that_was_set_back_does_not_stop_fetches() {
    let (old, new) = (Signer::ed25519("old"), Signer::ed25519("new"));
    let server = Server::with(&[&old]).await;
    let app = App::of(&[server.issuer(&[&old])]);
    let _ = app.at(NOW + 500, &made_up(0)).await;
    server.rotate(&[&old, &new]);
    app.accepts(&new.token(&claims())).await;
}

#[tokio::test]
async fn one_issuers_trouble_is_not_anothers() {
    let (one, two) = (Signer::ed25519("one"), Signer::ed25519("two"));
    let (down, up) =
        (Server::start(Answer::Raw("500 Oops", String::new())).await, Server::with(&[&two]).await);
    let mut second = up.issuer(&[]);
    (second["issuer"], second["ownerPrefix"]) = (json!("https://two.example/"), json!("two:"));
    let app = App::of(&[down.issuer(&[]), second]);
    let mut claims_of_two = claims();
    claims_of_two["iss"] = json!("https://two.example/");
    assert!(without_keys(&app.at(NOW, &one.token(&claims())).await));
    assert_eq!(app.accepts(&two.token(&claims_of_two)).await.context["owner"], "two:user-1");
    // A key of one issuer vouches for no token of the other.
    assert_eq!(app.refuses(&one.token(&claims_of_two)).await, Reason::UnknownKey);
}
