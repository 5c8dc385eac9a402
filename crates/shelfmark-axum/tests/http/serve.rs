use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use axum::routing::{get, post};
use shelfmark_axum::{Ended, Json, RequestLimits, Shutdown, guarded, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

/// A server with a handler at `/slow` that says when it has begun and waits to be let go.
struct Server {
    address: SocketAddr,
    begun: Arc<Notify>,
    let_go: Arc<Notify>,
    stop: oneshot::Sender<()>,
    running: JoinHandle<Ended>,
}

impl Server {
    /// A server that ends when `stop` is dropped.
    async fn start(grace: Duration) -> Result<Self> {
        let (stop, stopped) = oneshot::channel::<()>();
        let asked = async { drop(stopped.await) };
        Server::start_until(Shutdown::when(asked).grace(grace), stop).await
    }

    async fn start_until(shutdown: Shutdown, stop: oneshot::Sender<()>) -> Result<Self> {
        let (begun, let_go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (says, waits) = (Arc::clone(&begun), Arc::clone(&let_go));
        let slow = async move || {
            says.notify_one();
            waits.notified().await;
            "slow"
        };
        let router = Router::new()
            .route("/", get(async || "quick"))
            .route("/slow", get(slow))
            .route("/add", post(async |Json(new): Json<String>| new));
        let router = guarded(router, RequestLimits::default());
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let running = tokio::spawn(serve(listener, router, shutdown));
        Ok(Server {
            address,
            begun,
            let_go,
            stop,
            running,
        })
    }
}

async fn ask(stream: &mut TcpStream, path: &str) -> Result<()> {
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
    Ok(stream.write_all(request.as_bytes()).await?)
}

/// Reads on until what was read ends with `end`.
async fn read_until(stream: &mut TcpStream, end: &str) -> Result<()> {
    let mut read = Vec::new();
    while !read.ends_with(end.as_bytes()) {
        read.push(stream.read_u8().await.context("closed too early")?);
    }
    Ok(())
}

#[tokio::test]
async fn a_running_request_is_finished_before_the_server_ends() -> Result<()> {
    let server = Server::start(Duration::from_secs(60)).await?;
    let mut stream = TcpStream::connect(server.address).await?;
    ask(&mut stream, "/slow").await?;
    server.begun.notified().await;
    drop(server.stop);
    // The listener is closed before the server waits for what is running.
    while TcpStream::connect(server.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    server.let_go.notify_one();
    read_until(&mut stream, "slow").await?;
    assert_eq!(server.running.await?, Ended::Drained);
    Ok(())
}

#[tokio::test]
async fn idle_connections_do_not_hold_the_server_up() -> Result<()> {
    let server = Server::start(Duration::from_secs(60)).await?;
    let mut kept = TcpStream::connect(server.address).await?;
    ask(&mut kept, "/").await?;
    read_until(&mut kept, "quick").await?;
    let mut silent = TcpStream::connect(server.address).await?;
    drop(server.stop);
    let ended = tokio::time::timeout(Duration::from_secs(10), server.running).await??;
    assert_eq!(ended, Ended::Drained);
    assert_eq!(kept.read(&mut [0; 1]).await?, 0);
    // The server may have ended before it accepted this one, which then is reset instead of closed.
    drop(silent.read(&mut [0; 1]).await);
    Ok(())
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_cut_off() -> Result<()> {
    let server = Server::start(Duration::ZERO).await?;
    let mut stream = TcpStream::connect(server.address).await?;
    ask(&mut stream, "/slow").await?;
    server.begun.notified().await;
    drop(server.stop);
    assert_eq!(server.running.await?, Ended::CutOff { connections: 1 });
    assert!(read_until(&mut stream, "slow").await.is_err());
    // The handler is gone, not merely its connection.
    assert_eq!(Arc::strong_count(&server.let_go), 1);
    Ok(())
}

#[tokio::test]
async fn a_connection_is_kept_for_further_requests() -> Result<()> {
    let server = Server::start(Duration::from_secs(60)).await?;
    let mut stream = TcpStream::connect(server.address).await?;
    for _ in 0..3 {
        ask(&mut stream, "/").await?;
        read_until(&mut stream, "quick").await?;
    }
    drop(server.stop);
    assert_eq!(server.running.await?, Ended::Drained);
    Ok(())
}

#[cfg(unix)]
#[tokio::test]
async fn a_signal_ends_the_server_and_a_second_one_cuts_requests_off() -> Result<()> {
    use rustix::process::{Signal, getpid, kill_process};

    let shutdown = Shutdown::on_signals()?.grace(Duration::from_secs(60));
    let (stop, _) = oneshot::channel();
    let server = Server::start_until(shutdown, stop).await?;
    let mut stream = TcpStream::connect(server.address).await?;
    ask(&mut stream, "/slow").await?;
    server.begun.notified().await;
    kill_process(getpid(), Signal::TERM)?;
    while TcpStream::connect(server.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(!server.running.is_finished());
    kill_process(getpid(), Signal::INT)?;
    assert_eq!(server.running.await?, Ended::CutOff { connections: 1 });
    Ok(())
}

/// Posts a body without looking for an answer until all is sent, as simple clients do.
async fn post_blindly(server: &Server, path: &str, header: &str, body: &[u8]) -> Result<String> {
    let mut stream = TcpStream::connect(server.address).await?;
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
         content-type: application/json\r\n{header}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

#[tokio::test]
async fn a_client_that_sends_too_much_still_gets_to_read_why_it_is_refused() -> Result<()> {
    let server = Server::start(Duration::from_secs(60)).await?;
    let long = " ".repeat(8 << 20);
    let announced = format!("content-length: {}", long.len());
    let answer = post_blindly(&server, "/add", &announced, long.as_bytes()).await?;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");

    let chunked = format!("{:x}\r\n{long}\r\n0\r\n\r\n", long.len());
    let encoding = "transfer-encoding: chunked";
    let answer = post_blindly(&server, "/add", encoding, chunked.as_bytes()).await?;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");

    let answer = post_blindly(&server, "/nowhere", encoding, chunked.as_bytes()).await?;
    assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");

    drop(server.stop);
    assert_eq!(server.running.await?, Ended::Drained);
    Ok(())
}

#[tokio::test]
async fn a_client_that_asks_first_is_refused_before_it_sends() -> Result<()> {
    let server = Server::start(Duration::from_secs(60)).await?;
    let header = "expect: 100-continue\r\ncontent-length: 8388608";
    let answer = post_blindly(&server, "/add", header, b"").await?;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    Ok(())
}
