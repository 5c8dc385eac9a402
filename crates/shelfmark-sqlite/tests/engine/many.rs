//! Rows back from one statement for many rows.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;
use shelfmark_core::{
    BoxFuture, Channel, Engine, Error, ErrorKind, Flow, RawRow, Result, RowSink, ValueRef,
};

use crate::support::*;

const INSERT: &str = "INSERT INTO t (a) VALUES (?1) ON CONFLICT DO NOTHING RETURNING a, -a AS b";

fn values(numbers: impl IntoIterator<Item = i64>) -> Vec<Vec<ValueRef<'static>>> {
    numbers
        .into_iter()
        .map(|number| vec![ValueRef::I64(number)])
        .collect()
}

/// Both kinds of databases, each with a table of unique numbers below a million.
async fn both_unique() -> Outcome<[TestDb; 2]> {
    let dbs = both().await?;
    for db in &dbs {
        db.execute("DROP TABLE t").await?;
        db.execute("CREATE TABLE t (a INTEGER PRIMARY KEY CHECK (a < 1000000))")
            .await?;
    }
    Ok(dbs)
}

/// Keeps all rows, and counts how often it was told the columns.
#[derive(Default)]
struct Told {
    starts: usize,
    cells: Cells,
}

impl RowSink for Told {
    fn start(&mut self, columns: &[&str]) -> Result<()> {
        self.starts += 1;
        self.cells.start(columns)
    }
    fn row(&mut self, row: &dyn RawRow) -> Result<Flow> {
        self.cells.row(row)
    }
    fn held(&self) -> usize {
        self.cells.held()
    }
    fn next_batch(&self) -> Box<dyn RowSink> {
        Box::<Told>::default()
    }
}

async fn told(channel: &dyn Channel, sql: &str, rows: Vec<Vec<ValueRef<'_>>>) -> Result<Told> {
    let sink = channel
        .fetch_many(write(sql), &[], rows, Box::<Told>::default())
        .await?;
    let sink: Box<dyn std::any::Any> = sink;
    Ok(sink.downcast().map(|told| *told).unwrap_or_default())
}

async fn gives_its_rows_in_order(channel: &dyn Channel) -> Outcome {
    let answer = told(channel, INSERT, values((0..1000).rev())).await?;
    assert_eq!((answer.starts, answer.cells.rows.len()), (1, 1000));
    assert_eq!(answer.cells.columns, ["a", "b"]);
    for (row, number) in answer.cells.rows.iter().zip((0..1000).rev()) {
        assert_eq!(row[..], [ValueRef::I64(number), ValueRef::I64(-number)]);
    }
    // The first rows give nothing back, as they are there already.
    let answer = told(channel, INSERT, values([1, 2, 5000])).await?;
    assert_eq!((answer.starts, answer.cells.rows.len()), (1, 1));
    // And none does: the columns are told all the same.
    let answer = told(channel, INSERT, values([1, 2])).await?;
    assert_eq!((answer.starts, answer.cells.rows.len()), (1, 0));
    assert_eq!(answer.cells.columns, ["a", "b"]);
    // A row of values that gives several rows.
    let sql = "UPDATE t SET a = a WHERE a < ?1 RETURNING a";
    let answer = told(channel, sql, values([3, 0, 2])).await?;
    let rows: Vec<_> = answer.cells.rows.into_iter().flatten().collect();
    assert_eq!(rows, [0, 1, 2, 0, 1].map(ValueRef::I64));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_many_come_back_in_order_in_every_place() -> Outcome {
    for db in both_unique().await? {
        gives_its_rows_in_order(&*db.engine).await?;
        db.execute("DELETE FROM t").await?;
        let session = begin(&*db.engine).await?;
        gives_its_rows_in_order(&*session).await?;
        session.rollback().await?;
        let maintenance = db.engine.maintenance().await?;
        gives_its_rows_in_order(&*maintenance).await?;
        drop(maintenance);
        db.assert_nothing_is_left_open().await?;
        assert_eq!(db.number("SELECT count(*) FROM t").await?, 1001);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn many_rows_are_written_all_or_none_also_when_they_give_rows() -> Outcome {
    for db in both_unique().await? {
        let wrong = || values([1, 2, 1_000_000, 3]);
        let error = told(&*db.engine, INSERT, wrong())
            .await
            .err()
            .ok_or("ran")?;
        assert_eq!(error.constraint(), Some("t_a_check"));
        assert_eq!(db.number("SELECT count(*) FROM t").await?, 0);

        // Inside a transaction the rows before the failure are undone, and those before the call are not.
        let session = begin(&*db.engine).await?;
        session.execute(write("INSERT INTO t VALUES (9)")).await?;
        assert!(told(&*session, INSERT, wrong()).await.is_err());
        assert_eq!(number(&*session, "SELECT count(*) FROM t").await?, 1);
        session.rollback().await?;
        db.assert_nothing_is_left_open().await?;
    }
    Ok(())
}

/// Does at the third row what it was made to do.
struct AtThird(usize, fn() -> Result<Flow>);

impl RowSink for AtThird {
    fn start(&mut self, _: &[&str]) -> Result<()> {
        Ok(())
    }
    fn row(&mut self, _: &dyn RawRow) -> Result<Flow> {
        self.0 += 1;
        assert!(self.0 <= 3, "it was given a row it did not want");
        if self.0 == 3 {
            (self.1)()
        } else {
            Ok(Flow::More)
        }
    }
    fn held(&self) -> usize {
        0
    }
    fn next_batch(&self) -> Box<dyn RowSink> {
        Box::new(AtThird(0, self.1))
    }
}

fn doing(
    channel: &dyn Channel,
    from: i64,
    at_third: fn() -> Result<Flow>,
) -> BoxFuture<'_, Result<Box<dyn RowSink>>> {
    let rows = values(from..from + 100);
    channel.fetch_many(write(INSERT), &[], rows, Box::new(AtThird(0, at_third)))
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_the_sink_does_not_take_are_written_all_the_same() -> Outcome {
    let refuse = || Err(Error::new(ErrorKind::Decode));
    for db in both_unique().await? {
        let error = doing(&*db.engine, 0, refuse).await.err().ok_or("taken")?;
        assert_eq!(error.kind(), ErrorKind::Decode);
        doing(&*db.engine, 100, || Ok(Flow::Enough)).await?;
        let session = begin(&*db.engine).await?;
        assert!(doing(&*session, 200, refuse).await.is_err());
        session.commit().await?;
        assert_eq!(db.number("SELECT count(*) FROM t").await?, 300);
        db.assert_nothing_is_left_open().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_at_a_row_of_many_undoes_all_of_them() -> Outcome {
    for db in both_unique().await? {
        let work = doing(&*db.engine, 0, || panic!("the decoder is broken"));
        assert!(AssertUnwindSafe(work).catch_unwind().await.is_err());
        db.assert_nothing_is_left_open().await?;
        let session = begin(&*db.engine).await?;
        let work = doing(&*session, 0, || panic!("the decoder is broken"));
        assert!(AssertUnwindSafe(work).catch_unwind().await.is_err());
        let error = session.commit().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TransactionAborted);
        drop(session);
        db.assert_nothing_is_left_open().await?;
        assert_eq!(db.number("SELECT count(*) FROM t").await?, 0);
    }
    Ok(())
}
