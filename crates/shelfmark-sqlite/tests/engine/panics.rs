//! Panics in decoders.

use std::panic::AssertUnwindSafe;

use futures_util::{FutureExt as _, StreamExt as _};
use shelfmark_core::{Channel, ErrorKind, Flow, RawRow, Result, RowSink};

use crate::support::*;

/// Panics at the row with this number.
struct PanicsAt(usize);

impl RowSink for PanicsAt {
    fn start(&mut self, _: &[&str]) -> Result<()> {
        Ok(())
    }
    fn row(&mut self, _: &dyn RawRow) -> Result<Flow> {
        assert!(self.0 != 0, "the decoder is broken");
        self.0 -= 1;
        Ok(Flow::More)
    }
    fn held(&self) -> usize {
        0
    }
    fn next_batch(&self) -> Box<dyn RowSink> {
        Box::new(PanicsAt(self.0))
    }
}

fn message(panic: Box<dyn std::any::Any + Send>) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panicking_decoder_gives_the_connection_back() -> Outcome {
    for db in both().await? {
        for sql in [
            "SELECT 1 UNION ALL SELECT 2",
            "INSERT INTO t VALUES (1), (2) RETURNING a",
        ] {
            for at in 0..2 {
                let call = if sql.starts_with("SELECT") {
                    read(sql)
                } else {
                    write(sql)
                };
                let outcome = AssertUnwindSafe(db.engine.fetch(call, Box::new(PanicsAt(at))))
                    .catch_unwind()
                    .await;
                let panic = outcome.err().ok_or("the panic was swallowed")?;
                assert_eq!(message(panic), "the decoder is broken");
                db.assert_nothing_is_left_open().await?;
                assert_eq!(db.number("SELECT count(*) FROM t").await?, 0);
            }
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_in_a_transaction_leaves_only_the_rollback() -> Outcome {
    for db in both().await? {
        let session = begin(&*db.engine).await?;
        session.execute(write("INSERT INTO t VALUES (1)")).await?;
        let insert = write("INSERT INTO t VALUES (2) RETURNING a");
        let outcome = AssertUnwindSafe(session.fetch(insert, Box::new(PanicsAt(0))))
            .catch_unwind()
            .await;
        assert!(outcome.is_err());
        let error = session
            .execute(write("INSERT INTO t VALUES (3)"))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TransactionAborted);
        let error = session.commit().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TransactionAborted);
        session.rollback().await?;
        drop(session);
        db.assert_nothing_is_left_open().await?;
        assert_eq!(db.number("SELECT count(*) FROM t").await?, 0);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_in_a_stream_reaches_its_reader() -> Outcome {
    let db = file().await?;
    let mut rows = db.engine.stream(read("SELECT 1"), Box::new(PanicsAt(0)));
    let outcome = AssertUnwindSafe(rows.next()).catch_unwind().await;
    let panic = outcome.err().ok_or("the panic was swallowed")?;
    assert_eq!(message(panic), "the decoder is broken");
    drop(rows);
    db.assert_nothing_is_left_open().await
}
