//! Each type there and back, its NULL, and what cannot be sent.

use std::fmt::Debug;

use conformance::{Ground, TestResult, on_every_engine};
use jiff::{Timestamp, civil};
use rust_decimal::Decimal;
use shelfmark::prelude::*;
use uuid::Uuid;

use crate::library::*;

/// Writes `sample`, and reads it back in both ways a row can come: by RETURNING and by a query.
async fn comes_back(db: &Db, sample: Sample) -> TestResult {
    let written = db.samples().insert(&sample).await?;
    assert_eq!(written, sample);
    assert_eq!(db.samples().get(&sample.id).await?, sample);
    Ok(())
}

/// Every value of `values` survives when `set` puts it into a row.
async fn all_come_back<T: Clone + Debug>(
    db: &Ground,
    values: &[T],
    set: impl Fn(&mut Sample, T),
) -> TestResult {
    for (nth, value) in values.iter().enumerate() {
        let mut sample = Sample::empty(&format!("{nth}"));
        set(&mut sample, value.clone());
        comes_back(db.db(), sample).await?;
    }
    Ok(())
}

fn text(value: &str) -> String {
    value.to_owned()
}

on_every_engine! {
    async fn null_of_every_type_comes_back(db) {
        comes_back(db.db(), Sample::empty("nothing")).await?;
    }

    async fn bool_comes_back(db) {
        all_come_back(db, &[true, false], |row, value| row.flag = Some(value)).await?;
    }

    async fn i16_comes_back(db) {
        all_come_back(db, &[0, -1, i16::MIN, i16::MAX], |row, value| row.small = Some(value)).await?;
    }

    async fn i32_comes_back(db) {
        all_come_back(db, &[0, -1, i32::MIN, i32::MAX], |row, value| row.medium = Some(value)).await?;
    }

    async fn i64_comes_back(db) {
        all_come_back(db, &[0, -1, i64::MIN, i64::MAX], |row, value| row.large = Some(value)).await?;
    }

    async fn f32_comes_back(db) {
        let values = [0.0, 0.1, -1.5, f32::MIN_POSITIVE, f32::MAX, f32::INFINITY, f32::NEG_INFINITY];
        all_come_back(db, &values, |row, value| row.single_float = Some(value)).await?;
    }

    async fn f64_comes_back(db) {
        let values = [0.0, 0.1, 1.0 / 3.0, f64::MIN_POSITIVE, f64::MAX, f64::INFINITY, f64::NEG_INFINITY];
        all_come_back(db, &values, |row, value| row.double_float = Some(value)).await?;
    }

    async fn text_of_any_script_comes_back(db) {
        let values = ["", "plain", "Ōkami", "日本語", "עברית", "🦀 and \u{1F469}\u{200D}\u{1F680}", "e\u{301}",
            "it's \"quoted\" \\ $1 ?1 :name -- no comment", "tab\tnewline\r\nend", "\u{1}\u{7f}\u{fffd}\u{10ffff}"];
        all_come_back(db, &values.map(text), |row, value| row.words = Some(value)).await?;
    }

    async fn long_text_and_bytes_come_back(db) {
        let mut sample = Sample::empty("long");
        sample.words = Some("ü".repeat(1_000_000));
        sample.raw = Some(vec![0xab; 2_000_000]);
        comes_back(db.db(), sample).await?;
    }

    async fn bytes_come_back_with_nul_and_invalid_utf8(db) {
        let values = [vec![], vec![0], vec![0xff, 0xfe, 0, 1], (0..=255).collect::<Vec<u8>>()];
        all_come_back(db, &values, |row, value| row.raw = Some(value)).await?;
    }

    async fn uuid_and_its_newtype_come_back(db) {
        let values = [Uuid::nil(), Uuid::max(), Uuid::from_u128(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef)];
        all_come_back(db, &values, |row, value| row.tag = Some(Tag(value))).await?;
    }

    async fn timestamp_comes_back_to_the_microsecond(db) {
        let values = ["1970-01-01T00:00:00Z", "1969-12-31T23:59:59.999999Z", "2021-09-25T14:03:00.000001Z",
            "0001-01-01T00:00:00Z", "9999-12-30T22:00:00.999999Z", "2024-02-29T12:00:00Z"];
        let values = values.map(|at| at.parse::<Timestamp>().unwrap());
        all_come_back(db, &values, |row, value| row.moment = Some(value)).await?;
    }

    async fn timestamp_is_cut_to_the_microsecond_towards_the_past(db) {
        let mut sample = Sample::empty("cut");
        sample.moment = Some(Timestamp::from_nanosecond(-1)?);
        let stored = db.samples().insert(&sample).await?;
        assert_eq!(stored.moment, Some(Timestamp::from_microsecond(-1)?));
    }

    async fn date_comes_back(db) {
        let values = [civil::date(1, 1, 1), civil::date(1895, 12, 28), civil::date(2024, 2, 29), civil::date(9999, 12, 31)];
        all_come_back(db, &values, |row, value| row.day = Some(value)).await?;
    }

    async fn time_of_day_comes_back(db) {
        let values = [civil::time(0, 0, 0, 0), civil::time(23, 59, 59, 999_999_000), civil::time(12, 30, 0, 1_000)];
        all_come_back(db, &values, |row, value| row.clock = Some(value)).await?;
    }

    async fn decimal_comes_back_with_its_scale(db) {
        let values = ["0", "1.50", "-0.001", "79228162514264337593543950335", "0.0000000000000000000000000001", "12345678901234567890.123"];
        let values = values.map(|text| Decimal::from_str_exact(text).unwrap());
        for (nth, value) in values.iter().enumerate() {
            let mut sample = Sample::empty(&format!("{nth}"));
            sample.amount = Some(*value);
            let stored = db.samples().insert(&sample).await?.amount.unwrap();
            assert_eq!(stored.to_string(), value.to_string());
        }
    }

    async fn decimals_sort_and_compare_by_value(db) {
        for (nth, value) in ["10", "9", "-1", "9.5", "100.00"].into_iter().enumerate() {
            let mut sample = Sample::empty(&format!("{nth}"));
            sample.amount = Some(Decimal::from_str_exact(value)?);
            db.samples().insert(&sample).await?;
        }
        let sorted: Vec<Decimal> =
            db.fetch_all(sql!("SELECT amount FROM samples ORDER BY amount")).await?;
        let sorted: Vec<String> = sorted.iter().map(|value| value.normalize().to_string()).collect();
        assert_eq!(sorted, ["-1", "9", "9.5", "10", "100"]);
        let hundred = Decimal::from_str_exact("100")?;
        let equal: i64 =
            db.fetch_one(sql!("SELECT count(*) FROM samples WHERE amount = :hundred", hundred)).await?;
        assert_eq!(equal, 1);
    }

    async fn typed_json_comes_back(db) {
        let values = [Document { name: text("Ōkami \"wolf\""), pages: vec![1, 2, 3] }, Document { name: text(""), pages: vec![] }];
        all_come_back(db, &values, |row, value| row.document = Some(Json(value))).await?;
    }

    async fn free_json_comes_back(db) {
        let value = serde_json::json!({"a": [1, 2.5, null, true], "b": {"c": "é"}});
        let back: serde_json::Value = {
            db.execute(sql!("INSERT INTO samples (id, document) VALUES ('j', :value)", value)).await?;
            db.fetch_one(sql!("SELECT document FROM samples WHERE id = 'j'")).await?
        };
        assert_eq!(back, value);
    }

    async fn enums_are_stored_as_text(db) {
        all_come_back(db, &[Mood::Happy, Mood::VerySad], |row, value| row.mood = Some(value)).await?;
        let stored: Vec<String> = db.fetch_all(sql!("SELECT mood FROM samples ORDER BY mood")).await?;
        assert_eq!(stored, ["happy", "very_sad"]);
    }

    async fn unknown_enum_text_is_a_decode_error_that_names_the_column(db) {
        db.execute(sql!("INSERT INTO samples (id, mood) VALUES ('x', 'furious')")).await?;
        let error = db.samples().get("x").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Decode);
        assert_eq!(
            error.to_string(),
            "Samples::get: column `mood`: the text is none of Mood's variants: happy, very_sad"
        );
    }

    async fn null_into_a_type_that_cannot_hold_it_is_a_decode_error(db) {
        db.samples().insert(&Sample::empty("n")).await?;
        let error = db.fetch_one::<String>(sql!("SELECT words FROM samples")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Decode);
        assert!(error.to_string().contains("NULL found, but String cannot hold it; use Option<String>"), "{error}");
    }

    async fn number_out_of_range_is_a_decode_error(db) {
        let mut sample = Sample::empty("n");
        sample.large = Some(i64::from(i32::MAX) + 1);
        db.samples().insert(&sample).await?;
        let error = db.fetch_one::<i32>(sql!("SELECT large FROM samples")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Decode);
    }

    async fn wider_rust_integers_read_narrower_columns(db) {
        let mut sample = Sample::empty("n");
        sample.small = Some(-7);
        sample.medium = Some(1 << 20);
        db.samples().insert(&sample).await?;
        let read: (i64, i64, i32) =
            db.fetch_one(sql!("SELECT small, medium, small FROM samples")).await?;
        assert_eq!(read, (-7, 1 << 20, -7));
    }

    async fn nul_in_text_is_refused_before_it_is_sent(db) {
        let mut sample = Sample::empty("n");
        sample.words = Some(text("a\0b"));
        let error = db.samples().insert(&sample).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Encode);
        assert_eq!(
            error.to_string(),
            "Samples::insert: argument `words`: text must not contain a NUL byte: PostgreSQL cannot store it; use bytes"
        );
        let error = db.books().find("a\0b").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Encode);
        assert_eq!(db.samples().list().await?.len(), 0);
    }

    async fn nul_in_json_text_is_refused_before_it_is_sent(db) {
        let mut sample = Sample::empty("n");
        sample.document = Some(Json(Document { name: text("a\0b"), pages: vec![] }));
        assert_eq!(db.samples().insert(&sample).await.unwrap_err().kind(), ErrorKind::Encode);
    }

    async fn nan_is_refused_before_it_is_sent(db) {
        let mut sample = Sample::empty("n");
        sample.double_float = Some(f64::NAN);
        assert_eq!(db.samples().insert(&sample).await.unwrap_err().kind(), ErrorKind::Encode);
        sample.double_float = None;
        sample.single_float = Some(f32::NAN);
        assert_eq!(db.samples().insert(&sample).await.unwrap_err().kind(), ErrorKind::Encode);
    }

    async fn years_that_do_not_sort_as_text_are_refused(db) {
        let mut sample = Sample::empty("n");
        sample.day = Some(civil::date(0, 12, 31));
        assert_eq!(db.samples().insert(&sample).await.unwrap_err().kind(), ErrorKind::Encode);
        sample.day = None;
        sample.moment = Some("-000001-01-01T00:00:00Z".parse()?);
        assert_eq!(db.samples().insert(&sample).await.unwrap_err().kind(), ErrorKind::Encode);
    }

    async fn times_compare_with_parameters(db) {
        for (id, at) in [("a", "2020-01-01T00:00:00Z"), ("b", "2021-06-01T12:00:00.5Z"), ("c", "2022-01-01T00:00:00Z")] {
            let mut sample = Sample::empty(id);
            sample.moment = Some(at.parse()?);
            db.samples().insert(&sample).await?;
        }
        let since: Timestamp = "2021-06-01T12:00:00.5Z".parse()?;
        let ids: Vec<String> =
            db.fetch_all(sql!("SELECT id FROM samples WHERE moment >= :since ORDER BY moment", since)).await?;
        assert_eq!(ids, ["b", "c"]);
    }

    async fn many_rows_of_every_type_come_back(db) {
        let rows: Vec<Sample> = (0..50).map(|nth: i16| Sample {
            id: format!("{nth:03}"),
            flag: Some(nth % 2 == 0),
            small: Some(nth),
            medium: (nth % 3 == 0).then_some(i32::from(nth)),
            large: Some(i64::from(nth) << 40),
            single_float: Some(f32::from(nth) / 4.0),
            double_float: Some(f64::from(nth) / 3.0),
            words: Some(format!("it's {nth}, \"quoted\" {{braced}} \\ and NULL")),
            raw: (nth % 5 != 0).then(|| vec![0, nth as u8, 255]),
            tag: Some(Tag(Uuid::from_u128(u128::from(nth as u16)))),
            moment: Some(Timestamp::from_microsecond(i64::from(nth) * 1_000_001).unwrap()),
            day: Some(civil::date(2000, 1, 1 + (nth % 28) as i8)),
            clock: Some(civil::time(1, 2, 3, i32::from(nth) * 1_000)),
            amount: Some(Decimal::new(i64::from(nth), 2)),
            document: Some(Json(Document { name: format!("n{nth}"), pages: vec![nth as u32] })),
            mood: (nth % 2 == 0).then_some(Mood::VerySad),
        }).collect();
        assert_eq!(db.samples().insert_many(&rows).await?, 50);
        assert_eq!(db.samples().list().await?, rows);
    }

    async fn a_parameter_alone_keeps_its_type(db) {
        let (number, flag) = (41_i64, true);
        let back: (i64, bool, String) = db.fetch_one(sql!(
            postgres = "SELECT :number + 1, :flag, :words::text",
            sqlite = "SELECT :number + 1, :flag, :words",
            number, flag, words = "w"
        )).await?;
        assert_eq!(back, (42, true, text("w")));
    }
}
