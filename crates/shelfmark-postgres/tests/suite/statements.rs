//! Prepared statements: kept, replaced when the schema changes, refused where they would leave something behind.

use shelfmark_core::{Access, Channel as _, Engine as _, ErrorKind, Flow, ParamSpec, ValueRef};

use crate::support::{AtFirstRow, BEGIN, Db, call, one, pool_of, read, rows, text, write};

#[tokio::test]
async fn a_statement_is_prepared_once_per_connection() -> anyhow::Result<()> {
    let db = Db::with(pool_of(1)).await?;
    for n in 0..3 {
        let found = rows(
            &*db.engine,
            read("SELECT $1::int4 + 1", vec![ValueRef::I32(n)]),
        )
        .await?;
        assert_eq!(found, [[ValueRef::I32(n + 1)]]);
    }
    let count = "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%int4 + 1'";
    assert_eq!(one(&*db.engine, count).await?, ValueRef::I64(1));
    Ok(())
}

#[tokio::test]
async fn declared_arguments_have_one_typing_also_when_they_are_null() -> anyhow::Result<()> {
    let db = Db::with(pool_of(1)).await?;
    db.script("CREATE TABLE t (year int); INSERT INTO t VALUES (2021), (2022)")
        .await?;
    let session = db.engine.begin(BEGIN).await?;
    for (n, year, found) in [
        (ValueRef::Null, ValueRef::Null, 2),
        (ValueRef::I64(1 << 40), ValueRef::I32(2021), 1),
        (ValueRef::Null, ValueRef::I32(1), 0),
    ] {
        let sql = "SELECT $1 FROM t WHERE $2 IS NULL OR year = $2";
        let mut call = read(sql, vec![n.clone(), year]);
        call.specs = vec![ParamSpec::of::<i64>("n"), ParamSpec::of::<i32>("year")];
        assert_eq!(rows(&*session, call).await?, vec![vec![n]; found]);
    }
    let count = "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%year = $2'";
    assert_eq!(one(&*session, count).await?, ValueRef::I64(1));
    session.commit().await?;
    Ok(())
}

#[tokio::test]
async fn the_cache_of_statements_is_bounded() -> anyhow::Result<()> {
    let db = Db::with(pool_of(1)).await?;
    for n in 0..400 {
        one(&*db.engine, &format!("SELECT {n}")).await?;
    }
    let ValueRef::I64(kept) =
        one(&*db.engine, "SELECT count(*) FROM pg_prepared_statements").await?
    else {
        panic!("a count")
    };
    assert!(kept <= 257, "{kept}");
    Ok(())
}

#[tokio::test]
async fn a_plan_that_went_stale_is_made_anew_outside_of_a_transaction() -> anyhow::Result<()> {
    let db = Db::with(pool_of(1)).await?;
    db.script("CREATE TABLE t (a int); INSERT INTO t VALUES (1)")
        .await?;
    let select = || read("SELECT * FROM t", Vec::new());
    assert_eq!(rows(&*db.engine, select()).await?, [[ValueRef::I32(1)]]);
    db.script("ALTER TABLE t ADD b text DEFAULT 'new'").await?;
    assert_eq!(
        rows(&*db.engine, select()).await?,
        [[ValueRef::I32(1), text("new")]]
    );

    let insert = || write("INSERT INTO t VALUES (2, 'x') RETURNING *", Vec::new());
    assert_eq!(db.engine.execute(insert()).await?, 1);
    db.script("ALTER TABLE t ADD c bool").await?;
    assert_eq!(db.engine.execute(insert()).await?, 1);
    assert_eq!(
        one(&*db.engine, "SELECT count(*) FROM t").await?,
        ValueRef::I64(3)
    );
    Ok(())
}

#[tokio::test]
async fn a_stale_plan_in_a_transaction_says_that_it_may_be_run_again() -> anyhow::Result<()> {
    let db = Db::with(pool_of(1)).await?;
    db.script("CREATE TABLE t (a int)").await?;
    let select = || read("SELECT * FROM t", Vec::new());
    rows(&*db.engine, select()).await?;
    db.script("ALTER TABLE t ADD b text").await?;
    let session = db.engine.begin(BEGIN).await?;
    let error = rows(&*session, select()).await.unwrap_err();
    assert!(error.is_retryable(), "{error:?}");
    session.rollback().await?;
    let session = db.engine.begin(BEGIN).await?;
    rows(&*session, select()).await?;
    session.commit().await?;
    Ok(())
}

#[tokio::test]
async fn a_statement_that_vanished_is_prepared_again() -> anyhow::Result<()> {
    let db = Db::with(pool_of(1)).await?;
    assert_eq!(one(&*db.engine, "SELECT 7").await?, ValueRef::I32(7));
    db.engine
        .execute(write(
            "DO $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$",
            Vec::new(),
        ))
        .await?;
    assert_eq!(one(&*db.engine, "SELECT 7").await?, ValueRef::I32(7));
    Ok(())
}

#[tokio::test]
async fn transactions_are_not_begun_by_statements() -> anyhow::Result<()> {
    let db = Db::open().await?;
    for sql in ["BEGIN", "commit", "SAVEPOINT a"] {
        let error = db
            .engine
            .execute(call(Access::Session, sql, Vec::new()))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert_eq!(
            error.to_string(),
            "a transaction cannot be begun, ended or marked by a statement; use db.transaction and tx.savepoint, \
             which also end what they begin"
        );
    }
    let observer = db.observer().await?;
    assert_eq!(observer.sessions("state LIKE 'idle in%'").await?, 0);
    Ok(())
}

#[tokio::test]
async fn copy_through_the_client_is_refused_and_leaves_the_connection_well() -> anyhow::Result<()> {
    let db = Db::with(pool_of(1)).await?;
    db.script("CREATE TABLE t (a int)").await?;
    for sql in ["COPY t FROM STDIN", "COPY t TO STDOUT"] {
        let error = db.engine.execute(write(sql, Vec::new())).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
    }
    assert_eq!(one(&*db.engine, "SELECT 1").await?, ValueRef::I32(1));
    Ok(())
}

#[tokio::test]
async fn a_session_that_ran_set_is_reset() -> anyhow::Result<()> {
    let db = Db::with(pool_of(1)).await?;
    let work_mem = one(&*db.engine, "SELECT current_setting('work_mem')").await?;
    for sql in [
        "SET work_mem = '77MB'",
        "SELECT set_config('work_mem', '77MB', false)",
        "CREATE TEMP TABLE leftover (a int)",
        "SELECT pg_advisory_lock(4711)",
        "LISTEN leftover",
    ] {
        // Declared wrongly on purpose: the text decides.
        db.engine
            .execute(call(Access::Read, sql, Vec::new()))
            .await?;
    }
    db.engine
        .execute(call(
            Access::Session,
            "SET statement_timeout = 77",
            Vec::new(),
        ))
        .await?;
    for (sql, expected) in [
        ("SELECT current_setting('work_mem')", work_mem),
        ("SELECT current_setting('statement_timeout')", text("31s")),
        ("SELECT current_setting('TimeZone')", text("UTC")),
        ("SELECT to_regclass('leftover')::text", ValueRef::Null),
        (
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'",
            ValueRef::I64(0),
        ),
        (
            "SELECT count(*) FROM pg_listening_channels()",
            ValueRef::I64(0),
        ),
    ] {
        assert_eq!(one(&*db.engine, sql).await?, expected, "{sql}");
    }
    Ok(())
}

#[tokio::test]
async fn a_transaction_that_ran_set_is_reset_when_it_ends() -> anyhow::Result<()> {
    let db = Db::with(pool_of(1)).await?;
    let work_mem = one(&*db.engine, "SELECT current_setting('work_mem')").await?;
    let session = db.engine.begin(BEGIN).await?;
    session
        .execute(call(Access::Session, "SET work_mem = '77MB'", Vec::new()))
        .await?;
    session.commit().await?;
    assert_eq!(
        one(&*db.engine, "SELECT current_setting('work_mem')").await?,
        work_mem
    );
    Ok(())
}

#[tokio::test]
async fn types_of_the_users_own_are_found_after_a_reset() -> anyhow::Result<()> {
    let db = Db::with(pool_of(1)).await?;
    db.script("CREATE TYPE one AS ENUM ('a'); CREATE TYPE two AS ENUM ('b')")
        .await?;
    assert_eq!(one(&*db.engine, "SELECT 'a'::one").await?, text("a"));
    db.engine
        .execute(call(Access::Session, "SET work_mem = '77MB'", Vec::new()))
        .await?;
    assert_eq!(one(&*db.engine, "SELECT 'b'::two").await?, text("b"));
    Ok(())
}

#[tokio::test]
async fn a_sink_that_has_enough_gets_no_more_and_writes_are_run_to_their_end() -> anyhow::Result<()>
{
    let db = Db::with(pool_of(1)).await?;
    db.script("CREATE TABLE t (a int)").await?;
    let enough = || Box::new(AtFirstRow(|| Ok(Flow::Enough)));
    let insert = "INSERT INTO t SELECT generate_series(1, 50000) RETURNING a";
    db.engine.fetch(write(insert, Vec::new()), enough()).await?;
    assert_eq!(
        one(&*db.engine, "SELECT count(*) FROM t").await?,
        ValueRef::I64(50_000)
    );
    // A read of ten million rows is stopped on the server, not read to its end.
    let begun = std::time::Instant::now();
    db.engine
        .fetch(
            read("SELECT generate_series(1, 100000000)", Vec::new()),
            enough(),
        )
        .await?;
    assert_eq!(one(&*db.engine, "SELECT 1").await?, ValueRef::I32(1));
    assert!(begun.elapsed().as_secs() < 5, "{:?}", begun.elapsed());
    Ok(())
}
