//! COMMIT, and what is dropped from the cache by it before anyone is told.

use std::sync::Arc;
use std::time::Duration;

use shelfmark_core::cache::Evictions;
use shelfmark_core::{Error, ErrorKind, Result, Session};

use crate::cache::{Attached, Writing, failure};
use crate::direct::Limits;

/// What the outer deadline of a commit leaves to the engine's own.
const COMMIT_GRACE: Duration = Duration::from_secs(5);

/// Commits, and drops from the cache what that makes outdated.
///
/// Other instances are told by the last statement, which belongs to the transaction. The values are announced when nothing
/// but COMMIT is left to be sent, and evicted whatever it answers, before this does.
///
/// # Errors
/// What the last statement or COMMIT fails with.
///
/// # Cancel safety
/// Dropped before COMMIT was sent, nothing is committed. Dropped later, the transaction may be committed, and its values
/// are evicted in the background.
pub(crate) async fn commit_evicting(
    session: &dyn Session,
    limits: &Limits,
    outdated: Option<(&Arc<Attached>, &Evictions)>,
) -> Result<()> {
    let Some((attached, evictions)) = outdated.filter(|(_, evictions)| !evictions.is_empty())
    else {
        return commit(session, limits).await;
    };
    attached.tell(session, limits, evictions).await?;
    let writing = Writing::announced(attached, evictions.clone()).await;
    let answer = commit(session, limits).await;
    writing.ended(failure(&answer)).await;
    answer
}

/// Commits. The engine has a deadline of its own for the answer and then finds out, over another connection, what became
/// of the transaction; this one is for an engine that does neither.
async fn commit(session: &dyn Session, limits: &Limits) -> Result<()> {
    let within = limits.statement_timeout + limits.acquire_timeout + COMMIT_GRACE;
    tokio::time::timeout(within, session.commit())
        .await
        .unwrap_or_else(|_| {
            Err(Error::new(ErrorKind::CommitUnknown).with_detail(format!(
                "COMMIT was not answered within {}ms; the transaction may or may not be committed",
                within.as_millis()
            )))
        })
}
