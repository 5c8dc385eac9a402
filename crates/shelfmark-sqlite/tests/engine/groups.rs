//! Single writes that are committed together: each answered for itself, and only when it is on the disk.

use std::io::{BufRead as _, BufReader, Write as _};
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use shelfmark_core::{
    Access, Call, Channel, Engine, ErrorKind, Flow, RawRow, Result, RowSink, Session, ValueRef,
};
use shelfmark_sqlite::SqliteEngine;
use tokio::task::JoinHandle;

use crate::support::*;

const INSERT: &str = "INSERT INTO k VALUES (?1)";
const RETURNING: &str = "INSERT INTO k VALUES (?1) RETURNING id";

fn with(sql: &str, value: i64) -> Call<'static> {
    call(sql, Access::Write, vec![ValueRef::I64(value)])
}

/// Databases with the table `k (id)`, where the statements `sql` are known to be quick.
async fn prepared(statements: &[&str]) -> Outcome<[TestDb; 2]> {
    let databases = both().await?;
    for db in &databases {
        db.execute("CREATE TABLE k (id INTEGER PRIMARY KEY)")
            .await?;
        make_known(db, statements).await?;
        db.execute("DELETE FROM k").await?;
    }
    Ok(databases)
}

/// Runs `statements` alone, until they are known to be quick also on a busy machine.
async fn make_known(db: &TestDb, statements: &[&str]) -> Outcome {
    for sql in statements {
        for id in 1..40 {
            db.engine.execute(with(sql, 1_000 + id)).await?;
            db.execute("DELETE FROM k WHERE id > 1000").await?;
        }
    }
    Ok(())
}

/// A task that waits for its turn at the writer.
async fn waiting_write<T: Send + 'static>(
    db: &TestDb,
    write: impl Future<Output = Result<T>> + Send + 'static,
) -> JoinHandle<Result<T>> {
    let before = db.engine.status().waiting;
    let task = tokio::spawn(write);
    eventually("it waits", || db.engine.status().waiting > before).await;
    task
}

async fn waiting_insert(db: &TestDb, sql: &'static str, id: i64) -> JoinHandle<Result<Cells>> {
    let engine = Arc::clone(&db.engine);
    waiting_write(db, async move { fetch(&*engine, with(sql, id)).await }).await
}

/// How many transactions the write-ahead log has: the frames that end one say how large the database is then.
fn commits_in_the_log(db: &TestDb) -> Outcome<usize> {
    let mut name = db.path().into_os_string();
    name.push("-wal");
    let log = std::fs::read(name)?;
    let (head, frames) = log.split_at_checked(32).ok_or("no log")?;
    let page = head.get(8..12).ok_or("no log")?;
    let page = usize::try_from(u32::from_be_bytes(page.try_into()?))?;
    // Frames behind the last of this log are what an older one left there.
    Ok(frames
        .chunks_exact(24 + page)
        .take_while(|frame| frame.get(8..16) == head.get(16..24))
        .filter(|frame| frame.get(4..8) != Some(&[0; 4]))
        .count())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_violation_among_many_does_not_undo_the_others() -> Outcome {
    for db in prepared(&[RETURNING]).await? {
        let on_disk = !db.path().as_os_str().is_empty();
        let before = if on_disk { commits_in_the_log(&db)? } else { 0 };
        let session = begin(&*db.engine).await?;
        let mut tasks = Vec::new();
        for id in 0..64 {
            // The last one comes a second time.
            tasks.push(waiting_insert(&db, RETURNING, id.min(62)).await);
        }
        session.rollback().await?;
        for (id, task) in tasks.into_iter().enumerate() {
            match task.await? {
                Ok(found) => {
                    assert!(id < 63);
                    assert_eq!(found.rows, [[ValueRef::I64(id as i64)]]);
                }
                Err(error) => {
                    assert_eq!((id, error.kind()), (63, ErrorKind::Unique));
                    assert_eq!(error.constraint(), Some("k_pkey"));
                }
            }
        }
        assert_eq!(db.number("SELECT count(*) FROM k").await?, 63);
        if on_disk {
            let commits = commits_in_the_log(&db)? - before;
            assert!(commits <= 4, "{commits} commits for 63 writes");
        }
        db.assert_nothing_is_left_open().await?;
    }
    Ok(())
}

/// Three rows for one call: numbers that are a thousand apart.
fn three(id: i64) -> Vec<Vec<ValueRef<'static>>> {
    [id, id + 1_000, id + 2_000]
        .map(|id| vec![ValueRef::I64(id)])
        .into()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_few_rows_at_once_are_committed_together_with_others_and_fail_alone() -> Outcome {
    for db in prepared(&[INSERT, RETURNING]).await? {
        let on_disk = !db.path().as_os_str().is_empty();
        let before = if on_disk { commits_in_the_log(&db)? } else { 0 };
        let session = begin(&*db.engine).await?;
        let mut tasks = Vec::new();
        for task in 0..64 {
            let engine = Arc::clone(&db.engine);
            // The last row of the last one is there already.
            let mut rows = three(task);
            if task == 63 {
                rows.truncate(2);
                rows.push(vec![ValueRef::I64(7)]);
            }
            let write = async move {
                if task % 2 == 0 {
                    let touched = engine.execute_many(write(INSERT), &[], rows).await?;
                    return Ok((touched, Vec::new()));
                }
                let sink = Box::<Cells>::default();
                let sink = engine.fetch_many(write(RETURNING), &[], rows, sink).await?;
                Ok((3, cells(sink).rows))
            };
            tasks.push(waiting_write(&db, write).await);
        }
        session.rollback().await?;
        for (task, running) in (0..).zip(tasks) {
            match running.await? {
                Ok((touched, rows)) => {
                    assert!(task < 63 && touched == 3, "{task}: {touched}");
                    let expected = if task % 2 == 0 {
                        Vec::new()
                    } else {
                        three(task)
                    };
                    assert_eq!(rows, expected);
                }
                Err(error) => {
                    assert_eq!((task, error.kind()), (63, ErrorKind::Unique));
                    assert_eq!(error.constraint(), Some("k_pkey"));
                }
            }
        }
        assert_eq!(db.number("SELECT count(*) FROM k").await?, 63 * 3);
        let of_the_last = "SELECT count(*) FROM k WHERE id % 1000 = 63";
        assert_eq!(db.number(of_the_last).await?, 0);
        if on_disk {
            let commits = commits_in_the_log(&db)? - before;
            assert!(commits <= 4, "{commits} commits for 63 writes");
        }
        db.assert_nothing_is_left_open().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn many_rows_at_once_have_a_commit_of_their_own() -> Outcome {
    let [db, _] = prepared(&[INSERT]).await?;
    let before = commits_in_the_log(&db)?;
    let session = begin(&*db.engine).await?;
    let mut tasks = Vec::new();
    for (from, count) in [(0, 1), (100, 1), (1_000, 500), (200, 1), (300, 1)] {
        let engine = Arc::clone(&db.engine);
        let rows = (from..from + count).map(|id| vec![ValueRef::I64(id)]);
        let rows = rows.collect();
        let many = async move { engine.execute_many(write(INSERT), &[], rows).await };
        tasks.push((count as u64, waiting_write(&db, many).await));
    }
    session.rollback().await?;
    for (count, task) in tasks {
        assert_eq!(task.await??, count);
    }
    assert_eq!(commits_in_the_log(&db)? - before, 3);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_key_checked_at_the_commit_fails_its_own_write_only() -> Outcome {
    let child = "INSERT INTO child VALUES (?1)";
    for db in both().await? {
        db.execute("CREATE TABLE parent (id INTEGER PRIMARY KEY)")
            .await?;
        db.execute(
            "CREATE TABLE child (parent_id INTEGER CONSTRAINT child_of_parent
             REFERENCES parent DEFERRABLE INITIALLY DEFERRED)",
        )
        .await?;
        db.execute("INSERT INTO parent VALUES (1)").await?;
        for _ in 0..40 {
            db.engine.execute(with(child, 1)).await?;
        }
        db.execute("DELETE FROM child").await?;
        let session = begin(&*db.engine).await?;
        let mut tasks = Vec::new();
        for n in 0..20 {
            let parent = if n % 7 == 3 { 2 } else { 1 };
            tasks.push((parent, waiting_insert(&db, child, parent).await));
        }
        session.rollback().await?;
        for (parent, task) in tasks {
            let outcome = task.await?;
            assert_eq!(outcome.is_ok(), parent == 1);
            if let Err(error) = outcome {
                assert_eq!(error.kind(), ErrorKind::ForeignKey);
                assert_eq!(error.constraint(), Some("child_of_parent"));
            }
        }
        let kept = "SELECT count(*) FROM child WHERE parent_id = 1";
        assert_eq!(db.number(kept).await?, 17);
        assert_eq!(db.number("SELECT count(*) FROM child").await?, 17);
        db.assert_nothing_is_left_open().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_undoes_the_transaction_does_not_undo_the_others() -> Outcome {
    let rolling_back = "INSERT OR ROLLBACK INTO k VALUES (?1)";
    for db in prepared(&[RETURNING, rolling_back]).await? {
        let session = begin(&*db.engine).await?;
        let mut tasks = Vec::new();
        for id in 0..30 {
            tasks.push(waiting_insert(&db, RETURNING, id).await);
            if id % 10 == 5 {
                let refused = waiting_insert(&db, rolling_back, id).await;
                tasks.push(refused);
            }
        }
        session.rollback().await?;
        let mut refused = 0;
        for task in tasks {
            match task.await? {
                Ok(found) => assert_eq!(found.rows.len(), 1, "rows come once"),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Unique);
                    refused += 1;
                }
            }
        }
        assert_eq!(refused, 3);
        assert_eq!(db.number("SELECT count(*) FROM k").await?, 30);
        db.assert_nothing_is_left_open().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_dropped_before_it_began_is_never_done() -> Outcome {
    for db in prepared(&[INSERT]).await? {
        let session = begin(&*db.engine).await?;
        let kept = waiting_insert(&db, INSERT, 1).await;
        let dropped = waiting_insert(&db, INSERT, 2).await;
        let also_kept = waiting_insert(&db, INSERT, 3).await;
        dropped.abort();
        eventually("it left", || db.engine.status().waiting == 2).await;
        session.rollback().await?;
        kept.await??;
        also_kept.await??;
        assert_eq!(db.number("SELECT sum(id) FROM k").await?, 4);
        db.assert_nothing_is_left_open().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_dropped_while_it_runs_stops_and_the_others_stand() -> Outcome {
    let up_to = "INSERT INTO t SELECT i FROM (WITH RECURSIVE n(i) AS
                 (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1) SELECT i FROM n)";
    for db in prepared(&[RETURNING]).await? {
        for _ in 0..40 {
            db.engine.execute(with(up_to, 1)).await?;
        }
        db.execute("DELETE FROM t").await?;
        let session = begin(&*db.engine).await?;
        let mut tasks = Vec::new();
        for id in 0..10 {
            tasks.push(waiting_insert(&db, RETURNING, id).await);
        }
        let endless = waiting_insert(&db, up_to, i64::MAX).await;
        for id in 10..20 {
            tasks.push(waiting_insert(&db, RETURNING, id).await);
        }
        session.rollback().await?;
        eventually("the endless one runs", || db.engine.status().waiting == 10).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(tasks.iter().all(|task| !task.is_finished()));
        endless.abort();
        for (id, task) in tasks.into_iter().enumerate() {
            let found = task.await??;
            assert_eq!(found.rows, [[ValueRef::I64(id as i64)]]);
        }
        assert_eq!(db.number("SELECT count(*) FROM k").await?, 20);
        assert_eq!(db.number("SELECT count(*) FROM t").await?, 0);
        db.assert_nothing_is_left_open().await?;
    }
    Ok(())
}

/// Panics at its first row.
struct Broken;

impl RowSink for Broken {
    fn start(&mut self, _: &[&str]) -> Result<()> {
        Ok(())
    }
    fn row(&mut self, _: &dyn RawRow) -> Result<Flow> {
        assert_eq!(self.held(), 1, "the decoder is broken");
        Ok(Flow::More)
    }
    fn held(&self) -> usize {
        0
    }
    fn next_batch(&self) -> Box<dyn RowSink> {
        Box::new(Broken)
    }
    fn restart(&mut self) -> bool {
        true
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_of_one_decoder_is_its_callers_alone() -> Outcome {
    for db in prepared(&[RETURNING]).await? {
        let session = begin(&*db.engine).await?;
        let first = waiting_insert(&db, RETURNING, 1).await;
        let engine = Arc::clone(&db.engine);
        let broken = waiting_write(&db, async move {
            let broken = engine.fetch(with(RETURNING, 2), Box::new(Broken));
            Ok(AssertUnwindSafe(broken).catch_unwind().await.is_err())
        })
        .await;
        let last = waiting_insert(&db, RETURNING, 3).await;
        session.rollback().await?;
        first.await??;
        assert!(broken.await??, "the panic was swallowed");
        last.await??;
        assert_eq!(db.number("SELECT sum(id) FROM k").await?, 4);
        db.assert_nothing_is_left_open().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_is_not_overtaken_by_later_single_writes() -> Outcome {
    let note = "INSERT INTO notes (who) VALUES (?1)";
    for db in both().await? {
        db.execute("CREATE TABLE notes (n INTEGER PRIMARY KEY, who INTEGER)")
            .await?;
        for _ in 0..40 {
            db.engine.execute(with(note, 0)).await?;
        }
        db.execute("DELETE FROM notes").await?;
        let session = begin(&*db.engine).await?;
        let mut tasks = Vec::new();
        for turn in 0..12 {
            let engine = Arc::clone(&db.engine);
            // Two single writes, then a transaction, and so on.
            tasks.push(if turn % 3 == 2 {
                let transaction = async move {
                    let session: Arc<dyn Session> = begin(&*engine).await?;
                    session.execute(with(note, turn)).await?;
                    session.commit().await
                };
                waiting_write(&db, transaction).await
            } else {
                let single = async move { engine.execute(with(note, turn)).await.map(drop) };
                waiting_write(&db, single).await
            });
        }
        session.rollback().await?;
        for task in tasks {
            task.await??;
        }
        let order = fetch(&*db.engine, read("SELECT who FROM notes ORDER BY n")).await?;
        let expected: Vec<_> = (0..12).map(|turn| vec![ValueRef::I64(turn)]).collect();
        assert_eq!(order.rows, expected);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_of_unknown_cost_is_committed_alone() -> Outcome {
    let [db, _] = prepared(&[INSERT]).await?;
    let before = commits_in_the_log(&db)?;
    let session = begin(&*db.engine).await?;
    let mut tasks = Vec::new();
    for (id, sql) in [INSERT, INSERT, "INSERT INTO k SELECT ?1", INSERT, INSERT]
        .into_iter()
        .enumerate()
    {
        tasks.push(waiting_insert(&db, sql, id as i64).await);
    }
    session.rollback().await?;
    for task in tasks {
        task.await??;
    }
    assert_eq!(commits_in_the_log(&db)? - before, 3);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_written_is_seen_as_soon_as_that_is_answered() -> Outcome {
    for db in prepared(&[INSERT]).await? {
        let mut tasks = Vec::new();
        for task in 0..16 {
            let engine = Arc::clone(&db.engine);
            tasks.push(tokio::spawn(async move {
                let (from, to) = (task * 1_000, task * 1_000 + 30);
                for id in from..to {
                    engine.execute(with(INSERT, id)).await?;
                    let mine = "SELECT max(id) FROM k WHERE id BETWEEN ?1 AND ?1 + 999";
                    let mine = call(mine, Access::Read, vec![ValueRef::I64(from)]);
                    let found = fetch(&*engine, mine).await?;
                    assert_eq!(found.rows, [[ValueRef::I64(id)]]);
                }
                Outcome::Ok(())
            }));
        }
        for task in tasks {
            task.await??;
        }
        assert_eq!(db.number("SELECT count(*) FROM k").await?, 16 * 30);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_in_vain_behind_a_transaction_names_it_and_does_nothing() -> Outcome {
    let mut settings = settings();
    settings.acquire_timeout = Duration::from_millis(100);
    let db = file_with(&settings).await?;
    let session = begin(&*db.engine).await?;
    let insert = || async { db.execute("INSERT INTO t VALUES (1)").await };
    let (first, second) = tokio::join!(insert(), insert());
    for error in [first.unwrap_err(), second.unwrap_err()] {
        assert_eq!(error.kind(), ErrorKind::PoolExhausted);
        let text = error.to_string();
        assert!(
            text.contains("held longest: tests/transaction.rs:1"),
            "{text}"
        );
    }
    session.rollback().await?;
    assert_eq!(db.number("SELECT count(*) FROM t").await?, 0);
    assert_eq!(db.execute("INSERT INTO t VALUES (1)").await?, 1);
    assert_eq!(db.engine.status().waiting, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_close_refuses_the_writes_that_wait() -> Outcome {
    for db in prepared(&[INSERT]).await? {
        let session = begin(&*db.engine).await?;
        let waiting = waiting_insert(&db, INSERT, 1).await;
        let closing = tokio::spawn({
            let engine = Arc::clone(&db.engine);
            async move { engine.close(Duration::from_secs(10)).await }
        });
        let error = waiting.await?.err().ok_or("it was not refused")?;
        assert_eq!(error.kind(), ErrorKind::Connection);
        assert!(error.to_string().contains("closed"), "{error}");
        session.rollback().await?;
        closing.await??;
    }
    Ok(())
}

/// The second and third of three rows that are written at once have numbers so much larger.
const FAR: i64 = 1_000_000_000;

/// What the child process does: 64 tasks write, and each number is printed when its write was answered. Every other task
/// writes three rows at once.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by the tests below, in a process of its own"]
async fn child_that_writes_until_it_is_killed() -> Outcome {
    let mut settings = settings();
    settings.acquire_timeout = Duration::from_secs(60);
    // The folder that the parent chose.
    let engine = Arc::new(SqliteEngine::open(Path::new("test.db"), &settings).await?);
    let mut next = 0_i64;
    let last = "SELECT max(0, coalesce(max(id), 0)) FROM k WHERE id < 1000000000";
    let found = fetch(&*engine, read(last)).await?;
    if let Some(ValueRef::I64(id)) = found.rows.first().and_then(|row| row.first()) {
        next = *id;
    }
    let mut tasks = Vec::new();
    for task in 0..64 {
        let engine = Arc::clone(&engine);
        let first = next + 1 + task;
        tasks.push(tokio::spawn(async move {
            for id in (first..).step_by(64) {
                if task % 2 == 0 {
                    engine.execute(with(INSERT, id)).await?;
                } else {
                    let rows = [id, id + FAR, id + 2 * FAR].map(|id| vec![ValueRef::I64(id)]);
                    let rows = rows.into();
                    engine.execute_many(write(INSERT), &[], rows).await?;
                }
                // One write of a whole line, so that a kill never leaves half of one.
                std::io::stdout().write_all(format!("\nkept {id}\n").as_bytes())?;
                if task % 2 == 1 {
                    let others = format!("\nkept {}\nkept {}\n", id + FAR, id + 2 * FAR);
                    std::io::stdout().write_all(others.as_bytes())?;
                }
            }
            Outcome::Ok(())
        }));
    }
    for task in tasks {
        task.await??;
    }
    Ok(())
}

fn start_child(db: &TestDb) -> Outcome<Child> {
    let folder = db.path().parent().ok_or("no folder")?.to_owned();
    Ok(Command::new(std::env::current_exe()?)
        .args(["--exact", "groups::child_that_writes_until_it_is_killed"])
        .args(["--ignored", "--nocapture"])
        .current_dir(folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?)
}

/// Reads what the child says it wrote, until `count` numbers were read, kills it, and reads the rest.
fn kill_after(child: &mut Child, count: usize) -> Outcome<Vec<i64>> {
    let output = child.stdout.take().ok_or("no output")?;
    let mut kept = Vec::new();
    let mut killed = false;
    for line in BufReader::new(output).lines() {
        if let Some(id) = line?.strip_prefix("kept ") {
            kept.push(id.parse()?);
        }
        if !killed && kept.len() >= count {
            child.kill()?;
            killed = true;
        }
    }
    child.wait()?;
    assert!(
        killed,
        "the child ended by itself after {} writes",
        kept.len()
    );
    Ok(kept)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_survives_a_kill() -> Outcome {
    let db = file().await?;
    db.execute("CREATE TABLE k (id INTEGER PRIMARY KEY)")
        .await?;
    let mut random = fastrand::Rng::with_seed(5);
    let mut all = 0;
    for round in 0..50 {
        let mut child = start_child(&db)?;
        let count = random.usize(1..400);
        let kept = tokio::task::spawn_blocking(move || kill_after(&mut child, count)).await??;
        let outsider = db.outsider()?;
        let mut find = outsider.prepare("SELECT 1 FROM k WHERE id = ?1")?;
        for id in &kept {
            assert!(
                find.exists([id])?,
                "round {round}: {id} was answered and is lost"
            );
        }
        all += kept.len();
    }
    assert!(
        db.number("SELECT count(*) FROM k WHERE id > 1000000000")
            .await?
            > 0
    );
    let torn = "SELECT count(*) FROM (SELECT id % 1000000000 AS id FROM k WHERE id > 1000000000) AS a
                WHERE 3 <> (SELECT count(*) FROM k WHERE id IN (a.id, a.id + 1000000000, a.id + 2000000000))";
    assert_eq!(db.number(torn).await?, 0, "three rows were torn apart");
    let sound: String = db
        .outsider()?
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
    assert_eq!(sound, "ok");
    assert!(db.number("SELECT count(*) FROM k").await? >= all as i64);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_write_to_one_file_and_nobody_sees_it_locked() -> Outcome {
    let db = file().await?;
    db.execute("CREATE TABLE k (id INTEGER PRIMARY KEY)")
        .await?;
    let mut child = start_child(&db)?;
    let child = tokio::task::spawn_blocking(move || kill_after(&mut child, 2_000));
    let mut tasks = Vec::new();
    for task in 0..64 {
        let engine = Arc::clone(&db.engine);
        tasks.push(tokio::spawn(async move {
            for n in 0..20 {
                let id = -1 - task - 64 * n;
                engine.execute(with(INSERT, id)).await?;
            }
            Outcome::Ok(())
        }));
    }
    for task in tasks {
        task.await??;
    }
    let kept = child.await??;
    assert!(kept.len() >= 2_000);
    let theirs = db.number("SELECT count(*) FROM k WHERE id > 0").await?;
    assert!(theirs >= 2_000, "{theirs}");
    assert_eq!(
        db.number("SELECT count(*) FROM k WHERE id < 0").await?,
        64 * 20
    );
    Ok(())
}
