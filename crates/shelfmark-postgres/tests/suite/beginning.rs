//! Transactions whose BEGIN is held up, dropped or lost on its way, and what becomes of the statements beside it.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::poll_immediate;
use shelfmark_core::{Call, Engine as _, Error, ErrorKind, ValueRef};
use shelfmark_postgres::PostgresEngine;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::support::{BEGIN, Db, Value, one, pool_of, read, rows, write};

/// Far less than a statement may take, and far more than an answer takes.
const SOON: Duration = Duration::from_secs(10);

/// What happens to a BEGIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Open,
    /// It reaches the server, and its answer waits until the way is open.
    Held,
    /// The next one is lost with its connection; then the way is open.
    Cut,
    /// It is lost with its connection, and there is no other.
    Down,
}

/// A proxy on a free port that knows a BEGIN when it sees one.
struct Road {
    way: Arc<watch::Sender<Way>>,
    accepting: JoinHandle<()>,
}

impl Road {
    async fn to(server: (String, u16)) -> anyhow::Result<(Road, u16)> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let way = Arc::new(watch::Sender::new(Way::Open));
        let shared = Arc::clone(&way);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if *shared.borrow() == Way::Down {
                    continue;
                }
                let (server, way) = (server.clone(), Arc::clone(&shared));
                tokio::spawn(async move {
                    if let Ok(server) = TcpStream::connect(server).await {
                        let _ = pass(client, server, &way).await;
                    }
                });
            }
        });
        Ok((Road { way, accepting }, port))
    }

    fn set(&self, way: Way) {
        self.way.send_replace(way);
    }
}

impl Drop for Road {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn pass(
    mut client: TcpStream,
    mut server: TcpStream,
    way: &watch::Sender<Way>,
) -> std::io::Result<()> {
    let (mut up, mut down) = ([0; 65536], [0; 65536]);
    let mut changes = way.subscribe();
    let mut held = false;
    loop {
        tokio::select! {
            read = client.read(&mut up) => {
                let bytes = &up[..read?];
                if bytes.is_empty() {
                    return Ok(());
                }
                if bytes.windows(6).any(|window| window == b"BEGIN ") {
                    let now = *way.borrow();
                    match now {
                        Way::Open => {}
                        Way::Held => held = true,
                        Way::Cut => {
                            way.send_replace(Way::Open);
                            return Ok(());
                        }
                        Way::Down => return Ok(()),
                    }
                }
                server.write_all(bytes).await?;
            }
            read = server.read(&mut down), if !held => {
                let bytes = &down[..read?];
                if bytes.is_empty() {
                    return Ok(());
                }
                client.write_all(bytes).await?;
            }
            () = opened(&mut changes), if held => held = false,
        }
    }
}

async fn opened(changes: &mut watch::Receiver<Way>) {
    // It ends with the proxy, and so does the wait.
    let _ = changes.wait_for(|way| *way == Way::Open).await;
}

/// An empty table, an engine of one connection that reaches it by a road, and knows the statements of these tests.
async fn on_a_road(acquire: Duration) -> anyhow::Result<(Db, Arc<PostgresEngine>, Road)> {
    let db = Db::with(pool_of(1)).await?;
    db.script("CREATE TABLE t (n int PRIMARY KEY)").await?;
    let (road, port) = Road::to(db.target.hosts[0].clone()).await?;
    let mut target = db.target.clone();
    target.hosts = vec![("127.0.0.1".to_owned(), port)];
    let mut settings = pool_of(1);
    settings.acquire_timeout = acquire;
    let engine = Arc::new(PostgresEngine::open(&target, &settings, Duration::from_secs(30)).await?);
    warm(&engine).await?;
    Ok((db, engine, road))
}

/// Afterwards the connection knows the statements, so each leaves at its first poll.
async fn warm(engine: &PostgresEngine) -> anyhow::Result<()> {
    let session = engine.begin(BEGIN).await?;
    one(&*session, COUNT).await?;
    session.execute(insert(1)).await?;
    Ok(session.rollback().await?)
}

const COUNT: &str = "SELECT count(*) FROM t";

fn count() -> Call<'static> {
    read(COUNT, Vec::new())
}

fn insert(n: i32) -> Call<'static> {
    write("INSERT INTO t VALUES ($1)", vec![ValueRef::I32(n)])
}

fn counted(answer: &shelfmark_core::Result<Vec<Vec<Value>>>) -> Option<&Value> {
    answer.as_ref().ok().map(|rows| &rows[0][0])
}

#[tokio::test]
async fn a_dropped_first_statement_keeps_nobody_beside_it_waiting() -> anyhow::Result<()> {
    let (db, engine, road) = on_a_road(SOON).await?;
    for polls in 1..6 {
        warm(&engine).await?;
        let session = engine.begin(BEGIN).await?;
        road.set(Way::Held);
        let mut first = Box::pin(rows(&*session, count()));
        let mut reading = Box::pin(rows(&*session, count()));
        let mut writing = Box::pin(session.execute(insert(2)));
        for _ in 0..polls {
            assert!(poll_immediate(first.as_mut()).await.is_none());
            assert!(poll_immediate(reading.as_mut()).await.is_none());
            assert!(poll_immediate(writing.as_mut()).await.is_none());
            tokio::task::yield_now().await;
        }
        drop(first);
        let (seen, written) = timeout(SOON, async { tokio::join!(reading, writing) }).await?;
        for error in [seen.unwrap_err(), written.unwrap_err()] {
            assert_eq!(error.kind(), ErrorKind::TransactionAborted, "{error}");
            assert_eq!(
                error.to_string(),
                "the transaction has not begun: the statement that BEGIN travelled with was dropped before its answer"
            );
        }
        road.set(Way::Open);
        session.rollback().await?;
        assert_eq!(one(&*db.engine, COUNT).await?, ValueRef::I64(0));
    }
    Ok(())
}

#[tokio::test]
async fn a_statement_refused_beside_the_first_leaves_the_transaction_as_it_was()
-> anyhow::Result<()> {
    let (db, engine, _road) = on_a_road(SOON).await?;
    for (round, refused) in [
        write("COMMIT", Vec::new()),
        read(COUNT, vec![ValueRef::I32(1)]),
    ]
    .into_iter()
    .enumerate()
    {
        let session = engine.begin(BEGIN).await?;
        let (seen, answer) = tokio::join!(rows(&*session, count()), session.execute(refused));
        let before = i64::try_from(round)?;
        assert_eq!(counted(&seen), Some(&ValueRef::I64(before)));
        answer.unwrap_err();
        session.execute(insert(i32::try_from(round)?)).await?;
        session.commit().await?;
        assert_eq!(one(&*db.engine, COUNT).await?, ValueRef::I64(before + 1));
    }
    Ok(())
}

#[tokio::test]
async fn statements_lost_with_begin_are_never_done_in_another_order() -> anyhow::Result<()> {
    let (db, engine, road) = on_a_road(SOON).await?;
    for round in 0..100 {
        warm(&engine).await?;
        let session = engine.begin(BEGIN).await?;
        road.set(Way::Cut);
        let (first, second, written) = tokio::join!(
            rows(&*session, count()),
            rows(&*session, count()),
            session.execute(insert(1)),
        );
        // None was done before one that was called earlier.
        for seen in [&first, &second] {
            assert!(
                matches!(counted(seen), None | Some(ValueRef::I64(0))),
                "{round}: {first:?}, {second:?}, {written:?}"
            );
        }
        // Which of them would have to be first again nobody knows, so all of them may be run again and none is.
        let errors: [Error; 3] = [
            first.unwrap_err(),
            second.unwrap_err(),
            written.unwrap_err(),
        ];
        assert_eq!(errors[0].kind(), ErrorKind::Connection, "{}", errors[0]);
        for error in &errors[1..] {
            assert_eq!(error.kind(), ErrorKind::TransactionAborted, "{error}");
        }
        for error in &errors {
            assert!(error.is_retryable(), "{error:?}");
            assert_eq!(
                error.to_string(),
                "the connection was lost before the transaction had begun; nothing of it has been done"
            );
            let cause = std::error::Error::source(error).and_then(|it| it.downcast_ref::<Error>());
            assert_eq!(cause.map(Error::kind), Some(ErrorKind::Connection));
        }
        session.rollback().await?;
        assert_eq!(one(&*db.engine, COUNT).await?, ValueRef::I64(0));
    }
    Ok(())
}

#[tokio::test]
async fn a_first_statement_that_is_lost_alone_with_begin_goes_to_another_connection()
-> anyhow::Result<()> {
    let (db, engine, road) = on_a_road(SOON).await?;
    for round in 0..5 {
        let session = engine.begin(BEGIN).await?;
        road.set(Way::Cut);
        assert_eq!(one(&*session, COUNT).await?, ValueRef::I64(round));
        session.execute(insert(i32::try_from(round)?)).await?;
        session.commit().await?;
        assert_eq!(one(&*db.engine, COUNT).await?, ValueRef::I64(round + 1));
    }
    Ok(())
}

#[tokio::test]
async fn a_transaction_that_found_no_connection_to_begin_on_is_rolled_back_without_complaint()
-> anyhow::Result<()> {
    let (db, engine, road) = on_a_road(Duration::from_millis(200)).await?;
    let session = engine.begin(BEGIN).await?;
    road.set(Way::Down);
    one(&*session, COUNT).await.unwrap_err();
    session.rollback().await?;
    assert_eq!(engine.status().in_use, 0);
    assert_eq!(one(&*db.engine, COUNT).await?, ValueRef::I64(0));
    Ok(())
}
