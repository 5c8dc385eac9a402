//! Transactions that belong to a tenant, and the rows that row-level security shows them.

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use futures_util::FutureExt as _;
use shelfmark_core::{BeginOptions, Channel, Engine as _, ErrorKind, Isolation, Session, ValueRef};
use shelfmark_postgres::PostgresEngine;

use crate::support::{
    BEGIN, Db, drop_after, in_use, one, pool_of, read, rows, target, text, until, write,
};

const SETTING: &str = "SELECT current_setting('shelfmark.tenant', true)";

fn of(tenant: &str) -> BeginOptions {
    BeginOptions {
        tenant: Some(Arc::from(tenant)),
        ..BEGIN
    }
}

/// The numbers of the tenants whose rows are seen.
async fn seen(channel: &(impl Channel + ?Sized)) -> anyhow::Result<String> {
    let sql = "SELECT coalesce(string_agg(tenant_id::text, ',' ORDER BY id), '') FROM notes";
    match one(channel, sql).await? {
        ValueRef::Text(seen) => Ok(seen.into_owned()),
        other => anyhow::bail!("{}", other.type_name()),
    }
}

/// Runs `test` with an engine of a role to which row-level security applies, as it does not to the superuser that made
/// it; the role is dropped in any case.
async fn as_plain_role<F: Future<Output = anyhow::Result<()>>>(
    db: &Db,
    test: impl FnOnce(PostgresEngine) -> F,
) -> anyhow::Result<()> {
    let role = format!("reader_{:016x}", fastrand::u64(..));
    db.script(&format!(
        "CREATE ROLE {role} LOGIN PASSWORD 'plain'; GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}"
    ))
    .await?;
    let url = db.base.url();
    let (_, place) = url.split_once('@').context("a user in the address")?;
    let target = target(&format!("postgres://{role}:plain@{place}"))?;
    let outcome = AssertUnwindSafe(async {
        let engine = PostgresEngine::open(&target, &pool_of(1), Duration::from_secs(30)).await?;
        test(engine).await
    })
    .catch_unwind()
    .await;
    db.script(&format!("DROP OWNED BY {role}; DROP ROLE {role}"))
        .await?;
    outcome.unwrap_or_else(|panic| resume_unwind(panic))
}

async fn with_notes(policy: &str) -> anyhow::Result<Db> {
    let db = Db::with(pool_of(2)).await?;
    db.script(&format!(
        "CREATE TABLE notes (id int8 PRIMARY KEY, tenant_id int8 NOT NULL);
         ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
         ALTER TABLE notes FORCE ROW LEVEL SECURITY;
         CREATE POLICY of_tenant ON notes USING ({policy});
         INSERT INTO notes VALUES (1, 1), (2, 2), (3, 1)"
    ))
    .await?;
    Ok(db)
}

#[tokio::test]
async fn a_tenant_sees_and_writes_its_own_rows_only() -> anyhow::Result<()> {
    let db = with_notes("tenant_id = current_setting('shelfmark.tenant', true)::bigint").await?;
    assert_eq!(seen(&*db.engine).await?, "1,2,1", "a superuser sees all");
    as_plain_role(&db, |engine| async move {
        for (tenant, expected) in [("1", "1,1"), ("2", "2"), ("3", "")] {
            let session = engine.begin(of(tenant)).await?;
            assert_eq!(seen(&*session).await?, expected);
            session.commit().await?;
        }
        let session = engine.begin(of("2")).await?;
        let touched = session
            .execute(write("UPDATE notes SET id = id + 10", Vec::new()))
            .await?;
        assert_eq!(touched, 1);
        let insert = write("INSERT INTO notes VALUES (99, 1)", Vec::new());
        let error = session.execute(insert).await.unwrap_err();
        assert_eq!(error.code(), Some("42501"), "{error}");
        session.rollback().await?;
        Ok(())
    })
    .await?;
    assert_eq!(seen(&*db.engine).await?, "1,2,1");
    Ok(())
}

#[tokio::test]
async fn without_a_tenant_the_answer_is_the_same_before_and_after_one() -> anyhow::Result<()> {
    let db =
        with_notes("tenant_id = nullif(current_setting('shelfmark.tenant', true), '')::bigint")
            .await?;
    as_plain_role(&db, |engine| async move {
        for _ in 0..2 {
            // The only connection: fresh in the first round, and a tenant's before the second.
            assert_eq!(one(&engine, SETTING).await?, text(""));
            assert_eq!(seen(&engine).await?, "");
            let session = engine.begin(BEGIN).await?;
            assert_eq!(seen(&*session).await?, "");
            session.commit().await?;
            let session = engine.begin(of("1")).await?;
            assert_eq!(seen(&*session).await?, "1,1");
            session.commit().await?;
        }
        Ok(())
    })
    .await
}

/// How a transaction of a tenant ends.
async fn end(way: usize, session: Arc<dyn Session>) -> anyhow::Result<()> {
    match way {
        0 => session.commit().await?,
        1 => session.rollback().await?,
        2 => drop(session),
        3 => {
            // A statement under way when everything is dropped.
            let sleep = session.execute(write("SELECT pg_sleep(60)", Vec::new()));
            let slept = tokio::time::timeout(Duration::from_millis(50), sleep).await;
            assert!(slept.is_err());
        }
        _ => {
            session.savepoint(1).await?;
            assert!(one(&*session, "SELECT 1 / 0").await.is_err());
            session.rollback_to(1).await?;
            assert_eq!(one(&*session, SETTING).await?, text("7"));
            session.commit().await?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn the_tenant_ends_with_its_transaction_however_that_ends() -> anyhow::Result<()> {
    let db = Db::with(pool_of(1)).await?;
    let process = one(&*db.engine, "SELECT pg_backend_pid()").await?;
    for way in 0..5 {
        let session = db.engine.begin(of("7")).await?;
        assert_eq!(one(&*session, SETTING).await?, text("7"));
        end(way, session).await?;
        assert_eq!(one(&*db.engine, SETTING).await?, text(""), "way {way}");
        let session = db.engine.begin(BEGIN).await?;
        assert_eq!(one(&*session, SETTING).await?, text(""), "way {way}");
        session.rollback().await?;
        // It was the same connection.
        assert_eq!(one(&*db.engine, "SELECT pg_backend_pid()").await?, process);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_begin_of_a_tenant_that_is_dropped_anywhere_leaves_no_setting() -> anyhow::Result<()> {
    let db = Db::with(pool_of(1)).await?;
    for round in 0..200 {
        drop_after(db.engine.begin(of("7")), fastrand::usize(1..6)).await;
        let both = read(
            "SELECT current_setting('shelfmark.tenant', true), now()::text",
            Vec::new(),
        );
        let first = rows(&*db.engine, both.clone()).await?;
        let second = rows(&*db.engine, both).await?;
        assert_eq!((&first[0][0], &second[0][0]), (&text(""), &text("")));
        // In an open transaction time would stand still.
        assert_ne!(first[0][1], second[0][1], "round {round}");
    }
    until("the place is free", || in_use(&db) == 0).await
}

#[tokio::test]
async fn a_tenant_is_a_value_and_never_a_part_of_the_text() -> anyhow::Result<()> {
    let db = Db::with(pool_of(1)).await?;
    for tenant in ["'; DROP TABLE notes; --", "a\\'b", "$1", "Zoë 映画", ""] {
        for (isolation, read_only) in [
            (Isolation::ReadCommitted, false),
            (Isolation::RepeatableRead, true),
            (Isolation::Serializable, true),
        ] {
            let options = BeginOptions {
                isolation,
                read_only,
                ..of(tenant)
            };
            let session = db.engine.begin(options).await?;
            assert_eq!(one(&*session, SETTING).await?, text(tenant));
            session.commit().await?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_tenant_that_the_server_refuses_leaves_nothing_open() -> anyhow::Result<()> {
    let db = Db::with(pool_of(1)).await?;
    let observer = db.observer().await?;
    for _ in 0..3 {
        let session = db.engine.begin(of("se\0cret")).await?;
        // A transaction begins with its first statement; what was behind it is not answered.
        let read = read(SETTING, Vec::new());
        let error = rows(&*session, read).await.err().context("it began")?;
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(
            error.to_string(),
            "the server refused the tenant of the transaction (22021)"
        );
        assert!(!format!("{error:?}").contains("cret"), "{error:?}");
        let error = session
            .execute(write(SETTING, Vec::new()))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TransactionAborted);
        drop(session);
        until("the place is free", || in_use(&db) == 0).await?;
        assert_eq!(
            observer
                .sessions("state LIKE 'idle in transaction%'")
                .await?,
            0
        );
    }
    assert_eq!(one(&*db.engine, SETTING).await?, text(""));
    Ok(())
}
