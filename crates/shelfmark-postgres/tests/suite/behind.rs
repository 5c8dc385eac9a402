//! Behind PgBouncer with `pool_mode=transaction`, where nobody has a session.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use futures_util::StreamExt as _;
use shelfmark_core::config::{Pooler as Mode, PostgresTarget};
use shelfmark_core::{Access, Channel, Engine as _, ErrorKind, Type, ValueRef};
use shelfmark_postgres::PostgresEngine;
use test_postgres::{Pooler, TestDatabase};
use tokio::task::JoinSet;

use crate::support::{
    BEGIN, Keep, Observer, Value, call, drop_after, kept, one, pool_of, read, rows, target, text,
    write,
};

const LIMIT: Duration = Duration::from_secs(30);
/// Connections of the server that all of a test's clients share.
const LENT: &str = "2";

/// A database, and an engine that reaches it through a pooler.
struct Ground {
    engine: Arc<PostgresEngine>,
    behind: PostgresTarget,
    pooler: Pooler,
    base: TestDatabase,
}

impl Ground {
    async fn open(max: usize) -> anyhow::Result<Ground> {
        let base = TestDatabase::create()?;
        let pooler = Pooler::start(base.url(), &[("default_pool_size", LENT)])?;
        let mut behind = target(&pooler.url(base.name()))?;
        behind.pooler = Mode::Transaction;
        behind.direct = Some(Box::new(target(base.url())?));
        let engine = PostgresEngine::open(&behind, &pool_of(max), LIMIT).await?;
        Ok(Ground {
            engine: Arc::new(engine),
            behind,
            pooler,
            base,
        })
    }

    async fn second(&self, max: usize) -> anyhow::Result<Arc<PostgresEngine>> {
        let engine = PostgresEngine::open(&self.behind, &pool_of(max), LIMIT).await?;
        Ok(Arc::new(engine))
    }

    async fn script(&self, sql: &str) -> anyhow::Result<()> {
        Ok(self.engine.maintenance().await?.script(sql).await?)
    }

    async fn observer(&self) -> anyhow::Result<Observer> {
        Observer::connect(self.base.url()).await
    }
}

const SCHEMA: &str = "CREATE TYPE mood AS ENUM ('sad', 'glad'); CREATE DOMAIN score AS int8 CHECK (VALUE >= 0); \
     CREATE TABLE shows (id int8 PRIMARY KEY, title text NOT NULL, mood mood, facts jsonb, at timestamptz, \
     price numeric, score score); CREATE TABLE counters (id int8 PRIMARY KEY, n int8 NOT NULL)";

fn number(value: &Value) -> anyhow::Result<i64> {
    match value {
        ValueRef::I64(number) => Ok(*number),
        other => anyhow::bail!("{other:?} is no number"),
    }
}

/// One task's work: each answer is compared with what was asked.
async fn work(engine: &PostgresEngine, task: i64, round: i64) -> anyhow::Result<()> {
    let id = task * 1_000 + round;
    match (task + round) % 8 {
        0 => {
            let sql = "INSERT INTO shows (id, title, mood, facts, price, score) \
                 VALUES ($1, $2, CAST($3 AS text)::mood, $4, NULL, $5) RETURNING id, title, mood, facts, price";
            let facts = format!("{{\"id\": {id}}}");
            let values = vec![
                ValueRef::I64(id),
                text(&format!("t{id}")),
                text("glad"),
                ValueRef::Json(facts.clone().into()),
                ValueRef::I64(id),
            ];
            let sink = Box::new(Keep::default());
            let found = kept(engine.fetch(write(sql, values), sink).await?);
            let expected = vec![
                ValueRef::I64(id),
                text(&format!("t{id}")),
                text("glad"),
                ValueRef::Json(facts.into()),
                ValueRef::Null,
            ];
            anyhow::ensure!(found == [expected], "{found:?}");
        }
        1 => {
            let ids: Vec<Value> = (0..task + 3).map(ValueRef::I64).collect();
            let count = ids.len() as i64;
            let list = ValueRef::List(Type::I64, ids);
            let found = rows(
                engine,
                read(
                    "SELECT count(*)::int8, $2::text FROM UNNEST($1::int8[]) AS x WHERE x = ANY($1)",
                    vec![list, text(&format!("{id}"))],
                ),
            )
            .await?;
            anyhow::ensure!(found == [vec![ValueRef::I64(count), text(&id.to_string())]]);
        }
        2 => {
            let session = engine.begin(BEGIN).await?;
            let sql = "INSERT INTO counters (id, n) VALUES ($1, 1)";
            session.execute(write(sql, vec![ValueRef::I64(id)])).await?;
            let pid = one(&*session, "SELECT pg_backend_pid()::int8").await?;
            let raised = "UPDATE counters SET n = n + $2 WHERE id = $1";
            let values = vec![ValueRef::I64(id), ValueRef::I64(task)];
            session.execute(write(raised, values)).await?;
            let again = one(&*session, "SELECT pg_backend_pid()::int8").await?;
            anyhow::ensure!(pid == again, "a transaction changed its connection");
            session.commit().await?;
        }
        3 => {
            let session = engine.begin(BEGIN).await?;
            let sql = "INSERT INTO counters (id, n) VALUES ($1, -1)";
            session
                .execute(write(sql, vec![ValueRef::I64(-id - 1)]))
                .await?;
            let failed = session
                .execute(write("INSERT INTO nowhere VALUES (1)", vec![]))
                .await;
            anyhow::ensure!(failed.is_err(), "a table that is not there was written to");
            session.rollback().await?;
        }
        4 => {
            let sql = "SELECT x::int8 FROM generate_series($1::int8, $1 + 999) AS x";
            let mut stream = engine.stream(
                read(sql, vec![ValueRef::I64(id)]),
                Box::new(Keep::default()),
            );
            let mut next = id;
            while let Some(batch) = stream.next().await {
                for row in kept(batch?) {
                    anyhow::ensure!(number(&row[0])? == next);
                    next += 1;
                }
            }
            anyhow::ensure!(next == id + 1_000, "the stream ended at {next}");
        }
        5 => {
            let sql = "INSERT INTO counters (id, n) SELECT * FROM UNNEST($1::int8[], $2::int8[])";
            let first = id * 1_000 + 10_000_000;
            let many = (first..first + 50)
                .map(|id| vec![ValueRef::I64(id), ValueRef::I64(0)])
                .collect();
            let touched = engine
                .execute_many(write(sql, vec![]), &[Type::I64, Type::I64], many)
                .await?;
            anyhow::ensure!(touched == 50);
        }
        6 => {
            let failed = rows(engine, read("SELECT 1 / $1::int8", vec![ValueRef::I64(0)])).await;
            let kind = failed.err().map(|error| error.kind());
            anyhow::ensure!(kind == Some(ErrorKind::InvalidInput), "{kind:?}");
        }
        _ => {
            let sleep = read("SELECT pg_sleep(10), $1::int8", vec![ValueRef::I64(id)]);
            drop_after(rows(engine, sleep), 1 + (id as usize % 4)).await;
        }
    }
    let sql = "SELECT $1::int8, $2::text, 'sad'::mood, ARRAY['glad'::mood] IS NULL";
    let values = vec![ValueRef::I64(id), text(&format!("m{id}"))];
    let found = rows(engine, read(sql, values)).await?;
    let (mood, no) = (text("sad"), ValueRef::Bool(false));
    anyhow::ensure!(found == [vec![ValueRef::I64(id), text(&format!("m{id}")), mood, no]]);
    Ok(())
}

/// Two engines, as two processes, share two connections of the server. What one of them would leave there, the other
/// would meet.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_answer_belongs_to_its_question_on_connections_that_all_share() -> anyhow::Result<()> {
    let ground = Ground::open(8).await?;
    ground.script(SCHEMA).await?;
    let engines = [Arc::clone(&ground.engine), ground.second(8).await?];
    let mut tasks = JoinSet::new();
    for task in 0..50 {
        let engine = Arc::clone(&engines[task as usize % 2]);
        tasks.spawn(async move {
            for round in 0..8 {
                work(&engine, task, round)
                    .await
                    .with_context(|| format!("task {task}, round {round}"))?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    for engine in engines {
        engine.close(LIMIT).await?;
    }
    let observer = ground.observer().await?;
    let counted = "SELECT count(*) || ' ' || count(*) FILTER (WHERE id < 0) || ' ' || count(*) FILTER (WHERE n = -1) \
         FROM counters";
    let inserted = 50 + 50 * 50;
    assert_eq!(observer.text(counted).await?, format!("{inserted} 0 0"));
    assert_eq!(observer.text("SELECT count(*) FROM shows").await?, "50");
    Ok(())
}

/// All names that are on the server's connections, seen through the pooler.
async fn names(ground: &Ground) -> anyhow::Result<HashSet<String>> {
    let mut found = HashSet::new();
    let sql = "SELECT pg_backend_pid()::text || ' ' || name FROM pg_prepared_statements";
    for _ in 0..20 {
        for row in rows(&*ground.engine, read(sql, Vec::new())).await? {
            found.insert(format!("{:?}", row[0]));
        }
    }
    Ok(found)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_name_stays_on_the_servers_connections() -> anyhow::Result<()> {
    let ground = Ground::open(4).await?;
    ground.script(SCHEMA).await?;
    let sql = "SELECT id, mood FROM shows WHERE mood = $1";
    for _ in 0..3 {
        rows(&*ground.engine, read(sql, vec![text("sad")])).await?;
        let failed = rows(&*ground.engine, read("SELECT nothing FROM shows", vec![])).await;
        assert!(failed.is_err());
    }
    // Types are looked up once more, by statements that the driver believes to be there.
    ground.script("CREATE TYPE taste AS ENUM ('sweet')").await?;
    for sql in ["SELECT 'sweet'::taste", "SELECT 'sad'::mood"] {
        one(&*ground.engine, sql).await?;
    }
    let session = ground.engine.begin(BEGIN).await?;
    let script = "CREATE TYPE size AS ENUM ('small')";
    session.execute(call(Access::Write, script, vec![])).await?;
    assert_eq!(one(&*session, "SELECT 'small'::size").await?, text("small"));
    assert!(one(&*session, "SELECT nothing").await.is_err());
    session.rollback().await?;
    for polls in 1..8 {
        let sql = format!("SELECT 'sad'::mood, {polls}");
        drop_after(rows(&*ground.engine, read(&sql, vec![])), polls).await;
    }
    assert_eq!(names(&ground).await?, HashSet::new());
    Ok(())
}

#[tokio::test]
async fn a_schema_that_changes_is_learned_again() -> anyhow::Result<()> {
    let ground = Ground::open(1).await?;
    ground.script("CREATE TABLE t (id int4, kind int4)").await?;
    let insert = "INSERT INTO t (id, kind) VALUES ($1, $2)";
    let select = "SELECT * FROM t WHERE id = $1";
    let one_row = || vec![ValueRef::I64(1), ValueRef::I64(2)];
    ground.engine.execute(write(insert, one_row())).await?;
    let found = rows(&*ground.engine, read(select, vec![ValueRef::I64(1)])).await?;
    assert_eq!(found, [[ValueRef::I32(1), ValueRef::I32(2)]]);
    let change = "ALTER TABLE t ALTER id TYPE int8, ALTER kind TYPE text, ADD note text";
    ground.script(change).await?;
    let found = rows(&*ground.engine, read(select, vec![ValueRef::I64(1)])).await?;
    assert_eq!(found, [[ValueRef::I64(1), text("2"), ValueRef::Null]]);
    let values = vec![ValueRef::I64(1 << 40), text("x")];
    ground.engine.execute(write(insert, values)).await?;
    ground.script("ALTER TABLE t ALTER id TYPE text").await?;
    let found = rows(&*ground.engine, read(select, vec![text("1")])).await?;
    assert_eq!(found, [[text("1"), text("2"), ValueRef::Null]]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pooler_that_restarts_loses_no_read_and_repeats_no_write() -> anyhow::Result<()> {
    let ground = Ground::open(8).await?;
    ground.script("CREATE TABLE log (id int8)").await?;
    let mut tasks = JoinSet::new();
    for task in 0..8_i64 {
        let engine = Arc::clone(&ground.engine);
        tasks.spawn(async move {
            let mut answered = Vec::new();
            let mut unknown = Vec::new();
            for round in 0..150 {
                let id = task * 1_000 + round;
                let read = read("SELECT $1::int8", vec![ValueRef::I64(id)]);
                let found = rows(&*engine, read).await.context("a read")?;
                anyhow::ensure!(found == [[ValueRef::I64(id)]]);
                let insert = write("INSERT INTO log VALUES ($1)", vec![ValueRef::I64(id)]);
                match engine.execute(insert).await {
                    Ok(touched) => {
                        anyhow::ensure!(touched == 1);
                        answered.push(id);
                    }
                    Err(error) => {
                        anyhow::ensure!(error.kind() == ErrorKind::Connection, "{error}");
                        unknown.push(id);
                    }
                }
            }
            anyhow::Ok((answered, unknown))
        });
    }
    let observer = ground.observer().await?;
    let begun = std::time::Instant::now();
    for written in [100, 500] {
        while observer
            .text("SELECT count(*) FROM log")
            .await?
            .parse::<u64>()?
            < written
        {
            anyhow::ensure!(begun.elapsed() < 6 * LIMIT, "the writers do not get on");
            tokio::task::yield_now().await;
        }
        ground.pooler.restart()?;
    }
    let mut lost = 0;
    while let Some(ended) = tasks.join_next().await {
        let (answered, unknown) = ended??;
        lost += unknown.len();
        for id in answered {
            let sql = format!("SELECT count(*) FROM log WHERE id = {id}");
            assert_eq!(observer.text(&sql).await?, "1", "{id}");
        }
    }
    // At most those that were under way at each of the two.
    assert!(lost <= 16, "{lost} writes failed");
    let twice = "SELECT count(*) FROM (SELECT id FROM log GROUP BY id HAVING count(*) > 1) AS x";
    assert_eq!(observer.text(twice).await?, "0");
    Ok(())
}

#[tokio::test]
async fn a_dropped_call_is_stopped_on_the_server_and_stops_nobody_else() -> anyhow::Result<()> {
    let ground = Ground::open(2).await?;
    let observer = ground.observer().await?;
    let sleeping = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND state = 'active'";
    for _ in 0..3 {
        let engine = Arc::clone(&ground.engine);
        let sleep = tokio::spawn(async move { one(&*engine, "SELECT pg_sleep(60)::text").await });
        let begun = std::time::Instant::now();
        while observer.text(sleeping).await? == "0" {
            anyhow::ensure!(begun.elapsed() < LIMIT, "it does not run");
            tokio::task::yield_now().await;
        }
        sleep.abort();
        let begun = std::time::Instant::now();
        for number in 0..20 {
            let sql = format!("SELECT {number}::int8");
            assert_eq!(one(&*ground.engine, &sql).await?, ValueRef::I64(number));
        }
        while observer.text(sleeping).await? != "0" {
            assert!(begun.elapsed() < LIMIT, "it still runs");
            tokio::task::yield_now().await;
        }
    }
    Ok(())
}

#[tokio::test]
async fn what_needs_a_session_is_refused_or_goes_past_the_pooler() -> anyhow::Result<()> {
    let ground = Ground::open(2).await?;
    for sql in [
        "SET work_mem = '1MB'",
        "SELECT pg_advisory_lock(1)",
        "CREATE TEMP TABLE t (id int)",
    ] {
        let refused = ground
            .engine
            .execute(call(Access::Session, sql, vec![]))
            .await;
        assert_eq!(
            refused.map_err(|it| it.kind()),
            Err(ErrorKind::Unsupported),
            "{sql}"
        );
    }
    let mut heard = ground.engine.listen(vec!["news".to_owned()]).await?;
    let notify = write("SELECT pg_notify('news', $1)", vec![text("hello")]);
    ground.engine.execute(notify).await?;
    let notice = heard.next().await.context("no message")??;
    assert!(format!("{notice:?}").contains("hello"), "{notice:?}");
    drop(heard);

    let mut alone = ground.behind.clone();
    alone.direct = None;
    let engine = PostgresEngine::open(&alone, &pool_of(1), LIMIT).await?;
    let refused = engine
        .listen(vec!["news".to_owned()])
        .await
        .err()
        .context("heard")?;
    assert_eq!(refused.kind(), ErrorKind::InvalidConfig);
    assert!(
        refused.to_string().contains("DATABASE_DIRECT_URL"),
        "{refused}"
    );
    let refused = engine.maintenance().await.err().context("migrated")?;
    assert!(
        refused.to_string().contains("migrations need a session"),
        "{refused}"
    );
    Ok(())
}

#[tokio::test]
async fn the_time_zone_and_the_deadline_are_ours_behind_a_pooler() -> anyhow::Result<()> {
    let ground = Ground::open(2).await?;
    let observer = ground.observer().await?;
    let name = ground.base.name();
    observer
        .run(&format!(
            "ALTER DATABASE {name} SET TimeZone = 'Asia/Tokyo'"
        ))
        .await?;
    let zone = one(
        &*ground.second(1).await?,
        "SELECT current_setting('TimeZone')",
    )
    .await?;
    assert_eq!(zone, text("UTC"));
    let session = ground.engine.begin(BEGIN).await?;
    let limit = "SELECT current_setting('statement_timeout')";
    assert_eq!(one(&*session, limit).await?, text("31s"));
    session.rollback().await?;
    assert_eq!(one(&*ground.engine, limit).await?, text("0"));
    Ok(())
}

#[tokio::test]
async fn without_the_setting_the_error_names_it() -> anyhow::Result<()> {
    let ground = Ground::open(1).await?;
    let plain = target(&ground.pooler.url(ground.base.name()))?;
    let refused = PostgresEngine::open(&plain, &pool_of(1), LIMIT).await;
    let refused = refused.err().context("it connected")?;
    assert!(
        refused.to_string().contains("DATABASE_POOLER=transaction"),
        "{refused}"
    );

    let lax = [
        ("default_pool_size", "1"),
        ("ignore_startup_parameters", "options"),
    ];
    let pooler = Pooler::start(ground.base.url(), &lax)?;
    let plain = target(&pooler.url(ground.base.name()))?;
    let engine = PostgresEngine::open(&plain, &pool_of(2), LIMIT).await?;
    // Whoever else uses the connection may have a name of ours: the driver counts them from zero in each process.
    let observer = Observer::connect(&pooler.url(ground.base.name())).await?;
    for number in 0..2_000 {
        observer
            .run(&format!("PREPARE s{number} AS SELECT 1"))
            .await?;
    }
    let refused = one(&engine, "SELECT 5::int8")
        .await
        .err()
        .context("it ran")?;
    assert!(
        refused.to_string().contains("DATABASE_POOLER=transaction"),
        "{refused}"
    );
    Ok(())
}

#[tokio::test]
async fn a_failure_beside_a_statement_that_is_not_known_yet_costs_no_more_than_its_savepoint()
-> anyhow::Result<()> {
    let ground = Ground::open(1).await?;
    ground.script(SCHEMA).await?;
    let session = ground.engine.begin(BEGIN).await?;
    let insert = |id| {
        write(
            "INSERT INTO counters (id, n) VALUES ($1, 1)",
            vec![ValueRef::I64(id)],
        )
    };
    session.execute(insert(1)).await?;
    session.savepoint(1).await?;
    let unknown = "UPDATE counters SET n = n + 1 WHERE id = $1 AND n < 7";
    let (taken, behind) = tokio::join!(
        session.execute(insert(1)),
        session.execute(write(unknown, vec![ValueRef::I64(1)]))
    );
    assert!(taken.is_err() && behind.is_err(), "{taken:?} {behind:?}");
    session.rollback_to(1).await?;
    session.execute(insert(2)).await?;
    session.commit().await?;
    let count = "SELECT count(*)::int8 FROM counters";
    assert_eq!(one(&*ground.engine, count).await?, ValueRef::I64(2));
    Ok(())
}
