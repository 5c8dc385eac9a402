//! What no transaction ever meets, at the isolation that everyone gets unless asked: read committed.
//!
//! The anomalies are those of the Hermitage suite. Each case tries to bring one about, on an engine where both
//! transactions go on and on one where the second waits for the first, and asserts what must hold in both.

use std::time::Duration;

use conformance::{Ground, Steps, TestResult, on_every_engine};
use shelfmark::Tx;
use shelfmark::prelude::*;

use crate::library::*;

const LONG: Duration = Duration::from_secs(30);

/// Accounts `x` with 10 and `y` with 20.
pub async fn x_and_y(db: &Db) -> shelfmark::Result<()> {
    for (id, balance) in [("x", 10), ("y", 20)] {
        let account = Account {
            account_id: id.into(),
            balance,
        };
        db.accounts().insert(&account).await?;
    }
    Ok(())
}

pub async fn set(tx: &Tx, id: &str, to: i64) -> shelfmark::Result<u64> {
    tx.execute(sql!(
        "UPDATE accounts SET balance = :to WHERE account_id = :id",
        to,
        id
    ))
    .await
}

pub async fn balances(db: &Db) -> shelfmark::Result<Vec<i64>> {
    db.fetch_all(sql!("SELECT balance FROM accounts ORDER BY account_id"))
        .await
}

/// Both ends of a race, each of which must come within the time that a test has.
pub async fn both<A, B>(
    first: impl Future<Output = A>,
    second: impl Future<Output = B>,
) -> anyhow::Result<(A, B)> {
    Ok(tokio::time::timeout(LONG, async { tokio::join!(first, second) }).await?)
}

/// Reads `x` twice while another transaction sets it to `first` and then ends as `last` says.
async fn reads_beside(db: &Ground, first: i64, last: Option<i64>) -> anyhow::Result<[i64; 2]> {
    x_and_y(db).await?;
    let steps = Steps::new();
    let writer = async {
        let ended = db
            .transaction(async |tx| {
                set(&tx, "x", first).await?;
                steps.reach(1);
                steps.until(2).await;
                match last {
                    Some(to) => set(&tx, "x", to).await.map(drop),
                    None => Err(Error::not_found("undo")),
                }
            })
            .await;
        steps.reach(3);
        ended
    };
    let reader = async {
        steps.until(1).await;
        db.transaction(async |tx| {
            let early = tx.accounts().balance("x").await?;
            steps.reach(2);
            steps.until(3).await;
            Ok::<_, Error>([early, tx.accounts().balance("x").await?])
        })
        .await
    };
    let (ended, read) = both(writer, reader).await?;
    assert_eq!(ended.is_ok(), last.is_some());
    Ok(read?)
}

/// The values that `reader` sees of rows which one transaction sets to (11, 19) and the next to (12, 18), oldest first.
async fn ages_seen(db: &Ground, reader: shelfmark::Transaction) -> anyhow::Result<Vec<i64>> {
    let steps = Steps::new();
    let first = async {
        let ended = db
            .transaction(async |tx| {
                set(&tx, "x", 11).await?;
                set(&tx, "y", 19).await?;
                steps.reach(1);
                steps.until(2).await;
                Ok::<_, Error>(())
            })
            .await;
        steps.reach(3);
        ended
    };
    let second = async {
        steps.until(1).await;
        let ended = db
            .transaction(async |tx| {
                steps.reach(2);
                set(&tx, "x", 12).await?;
                steps.reach(4);
                steps.until(5).await;
                set(&tx, "y", 18).await
            })
            .await;
        steps.reach(6);
        ended
    };
    let seen = async {
        steps.until(3).await;
        reader
            .run(async |tx| {
                let x = tx.accounts().balance("x").await?;
                steps.until(4).await;
                let y = tx.accounts().balance("y").await?;
                steps.reach(5);
                steps.until(6).await;
                let later = (
                    tx.accounts().balance("y").await?,
                    tx.accounts().balance("x").await?,
                );
                Ok::<_, Error>(vec![x - 10, 20 - y, 20 - later.0, later.1 - 10])
            })
            .await
    };
    let ((first, second), seen) = both(async { tokio::join!(first, second) }, seen).await?;
    first?;
    second?;
    Ok(seen?)
}

/// Two transactions that lock `x` and `y` in opposite order.
async fn cross(db: &Ground, retries: u32) -> anyhow::Result<[shelfmark::Result<u64>; 2]> {
    x_and_y(db).await?;
    let steps = &Steps::new();
    let way = |here: &'static str, there: &'static str, step: u32| async move {
        db.tx()
            .retry(retries)
            .run(async |tx| {
                tx.accounts().add(here, 1).await?;
                steps.reach(step);
                steps.until(2).await;
                tx.accounts().add(there, 1).await
            })
            .await
    };
    let (first, second) = both(way("x", "y", 1), async {
        steps.until(1).await;
        way("y", "x", 2).await
    })
    .await?;
    Ok([first, second])
}

on_every_engine! {
    async fn dirty_writes_are_impossible(db) {
        x_and_y(db).await?;
        let steps = Steps::new();
        let first = db.transaction(async |tx| {
            set(&tx, "x", 11).await?;
            steps.reach(1);
            steps.until(2).await;
            set(&tx, "y", 21).await
        });
        let second = async {
            steps.until(1).await;
            db.transaction(async |tx| {
                set(&tx, "x", 12).await?;
                steps.reach(2);
                set(&tx, "y", 22).await
            }).await
        };
        let (first, second) = both(first, second).await?;
        first?;
        second?;
        let ended = balances(db).await?;
        assert!(ended == [11, 21] || ended == [12, 22], "{ended:?}");
    }

    async fn aborted_writes_are_never_read(db) {
        assert_eq!(reads_beside(db, 101, None).await?, [10, 10]);
    }

    async fn intermediate_writes_are_never_read(db) {
        let read = reads_beside(db, 101, Some(11)).await?;
        assert!([[10, 10], [10, 11], [11, 11]].contains(&read), "{read:?}");
    }

    async fn two_transactions_never_read_each_others_writes(db) {
        x_and_y(db).await?;
        let steps = Steps::new();
        let first = db.transaction(async |tx| {
            set(&tx, "x", 11).await?;
            steps.reach(1);
            steps.until(2).await;
            tx.accounts().balance("y").await
        });
        let second = async {
            steps.until(1).await;
            db.transaction(async |tx| {
                set(&tx, "y", 22).await?;
                steps.reach(2);
                tx.accounts().balance("x").await
            }).await
        };
        let (y, x) = both(first, second).await?;
        assert_ne!((x?, y?), (11, 22));
    }

    async fn an_observed_transaction_does_not_vanish(db) {
        x_and_y(db).await?;
        let ages = ages_seen(db, db.tx()).await?;
        assert!(ages.is_sorted(), "{ages:?}");
    }

    async fn an_observed_transaction_does_not_vanish_from_a_read_only_one(db) {
        x_and_y(db).await?;
        let ages = ages_seen(db, db.tx().read_only()).await?;
        assert!(ages.is_sorted(), "{ages:?}");
    }

    async fn a_transaction_sees_its_own_writes_at_every_isolation(db) {
        x_and_y(db).await?;
        for level in [db.tx(), db.tx().repeatable_read(), db.tx().serializable()] {
            let seen = level.run(async |tx| {
                let before = tx.accounts().balance("x").await?;
                set(&tx, "x", before + 1).await?;
                Ok::<_, Error>(tx.accounts().balance("x").await? - before)
            }).await?;
            assert_eq!(seen, 1);
        }
        assert_eq!(balances(db).await?, [13, 20]);
    }

    async fn an_increment_in_one_statement_is_never_lost(db) {
        x_and_y(db).await?;
        let many = |id: &'static str| async move {
            for _ in 0..25 {
                db.transaction(async |tx| tx.accounts().add(id, 1).await).await?;
                db.accounts().add(id, 1).await?;
            }
            Ok::<_, Error>(())
        };
        let (first, second) = both(many("x"), many("x")).await?;
        first?;
        second?;
        assert_eq!(balances(db).await?, [110, 20]);
    }

    async fn of_two_inserts_of_one_key_one_is_told(db) {
        let steps = &Steps::new();
        let insert = |balance: i64, own: u32, other: u32| async move {
            db.transaction(async |tx| {
                tx.accounts().insert(&Account { account_id: "x".into(), balance }).await?;
                steps.reach(own);
                steps.until(other).await;
                Ok::<_, Error>(())
            }).await
        };
        let (first, second) = both(insert(1, 1, 2), insert(2, 2, 1)).await?;
        let (winner, loser) = if first.is_ok() { (1, second) } else { (2, first) };
        assert!(loser.unwrap_err().is_unique_violation());
        assert_eq!(balances(db).await?, [winner]);
    }

    async fn concurrent_upserts_of_one_key_all_succeed(db) {
        let mut tasks = Vec::new();
        for nth in 0..8 {
            let db = db.db().clone();
            tasks.push(tokio::spawn(async move { db.books().upsert(&book("a", "Alien", 1979 + nth)).await }));
        }
        for task in tasks {
            tokio::time::timeout(LONG, task).await???;
        }
        assert_eq!(db.books().count().await?, 1);
    }

    async fn an_update_of_a_row_that_is_being_deleted_finds_nothing(db) {
        x_and_y(db).await?;
        let steps = Steps::new();
        let deletion = db.transaction(async |tx| {
            tx.execute(sql!("DELETE FROM accounts WHERE account_id = 'x'")).await?;
            steps.reach(1);
            steps.until(2).await;
            Ok::<_, Error>(())
        });
        let update = async {
            steps.until(1).await;
            let found = db.accounts().add("x", 1).await;
            steps.reach(2);
            found
        };
        let (deleted, found) = both(deletion, update).await?;
        deleted?;
        assert_eq!(found?, 0);
        assert_eq!(balances(db).await?, [20]);
    }

    async fn a_row_that_refers_to_one_being_deleted_is_refused(db) {
        db.books().insert(&book("a", "Alien", 1979)).await?;
        let author_id = db.authors().insert_for_id(&NewAuthor { name: "A".into(), born: None }).await?;
        let steps = Steps::new();
        let deletion = db.transaction(async |tx| {
            tx.books().delete("a").await?;
            steps.reach(1);
            steps.until(2).await;
            Ok::<_, Error>(())
        });
        let reference = async {
            steps.until(1).await;
            let inserted = db.book_authors().insert(&BookAuthor { book_id: "a".into(), author_id, position: 1 }).await;
            steps.reach(2);
            inserted
        };
        let (deleted, inserted) = both(deletion, reference).await?;
        deleted?;
        assert!(inserted.unwrap_err().violates(BookAuthor::FOREIGN_KEY_BOOK_ID));
        assert!(db.book_authors().list().await?.is_empty());
    }

    async fn of_two_transactions_that_wait_for_each_other_one_ends_and_may_be_run_again(db) {
        let ended = cross(db, 0).await?;
        let kept = ended.iter().filter(|ended| ended.is_ok()).count() as i64;
        assert!(kept >= 1, "{ended:?}");
        assert!(ended.iter().flat_map(|ended| ended.as_ref().err()).all(Error::is_retryable), "{ended:?}");
        assert_eq!(balances(db).await?, [10 + kept, 20 + kept]);
    }

    async fn two_transactions_that_wait_for_each_other_both_succeed_when_run_again(db) {
        for ended in cross(db, 20).await? {
            ended?;
        }
        assert_eq!(balances(db).await?, [12, 22]);
    }

    async fn what_a_savepoint_undid_is_seen_by_nobody(db) {
        x_and_y(db).await?;
        let steps = Steps::new();
        let writer = db.transaction(async |tx| {
            let undone = tx.savepoint(async |sp| {
                set(&sp, "x", 99).await?;
                Err::<(), Error>(Error::not_found("undo"))
            }).await;
            assert!(undone.is_err());
            steps.reach(1);
            steps.until(2).await;
            tx.accounts().balance("x").await
        });
        let reader = async {
            steps.until(1).await;
            let read = db.accounts().balance("x").await;
            steps.reach(2);
            read
        };
        let (inside, outside) = both(writer, reader).await?;
        assert_eq!((inside?, outside?), (10, 10));
    }
}

/// The reader above must not be turned away for being slow.
#[test]
fn a_step_that_is_never_reached_ends_the_wait() -> TestResult {
    conformance::run(async || {
        tokio::time::timeout(LONG, Steps::new().until(1)).await?;
        Ok(())
    })
}
