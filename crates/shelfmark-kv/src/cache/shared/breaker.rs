//! The breaker: while Redis does not answer, the cache does not ask, so that it costs its callers no deadline each.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// So many failures in a row open it.
const FAILURES: u32 = 3;
/// How long it does not ask, at first and at most. So a server that is back is used within a second.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

#[derive(Debug, Default)]
pub(super) struct Breaker {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// In a row.
    failures: u32,
    /// Set while it is open.
    open: Option<Open>,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    until: Instant,
    pause: Duration,
    /// One asks whether it works again.
    is_probed: bool,
}

/// Leave to ask. One that is dropped without an outcome, because its caller was, says nothing.
#[derive(Debug)]
#[must_use = "say whether it succeeded"]
pub(super) struct Permit<'a> {
    breaker: &'a Breaker,
    is_probe: bool,
}

impl Breaker {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leave to ask, if there is any.
    pub(super) fn permit(&self) -> Option<Permit<'_>> {
        let mut state = self.lock();
        let is_probe = match &mut state.open {
            None => false,
            Some(open) if open.is_probed || Instant::now() < open.until => return None,
            Some(open) => {
                open.is_probed = true;
                true
            }
        };
        Some(Permit {
            breaker: self,
            is_probe,
        })
    }

    /// It works.
    pub(super) fn close(&self) {
        *self.lock() = State::default();
    }
}

impl Permit<'_> {
    pub(super) fn succeeded(self) {
        self.breaker.close();
    }

    pub(super) fn failed(self) {
        let mut state = self.breaker.lock();
        let state = &mut *state;
        state.failures = state.failures.saturating_add(1);
        match &mut state.open {
            None if state.failures >= FAILURES => {
                state.open = Some(Open {
                    until: Instant::now() + FIRST_PAUSE,
                    pause: FIRST_PAUSE,
                    is_probed: false,
                });
            }
            // Those that were on their way when it opened change nothing.
            Some(open) if self.is_probe => {
                open.pause = (open.pause * 2).min(LONGEST_PAUSE);
                open.until = Instant::now() + open.pause;
            }
            _ => {}
        }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if self.is_probe
            && let Some(open) = &mut self.breaker.lock().open
        {
            open.is_probed = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fail(breaker: &Breaker) -> bool {
        breaker.permit().map(Permit::failed).is_some()
    }

    #[tokio::test(start_paused = true)]
    async fn three_failures_in_a_row_open_it_and_one_probe_at_a_time_is_let_through() {
        let breaker = Breaker::default();
        assert!(fail(&breaker) && fail(&breaker));
        breaker.permit().unwrap().succeeded();
        assert!(fail(&breaker) && fail(&breaker) && fail(&breaker));
        for pause_ms in [100, 200, 400, 500, 500] {
            tokio::time::advance(Duration::from_millis(pause_ms - 1)).await;
            assert!(breaker.permit().is_none(), "{pause_ms}");
            tokio::time::advance(Duration::from_millis(1)).await;
            let probe = breaker.permit().unwrap();
            assert!(breaker.permit().is_none(), "{pause_ms}");
            probe.failed();
        }
        tokio::time::advance(Duration::from_millis(500)).await;
        breaker.permit().unwrap().succeeded();
        let both = (breaker.permit(), breaker.permit());
        assert!(both.0.is_some() && both.1.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_whose_caller_went_away_makes_room_for_the_next() {
        let breaker = Breaker::default();
        assert!(fail(&breaker) && fail(&breaker) && fail(&breaker));
        tokio::time::advance(FIRST_PAUSE).await;
        drop(breaker.permit().unwrap());
        assert!(breaker.permit().is_some());
    }
}
