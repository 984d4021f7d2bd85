use std::{sync::Arc, time::Duration};

use audit::{
    intents::Intents,
    log_sink::LogSink,
    stream::{Auditor, Batch},
};
use aws_sdk_cloudwatchlogs::config::{BehaviorVersion, Credentials, Region};
use seal::{
    Hash, Minute,
    intent::{DAYS, attribute},
    leaf::leaf,
};
use serde_json::{Value, json};
use tasks::audit::{Deployment, FreeText};

use crate::{
    logs::Logs,
    schema,
    table::{NAME, Table},
};

struct Scene {
    table: Arc<Table>,
    logs: Logs,
    auditor: Auditor,
}

impl Scene {
    /// An audit function with a table of intents of this name, or without one.
    async fn with(name: Option<&str>) -> Self {
        let table = Arc::new(Table::start().await);
        let logs = Logs::start(Arc::clone(&table)).await;
        let config = aws_sdk_cloudwatchlogs::config::Builder::new()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .endpoint_url(&logs.endpoint)
            .timeout_config(runtime::timeouts(Duration::from_secs(5), Duration::from_secs(5)))
            .http_client(runtime::http_client());
        let client = aws_sdk_cloudwatchlogs::Client::from_conf(config.build());
        let intents = name.map(|name| Intents::new(table.client.clone(), name.into(), "instance".into(), 7));
        let sink = |group: &str| LogSink::new(client.clone(), group.into(), "instance".into());
        let auditor = Auditor {
            audit: sink("audit"),
            quarantine: sink("quarantine"),
            intents,
            deployment: Deployment { stage: "dev".into(), free_text: FreeText::Hashed },
        };
        Self { table, logs, auditor }
    }

    /// Returns the sequence number that the function reports, if any.
    async fn handle(&self, records: &[Value]) -> Option<String> {
        self.handle_text(&records.iter().map(Value::to_string).collect::<Vec<_>>()).await
    }

    /// The same for records that no JSON value can hold.
    async fn handle_text(&self, records: &[String]) -> Option<String> {
        let batch: Batch =
            serde_json::from_str(&format!(r#"{{"Records":[{}]}}"#, records.join(","))).unwrap();
        let response = self.auditor.handle(&batch).await.unwrap();
        for group in ["audit", "quarantine"] {
            // Some payloads are quarantined because no value can hold them.
            let lines = self.logs.lines(group);
            for line in lines.iter().filter_map(|line| serde_json::from_str(line).ok()) {
                assert!(schema::allows(&line), "{line:#}");
            }
        }
        response.batch_item_failures.into_iter().next().and_then(|failure| failure.item_identifier)
    }
}

/// The creation of a task in the stream, by the API, so that the record has every member, or directly.
fn created(number: u32, by_api: bool) -> Value {
    let mut image = json!({
        "PK": {"S": "alice"}, "SK": {"S": format!("TASK#{number}")}, "version": {"N": "1"}, "status": {"S": "PENDING"},
        "updatedAt": {"S": "2026-11-28T08:41:07.123Z"}, "title": {"S": "\"ü\"\u{1}"}, "salt": {"B": "AAECAw=="},
        "assignee": {"S": "ann \\ 猫\n"}, "priority": {"N": "1"}, "z": {"SS": ["b", "a"]},
    });
    if by_api {
        let member = |(name, value): (&str, &str)| (name.to_owned(), json!({"S": value}));
        let id = format!("request {number}");
        let request = [
            ("id", &*id),
            ("method", "POST"),
            ("route", "/tasks"),
            ("sourceIp", "192.0.2.1"),
            ("userAgent", "\"curl\"\t"),
            ("traceId", "1-2-3"),
        ];
        let actor = [("id", "alice"), ("auth", "token"), ("credential", "0a1b2c3d")];
        image["request"] = json!({"M": request.into_iter().map(member).collect::<Value>()});
        image["actor"] = json!({"M": actor.into_iter().map(member).collect::<Value>()});
        image["actor"]["M"]["scopes"] = json!({"L": [{"S": "tasks:write"}, {"S": "tasks:read"}]});
        image["putAgain"] = json!({"S": "2026-11-28T08:41:09.123Z"});
        image["idempotencyRecord"] = json!({"S": "IDEMPOTENCY#0a1b"});
    }
    json!({
        "eventID": format!("event {number}"), "eventSourceARN": "arn:aws:dynamodb:us-east-1:1:table/t/stream/s",
        "dynamodb": {
            "ApproximateCreationDateTime": 1_795_855_267.0 + f64::from(number) * 60.0,
            "Keys": {"PK": image["PK"], "SK": image["SK"]}, "NewImage": image,
            "SequenceNumber": format!("{number:021}"),
        },
    })
}

fn number(text: &str) -> String {
    format!("{text:0>21}")
}

#[tokio::test]
async fn every_record_is_announced_before_it_is_written() {
    let scene = Scene::with(Some(NAME)).await;
    let batch = [created(3, true), created(2, false), created(4, true)];
    assert_eq!(scene.handle(&batch).await, None);
    let records = scene.logs.messages("audit");
    let leaves: Vec<Hash> = records.iter().map(|record| leaf(record).unwrap()).collect();
    let members = |of: &Value| of.as_object().unwrap().len();
    let of = |record: &Value| ["request", "actor", "time"].map(|name| members(&record[name]));
    assert_eq!(
        (members(&records[0]), of(&records[0])),
        (12, [7, 4, 4]),
        "as many as there are: {}",
        records[0]
    );
    assert_eq!(records[1]["otherFields"], json!(["salt", "updatedAt", "version", "z"]));
    assert_eq!((scene.table.leaves().await, scene.logs.leaves_before()), (leaves.clone(), vec![3]));
    for (record, leaf) in records.iter().zip(leaves) {
        assert_eq!(
            (&record["schema"], &record["integrity"]["record"]),
            (&json!("task.audit/2"), &json!(leaf.hex()))
        );
    }
    let [item] = &scene.table.items().await[..] else { panic!("one item") };
    let text = |name: &str| item[name].as_s().unwrap().clone();
    assert_eq!(text(attribute::SORT_KEY), format!("{}#instance#7", number("3")));
    assert_eq!(text(attribute::STREAMED), "2026-11-28T08:43Z", "the oldest");
    assert_eq!(item[attribute::UNKNOWN_ACTORS].as_n().unwrap(), "1");
    assert_eq!(item[attribute::QUARANTINED].as_n().unwrap(), "0");
    // The verifier counts on it.
    let minute = Minute::of_timestamp(records[0]["time"]["audited"].as_str().unwrap()).unwrap();
    assert_eq!(text(attribute::PARTITION_KEY), minute.to_string());
    let kept = minute.start().unix() + DAYS * 86_400;
    assert_eq!(item[attribute::TTL].as_n().unwrap(), &kept.to_string());
}

#[tokio::test]
async fn a_record_that_cannot_be_announced_is_not_written() {
    let scene = Scene::with(Some("no-such-table")).await;
    assert_eq!(scene.handle(&[created(1, true), created(2, true)]).await, Some(number("1")));
    assert_eq!(scene.logs.messages("audit"), [] as [Value; 0]);
}

#[tokio::test]
async fn a_second_delivery_announces_the_same_leaves_in_an_item_of_its_own() {
    let scene = Scene::with(Some(NAME)).await;
    scene.logs.fail(1);
    let batch = [created(1, true), created(2, true)];
    assert_eq!(scene.handle(&batch).await, Some(number("1")));
    assert_eq!(scene.logs.messages("audit"), [] as [Value; 0]);
    assert_eq!(scene.table.leaves().await.len(), 2, "a loss would show");
    assert_eq!(scene.handle(&batch[..1]).await, None);
    let mut leaves = scene.table.leaves().await;
    assert_eq!((leaves.len(), scene.table.items().await.len()), (3, 2));
    leaves.sort_unstable();
    leaves.dedup();
    assert_eq!(leaves.len(), 2);
}

#[tokio::test]
async fn a_quarantined_record_is_counted() {
    let scene = Scene::with(Some(NAME)).await;
    let mut broken = created(2, true);
    broken["dynamodb"]["Keys"] = json!({});
    assert_eq!(scene.handle(&[created(1, true), broken, created(3, true)]).await, None);
    assert_eq!((scene.logs.messages("audit").len(), scene.logs.messages("quarantine").len()), (2, 1));
    let counts =
        |name: &str, items: &[std::collections::HashMap<_, aws_sdk_dynamodb::types::AttributeValue>]| {
            items.iter().map(|item| item[name].as_n().unwrap().parse::<u64>().unwrap()).sum::<u64>()
        };
    let items = scene.table.items().await;
    assert_eq!((items.len(), counts(attribute::QUARANTINED, &items)), (3, 1));
}

/// Nested deeper than a decoder follows, or with a number or an escape that no value can hold.
#[tokio::test]
async fn a_payload_that_no_value_can_hold_is_quarantined_byte_for_byte_and_blocks_nothing() {
    let scene = Scene::with(None).await;
    let nested = |levels: usize| format!("{}1{}", r#"{"L":["#.repeat(levels), "]}".repeat(levels));
    let digits = "9".repeat(400);
    for (number, odd) in (2..).zip([
        nested(200),
        nested(5_000),
        format!("{digits}.{digits}e-{digits}"),
        r#""a lone half: \ud83d, \udE00""#.to_owned(),
        r#"{ "N" : 1.10,"N":1e2 , "é\u00e9" : [ ] }"#.to_owned(),
    ]) {
        for member in ["", "odd"] {
            let mut broken = created(number, true);
            broken["dynamodb"]["NewImage"]["title"] = json!("PLACE");
            let text = broken.to_string().replacen(r#""PLACE""#, &odd, 1);
            let text = format!(r#"{{"{member}":{odd},{}"#, &text[1..]);
            let batch = [created(number, true).to_string(), text.clone(), created(number, true).to_string()];
            let before = scene.logs.lines("audit").len();
            assert_eq!(scene.handle_text(&batch).await, None);
            assert_eq!(scene.logs.lines("audit").len(), before + 2, "the others are audited");
            let line = scene.logs.lines("quarantine").pop().unwrap();
            assert!(line.ends_with(&format!(r#","payload":{text}}}"#)), "{line:.300}");
        }
    }
}

#[tokio::test]
async fn without_a_table_of_intents_records_are_written_all_the_same() {
    let scene = Scene::with(None).await;
    assert_eq!(scene.handle(&[created(1, true)]).await, None);
    assert_eq!((scene.logs.messages("audit").len(), scene.table.items().await.len()), (1, 0));
}
