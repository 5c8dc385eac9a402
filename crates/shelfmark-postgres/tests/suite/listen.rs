//! Listening: what arrives, what is missed and said to be, and what is left behind.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use futures_util::{FutureExt as _, StreamExt as _};
use shelfmark_core::config::PostgresTarget;
use shelfmark_core::{BoxStream, Channel as _, Engine, ErrorKind, Notice, Result, ValueRef};
use shelfmark_postgres::PostgresEngine;
use test_postgres::{Server, TestDatabase};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::support::{BEGIN, Db, Observer, drop_after, in_use, one, pool_of, until, write};

type Notices = BoxStream<'static, Result<Notice>>;

/// The sessions of listeners.
const LISTENING: &str = "query LIKE 'LISTEN %'";
/// Ends them.
const END_LISTENERS: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE \
     datname = current_database() AND application_name = 'shelfmark' AND query LIKE 'LISTEN %'";

async fn listen(engine: &PostgresEngine, channels: &[&str]) -> Result<Notices> {
    let channels = channels.iter().map(|name| (*name).to_owned()).collect();
    engine.listen(channels).await
}

/// What the stream says next.
async fn next(notices: &mut Notices) -> anyhow::Result<Option<Result<Notice>>> {
    tokio::time::timeout(Duration::from_secs(20), notices.next())
        .await
        .context("the listener was told nothing")
}

async fn notice(notices: &mut Notices) -> anyhow::Result<Notice> {
    Ok(next(notices).await?.context("the stream has ended")??)
}

fn message(channel: &str, payload: &str) -> Notice {
    Notice::Message {
        channel: channel.to_owned(),
        payload: payload.to_owned(),
    }
}

/// A line to the server that can go dead without being closed, and counts what it carries.
struct Line {
    port: u16,
    deaths: watch::Sender<()>,
    traffic: Arc<Traffic>,
    accepting: JoinHandle<()>,
}

#[derive(Default)]
struct Traffic {
    connections: AtomicUsize,
    /// What clients sent, in chunks.
    requests: AtomicUsize,
    /// What the server sent.
    bytes: AtomicU64,
}

impl Line {
    async fn to(target: &PostgresTarget) -> anyhow::Result<Line> {
        let server = target.hosts.first().cloned().context("no host")?;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let (deaths, death) = watch::channel(());
        let traffic = Arc::new(Traffic::default());
        let shared = Arc::clone(&traffic);
        let accepting = tokio::spawn(async move {
            let mut lines = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                shared.connections.fetch_add(1, Ordering::SeqCst);
                let (server, mut death, shared) =
                    (server.clone(), death.clone(), Arc::clone(&shared));
                death.mark_unchanged();
                lines.spawn(async move {
                    if let Ok(server) = TcpStream::connect(server).await {
                        let _ = carry(client, server, death, &shared).await;
                    }
                });
            }
        });
        Ok(Line {
            port,
            deaths,
            traffic,
            accepting,
        })
    }

    /// An engine whose connections go through the line.
    async fn engine(&self, target: &PostgresTarget) -> anyhow::Result<PostgresEngine> {
        let mut target = target.clone();
        target.hosts = vec![("127.0.0.1".to_owned(), self.port)];
        Ok(PostgresEngine::open(&target, &pool_of(1), Duration::from_secs(5)).await?)
    }

    /// No open connection carries anything from now on, and none is closed; new ones work.
    fn go_dead(&self) {
        self.deaths.send_replace(());
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn carry(
    mut client: TcpStream,
    mut server: TcpStream,
    mut death: watch::Receiver<()>,
    traffic: &Traffic,
) -> std::io::Result<()> {
    let (mut up, mut down) = ([0; 65536], [0; 65536]);
    loop {
        tokio::select! {
            _ = death.changed() => std::future::pending().await,
            read = client.read(&mut up) => {
                let bytes = &up[..read?];
                if bytes.is_empty() {
                    return Ok(());
                }
                traffic.requests.fetch_add(1, Ordering::SeqCst);
                server.write_all(bytes).await?;
            }
            read = server.read(&mut down) => {
                let bytes = &down[..read?];
                if bytes.is_empty() {
                    return Ok(());
                }
                client.write_all(bytes).await?;
                traffic.bytes.fetch_add(bytes.len() as u64, Ordering::SeqCst);
            }
        }
    }
}

#[tokio::test]
async fn messages_arrive_in_the_order_of_their_sending() -> anyhow::Result<()> {
    let db = Db::open().await?;
    let observer = db.observer().await?;
    let mut notices = listen(&db.engine, &["shows", "genres"]).await?;
    for number in 0..300 {
        let channel = if number % 3 == 0 { "genres" } else { "shows" };
        observer
            .run(&format!("NOTIFY {channel}, '{number}'; NOTIFY others, 'x'"))
            .await?;
    }
    observer.run("NOTIFY shows").await?;
    for number in 0..300 {
        let channel = if number % 3 == 0 { "genres" } else { "shows" };
        assert_eq!(
            notice(&mut notices).await?,
            message(channel, &number.to_string())
        );
    }
    assert_eq!(notice(&mut notices).await?, message("shows", ""));
    Ok(())
}

#[tokio::test]
async fn a_transactions_messages_go_out_with_its_commit_and_never_without() -> anyhow::Result<()> {
    let db = Db::open().await?;
    let observer = db.observer().await?;
    let mut notices = listen(&db.engine, &["c"]).await?;
    let send = |payload: &str| write(&format!("SELECT pg_notify('c', '{payload}')"), Vec::new());

    let kept = db.engine.begin(BEGIN).await?;
    kept.execute(send("kept")).await?;
    let undone = db.engine.begin(BEGIN).await?;
    undone.execute(send("undone")).await?;
    let dropped = db.engine.begin(BEGIN).await?;
    dropped.execute(send("dropped")).await?;
    observer.run("NOTIFY c, 'before'").await?;
    assert_eq!(notice(&mut notices).await?, message("c", "before"));
    undone.rollback().await?;
    drop(dropped);
    until("the dropped one is rolled back", || in_use(&db) <= 2).await?;
    kept.commit().await?;
    assert_eq!(notice(&mut notices).await?, message("c", "kept"));
    observer.run("NOTIFY c, 'after'").await?;
    assert_eq!(notice(&mut notices).await?, message("c", "after"));
    Ok(())
}

#[tokio::test]
async fn a_channels_name_is_taken_as_it_is() -> anyhow::Result<()> {
    let db = Db::open().await?;
    let observer = db.observer().await?;
    observer.run("CREATE TABLE shows (id int)").await?;
    let long = "n".repeat(63);
    let names = [
        "Shows",
        "shows",
        "two words",
        "a\"b\"\"c",
        "it's; --",
        "\"; DROP TABLE shows; --",
        "größe",
        &long,
    ];
    let mut notices = listen(&db.engine, &names).await?;
    for name in names {
        let sql = "SELECT pg_notify($1, $2)";
        let values = vec![
            crate::support::text(name),
            crate::support::text(&format!("to {name}")),
        ];
        db.engine.execute(write(sql, values)).await?;
        assert_eq!(
            notice(&mut notices).await?,
            message(name, &format!("to {name}"))
        );
    }
    one(&*db.engine, "SELECT count(*) FROM shows").await?;
    Ok(())
}

#[tokio::test]
async fn names_that_no_channel_can_have_are_refused_before_anything_is_opened() -> anyhow::Result<()>
{
    let db = Db::open().await?;
    let long = "n".repeat(64);
    let lists: [&[&str]; 4] = [&[], &["c", ""], &[&long], &["a\0b"]];
    for names in lists {
        let Err(error) = listen(&db.engine, names).await else {
            bail!("{names:?} was taken");
        };
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    }
    assert_eq!(db.observer().await?.sessions(LISTENING).await?, 0);
    Ok(())
}

#[tokio::test]
async fn a_lost_connection_is_told_and_comes_back() -> anyhow::Result<()> {
    let db = Db::open().await?;
    let observer = db.observer().await?;
    let mut notices = listen(&db.engine, &["a", "b"]).await?;
    for _ in 0..3 {
        observer.run("NOTIFY a, 'before'").await?;
        assert_eq!(notice(&mut notices).await?, message("a", "before"));
        observer.run(END_LISTENERS).await?;
        assert_eq!(notice(&mut notices).await?, Notice::Interrupted);
        assert_eq!(notice(&mut notices).await?, Notice::Resumed);
        observer.run("NOTIFY a, 'after'; NOTIFY b, 'after'").await?;
        assert_eq!(notice(&mut notices).await?, message("a", "after"));
        assert_eq!(notice(&mut notices).await?, message("b", "after"));
    }
    observer.until(LISTENING, 1).await
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> anyhow::Result<T> {
    Ok(tokio::task::spawn_blocking(work).await?)
}

#[tokio::test]
async fn a_restart_of_the_server_is_an_interruption() -> anyhow::Result<()> {
    let server = Arc::new(blocking(Server::start).await??);
    let base = TestDatabase::create_on(&server)?;
    let db = Db::on(base, pool_of(2), Duration::from_secs(5)).await?;
    let mut notices = listen(&db.engine, &["c"]).await?;
    let stopped = Arc::clone(&server);
    blocking(move || stopped.stop()).await?;
    assert_eq!(notice(&mut notices).await?, Notice::Interrupted);
    // However long it takes: nothing is told meanwhile.
    let started = Arc::clone(&server);
    blocking(move || started.restart()).await??;
    assert_eq!(notice(&mut notices).await?, Notice::Resumed);
    db.observer().await?.run("NOTIFY c, 'after'").await?;
    assert_eq!(notice(&mut notices).await?, message("c", "after"));
    Ok(())
}

#[tokio::test]
async fn a_server_that_stands_still_is_noticed() -> anyhow::Result<()> {
    let server = Arc::new(blocking(Server::start).await??);
    let base = TestDatabase::create_on(&server)?;
    let target = crate::support::target(base.url())?;
    let mut settings = pool_of(1);
    settings.acquire_timeout = Duration::from_secs(1);
    let engine = PostgresEngine::open(&target, &settings, Duration::from_secs(5))
        .await?
        .with_listen_heartbeat(Duration::from_millis(200), Duration::from_millis(500));
    let mut notices = listen(&engine, &["c"]).await?;
    server.freeze()?;
    let begun = Instant::now();
    assert_eq!(notice(&mut notices).await?, Notice::Interrupted);
    assert!(begun.elapsed() < Duration::from_secs(5), "{begun:?}");
    server.thaw()?;
    assert_eq!(notice(&mut notices).await?, Notice::Resumed);
    engine
        .execute(write("SELECT pg_notify('c', 'after')", Vec::new()))
        .await?;
    assert_eq!(notice(&mut notices).await?, message("c", "after"));
    Ok(())
}

#[tokio::test]
async fn a_line_that_carries_nothing_and_is_not_closed_is_noticed() -> anyhow::Result<()> {
    let db = Db::open().await?;
    let line = Line::to(&db.target).await?;
    let engine = line
        .engine(&db.target)
        .await?
        .with_listen_heartbeat(Duration::from_millis(100), Duration::from_millis(500));
    let mut notices = listen(&engine, &["c"]).await?;
    line.go_dead();
    db.observer().await?.run("NOTIFY c, 'lost'").await?;
    assert_eq!(notice(&mut notices).await?, Notice::Interrupted);
    assert_eq!(notice(&mut notices).await?, Notice::Resumed);
    db.observer().await?.run("NOTIFY c, 'after'").await?;
    assert_eq!(notice(&mut notices).await?, message("c", "after"));
    Ok(())
}

#[tokio::test]
async fn a_connection_that_is_merely_silent_is_asked_and_kept() -> anyhow::Result<()> {
    let db = Db::open().await?;
    let line = Line::to(&db.target).await?;
    let engine = line
        .engine(&db.target)
        .await?
        .with_listen_heartbeat(Duration::from_millis(10), Duration::from_secs(10));
    let mut notices = listen(&engine, &["c"]).await?;
    let connections = line.traffic.connections.load(Ordering::SeqCst);
    let asked = || line.traffic.requests.load(Ordering::SeqCst);
    let before = asked();
    until("it was asked ten times", || asked() >= before + 10).await?;
    assert!(notices.next().now_or_never().is_none());
    assert_eq!(line.traffic.connections.load(Ordering::SeqCst), connections);
    Ok(())
}

#[tokio::test]
async fn a_dropped_stream_ends_its_session() -> anyhow::Result<()> {
    let db = Db::open().await?;
    let observer = db.observer().await?;
    let first = listen(&db.engine, &["c"]).await?;
    let second = listen(&db.engine, &["c"]).await?;
    assert_eq!(db.engine.status().listeners, 2);
    observer.until(LISTENING, 2).await?;
    drop(first);
    observer.until(LISTENING, 1).await?;
    drop(second);
    observer.until(LISTENING, 0).await?;
    until("none is counted", || db.engine.status().listeners == 0).await
}

#[tokio::test]
async fn a_stream_dropped_while_it_connects_again_stops_trying() -> anyhow::Result<()> {
    let db = Db::open().await?;
    let observer = db.observer().await?;
    let mut notices = listen(&db.engine, &["c"]).await?;
    observer.run(END_LISTENERS).await?;
    assert_eq!(notice(&mut notices).await?, Notice::Interrupted);
    drop(notices);
    until("none is counted", || db.engine.status().listeners == 0).await?;
    observer.until(LISTENING, 0).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listen_dropped_at_any_poll_leaves_no_session() -> anyhow::Result<()> {
    let db = Db::open().await?;
    let observer = db.observer().await?;
    let mut ended = 0;
    for round in 0..200 {
        let polls = 1 + round % 12;
        if let Some(notices) = drop_after(listen(&db.engine, &["c"]), polls).await {
            drop(notices?);
            ended += 1;
        }
    }
    assert!(ended > 0, "no round came to its end");
    until("none is counted", || db.engine.status().listeners == 0).await?;
    // The pool's own connection was opened first and is idle.
    observer.until("true", 1).await
}

#[tokio::test]
async fn a_listener_takes_no_place_of_the_pool() -> anyhow::Result<()> {
    let db = Db::with(pool_of(1)).await?;
    let _notices = listen(&db.engine, &["c"]).await?;
    let session = db.engine.begin(BEGIN).await?;
    session.rollback().await?;
    drop(session);
    assert_eq!(one(&*db.engine, "SELECT 1").await?, ValueRef::I32(1));
    until("the place is free", || in_use(&db) == 0).await?;
    let status = db.engine.status();
    assert_eq!((status.open, status.idle, status.listeners), (1, 1, 1));
    Ok(())
}

#[tokio::test]
async fn a_reader_that_takes_nothing_is_told_how_many_messages_it_missed() -> anyhow::Result<()> {
    const SENT: u64 = 20_000;
    const BYTES: u64 = 500;
    let db = Db::open().await?;
    let observer = db.observer().await?;
    let line = Line::to(&db.target).await?;
    let engine = line.engine(&db.target).await?;
    let mut notices = listen(&engine, &["c"]).await?;
    observer
        .run(&format!(
            "SELECT pg_notify('c', n || ' ' || repeat('x', {BYTES})) FROM generate_series(1, {SENT}) AS n"
        ))
        .await?;
    // More than any socket holds: the listener reads, though nobody takes what it has read.
    until("all has been sent", || {
        line.traffic.bytes.load(Ordering::SeqCst) > SENT * BYTES
    })
    .await?;
    let (mut taken, mut missed) = (0, 0);
    while taken + missed < SENT {
        match notice(&mut notices).await? {
            Notice::Message { payload, .. } => {
                let number: u64 = payload.split(' ').next().context("no number")?.parse()?;
                assert_eq!(number, taken + missed + 1);
                taken += 1;
                assert!(
                    missed > 0 || taken <= 1_024,
                    "more waited than there is room for"
                );
            }
            Notice::Missed { messages } => missed += messages,
            other => bail!("{other:?}"),
        }
    }
    assert!(taken >= 1_024 && missed > 0, "{taken} {missed}");
    observer.run("NOTIFY c, 'after'").await?;
    assert_eq!(notice(&mut notices).await?, message("c", "after"));
    Ok(())
}

#[tokio::test]
async fn a_close_ends_the_stream_after_what_it_has_heard() -> anyhow::Result<()> {
    let db = Db::open().await?;
    let observer = db.observer().await?;
    let mut notices = listen(&db.engine, &["c"]).await?;
    let mut other = listen(&db.engine, &["others"]).await?;
    // Messages of one transaction come together.
    observer.run("NOTIFY c, 'first'; NOTIFY c, 'last'").await?;
    assert_eq!(notice(&mut notices).await?, message("c", "first"));
    let waiting = tokio::spawn(async move { other.next().await.is_none() });
    let begun = Instant::now();
    db.engine.close(Duration::from_secs(10)).await?;
    assert!(begun.elapsed() < Duration::from_secs(5), "{begun:?}");
    assert!(waiting.await?, "the stream did not end");
    assert_eq!(notice(&mut notices).await?, message("c", "last"));
    assert!(next(&mut notices).await?.is_none());
    assert!(next(&mut notices).await?.is_none());
    observer.until("true", 0).await?;
    let Err(error) = listen(&db.engine, &["c"]).await else {
        bail!("a closed engine listens");
    };
    assert_eq!(error.kind(), ErrorKind::Connection);
    assert_eq!(error.to_string(), "the database was closed");
    Ok(())
}

#[tokio::test]
async fn a_dropped_engine_ends_the_stream() -> anyhow::Result<()> {
    let Db {
        engine,
        base,
        target: _,
    } = Db::open().await?;
    let observer = Observer::connect(base.url()).await?;
    let mut notices = listen(&engine, &["c"]).await?;
    drop(engine);
    assert!(next(&mut notices).await?.is_none());
    observer.until("true", 0).await
}

#[tokio::test]
async fn two_listeners_hear_the_same_and_each_its_own() -> anyhow::Result<()> {
    let db = Db::open().await?;
    let observer = db.observer().await?;
    let mut first = listen(&db.engine, &["shared", "first"]).await?;
    let mut second = listen(&db.engine, &["second", "shared"]).await?;
    observer
        .run("NOTIFY first, '1'; NOTIFY shared, '2'; NOTIFY second, '3'")
        .await?;
    assert_eq!(notice(&mut first).await?, message("first", "1"));
    assert_eq!(notice(&mut first).await?, message("shared", "2"));
    assert_eq!(notice(&mut second).await?, message("shared", "2"));
    assert_eq!(notice(&mut second).await?, message("second", "3"));
    Ok(())
}

#[tokio::test]
async fn a_refusal_while_it_connects_again_is_told_once_and_is_not_the_end() -> anyhow::Result<()> {
    let db = Db::open().await?;
    let observer = db.observer().await?;
    let name = observer.text("SELECT current_database()").await?;
    // Nobody can lock the database that he is in.
    let url = db.base.url().replace(&format!("/{name}"), "/postgres");
    let outside = Observer::connect(&url).await?;
    let line = Line::to(&db.target).await?;
    let engine = line.engine(&db.target).await?;
    let mut notices = listen(&engine, &["c"]).await?;
    outside
        .run(&format!(
            "ALTER DATABASE \"{name}\" ALLOW_CONNECTIONS false"
        ))
        .await?;
    observer.run(END_LISTENERS).await?;
    assert_eq!(notice(&mut notices).await?, Notice::Interrupted);
    let error = next(&mut notices).await?.context("the end")?.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection);
    assert_eq!(error.code(), Some("55000"), "{error}");
    let connections = || line.traffic.connections.load(Ordering::SeqCst);
    let before = connections();
    until("it has tried again", || connections() >= before + 2).await?;
    outside
        .run(&format!("ALTER DATABASE \"{name}\" ALLOW_CONNECTIONS true"))
        .await?;
    assert_eq!(notice(&mut notices).await?, Notice::Resumed);
    observer.run("NOTIFY c, 'after'").await?;
    assert_eq!(notice(&mut notices).await?, message("c", "after"));
    Ok(())
}

#[tokio::test]
async fn listening_without_a_server_answers_within_the_acquire_timeout() -> anyhow::Result<()> {
    let server = Arc::new(blocking(Server::start).await??);
    let base = TestDatabase::create_on(&server)?;
    let target = crate::support::target(base.url())?;
    let mut settings = pool_of(1);
    settings.acquire_timeout = Duration::from_millis(500);
    let engine = PostgresEngine::open(&target, &settings, Duration::from_secs(5)).await?;
    server.freeze()?;
    let begun = Instant::now();
    let Err(error) = listen(&engine, &["c"]).await else {
        bail!("a frozen server listens");
    };
    assert_eq!(error.kind(), ErrorKind::Connection, "{error}");
    assert!(begun.elapsed() < Duration::from_secs(5), "{begun:?}");
    server.thaw()?;
    Ok(())
}
