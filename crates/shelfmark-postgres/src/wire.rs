//! The socket to the server: opened with our own options, and counting what was written to it.
//!
//! The count is how the engine knows that a statement on a dead connection never left the process, and may go to
//! another connection without being run twice. Names are resolved at each connect, never remembered.

use std::fmt;
use std::io;
use std::mem::MaybeUninit;
use std::net::{Shutdown, SocketAddr};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::{SockRef, Socket, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;

/// A silent connection is probed after this time.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(15);
/// The time between two probes.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
/// After this many probes without an answer the connection is dead.
const KEEPALIVE_PROBES: u32 = 3;
/// After this long without an acknowledgement of what was sent the connection is dead.
#[cfg(target_os = "linux")]
const USER_TIMEOUT: Duration = Duration::from_secs(10);

/// One place where a server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    Tcp(SocketAddr),
    #[cfg(unix)]
    Unix(PathBuf),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp(address) => address.fmt(f),
            #[cfg(unix)]
            Address::Unix(path) => path.display().fmt(f),
        }
    }
}

impl Address {
    /// The addresses of `host`, which is a name, an address, or the folder of a socket.
    pub(crate) async fn resolve(host: &str, port: u16) -> io::Result<Vec<Address>> {
        #[cfg(unix)]
        if host.starts_with('/') {
            let path = Path::new(host).join(format!(".s.PGSQL.{port}"));
            return Ok(vec![Address::Unix(path)]);
        }
        let found: Vec<Address> = tokio::net::lookup_host((host, port))
            .await?
            .map(Address::Tcp)
            .collect();
        if found.is_empty() {
            return Err(io::Error::new(
                io::ErrorKind::NotFound,
                "the name has no address",
            ));
        }
        Ok(found)
    }

    /// Whether a certificate can name the host; nobody encrypts a socket of the same machine.
    pub(crate) fn is_network(&self) -> bool {
        matches!(self, Address::Tcp(_))
    }
}

/// An open socket.
pub(crate) struct Wire {
    stream: Stream,
    written: Written,
}

enum Stream {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
}

/// How many bytes have been written to a socket so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Written(Arc<AtomicU64>);

impl Written {
    pub(crate) fn bytes(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
}

impl Wire {
    pub(crate) async fn open(address: &Address) -> io::Result<Wire> {
        let stream = match address {
            Address::Tcp(address) => {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                watch_peer(&stream)?;
                Stream::Tcp(stream)
            }
            #[cfg(unix)]
            Address::Unix(path) => Stream::Unix(UnixStream::connect(path).await?),
        };
        Ok(Wire {
            stream,
            written: Written::default(),
        })
    }

    pub(crate) fn written(&self) -> Written {
        self.written.clone()
    }

    /// A second handle to the socket.
    pub(crate) fn probe(&self) -> io::Result<Probe> {
        let socket = match &self.stream {
            Stream::Tcp(stream) => SockRef::from(stream).try_clone()?,
            #[cfg(unix)]
            Stream::Unix(stream) => SockRef::from(stream).try_clone()?,
        };
        Ok(Probe(socket))
    }

    /// A socket that is still there after a TLS session has been put on it and taken off again.
    pub(crate) fn shared(self) -> SharedWire {
        SharedWire(Arc::new(Mutex::new(self)))
    }

    fn count(&self, outcome: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(bytes)) = outcome {
            self.written.0.fetch_add(bytes as u64, Ordering::AcqRel);
        }
        outcome
    }
}

/// A look at a socket that the driver has, without waiting and without the driver.
pub(crate) struct Probe(Socket);

/// What is to be read on a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pending {
    /// Nothing, as it should be between two statements.
    Nothing,
    /// Something that the driver has not read yet, perhaps a farewell.
    Bytes,
    /// The other side has closed it.
    End,
}

impl Probe {
    pub(crate) fn pending(&self) -> Pending {
        let mut byte = [MaybeUninit::uninit()];
        match self.0.peek(&mut byte) {
            Ok(0) => Pending::End,
            Ok(_) => Pending::Bytes,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Pending::Nothing,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Pending::Bytes,
            Err(_) => Pending::End,
        }
    }

    /// Ends the connection at once, whoever else has a handle.
    pub(crate) fn shut_down(&self) {
        // It may have ended already.
        let _ = self.0.shutdown(Shutdown::Both);
    }
}

/// Lets the kernel notice a peer that is gone; a peer that is frozen is noticed by our own deadlines only.
fn watch_peer(stream: &TcpStream) -> io::Result<()> {
    let socket = SockRef::from(stream);
    socket.set_tcp_keepalive(
        &TcpKeepalive::new()
            .with_time(KEEPALIVE_IDLE)
            .with_interval(KEEPALIVE_INTERVAL)
            .with_retries(KEEPALIVE_PROBES),
    )?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(USER_TIMEOUT))?;
    Ok(())
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_read(cx, buffer),
            #[cfg(unix)]
            Stream::Unix(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = match &mut self.stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_write(cx, bytes),
            #[cfg(unix)]
            Stream::Unix(stream) => Pin::new(stream).poll_write(cx, bytes),
        };
        self.count(outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = match &mut self.stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            #[cfg(unix)]
            Stream::Unix(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
        };
        self.count(outcome)
    }

    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Stream::Tcp(stream) => stream.is_write_vectored(),
            #[cfg(unix)]
            Stream::Unix(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            #[cfg(unix)]
            Stream::Unix(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            #[cfg(unix)]
            Stream::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

/// A socket with several handles, of which one at a time is used.
#[derive(Clone)]
pub(crate) struct SharedWire(Arc<Mutex<Wire>>);

impl SharedWire {
    fn with<T>(&self, poll: impl FnOnce(Pin<&mut Wire>) -> T) -> T {
        let mut wire = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        poll(Pin::new(&mut *wire))
    }
}

impl AsyncRead for SharedWire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.with(|wire| wire.poll_read(cx, buffer))
    }
}

impl AsyncWrite for SharedWire {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.with(|wire| wire.poll_write(cx, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.with(|wire| wire.poll_flush(cx))
    }

    /// Leaves it open until it is dropped: PgBouncer forgets a cancel request whose sender has closed its side.
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
