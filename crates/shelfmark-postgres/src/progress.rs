//! How far the primary had come at which time, and with that, how late a replica is.
//!
//! The servers' clocks are not compared, and neither is the time of the last commit, which says nothing while nobody
//! writes: a replica is as late as the first position of the primary that it has not reached.

use std::collections::VecDeque;
use std::time::Duration;

use shelfmark_core::Position;
use tokio::time::Instant;

use crate::report::{Identity, Report};

/// So many positions are kept at most, over twice the time that a replica may be late.
const MOST_SAMPLES: u32 = 256;

/// What is known of the primary.
#[derive(Debug)]
pub(crate) struct Progress {
    /// Positions older than this are forgotten: who has not reached them is too late in any case.
    horizon: Duration,
    identity: Option<Identity>,
    timeline: u32,
    /// Bytes of the log, and when they were first known to be written; both grow.
    samples: VecDeque<(u64, Instant)>,
    /// When the question was asked that was answered last. While the primary is away, nobody becomes later.
    asked: Option<Instant>,
}

impl Progress {
    /// Nothing yet, of a primary whose replicas may be late by `max_lag`.
    pub(crate) fn new(max_lag: Duration) -> Self {
        Progress {
            horizon: max_lag * 2,
            identity: None,
            timeline: 0,
            samples: VecDeque::new(),
            asked: None,
        }
    }

    /// Notes what the primary has answered to a question of that time.
    pub(crate) fn note(&mut self, report: &Report, asked: Instant) {
        let (timeline, log) = (report.position.timeline(), report.position.log());
        // Another log; or the same one, of which a crash has taken the end.
        let is_another = self.identity != Some(report.identity) || self.timeline != timeline;
        if is_another || self.samples.back().is_some_and(|(last, _)| *last > log) {
            self.samples.clear();
        }
        self.identity = Some(report.identity);
        self.timeline = timeline;
        self.asked = Some(asked);
        let is_old = |at: Instant| asked.saturating_duration_since(at) > self.horizon;
        // The oldest stays, so that whoever is late stays late.
        while self.samples.get(1).is_some_and(|(_, at)| is_old(*at)) {
            self.samples.pop_front();
        }
        let gap = self.horizon / MOST_SAMPLES;
        let is_told = self
            .samples
            .back()
            .is_some_and(|(last, at)| *last == log || asked.saturating_duration_since(*at) < gap);
        if is_told {
            return;
        }
        self.samples.push_back((log, asked));
    }

    /// Which database it is, once it has answered.
    pub(crate) fn identity(&self) -> Option<Identity> {
        self.identity
    }

    /// Which log it writes.
    pub(crate) fn timeline(&self) -> u32 {
        self.timeline
    }

    /// How late a replica of the same log is that has come to `position`.
    pub(crate) fn lag(&self, position: &Position) -> Duration {
        let reached = self
            .samples
            .partition_point(|(log, _)| *log <= position.log());
        match (self.samples.get(reached), self.asked) {
            (Some((_, written)), Some(asked)) => asked.saturating_duration_since(*written),
            _ => Duration::ZERO,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::report;

    const SECOND: Duration = Duration::from_secs(1);

    fn at(log: u64) -> Position {
        Position::new(1, log)
    }

    #[test]
    fn a_replica_is_as_late_as_what_it_has_not_reached() {
        let begun = Instant::now();
        let mut progress = Progress::new(SECOND * 10);
        for second in 0..10 {
            let log = 100 * u64::from(second);
            progress.note(&report(1, log), begun + SECOND * second);
        }
        assert_eq!(progress.lag(&at(900)), Duration::ZERO);
        assert_eq!(progress.lag(&at(1_000)), Duration::ZERO);
        assert_eq!(progress.lag(&at(899)), Duration::ZERO);
        assert_eq!(progress.lag(&at(700)), SECOND);
        assert_eq!(progress.lag(&at(0)), SECOND * 8);
    }

    #[test]
    fn nobody_becomes_late_while_nobody_writes_or_the_primary_is_away() {
        let begun = Instant::now();
        let mut progress = Progress::new(SECOND * 60);
        assert_eq!(progress.lag(&at(0)), Duration::ZERO);
        for second in 0..100 {
            progress.note(&report(1, 100), begun + SECOND * second);
        }
        assert_eq!(progress.lag(&at(100)), Duration::ZERO);
        assert_eq!(progress.lag(&at(99)), SECOND * 99);
        progress.note(&report(1, 200), begun + SECOND * 100);
        assert_eq!(progress.lag(&at(100)), Duration::ZERO);
    }

    #[test]
    fn a_long_history_is_bounded_and_late_replicas_stay_late() {
        for max_lag in [SECOND, SECOND * 10, SECOND * 3_600] {
            let begun = Instant::now();
            let mut progress = Progress::new(max_lag);
            let seconds = 20_000;
            for second in 0..=seconds {
                progress.note(&report(1, u64::from(second)), begun + SECOND * second);
            }
            // Those at both ends count as well.
            assert!(progress.samples.len() <= MOST_SAMPLES as usize + 2);
            let close = max_lag / 100 + SECOND;
            let late_by = |lag: Duration| {
                let log = u64::from(seconds) - lag.as_secs();
                progress.lag(&at(log))
            };
            assert!(late_by(max_lag) <= max_lag);
            assert!(late_by(max_lag) + close >= max_lag);
            assert!(late_by(max_lag + close * 2) > max_lag);
            assert!(progress.lag(&at(0)) > max_lag);
            assert_eq!(progress.lag(&at(u64::from(seconds))), Duration::ZERO);
        }
    }

    #[test]
    fn another_log_begins_a_new_history() {
        let begun = Instant::now();
        let mut progress = Progress::new(SECOND * 10);
        progress.note(&report(1, 100), begun);
        progress.note(&report(2, 50), begun + SECOND);
        assert_eq!(progress.timeline(), 2);
        assert_eq!(progress.lag(&at(50)), Duration::ZERO);
        // A crash has taken the end of the log.
        progress.note(&report(2, 40), begun + SECOND * 2);
        assert_eq!(progress.lag(&at(40)), Duration::ZERO);
    }
}
