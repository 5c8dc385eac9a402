//! What a transaction waits for the server, counted.

use conformance::{Engine, Ground, TestResult};
use shelfmark::prelude::*;
use shelfmark::{DatabaseConfig, Error};

use crate::network::Network;
use crate::*;

/// A database behind a network, with one connection that knows all statements.
struct Far {
    db: Db,
    network: Network,
    ground: Ground,
}

impl Far {
    async fn open() -> anyhow::Result<Far> {
        let ground = Ground::bare(Engine::Postgres).await?;
        create_items(&ground).await?;
        let (front, place) = ground.url().split_once('@').unwrap();
        let (host_port, name) = place.split_once('/').unwrap();
        let (host, port) = host_port.rsplit_once(':').unwrap();
        let network = Network::before(host.to_owned(), port.parse()?).await?;
        let url = format!("{front}@127.0.0.1:{}/{name}", network.port);
        let mut config = DatabaseConfig::from_url(&url)?;
        config.pool.min = 0;
        config.pool.max = 1;
        config.pool.lanes = Some(0);
        let db = Db::connect(config).await?;
        Ok(Far {
            db,
            network,
            ground,
        })
    }

    /// How often `work` waits when it is done for the second time, with its statements known.
    async fn waits(&self, work: impl AsyncFn(&Db) -> Result<()>) -> anyhow::Result<u64> {
        let outside = &self.ground;
        work(&self.db).await?;
        outside.execute(sql!("DELETE FROM items")).await?;
        let before = self.network.waits();
        work(&self.db).await?;
        let waits = self.network.waits() - before;
        outside.execute(sql!("DELETE FROM items")).await?;
        Ok(waits)
    }
}

fn measured(case: impl AsyncFn(&Far) -> TestResult) -> TestResult {
    conformance::run(async || case(&Far::open().await?).await)
}

#[test]
fn an_empty_transaction_sends_nothing() -> TestResult {
    measured(async |far| {
        let waits = far.waits(async |db| db.transaction(async |_| Ok(())).await);
        assert_eq!(waits.await?, 0);
        let waits = far.waits(async |db| {
            let undone = db.transaction(async |_| Err::<(), Error>(Error::not_found("undo")));
            assert!(undone.await.unwrap_err().is_not_found());
            Ok(())
        });
        assert_eq!(waits.await?, 0);
        Ok(())
    })
}

#[test]
fn begin_travels_with_the_first_read_and_the_number_with_the_first_write() -> TestResult {
    measured(async |far| {
        let waits = far.waits(async |db| {
            db.transaction(async |tx| {
                tx.items().find(1).await?;
                tx.items().insert(&item(1)).await?;
                Ok(())
            })
            .await
        });
        // The read, the write, and the commit.
        assert_eq!(waits.await?, 3);
        Ok(())
    })
}

#[test]
fn a_first_statement_that_writes_waits_for_begin() -> TestResult {
    measured(async |far| {
        let waits = far.waits(async |db| {
            db.transaction(async |tx| {
                for id in 1..=3 {
                    tx.items().insert(&item(id)).await?;
                }
                Ok(())
            })
            .await
        });
        // BEGIN, three writes, and the commit.
        assert_eq!(waits.await?, 5);
        Ok(())
    })
}

#[test]
fn joined_statements_take_one_round_trip() -> TestResult {
    measured(async |far| {
        let waits = far.waits(async |db| {
            db.transaction(async |tx| {
                let items = tx.items();
                let (one, two, three) =
                    tokio::try_join!(items.find(1), items.count(), items.find(3))?;
                assert_eq!((one, two, three), (None, 0, None));
                let (a, b, c) = (item(1), item(2), item(3));
                tokio::try_join!(items.insert(&a), items.insert(&b), items.insert(&c))?;
                assert_eq!(items.ids().await?, [1, 2, 3]);
                Ok(())
            })
            .await
        });
        // BEGIN with three reads, three writes, one read, and the commit.
        assert_eq!(waits.await?, 4);
        Ok(())
    })
}

#[test]
fn a_savepoint_waits_for_what_is_under_way_and_keeps_the_rest_out() -> TestResult {
    measured(async |far| {
        let waits = far.waits(async |db| {
            db.transaction(async |tx| {
                let items = tx.items();
                let (a, b) = (item(1), item(2));
                let inside = tx.savepoint(async |sp| {
                    let (c, d) = (item(3), item(1));
                    let inner = sp.items();
                    let answers = tokio::join!(inner.insert(&c), inner.insert(&d));
                    assert!(answers.1.unwrap_err().is_unique_violation());
                    Err::<(), Error>(Error::not_found("undo"))
                });
                let (first, undone, second) =
                    tokio::join!(items.insert(&a), inside, items.insert(&b));
                first?;
                assert!(undone.unwrap_err().is_not_found());
                second?;
                assert_eq!(items.ids().await?, [1, 2]);
                Ok(())
            })
            .await
        });
        // BEGIN, one write, SAVEPOINT, two writes, ROLLBACK TO, one write, one read, and the commit.
        assert_eq!(waits.await?, 8);
        Ok(())
    })
}
