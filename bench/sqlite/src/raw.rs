//! rusqlite, called directly: a connection for each thread that reads, and one that writes.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::{Connection, params};

use crate::{ROWS, Work};

/// Makes the file that is read and written.
pub(crate) fn fill(file: &Path) -> anyhow::Result<()> {
    let mut connection = Connection::open(file)?;
    connection.execute_batch(
        "PRAGMA journal_mode = WAL;
         CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT NOT NULL, stock INTEGER NOT NULL) STRICT;
         CREATE TABLE events (id INTEGER PRIMARY KEY, task INTEGER NOT NULL, note TEXT NOT NULL) STRICT",
    )?;
    let whole = connection.transaction()?;
    {
        let mut insert = whole.prepare("INSERT INTO items VALUES (?1, ?2, ?3)")?;
        for id in 1..=ROWS {
            insert.execute(params![id, format!("item number {id}"), id % 97])?;
        }
    }
    whole.commit()?;
    Ok(connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")?)
}

fn open(file: &Path) -> anyhow::Result<Connection> {
    let connection = Connection::open(file)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL")?;
    Ok(connection)
}

/// Works for `time` on as many threads as there are tasks, at most one for each core, and gives the operations per second.
/// Writes are one thread's: SQLite has one writer.
pub(crate) fn run(file: &Path, work: Work, tasks: usize, time: Duration) -> anyhow::Result<f64> {
    let cores = thread::available_parallelism()?.get();
    let threads = match work {
        Work::Write => 1,
        _ => tasks.min(cores),
    };
    let begun = Instant::now();
    let done = thread::scope(|scope| {
        let threads: Vec<_> = (0..threads)
            .map(|nth| scope.spawn(move || alone(file, work, nth as u64, begun + time)))
            .collect();
        threads
            .into_iter()
            .map(|one| one.join())
            .collect::<Vec<_>>()
    });
    let mut total = 0;
    for one in done {
        total += one.map_err(|_| anyhow::anyhow!("a thread panicked"))??;
    }
    Ok(total as f64 / begun.elapsed().as_secs_f64())
}

fn alone(file: &Path, work: Work, seed: u64, until: Instant) -> anyhow::Result<u64> {
    let connection = open(file)?;
    let mut random = fastrand::Rng::with_seed(seed);
    let mut done = 0;
    while Instant::now() < until {
        match work {
            Work::Point => {
                let id = random.i64(1..=ROWS);
                let mut find =
                    connection.prepare_cached("SELECT id, name, stock FROM items WHERE id = ?1")?;
                let item: (i64, String, i64) =
                    find.query_row([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
                anyhow::ensure!(item.0 == id);
            }
            Work::List => {
                let id = random.i64(1..=ROWS - 20);
                let mut list = connection.prepare_cached(
                    "SELECT id, name, stock FROM items WHERE id >= ?1 ORDER BY id LIMIT 20",
                )?;
                let items = list
                    .query_map([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
                    .collect::<rusqlite::Result<Vec<(i64, String, i64)>>>()?;
                anyhow::ensure!(items.len() == 20);
            }
            Work::Write => {
                let mut insert =
                    connection.prepare_cached("INSERT INTO events (task, note) VALUES (?1, ?2)")?;
                insert.execute(params![1, "something happened"])?;
            }
        }
        done += 1;
    }
    Ok(done)
}
