//! The errors that both engines answer, in the same words.

use std::fmt;
use std::time::Duration;

use shelfmark_core::{Error, ErrorKind};

use crate::limits::invalid;

/// The cause of an error after which nobody knows whether the call was done: the answer was lost, or did not come in
/// time. Such a call is never sent again by itself.
///
/// ```
/// # fn handle(error: &shelfmark_core::Error) {
/// if shelfmark_kv::OutcomeUnknown::is_cause_of(error) {
///     // Look what is there before trying again.
/// }
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutcomeUnknown;

impl OutcomeUnknown {
    /// Whether nobody knows if the call that failed with `error` was done. Otherwise it was not done.
    #[must_use]
    pub fn is_cause_of(error: &Error) -> bool {
        std::error::Error::source(error).is_some_and(|source| source.is::<OutcomeUnknown>())
    }
}

impl fmt::Display for OutcomeUnknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the call may or may not have been done")
    }
}

impl std::error::Error for OutcomeUnknown {}

/// The key holds another kind of value.
pub(crate) fn wrong_type() -> Error {
    invalid("the key holds a value of another kind (string, hash, list or set); use another key")
        .with_code("WRONGTYPE")
}

/// The value is not a counter.
pub(crate) fn not_a_number() -> Error {
    invalid("the value is not a whole number of 64 bits, so it cannot be counted up")
}

/// The counter would leave its range.
pub(crate) fn overflow() -> Error {
    invalid("the counter would leave the range of 64 bits; it stays as it was")
}

/// There is no room for more. `detail` says where and what to do.
pub(crate) fn full(detail: &'static str) -> Error {
    Error::new(ErrorKind::Other)
        .with_code("OOM")
        .with_detail(detail)
}

/// The deadline passed.
pub(crate) fn timed_out(after: Duration, what: &str) -> Error {
    Error::new(ErrorKind::Timeout).with_detail(format!("timed out after {after:?} {what}"))
}
