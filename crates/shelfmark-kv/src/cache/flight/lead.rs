//! The right to compute.

use std::sync::Arc;
use std::time::Duration;

use shelfmark_core::cache::Stored;

use super::super::tags::Tagged;
use super::{Before, Flight, Flights, Landed, Phase, Ticket};

/// The right to compute the value of a key, and the duty to tell those who wait. Dropped without a value, the next who
/// waits takes over.
pub(in crate::cache) struct Lead {
    flights: Arc<Flights>,
    /// `None` once it ended.
    flight: Option<Arc<Flight>>,
    /// Before anything was computed.
    began: Ticket,
}

impl Lead {
    pub(super) fn new(flights: Arc<Flights>, flight: Arc<Flight>, began: Ticket) -> Lead {
        Lead {
            flights,
            flight: Some(flight),
            began,
        }
    }

    /// Before anything was computed.
    pub(in crate::cache) fn began(&self) -> Ticket {
        self.began
    }

    /// A ticket of now.
    pub(in crate::cache) fn now(&self) -> Ticket {
        let flight = self.flight.as_ref();
        // It is there until it ends, which takes the lead away.
        flight.map_or(self.began, |flight| {
            self.flights.shard(&flight.key).ticket()
        })
    }

    /// Ends the flight with a value. `store` is told how things were before it was computed and whether they still are, and
    /// answers since when the value is valid. Nobody else can do anything with the key meanwhile.
    pub(in crate::cache) fn land(
        mut self,
        value: Stored,
        cost: Duration,
        store: impl FnOnce(&Arc<str>, Before, bool) -> Ticket,
    ) {
        let Some(flight) = self.flight.take() else {
            return;
        };
        let mut shard = self.flights.shard(&flight.key);
        let attached = shard.forget(&flight);
        let before = {
            let mut state = flight.state();
            let nothing = Before {
                epoch: 0,
                tags: Tagged::default(),
            };
            std::mem::replace(&mut state.before, nothing)
        };
        let current = attached && self.flights.is_current(&before);
        let valid_at = store(&flight.key, before, current);
        flight.state().phase = Phase::Landed(Landed {
            value,
            cost,
            valid_at,
        });
        drop(shard);
        flight.bell.notify_waiters();
    }

    /// Ends the flight with an error. All who wait are told: what has failed once may fail again, and if one took over
    /// after the other, the last would wait for as many computations as there are callers.
    pub(in crate::cache) fn failed(mut self) {
        if let Some(flight) = self.flight.take() {
            let mut shard = self.flights.shard(&flight.key);
            shard.forget(&flight);
            flight.state().phase = Phase::Failed;
            drop(shard);
            flight.bell.notify_waiters();
        }
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        let Some(flight) = self.flight.take() else {
            return;
        };
        let mut shard = self.flights.shard(&flight.key);
        let attached = shard.has(&flight);
        let mut state = flight.state();
        if attached && state.waiters > 0 {
            state.phase = Phase::Leaderless;
            drop(state);
            drop(shard);
            // One is enough: that he was dropped says nothing of what he computed.
            flight.bell.notify_one();
            return;
        }
        state.phase = Phase::Gone;
        drop(state);
        shard.forget(&flight);
        drop(shard);
        flight.bell.notify_waiters();
    }
}
