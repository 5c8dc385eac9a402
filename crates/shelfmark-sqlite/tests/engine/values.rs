//! What is stored and comes back.

use std::borrow::Cow;

use shelfmark_core::{Access, Channel, ErrorKind, Type, Value, ValueRef};

use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn every_type_comes_back_as_it_went() -> Outcome {
    async fn there_and_back<T>(db: &TestDb, value: T) -> Outcome
    where
        T: Value + PartialEq + std::fmt::Debug,
    {
        let params = vec![value.encode()?];
        let found = fetch(&*db.engine, call("SELECT ?1", Access::Read, params)).await?;
        let cell = found.rows[0][0].clone();
        assert_eq!(T::decode(cell)?, value);
        Ok(())
    }
    for db in both().await? {
        there_and_back(&db, true).await?;
        there_and_back(&db, i16::MIN).await?;
        there_and_back(&db, i32::MAX).await?;
        there_and_back(&db, i64::MIN).await?;
        there_and_back(&db, 0.1_f32).await?;
        there_and_back(&db, f64::MAX).await?;
        there_and_back(&db, f64::NEG_INFINITY).await?;
        there_and_back(&db, "žluťoučký 🦀 \"'".to_owned()).await?;
        there_and_back(&db, String::new()).await?;
        there_and_back(&db, vec![0_u8, 255, 1]).await?;
        there_and_back(&db, Vec::<u8>::new()).await?;
        there_and_back(&db, uuid::Uuid::from_u128(7)).await?;
        there_and_back(
            &db,
            "1969-12-31T23:59:59.999999Z".parse::<jiff::Timestamp>()?,
        )
        .await?;
        there_and_back(&db, jiff::civil::date(1, 2, 3)).await?;
        there_and_back(&db, jiff::civil::time(23, 59, 59, 999_999_000)).await?;
        there_and_back(&db, rust_decimal::Decimal::MAX).await?;
        there_and_back(&db, rust_decimal::Decimal::new(-100, 28)).await?;
        there_and_back(&db, None::<i32>).await?;
        there_and_back(&db, Some(5_i32)).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_one_parameter_whatever_its_length() -> Outcome {
    for db in both().await? {
        db.execute("INSERT INTO t VALUES (1), (2), (3), (100000)")
            .await?;
        for (length, found, not_found) in [(0, 0, 4), (2, 2, 2), (100_000, 4, 0)] {
            let list = ValueRef::List(Type::I64, (1..=length).map(ValueRef::I64).collect());
            for (sql, count) in [
                ("SELECT count(*) FROM t WHERE a IN rarray(?1)", found),
                (
                    "SELECT count(*) FROM t WHERE a NOT IN rarray(?1)",
                    not_found,
                ),
            ] {
                let cells = fetch(&*db.engine, call(sql, Access::Read, vec![list.clone()])).await?;
                assert_eq!(cells.rows[0][0], ValueRef::I64(count), "{length} {sql}");
            }
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn decimals_sort_and_are_unique_by_value() -> Outcome {
    for db in both().await? {
        db.execute("CREATE TABLE d (n TEXT COLLATE DECIMAL UNIQUE)")
            .await?;
        db.execute("INSERT INTO d VALUES ('10'), ('9'), ('-1.5'), ('1.25')")
            .await?;
        let error = db
            .execute("INSERT INTO d VALUES ('9.00')")
            .await
            .unwrap_err();
        assert!(error.is_unique_violation());
        let found = fetch(
            &*db.engine,
            read("SELECT n FROM d WHERE n > '1.3' ORDER BY n"),
        )
        .await?;
        assert_eq!(
            found.rows,
            [[ValueRef::Text("9".into())], [ValueRef::Text("10".into())]]
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn text_that_is_no_utf8_is_refused_without_being_shown() -> Outcome {
    let db = file().await?;
    let error = fetch(&*db.engine, read("SELECT CAST(X'ff41' AS TEXT)"))
        .await
        .err()
        .ok_or("it was read")?;
    assert_eq!(error.kind(), ErrorKind::Decode);
    assert!(error.to_string().contains("not valid UTF-8"), "{error}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_number_of_values_must_be_that_of_the_parameters() -> Outcome {
    let db = file().await?;
    for params in [vec![], vec![ValueRef::I64(1), ValueRef::I64(2)]] {
        let error = fetch(&*db.engine, call("SELECT ?1", Access::Read, params))
            .await
            .err()
            .ok_or("it ran")?;
        assert_eq!(error.kind(), ErrorKind::Encode);
        assert!(error.to_string().contains("1 parameters"), "{error}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_bound_value_enters_an_error() -> Outcome {
    const SECRET: &str = "hunter2-4111111111111111";
    for db in both().await? {
        db.execute("CREATE TABLE s (a TEXT PRIMARY KEY CHECK (length(a) > 3), b INTEGER) STRICT")
            .await?;
        db.execute(
            "CREATE TRIGGER no BEFORE INSERT ON s WHEN NEW.b = 5
             BEGIN SELECT RAISE(ABORT, 'refused'); END",
        )
        .await?;
        let text = || ValueRef::Text(Cow::Borrowed(SECRET));
        db.engine
            .execute(call(
                "INSERT INTO s VALUES (?1, 1)",
                Access::Write,
                vec![text()],
            ))
            .await?;
        for sql in [
            "INSERT INTO s VALUES (?1, 1)",
            "INSERT INTO s VALUES (?1, ?1)",
            "INSERT INTO s VALUES (?1, 5)",
            "INSERT INTO s VALUES (substr(?1, 1, 2), 1)",
            "INSERT INTO s VALUES (json_extract('{}', ?1), 1)",
            "INSERT INTO s VALUES (json(?1), 1)",
            "INSERT INTO s VALUES (abs(-9223372036854775808) || ?1, 1)",
            "INSERT INTO s VALUES (zeroblob(3000000000) || ?1, 1)",
        ] {
            let error = db
                .engine
                .execute(call(sql, Access::Write, vec![text()]))
                .await
                .unwrap_err();
            let printed = format!("{error} {error:?} {error:#?}");
            assert!(!printed.contains("hunter2"), "{sql}: {printed}");
        }
    }
    Ok(())
}
