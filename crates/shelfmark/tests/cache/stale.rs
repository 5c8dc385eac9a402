//! Nothing stale: who begins to read when a write has been answered sees that write, whatever else goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use shelfmark::prelude::*;
use shelfmark_kv::{Cache, CacheConfig, Kv, KvConfig};

use crate::{Ground, TestResult, bump, open, version, version_slowly};

const SHOWS: i64 = 8;
const WRITERS: i64 = 4;
const READERS: i64 = 8;

/// What all tasks know: the newest version of each show whose write was answered.
#[derive(Default)]
struct Board {
    answered: [AtomicI64; SHOWS as usize],
    over: AtomicBool,
    reads: AtomicU64,
}

impl Board {
    fn answered(&self, show: i64) -> &AtomicI64 {
        &self.answered[show as usize]
    }
}

/// `writes` writes and reads all the while, each task on one of `instances`.
async fn race(instances: &[Db], writes: i64) -> TestResult {
    let board = Arc::new(Board::default());
    let instance = |nth: i64| instances[nth as usize % instances.len()].clone();
    let readers: Vec<_> = (0..READERS)
        .map(|nth| tokio::spawn(read(instance(nth), Arc::clone(&board), nth)))
        .collect();
    let writers: Vec<_> = (0..WRITERS)
        .map(|nth| tokio::spawn(write(instance(nth), Arc::clone(&board), writes / WRITERS)))
        .collect();
    let mut written = Ok(());
    for writer in writers {
        written = written.and(writer.await?);
    }
    board.over.store(true, Ordering::SeqCst);
    for reader in readers {
        reader.await??;
    }
    written?;
    for db in instances {
        for show in 0..SHOWS {
            let kept = version(db, show).await?;
            let row: i64 = db
                .fetch_one(sql!(
                    "SELECT version FROM shows WHERE show_id = :show",
                    show
                ))
                .await?;
            assert_eq!(kept, row);
            assert_eq!(row, board.answered(show).load(Ordering::SeqCst));
        }
    }
    let reads = board.reads.load(Ordering::SeqCst);
    anyhow::ensure!(reads > writes.unsigned_abs() / 4, "only {reads} reads");
    Ok(())
}

/// Reads until the writers are done, every fourth reader slowly; one of the others goes away in the middle now and then.
async fn read(db: Db, board: Arc<Board>, nth: i64) -> TestResult {
    let slowly = Duration::from_micros(if nth % 4 == 0 { 1_500 } else { 0 });
    while !board.over.load(Ordering::SeqCst) {
        let show = fastrand::i64(0..SHOWS);
        let answered = board.answered(show).load(Ordering::SeqCst);
        let reading = version_slowly(&db, show, slowly);
        if nth % 4 == 1 && fastrand::u8(..) < 16 {
            let patience = Duration::from_micros(fastrand::u64(..1_000));
            let _ = tokio::time::timeout(patience, reading).await;
        } else {
            let seen = reading.await?;
            assert!(
                seen >= answered,
                "version {answered} of {show} was answered before, and {seen} was read"
            );
            board.reads.fetch_add(1, Ordering::SeqCst);
        }
        tokio::task::yield_now().await;
    }
    Ok(())
}

/// Writes `times`: on its own, in transactions, in savepoints; between them are transactions that are undone.
async fn write(db: Db, board: Arc<Board>, times: i64) -> TestResult {
    for nth in 0..times {
        let show = fastrand::i64(0..SHOWS);
        let written = match nth % 3 {
            0 => bump(&db, show).await?,
            1 => db.transaction(async |tx| bump(&tx, show).await).await?,
            _ => {
                db.transaction(async |tx| {
                    version(&tx, show).await?;
                    tx.savepoint(async |sp| bump(&sp, show).await).await
                })
                .await?
            }
        };
        board.answered(show).fetch_max(written, Ordering::SeqCst);
        if nth % 16 == 0 {
            let undone = db
                .transaction(async |tx| {
                    bump(&tx, show).await?;
                    Err::<(), _>(Error::not_found("undo"))
                })
                .await;
            assert!(undone.unwrap_err().is_not_found());
        }
    }
    Ok(())
}

/// A race on one instance with a cache in process, which is really used.
async fn race_in_process(ground: Ground, writes: i64) -> TestResult {
    let cache = Cache::in_process();
    let db = ground.db.with_cache(cache.clone());
    race(&[db], writes).await?;
    let stats = cache.stats();
    assert!(stats.hits + stats.waits > 0, "{stats:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_stale_in_process_on_memory() -> TestResult {
    race_in_process(Ground::memory().await?, 5_000).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_stale_in_process_on_sqlite() -> TestResult {
    race_in_process(Ground::sqlite().await?, 3_000).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_stale_in_process_on_postgres() -> TestResult {
    race_in_process(Ground::postgres().await?, 3_000).await
}

/// A cache on Redis, as another process has it: of others it knows what Redis tells. A busy machine is no reason to fail,
/// so time is plenty.
async fn on_redis(prefix: &str) -> anyhow::Result<Cache> {
    let config = KvConfig::from_url(&test_redis::shared_url()?)?
        .with_timeout(Duration::from_secs(10))
        .with_connect_timeout(Duration::from_secs(10))
        .with_prefix(prefix);
    let kv = Kv::connect(config).await?;
    let config = CacheConfig::default().with_timeout(Duration::from_secs(10));
    Ok(Cache::new(&kv, config)?)
}

/// A race on two instances that have one Redis.
async fn race_on_redis(ground: Ground, writes: i64) -> TestResult {
    let prefix = format!("{:016x}:", fastrand::u64(..));
    let (ours, theirs) = (on_redis(&prefix).await?, on_redis(&prefix).await?);
    let instances = [
        ground.db.with_cache(ours.clone()),
        open(&ground.url).await?.with_cache(theirs.clone()),
    ];
    race(&instances, writes).await?;
    for cache in [ours, theirs] {
        let stats = cache.stats();
        assert!(stats.hits + stats.waits > 0, "{stats:?}");
        assert_eq!(stats.errors, 0, "{stats:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_stale_on_redis_beside_sqlite() -> TestResult {
    race_on_redis(Ground::sqlite().await?, 1_200).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_stale_on_redis_beside_postgres() -> TestResult {
    race_on_redis(Ground::postgres().await?, 1_200).await
}
