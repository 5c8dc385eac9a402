//! Stopping a statement on the server, so that it is certain afterwards that no cancel is still under way.
//!
//! A cancel request travels over a connection of its own and hits whatever its target runs when it arrives. The
//! server closes that connection after it has signalled the target; so the end of the stream is awaited, and only
//! then does the target get its next statement. A signal that was sent is seen before the next message is read, and
//! one that comes while no statement runs is dropped by the server.

use std::pin::pin;
use std::time::Duration;

use tokio::time::timeout;

use crate::connection::Connection;

/// Most dropped calls are about to end anyway; so long they get before a cancel request is sent.
const GRACE: Duration = Duration::from_millis(5);
/// So long a cancel request may take, and so long a stopped statement to end.
const LIMIT: Duration = Duration::from_secs(1);

/// Stops what runs on the connection. True when nothing of ours runs any more and no cancel is under way; else the
/// connection must be closed.
pub(crate) async fn settle(connection: &Connection) -> bool {
    // Answered once all that was sent before it has been answered.
    let mut marker = pin!(connection.drive(connection.client().check_connection()));
    if let Ok(answer) = timeout(GRACE, &mut marker).await {
        return answer.is_ok();
    }
    if !matches!(timeout(LIMIT, connection.cancel()).await, Ok(Ok(()))) {
        return false;
    }
    matches!(timeout(LIMIT, marker).await, Ok(Ok(())))
}
