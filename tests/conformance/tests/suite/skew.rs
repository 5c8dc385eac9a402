//! The anomalies that are possible at read committed and end where a transaction asks for more.
//!
//! With `repeatable_read()` a transaction reads one state and never overwrites what it did not see; with
//! `serializable()` all of them are as if one ran after the other. The loser of a race fails with an error that says it
//! may be run again, and `retry(n)` does that.

use conformance::{Ground, Steps, TestResult, on_every_engine};
use shelfmark::prelude::*;
use shelfmark::{Transaction, Tx};

use crate::isolation::{balances, both, set, x_and_y};
use crate::library::*;

async fn count_from(tx: &Tx, least: i64) -> shelfmark::Result<i64> {
    tx.fetch_one(sql!(
        "SELECT count(*) FROM accounts WHERE balance >= :least",
        least
    ))
    .await
}

/// Counts rows twice, between which another transaction inserts one that fits.
async fn counts_twice(db: &Ground, reader: Transaction) -> anyhow::Result<[i64; 2]> {
    x_and_y(db).await?;
    let steps = Steps::new();
    let reading = reader.run(async |tx| {
        let before = count_from(&tx, 30).await?;
        steps.reach(1);
        steps.until(2).await;
        Ok::<_, Error>([before, count_from(&tx, 30).await?])
    });
    let writing = async {
        steps.until(1).await;
        let new = Account {
            account_id: "z".into(),
            balance: 30,
        };
        let inserted = db.accounts().insert(&new).await;
        steps.reach(2);
        inserted
    };
    let (counts, inserted) = both(reading, writing).await?;
    inserted?;
    Ok(counts?)
}

/// Reads `x` and then `y`, between which another transaction moves 5 from one to the other.
async fn sum_beside_a_transfer(db: &Ground, reader: Transaction) -> anyhow::Result<i64> {
    x_and_y(db).await?;
    let steps = Steps::new();
    let reading = reader.run(async |tx| {
        let x = tx.accounts().balance("x").await?;
        steps.reach(1);
        steps.until(2).await;
        Ok::<_, Error>(x + tx.accounts().balance("y").await?)
    });
    let writing = async {
        steps.until(1).await;
        let moved = db
            .transaction(async |tx| {
                tx.accounts().add("x", 5).await?;
                tx.accounts().add("y", -5).await
            })
            .await;
        steps.reach(2);
        moved
    };
    let (sum, moved) = both(reading, writing).await?;
    moved?;
    Ok(sum?)
}

/// Two transactions that read `x` before either writes one more than it read.
async fn two_increments(
    db: &Ground,
    level: fn(&Db) -> Transaction,
) -> anyhow::Result<[shelfmark::Result<u64>; 2]> {
    x_and_y(db).await?;
    let steps = &Steps::new();
    let increment = |own: u32, other: u32| async move {
        level(db)
            .run(async |tx| {
                let read = tx.accounts().balance("x").await?;
                steps.reach(own);
                steps.until(other).await;
                set(&tx, "x", read + 1).await
            })
            .await
    };
    let (first, second) = both(increment(1, 2), increment(2, 2)).await?;
    Ok([first, second])
}

/// Two on call: each goes off when it sees that the other one is there.
async fn both_go_off_call(
    db: &Ground,
    level: fn(&Db) -> Transaction,
) -> anyhow::Result<[shelfmark::Result<bool>; 2]> {
    for id in ["x", "y"] {
        let on_call = Account {
            account_id: id.into(),
            balance: 1,
        };
        db.accounts().insert(&on_call).await?;
    }
    let steps = &Steps::new();
    let leave = |id: &'static str, own: u32| async move {
        level(db)
            .run(async |tx| {
                let may_go = count_from(&tx, 1).await? == 2;
                steps.reach(own);
                steps.until(2).await;
                if may_go {
                    set(&tx, id, 0).await?;
                }
                Ok::<_, Error>(may_go)
            })
            .await
    };
    let (first, second) = both(leave("x", 1), leave("y", 2)).await?;
    Ok([first, second])
}

fn retryable_alone<T: std::fmt::Debug>(ended: &[shelfmark::Result<T>]) -> TestResult {
    for error in ended.iter().filter_map(|ended| ended.as_ref().err()) {
        assert!(error.is_retryable(), "{ended:?}");
    }
    Ok(())
}

on_every_engine! {
    async fn a_repeatable_read_meets_no_new_rows(db) {
        assert_eq!(counts_twice(db, db.tx().repeatable_read()).await?, [0, 0]);
        assert_eq!(balances(db).await?, [10, 20, 30]);
    }

    async fn a_repeatable_read_that_only_reads_meets_no_new_rows(db) {
        assert_eq!(counts_twice(db, db.tx().repeatable_read().read_only()).await?, [0, 0]);
    }

    async fn a_repeatable_read_sees_one_state(db) {
        assert_eq!(sum_beside_a_transfer(db, db.tx().repeatable_read()).await?, 30);
        assert_eq!(balances(db).await?, [15, 15]);
    }

    async fn a_repeatable_read_that_only_reads_sees_one_state(db) {
        assert_eq!(sum_beside_a_transfer(db, db.tx().repeatable_read().read_only()).await?, 30);
    }

    async fn a_repeatable_read_never_deletes_by_a_state_that_is_gone(db) {
        x_and_y(db).await?;
        let steps = Steps::new();
        let deleting = db.tx().repeatable_read().retry(10).run(async |tx| {
            let x = tx.accounts().balance("x").await?;
            steps.reach(1);
            steps.until(2).await;
            let deleted = tx.execute(sql!("DELETE FROM accounts WHERE balance = 20")).await?;
            Ok::<_, Error>((x, deleted))
        });
        let writing = async {
            steps.until(1).await;
            let written = db.transaction(async |tx| {
                set(&tx, "x", 12).await?;
                set(&tx, "y", 18).await
            }).await;
            steps.reach(2);
            written
        };
        let (seen, written) = both(deleting, writing).await?;
        written?;
        let seen = seen?;
        assert!(seen == (10, 1) || seen == (12, 0), "{seen:?}");
    }

    async fn a_predicate_holds_for_the_rows_that_a_repeatable_read_deletes(db) {
        x_and_y(db).await?;
        let steps = Steps::new();
        let raising = db.transaction(async |tx| {
            tx.execute(sql!("UPDATE accounts SET balance = balance + 10")).await?;
            steps.reach(1);
            steps.until(2).await;
            Ok::<_, Error>(())
        });
        let deleting = async {
            steps.until(1).await;
            let deleted = db.tx().repeatable_read().retry(10).run(async |tx| {
                tx.execute(sql!("DELETE FROM accounts WHERE balance = 20")).await
            }).await;
            steps.reach(2);
            deleted
        };
        let (raised, deleted) = both(raising, deleting).await?;
        raised?;
        assert_eq!(deleted?, 1);
        let left = balances(db).await?;
        assert!(left == [20] || left == [30], "{left:?}");
    }

    async fn an_update_is_never_lost_at_repeatable_read(db) {
        let ended = two_increments(db, |db| db.tx().repeatable_read()).await?;
        retryable_alone(&ended)?;
        let kept = ended.iter().filter(|ended| ended.is_ok()).count() as i64;
        assert!(kept >= 1);
        assert_eq!(balances(db).await?, [10 + kept, 20]);
    }

    async fn no_update_is_lost_when_the_loser_is_run_again(db) {
        for ended in two_increments(db, |db| db.tx().repeatable_read().retry(10)).await? {
            ended?;
        }
        assert_eq!(balances(db).await?, [12, 20]);
    }

    async fn an_update_is_never_lost_when_serializable(db) {
        let ended = two_increments(db, |db| db.tx().serializable()).await?;
        retryable_alone(&ended)?;
        let kept = ended.iter().filter(|ended| ended.is_ok()).count() as i64;
        assert_eq!(balances(db).await?, [10 + kept, 20]);
    }

    async fn write_skew_is_impossible_when_serializable(db) {
        let ended = both_go_off_call(db, |db| db.tx().serializable()).await?;
        retryable_alone(&ended)?;
        assert!(balances(db).await?.iter().sum::<i64>() >= 1);
    }

    async fn of_two_that_would_skew_one_goes_on_when_run_again(db) {
        let mut went = 0;
        for ended in both_go_off_call(db, |db| db.tx().serializable().retry(10)).await? {
            went += i64::from(ended?);
        }
        assert_eq!(went, 1);
        assert_eq!(balances(db).await?.iter().sum::<i64>(), 1);
    }

    async fn write_skew_over_rows_that_are_not_there_is_impossible_when_serializable(db) {
        let steps = &Steps::new();
        let add = |id: &'static str, own: u32| async move {
            db.tx().serializable().retry(10).run(async |tx| {
                let none = count_from(&tx, 42).await? == 0;
                steps.reach(own);
                steps.until(2).await;
                if none {
                    tx.accounts().insert(&Account { account_id: id.into(), balance: 42 }).await?;
                }
                Ok::<_, Error>(none)
            }).await
        };
        let (first, second) = both(add("x", 1), add("y", 2)).await?;
        assert_ne!(first?, second?);
        assert_eq!(balances(db).await?, [42]);
    }

    async fn a_reader_never_sees_an_order_that_the_writers_did_not_have(db) {
        for (id, balance) in [("x", 100), ("y", 0)] {
            db.accounts().insert(&Account { account_id: id.into(), balance }).await?;
        }
        let steps = Steps::new();
        // Takes 10 from `x`, and one more when both together were too little.
        let withdrawing = db.tx().serializable().retry(10).run(async |tx| {
            let sum = tx.accounts().balance("x").await? + tx.accounts().balance("y").await?;
            steps.reach(1);
            steps.until(3).await;
            let fee = i64::from(sum < 110);
            tx.accounts().add("x", -10 - fee).await
        });
        let others = async {
            steps.until(1).await;
            let paid = db.tx().serializable().retry(10).run(async |tx| tx.accounts().add("y", 20).await).await;
            let report = db.tx().serializable().read_only().retry(10).run(async |tx| {
                Ok::<_, Error>((tx.accounts().balance("x").await?, tx.accounts().balance("y").await?))
            }).await;
            steps.reach(3);
            paid.and(report)
        };
        let (withdrawn, report) = both(withdrawing, others).await?;
        withdrawn?;
        let (report, left) = (report?, balances(db).await?);
        // The report says that the payment came before the withdrawal, for which there was no fee then.
        assert!(report != (100, 20) || left == [90, 20], "{report:?} {left:?}");
        assert!(left == [90, 20] || left == [89, 20], "{left:?}");
    }
}
