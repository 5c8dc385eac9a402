//! What stands beside every statement of a `Db`: who records it, and what it may not do.

use std::sync::Arc;

use shelfmark_core::{Call, Result};

use super::recording::{Recorded, Recorder, Step};
use super::strict::Watch;

/// What a handle's statements are told to before they are sent. Cheap to clone.
///
/// All handles of one opened database share the recorder; strictness belongs to the handle it was asked on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Observer {
    pub(super) recorder: Arc<Recorder>,
    pub(super) watch: Option<Arc<Watch>>,
}

impl Observer {
    /// Notes a statement that is about to be sent, or refuses it when the handle is strict and it oversteps.
    pub(crate) fn statement(&self, call: &Call<'_>, in_transaction: bool) -> Result<()> {
        if let Some(watch) = &self.watch {
            watch.admit(call, in_transaction)?;
        }
        self.recorder.note(|| {
            Step::Statement(Recorded {
                method: call.method,
                sql: Arc::clone(&call.sql),
                access: call.access,
                in_transaction,
            })
        });
        Ok(())
    }

    /// Whether nobody is to be told of a statement, and none is refused.
    pub(crate) fn is_idle(&self) -> bool {
        self.watch.is_none() && self.recorder.is_idle()
    }

    /// Notes a step of a transaction, which is no statement.
    pub(crate) fn step(&self, step: Step) {
        self.recorder.note(|| step);
    }
}
