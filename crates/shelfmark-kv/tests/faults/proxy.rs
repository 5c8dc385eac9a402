//! A proxy before a real server that can be slow, stop in its tracks, or hang up.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What happens to the bytes of the connections there are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Mode {
    /// They pass.
    Pass,
    /// The server's answers wait for so long.
    Late(Duration),
    /// The server's answers stay where they are, as with a reader that has no time.
    Unread,
    /// Connections that are made now are ended at once, and so are those there are.
    HangUp,
}

pub(crate) struct Proxy {
    port: u16,
    mode: watch::Sender<Mode>,
    accepted: Arc<AtomicU32>,
    /// Connections with a number below this one are dead: nothing passes, and nobody is told.
    dead_below: watch::Sender<u32>,
    task: JoinHandle<()>,
}

impl Proxy {
    pub(crate) async fn before(port: u16) -> anyhow::Result<Proxy> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let proxy_port = listener.local_addr()?.port();
        let mode = watch::Sender::new(Mode::Pass);
        let dead_below = watch::Sender::new(0);
        let accepted = Arc::new(AtomicU32::new(0));
        let task = tokio::spawn({
            let (mode, dead, accepted) = (mode.clone(), dead_below.clone(), accepted.clone());
            async move {
                while let Ok((client, _)) = listener.accept().await {
                    let number = accepted.fetch_add(1, SeqCst);
                    if *mode.borrow() == Mode::HangUp {
                        continue;
                    }
                    let (mode, dead) = (mode.subscribe(), dead.subscribe());
                    tokio::spawn(connection(client, port, number, mode, dead));
                }
            }
        });
        Ok(Proxy {
            port: proxy_port,
            mode,
            accepted,
            dead_below,
            task,
        })
    }

    /// `url` with our port in place of the server's.
    pub(crate) fn url(&self, url: &str) -> String {
        let (start, _) = url.rsplit_once(':').unwrap();
        format!("{start}:{}", self.port)
    }

    pub(crate) fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }

    /// Lets the connections there are go silent, as when a machine loses its power; new ones work.
    pub(crate) fn cut_power(&self) {
        self.dead_below.send_replace(self.accepted.load(SeqCst));
    }

    pub(crate) fn accepted(&self) -> u32 {
        self.accepted.load(SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn connection(
    mut client: TcpStream,
    port: u16,
    number: u32,
    mut mode: watch::Receiver<Mode>,
    mut dead: watch::Receiver<u32>,
) {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let Ok(mut server) = TcpStream::connect(address).await else {
        return;
    };
    let (mut up, mut down) = ([0; 16 * 1024], [0; 16 * 1024]);
    loop {
        let is_dead = *dead.borrow_and_update() > number;
        let now = *mode.borrow_and_update();
        if now == Mode::HangUp {
            return;
        }
        tokio::select! {
            read = client.read(&mut up), if !is_dead => match read {
                Ok(length) if length > 0 && server.write_all(&up[..length]).await.is_ok() => {}
                _ => return,
            },
            read = server.read(&mut down), if !is_dead && now != Mode::Unread => match read {
                Ok(length) if length > 0 => {
                    if let Mode::Late(delay) = now {
                        tokio::time::sleep(delay).await;
                    }
                    if client.write_all(&down[..length]).await.is_err() {
                        return;
                    }
                }
                _ => return,
            },
            changed = mode.changed() => if changed.is_err() { return },
            changed = dead.changed() => if changed.is_err() { return },
        }
    }
}
