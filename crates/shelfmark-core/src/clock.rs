//! What time it is: the system's, or one that a test sets.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp, TimestampRound, Unit};

/// Where `#[created_at]`, `#[updated_at]` and `#[deleted_at]` get the time from. Cheap to clone.
///
/// ```
/// use shelfmark_core::Clock;
///
/// let clock = Clock::set_to("2024-02-29T12:00:00Z".parse().unwrap());
/// clock.advance(std::time::Duration::from_secs(90));
/// assert_eq!(clock.now().to_string(), "2024-02-29T12:01:30Z");
/// ```
#[derive(Clone)]
pub struct Clock(Kind);

#[derive(Clone)]
enum Kind {
    System,
    /// Locked for moments only.
    Set(Arc<Mutex<Timestamp>>),
}

impl Clock {
    /// The clock of the machine.
    #[must_use]
    pub const fn system() -> Clock {
        Clock(Kind::System)
    }

    /// A clock that stands still at `time` until it is [advanced](Clock::advance). Its clones are the same clock.
    #[must_use]
    pub fn set_to(time: Timestamp) -> Clock {
        Clock(Kind::Set(Arc::new(Mutex::new(time))))
    }

    /// The time, in whole microseconds: both engines keep no more.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let now = match &self.0 {
            Kind::System => Timestamp::now(),
            Kind::Set(time) => *time.lock().unwrap_or_else(PoisonError::into_inner),
        };
        let down = TimestampRound::new()
            .smallest(Unit::Microsecond)
            .mode(jiff::RoundMode::Trunc);
        now.round(down).unwrap_or(now)
    }

    /// Moves a clock that was [set](Clock::set_to) forward, at most to the last time there is. The system's clock takes
    /// no notice.
    pub fn advance(&self, by: std::time::Duration) {
        if let Kind::Set(time) = &self.0 {
            let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
            let mut time = time.lock().unwrap_or_else(PoisonError::into_inner);
            *time = time.saturating_add(by).unwrap_or(Timestamp::MAX);
        }
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.0 {
            Kind::System => "system",
            Kind::Set(_) => "set",
        };
        write!(f, "Clock({kind}, {})", self.now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_has_no_more_than_microseconds() {
        let clock = Clock::set_to(Timestamp::constant(0, 1_999));
        assert_eq!(clock.now(), Timestamp::constant(0, 1_000));
        assert_eq!(Clock::system().now().subsec_nanosecond() % 1_000, 0);
    }

    #[test]
    fn clones_of_a_set_clock_are_one_clock() {
        let clock = Clock::set_to(Timestamp::UNIX_EPOCH);
        clock.clone().advance(std::time::Duration::from_secs(3));
        assert_eq!(clock.now(), Timestamp::constant(3, 0));
        clock.advance(std::time::Duration::MAX);
        assert_eq!(clock.now().as_second(), Timestamp::MAX.as_second());
    }
}
