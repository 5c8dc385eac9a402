//! A network on which an answer takes its time, and that counts how often a client had to wait for one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

/// A client that has sent nothing for so long waits for an answer, and gets what the server has said.
pub(crate) const DELAY: Duration = Duration::from_millis(20);

/// A proxy on a free port.
pub(crate) struct Network {
    pub(crate) port: u16,
    waits: Arc<AtomicU64>,
    accepting: JoinHandle<()>,
}

impl Network {
    pub(crate) async fn before(host: String, port: u16) -> anyhow::Result<Network> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let own = listener.local_addr()?.port();
        let waits = Arc::new(AtomicU64::new(0));
        let shared = Arc::clone(&waits);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (host, waits) = (host.clone(), Arc::clone(&shared));
                tokio::spawn(async move {
                    if let Ok(server) = TcpStream::connect((host, port)).await {
                        let _ = pass(client, server, &waits).await;
                    }
                });
            }
        });
        Ok(Network {
            port: own,
            waits,
            accepting,
        })
    }

    /// How often a client has waited so far.
    pub(crate) fn waits(&self) -> u64 {
        self.waits.load(Ordering::SeqCst)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn pass(
    mut client: TcpStream,
    mut server: TcpStream,
    waits: &AtomicU64,
) -> std::io::Result<()> {
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (mut up, mut down) = ([0; 65536], [0; 65536]);
    let mut held = Vec::new();
    let mut asked: Option<Instant> = None;
    loop {
        let release = asked.unwrap_or_else(Instant::now) + DELAY;
        tokio::select! {
            read = client.read(&mut up) => {
                let read = read?;
                if read == 0 {
                    return Ok(());
                }
                server.write_all(&up[..read]).await?;
                // All that the client says without an answer belongs to one round trip.
                asked = Some(Instant::now());
            }
            read = server.read(&mut down) => {
                let read = read?;
                if read == 0 {
                    return Ok(());
                }
                held.extend_from_slice(&down[..read]);
                if asked.is_none() {
                    client.write_all(&held).await?;
                    held.clear();
                }
            }
            () = sleep_until(release), if asked.is_some() && !held.is_empty() => {
                asked = None;
                waits.fetch_add(1, Ordering::SeqCst);
                client.write_all(&held).await?;
                held.clear();
            }
        }
    }
}
