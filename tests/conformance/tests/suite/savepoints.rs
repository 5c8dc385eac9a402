//! Part of a transaction undone, the rest kept.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use conformance::on_every_engine;
use shelfmark::prelude::*;

use crate::library::*;

on_every_engine! {
    async fn an_undone_savepoint_leaves_the_rest(db) {
        db.transaction(async |tx| {
            tx.log().write("before").await?;
            let undone = tx.savepoint(async |sp| {
                sp.log().write("undone").await?;
                Err::<(), Error>(Error::not_found("undo"))
            }).await;
            assert!(undone.unwrap_err().is_not_found());
            tx.log().write("after").await
        }).await?;
        assert_eq!(db.log().entries().await?, ["before", "after"]);
    }

    async fn a_failed_statement_inside_of_a_savepoint_does_not_abort_the_rest(db) {
        db.books().insert(&book("a", "Alien", 1979)).await?;
        db.transaction(async |tx| {
            let failed = tx.savepoint(async |sp| sp.books().insert(&book("b", "Alien", 1)).await).await;
            assert!(failed.unwrap_err().is_unique_violation());
            tx.books().insert(&book("b", "Brazil", 1985)).await
        }).await?;
        assert_eq!(db.books().titles().await?, ["Alien", "Brazil"]);
    }

    async fn a_failure_swallowed_inside_of_a_savepoint_undoes_the_savepoint(db) {
        db.books().insert(&book("a", "Alien", 1979)).await?;
        db.transaction(async |tx| {
            let answer = tx.savepoint(async |sp| {
                sp.log().write("inside").await?;
                let _ = sp.books().insert(&book("b", "Alien", 1)).await;
                Ok::<_, Error>(())
            }).await;
            assert_eq!(answer.unwrap_err().kind(), ErrorKind::TransactionAborted);
            tx.log().write("outside").await
        }).await?;
        assert_eq!(db.log().entries().await?, ["outside"]);
    }

    async fn savepoints_nest(db) {
        db.transaction(async |tx| {
            tx.log().write("0").await?;
            tx.savepoint(async |one| {
                one.log().write("1").await?;
                let undone = one.savepoint(async |two| {
                    two.log().write("2").await?;
                    two.savepoint(async |three| three.log().write("3").await).await?;
                    Err::<(), Error>(Error::not_found("undo"))
                }).await;
                assert!(undone.is_err());
                one.savepoint(async |two| two.log().write("2 again").await).await
            }).await
        }).await?;
        assert_eq!(db.log().entries().await?, ["0", "1", "2 again"]);
    }

    async fn savepoints_that_are_joined_run_one_after_the_other(db) {
        db.transaction(async |tx| {
            let one = tx.savepoint(async |sp| {
                sp.log().write("one").await?;
                tokio::time::sleep(Duration::from_millis(5)).await;
                sp.log().write("one again").await
            });
            let two = tx.savepoint(async |sp| {
                sp.log().write("two").await?;
                Err::<(), Error>(Error::not_found("undo"))
            });
            let plain = tx.log().write("plain");
            let (one, two, plain) = tokio::join!(one, two, plain);
            assert!(two.is_err());
            one.and(plain)
        }).await?;
        assert_eq!(db.log().entries().await?, ["one", "one again", "plain"]);
    }

    async fn the_outer_handle_inside_of_a_savepoint_is_refused(db) {
        db.transaction(async |tx| {
            let answer = tx.savepoint(async |_sp| tx.log().write("outer").await).await;
            let error = answer.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            assert!(error.to_string().contains("use the handle that the savepoint's closure is given"), "{error}");
            tx.log().write("kept").await
        }).await?;
        assert_eq!(db.log().entries().await?, ["kept"]);
    }

    async fn a_savepoints_escaped_handle_is_closed(db) {
        db.transaction(async |tx| {
            let escaped = tx.savepoint(async |sp| Ok::<_, Error>(sp.clone())).await?;
            assert_eq!(escaped.log().write("late").await.unwrap_err().kind(), ErrorKind::TransactionClosed);
            tx.log().write("kept").await
        }).await?;
        assert_eq!(db.log().entries().await?, ["kept"]);
    }

    async fn a_dropped_savepoint_aborts_the_transaction(db) {
        let error = db.transaction(async |tx| {
            let mut inner = Box::pin(tx.savepoint(async |sp| {
                sp.log().write("half").await?;
                std::future::pending::<()>().await;
                Ok::<_, Error>(())
            }));
            assert!(tokio::time::timeout(Duration::from_millis(100), inner.as_mut()).await.is_err());
            drop(inner);
            tx.log().write("after").await
        }).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TransactionAborted);
        assert!(db.log().entries().await?.is_empty());
    }

    async fn effects_of_an_undone_savepoint_are_forgotten(db) {
        let sum = Arc::new(AtomicU32::new(0));
        let (one, two, four) = (Arc::clone(&sum), Arc::clone(&sum), Arc::clone(&sum));
        db.transaction(async |tx| {
            tx.after_commit(async move || { one.fetch_add(1, Ordering::Relaxed); });
            let _ = tx.savepoint(async |sp| {
                sp.after_commit(async move || { two.fetch_add(2, Ordering::Relaxed); });
                Err::<(), Error>(Error::not_found("undo"))
            }).await;
            tx.savepoint(async |sp| {
                sp.after_commit(async move || { four.fetch_add(4, Ordering::Relaxed); });
                Ok::<_, Error>(())
            }).await
        }).await?;
        assert_eq!(sum.load(Ordering::Relaxed), 5);
    }
}
