//! JSON: what survives, how NULL and `null` differ, and the operators that all engines have.

use conformance::{TestResult, on_every_engine};
use serde_json::{Value, json};
use shelfmark::prelude::*;

use crate::library::*;

async fn store(db: &Db, id: &str, document: &Value) -> shelfmark::Result<()> {
    db.execute(sql!(
        "INSERT INTO samples (id, document) VALUES (:id, :document)",
        id,
        document
    ))
    .await
    .map(drop)
}

async fn all_come_back(db: &Db, documents: &[Value]) -> TestResult {
    for (nth, document) in documents.iter().enumerate() {
        let id = format!("{nth:03}");
        store(db, &id, document).await?;
        let read: Value = db
            .fetch_one(sql!("SELECT document FROM samples WHERE id = :id", id))
            .await?;
        assert_eq!(read, *document);
    }
    Ok(())
}

on_every_engine! {
    async fn a_document_may_be_any_json_value(db) {
        all_come_back(db, &[json!({}), json!([]), json!("text"), json!(""), json!(7), json!(-0.5), json!(true), json!(false), json!([[], [{}]])]).await?;
    }

    async fn json_integers_keep_all_64_bits(db) {
        all_come_back(db, &[json!(i64::MAX), json!(i64::MIN), json!(u64::MAX), json!(9_007_199_254_740_993_i64), json!({"n": [i64::MAX, 0]})]).await?;
    }

    async fn json_floats_keep_their_value(db) {
        all_come_back(db, &[json!(0.1), json!(1.5e-7), json!(-2.5), json!(1e15), json!(123.456)]).await?;
    }

    async fn json_text_of_any_script_comes_back(db) {
        all_come_back(db, &[json!("\u{14c}kami \u{65e5}\u{672c} \u{1f980} e\u{301}"), json!("quote \" backslash \\ slash / tab \t end \u{1}\u{1f}\u{7f}"),
            json!({"": 1, " ": 2, "\u{1f980}": 3, "a.b": 4, "$": 5, "it's": 6}), json!("\u{ffff}\u{10ffff}")]).await?;
    }

    async fn escapes_in_json_are_the_characters_they_stand_for(db) {
        db.execute(sql!(r#"INSERT INTO samples (id, document) VALUES ('a', '{"n\u0061me": "\ud83e\udd80 \u00e9 \/ \n"}')"#)).await?;
        let read: Value = db.fetch_one(sql!("SELECT document FROM samples")).await?;
        assert_eq!(read, json!({"name": "\u{1f980} \u{e9} / \n"}));
    }

    async fn deeply_nested_json_comes_back(db) {
        let mut document = json!("core");
        for depth in 0..100 {
            document = if depth % 2 == 0 { json!([document]) } else { json!({ "in": document }) };
        }
        all_come_back(db, &[document]).await?;
    }

    async fn large_json_comes_back(db) {
        let rows: Vec<Value> = (0..20_000).map(|nth| json!({"nth": nth, "text": "\u{fc}".repeat(20), "odd": nth % 2 == 1})).collect();
        all_come_back(db, &[Value::Array(rows)]).await?;
    }

    async fn json_null_is_a_value_and_sql_null_is_none(db) {
        store(db, "a", &Value::Null).await?;
        let nothing: Option<Value> = None;
        db.execute(sql!("INSERT INTO samples (id, document) VALUES ('b', :nothing)", nothing)).await?;
        let known: Vec<bool> = db.fetch_all(sql!("SELECT document IS NOT NULL FROM samples ORDER BY id")).await?;
        assert_eq!(known, [true, false]);
        let read: Vec<Option<Value>> = db.fetch_all(sql!("SELECT document FROM samples ORDER BY id")).await?;
        assert_eq!(read, [Some(Value::Null), None]);
    }

    async fn of_a_key_that_comes_twice_the_last_one_counts(db) {
        db.execute(sql!(r#"INSERT INTO samples (id, document) VALUES ('a', '{"a": 1, "b": 2, "a": 3}')"#)).await?;
        let read: Value = db.fetch_one(sql!("SELECT document FROM samples")).await?;
        assert_eq!(read, json!({"a": 3, "b": 2}));
    }

    async fn the_order_of_keys_is_no_part_of_a_document(db) {
        db.execute(sql!(
            r#"INSERT INTO samples (id, document) VALUES ('a', '{"bb": 1, "a": {"y": 1, "x": 2}}'), ('b', '{"a": {"x": 2, "y": 1}, "bb": 1}')"#
        )).await?;
        let read: Vec<Value> = db.fetch_all(sql!("SELECT document FROM samples ORDER BY id")).await?;
        assert_eq!(read[0], read[1]);
    }

    async fn the_order_of_elements_is_part_of_a_document(db) {
        all_come_back(db, &[json!([3, 1, 2, 1, null]), json!([null, 1])]).await?;
    }

    async fn json_that_does_not_fit_its_type_is_a_decode_error_without_its_text(db) {
        store(db, "a", &json!({"name": 5, "secret": "hunter2"})).await?;
        let error = db.samples().get("a").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Decode);
        assert!(error.to_string().contains("column `document`"), "{error}");
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    }

    async fn a_field_of_a_document_is_read_as_text(db) {
        store(db, "a", &json!({"name": "\u{14c}kami", "deep": {"er": "down"}, "list": ["zero", "one"], "none": null})).await?;
        let read: (String, String, String, Option<String>, Option<String>) = db.fetch_one(sql!(
            "SELECT document ->> 'name', document -> 'deep' ->> 'er', document -> 'list' ->> 1, document ->> 'none', document ->> 'absent'
             FROM samples"
        )).await?;
        assert_eq!(read, ("\u{14c}kami".into(), "down".into(), "one".into(), None, None));
    }

    async fn a_part_of_a_document_is_json(db) {
        store(db, "a", &json!({"deep": {"er": [1, {"x": null}]}, "text": "t"})).await?;
        let read: (Value, Value, Option<Value>) =
            db.fetch_one(sql!("SELECT document -> 'deep', document -> 'text', document -> 'absent' FROM samples")).await?;
        assert_eq!(read, (json!({"er": [1, {"x": null}]}), json!("t"), None));
    }

    async fn rows_are_found_sorted_and_grouped_by_a_field(db) {
        for (id, name, shelf) in [("a", "Brazil", "x"), ("b", "Alien", "y"), ("c", "Contact", "x")] {
            store(db, id, &json!({"name": name, "shelf": shelf})).await?;
        }
        let wanted = "Alien";
        let found: Vec<String> = db.fetch_all(sql!("SELECT id FROM samples WHERE document ->> 'name' = :wanted", wanted)).await?;
        assert_eq!(found, ["b"]);
        let sorted: Vec<String> = db.fetch_all(sql!("SELECT id FROM samples ORDER BY document ->> 'name'")).await?;
        assert_eq!(sorted, ["b", "a", "c"]);
        let groups: Vec<(String, i64)> = db.fetch_all(sql!(
            "SELECT document ->> 'shelf' AS shelf, count(*) FROM samples GROUP BY document ->> 'shelf' ORDER BY shelf"
        )).await?;
        assert_eq!(groups, [("x".to_owned(), 2), ("y".to_owned(), 1)]);
    }

    async fn a_number_of_a_document_is_read_by_cast(db) {
        store(db, "a", &json!({"pages": 412, "weight": 0.5})).await?;
        let read: (i64, f64) = db.fetch_one(sql!(
            "SELECT CAST(document ->> 'pages' AS bigint), CAST(document ->> 'weight' AS double precision) FROM samples"
        )).await?;
        assert_eq!(read, (412, 0.5));
        let thick: i64 = db.fetch_one(sql!("SELECT count(*) FROM samples WHERE CAST(document ->> 'pages' AS bigint) > 400")).await?;
        assert_eq!(thick, 1);
    }

    async fn the_key_of_a_field_is_an_argument(db) {
        store(db, "a", &json!({"it's": "quoted", "plain": "p"})).await?;
        for (key, value) in [("it's", Some("quoted")), ("plain", Some("p")), ("Plain", None)] {
            let read: Option<String> = db.fetch_one(sql!("SELECT document ->> :key FROM samples", key)).await?;
            assert_eq!(read.as_deref(), value);
        }
    }

    async fn a_document_is_replaced_as_a_whole(db) {
        store(db, "a", &json!({"old": true})).await?;
        let document = json!({"new": [1, 2]});
        let read: Value = db.fetch_one(sql!("UPDATE samples SET document = :document WHERE id = 'a' RETURNING document", document)).await?;
        assert_eq!(read, document);
    }
}
