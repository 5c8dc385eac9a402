//! One connection as the driver has it, with the task that works for it. In the open we make the stream ourselves, so that
//! calls are gathered on it; an encrypted one is made by the driver.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, RedisConnectionInfo, RedisResult};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::AbortHandle;

use super::at_once::first_of;
use super::gather::Gather;

/// How many bytes are gathered before they are written in any case, and calls wait for that.
const GATHERED_BYTES: usize = 64 * 1024;

/// One connection. It ends when it is dropped, whatever is under way on it.
pub(super) struct Connection {
    pub(super) commands: MultiplexedConnection,
    /// `None` where `commands` ends it itself.
    task: Option<AbortHandle>,
}

impl Connection {
    /// One that the driver has opened.
    pub(super) fn opened(commands: MultiplexedConnection) -> Connection {
        Connection {
            commands,
            task: None,
        }
    }

    /// One to a host, not encrypted.
    pub(super) async fn to_host(
        host: &str,
        port: u16,
        login: &RedisConnectionInfo,
        config: AsyncConnectionConfig,
    ) -> RedisResult<Connection> {
        let addresses = tokio::net::lookup_host((host, port)).await?;
        let failed = Mutex::new(None);
        // All addresses at once: one that says nothing would take the time of the others.
        let note = |error| {
            *failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        };
        let attempts = addresses.map(async |address| reach(address).await.map_err(note).ok());
        let Some(stream) = first_of(attempts.collect()).await else {
            let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
            let nowhere = || io::Error::other("the host has no address");
            return Err(failed.unwrap_or_else(nowhere).into());
        };
        Connection::on(stream, login, config).await
    }

    /// One to a socket of this machine.
    pub(super) async fn to_socket(
        path: &Path,
        login: &RedisConnectionInfo,
        config: AsyncConnectionConfig,
    ) -> RedisResult<Connection> {
        let stream = UnixStream::connect(path).await?;
        Connection::on(stream, login, config).await
    }

    async fn on<S>(
        stream: S,
        login: &RedisConnectionInfo,
        config: AsyncConnectionConfig,
    ) -> RedisResult<Connection>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let stream = Gather::new(stream);
        let config = config.set_write_backpressure_boundary(GATHERED_BYTES);
        let (commands, work) =
            MultiplexedConnection::new_with_config(login, stream, config).await?;
        Ok(Connection {
            commands,
            task: Some(tokio::spawn(work).abort_handle()),
        })
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

async fn reach(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
