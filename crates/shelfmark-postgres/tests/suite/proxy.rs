//! A proxy in front of the server that loses the COMMIT of a client, at one of three places.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What is lost of a COMMIT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// The answer: the server has committed.
    Answer,
    /// The request, and the server sees the connection end.
    Request,
    /// The request, and the server does not see the connection end.
    RequestUnnoticed,
}

/// A proxy on a free port.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    armed: Arc<AtomicBool>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    pub(crate) async fn start(server: (String, u16), loss: Loss) -> anyhow::Result<Proxy> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let armed = Arc::new(AtomicBool::new(false));
        let shared = Arc::clone(&armed);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (server, armed) = (server.clone(), Arc::clone(&shared));
                tokio::spawn(async move {
                    if let Ok(server) = TcpStream::connect(server).await {
                        let _ = pass(client, server, loss, armed).await;
                    }
                });
            }
        });
        Ok(Proxy {
            port,
            armed,
            accepting,
        })
    }

    /// Nobody listens any more; connections that exist go on.
    pub(crate) async fn refuse_new(&self) -> anyhow::Result<()> {
        self.accepting.abort();
        while TcpStream::connect(("127.0.0.1", self.port)).await.is_ok() {
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// The next COMMIT is lost.
    pub(crate) fn arm(&self) {
        self.armed.store(true, Ordering::SeqCst);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn pass(
    mut client: TcpStream,
    mut server: TcpStream,
    loss: Loss,
    armed: Arc<AtomicBool>,
) -> std::io::Result<()> {
    let (mut up, mut down) = ([0; 65536], [0; 65536]);
    loop {
        tokio::select! {
            read = client.read(&mut up) => {
                let bytes = &up[..read?];
                if bytes.is_empty() {
                    return Ok(());
                }
                let commits = bytes.windows(6).any(|window| window == b"COMMIT");
                if commits && armed.swap(false, Ordering::SeqCst) {
                    match loss {
                        Loss::Request => return Ok(()),
                        Loss::RequestUnnoticed => {
                            drop(client);
                            // Until the server itself ends the session.
                            while server.read(&mut down).await? > 0 {}
                            return Ok(());
                        }
                        Loss::Answer => {
                            server.write_all(bytes).await?;
                            let _ = server.read(&mut down).await?;
                            return Ok(());
                        }
                    }
                }
                server.write_all(bytes).await?;
            }
            read = server.read(&mut down) => {
                let bytes = &down[..read?];
                if bytes.is_empty() {
                    return Ok(());
                }
                client.write_all(bytes).await?;
            }
        }
    }
}
