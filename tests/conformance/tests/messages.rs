//! Messages between processes: PostgreSQL passes them on, the others say that they cannot. PORTABILITY.md has the line.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "tests fail by panicking; their names say what they hold"
)]

use std::time::Duration;

use anyhow::Context as _;
use conformance::{Engine, Ground, TestResult};
use futures_util::{FutureExt as _, StreamExt as _};
use shelfmark::prelude::*;
use shelfmark::{Listener, Notice};

fn on_postgres<F: Future<Output = TestResult>>(case: impl FnOnce(Ground) -> F) -> TestResult {
    conformance::run(async || case(Ground::bare(Engine::Postgres).await?).await)
}

/// The payload of the next message.
async fn heard(listener: &mut Listener) -> anyhow::Result<String> {
    let notice = tokio::time::timeout(Duration::from_secs(20), listener.next())
        .await?
        .context("the listener has ended")??;
    match notice {
        Notice::Message { payload, .. } => Ok(payload),
        other => Err(anyhow::anyhow!("{other:?}")),
    }
}

#[test]
fn messages_are_unsupported_on_sqlite_and_in_memory() -> TestResult {
    conformance::run(async || {
        for engine in [Engine::Memory, Engine::Sqlite] {
            let db = Ground::bare(engine).await?;
            db.execute(sql!("CREATE TABLE notes (note TEXT NOT NULL) STRICT"))
                .await?;
            let listening = db.listen(["shows"]).await.unwrap_err();
            let sending = db.notify("shows", "payload").await.unwrap_err();
            for (error, begins) in [
                (listening, "Db::listen: SQLite has no LISTEN; "),
                (sending, "notify: SQLite has no NOTIFY; "),
            ] {
                assert_eq!(error.kind(), ErrorKind::Unsupported);
                let text = error.to_string();
                assert!(text.starts_with(begins), "{text}");
                assert!(text.contains("need PostgreSQL"), "{text}");
                assert!(text.contains("`after_commit`"), "{text}");
            }
            // Nothing was sent, so the transaction goes on.
            db.transaction(async |tx| {
                let error = tx.notify("shows", "payload").await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Unsupported);
                tx.execute(sql!("INSERT INTO notes VALUES ('kept')")).await
            })
            .await?;
            let kept: Vec<String> = db.fetch_all(sql!("SELECT note FROM notes")).await?;
            assert_eq!(kept, ["kept"]);
        }
        Ok(())
    })
}

#[test]
fn a_message_goes_out_at_once_or_with_its_commit() -> TestResult {
    on_postgres(async |db| {
        let mut listener = db.listen(["shows"]).await?;
        db.notify("shows", "at once").await?;
        assert_eq!(heard(&mut listener).await?, "at once");
        let outside = Db::open(db.url()).await?;
        db.transaction(async |tx| {
            tx.notify("shows", "with the commit").await?;
            let undone = tx
                .savepoint(async |sp| {
                    sp.notify("shows", "undone").await?;
                    Err::<(), Error>(Error::not_found("undo"))
                })
                .await;
            assert!(undone.unwrap_err().is_not_found());
            outside.notify("shows", "before the commit").await
        })
        .await?;
        assert_eq!(heard(&mut listener).await?, "before the commit");
        assert_eq!(heard(&mut listener).await?, "with the commit");
        let failed = db
            .transaction(async |tx| {
                tx.notify("shows", "never").await?;
                Err::<(), Error>(Error::not_found("undo"))
            })
            .await;
        assert!(failed.unwrap_err().is_not_found());
        db.notify("shows", "").await?;
        assert_eq!(heard(&mut listener).await?, "");
        Ok(())
    })
}

#[test]
fn payloads_and_names_of_full_length_arrive() -> TestResult {
    on_postgres(async |db| {
        let name = "é".repeat(31);
        let mut listener = db.listen([name.clone()]).await?;
        let payload = "p".repeat(7_999);
        db.notify(&name, &payload).await?;
        assert_eq!(heard(&mut listener).await?, payload);
        let quotes = "it's \"; -- \\ \u{1f3ac}";
        db.notify(&name, quotes).await?;
        assert_eq!(heard(&mut listener).await?, quotes);
        Ok(())
    })
}

#[test]
fn a_message_past_the_transaction_one_is_in_is_refused() -> TestResult {
    on_postgres(async |db| {
        let outer = db.db().clone();
        db.transaction(async |_tx| {
            let error = outer.notify("shows", "past it").await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            assert!(error.to_string().contains("use `tx`"), "{error}");
            Ok::<_, Error>(())
        })
        .await?;
        Ok(())
    })
}

#[test]
fn a_dropped_next_loses_no_message() -> TestResult {
    on_postgres(async |db| {
        let mut listener = db.listen(["shows"]).await?;
        for number in 0..200 {
            let payload = number.to_string();
            // Polled once, which may or may not find the message that is on its way.
            db.notify("shows", &payload).await?;
            let first = listener.next().now_or_never();
            let found = match first {
                Some(notice) => match notice.context("the end")?? {
                    Notice::Message { payload, .. } => payload,
                    other => anyhow::bail!("{other:?}"),
                },
                None => heard(&mut listener).await?,
            };
            assert_eq!(found, payload);
        }
        Ok(())
    })
}

#[test]
fn a_listener_is_a_stream() -> TestResult {
    on_postgres(async |db| {
        let listener = db.listen(["shows"]).await?;
        for number in 0..5 {
            db.notify("shows", &number.to_string()).await?;
        }
        let heard: Vec<Notice> = listener.take(5).map(Result::unwrap).collect().await;
        assert_eq!(heard.len(), 5);
        Ok(())
    })
}

#[test]
fn a_listener_keeps_its_database_open() -> TestResult {
    on_postgres(async |db| {
        let mut listener = {
            let other = Db::open(db.url()).await?;
            other.listen(["shows"]).await?
        };
        for payload in ["one", "two"] {
            db.notify("shows", payload).await?;
            assert_eq!(heard(&mut listener).await?, payload);
        }
        Ok(())
    })
}

#[test]
fn a_listener_ends_when_its_database_is_closed() -> TestResult {
    on_postgres(async |db| {
        let mut listener = db.listen(["shows"]).await?;
        assert_eq!(db.status().listeners, 1);
        let waiting = tokio::spawn(async move { listener.next().await.is_none() });
        db.close().await?;
        assert!(waiting.await?, "the listener did not end");
        let error = db.listen(["shows"]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Connection, "{error}");
        Ok(())
    })
}
