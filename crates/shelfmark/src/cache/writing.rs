//! One write that makes values outdated: announced before it is done, and evicted before anyone is told that it is.

use std::sync::Arc;

use shelfmark_core::cache::Evictions;
use shelfmark_core::{Error, ErrorKind, Result};

use super::attached::Attached;

/// A write that is about to be done. Dropped before [`ended`](Writing::ended), it evicts in the background: the write may
/// have been done.
pub(crate) struct Writing {
    attached: Arc<Attached>,
    /// Taken once they are done.
    evictions: Option<Evictions>,
}

impl Writing {
    /// A write whose values have not been announced.
    pub(crate) fn begun(attached: &Arc<Attached>, evictions: Evictions) -> Self {
        Writing {
            attached: Arc::clone(attached),
            evictions: Some(evictions),
        }
    }

    /// A write whose values are not stored again from now on until it has ended.
    ///
    /// # Cancel safety
    /// The announcement is lifted.
    pub(crate) async fn announced(attached: &Arc<Attached>, evictions: Evictions) -> Self {
        let writing = Writing::begun(attached, evictions);
        if let Some(evictions) = &writing.evictions {
            attached.cache().announce(evictions).await;
        }
        writing
    }

    /// Evicts, also when the write `failed`: an error may hide that it was done, and what was announced has to be lifted in
    /// any case.
    pub(crate) async fn ended(mut self, failed: Option<ErrorKind>) {
        if let Some(evictions) = &self.evictions {
            self.attached.cache().evict(evictions).await;
        }
        // Not before: a caller that goes away meanwhile leaves the rest to the drop.
        let evictions = self.evictions.take();
        if let (Some(evictions), true) = (evictions, failed.is_some_and(may_be_done)) {
            self.attached.evict_again(evictions);
        }
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        if let Some(evictions) = self.evictions.take() {
            let cache = self.attached.cache();
            cache.evict_in_background(evictions.clone());
            self.attached.evict_again(evictions);
        }
    }
}

/// How a write failed, if it did.
pub(crate) fn failure<T>(answer: &Result<T>) -> Option<ErrorKind> {
    answer.as_ref().err().map(Error::kind)
}

/// Whether a write that failed like this may be done a moment later.
fn may_be_done(failed: ErrorKind) -> bool {
    matches!(
        failed,
        ErrorKind::CommitUnknown | ErrorKind::Connection | ErrorKind::Timeout
    )
}
