//! Answers of DynamoDB that break off, stop in the middle or are not what it promises, from a server that plays a script.

use std::time::Duration;

use runtime::error_chain;
use serde_json::{Value, json};
use tasks::task::TaskId;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use crate::table::{Answer, Table};

const ID: &str = "019a0000-0000-7000-8000-000000000001";

/// The part of an answer that arrives.
#[derive(Debug, Clone, Copy)]
enum Arrives {
    Whole,
    Half,
    HalfInChunks,
    HalfAndThenNothing,
}

struct Reply {
    status: &'static str,
    body: Vec<u8>,
    arrives: Arrives,
}

fn reply(body: impl Into<Vec<u8>>) -> Reply {
    Reply { status: "200 OK", body: body.into(), arrives: Arrives::Whole }
}

fn failure(status: &'static str, code: &str, item: &str) -> Reply {
    let body = format!(r#"{{"__type":"com.amazonaws.dynamodb.v20120810#{code}","message":"m"{item}}}"#);
    Reply { status, ..reply(body) }
}

/// Returns the attributes of a task.
fn task(title: &str, request: &str) -> String {
    let at = "2026-01-01T00:00:00.000Z";
    format!(
        r#"{{"SK":{{"S":"TASK#{ID}"}},"title":{{"S":"{title}"}},"description":{{"S":""}},"status":{{"S":"PENDING"}},
        "priority":{{"S":"LOW"}},"version":{{"N":"2"}},"createdAt":{{"S":"{at}"}},"updatedAt":{{"S":"{at}"}},
        "createdBy":{{"S":"alice"}},"updatedBy":{{"S":"alice"}},"request":{{"M":{{"id":{{"S":"{request}"}}}}}}}}"#
    )
}

fn one(title: &str, request: &str) -> String {
    format!(r#"{{"Item":{}}}"#, task(title, request))
}

fn page(tasks: &[String]) -> String {
    format!(r#"{{"Items":[{}]}}"#, tasks.join(","))
}

/// Returns the API over a table that gives these answers, one by one, and then none.
async fn playing(script: impl IntoIterator<Item = Reply>) -> Table {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let table =
        Table::waiting(&format!("http://{}", listener.local_addr().unwrap()), Duration::from_millis(150));
    let script: Vec<_> = script.into_iter().collect();
    tokio::spawn(async move {
        let mut silent = Vec::new();
        for Reply { status, body, arrives } in script {
            let (mut stream, _) = listener.accept().await.unwrap();
            read_request(&mut stream).await;
            let (length, half) = (body.len(), body.len() / 2);
            let (framing, sent) = match arrives {
                Arrives::Whole => (format!("content-length: {length}"), body),
                Arrives::Half | Arrives::HalfAndThenNothing => {
                    (format!("content-length: {length}"), body[..half].to_vec())
                }
                Arrives::HalfInChunks => {
                    let chunk = [format!("{half:x}\r\n").as_bytes(), &body[..half], b"\r\n"].concat();
                    ("transfer-encoding: chunked".to_owned(), chunk)
                }
            };
            let head = format!("HTTP/1.1 {status}\r\nconnection: close\r\n{framing}\r\n\r\n");
            stream.write_all(&[head.as_bytes(), &sent].concat()).await.unwrap();
            if matches!(arrives, Arrives::HalfAndThenNothing) {
                silent.push(stream);
            }
        }
    });
    table
}

async fn read_request(stream: &mut TcpStream) {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.unwrap().parse().unwrap() {
                return;
            }
        }
        assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0);
    }
}

async fn send(table: &Table, method: &str, body: &str) -> Answer {
    table.send(method, &format!("/tasks/{ID}"), json!({}), body).await
}

async fn get(reply: Reply) -> Answer {
    send(&playing([reply]).await, "GET", "").await
}

async fn list(body: impl Into<Vec<u8>>) -> Answer {
    playing([reply(body)]).await.send("GET", "/tasks", json!({}), "").await
}

fn titles(page: &Answer) -> Vec<String> {
    let page = page.json();
    let titles =
        page["items"].as_array().unwrap().iter().map(|task| task["title"].as_str().unwrap().to_owned());
    titles.collect()
}

#[tokio::test]
async fn a_read_whose_answer_broke_off_is_sent_again_and_shows_nothing_of_the_first() {
    for arrives in [Arrives::Half, Arrives::HalfInChunks, Arrives::HalfAndThenNothing] {
        let broken = |body: String| Reply { arrives, ..reply(body) };
        let table = playing([broken(one("first", "-")), reply(one("second", "-"))]).await;
        assert_eq!(send(&table, "GET", "").await.json()["title"], "second", "{arrives:?}");
        let (first, second) = (["a", "b", "c"].map(|title| task(title, "-")), [task("d", "-")]);
        let table = playing([broken(page(&first)), reply(page(&second))]).await;
        assert_eq!(titles(&table.send("GET", "/tasks", json!({}), "").await), ["d"], "{arrives:?}");
        // What another attempt reports is not covered up by what this one kept.
        let busy = failure("500 Internal Server Error", "InternalServerError", "");
        let table = playing([broken(one("first", "-")), busy, reply("{}")]).await;
        assert_eq!(send(&table, "GET", "").await.status(), 404, "{arrives:?}");
        let table =
            playing([broken(one("first", "-")), broken(one("first", "-")), broken(one("first", "-"))]).await;
        assert_eq!(send(&table, "GET", "").await.problem(), (503, "unavailable".into()), "{arrives:?}");
    }
}

#[tokio::test]
async fn a_write_whose_answer_broke_off_is_looked_up_and_not_sent_again() {
    const CHANGE: &str = r#"{"title":"b"}"#;
    let written = format!(r#"{{"Attributes":{}}}"#, task("b", "request-1"));
    for (arrives, answer) in [
        (Arrives::Half, written.as_str()),
        (Arrives::HalfInChunks, &written),
        (Arrives::HalfAndThenNothing, &written),
        (Arrives::Whole, "<html>"),
    ] {
        let broken = || Reply { arrives, ..reply(answer) };
        let table = playing([broken(), reply(one("b", "request-1"))]).await;
        let answer = send(&table, "PUT", CHANGE).await;
        assert_eq!((answer.status(), answer.header("ETag")), (200, Some("\"2\"")), "{arrives:?}");
        let table = playing([broken(), reply(one("b", "another"))]).await;
        assert_eq!(
            send(&table, "PUT", CHANGE).await.problem(),
            (504, "outcome-unknown".into()),
            "{arrives:?}"
        );
    }
}

#[tokio::test]
async fn a_refusal_is_judged_by_its_own_item_whatever_arrived_before_it() {
    let broken = || Reply { arrives: Arrives::Half, ..reply(one("b", "request-1")) };
    let found = || reply(one("b", "another"));
    let throttled = || failure("400 Bad Request", "ThrottlingException", "");
    let refused = |item: &str| failure("400 Bad Request", "ConditionalCheckFailedException", item);
    let with = |request| refused(&format!(r#","Item":{}"#, task("b", request)));
    for (script, status, etag) in [
        (vec![broken(), found(), throttled(), with("request-1")], 200, Some("\"2\"")),
        (vec![broken(), found(), throttled(), with("another")], 504, None),
        (vec![throttled(), with("another")], 412, Some("\"2\"")),
        (vec![throttled(), refused("")], 404, None),
    ] {
        let (target, headers) = (format!("/tasks/{ID}"), json!({"If-Match": "\"1\""}));
        let answer = playing(script).await.send("PUT", &target, headers, r#"{"title":"b"}"#).await;
        assert_eq!((answer.status(), answer.header("ETag")), (status, etag), "{answer:?}");
    }
}

#[tokio::test]
async fn a_warm_up_gives_up_on_a_silent_table_long_before_its_call_does() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let table = Table::waiting(&endpoint, Duration::from_mins(1));
    timeout(Duration::from_secs(30), table.warm_up()).await.expect("a start waits for the table");
}

#[tokio::test]
async fn an_answer_that_is_no_item_is_a_failure_and_no_missing_task() {
    let deep = format!(r#"{{"a":{}1{}}}"#, r#"{"M":{"a":"#.repeat(200), "}}".repeat(200));
    let items = [
        b"[]",
        br#"{"title":"a"}"#.as_slice(),
        br#"{"title":{}}"#,
        br#"{"title":{"S":1}}"#,
        br#"{"title":{"S":"a","N":"1"}}"#,
        br#"{"title":{"S":"\ud800"}}"#,
        b"{\"title\":{\"S\":\"\xff\"}}",
        deep.as_bytes(),
    ];
    let within =
        |before: &str, item: &[u8], after: &str| [before.as_bytes(), item, after.as_bytes()].concat();
    let none = ["", "<html>", "[]", "null", r#"{"Item":{}"#].map(|text| [text; 3].map(Vec::from));
    let answers = items.map(|item| {
        [(r#"{"Item":"#, "}"), (r#"{"Items":["#, "]}"), (r#"{"Attributes":"#, "}")]
            .map(|(before, after)| within(before, item, after))
    });
    for [one, many, new] in none.into_iter().chain(answers) {
        let text = String::from_utf8_lossy(&one).into_owned();
        assert_eq!(get(reply(one)).await.problem(), (503, "unavailable".into()), "{text}");
        assert_eq!(list(many).await.problem(), (503, "unavailable".into()), "{text}");
        let put = send(&playing([reply(new)]).await, "PUT", r#"{"title":"b"}"#).await;
        assert_eq!(put.problem(), (504, "outcome-unknown".into()), "{text}");
    }
}

#[tokio::test]
async fn the_log_says_where_an_answer_cannot_be_read_and_nothing_of_what_clients_wrote() {
    let id = TaskId::parse(ID).unwrap();
    for (item, place) in [
        (r#"{"title":"secret"}"#, "Data error at line 1 column 25"),
        (r#"{"title":{"S":"secret"}"#, "Eof error at line 1 column 31"),
    ] {
        let table = playing([reply(format!(r#"{{"Item":{item}"#))]).await;
        let error = table.store.get("team", id).await.unwrap_err();
        let logged = error_chain(&error);
        assert!(logged.contains(place) && !format!("{logged}{error:?}").contains("secret"), "{error:?}");
    }
}

#[tokio::test]
async fn what_the_service_does_not_know_in_an_item_hides_nothing_else() {
    let strange = task(r"\u0061\ud83d\ude00\\", "-").replace(r#""title""#, r#""\u0074itle""#).replacen(
        '{',
        r#"{"new":{"$unknown":[{"S":"a"}]},"#,
        1,
    );
    assert_eq!(get(reply(format!(r#"{{"Item":{strange}}}"#))).await.json()["title"], "a😀\\");
    let malformed = task("b", "-").replace(r#"{"N":"2"}"#, r#"{"N":"1E+125"}"#);
    let of_another_type = task("c", "-").replace(r#"{"S":"c"}"#, r#"{"$unknown":"c"}"#);
    let page = list(page(&[strange, malformed, of_another_type, task("d", "-")])).await;
    assert_eq!(titles(&page), ["a😀\\", "d"]);
    // DynamoDB nests 32 levels at most.
    let deep = format!(r#"{}{{"NULL":true}}{}"#, r#"{"M":{"a":"#.repeat(32), "}}".repeat(32));
    let item = task("e", "-").replacen('{', &format!(r#"{{"deep":{deep},"#), 1);
    assert_eq!(get(reply(format!(r#"{{"Item":{item}}}"#))).await.json()["title"], Value::from("e"));
}
