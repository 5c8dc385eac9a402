//! Dropped futures: the work stops, the connection is proven idle, and nobody else is hit.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use shelfmark_core::{Access, BoxFuture, Channel, Engine, Result, ValueRef};

use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_query_stops_within_bounds() -> Outcome {
    for db in both().await? {
        for _ in 0..5 {
            let endless = fetch(&*db.engine, read(ENDLESS));
            assert!(
                dropped_after(endless, Duration::from_millis(50))
                    .await
                    .is_none()
            );
            let dropped = Instant::now();
            eventually("the connection is back", || db.engine.status().in_use == 0).await;
            let took = dropped.elapsed();
            // 50 ms are promised; the machine of the tests may be busy.
            assert!(took < Duration::from_millis(500), "{took:?}");
        }
        db.assert_nothing_is_left_open().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_write_leaves_no_transaction_behind() -> Outcome {
    for db in both().await? {
        for _ in 0..3 {
            let endless = db.execute(ENDLESS_WRITE);
            assert!(
                dropped_after(endless, Duration::from_millis(50))
                    .await
                    .is_none()
            );
            db.assert_nothing_is_left_open().await?;
            assert_eq!(db.number("SELECT count(*) FROM t").await?, 0);
        }
        let many = (0..400_000).map(|n| vec![ValueRef::I64(n)]).collect();
        let many = db
            .engine
            .execute_many(write("INSERT INTO t VALUES (?1)"), &[], many);
        assert!(
            dropped_after(many, Duration::from_millis(100))
                .await
                .is_none()
        );
        let dropped = Instant::now();
        db.assert_nothing_is_left_open().await?;
        assert!(dropped.elapsed() < Duration::from_secs(2));
        assert_eq!(db.number("SELECT count(*) FROM t").await?, 0);
    }
    Ok(())
}

/// Every public future, by name.
fn futures(db: &TestDb) -> Vec<(&'static str, BoxFuture<'_, Result<()>>)> {
    let engine = &*db.engine;
    let many = || vec![vec![ValueRef::I64(1)], vec![ValueRef::I64(2)]];
    vec![
        (
            "fetch",
            Box::pin(async { fetch(engine, read("SELECT * FROM t")).await.map(drop) }),
        ),
        (
            "fetch that writes",
            Box::pin(async {
                let insert = write("INSERT INTO t VALUES (1) RETURNING a");
                fetch(engine, insert).await.map(drop)
            }),
        ),
        (
            "execute",
            Box::pin(async { db.execute("INSERT INTO t VALUES (1)").await.map(drop) }),
        ),
        (
            "execute_many",
            Box::pin(async move {
                let insert = write("INSERT INTO t VALUES (?1)");
                engine.execute_many(insert, &[], many()).await.map(drop)
            }),
        ),
        (
            "fetch_many",
            Box::pin(async move {
                let insert = write("INSERT INTO t VALUES (?1) RETURNING a");
                let sink = Box::<Cells>::default();
                engine.fetch_many(insert, &[], many(), sink).await.map(drop)
            }),
        ),
        (
            "stream",
            Box::pin(async {
                let mut rows = engine.stream(read("SELECT * FROM t"), Box::<Cells>::default());
                while let Some(batch) = rows.next().await {
                    batch?;
                }
                Ok(())
            }),
        ),
        ("ping", engine.ping()),
        (
            "describe",
            Box::pin(async { engine.describe("SELECT a FROM t", &[]).await.map(drop) }),
        ),
        (
            "maintenance",
            Box::pin(async {
                let maintenance = engine.maintenance().await?;
                maintenance
                    .script("BEGIN; INSERT INTO t VALUES (1)")
                    .await?;
                maintenance.script("COMMIT").await
            }),
        ),
        (
            "session",
            Box::pin(async {
                let session = begin(engine).await?;
                session.execute(write("INSERT INTO t VALUES (1)")).await?;
                session.savepoint(1).await?;
                session.execute(write("INSERT INTO t VALUES (2)")).await?;
                session.rollback_to(1).await?;
                session.savepoint(1).await?;
                session.release(1).await?;
                session.commit().await
            }),
        ),
        (
            "rollback",
            Box::pin(async {
                let session = begin(engine).await?;
                session.execute(write("INSERT INTO t VALUES (1)")).await?;
                session.rollback().await
            }),
        ),
        (
            "session that reads",
            Box::pin(async {
                let session = begin_reading(engine).await?;
                fetch(&*session, read("SELECT * FROM t")).await?;
                session.commit().await
            }),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_future_dropped_at_any_poll_leaves_nothing_open() -> Outcome {
    for db in both().await? {
        let kinds = futures(&db).len();
        for kind in 0..kinds {
            for polls in 1..60 {
                let (name, future) = futures(&db).swap_remove(kind);
                let done = polled(future, polls).await;
                db.assert_nothing_is_left_open()
                    .await
                    .map_err(|error| format!("{name} after {polls} polls: {error}"))?;
                if let Some(outcome) = done {
                    outcome?;
                    break;
                }
                assert!(polls < 59, "{name} needs more polls");
            }
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_future_dropped_at_any_moment_leaves_nothing_open() -> Outcome {
    for db in both().await? {
        let mut random = fastrand::Rng::with_seed(7);
        for round in 0..400 {
            let mut all = futures(&db);
            let (name, future) = all.swap_remove(random.usize(..all.len()));
            let time = Duration::from_micros(random.u64(1..1500));
            if let Some(outcome) = dropped_after(future, time).await {
                outcome.map_err(|error| format!("{name} in round {round}: {error}"))?;
            }
            if round % 20 == 0 {
                db.assert_nothing_is_left_open().await?;
            }
        }
        db.assert_nothing_is_left_open().await?;
        // Every transaction was kept whole: the 2 of the session was always undone.
        db.execute("DELETE FROM t").await?;
        db.execute("INSERT INTO t VALUES (1)").await?;
        assert_eq!(db.number("SELECT count(*) FROM t").await?, 1);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn late_interrupt_does_not_hit_the_next_statement() -> Outcome {
    let mut one_reader = settings();
    one_reader.max = 1;
    for db in [
        file_with(&one_reader).await?,
        memory_with(&one_reader).await?,
    ] {
        db.execute("INSERT INTO t SELECT value FROM json_each('[1,2,3,4,5,6,7,8,9,10]')")
            .await?;
        // Long enough that an interruption from elsewhere finds it running.
        let sql = "SELECT count(*) FROM t a, t b, t c, t d, t e";
        let victim = {
            let engine = Arc::clone(&db.engine);
            tokio::spawn(async move {
                for round in 0..200 {
                    let count = number(&*engine, sql)
                        .await
                        .map_err(|error| format!("round {round}: {error}"))?;
                    assert_eq!(count, 100_000);
                }
                Outcome::Ok(())
            })
        };
        let mut random = fastrand::Rng::with_seed(11);
        let mut cut_off = 0;
        while !victim.is_finished() {
            let time = Duration::from_micros(random.u64(1..3_000));
            let dropped = dropped_after(number(&*db.engine, sql), time)
                .await
                .is_none();
            cut_off += usize::from(dropped);
        }
        victim.await??;
        assert!(cut_off > 20, "only {cut_off} were cut off");
        db.assert_nothing_is_left_open().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_stops_waiting_passes_its_turn_on() -> Outcome {
    for db in both().await? {
        let session = begin(&*db.engine).await?;
        let first = polled(db.execute("INSERT INTO t VALUES (1)"), 1).await;
        assert!(first.is_none());
        let second = tokio::spawn({
            let engine = Arc::clone(&db.engine);
            async move { engine.execute(write("INSERT INTO t VALUES (2)")).await }
        });
        eventually("the second waits", || db.engine.status().waiting == 1).await;
        session.rollback().await?;
        assert_eq!(second.await??, 1);
        assert_eq!(db.number("SELECT sum(a) FROM t").await?, 2);
        assert_eq!(db.engine.status().waiting, 0);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_storm_neither_leaks_nor_replaces_connections() -> Outcome {
    let db = file().await?;
    let mut tasks = Vec::new();
    for seed in 0..16 {
        let engine = Arc::clone(&db.engine);
        tasks.push(tokio::spawn(async move {
            let mut random = fastrand::Rng::with_seed(seed);
            let mut done = 0;
            for _ in 0..60 {
                let value = vec![ValueRef::I64(1)];
                let insert = call("INSERT INTO t VALUES (?1)", Access::Write, value);
                let time = Duration::from_micros(random.u64(1..20_000));
                if dropped_after(engine.execute(insert), time).await.is_some() {
                    done += 1;
                }
            }
            done
        }));
    }
    let mut acknowledged = 0;
    for task in tasks {
        acknowledged += task.await?;
    }
    db.assert_nothing_is_left_open().await?;
    // A write that was dropped may have been committed; one that was answered must be there.
    let rows = db.number("SELECT count(*) FROM t").await?;
    assert!(
        rows >= acknowledged && rows <= 16 * 60,
        "{acknowledged} {rows}"
    );
    let open = db.engine.status().open;
    assert!(open <= 5, "{open}");
    Ok(())
}
