//! The place of one who waits for what another one computes.

use std::sync::Arc;
use std::time::Duration;

use shelfmark_core::cache::Stored;
use tokio::time::{Instant, timeout_at};

use super::{Flight, Flights, Phase, Ticket};

/// The place of one who waits. Dropped, he is not waited for when somebody has to take over.
pub(in crate::cache) struct Seat {
    flights: Arc<Flights>,
    flight: Arc<Flight>,
    began: Ticket,
}

/// What came of waiting.
pub(in crate::cache) enum Waited {
    /// The value, and how long it took to compute.
    Given(Stored, Duration),
    /// Whoever computed has no value for us: look again, and perhaps compute.
    Again,
    /// Whoever computed has failed: as [`Again`](Waited::Again), and we have waited in vain.
    Failed,
    /// Nobody had one in time.
    Late,
}

impl Seat {
    pub(super) fn new(flights: Arc<Flights>, flight: Arc<Flight>, began: Ticket) -> Seat {
        Seat {
            flights,
            flight,
            began,
        }
    }

    /// Waits until somebody has a value, or it is our turn to compute one.
    pub(in crate::cache) async fn wait(self, deadline: Instant) -> Waited {
        loop {
            let rung = self.flight.bell.notified();
            tokio::pin!(rung);
            // From here on no ring is missed.
            rung.as_mut().enable();
            match &self.flight.state().phase {
                Phase::Led => {}
                Phase::Leaderless | Phase::Gone => return Waited::Again,
                Phase::Failed => return Waited::Failed,
                Phase::Landed(landed) if self.began <= landed.valid_at => {
                    return Waited::Given(landed.value.clone(), landed.cost);
                }
                Phase::Landed(_) => return Waited::Again,
            }
            if timeout_at(deadline, rung).await.is_err() {
                return Waited::Late;
            }
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let leaderless = {
            let mut state = self.flight.state();
            state.waiters -= 1;
            state.waiters == 0 && matches!(state.phase, Phase::Leaderless)
        };
        if !leaderless {
            return;
        }
        // Nobody is left to take over. Somebody may have come since.
        let mut shard = self.flights.shard(&self.flight.key);
        let state = self.flight.state();
        if state.waiters == 0 && matches!(state.phase, Phase::Leaderless) {
            shard.forget(&self.flight);
        }
    }
}
