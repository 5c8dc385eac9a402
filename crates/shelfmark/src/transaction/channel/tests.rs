//! The rules of a transaction's statements, asked of the channel itself.

use shelfmark_core::{Access, BeginOptions, Flow, Isolation, RawRow};

use super::*;
use crate::Db;

/// Counts the rows it is given.
#[derive(Default)]
struct Count(usize);

impl RowSink for Count {
    fn start(&mut self, _: &[&str]) -> Result<()> {
        Ok(())
    }
    fn row(&mut self, _: &dyn RawRow) -> Result<Flow> {
        self.0 += 1;
        Ok(Flow::More)
    }
    fn held(&self) -> usize {
        self.0
    }
    fn next_batch(&self) -> Box<dyn RowSink> {
        Box::<Count>::default()
    }
}

fn call(sql: &str, access: Access) -> Call<'static> {
    Call {
        sql: sql.into(),
        params: Vec::new(),
        specs: Vec::new(),
        method: "Tests::call",
        access,
        demand: None,
    }
}

async fn insert(channel: &dyn Channel, numbers: &[i64]) -> Result<usize> {
    let sql = "INSERT INTO t (n) VALUES (?1) RETURNING n";
    let rows = numbers.iter().map(|n| vec![ValueRef::I64(*n)]).collect();
    let sink = Box::<Count>::default();
    let sink = channel.fetch_many(call(sql, Access::Write), &[Type::I64], rows, sink);
    sink.await.map(|sink| sink.held())
}

async fn begun(db: &Db) -> Result<TxChannel> {
    let options = BeginOptions {
        isolation: Isolation::default(),
        read_only: false,
        label: "tests",
        tenant: None,
    };
    let session = db.shared.engine.begin(options).await?;
    let deadline = Instant::now() + Duration::from_secs(60);
    Ok(TxChannel {
        shared: Shared::new(1, &db.shared, "tests", deadline, session),
        level: Level::new(0),
    })
}

#[tokio::test]
async fn rows_of_many_keep_the_rules_of_a_transaction() -> Result<()> {
    let db = Db::memory().await?;
    let create = "CREATE TABLE t (n INTEGER PRIMARY KEY) STRICT";
    db.shared
        .engine
        .execute(call(create, Access::Write))
        .await?;
    let tx = begun(&db).await?;
    assert_eq!(insert(&tx, &[1, 2, 3]).await?, 3);

    // Not beside an open stream, which is harmless.
    let mut stream = tx.stream(
        call("SELECT n FROM t", Access::Read),
        Box::<Count>::default(),
    );
    assert_eq!(
        stream.next().await.transpose()?.map(|rows| rows.held()),
        Some(3)
    );
    let error = insert(&tx, &[4]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(stream.next().await.is_none());
    drop(stream);

    // Nothing after a failure.
    assert!(
        insert(&tx, &[5, 1])
            .await
            .unwrap_err()
            .is_unique_violation()
    );
    let error = insert(&tx, &[6]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TransactionAborted);
    assert!(error.to_string().contains("Tests::call"), "{error}");
    drop(tx);

    // Nor after a call that was dropped.
    let tx = begun(&db).await?;
    let numbers: Vec<i64> = (0..100_000).collect();
    let dropped = tokio::time::timeout(Duration::ZERO, insert(&tx, &numbers)).await;
    assert!(dropped.is_err());
    let error = insert(&tx, &[7]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TransactionAborted);

    // And not after the end.
    tx.level.close();
    let error = insert(&tx, &[8]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TransactionClosed);
    Ok(())
}
