//! What of a request's body nobody wanted to read.
//!
//! A server that answers and closes while the client is still sending loses its answer: the client's system throws it
//! away with the reset. So the rest is read and thrown away, as far as that is reasonable.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;
use tokio::sync::oneshot;

/// How much is thrown away; whoever sends more may find the connection closed.
const MOST_BYTES: usize = 16 << 20;

/// How long is waited for it.
const LONGEST: Duration = Duration::from_secs(5);

/// Reads the rest of a body and throws it away, within bounds.
pub(crate) async fn discard(mut body: Body) {
    let read = async {
        let mut bytes = 0;
        while let Some(Ok(frame)) = body.frame().await {
            bytes += frame.data_ref().map_or(0, Bytes::len);
            if bytes > MOST_BYTES {
                break;
            }
        }
    };
    // The time being up is as good an end as any.
    drop(tokio::time::timeout(LONGEST, read).await);
}

/// A body that comes back to the one who lent it when its reader drops it.
pub(crate) struct GivenBack {
    body: Body,
    owner: Option<oneshot::Sender<Body>>,
}

impl GivenBack {
    /// The body for its reader, and where it comes back to.
    pub(crate) fn lend(body: Body) -> (Self, oneshot::Receiver<Body>) {
        let (owner, left) = oneshot::channel();
        let lent = GivenBack {
            body,
            owner: Some(owner),
        };
        (lent, left)
    }
}

impl Drop for GivenBack {
    fn drop(&mut self) {
        if let Some(owner) = self.owner.take() {
            // An owner that is gone does not want it.
            drop(owner.send(std::mem::take(&mut self.body)));
        }
    }
}

impl http_body::Body for GivenBack {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
