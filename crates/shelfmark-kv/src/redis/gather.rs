//! A stream on which the calls of many tasks go out in one piece.
//!
//! The driver's task writes what it was given and is woken by each call. Answers that come together wake their callers
//! together, the first of them calls again, and the driver would run, and write, before the second one does. So a write lets
//! all tasks that can run go first, once, and takes along what they bring. Where nobody brings anything, as with one
//! caller, that is tried less and less. It waits for no time and for no answer, as the kernel's own gathering would
//! (`TCP_NODELAY` is set).

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// So many writes go out at once, at most, before it is tried again whether others bring anything.
const MOST_AT_ONCE: u32 = 255;

pub(super) struct Gather<S> {
    stream: S,
    turns: Turns,
}

/// Which writes let others go first.
#[derive(Debug, Default)]
struct Turns {
    /// How many bytes there were when the others were let go first.
    held: Option<usize>,
    /// How many writes still go out at once.
    at_once: u32,
    /// How many went out at once the last time.
    in_vain: u32,
}

impl<S> Gather<S> {
    pub(super) fn new(stream: S) -> Gather<S> {
        Gather {
            stream,
            turns: Turns::default(),
        }
    }
}

impl Turns {
    /// Whether a write of so many bytes goes out now. One that does not is asked about again.
    fn is_due(&mut self, bytes: usize) -> bool {
        if self.at_once > 0 {
            self.at_once -= 1;
            return true;
        }
        let Some(before) = self.held.take() else {
            self.held = Some(bytes);
            return false;
        };
        self.in_vain = match bytes > before {
            true => 0,
            false => (self.in_vain * 2 + 1).min(MOST_AT_ONCE),
        };
        self.at_once = self.in_vain;
        true
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Gather<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.turns.is_due(bytes.len()) {
            return Pin::new(&mut self.stream).poll_write(cx, bytes);
        }
        // A task that is woken while it runs comes behind all that wait to run.
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Gather<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::sync::{Barrier, mpsc};

    #[test]
    fn a_write_lets_others_go_first_once_and_less_often_where_they_bring_nothing() {
        let mut turns = Turns::default();
        let mut holds = |brought: usize| {
            let was_held = !turns.is_due(10);
            // Never twice.
            assert!(!was_held || turns.is_due(10 + brought));
            was_held
        };
        // Every one of them, as long as others bring something.
        assert_eq!((0..100).filter(|_| holds(5)).count(), 100);
        // After the first in vain 1 goes out at once, after the next 3, then 7, and so on.
        assert_eq!((0..10_000).filter(|_| holds(0)).count(), 46);
        // Back to every one within so many writes.
        assert!((0..=MOST_AT_ONCE).any(|_| holds(5)));
        assert_eq!((0..100).filter(|_| holds(5)).count(), 100);
    }

    /// Counts what reaches it.
    struct Pieces(Arc<std::sync::Mutex<Vec<usize>>>);

    impl AsyncWrite for Pieces {
        fn poll_write(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.0.lock().unwrap().push(bytes.len());
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test]
    async fn what_many_tasks_send_at_once_goes_out_in_one_piece() {
        const CALLERS: usize = 64;
        let pieces = Arc::default();
        let mut stream = Gather::new(Pieces(Arc::clone(&pieces)));
        let (calls, mut called) = mpsc::unbounded_channel();
        // Woken together, as by answers that come together.
        let go = Arc::new(Barrier::new(CALLERS));
        for _ in 0..CALLERS {
            let (calls, go) = (calls.clone(), go.clone());
            tokio::spawn(async move {
                go.wait().await;
                calls.send(7)
            });
        }
        // As the driver does: what came meanwhile is written along.
        let mut waiting = Vec::new();
        while pieces.lock().unwrap().iter().sum::<usize>() < CALLERS {
            waiting.extend(called.recv().await);
            let write = std::future::poll_fn(|cx| {
                while let Ok(call) = called.try_recv() {
                    waiting.push(call);
                }
                Pin::new(&mut stream).poll_write(cx, &waiting)
            });
            assert_eq!(write.await.unwrap(), waiting.len());
            waiting.clear();
        }
        assert_eq!(*pieces.lock().unwrap(), [CALLERS]);
    }

    #[tokio::test]
    async fn all_bytes_come_through_in_their_order_both_ways() -> io::Result<()> {
        let (near, mut far) = tokio::io::duplex(64);
        let mut near = Gather::new(near);
        let sent: Vec<u8> = (0..10_000_u32).map(|number| number as u8).collect();
        let echo = tokio::spawn(async move {
            let mut buffer = [0; 48];
            loop {
                let count = far.read(&mut buffer).await?;
                if count == 0 {
                    return io::Result::Ok(());
                }
                far.write_all(&buffer[..count]).await?;
            }
        });
        let (mut reading, mut writing) = tokio::io::split(&mut near);
        let mut received = vec![0; sent.len()];
        let write = async {
            writing.write_all(&sent).await?;
            writing.flush().await
        };
        tokio::try_join!(write, reading.read_exact(&mut received))?;
        assert_eq!(received, sent);
        near.shutdown().await?;
        drop(near);
        echo.await?
    }
}
