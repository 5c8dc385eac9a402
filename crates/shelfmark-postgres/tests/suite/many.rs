//! Rows back from one statement for many rows.

use shelfmark_core::{
    Channel, Engine as _, Error, ErrorKind, Flow, RawRow, Result, RowSink, Type, ValueRef,
};

use crate::support::{AtFirstRow, BEGIN, Db, Keep, Value, kept, one, pool_of, text, write};

const INSERT: &str = "INSERT INTO t (id, name) SELECT * FROM UNNEST($1::int8[], $2::text[]) \
     ON CONFLICT (id) DO NOTHING RETURNING id, upper(name) AS loud";
const COLUMNS: [Type; 2] = [Type::I64, Type::Text];

fn values(ids: impl IntoIterator<Item = i64>) -> Vec<Vec<Value>> {
    ids.into_iter()
        .map(|id| vec![ValueRef::I64(id), text(&format!("n{id}"))])
        .collect()
}

/// Keeps all rows, and counts how often it was told the columns.
#[derive(Default)]
struct Told {
    starts: usize,
    keep: Keep,
}

impl RowSink for Told {
    fn start(&mut self, columns: &[&str]) -> Result<()> {
        self.starts += 1;
        self.keep.start(columns)
    }

    fn row(&mut self, row: &dyn RawRow) -> Result<Flow> {
        self.keep.row(row)
    }

    fn held(&self) -> usize {
        self.keep.held()
    }

    fn next_batch(&self) -> Box<dyn RowSink> {
        Box::<Told>::default()
    }
}

async fn told(channel: &(impl Channel + ?Sized), rows: Vec<Vec<Value>>) -> Result<Told> {
    let sink = channel
        .fetch_many(
            write(INSERT, Vec::new()),
            &COLUMNS,
            rows,
            Box::<Told>::default(),
        )
        .await?;
    let sink: Box<dyn std::any::Any> = sink;
    Ok(sink
        .downcast::<Told>()
        .map(|told| *told)
        .unwrap_or_default())
}

async fn with_table() -> anyhow::Result<Db> {
    let db = Db::with(pool_of(1)).await?;
    db.script("CREATE TABLE t (id int8 PRIMARY KEY CHECK (id < 1000000), name text)")
        .await?;
    Ok(db)
}

async fn count(channel: &(impl Channel + ?Sized)) -> anyhow::Result<Value> {
    one(channel, "SELECT count(*) FROM t").await
}

async fn gives_its_rows_in_order(channel: &(impl Channel + ?Sized)) -> anyhow::Result<()> {
    let answer = told(channel, values(0..1000)).await?;
    assert_eq!((answer.starts, answer.keep.rows.len()), (1, 1000));
    assert_eq!(answer.keep.columns, ["id", "loud"]);
    assert_eq!(answer.keep.rows[7], [ValueRef::I64(7), text("N7")]);
    assert!(
        (0..1000)
            .map(ValueRef::I64)
            .eq(answer.keep.rows.into_iter().map(|mut row| row.remove(0)))
    );
    // All of them are there already, so no row comes back, and the columns are told all the same.
    let answer = told(channel, values(0..10)).await?;
    assert_eq!((answer.starts, answer.keep.rows.len()), (1, 0));
    assert_eq!(answer.keep.columns, ["id", "loud"]);
    Ok(())
}

#[tokio::test]
async fn rows_of_many_come_back_in_order_in_every_place() -> anyhow::Result<()> {
    let db = with_table().await?;
    gives_its_rows_in_order(&*db.engine).await?;
    db.script("TRUNCATE t").await?;
    let session = db.engine.begin(BEGIN).await?;
    gives_its_rows_in_order(&*session).await?;
    session.rollback().await?;
    let maintenance = db.engine.maintenance().await?;
    gives_its_rows_in_order(&*maintenance).await?;
    assert_eq!(count(&*db.engine).await?, ValueRef::I64(1000));
    Ok(())
}

#[tokio::test]
async fn many_rows_are_written_all_or_none_also_when_they_give_rows() -> anyhow::Result<()> {
    let db = with_table().await?;
    let wrong = || values([1, 2, 1_000_000, 3]);
    let error = told(&*db.engine, wrong())
        .await
        .err()
        .map(|error| error.to_string());
    assert_eq!(error.as_deref(), Some("check violation of t_id_check"));
    assert_eq!(count(&*db.engine).await?, ValueRef::I64(0));

    let session = db.engine.begin(BEGIN).await?;
    assert!(told(&*session, wrong()).await.is_err());
    // It failed on the server, so the transaction is over.
    let error = session.commit().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TransactionAborted);
    session.rollback().await?;
    assert_eq!(count(&*db.engine).await?, ValueRef::I64(0));
    Ok(())
}

#[tokio::test]
async fn rows_that_the_sink_does_not_take_are_written_all_the_same() -> anyhow::Result<()> {
    let db = with_table().await?;
    let refuses = || Box::new(AtFirstRow(|| Err(Error::new(ErrorKind::Decode))));
    let enough = || Box::new(AtFirstRow(|| Ok(Flow::Enough)));
    let call = || write(INSERT, Vec::new());
    let engine = &db.engine;
    let refused = engine.fetch_many(call(), &COLUMNS, values(0..100), refuses());
    assert_eq!(
        refused.await.err().map(|error| error.kind()),
        Some(ErrorKind::Decode)
    );
    engine
        .fetch_many(call(), &COLUMNS, values(100..200), enough())
        .await?;
    let session = db.engine.begin(BEGIN).await?;
    let refused = session.fetch_many(call(), &COLUMNS, values(200..300), refuses());
    assert!(refused.await.is_err());
    session.commit().await?;
    assert_eq!(count(&*db.engine).await?, ValueRef::I64(300));
    Ok(())
}

#[tokio::test]
async fn a_value_that_does_not_fit_is_named_by_row_and_column_and_nothing_is_sent()
-> anyhow::Result<()> {
    let db = with_table().await?;
    db.script("CREATE TABLE small (id int4)").await?;
    let sql = "INSERT INTO small SELECT * FROM UNNEST($1::int4[]) RETURNING id";
    let mut call = write(sql, Vec::new());
    call.specs = vec![shelfmark_core::ParamSpec::of::<i64>("id")];
    let session = db.engine.begin(BEGIN).await?;
    let rows = vec![vec![ValueRef::I64(1)], vec![ValueRef::I64(1 << 40)]];
    let error = session
        .fetch_many(call, &[Type::I64], rows, Box::<Keep>::default())
        .await
        .err()
        .map(|error| error.to_string());
    assert_eq!(
        error.as_deref(),
        Some("row 1, column `id`: the number is out of range for int4")
    );
    let short = session.fetch_many(
        write(INSERT, Vec::new()),
        &COLUMNS,
        vec![vec![ValueRef::I64(1)]],
        Box::<Keep>::default(),
    );
    let error = short.await.err().map(|error| error.to_string());
    assert_eq!(error.as_deref(), Some("row 0 has 1 values for 2 columns"));
    let sink = session
        .fetch_many(
            write(INSERT, Vec::new()),
            &COLUMNS,
            values([5]),
            Box::<Keep>::default(),
        )
        .await?;
    assert_eq!(kept(sink), [[ValueRef::I64(5), text("N5")]]);
    session.commit().await?;
    assert_eq!(count(&*db.engine).await?, ValueRef::I64(1));
    Ok(())
}
