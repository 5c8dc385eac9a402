//! Opening, asking, and closing a database.

use std::time::Duration;

use conformance::on_every_engine;
use shelfmark::prelude::*;

use crate::library::*;

on_every_engine! {
    async fn ping_answers(db) {
        db.ping().await?;
    }

    async fn an_idle_pool_says_so(db) {
        db.ping().await?;
        let status = db.status();
        assert_eq!((status.in_use, status.waiting), (0, 0), "{status:?}");
        assert!(status.max >= 1 && status.holders.is_empty());
    }

    async fn a_transaction_is_named_while_it_holds_its_connection(db) {
        let outside = db.db().clone();
        db.transaction(async |tx| {
            tx.log().write("holding").await?;
            let status = outside.status();
            assert_eq!(status.in_use, 1, "{status:?}");
            assert!(status.holders[0].method.contains("database.rs:"), "{status:?}");
            Ok::<_, Error>(())
        }).await?;
        assert_eq!(db.status().in_use, 0);
    }

    async fn a_pool_without_a_free_connection_says_who_holds_it(db) {
        let config = shelfmark::DatabaseConfig::from_url(db.url())?
            .with_pool_max(1)
            .with_acquire_timeout(Duration::from_millis(200));
        let small = Db::connect(config).await?;
        if db.url() == "memory:" {
            small.migrate(conformance::MIGRATIONS).await?;
        }
        let other = small.clone();
        let error = small.transaction(async |tx| {
            tx.log().write("holding").await?;
            let waiting = tokio::spawn(async move { other.log().write("waiting").await });
            Ok::<_, Error>(waiting.await.unwrap().unwrap_err())
        }).await?;
        assert_eq!(error.kind(), ErrorKind::PoolExhausted, "{error}");
        assert!(error.is_timeout());
        let text = error.to_string();
        assert!(text.starts_with("Log::write: timed out after 2"), "{text}");
        assert!(text.contains("waiting for a connection (max 1, in use 1, idle 0, waiting "), "{text}");
        assert!(text.contains("held longest: ") && text.contains("database.rs:"), "{text}");
        small.log().write("free again").await?;
    }

    async fn a_closed_database_refuses_new_work(db) {
        db.close().await?;
        let error = tokio::time::timeout(Duration::from_secs(2), db.books().count()).await?.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Connection, "{error}");
        assert!(db.transaction(async |tx| tx.books().count().await).await.is_err());
        db.close().await?;
    }

    async fn a_close_that_cuts_a_call_off_says_so(db) {
        let other = db.db().clone();
        let running = tokio::spawn(async move {
            let endless = sql!(
                sqlite = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n",
                postgres = "SELECT count(*) FROM pg_sleep(60)"
            );
            other.fetch_one::<i64>(endless).await
        });
        while !db.status().holders.iter().any(|holder| holder.method.contains("database.rs:")) {
            tokio::task::yield_now().await;
        }
        let error = db.close_within(Duration::from_millis(300)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
        let text = error.to_string();
        assert!(text.contains(" was closed, but cut off one call still running after 300ms; running longest: "), "{text}");
        assert!(text.contains("database.rs:"), "{text}");
        assert_eq!(running.await?.unwrap_err().kind(), ErrorKind::Connection);
        db.close_within(Duration::ZERO).await?;
    }

    async fn a_close_waits_for_what_ends_in_time(db) {
        let other = db.db().clone();
        let (began, has_begun) = tokio::sync::oneshot::channel();
        let (go_on, may_go_on) = tokio::sync::oneshot::channel::<()>();
        let running = tokio::spawn(async move {
            other.transaction(async |tx| {
                tx.log().write("began").await?;
                let _ = began.send(());
                let _ = may_go_on.await;
                tx.log().write("ended").await
            }).await
        });
        has_begun.await?;
        let closing = {
            let db = db.db().clone();
            tokio::spawn(async move { db.close_within(Duration::from_secs(20)).await })
        };
        while db.ping().await.is_ok() {}
        let _ = go_on.send(());
        closing.await??;
        running.await??;
    }

    async fn clones_share_one_database(db) {
        db.db().clone().log().write("shared").await?;
        assert_eq!(db.log().entries().await?, ["shared"]);
    }

    async fn many_tasks_get_their_own_answers(db) {
        let books: Vec<NewBook> = (0..64).map(|nth| book(&format!("{nth}"), &format!("Book {nth}"), nth)).collect();
        db.books().insert_many(&books).await?;
        let mut tasks = Vec::new();
        for nth in 0..64 {
            let db = db.db().clone();
            tasks.push(tokio::spawn(async move {
                for _ in 0..20 {
                    assert_eq!(db.books().get(&format!("{nth}")).await?.year, nth);
                }
                Ok::<_, Error>(())
            }));
        }
        for task in tasks {
            task.await??;
        }
    }

    async fn a_statement_for_another_engine_alone_is_unsupported(db) {
        let answer = match db.dialect() {
            shelfmark::Dialect::Sqlite => db.fetch_one::<i64>(sql!(postgres = "SELECT 1::int8")).await,
            _ => db.fetch_one::<i64>(sql!(sqlite = "SELECT 1")).await,
        };
        assert_eq!(answer.unwrap_err().kind(), ErrorKind::Unsupported);
    }

    async fn a_fake_answers_for_what_it_implements(db) {
        struct Fake;
        impl Books for Fake {
            async fn count(&self) -> Result<i64> { Ok(7) }
        }
        async fn count(books: &impl Books) -> Result<i64> { books.count().await }
        assert_eq!(count(&Fake).await?, 7);
        assert_eq!(count(db.books()).await?, 0);
        let error = Fake.find("a").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotImplemented);
        assert_eq!(error.to_string(), "Books::find: not implemented by this fake");
    }
}
