//! The server: accepts connections, answers requests, and ends in a bounded time.
//!
//! Unlike `axum::serve` it owns the tasks of its connections, so none outlives it, and it closes a connection whose
//! client does not send a request's header in time.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use axum::extract::ConnectInfo;
use axum::middleware::AddExtension;
use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tower::Layer as _;

use crate::shutdown::Shutdown;

/// How long a client may take to send the header of its next request, idle time of a kept connection included.
const HEADER_DEADLINE: Duration = Duration::from_secs(30);

/// How long to wait before accepting again when the process has no more file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// How a server came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Every request that had begun was answered.
    Drained,
    /// The time was up and these connections were closed with a request still running.
    CutOff {
        /// How many.
        connections: usize,
    },
}

/// Serves `router` on `listener` until `shutdown` says so.
///
/// Handlers find the client's address with [`ConnectInfo<SocketAddr>`](ConnectInfo).
///
/// Then it accepts no more connections, closes those that are idle, lets running requests finish for as long as
/// `shutdown` allows, and drops the rest.
///
/// ```no_run
/// use axum::{Router, routing::get};
/// use shelfmark_axum::{RequestLimits, Shutdown, guarded, serve};
///
/// # async fn run() -> std::io::Result<()> {
/// let router = Router::new().route("/", get(async || "hello"));
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
/// serve(listener, guarded(router, RequestLimits::default()), Shutdown::on_signals()?).await;
/// # Ok(()) }
/// ```
///
/// # Cancel safety
/// Dropping the future closes the listener and every connection at once.
pub async fn serve(listener: TcpListener, router: Router, mut shutdown: Shutdown) -> Ended {
    // Says to every connection that it must end after the request it is at.
    let (stop, stopped) = watch::channel(false);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    // As the extractor of axum's own server finds it.
                    let service = Extension(ConnectInfo(peer)).layer(router.clone());
                    connections.spawn(connection(stream, service, stopped.clone()));
                }
                Err(error) => wait_out(&error).await,
            },
            Some(ended) = connections.join_next() => reap(ended),
            () = shutdown.asked() => break,
        }
    }
    drop(listener);
    stop.send_replace(true);
    let drained = async {
        while let Some(ended) = connections.join_next().await {
            reap(ended);
        }
    };
    let in_time = tokio::select! {
        () = drained => true,
        () = shutdown.time_is_up() => false,
    };
    if in_time {
        return Ended::Drained;
    }
    let cut_off = connections.len();
    tracing::warn!(cut_off, "requests were cut off by the end of the server");
    connections.shutdown().await;
    Ended::CutOff {
        connections: cut_off,
    }
}

/// Answers the requests of one connection.
async fn connection(
    stream: TcpStream,
    service: AddExtension<Router, ConnectInfo<SocketAddr>>,
    mut stopped: watch::Receiver<bool>,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection went away before it was served");
        return;
    }
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_DEADLINE)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service))
        .with_upgrades();
    let mut served = pin!(served);
    // The server lives until its connections have ended, so an error means no more than `true` does.
    let stopped = async { drop(stopped.wait_for(|stopped| *stopped).await) };
    let ended = tokio::select! {
        ended = served.as_mut() => ended,
        () = stopped => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = ended {
        // Clients go away in the middle of things; that is not the service's concern.
        tracing::debug!(%error, "a connection ended early");
    }
}

/// After an error of `accept`: one connection's own trouble is passed over, a lack of file descriptors is waited out.
async fn wait_out(error: &io::Error) {
    let is_of_one_connection = matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
    );
    if !is_of_one_connection {
        tracing::error!(%error, "no connection can be accepted now");
        tokio::time::sleep(ACCEPT_PAUSE).await;
    }
}

fn reap(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!("a connection's task panicked outside of every layer");
    }
}
