//! The anomalies that PostgreSQL allows at an isolation, happening there, and not on SQLite, which has one writer.
//!
//! `skew.rs` in the suite shows the same races with the isolation that ends them everywhere.

use conformance::{Steps, TestResult};
use shelfmark::prelude::*;

use super::on_each;

/// Rows `x` with 10 and `y` with 20.
async fn x_and_y(db: &Db) -> shelfmark::Result<()> {
    db.execute(sql!(
        "INSERT INTO accounts (account_id, balance) VALUES ('x', 10), ('y', 20)"
    ))
    .await
    .map(drop)
}

async fn balance(tx: &shelfmark::Tx, id: &str) -> shelfmark::Result<i64> {
    tx.fetch_one(sql!(
        "SELECT balance FROM accounts WHERE account_id = :id",
        id
    ))
    .await
}

async fn set(tx: &shelfmark::Tx, id: &str, to: i64) -> shelfmark::Result<u64> {
    tx.execute(sql!(
        "UPDATE accounts SET balance = :to WHERE account_id = :id",
        to,
        id
    ))
    .await
}

#[test]
fn an_update_is_lost_at_read_committed_on_postgres_alone() -> TestResult {
    on_each(async |db, is_sqlite| {
        x_and_y(&db).await?;
        let steps = Steps::new();
        let first = db.transaction(async |tx| {
            let read = balance(&tx, "x").await?;
            steps.reach(1);
            steps.until(2).await;
            set(&tx, "x", read + 1).await
        });
        let second = async {
            steps.until(1).await;
            let ended = db
                .transaction(async |tx| {
                    let read = balance(&tx, "x").await?;
                    set(&tx, "x", read + 1).await
                })
                .await;
            steps.reach(2);
            ended
        };
        let (first, second) = tokio::join!(first, second);
        first?;
        second?;
        let ended: i64 = db
            .fetch_one(sql!("SELECT balance FROM accounts WHERE account_id = 'x'"))
            .await?;
        assert_eq!(ended, if is_sqlite { 12 } else { 11 });
        Ok(())
    })
}

#[test]
fn two_reads_see_two_states_at_read_committed_on_postgres_alone() -> TestResult {
    on_each(async |db, is_sqlite| {
        x_and_y(&db).await?;
        let steps = Steps::new();
        let reader = db.transaction(async |tx| {
            let x = balance(&tx, "x").await?;
            steps.reach(1);
            steps.until(2).await;
            Ok::<_, Error>(x + balance(&tx, "y").await?)
        });
        let writer = async {
            steps.until(1).await;
            let moved = db
                .transaction(async |tx| {
                    set(&tx, "x", 15).await?;
                    set(&tx, "y", 15).await
                })
                .await;
            steps.reach(2);
            moved
        };
        let (sum, moved) = tokio::join!(reader, writer);
        moved?;
        assert_eq!(sum?, if is_sqlite { 30 } else { 25 });
        Ok(())
    })
}

#[test]
fn new_rows_appear_at_read_committed_on_postgres_alone() -> TestResult {
    on_each(async |db, is_sqlite| {
        x_and_y(&db).await?;
        let steps = Steps::new();
        let reader = db.transaction(async |tx| {
            let count = sql!("SELECT count(*) FROM accounts WHERE balance >= 20");
            let before: i64 = tx.fetch_one(count).await?;
            steps.reach(1);
            steps.until(2).await;
            let count = sql!("SELECT count(*) FROM accounts WHERE balance >= 20");
            Ok::<_, Error>(tx.fetch_one::<i64>(count).await? - before)
        });
        let writer = async {
            steps.until(1).await;
            let inserted = db
                .execute(sql!(
                    "INSERT INTO accounts (account_id, balance) VALUES ('z', 30)"
                ))
                .await;
            steps.reach(2);
            inserted
        };
        let (appeared, inserted) = tokio::join!(reader, writer);
        inserted?;
        assert_eq!(appeared?, i64::from(!is_sqlite));
        Ok(())
    })
}

#[test]
fn a_delete_misses_a_row_that_fits_at_read_committed_on_postgres_alone() -> TestResult {
    on_each(async |db, is_sqlite| {
        x_and_y(&db).await?;
        let steps = Steps::new();
        let raising = db.transaction(async |tx| {
            tx.execute(sql!("UPDATE accounts SET balance = balance + 10"))
                .await?;
            steps.reach(1);
            steps.until(2).await;
            Ok::<_, Error>(())
        });
        let deleting = async {
            steps.until(1).await;
            let deleted = db
                .execute(sql!("DELETE FROM accounts WHERE balance = 20"))
                .await;
            steps.reach(2);
            deleted
        };
        let (raised, deleted) = tokio::join!(raising, deleting);
        raised?;
        // Before and after the other transaction there is one row with 20; on PostgreSQL neither was deleted.
        assert_eq!(deleted?, u64::from(is_sqlite));
        Ok(())
    })
}

#[test]
fn write_skew_happens_at_repeatable_read_on_postgres_alone() -> TestResult {
    on_each(async |db, is_sqlite| {
        db.execute(sql!(
            "INSERT INTO accounts (account_id, balance) VALUES ('x', 1), ('y', 1)"
        ))
        .await?;
        let steps = &Steps::new();
        let db = &db;
        let leave = |id: &'static str, own: u32| async move {
            db.tx()
                .repeatable_read()
                .run(async |tx| {
                    let there: i64 = tx
                        .fetch_one(sql!("SELECT count(*) FROM accounts WHERE balance = 1"))
                        .await?;
                    steps.reach(own);
                    steps.until(2).await;
                    if there == 2 {
                        set(&tx, id, 0).await?;
                    }
                    Ok::<_, Error>(())
                })
                .await
        };
        let (first, second) = tokio::join!(leave("x", 1), async {
            steps.until(1).await;
            leave("y", 2).await
        });
        first?;
        second?;
        let left: i64 = db
            .fetch_one(sql!("SELECT count(*) FROM accounts WHERE balance = 1"))
            .await?;
        assert_eq!(left, i64::from(is_sqlite));
        Ok(())
    })
}

#[test]
fn write_skew_over_rows_that_are_not_there_happens_at_repeatable_read_on_postgres_alone()
-> TestResult {
    on_each(async |db, is_sqlite| {
        let steps = &Steps::new();
        let db = &db;
        let add = |id: &'static str, own: u32| async move {
            db.tx()
                .repeatable_read()
                .run(async |tx| {
                    let there: i64 = tx
                        .fetch_one(sql!("SELECT count(*) FROM accounts WHERE balance = 42"))
                        .await?;
                    steps.reach(own);
                    steps.until(2).await;
                    if there == 0 {
                        tx.execute(sql!(
                            "INSERT INTO accounts (account_id, balance) VALUES (:id, 42)",
                            id
                        ))
                        .await?;
                    }
                    Ok::<_, Error>(())
                })
                .await
        };
        let (first, second) = tokio::join!(add("x", 1), async {
            steps.until(1).await;
            add("y", 2).await
        });
        first?;
        second?;
        let added: i64 = db
            .fetch_one(sql!("SELECT count(*) FROM accounts WHERE balance = 42"))
            .await?;
        assert_eq!(added, if is_sqlite { 1 } else { 2 });
        Ok(())
    })
}

#[test]
fn a_report_contradicts_the_writers_at_repeatable_read_on_postgres_alone() -> TestResult {
    on_each(async |db, is_sqlite| {
        db.execute(sql!(
            "INSERT INTO accounts (account_id, balance) VALUES ('x', 100), ('y', 0)"
        ))
        .await?;
        let steps = Steps::new();
        // Takes 10 from `x`, and one more when both together were too little.
        let withdrawing = db.tx().repeatable_read().run(async |tx| {
            let (x, y) = (balance(&tx, "x").await?, balance(&tx, "y").await?);
            steps.reach(1);
            steps.until(2).await;
            set(&tx, "x", x - 10 - i64::from(x + y < 110)).await
        });
        let others = async {
            steps.until(1).await;
            db.tx()
                .repeatable_read()
                .run(async |tx| set(&tx, "y", 20).await)
                .await?;
            let report = db
                .tx()
                .repeatable_read()
                .read_only()
                .run(async |tx| {
                    Ok::<_, Error>((balance(&tx, "x").await?, balance(&tx, "y").await?))
                })
                .await;
            steps.reach(2);
            report
        };
        let (withdrawn, report) = tokio::join!(withdrawing, others);
        withdrawn?;
        let left: i64 = db
            .fetch_one(sql!("SELECT balance FROM accounts WHERE account_id = 'x'"))
            .await?;
        // The report has the payment and no withdrawal, yet the fee was taken as if the payment came later.
        let contradicts = report? == (100, 20) && left == 89;
        assert_eq!(contradicts, !is_sqlite);
        Ok(())
    })
}
