//! All or nothing: commit, rollback, panic, drop, timeout, retry, and the shapes that a scope may have.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use conformance::{Ground, on_every_engine};
use futures_util::{StreamExt as _, TryStreamExt as _};
use shelfmark::prelude::*;
use tokio::sync::Notify;

use crate::library::*;

const LONG: Duration = Duration::from_secs(20);

async fn two_accounts(db: &Db) -> shelfmark::Result<()> {
    for (id, balance) in [("a", 100), ("b", 0)] {
        db.accounts()
            .insert(&Account {
                account_id: id.into(),
                balance,
            })
            .await?;
    }
    Ok(())
}

/// What business code looks like: it does not know whether it runs inside of a transaction.
async fn transfer(
    accounts: &impl Accounts,
    from: &str,
    to: &str,
    amount: i64,
) -> shelfmark::Result<()> {
    accounts.add(to, amount).await?;
    accounts.add(from, -amount).await?;
    Ok(())
}

/// A query that takes many seconds unless it is stopped.
fn slow_count() -> shelfmark::Query<'static> {
    sql!(
        postgres = "SELECT count(*) FROM generate_series(1, 1000000000)",
        sqlite = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000) SELECT count(*) FROM n"
    )
}

/// The next caller can write at once and is not inside of anything.
async fn assert_usable(db: &Ground) -> conformance::TestResult {
    tokio::time::timeout(LONG, db.log().write("next")).await??;
    tokio::time::timeout(
        LONG,
        db.transaction(async |tx| tx.log().write("and next").await),
    )
    .await??;
    assert_eq!(db.log().entries().await?, ["next", "and next"]);
    Ok(())
}

on_every_engine! {
    async fn ok_commits(db) {
        two_accounts(db).await?;
        db.transaction(async |tx| transfer(tx.accounts(), "a", "b", 30).await).await?;
        assert_eq!(db.accounts().balance("a").await?, 70);
        assert_eq!(db.accounts().balance("b").await?, 30);
    }

    async fn the_scope_gives_its_value(db) {
        let count: i64 = db.transaction(async |tx| {
            tx.books().insert(&book("a", "Alien", 1979)).await?;
            tx.books().count().await
        }).await?;
        assert_eq!(count, 1);
    }

    async fn err_rolls_back(db) {
        two_accounts(db).await?;
        let error = db.transaction(async |tx| transfer(tx.accounts(), "a", "b", 130).await).await.unwrap_err();
        assert_eq!(error.constraint(), Some("balance_is_not_negative"));
        assert_eq!(db.accounts().balance("b").await?, 0);
        assert_usable(db).await?;
    }

    async fn an_error_of_the_domain_rolls_back(db) {
        #[derive(Debug)]
        enum Refusal { Closed, Db(Error) }
        impl From<Error> for Refusal {
            fn from(error: Error) -> Self { Refusal::Db(error) }
        }
        let answer = db.transaction(async |tx| {
            tx.log().write("half").await?;
            Err::<(), _>(Refusal::Closed)
        }).await;
        match answer {
            Err(Refusal::Closed) => {}
            Err(Refusal::Db(error)) => panic!("{error}"),
            Ok(()) => panic!("committed"),
        }
        assert_usable(db).await?;
    }

    async fn a_panic_rolls_back(db) {
        let inner = db.db().clone();
        let ended = tokio::spawn(async move {
            inner.transaction(async |tx| {
                tx.log().write("half").await?;
                if true {
                    panic!("in the middle");
                }
                Ok::<_, Error>(())
            }).await
        }).await;
        assert!(ended.unwrap_err().is_panic());
        assert_usable(db).await?;
    }

    async fn a_dropped_scope_rolls_back(db) {
        let begun = Arc::new(Notify::new());
        let (inner, signal) = (db.db().clone(), Arc::clone(&begun));
        let task = tokio::spawn(async move {
            inner.transaction(async |tx| {
                tx.log().write("half").await?;
                signal.notify_one();
                std::future::pending::<()>().await;
                Ok::<_, Error>(())
            }).await
        });
        tokio::time::timeout(LONG, begun.notified()).await?;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        assert_usable(db).await?;
    }

    async fn a_scope_dropped_at_any_poll_leaves_nothing_behind(db) {
        for polls in 0..40 {
            let mut work = Box::pin(db.transaction(async |tx| {
                tx.log().write("half").await?;
                tx.log().write("whole").await?;
                Err::<(), Error>(Error::not_found("stop"))
            }));
            for _ in 0..polls {
                let step = futures_util::poll!(work.as_mut());
                if step.is_ready() {
                    break;
                }
                tokio::time::sleep(Duration::from_micros(200)).await;
            }
            drop(work);
        }
        assert_usable(db).await?;
    }

    async fn a_call_dropped_at_any_poll_leaves_nothing_open(db) {
        for polls in 0..40 {
            let mut work = Box::pin(db.books().count());
            for _ in 0..polls {
                if futures_util::poll!(work.as_mut()).is_ready() {
                    break;
                }
                tokio::time::sleep(Duration::from_micros(100)).await;
            }
            drop(work);
        }
        assert_usable(db).await?;
    }

    async fn a_dropped_query_stops_and_frees_its_connection(db) {
        for _ in 0..12 {
            let slow = db.fetch_one::<i64>(slow_count());
            assert!(tokio::time::timeout(Duration::from_millis(20), slow).await.is_err());
        }
        assert_usable(db).await?;
        for _ in 0..200 {
            if db.status().in_use == 0 {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{:?}", db.status());
    }

    async fn a_statement_past_its_deadline_is_stopped(db) {
        let config = shelfmark::DatabaseConfig::from_url(db.url())?
            .with_acquire_timeout(Duration::from_millis(100))
            .with_statement_timeout(Duration::from_millis(200));
        let hasty = Db::connect(config).await?;
        let error = hasty.fetch_one::<i64>(slow_count()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout);
        let one: i64 = tokio::time::timeout(LONG, async {
            loop {
                match hasty.fetch_one(sql!(postgres = "SELECT 1::int8", sqlite = "SELECT 1")).await {
                    Err(error) if error.is_timeout() => {}
                    answer => return answer,
                }
            }
        }).await??;
        assert_eq!(one, 1);
    }

    async fn a_transaction_past_its_deadline_is_rolled_back(db) {
        let error = db.tx().timeout(Duration::from_millis(150)).run(async |tx| {
            tx.log().write("half").await?;
            std::future::pending::<()>().await;
            Ok::<_, Error>(())
        }).await.unwrap_err();
        assert!(error.is_timeout(), "{error}");
        assert!(error.to_string().contains("was rolled back"), "{error}");
        assert_usable(db).await?;
    }

    async fn uncommitted_rows_are_never_seen_outside(db) {
        let (written, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (inner, signal, wait) = (db.db().clone(), Arc::clone(&written), Arc::clone(&go));
        let writer = tokio::spawn(async move {
            inner.transaction(async |tx| {
                tx.log().write("unseen").await?;
                signal.notify_one();
                wait.notified().await;
                Err::<(), Error>(Error::not_found("undo"))
            }).await
        });
        tokio::time::timeout(LONG, written.notified()).await?;
        // In memory the read waits for the transaction, elsewhere it sees the state before; nowhere the row.
        let outside = db.db().clone();
        let reader = tokio::spawn(async move { outside.log().entries().await });
        tokio::time::sleep(Duration::from_millis(20)).await;
        go.notify_one();
        assert_eq!(tokio::time::timeout(LONG, reader).await???, Vec::<String>::new());
        assert!(tokio::time::timeout(LONG, writer).await??.is_err());
    }

    async fn two_repositories_share_one_transaction(db) {
        let error = db.transaction(async |tx| {
            tx.books().insert(&book("a", "Alien", 1979)).await?;
            tx.log().write("added").await?;
            tx.authors().insert(&NewAuthor { name: "A".into(), born: None }).await?;
            Err::<(), Error>(Error::not_found("undo"))
        }).await.unwrap_err();
        assert!(error.is_not_found());
        assert_eq!(db.books().count().await? + db.authors().count().await?, 0);
        assert!(db.log().entries().await?.is_empty());
    }

    async fn statements_join_on_one_transaction(db) {
        two_accounts(db).await?;
        let sum = db.transaction(async |tx| {
            let (a, b) = tokio::try_join!(tx.accounts().get("a"), tx.accounts().get("b"))?;
            tokio::try_join!(tx.accounts().add("a", -1), tx.accounts().add("b", 1))?;
            Ok::<_, Error>(a.balance + b.balance)
        }).await?;
        assert_eq!(sum, 100);
        assert_eq!(db.accounts().balance("b").await?, 1);
    }

    async fn a_scope_captures_references_in_a_spawned_task(db) {
        let inner = db.db().clone();
        tokio::spawn(async move {
            let id = String::from("a");
            let new = book(&id, "Alien", 1979);
            inner.transaction(async |tx| tx.books().insert(&new).await).await?;
            inner.tx().retry(2).run(async |tx| tx.books().rate(new.year, Some(&id)).await).await?;
            Ok::<_, Error>(())
        }).await??;
        assert_eq!(db.books().get("a").await?.rating.as_deref(), Some("a"));
    }

    async fn an_escaped_handle_answers_that_its_scope_has_ended(db) {
        let escaped = db.transaction(async |tx| Ok::<_, Error>(tx.clone())).await?;
        let error = escaped.books().count().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TransactionClosed);
        assert_eq!(escaped.log().write("late").await.unwrap_err().kind(), ErrorKind::TransactionClosed);
        let error = escaped.savepoint(async |sp| sp.log().write("late").await).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TransactionClosed);
        assert_usable(db).await?;
    }

    async fn after_a_failed_statement_the_transaction_is_aborted(db) {
        db.books().insert(&book("a", "Alien", 1979)).await?;
        let error = db.transaction(async |tx| {
            tx.log().write("before").await?;
            let failed = tx.books().insert(&book("b", "Alien", 1979)).await.unwrap_err();
            assert!(failed.is_unique_violation());
            let next = tx.log().write("after").await.unwrap_err();
            assert_eq!(next.kind(), ErrorKind::TransactionAborted);
            assert!(next.to_string().contains("Books::insert: unique violation of books_title_key"), "{next}");
            Ok::<_, Error>(())
        }).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TransactionAborted);
        assert!(db.log().entries().await?.is_empty());
        assert_usable(db).await?;
    }

    async fn a_missing_row_does_not_abort(db) {
        db.transaction(async |tx| {
            assert!(tx.books().get("nothing").await.unwrap_err().is_not_found());
            assert!(tx.books().remove("nothing").await.unwrap_err().is_not_found());
            tx.log().write("kept").await
        }).await?;
        assert_eq!(db.log().entries().await?, ["kept"]);
    }

    async fn a_value_that_cannot_be_sent_does_not_abort(db) {
        db.transaction(async |tx| {
            assert_eq!(tx.log().write("a\0b").await.unwrap_err().kind(), ErrorKind::Encode);
            tx.log().write("kept").await
        }).await?;
        assert_eq!(db.log().entries().await?, ["kept"]);
    }

    async fn a_call_dropped_inside_aborts(db) {
        let error = db.transaction(async |tx| {
            tx.log().write("before").await?;
            let slow = tx.fetch_one::<i64>(slow_count());
            assert!(tokio::time::timeout(Duration::from_millis(30), slow).await.is_err());
            let next = tx.log().write("after").await.unwrap_err();
            assert_eq!(next.kind(), ErrorKind::TransactionAborted);
            Ok::<_, Error>(())
        }).await.unwrap_err();
        assert!(error.to_string().contains("was dropped before its answer"), "{error}");
        assert_usable(db).await?;
    }

    async fn a_read_only_transaction_refuses_writes(db) {
        two_accounts(db).await?;
        let answer = db.tx().read_only().run(async |tx| {
            assert_eq!(tx.accounts().balance("a").await?, 100);
            tx.accounts().add("a", 1).await
        }).await;
        assert!(answer.is_err());
        assert_eq!(db.accounts().balance("a").await?, 100);
        assert_usable(db).await?;
    }

    async fn concurrent_increments_are_all_kept(db) {
        two_accounts(db).await?;
        let mut tasks = Vec::new();
        for _ in 0..8 {
            let db = db.db().clone();
            tasks.push(tokio::spawn(async move {
                for _ in 0..10 {
                    db.tx().serializable().retry(50).run(async |tx| {
                        let balance = tx.accounts().balance("b").await?;
                        let set = balance + 1;
                        tx.execute(sql!("UPDATE accounts SET balance = :set WHERE account_id = 'b'", set)).await
                    }).await?;
                }
                Ok::<_, Error>(())
            }));
        }
        for task in tasks {
            tokio::time::timeout(LONG, task).await???;
        }
        assert_eq!(db.accounts().balance("b").await?, 80);
    }

    async fn a_lost_race_runs_again_only_when_asked(db) {
        let tries = AtomicU32::new(0);
        let lost = || Error::new(ErrorKind::Serialization);
        // An error that the scope makes itself lost no race on the database and is not run again.
        let error = db.tx().retry(5).run(async |_tx| {
            tries.fetch_add(1, Ordering::Relaxed);
            Err::<(), Error>(lost())
        }).await.unwrap_err();
        assert_eq!((error.kind(), tries.load(Ordering::Relaxed)), (ErrorKind::Serialization, 1));
    }

    async fn effects_run_after_the_commit_in_order(db) {
        let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
        let (first, second, watcher) = (Arc::clone(&seen), Arc::clone(&seen), db.db().clone());
        db.transaction(async |tx| {
            let watcher = watcher.clone();
            tx.after_commit(async move || {
                let entries = watcher.log().entries().await.unwrap();
                first.lock().unwrap().push(format!("first sees {entries:?}"));
            });
            tx.after_commit(async move || {
                second.lock().unwrap().push("second".to_owned());
                Err::<(), _>("only logged")
            });
            tx.log().write("done").await
        }).await?;
        assert_eq!(*seen.lock().unwrap(), ["first sees [\"done\"]", "second"]);
    }

    async fn effects_of_a_rolled_back_transaction_never_run(db) {
        let runs = Arc::new(AtomicU32::new(0));
        let counter = Arc::clone(&runs);
        let _ = db.transaction(async |tx| {
            tx.after_commit(async move || { counter.fetch_add(1, Ordering::Relaxed); });
            tx.log().write("half").await?;
            Err::<(), Error>(Error::not_found("undo"))
        }).await;
        assert_eq!(runs.load(Ordering::Relaxed), 0);
    }

    async fn a_caller_that_goes_away_after_the_commit_loses_no_effect(db) {
        let (started, done) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (inner, signal, end) = (db.db().clone(), Arc::clone(&started), Arc::clone(&done));
        let caller = tokio::spawn(async move {
            inner.transaction(async |tx| {
                let (signal, end) = (Arc::clone(&signal), Arc::clone(&end));
                tx.after_commit(async move || {
                    signal.notify_one();
                    tokio::time::sleep(Duration::from_millis(20)).await;
                });
                tx.after_commit(async move || end.notify_one());
                tx.log().write("committed").await
            }).await
        });
        tokio::time::timeout(LONG, started.notified()).await?;
        caller.abort();
        tokio::time::timeout(LONG, done.notified()).await?;
        assert_eq!(db.log().entries().await?, ["committed"]);
    }

    async fn an_effect_that_holds_its_transaction_is_dropped_with_it(db) {
        let alive = Arc::new(());
        let held = Arc::downgrade(&alive);
        let _ = db.transaction(async |tx| {
            let (alive, own) = (Arc::clone(&alive), tx.clone());
            tx.after_commit(async move || { drop((alive, own)); });
            Err::<(), Error>(Error::not_found("undo"))
        }).await;
        drop(alive);
        assert_eq!(held.strong_count(), 0);
    }

    async fn an_endless_deadline_is_a_deadline(db) {
        db.tx().timeout(Duration::MAX).run(async |tx| tx.log().write("kept").await).await?;
        assert_eq!(db.log().entries().await?, ["kept"]);
    }

    async fn a_stream_inside_of_a_transaction_sees_its_rows(db) {
        let count = db.transaction(async |tx| {
            let books: Vec<NewBook> = (0..600).map(|nth| book(&format!("{nth:04}"), &format!("Book {nth}"), nth)).collect();
            tx.books().insert_many(&books).await?;
            let rows: Vec<Book> = tx.books().stream_all().try_collect().await?;
            tx.log().write("after the stream").await?;
            Ok::<_, Error>(rows.len())
        }).await?;
        assert_eq!((count, db.log().entries().await?.len()), (600, 1));
    }

    async fn a_statement_beside_an_open_stream_of_the_transaction_is_refused_at_once(db) {
        db.transaction(async |tx| {
            let books: Vec<NewBook> = (0..600).map(|nth| book(&format!("{nth:04}"), &format!("Book {nth}"), nth)).collect();
            tx.books().insert_many(&books).await?;
            {
                let repository = tx.books();
                let mut rows = std::pin::pin!(repository.stream_all());
                rows.next().await.unwrap()?;
                let refused = tokio::time::timeout(Duration::from_secs(5), tx.log().write("beside")).await.unwrap().unwrap_err();
                assert_eq!(refused.kind(), ErrorKind::Unsupported);
                assert!(refused.to_string().contains("a stream of this transaction is still open"), "{refused}");
                while let Some(row) = rows.next().await {
                    row?;
                }
            }
            tx.log().write("after").await
        }).await?;
        assert_eq!(db.log().entries().await?, ["after"]);
    }

    async fn a_stream_dropped_early_inside_aborts(db) {
        let error = db.transaction(async |tx| {
            let books: Vec<NewBook> = (0..600).map(|nth| book(&format!("{nth:04}"), &format!("Book {nth}"), nth)).collect();
            tx.books().insert_many(&books).await?;
            {
                let repository = tx.books();
                let mut rows = std::pin::pin!(repository.stream_all());
                rows.next().await.unwrap()?;
            }
            tx.log().write("after").await
        }).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TransactionAborted);
        assert_eq!(db.books().count().await?, 0);
        assert_usable(db).await?;
    }

    async fn db_inside_of_its_own_transaction_is_named(db) {
        let outside = db.db();
        let error = db.transaction(async |tx| {
            tx.log().write("inside").await?;
            outside.log().write("outside").await
        }).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        let text = error.to_string();
        assert!(text.starts_with("Log::write: `db` was used inside of the transaction opened at "), "{text}");
        assert!(text.contains("transactions.rs:"), "{text}");
        let nested = db.transaction(async |_tx| outside.transaction(async |tx| tx.log().write("nested").await).await).await;
        assert_eq!(nested.unwrap_err().kind(), ErrorKind::Unsupported);
        assert_usable(db).await?;
    }
}
