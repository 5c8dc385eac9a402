//! The order in which two transactions are meant to meet, where locks allow it.

use std::time::Duration;

use tokio::sync::watch;

/// How long a transaction waits for a step that the other one may be kept from by a lock.
const PATIENCE: Duration = Duration::from_millis(150);

/// Numbered steps that concurrent transactions tell each other of.
///
/// A wait ends when the step was reached or cannot be reached soon: one engine lets both transactions go on, another
/// has the second wait for the end of the first. So a case asserts the outcome and never the interleaving.
#[derive(Debug)]
pub struct Steps(watch::Sender<u32>);

impl Steps {
    /// No step was reached.
    #[must_use]
    pub fn new() -> Steps {
        Steps(watch::Sender::new(0))
    }

    /// Says that `step` and all before it were reached.
    pub fn reach(&self, step: u32) {
        self.0.send_modify(|reached| *reached = step.max(*reached));
    }

    /// Waits for `step`, with a bound.
    ///
    /// # Cancel safety
    /// May be dropped at any time.
    pub async fn until(&self, step: u32) {
        let mut reached = self.0.subscribe();
        let _ = tokio::time::timeout(PATIENCE, reached.wait_for(|now| *now >= step)).await;
    }
}

impl Default for Steps {
    fn default() -> Self {
        Steps::new()
    }
}
