//! Single statements outside of a transaction.

use shelfmark_core::{Channel, ErrorKind, Flow, RawRow, Result, RowSink, ValueRef};

use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn the_count_is_that_of_the_rows_touched() -> Outcome {
    for db in both().await? {
        for (sql, touched) in [
            ("INSERT INTO t VALUES (1), (2), (3)", 3),
            ("UPDATE t SET a = a + 1 WHERE a < 3", 2),
            ("CREATE TABLE other (a)", 0),
            ("CREATE INDEX i ON t (a)", 0),
            ("ALTER TABLE t ADD COLUMN b DEFAULT 1", 0),
            ("ALTER TABLE t DROP COLUMN b", 0),
            ("ALTER TABLE other RENAME TO another", 0),
            ("UPDATE t SET a = 1 WHERE a = 99", 0),
            ("INSERT INTO t VALUES (7) RETURNING a", 1),
            ("INSERT INTO another SELECT a FROM t", 4),
            ("DELETE FROM t", 4),
            ("DROP TABLE another", 0),
        ] {
            assert_eq!(db.execute(sql).await?, touched, "{sql}");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_fails_leaves_nothing() -> Outcome {
    for db in both().await? {
        db.execute("CREATE UNIQUE INDEX u ON t (a)").await?;
        let error = db
            .execute("INSERT INTO t VALUES (1), (2), (1)")
            .await
            .unwrap_err();
        assert!(error.is_unique_violation());
        // SQLite itself would keep the first two.
        db.execute("INSERT OR FAIL INTO t VALUES (1), (2), (1)")
            .await
            .unwrap_err();
        db.execute("INSERT OR ROLLBACK INTO t VALUES (1), (2), (1)")
            .await
            .unwrap_err();
        assert_eq!(db.number("SELECT count(*) FROM t").await?, 0);
        db.assert_nothing_is_left_open().await?;
    }
    Ok(())
}

/// Fails at the row with this number.
struct FailsAt(usize);

impl RowSink for FailsAt {
    fn start(&mut self, _: &[&str]) -> Result<()> {
        Ok(())
    }
    fn row(&mut self, _: &dyn RawRow) -> Result<Flow> {
        if self.0 == 0 {
            return Err(shelfmark_core::Error::new(ErrorKind::Decode).with_detail("as planned"));
        }
        self.0 -= 1;
        Ok(Flow::More)
    }
    fn held(&self) -> usize {
        0
    }
    fn next_batch(&self) -> Box<dyn RowSink> {
        Box::new(FailsAt(self.0))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_whose_rows_cannot_be_read_is_done() -> Outcome {
    for db in both().await? {
        let sql = "INSERT INTO t VALUES (1), (2), (3) RETURNING a";
        for at in 0..3 {
            let outcome = db.engine.fetch(write(sql), Box::new(FailsAt(at))).await;
            let error = outcome.err().ok_or("it was read")?;
            assert_eq!(error.to_string(), "as planned");
            assert_eq!(db.number("SELECT count(*) FROM t").await?, 3);
            assert_eq!(db.execute("DELETE FROM t").await?, 3);
        }
        let sql = "INSERT INTO t VALUES (last_insert_rowid()) RETURNING a";
        let outcome = db
            .engine
            .fetch(session_call(sql), Box::new(FailsAt(0)))
            .await;
        assert!(outcome.is_err());
        assert_eq!(db.number("SELECT count(*) FROM t").await?, 1);
        db.assert_nothing_is_left_open().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn enough_ends_a_query_but_not_a_write() -> Outcome {
    for db in both().await? {
        let one = || {
            Box::new(Cells {
                limit: Some(1),
                ..Cells::default()
            })
        };
        // Would never end.
        let endless =
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n";
        let found = cells(db.engine.fetch(read(endless), one()).await?);
        assert_eq!(found.rows.len(), 1);
        let sql = "INSERT INTO t VALUES (1), (2), (3) RETURNING a";
        let found = cells(db.engine.fetch(write(sql), one()).await?);
        assert_eq!(found.rows, [[ValueRef::I64(1)]]);
        assert_eq!(db.number("SELECT count(*) FROM t").await?, 3);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sink_learns_the_columns_also_when_there_is_no_row() -> Outcome {
    for db in both().await? {
        let found = fetch(&*db.engine, read("SELECT a, a AS b FROM t")).await?;
        assert_eq!(found.columns, ["a", "b"]);
        // After a change of the schema by somebody else the columns are the new ones.
        fetch(&*db.engine, read("SELECT * FROM t")).await?;
        db.execute("ALTER TABLE t ADD COLUMN c").await?;
        let found = fetch(&*db.engine, read("SELECT * FROM t")).await?;
        assert_eq!(found.columns, ["a", "c"]);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn many_rows_are_written_all_or_nothing() -> Outcome {
    let values = |range: std::ops::Range<i64>| -> Vec<Vec<ValueRef<'static>>> {
        range.map(|value| vec![ValueRef::I64(value)]).collect()
    };
    let insert = || write("INSERT INTO t VALUES (?1)");
    for db in both().await? {
        db.execute("CREATE UNIQUE INDEX u ON t (a)").await?;
        let many = db.engine.execute_many(insert(), &[], values(0..1000));
        assert_eq!(many.await?, 1000);
        let many = db.engine.execute_many(insert(), &[], values(999..1010));
        assert_eq!(many.await.unwrap_err().constraint(), Some("u"));
        let mut some_new = values(1000..2000);
        some_new.push(vec![ValueRef::I64(0)]);
        let many = db.engine.execute_many(insert(), &[], some_new.clone());
        assert!(many.await.unwrap_err().is_unique_violation());
        assert_eq!(db.number("SELECT count(*) FROM t").await?, 1000);

        let ignore = write("INSERT INTO t VALUES (?1) ON CONFLICT DO NOTHING");
        let many = db.engine.execute_many(ignore, &[], some_new.clone());
        assert_eq!(many.await?, 1000, "the skipped one does not count");
        db.execute("DELETE FROM t WHERE a >= 1000").await?;

        // Inside a transaction the rows before the failure are undone, too.
        let session = begin(&*db.engine).await?;
        session.execute(write("INSERT INTO t VALUES (-1)")).await?;
        let many = session.execute_many(insert(), &[], some_new);
        assert!(many.await.unwrap_err().is_unique_violation());
        let count = number(&*session, "SELECT count(*) FROM t").await?;
        assert_eq!(count, 1001);
        session.rollback().await?;
        db.assert_nothing_is_left_open().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn transaction_control_is_refused_as_a_statement() -> Outcome {
    for db in both().await? {
        let session = begin(&*db.engine).await?;
        for sql in ["BEGIN", "commit", " /* x */ ROLLBACK", "SAVEPOINT a"] {
            let error = session.execute(write(sql)).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{sql}");
        }
        session.rollback().await?;
        for sql in ["BEGIN", "END"] {
            let error = fetch(&*db.engine, read(sql)).await.err().ok_or("it ran")?;
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{sql}");
        }
        let error = db.execute("DELETE FROM t; COMMIT").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        db.assert_nothing_is_left_open().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_statement_leaves_on_its_connection_is_seen_by_nobody_else() -> Outcome {
    for db in both().await? {
        db.execute("INSERT INTO t VALUES (1)").await?;
        for sql in [
            "PRAGMA foreign_keys = OFF",
            "PRAGMA case_sensitive_like = ON",
            "PRAGMA query_only = ON",
            "EXPLAIN PRAGMA foreign_keys = OFF",
            "VACUUM",
            "CREATE TEMP TABLE left_over (a)",
            "ATTACH ':memory:' AS other",
        ] {
            db.engine.execute(session_call(sql)).await?;
            // Also when it was declared as something else.
            db.engine.execute(read(sql)).await?;
        }
        assert_eq!(db.number("SELECT * FROM pragma_foreign_keys").await?, 1);
        let session = begin(&*db.engine).await?;
        assert_eq!(
            number(&*session, "SELECT * FROM pragma_foreign_keys").await?,
            1
        );
        assert_eq!(number(&*session, "SELECT 'a' LIKE 'A'").await?, 1);
        let databases = "SELECT count(*) FROM pragma_database_list WHERE name <> 'temp'";
        assert_eq!(number(&*session, databases).await?, 1);
        assert!(
            fetch(&*session, read("SELECT * FROM left_over"))
                .await
                .is_err()
        );
        session.rollback().await?;
        assert_eq!(
            db.number("SELECT count(*) FROM t").await?,
            1,
            "the data is kept"
        );
        db.execute("INSERT INTO t VALUES (2)").await?;

        // And when it was part of a transaction.
        let session = begin(&*db.engine).await?;
        session
            .execute(session_call("CREATE TEMP TABLE left_over (a)"))
            .await?;
        session
            .execute(write("INSERT INTO left_over VALUES (1)"))
            .await?;
        session.commit().await?;
        assert!(
            fetch(&*db.engine, session_call("SELECT * FROM left_over"))
                .await
                .is_err()
        );
        assert_eq!(db.number("SELECT count(*) FROM t").await?, 2);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_declared_as_a_read_is_refused_everywhere() -> Outcome {
    for db in both().await? {
        let insert = read("INSERT INTO t VALUES (1)");
        let error = db.engine.execute(insert).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Other);
        assert!(error.to_string().contains("declared to read"), "{error}");
        assert_eq!(
            fetch(&*db.engine, read("EXPLAIN INSERT INTO t VALUES (1)"))
                .await?
                .columns
                .len(),
            8
        );
        assert_eq!(db.number("SELECT count(*) FROM t").await?, 0);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_of_the_text_show_what_sqlite_says() -> Outcome {
    for db in both().await? {
        for (sql, part) in [
            ("SELECT * FROM missing", "no such table: missing"),
            ("SELECT \"missing\" FROM t", "no such column: \"missing\""),
            ("SELEC 1", "near \"SELEC\": syntax error"),
            ("-- nothing", "the statement is empty"),
            ("SELECT 1; SELECT 2", "more than one statement"),
        ] {
            let error = fetch(&*db.engine, read(sql)).await.err().ok_or("it ran")?;
            assert!(error.to_string().contains(part), "{sql}: {error}");
        }
    }
    Ok(())
}
