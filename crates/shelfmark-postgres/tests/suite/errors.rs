//! What the server refuses, in our words: classes, constraints, and never a value.

use shelfmark_core::{Channel as _, ErrorKind, ValueRef};

use crate::support::{Db, read, rows, text, write};

const SCHEMA: &str = "
    CREATE TABLE parents (id int PRIMARY KEY);
    CREATE TABLE people (
        id int PRIMARY KEY,
        email text NOT NULL UNIQUE,
        age int CONSTRAINT adult CHECK (age >= 18),
        parent_id int REFERENCES parents,
        span int4range,
        EXCLUDE USING gist (span WITH &&)
    );
    INSERT INTO people (id, email, age, span) VALUES (1, 'taken@example.org', 20, '[1,5)')";

#[tokio::test]
async fn constraints_are_told_by_class_and_name() -> anyhow::Result<()> {
    let db = Db::open().await?;
    db.script(SCHEMA).await?;
    for (values, kind, constraint) in [
        ("(1, 'a', 20, NULL, NULL)", ErrorKind::Unique, "people_pkey"),
        (
            "(2, 'taken@example.org', 20, NULL, NULL)",
            ErrorKind::Unique,
            "people_email_key",
        ),
        (
            "(2, NULL, 20, NULL, NULL)",
            ErrorKind::NotNull,
            "people_email_not_null",
        ),
        ("(2, 'a', 17, NULL, NULL)", ErrorKind::Check, "adult"),
        (
            "(2, 'a', 20, 9, NULL)",
            ErrorKind::ForeignKey,
            "people_parent_id_fkey",
        ),
        (
            "(2, 'a', 20, NULL, '[2,3)')",
            ErrorKind::Unique,
            "people_span_excl",
        ),
    ] {
        let sql = format!("INSERT INTO people VALUES {values}");
        let error = db
            .engine
            .execute(write(&sql, Vec::new()))
            .await
            .unwrap_err();
        assert_eq!(
            (error.kind(), error.constraint()),
            (kind, Some(constraint)),
            "{error:?}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn no_value_is_in_an_error_but_the_servers_own_words_are_kept() -> anyhow::Result<()> {
    let db = Db::open().await?;
    db.script(SCHEMA).await?;
    let secret = "s3cret-value";
    let cases = [
        write(
            "INSERT INTO people (id, email) VALUES (7, $1), (8, $1)",
            vec![text(secret)],
        ),
        read("SELECT CAST($1::text AS int4)", vec![text(secret)]),
        read("SELECT CAST($1::text AS timestamptz)", vec![text(secret)]),
        write(
            "INSERT INTO people (id, email, age) VALUES (9, $1, 3)",
            vec![text(secret)],
        ),
    ];
    for call in cases {
        let error = rows(&*db.engine, call).await.unwrap_err();
        assert!(
            !format!("{error} {error:?} {error:#?}").contains(secret),
            "{error:?}"
        );
        assert!(
            error.server_message().unwrap_or_default().contains(secret),
            "{error:?}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn the_message_of_each_class_says_what_to_do() -> anyhow::Result<()> {
    let db = Db::open().await?;
    db.script(SCHEMA).await?;
    for (sql, kind, message) in [
        (
            "SELECT nope FROM people",
            ErrorKind::Other,
            "column \"nope\" does not exist (at character 8) (42703)",
        ),
        (
            "SELEC 1",
            ErrorKind::Other,
            "syntax error at or near \"SELEC\" (at character 1) (42601)",
        ),
        (
            "SELECT 1/0",
            ErrorKind::InvalidInput,
            "the database refused a value: a division by zero (22012)",
        ),
        (
            "SELECT 'x' FROM people LIMIT -1",
            ErrorKind::InvalidInput,
            "the database refused a value: a LIMIT below zero (2201W)",
        ),
        (
            "SELECT pg_catalog.pg_sleep(1) FROM (SELECT set_config('statement_timeout', '50', true)) s",
            ErrorKind::Timeout,
            "",
        ),
        ("SELECT * FROM missing_function()", ErrorKind::Other, ""),
    ] {
        let outcome = rows(&*db.engine, read(sql, Vec::new())).await;
        if message.is_empty() {
            continue;
        }
        let error = outcome.unwrap_err();
        assert_eq!(
            (error.kind(), error.to_string().as_str()),
            (kind, message),
            "{sql}"
        );
    }
    let raise = "DO $$ BEGIN RAISE EXCEPTION 'balance of 12345 is too low'; END $$";
    let error = db
        .engine
        .execute(write(raise, Vec::new()))
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the database refused the statement (P0001)"
    );
    assert_eq!(error.server_message(), Some("balance of 12345 is too low"));
    let nul = write("UPDATE people SET email = $1", vec![text("a\0b")]);
    let error = db.engine.execute(nul).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    Ok(())
}

#[tokio::test]
async fn locks_and_deadlines_of_the_server_are_timeouts() -> anyhow::Result<()> {
    let db = Db::open().await?;
    db.script(SCHEMA).await?;
    let observer = db.observer().await?;
    observer
        .run("BEGIN; SELECT * FROM people WHERE id = 1 FOR UPDATE")
        .await?;
    let locked = write(
        "SELECT * FROM people WHERE id = 1 FOR UPDATE NOWAIT",
        Vec::new(),
    );
    let error = db.engine.execute(locked).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.code()),
        (ErrorKind::Timeout, Some("55P03"))
    );
    let role = observer
        .text("SELECT current_setting('application_name')")
        .await?;
    assert_eq!(role, "observer");
    // The server's own end of a statement.
    let engine = std::sync::Arc::clone(&db.engine);
    let slow =
        tokio::spawn(async move { rows(&*engine, read("SELECT pg_sleep(60)", Vec::new())).await });
    observer.run("ROLLBACK").await?;
    observer
        .until("state = 'active' AND query LIKE '%sleep(60)%'", 1)
        .await?;
    observer
        .run("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)'")
        .await?;
    let error = slow.await?.unwrap_err();
    assert_eq!(
        (error.kind(), error.code()),
        (ErrorKind::Timeout, Some("57014"))
    );
    Ok(())
}

#[tokio::test]
async fn a_server_that_is_read_only_says_so() -> anyhow::Result<()> {
    let db = Db::open().await?;
    db.script("CREATE TABLE t (n int)").await?;
    let observer = db.observer().await?;
    observer
        .run(&format!(
            "ALTER DATABASE {} SET default_transaction_read_only = on",
            db.base.name()
        ))
        .await?;
    let mut target = db.target.clone();
    target.application_name = "shelfmark".to_owned();
    let engine = shelfmark_postgres::PostgresEngine::open(
        &target,
        &crate::support::pool_of(1),
        std::time::Duration::from_secs(5),
    )
    .await?;
    let error = engine
        .execute(write("INSERT INTO t VALUES (1)", Vec::new()))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert_eq!(
        error.to_string(),
        "the transaction or the server is read-only (25006)"
    );
    assert_eq!(
        crate::support::one(&engine, "SELECT 1").await?,
        ValueRef::I32(1)
    );
    Ok(())
}
