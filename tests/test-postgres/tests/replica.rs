//! What a replica does: follow, refuse writes, outlive its primary, and end with its owner.

use std::time::{Duration, Instant};

use test_postgres::{Server, processes};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, NoTls};

/// How long a replica may take to replay a commit.
const LIMIT: Duration = Duration::from_secs(30);

fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(work)
}

async fn session(server: &Server) -> anyhow::Result<Client> {
    let (client, connection) = tokio_postgres::connect(&server.url(), NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// Waits until the replica has replayed what the primary has written so far.
async fn caught_up(primary: &Client, replica: &Client) -> anyhow::Result<()> {
    // What was answered, be it on the disk or not yet.
    let row = primary
        .query_one("SELECT pg_current_wal_insert_lsn()::text", &[])
        .await?;
    let written: String = row.get(0);
    let deadline = Instant::now() + LIMIT;
    loop {
        let row = replica
            .query_one(
                "SELECT pg_last_wal_replay_lsn() >= $1::text::pg_lsn",
                &[&written],
            )
            .await?;
        if row.get(0) {
            return Ok(());
        }
        anyhow::ensure!(Instant::now() < deadline, "the replica does not follow");
        tokio::task::yield_now().await;
    }
}

#[test]
fn replica_follows_its_primary_and_refuses_writes() -> anyhow::Result<()> {
    block_on(async {
        let primary = Server::start()?;
        let writer = session(&primary).await?;
        writer
            .batch_execute("CREATE TABLE words AS SELECT 'before'::text AS word")
            .await?;
        let replica = primary.replica()?;
        assert_ne!(replica.port(), primary.port());
        let reader = session(&replica).await?;
        writer
            .batch_execute("INSERT INTO words VALUES ('after')")
            .await?;
        caught_up(&writer, &reader).await?;
        let row = reader
            .query_one("SELECT string_agg(word, ' ' ORDER BY word) FROM words", &[])
            .await?;
        assert_eq!(row.get::<_, &str>(0), "after before");
        let refused = reader
            .batch_execute("INSERT INTO words VALUES ('nowhere')")
            .await
            .unwrap_err();
        assert_eq!(refused.code(), Some(&SqlState::READ_ONLY_SQL_TRANSACTION));
        Ok(())
    })
}

#[test]
fn replica_that_was_stopped_goes_on_where_it_was() -> anyhow::Result<()> {
    block_on(async {
        let primary = Server::start()?;
        let replica = primary.replica_with(&[("max_standby_streaming_delay", "0")])?;
        let writer = session(&primary).await?;
        replica.stop();
        writer
            .batch_execute("CREATE TABLE words AS SELECT 'meanwhile'::text AS word")
            .await?;
        replica.restart()?;
        let reader = session(&replica).await?;
        caught_up(&writer, &reader).await?;
        let row = reader.query_one("SELECT word FROM words", &[]).await?;
        assert_eq!(row.get::<_, &str>(0), "meanwhile");
        let row = reader
            .query_one("SHOW max_standby_streaming_delay", &[])
            .await?;
        assert_eq!(row.get::<_, &str>(0), "0");
        Ok(())
    })
}

#[test]
fn replica_outlives_its_primary_and_can_take_its_place() -> anyhow::Result<()> {
    block_on(async {
        let primary = Server::start()?;
        let replica = primary.replica()?;
        drop(primary);
        let client = session(&replica).await?;
        client.batch_execute("SELECT pg_promote()").await?;
        client
            .batch_execute("CREATE TABLE words AS SELECT 'mine'::text AS word")
            .await?;
        Ok(())
    })
}

#[test]
fn dropped_replica_leaves_no_process_and_no_folder() -> anyhow::Result<()> {
    let primary = Server::start()?;
    let replica = primary.replica()?;
    let (pid, folder) = (replica.pid(), replica.folder().to_owned());
    drop(replica);
    assert!(!folder.exists());
    let is_left = processes()?
        .iter()
        .any(|process| u32::try_from(process.pid.as_raw_nonzero().get()).ok() == pid);
    assert!(!is_left);
    primary.stop();
    assert_eq!(
        primary.replica().unwrap_err().to_string(),
        "a stopped server can't be copied"
    );
    Ok(())
}
