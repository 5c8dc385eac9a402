//! When a server is to stop, and how long it may take.

use std::fmt;
use std::io;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};

/// How long running requests are given when nothing else is said.
const DEFAULT_GRACE: Duration = Duration::from_secs(10);

/// When [`serve`](crate::serve) is to stop, and how long the requests then running may take to finish.
#[must_use = "nothing stops by itself; pass it to `serve`"]
pub struct Shutdown {
    /// The first item asks for an end, the second for an end at once. Never ends.
    asked: BoxStream<'static, ()>,
    grace: Duration,
}

impl Shutdown {
    /// On Ctrl-C or SIGTERM, which from now on no longer end the process by themselves. A second one cuts off the
    /// requests still running.
    ///
    /// # Errors
    /// When the system does not let signals be caught.
    pub fn on_signals() -> io::Result<Self> {
        let signals = Signals::new()?;
        let asked = stream::unfold(signals, async |mut signals| {
            signals.next().await;
            Some(((), signals))
        });
        Ok(Shutdown::asked_by(asked.boxed()))
    }

    /// When `asked` is ready.
    pub fn when(asked: impl Future<Output = ()> + Send + 'static) -> Self {
        let asked = stream::once(asked).chain(stream::pending());
        Shutdown::asked_by(asked.boxed())
    }

    fn asked_by(asked: BoxStream<'static, ()>) -> Self {
        Shutdown {
            asked,
            grace: DEFAULT_GRACE,
        }
    }

    /// Gives running requests `grace` to finish; 10 s by default.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Waits until somebody asks, or asks again.
    pub(crate) async fn asked(&mut self) {
        if self.asked.next().await.is_none() {
            std::future::pending().await
        }
    }

    /// Waits until the time for running requests is over, which is at once when somebody asks again.
    pub(crate) async fn time_is_up(&mut self) {
        let grace = self.grace;
        tokio::select! {
            () = tokio::time::sleep(grace) => {}
            () = self.asked() => {}
        }
    }
}

impl fmt::Debug for Shutdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shutdown")
            .field("grace", &self.grace)
            .finish_non_exhaustive()
    }
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(windows)]
struct Signals {
    ctrl_c: tokio::signal::windows::CtrlC,
}

#[cfg(windows)]
impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Signals {
            ctrl_c: tokio::signal::windows::ctrl_c()?,
        })
    }

    async fn next(&mut self) {
        self.ctrl_c.recv().await;
    }
}
