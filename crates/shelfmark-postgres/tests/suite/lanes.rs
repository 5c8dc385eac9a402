//! Lanes: connections that many reads share.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use shelfmark_core::config::PoolSettings;
use shelfmark_core::{Access, Channel as _, Engine as _, ErrorKind, ValueRef};
use shelfmark_postgres::PostgresEngine;
use test_postgres::{Server, TestDatabase};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::support::{
    Db, Keep, Value, call, drop_after, kept, pool_of, read, rows, target, text, until,
};

/// Answers on which kind of connection it ran, and the tag it was given.
const PROBE: &str = "SELECT current_setting('transaction_read_only'), $1::int4";

fn with_lanes(lanes: usize) -> PoolSettings {
    let mut settings = pool_of(4);
    settings.lanes = Some(lanes);
    settings
}

/// Whether a row is that of a lane; only they refuse to write.
fn is_of_lane(row: &[Value]) -> bool {
    row.first() == Some(&text("on"))
}

/// Runs as many reads of `sql` at once, and gives what each answered.
async fn at_once(
    engine: &Arc<PostgresEngine>,
    sql: &Arc<str>,
    count: i32,
) -> anyhow::Result<Vec<Vec<Vec<Value>>>> {
    let mut calls = JoinSet::new();
    for tag in 0..count {
        let (engine, sql) = (Arc::clone(engine), Arc::clone(sql));
        calls.spawn(async move { rows(&*engine, read(&sql, vec![ValueRef::I32(tag)])).await });
    }
    let mut answers = Vec::new();
    while let Some(answer) = calls.join_next().await {
        answers.push(answer??);
    }
    Ok(answers)
}

/// Reads with `sql`, whose first column tells where it ran, until a lane has answered.
async fn warm_up(engine: &Arc<PostgresEngine>, sql: &str) -> anyhow::Result<()> {
    let sql: Arc<str> = Arc::from(sql);
    let deadline = Instant::now() + Duration::from_secs(30);
    while Instant::now() < deadline {
        let answers = at_once(engine, &sql, 16).await?;
        if answers.iter().flatten().any(|row| is_of_lane(row)) {
            return Ok(());
        }
    }
    anyhow::bail!("no lane has answered in 30 s")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_belongs_to_its_question_whatever_happens_to_the_lanes() -> anyhow::Result<()>
{
    const TASKS: usize = 2_000;
    const CALLS: usize = 50;
    let mut settings = with_lanes(2);
    // So many, on sessions that are ended all the time, wait for the pool longer than callers usually do.
    settings.acquire_timeout = Duration::from_secs(120);
    let db = Db::limited(settings, Duration::from_secs(120)).await?;
    warm_up(&db.engine, PROBE).await?;
    let [answered, on_lanes, dropped, lost]: [Arc<AtomicUsize>; 4] = Default::default();
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let engine = Arc::clone(&db.engine);
        let counts = [&answered, &on_lanes, &dropped, &lost].map(Arc::clone);
        tasks.spawn(async move {
            let [answered, on_lanes, dropped, lost] = counts;
            // Sessions end so often that a read may lose its answer on each that it tries.
            let lose = |error: &shelfmark_core::Error| {
                lost.fetch_add(1, Ordering::Relaxed);
                error.kind() == ErrorKind::Connection
            };
            for turn in 0..CALLS {
                let tag = i32::try_from(task * CALLS + turn)?;
                let tagged = || read(PROBE, vec![ValueRef::I32(tag)]);
                if tag % 7 == 0 {
                    let fails = read(
                        "SELECT 100 / ($1::int4 - $1::int4)",
                        vec![ValueRef::I32(tag)],
                    );
                    let error = rows(&*engine, fails).await.err().context("no error")?;
                    let is_its_own = error.code() == Some("22012");
                    anyhow::ensure!(is_its_own || lose(&error), "{error}");
                }
                if tag % 5 == 0 {
                    let call = engine.fetch(tagged(), Box::new(Keep::default()));
                    if drop_after(call, fastrand::usize(1..4)).await.is_none() {
                        dropped.fetch_add(1, Ordering::Relaxed);
                    }
                }
                let found = loop {
                    match rows(&*engine, tagged()).await {
                        Ok(found) => break found,
                        Err(error) => anyhow::ensure!(lose(&error), "{error}"),
                    }
                };
                anyhow::ensure!(
                    matches!(found.as_slice(), [row] if row.get(1) == Some(&ValueRef::I32(tag))),
                    "asked for {tag}, and got {found:?}"
                );
                answered.fetch_add(1, Ordering::Relaxed);
                on_lanes.fetch_add(usize::from(is_of_lane(&found[0])), Ordering::Relaxed);
            }
            anyhow::Ok(())
        });
    }
    // Meanwhile sessions of all kinds are ended, one after the other.
    let observer = db.observer().await?;
    let (done, over) = tokio::sync::watch::channel(false);
    let killer = tokio::spawn(async move {
        let end_one = "SELECT count(pg_terminate_backend(pid)) FROM (SELECT pid FROM pg_stat_activity \
             WHERE datname = current_database() AND application_name = 'shelfmark' \
             AND backend_type = 'client backend' ORDER BY random() LIMIT 1) AS one";
        for turn in 0..300 {
            if *over.borrow() {
                return anyhow::Ok(turn);
            }
            observer.run(end_one).await?;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(300)
    });
    while let Some(task) = tasks.join_next().await {
        task??;
    }
    done.send_replace(true);
    let ended = killer.await??;
    assert!(ended >= 10, "{ended} sessions ended");
    assert_eq!(answered.load(Ordering::Relaxed), TASKS * CALLS);
    let on_lanes = on_lanes.load(Ordering::Relaxed);
    assert!(on_lanes > TASKS * CALLS / 10, "{on_lanes} on lanes");
    assert!(dropped.load(Ordering::Relaxed) > 1_000);
    let lost = lost.load(Ordering::Relaxed);
    assert!(lost < TASKS * CALLS / 1_000, "{lost} lost for good");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_statement_leaves_the_lanes_and_delays_nobody_there() -> anyhow::Result<()> {
    let db = Db::with(with_lanes(1)).await?;
    warm_up(&db.engine, PROBE).await?;
    // The only lane is now given a statement that was always quick, and sleeps this time.
    let sleeps = "SELECT current_setting('transaction_read_only'), pg_sleep($1::int4)";
    let quick = || read(sleeps, vec![ValueRef::I32(0)]);
    let deadline = Instant::now() + Duration::from_secs(30);
    let mut others = Others::begin(&db.engine);
    loop {
        let found = rows(&*db.engine, quick()).await?;
        if is_of_lane(&found[0]) {
            break;
        }
        anyhow::ensure!(Instant::now() < deadline, "never on a lane");
    }
    others.reset();
    let found = rows(&*db.engine, read(sleeps, vec![ValueRef::I32(3)])).await?;
    let was_on_lane = is_of_lane(&found[0]);
    let worst = others.worst();
    assert!(worst < Duration::from_millis(1_500), "{worst:?}");
    // From now on it sleeps elsewhere, and quick ones are let wait too until it has proven itself.
    others.reset();
    for _ in 0..2 {
        let found = rows(&*db.engine, read(sleeps, vec![ValueRef::I32(1)])).await?;
        assert!(!was_on_lane || !is_of_lane(&found[0]));
    }
    let worst = others.worst();
    assert!(worst < Duration::from_millis(700), "{worst:?}");
    others.end().await
}

/// Tasks that read all the time, and how long the slowest answer took.
struct Others {
    tasks: JoinSet<anyhow::Result<()>>,
    worst_us: Arc<AtomicUsize>,
    /// How many answers each has had.
    answers: Arc<[AtomicUsize; 8]>,
}

impl Others {
    fn begin(engine: &Arc<PostgresEngine>) -> Self {
        let worst_us = Arc::new(AtomicUsize::new(0));
        let answers: Arc<[AtomicUsize; 8]> = Arc::default();
        let mut tasks = JoinSet::new();
        for task in 0..answers.len() {
            let (engine, worst_us) = (Arc::clone(engine), Arc::clone(&worst_us));
            let answers = Arc::clone(&answers);
            let tag = i32::try_from(task).unwrap_or_default();
            tasks.spawn(async move {
                loop {
                    let begun = Instant::now();
                    rows(&*engine, read(PROBE, vec![ValueRef::I32(tag)])).await?;
                    let took = usize::try_from(begun.elapsed().as_micros())?;
                    worst_us.fetch_max(took, Ordering::Relaxed);
                    answers[task].fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        Others {
            tasks,
            worst_us,
            answers,
        }
    }

    /// Waits until each has had the answer to a question that it asks from now on.
    async fn next_answers(&mut self) -> anyhow::Result<()> {
        let answers = Arc::clone(&self.answers);
        let count = || answers.iter().map(|count| count.load(Ordering::Relaxed));
        let before: Vec<usize> = count().collect();
        let mut ended = None;
        until("all have had two answers more", || {
            ended = self.tasks.try_join_next();
            ended.is_some() || count().zip(&before).all(|(now, before)| now >= before + 2)
        })
        .await?;
        // None of them ends but by an error.
        ended.map_or(Ok(()), |task| task?)
    }

    fn reset(&mut self) {
        self.worst_us.store(0, Ordering::Relaxed);
    }

    fn worst(&self) -> Duration {
        Duration::from_micros(self.worst_us.load(Ordering::Relaxed) as u64)
    }

    /// Stops them; an error that one of them met is the answer.
    async fn end(mut self) -> anyhow::Result<()> {
        self.tasks.abort_all();
        while let Some(task) = self.tasks.join_next().await {
            match task {
                Ok(outcome) => outcome?,
                Err(error) if error.is_cancelled() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_read_on_a_frozen_server_ends_by_its_deadline_and_the_lanes_heal()
-> anyhow::Result<()> {
    let server = Server::start()?;
    let base = TestDatabase::create_on(&server)?;
    let mut settings = with_lanes(2);
    settings.acquire_timeout = Duration::from_millis(500);
    let limit = Duration::from_secs(1);
    let db = Db::on(base, settings, limit).await?;
    warm_up(&db.engine, PROBE).await?;
    server.freeze()?;
    let mut calls = JoinSet::new();
    let begun = Instant::now();
    for tag in 0..64 {
        let engine = Arc::clone(&db.engine);
        calls.spawn(async move {
            let answer = rows(&*engine, read(PROBE, vec![ValueRef::I32(tag)])).await;
            (answer, begun.elapsed())
        });
    }
    while let Some(call) = calls.join_next().await {
        let (answer, took) = call?;
        let error = answer.err().context("a frozen server has answered")?;
        let kinds = [
            ErrorKind::Timeout,
            ErrorKind::PoolExhausted,
            ErrorKind::Connection,
        ];
        assert!(kinds.contains(&error.kind()), "{error}");
        // The wait for a connection, and the statement's own time.
        assert!(
            took < Duration::from_millis(1_500 + 700),
            "{took:?}: {error}"
        );
    }
    server.thaw()?;
    warm_up(&db.engine, PROBE).await?;
    db.engine.close(Duration::from_secs(5)).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_on_a_lane_that_is_lost_run_again() -> anyhow::Result<()> {
    let db = Db::with(with_lanes(2)).await?;
    let observer = db.observer().await?;
    warm_up(&db.engine, PROBE).await?;
    let mut others = Others::begin(&db.engine);
    for _ in 0..20 {
        // All at once: also what is run again may meet a connection that is gone.
        observer
            .run(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() \
                 AND application_name = 'shelfmark'",
            )
            .await?;
        // Nobody may lose an answer twice.
        others.next_answers().await?;
        warm_up(&db.engine, PROBE).await?;
    }
    others.end().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_was_taken_for_a_read_is_done_once_and_not_on_a_lane() -> anyhow::Result<()> {
    let db = Db::with(with_lanes(2)).await?;
    db.script(
        "CREATE TABLE log (n int);
         CREATE FUNCTION note() RETURNS int LANGUAGE sql VOLATILE AS 'INSERT INTO log VALUES (1) RETURNING n';
         CREATE VIEW noted AS SELECT note() AS n",
    )
    .await?;
    warm_up(&db.engine, PROBE).await?;
    let sql: Arc<str> = Arc::from("SELECT n FROM noted WHERE $1::int4 >= 0");
    let mut calls = 0;
    for _ in 0..10 {
        let answers = at_once(&db.engine, &sql, 16).await?;
        calls += answers.len();
        assert!(answers.iter().all(|rows| rows == &[[ValueRef::I32(1)]]));
    }
    let counted = rows(&*db.engine, read("SELECT count(*) FROM log", Vec::new())).await?;
    assert_eq!(counted, [[ValueRef::I64(i64::try_from(calls)?)]]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_never_runs_on_a_lane_nor_again() -> anyhow::Result<()> {
    let db = Db::with(with_lanes(2)).await?;
    db.script("CREATE TABLE t (tag int)").await?;
    warm_up(&db.engine, PROBE).await?;
    let insert =
        "INSERT INTO t VALUES ($1) RETURNING current_setting('transaction_read_only'), tag";
    let mut calls = JoinSet::new();
    for tag in 0..200 {
        let engine = Arc::clone(&db.engine);
        calls.spawn(async move {
            let call = call(Access::Write, insert, vec![ValueRef::I32(tag)]);
            rows(&*engine, call).await
        });
    }
    while let Some(answer) = calls.join_next().await {
        assert!(!is_of_lane(&answer??[0]));
    }
    let counted = rows(
        &*db.engine,
        read("SELECT count(*), count(DISTINCT tag) FROM t", Vec::new()),
    )
    .await?;
    assert_eq!(counted, [[ValueRef::I64(200), ValueRef::I64(200)]]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schema_that_changes_under_reads_on_lanes_is_no_error() -> anyhow::Result<()> {
    let db = Db::with(with_lanes(2)).await?;
    let observer = db.observer().await?;
    db.script("CREATE TABLE t (tag int); INSERT INTO t VALUES (0)")
        .await?;
    let sql: Arc<str> = Arc::from(
        "SELECT current_setting('transaction_read_only'), t.* FROM t WHERE $1::int4 >= 0",
    );
    warm_up(&db.engine, &sql).await?;
    let mut on_lanes = 0;
    for round in 0..40 {
        let change = match round % 2 {
            0 => "ALTER TABLE t ADD COLUMN more text DEFAULT 'x'",
            _ => "ALTER TABLE t DROP COLUMN more",
        };
        let reads = at_once(&db.engine, &sql, 64);
        let (changed, answers) = tokio::join!(observer.run(change), reads);
        changed?;
        let answers = answers?;
        on_lanes += answers
            .iter()
            .flatten()
            .filter(|row| is_of_lane(row))
            .count();
        let columns = if round % 2 == 0 { 3 } else { 2 };
        let after = rows(&*db.engine, read(&sql, vec![ValueRef::I32(0)])).await?;
        assert_eq!(after[0].len(), columns, "round {round}");
    }
    assert!(on_lanes > 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_result_is_whole_and_leaves_the_lanes() -> anyhow::Result<()> {
    let db = Db::with(with_lanes(1)).await?;
    // As many rows as the argument says.
    let sql = "SELECT current_setting('transaction_read_only'), n, repeat('x', 100) FROM generate_series(1, $1::int4) AS n";
    let small: Arc<str> = Arc::from(sql);
    warm_up(&db.engine, &small).await?;
    let mut calls = JoinSet::new();
    for count in [30_000, 10, 20_000, 40_000, 10, 25_000, 12_000, 10] {
        let engine = Arc::clone(&db.engine);
        calls.spawn(async move {
            let found = rows(&*engine, read(sql, vec![ValueRef::I32(count)])).await?;
            anyhow::ensure!(found.len() == usize::try_from(count)?);
            let numbers = found.iter().map(|row| &row[1]);
            anyhow::ensure!(
                numbers
                    .zip(1..)
                    .all(|(found, n)| *found == ValueRef::I32(n))
            );
            anyhow::ensure!(count == 10 || !is_of_lane(&found[0]), "{count} on a lane");
            Ok(())
        });
    }
    while let Some(call) = calls.join_next().await {
        call??;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_is_not_shared_with_what_changes_it() -> anyhow::Result<()> {
    let db = Db::with(with_lanes(1)).await?;
    warm_up(&db.engine, PROBE).await?;
    let sets = "SELECT set_config('lock_timeout', '7s', false), $1::int4";
    let sets: Arc<str> = Arc::from(sets);
    for _ in 0..5 {
        at_once(&db.engine, &sets, 16).await?;
    }
    let asks: Arc<str> = Arc::from(
        "SELECT current_setting('transaction_read_only'), current_setting('lock_timeout'), $1::int4",
    );
    warm_up(&db.engine, &asks).await?;
    let answers = at_once(&db.engine, &asks, 64).await?;
    let of_lanes = answers.iter().flatten().filter(|row| is_of_lane(row));
    assert!(of_lanes.into_iter().all(|row| row[1] == text("0")));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_close_waits_for_what_runs_on_lanes_and_leaves_nothing_on_the_server()
-> anyhow::Result<()> {
    let db = Db::with(with_lanes(2)).await?;
    let observer = db.observer().await?;
    warm_up(&db.engine, PROBE).await?;
    assert!(observer.sessions("true").await? > 1);
    let calls = {
        let (engine, sql) = (Arc::clone(&db.engine), Arc::from(PROBE));
        tokio::spawn(async move { at_once(&engine, &sql, 200).await })
    };
    tokio::task::yield_now().await;
    db.engine.close(Duration::from_secs(10)).await?;
    observer.until("true", 0).await?;
    match calls.await? {
        Ok(answers) => assert_eq!(answers.len(), 200),
        // Those that came after the close.
        Err(error) => assert!(
            error.to_string().contains("the database was closed"),
            "{error}"
        ),
    }
    let refused = rows(&*db.engine, read(PROBE, vec![ValueRef::I32(1)])).await;
    assert_eq!(
        refused.err().map(|error| error.kind()),
        Some(ErrorKind::Connection)
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lanes_are_opened_for_many_reads_only_and_closed_when_nobody_reads() -> anyhow::Result<()> {
    let mut settings = with_lanes(2);
    settings.idle_timeout = Duration::from_millis(300);
    let db = Db::with(settings).await?;
    let observer = db.observer().await?;
    for tag in 0..50 {
        let found = rows(&*db.engine, read(PROBE, vec![ValueRef::I32(tag)])).await?;
        assert!(!is_of_lane(&found[0]));
    }
    assert_eq!(observer.sessions("true").await?, 1);
    warm_up(&db.engine, PROBE).await?;
    // The pool's own go as well.
    observer.until("true", 0).await?;
    warm_up(&db.engine, PROBE).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_lanes_there_are_no_connections_but_the_pools() -> anyhow::Result<()> {
    let db = Db::with(with_lanes(0)).await?;
    let observer = db.observer().await?;
    let sql: Arc<str> = Arc::from(PROBE);
    for _ in 0..10 {
        let answers = at_once(&db.engine, &sql, 64).await?;
        assert!(!answers.iter().flatten().any(|row| is_of_lane(row)));
    }
    assert!(observer.sessions("true").await? <= 4);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_goes_away_leaves_its_neighbours_alone() -> anyhow::Result<()> {
    let db = Db::with(with_lanes(1)).await?;
    let sql = "SELECT current_setting('transaction_read_only'), $1::int4, pg_sleep(0.0005)";
    warm_up(&db.engine, sql).await?;
    let mut calls = JoinSet::new();
    for tag in 0..400 {
        let engine = Arc::clone(&db.engine);
        calls.spawn(async move {
            let call = engine.fetch(
                read(sql, vec![ValueRef::I32(tag)]),
                Box::new(Keep::default()),
            );
            if tag % 2 == 0 {
                drop_after(call, 1).await;
                return Ok(());
            }
            // Nobody is ever told that it was cancelled.
            let found = kept(call.await?);
            anyhow::ensure!(found[0][1] == ValueRef::I32(tag));
            Ok(())
        });
    }
    while let Some(call) = calls.join_next().await {
        call??;
    }
    until("no place is held", || db.engine.status().in_use == 0).await
}

/// A server that is far away: what goes to it and what comes back takes `way` longer. Gives its port.
async fn far_away(server: (String, u16), way: Duration) -> anyhow::Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let Ok(server) = TcpStream::connect(server.clone()).await else {
                return;
            };
            let (from_client, to_client) = client.into_split();
            let (from_server, to_server) = server.into_split();
            tokio::spawn(late(from_client, to_server, way));
            tokio::spawn(late(from_server, to_client, way));
        }
    });
    Ok(port)
}

/// Hands on what it reads, each part so much later, while it goes on reading.
async fn late(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    way: Duration,
) -> std::io::Result<()> {
    let (parts, mut arriving) = mpsc::unbounded_channel();
    let reading = async {
        let mut part = [0; 65536];
        loop {
            let length = from.read(&mut part).await?;
            let arrives = tokio::time::Instant::now() + way;
            if length == 0 || parts.send((arrives, part[..length].to_vec())).is_err() {
                drop(parts);
                return std::io::Result::Ok(());
            }
        }
    };
    let writing = async {
        while let Some((arrives, part)) = arriving.recv().await {
            tokio::time::sleep_until(arrives).await;
            to.write_all(&part).await?;
        }
        to.shutdown().await
    };
    tokio::try_join!(reading, writing).map(drop)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_way_to_a_server_far_away_is_not_taken_for_slowness() -> anyhow::Result<()> {
    let base = TestDatabase::create()?;
    let mut target = target(base.url())?;
    // Each answer takes longer than what a lane allows the server.
    target.hosts = vec![(
        "127.0.0.1".to_owned(),
        far_away(target.hosts[0].clone(), Duration::from_millis(20)).await?,
    )];
    let limit = Duration::from_secs(30);
    let engine = Arc::new(PostgresEngine::open(&target, &with_lanes(1), limit).await?);
    warm_up(&engine, PROBE).await?;
    let sql: Arc<str> = Arc::from(PROBE);
    let mut on_lane = 0;
    for _ in 0..10 {
        let answers = at_once(&engine, &sql, 100).await?;
        on_lane += answers
            .iter()
            .flatten()
            .filter(|row| is_of_lane(row))
            .count();
    }
    // The four connections of the pool alone would carry all of them.
    assert!(on_lane > 500, "{on_lane} of 1000 on the lane");
    Ok(())
}
