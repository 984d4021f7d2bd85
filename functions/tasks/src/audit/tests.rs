use proptest::prelude::*;

use super::*;

const ID: &str = "019a0000-0000-7000-8000-000000000001";

/// A live task's image at `version`, written by request `r<version>`.
fn live(version: u64, title: &str) -> Value {
    let (method, route) = if version == 1 { ("POST", "/tasks") } else { ("PUT", "/tasks/{id}") };
    json!({
        "PK": {"S": "team"}, "SK": {"S": format!("TASK#{ID}")}, "statusKey": {"S": format!("PENDING#{ID}")},
        "title": {"S": title}, "description": {"S": ""}, "status": {"S": "PENDING"}, "priority": {"S": "NORMAL"},
        "version": {"N": version.to_string()},
        "createdAt": {"S": "2026-01-01T00:00:00.000Z"}, "updatedAt": {"S": "2026-01-01T00:00:00.123Z"},
        "createdBy": {"S": "alice"}, "updatedBy": {"S": "alice"}, "salt": {"B": "AAECAwQFBgcICQoLDA0ODw=="},
        "actor": {"M": {
            "id": {"S": "alice"}, "auth": {"S": "token"}, "scopes": {"L": [{"S": "tasks:write"}]}, "credential": {"S": "0a1b2c3d"},
        }},
        "request": {"M": {
            "id": {"S": format!("r{version}")}, "method": {"S": method}, "route": {"S": route},
            "sourceIp": {"S": "192.0.2.1"}, "traceId": {"S": "1-67891233-abcdef012345678912345678"}, "x": {"S": "no"},
        }},
    })
}

fn tombstone(version: u64) -> Value {
    let mut image = live(version, "");
    for gone in ["title", "description", "status", "priority", "salt", "statusKey"] {
        image.as_object_mut().unwrap().remove(gone);
    }
    image["request"]["M"]["method"] = json!({"S": "DELETE"});
    image["deletedBy"] = json!({"S": "alice"});
    image["expiresAt"] = json!({"N": "1800000000"});
    image
}

fn with(mut image: Value, name: &str, value: Value) -> Value {
    image[name] = value;
    image
}

fn stream_record(old: &Value, new: &Value) -> StreamRecord<'static> {
    let mut record = json!({
        "eventID": "e-1", "eventName": "MODIFY", "eventVersion": "1.1", "awsRegion": "eu-west-1",
        "eventSource": "aws:dynamodb", "eventSourceARN": "arn:aws:dynamodb:eu-west-1:1:table/t/stream/s",
        "dynamodb": {
            "ApproximateCreationDateTime": 1_767_225_600, "SizeBytes": 1, "StreamViewType": "NEW_AND_OLD_IMAGES",
            "SequenceNumber": "4421584500000000017450439091",
            "Keys": {"PK": {"S": "team"}, "SK": {"S": format!("TASK#{ID}")}},
        },
    });
    for (name, image) in [("OldImage", old), ("NewImage", new)] {
        if !image.is_null() {
            record["dynamodb"][name] = image.clone();
        }
    }
    serde_json::from_str(record.to_string().leak()).unwrap()
}

fn audited_at() -> Timestamp {
    Timestamp::parse("2026-01-01T00:00:01Z").unwrap()
}

fn deployment(free_text: FreeText) -> Deployment {
    Deployment { stage: "prod".into(), free_text }
}

fn audit(old: &Value, new: &Value) -> Option<AuditRecord> {
    stream_record(old, new).audit(&deployment(FreeText::Hashed), audited_at()).unwrap()
}

fn action(old: &Value, new: &Value) -> Action {
    audit(old, new).unwrap().action
}

#[test]
fn writes_of_the_api_are_recognised() {
    let none = Value::Null;
    assert_eq!(action(&none, &live(1, "a")), Action::Created);
    assert_eq!(action(&live(1, "a"), &live(2, "b")), Action::Updated);
    assert_eq!(action(&live(2, "b"), &tombstone(3)), Action::Deleted);
    assert_eq!(action(&tombstone(3), &none), Action::Purged);
}

#[test]
fn a_write_that_bypassed_the_api_is_out_of_band_and_has_no_actor() {
    let none = Value::Null;
    for (old, new, expected) in [
        (none.clone(), live(2, "a"), Action::ModifiedOutOfBand),
        (none.clone(), with(live(1, "a"), "request", json!({"M": {}})), Action::ModifiedOutOfBand),
        (live(1, "a"), live(1, "b"), Action::ModifiedOutOfBand),
        (live(1, "a"), live(3, "b"), Action::ModifiedOutOfBand),
        (
            live(1, "a"),
            with(live(2, "b"), "request", live(1, "")["request"].clone()),
            Action::ModifiedOutOfBand,
        ),
        (live(1, "a"), with(live(2, "b"), "actor", json!({"S": "root"})), Action::ModifiedOutOfBand),
        (tombstone(3), live(4, "a"), Action::ModifiedOutOfBand),
        (live(2, "a"), none.clone(), Action::RemovedOutOfBand),
    ] {
        let record = audit(&old, &new).unwrap();
        assert_eq!((record.action, record.actor.id.as_str()), (expected, "unknown"), "{old} -> {new}");
        assert_eq!(record.request, None);
    }
}

#[test]
fn ttl_is_the_actor_of_its_purges() {
    let mut record = stream_record(&tombstone(3), &Value::Null);
    record.user_identity = Some(UserIdentity { principal_id: "dynamodb.amazonaws.com".into() });
    let record = record.audit(&deployment(FreeText::Hashed), audited_at()).unwrap().unwrap();
    assert_eq!(json!(record.actor), json!({"id": "dynamodb-ttl", "auth": "service"}));
    assert_eq!((record.action, record.request), (Action::Purged, None));
}

#[test]
fn an_update_says_who_what_and_when() {
    let new = with(live(2, "b"), "status", json!({"S": "COMPLETED"}));
    let record = json!(audit(&live(1, "a"), &new).unwrap());
    let actor = json!({"id": "alice", "auth": "token", "scopes": ["tasks:write"], "credential": "0a1b2c3d"});
    assert_eq!(
        (&record["stage"], &record["outcome"], &record["actor"]),
        (&json!("prod"), &json!("success"), &actor)
    );
    let request = json!({
        "id": "r2", "method": "PUT", "route": "/tasks/{id}", "sourceIp": "192.0.2.1",
        "traceId": "1-67891233-abcdef012345678912345678",
    });
    assert_eq!(record["request"], request);
    let task = json!({"owner": "team", "id": ID, "versionBefore": 1, "versionAfter": 2});
    assert_eq!(record["task"], task);
    assert_eq!(record["changes"][1], json!({"field": "status", "old": "PENDING", "new": "COMPLETED"}));
    let times = json!({
        "changed": "2026-01-01T00:00:00.123Z", "streamed": "2026-01-01T00:00:00.000Z",
        "audited": "2026-01-01T00:00:01.000Z",
    });
    assert_eq!(record["time"], times);
    assert_eq!(record["source"]["sequenceNumber"], "4421584500000000017450439091");
}

/// As an earlier version of the service wrote it.
#[test]
fn an_item_without_the_newer_attributes_leaves_a_record_without_their_members() {
    let mut old = live(2, "b");
    old["actor"]["M"].as_object_mut().unwrap().remove("credential");
    old["request"] = json!({"M": {"id": {"S": "r2"}}});
    old["putAgain"] = json!({"BOOL": true});
    let record = json!(audit(&live(1, "a"), &old).unwrap());
    assert_eq!(record["actor"], json!({"id": "alice", "auth": "token", "scopes": ["tasks:write"]}));
    assert_eq!(record["request"], json!({"id": "r2"}));
    let created = with(live(1, "a"), "putAgain", json!({"BOOL": true}));
    let time = json!(audit(&Value::Null, &created).unwrap().time);
    assert_eq!((&time["changed"], &time["firstTried"]), (&json!("2026-01-01T00:00:00.123Z"), &Value::Null));
}

#[test]
fn a_create_that_was_tried_again_has_the_time_of_its_write_and_that_of_the_first_try() {
    let created = with(live(1, "a"), "putAgain", json!({"S": "2026-01-01T09:00:00.456Z"}));
    let time = json!(audit(&Value::Null, &created).unwrap().time);
    let (changed, first) = (json!("2026-01-01T09:00:00.456Z"), json!("2026-01-01T00:00:00.123Z"));
    assert_eq!((&time["changed"], &time["firstTried"]), (&changed, &first));
    let updated = with(live(2, "b"), "putAgain", json!({"S": "2026-01-01T09:00:00.456Z"}));
    let time = json!(audit(&created, &updated).unwrap().time);
    assert_eq!((&time["changed"], &time["firstTried"]), (&first, &Value::Null), "the change's own time");
}

#[test]
fn a_change_of_other_attributes_out_of_band_shows_their_names_and_no_value() {
    let mut changed = with(live(1, "a"), "note", json!({"S": "a secret"}));
    changed["expiresAt"] = json!({"N": "1"});
    changed.as_object_mut().unwrap().remove("salt");
    let record = audit(&live(1, "a"), &changed).unwrap();
    assert_eq!(record.other_fields, ["expiresAt", "note", "salt"]);
    assert!(record.changes.is_empty() && !json!(record).to_string().contains("a secret"));
    assert_eq!(audit(&live(1, "a"), &live(2, "b")).unwrap().other_fields, [""; 0], "by the API");
    let mut put = live(1, "a");
    put.as_object_mut().unwrap().retain(|name, _| ["PK", "SK", "title", "version"].contains(&name.as_str()));
    let record = audit(&Value::Null, &put).unwrap();
    assert_eq!((record.changes.len(), record.other_fields), (1, vec!["version".to_owned()]));
}

#[test]
fn free_text_is_hashed_with_a_salt_unless_plain_text_is_asked_for() {
    let record = audit(&Value::Null, &live(1, "secret plan")).unwrap();
    let title = &record.changes[0];
    // printf '\x00\x01…\x0fsecret plan' | sha256sum
    let salted: Vec<u8> = (0..16).chain(*b"secret plan").collect();
    assert_eq!(title.new, json!({"length": 11, "sha256": hex::encode(Sha256::digest(salted))}));
    assert_eq!(title.old, Value::Null);
    assert!(!json!(record).to_string().contains("secret plan"));
    let plain = stream_record(&Value::Null, &live(1, "secret plan"));
    let plain = plain.audit(&deployment(FreeText::Plain), audited_at()).unwrap().unwrap();
    assert_eq!(plain.changes[0].new, "secret plan");
}

/// A field that changes sides is a decision, not a slip: hashed text can be forgotten, plain text is in the log for its retention.
#[test]
fn titles_and_descriptions_are_hashed_and_nothing_else() {
    let hashed = Field::ALL.into_iter().filter(|field| field.in_audit() == InAudit::Hashed);
    assert_eq!(hashed.map(Field::name).collect::<Vec<_>>(), ["title", "description"]);
}

#[test]
fn numbers_keep_all_their_digits() {
    let digits = "12345678901234567890123456789012345678";
    let odd = with(live(2, "a"), "priority", json!({"N": digits}));
    let record = audit(&live(1, "a"), &odd).unwrap();
    assert_eq!(record.changes[0].new, json!({"N": digits}));
}

/// A log event holds 1 MiB. An attribute that someone writes to the table directly may have 400 KB, six times that when escaped.
#[test]
fn no_direct_write_to_the_table_makes_a_record_too_large() {
    let huge = "\u{1}".repeat(390_000);
    for name in ["title", "priority", "dueAt", "actor", "request", &huge] {
        let value = match name {
            "actor" => {
                json!({"M": {"id": {"S": huge}, "credential": {"S": huge}, "scopes": {"L": [{"S": huge}]}}})
            }
            "request" => {
                let names = ["id", "method", "route", "sourceIp", "userAgent", "idempotencyKey", "traceId"];
                json!({"M": names.map(|name| (name, json!({"S": huge}))).into_iter().collect::<BTreeMap<_, _>>()})
            }
            _ => json!({"S": huge}),
        };
        let record = stream_record(&live(1, "a"), &with(live(2, "a"), name, value));
        for free_text in [FreeText::Hashed, FreeText::Plain] {
            let record = record.audit(&deployment(free_text), audited_at()).unwrap().unwrap();
            assert!(json!(record).to_string().len() < 100_000, "{name:.20}");
        }
    }
    let many = (0..400)
        .fold(live(1, "a"), |image, n| with(image, &format!("{}{n}", "\u{1}".repeat(900)), json!({"S": ""})));
    let record = audit(&live(1, "a"), &many).unwrap();
    assert_eq!(record.other_fields.len(), OTHERS_MAX);
    assert!(json!(record).to_string().len() < 100_000);
}

#[test]
fn a_missing_stream_time_is_not_1970() {
    let mut record = stream_record(&Value::Null, &live(1, "a"));
    record.change.approximate_creation_date_time = None;
    let record = record.audit(&deployment(FreeText::Hashed), audited_at()).unwrap().unwrap();
    assert_eq!(record.time.streamed, None);
}

#[test]
fn other_items_and_writes_that_change_nothing_leave_no_record() {
    let mut other = stream_record(&Value::Null, &live(1, "a"));
    other.change.keys.insert(Text::from("SK".to_owned()), Attribute::S("IDEMPOTENCY#x".to_owned().into()));
    assert_eq!(other.audit(&deployment(FreeText::Hashed), audited_at()), Ok(None));
    assert_eq!(audit(&live(1, "a"), &live(1, "a")), None);
}

#[test]
fn a_sentinel_leaves_a_record_when_it_is_written() {
    let mut sentinel = stream_record(&Value::Null, &live(1, "a"));
    sentinel.change.keys.insert(Text::from("SK".to_owned()), Attribute::S("SENTINEL#7".to_owned().into()));
    let record = sentinel.audit(&deployment(FreeText::Hashed), audited_at()).unwrap().unwrap();
    assert_eq!((record.action, record.sentinel.as_deref()), (Action::Sentinel, Some("7")));
    sentinel.change.new_image = None;
    assert_eq!(sentinel.audit(&deployment(FreeText::Hashed), audited_at()), Ok(None));
}

#[test]
fn a_stream_without_images_or_keys_cannot_be_audited() {
    let record = stream_record(&Value::Null, &Value::Null);
    assert_eq!(record.audit(&deployment(FreeText::Hashed), audited_at()), Err(Undecodable("images")));
    let mut record = stream_record(&Value::Null, &live(1, "a"));
    record.change.keys.remove("SK");
    assert_eq!(record.audit(&deployment(FreeText::Hashed), audited_at()), Err(Undecodable("Keys.SK")));
}

#[test]
fn a_set_in_another_order_is_the_same_image() {
    let hash = |json: &str| fingerprint(&serde_json::from_str::<Image<'_>>(json).unwrap());
    assert_eq!(
        hash(r#"{"a":{"SS":["x","y"]},"b":{"N":"1"}}"#),
        hash(r#"{"b":{"N":"1"},"a":{"SS":["y","\u0078"]}}"#)
    );
}

fn linked(records: &[AuditRecord]) -> bool {
    let closed = records.first().is_none_or(|first| first.integrity.before.is_none());
    closed && records.windows(2).all(|pair| pair[0].integrity.after == pair[1].integrity.before)
}

proptest! {
    /// A task's records form a chain over the item's images. Edits of a record's other members do not break it.
    #[test]
    fn the_chain_breaks_where_a_record_is_left_out_moved_or_its_hash_edited(titles in prop::collection::vec("[a-z]{1,5}", 3..8), at in 0_usize..100) {
        let mut images = vec![Value::Null];
        images.extend((1..).zip(&titles).map(|(version, title)| live(version, title)));
        images.push(tombstone(titles.len() as u64 + 1));
        images.push(Value::Null);
        let chain: Vec<_> = images.windows(2).map(|pair| audit(&pair[0], &pair[1]).unwrap()).collect();
        prop_assert!(linked(&chain));

        let at = at % (chain.len() - 1);
        let mut dropped = chain.clone();
        dropped.remove(at);
        prop_assert!(!linked(&dropped));
        let mut moved = chain.clone();
        moved.swap(at, at + 1);
        prop_assert!(!linked(&moved));
        let mut edited = chain.clone();
        edited[at].integrity.after = Some("0".repeat(64));
        prop_assert!(!linked(&edited));
    }

    /// The same batch delivered twice yields identical records.
    #[test]
    fn the_same_change_gives_the_same_record(title in ".{0,20}") {
        let (old, new) = (live(1, "a"), live(2, &title));
        prop_assert_eq!(json!(audit(&old, &new)).to_string(), json!(audit(&old, &new)).to_string());
    }
}

/// Returns one record of each kind, of three tasks, as lines of the audit log. `functions/tasks/audit-records.jsonl` is their
/// snapshot, on which the saved queries and the metric filters are tried (`cdk/tests/test_queries.py`).
fn lines_of_every_kind() -> Vec<String> {
    let by = |mut image: Value, actor: &str, address: &str| {
        image["actor"]["M"]["id"] = json!({"S": actor});
        let credential = if actor == "bob" { "89abcdef" } else { "0a1b2c3d" };
        image["actor"]["M"]["credential"] = json!({"S": credential});
        image["request"]["M"]["sourceIp"] = json!({"S": address});
        image
    };
    let of = |mut image: Value, task: u8| {
        if !image.is_null() {
            image["SK"] = json!({"S": format!("TASK#{}{task}", &ID[..ID.len() - 1])});
        }
        image
    };
    let alice = |image: Value| by(image, "alice", "192.0.2.1");
    let bob = |image: Value| by(image, "bob", "198.51.100.7");
    let second = || with(live(2, "b"), "status", json!({"S": "COMPLETED"}));
    let by_hand = with(live(1, "a"), "priority", json!({"S": "HIGH"}));
    let ended = with(by_hand.clone(), "expiresAt", json!({"N": "1"}));
    let none = Value::Null;
    let sentinel = json!({"actor": {"M": {"id": {"S": "teardown"}, "auth": {"S": "service"}}}});
    let steps = [
        (1, none.clone(), alice(live(1, "a")), false),
        (1, alice(live(1, "a")), bob(second()), false),
        (1, bob(second()), alice(tombstone(3)), false),
        (1, alice(tombstone(3)), none.clone(), false),
        (2, none.clone(), alice(live(1, "a")), false),
        (2, alice(live(1, "a")), by_hand.clone(), false),
        (2, by_hand, ended.clone(), false),
        (2, ended, none.clone(), true),
        (3, none.clone(), bob(live(1, "a")), false),
        (3, bob(live(1, "a")), bob(tombstone(2)), false),
        (3, bob(tombstone(2)), none.clone(), true),
        (0, none, sentinel, false),
    ];
    let line = |(number, (task, old, new, by_ttl)): (u8, (u8, Value, Value, bool))| {
        let mut record = stream_record(&of(old, task), &of(new, task));
        record.event_id = format!("e-{number:02}");
        record.change.sequence_number = format!("44215845000000000174504390{number:02}");
        record.change.approximate_creation_date_time = Some(1_767_225_600.0 + f64::from(number));
        let key =
            if task == 0 { "SENTINEL#s-1".to_owned() } else { format!("TASK#{}{task}", &ID[..ID.len() - 1]) };
        record.change.keys.insert(Text::from(SORT_KEY.to_owned()), Attribute::S(key.into()));
        record.user_identity = by_ttl.then(|| UserIdentity { principal_id: "dynamodb.amazonaws.com".into() });
        serde_json::to_string(&record.audit(&deployment(FreeText::Hashed), audited_at()).unwrap().unwrap())
            .unwrap()
    };
    (0..).zip(steps).map(line).collect()
}

/// `REFRESH=1 cargo test -p tasks` writes it.
#[test]
fn the_snapshot_has_a_record_of_every_kind() {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("audit-records.jsonl");
    let lines = format!("{}\n", lines_of_every_kind().join("\n"));
    if std::env::var_os("REFRESH").is_some() {
        std::fs::write(&file, &lines).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), lines, "run `REFRESH=1 cargo test -p tasks`");
}
