//! Every type there and back, and its NULL.

use std::borrow::Cow;

use shelfmark_core::{Channel as _, ErrorKind, ValueRef};

use crate::support::{Db, Value, one, read, rows, text, write};

/// The column types with a value of each.
fn samples() -> anyhow::Result<Vec<(&'static str, Value)>> {
    Ok(vec![
        ("bool", ValueRef::Bool(true)),
        ("int2", ValueRef::I16(-7)),
        ("int4", ValueRef::I32(1 << 30)),
        ("int8", ValueRef::I64(-(1 << 60))),
        ("float4", ValueRef::F32(0.1)),
        ("float8", ValueRef::F64(-0.1)),
        ("text", text("Ünïcödé \u{1F600} ' \" \\")),
        ("varchar(9)", text("varchar")),
        ("name", text("a_name")),
        ("bytea", ValueRef::Bytes(Cow::Owned(vec![0, 255, 1]))),
        (
            "uuid",
            ValueRef::Uuid("67e55044-10b1-426f-9247-bb680e5fe0c8".parse()?),
        ),
        (
            "timestamptz",
            ValueRef::Timestamp("2021-09-25T14:03:00.123456Z".parse()?),
        ),
        (
            "timestamp",
            ValueRef::Timestamp("0001-01-01T00:00:00Z".parse()?),
        ),
        ("date", ValueRef::Date("9999-12-31".parse()?)),
        ("time", ValueRef::Time("23:59:59.999999".parse()?)),
        (
            "numeric",
            ValueRef::Decimal("-12345678901234.5600".parse()?),
        ),
        ("json", ValueRef::Json(Cow::Borrowed("{\"a\": [1, null]}"))),
        ("jsonb", ValueRef::Json(Cow::Borrowed("{\"a\": [1, null]}"))),
    ])
}

#[tokio::test]
async fn every_type_reads_back_as_it_was_sent_and_so_does_its_null() -> anyhow::Result<()> {
    let db = Db::open().await?;
    for (index, (ty, value)) in samples()?.into_iter().enumerate() {
        db.script(&format!("CREATE TABLE t{index} (n int, v {ty})"))
            .await?;
        for (n, value) in [value, ValueRef::Null].into_iter().enumerate() {
            let n = ValueRef::I32(i32::try_from(n)?);
            let insert = format!("INSERT INTO t{index} VALUES ($1, $2)");
            db.engine
                .execute(write(&insert, vec![n.clone(), value.clone()]))
                .await?;
            let select = format!("SELECT v FROM t{index} WHERE n = $1");
            let found = rows(&*db.engine, read(&select, vec![n])).await?;
            assert_eq!(found, [[value]], "{ty}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_value_that_stands_alone_is_sent_as_what_it_is() -> anyhow::Result<()> {
    let db = Db::open().await?;
    for (ty, value) in samples()? {
        if ty == "json" || ty == "timestamp" || ty == "name" || ty.starts_with("varchar") {
            continue;
        }
        // The server infers `text` here; the second round finds both typings in the cache.
        for _ in 0..2 {
            let found = rows(&*db.engine, read("SELECT $1", vec![value.clone()])).await?;
            assert_eq!(found, [[value.clone()]], "{ty}");
            let found = rows(&*db.engine, read("SELECT $1", vec![ValueRef::Null])).await?;
            assert_eq!(found, [[ValueRef::Null]], "{ty}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn the_server_agrees_on_what_values_mean() -> anyhow::Result<()> {
    let db = Db::open().await?;
    for (ty, value, written) in [
        (
            "numeric",
            ValueRef::Decimal("-0.00120".parse()?),
            "-0.00120",
        ),
        (
            "numeric",
            ValueRef::Decimal("79228162514264337593543950335".parse()?),
            "79228162514264337593543950335",
        ),
        ("numeric", ValueRef::I64(i64::MIN), "-9223372036854775808"),
        ("numeric", ValueRef::F32(0.1), "0.1"),
        ("numeric", ValueRef::F64(1.5e-7), "0.00000015"),
        (
            "timestamptz",
            ValueRef::Timestamp("1999-12-31T23:59:59.999999Z".parse()?),
            "1999-12-31 23:59:59.999999+00",
        ),
        (
            "timestamp",
            ValueRef::Timestamp("2024-02-29T12:00:00Z".parse()?),
            "2024-02-29 12:00:00",
        ),
        ("date", ValueRef::Date("0001-01-01".parse()?), "0001-01-01"),
        (
            "time",
            ValueRef::Time("00:00:00.000001".parse()?),
            "00:00:00.000001",
        ),
        ("float8", ValueRef::I32(7), "7"),
        ("int2", ValueRef::I64(-32768), "-32768"),
    ] {
        let sql = format!("SELECT CAST($1::{ty} AS text)");
        let found = rows(&*db.engine, read(&sql, vec![value.clone()])).await?;
        assert_eq!(found, [[text(written)]], "{value:?} as {ty}");
        // And back from the text.
        let sql = format!("SELECT CAST('{written}' AS {ty})");
        let found = one(&*db.engine, &sql).await?;
        if found.type_name() == value.type_name() && ty != "int2" {
            assert_eq!(found, value, "{written}::{ty}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn decimals_read_as_the_server_writes_them() -> anyhow::Result<()> {
    let db = Db::open().await?;
    for (sql, written) in [
        (
            "123456789012.00000000000000000000",
            "123456789012.00000000000000000",
        ),
        (
            "0.0000000000000000000000000001",
            "0.0000000000000000000000000001",
        ),
        ("1e20", "100000000000000000000"),
        ("10000.00010000", "10000.00010000"),
        ("-0.5", "-0.5"),
    ] {
        let found = one(&*db.engine, &format!("SELECT {sql}::numeric")).await?;
        assert_eq!(found, ValueRef::Decimal(written.parse()?), "{sql}");
        let ValueRef::Decimal(found) = found else {
            unreachable!()
        };
        assert_eq!(found.to_string(), written);
    }
    for sql in ["'NaN'", "'Infinity'", "1e29", "1e-29"] {
        let error = one(&*db.engine, &format!("SELECT {sql}::numeric"))
            .await
            .unwrap_err();
        assert!(error.to_string().contains("Decimal"), "{sql}: {error}");
    }
    Ok(())
}

#[tokio::test]
async fn enums_domains_and_citext_are_text_or_what_they_are_made_of() -> anyhow::Result<()> {
    let db = Db::open().await?;
    db.script(
        "CREATE TYPE mood AS ENUM ('sad', 'happy'); CREATE DOMAIN positive AS int4 CHECK (VALUE > 0); \
         CREATE DOMAIN word AS text; CREATE TABLE t (m mood, p positive, w word)",
    )
    .await?;
    let values = vec![text("happy"), ValueRef::I64(5), text("w")];
    db.engine
        .execute(write("INSERT INTO t VALUES ($1, $2, $3)", values))
        .await?;
    let found = rows(
        &*db.engine,
        read("SELECT m, p, w FROM t WHERE m = $1", vec![text("happy")]),
    )
    .await?;
    assert_eq!(found, [[text("happy"), ValueRef::I32(5), text("w")]]);
    let error = db
        .engine
        .execute(write("UPDATE t SET p = $1", vec![ValueRef::I32(-1)]))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Check);
    assert_eq!(error.constraint(), Some("positive_check"));
    let error = db
        .engine
        .execute(write("UPDATE t SET m = $1", vec![text("furious")]))
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the database refused a value: a text that is no value of the type (22P02)"
    );
    Ok(())
}

#[tokio::test]
async fn what_no_type_of_ours_can_hold_is_an_error_that_says_so() -> anyhow::Result<()> {
    let db = Db::open().await?;
    for (sql, message) in [
        (
            "SELECT 'infinity'::timestamptz",
            "an infinite timestamp found, but Timestamp cannot hold it",
        ),
        (
            "SELECT '-infinity'::date",
            "an infinite date found, but civil::Date cannot hold it",
        ),
        (
            "SELECT '294276-01-01'::timestamp",
            "the timestamp is out of range for Timestamp",
        ),
        (
            "SELECT '5000000-01-01'::date",
            "the date is out of range for civil::Date",
        ),
        (
            "SELECT '24:00'::time",
            "the time of day is out of range for civil::Time, which ends before 24:00",
        ),
        (
            "SELECT interval '1 day'",
            "values of type interval cannot be read; cast it in the SQL, for example to text",
        ),
        (
            "SELECT ARRAY[1]",
            "values of type int4[] cannot be read; cast it in the SQL, for example to text",
        ),
    ] {
        let error = rows(&*db.engine, read(sql, Vec::new())).await.unwrap_err();
        assert_eq!(error.to_string(), message, "{sql}");
        assert_eq!(error.kind(), ErrorKind::Decode);
    }
    // The connection is none the worse for it.
    assert_eq!(one(&*db.engine, "SELECT 1").await?, ValueRef::I32(1));
    Ok(())
}

#[tokio::test]
async fn a_value_of_the_wrong_type_is_refused_by_name_before_it_is_sent() -> anyhow::Result<()> {
    let db = Db::open().await?;
    db.script("CREATE TABLE t (id uuid, n int4, i inet)")
        .await?;
    let cases = [
        (
            "UPDATE t SET id = $1",
            ValueRef::I32(77),
            "argument `value`: an integer cannot be sent as uuid",
        ),
        (
            "UPDATE t SET n = $1",
            ValueRef::I64(1 << 40),
            "argument `value`: the number is out of range for int4",
        ),
        (
            "UPDATE t SET n = $1",
            text("77"),
            "argument `value`: text cannot be sent as int4",
        ),
        (
            "UPDATE t SET i = $1",
            text("77"),
            "argument `value`: text cannot be sent as inet; write CAST(CAST(… AS text) AS inet)",
        ),
    ];
    let session = shelfmark_core::Engine::begin(&*db.engine, crate::support::BEGIN).await?;
    for (sql, value, message) in cases {
        let mut call = write(sql, vec![value]);
        call.specs = vec![shelfmark_core::ParamSpec::of::<i64>("value")];
        let error = db.engine.execute(call.clone()).await.unwrap_err();
        assert_eq!(error.to_string(), message);
        assert_eq!(error.kind(), ErrorKind::Encode);
        // A transaction lives on, since the server has seen nothing.
        let error = session.execute(call).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Encode);
    }
    session.commit().await?;
    let error = db
        .engine
        .execute(write("UPDATE t SET n = $1", Vec::new()))
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the statement takes 1 values, but 0 were given"
    );
    Ok(())
}
