//! The flights of some of the keys, and the order in which those who ask for them begin.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Flight, Ticket};

/// Locked for moments only. A flight's own lock is taken inside of its shard's, never the other way round.
#[derive(Default)]
pub(super) struct Shard {
    /// By key. Those of one key are of several types, or there are several since one has failed.
    flights: HashMap<Arc<str>, Vec<Arc<Flight>>>,
    tickets: u64,
}

impl Shard {
    pub(super) fn ticket(&mut self) -> Ticket {
        self.tickets += 1;
        Ticket(self.tickets)
    }

    /// All that are attached under the key, the oldest first.
    pub(super) fn of(&self, key: &str) -> &[Arc<Flight>] {
        self.flights.get(key).map_or(&[], Vec::as_slice)
    }

    pub(super) fn has(&self, flight: &Arc<Flight>) -> bool {
        let mut attached = self.of(&flight.key).iter();
        attached.any(|attached| Arc::ptr_eq(attached, flight))
    }

    pub(super) fn attach(&mut self, flight: Arc<Flight>) {
        let key = flight.key.clone();
        self.flights.entry(key).or_default().push(flight);
    }

    /// Forgets the flight, and answers whether it was attached.
    pub(super) fn forget(&mut self, flight: &Arc<Flight>) -> bool {
        let Some(attached) = self.flights.get_mut(&flight.key) else {
            return false;
        };
        let all = attached.len();
        attached.retain(|attached| !Arc::ptr_eq(attached, flight));
        let was_attached = attached.len() < all;
        if attached.is_empty() {
            self.flights.remove(&flight.key);
        }
        was_attached
    }

    /// Forgets all of the key, and answers them.
    pub(super) fn take(&mut self, key: &str) -> Vec<Arc<Flight>> {
        if self.flights.is_empty() {
            return Vec::new();
        }
        self.flights.remove(key).unwrap_or_default()
    }
}
