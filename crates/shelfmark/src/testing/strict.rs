//! Habits that are mistakes in the code under test: the same read in a loop, and writes outside of transactions.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shelfmark_core::{Access, Call, Error, ErrorKind, Result};

use crate::db::Db;

/// What a strict handle refuses: see [`Db::strict`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Strict {
    /// How often the statement of one method may read; one time more is refused. `None` does not count.
    pub repeated_reads: Option<u32>,
    /// Whether a write outside of a transaction is refused.
    pub writes_outside_transactions: bool,
}

impl Strict {
    /// How often one method may read unless another number is given.
    pub const REPEATED_READS: u32 = 5;

    /// Nothing is refused; a rule is added with the methods below.
    #[must_use]
    pub const fn nothing() -> Self {
        Strict {
            repeated_reads: None,
            writes_outside_transactions: false,
        }
    }

    /// Refuses the read of a method that has read `times` times.
    #[must_use = "the rules are returned, not changed in place"]
    pub const fn n_plus_one(mut self, times: u32) -> Self {
        self.repeated_reads = Some(times);
        self
    }

    /// Refuses a write outside of a transaction.
    #[must_use = "the rules are returned, not changed in place"]
    pub const fn writes_in_transactions(mut self) -> Self {
        self.writes_outside_transactions = true;
        self
    }
}

/// Both rules, with 5 reads of one method.
impl Default for Strict {
    fn default() -> Self {
        Strict::nothing()
            .n_plus_one(Strict::REPEATED_READS)
            .writes_in_transactions()
    }
}

/// What one strict handle and its clones have seen.
#[derive(Debug)]
pub(crate) struct Watch {
    rules: Strict,
    /// Locked for moments only.
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    /// How often each text of a method read, refused calls included. A method may have several: a page and its count.
    reads: BTreeMap<(&'static str, Arc<str>), u32>,
    /// How often each method wrote outside of a transaction.
    writes: BTreeMap<&'static str, u32>,
}

impl Watch {
    fn new(rules: Strict) -> Arc<Self> {
        Arc::new(Watch {
            rules,
            seen: Mutex::default(),
        })
    }

    /// Refuses a statement that oversteps the rules, and remembers it.
    pub(super) fn admit(&self, call: &Call<'_>, in_transaction: bool) -> Result<()> {
        let (method, access) = (call.method, call.access);
        let refused = match (access, self.rules.repeated_reads) {
            (Access::Read, Some(limit)) => {
                let mut seen = self.seen();
                let text = (method, Arc::clone(&call.sql));
                let times = seen.reads.entry(text).or_default();
                *times = times.saturating_add(1);
                (*times > limit).then(|| read_again(*times, limit))
            }
            (Access::Write, _) if self.rules.writes_outside_transactions && !in_transaction => {
                *self.seen().writes.entry(method).or_default() += 1;
                Some(written_outside())
            }
            _ => None,
        };
        match refused {
            None => Ok(()),
            Some(detail) => Err(Error::new(ErrorKind::Unsupported)
                .with_detail(detail)
                .with_method(method)),
        }
    }

    /// What was refused, one line for each method.
    fn refusals(&self) -> Vec<String> {
        let seen = self.seen();
        let limit = self.rules.repeated_reads.unwrap_or(u32::MAX);
        let reads = seen.reads.iter().filter(|(_, times)| **times > limit);
        let reads =
            reads.map(|((method, _), times)| format!("{method}: {}", read_again(*times, limit)));
        let writes = seen.writes.keys();
        let writes = writes.map(|method| format!("{method}: {}", written_outside()));
        reads.chain(writes).collect()
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        // A counter leaves the map whole.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read_again(times: u32, limit: u32) -> String {
    format!(
        "read {times} times, and {limit} are allowed: read all rows at once, with a list parameter (`IN (:ids)`) or a \
         View; what the test itself reads in a loop belongs on `db.lenient()`"
    )
}

fn written_outside() -> String {
    "wrote outside of a transaction: use `db.transaction(async |tx| …)`; what the test itself prepares belongs on \
     `db.lenient()`"
        .to_owned()
}

impl Db {
    /// A handle of the same database on which careless statements fail, for tests of the code that is given it.
    ///
    /// * **The same read in a loop** (`n_plus_one`): the statements that read are counted by their method and text, from
    ///   the making of this handle on, on all its clones and transactions and in all tasks. The call that makes them more
    ///   than allowed fails. Values are not compared, so pages that are read one after the other count as well, and
    ///   different methods that are called in turn, or other filters, do not. Each handle counts for itself: make one for each use
    ///   case, such as one request.
    /// * **A write outside of a transaction** (`writes_in_transactions`): one call alone is atomic without one, but two
    ///   are not, and the second often comes later.
    ///
    /// The error has the kind `Unsupported` and names the method and the remedy. Nothing was sent then, so that a
    /// transaction is not aborted by it. What the code under test makes of the error is in
    /// [`strict_refusals`](Db::strict_refusals) all the same; [`#[shelfmark::test(strict)]`](macro@crate::test) looks
    /// there at the end. Statements that change their session (`SET`) are neither reads nor writes.
    ///
    /// ```
    /// use shelfmark::prelude::*;
    /// use shelfmark::testing::Strict;
    ///
    /// # #[tokio::main] async fn main() -> Result<()> {
    /// let db = Db::memory().await?;
    /// db.execute(sql!("CREATE TABLE shows (id INTEGER PRIMARY KEY)")).await?;
    ///
    /// let strict = db.strict(Strict::default());
    /// let refused = strict.execute(sql!("DELETE FROM shows")).await.unwrap_err();
    /// assert_eq!(refused.kind(), ErrorKind::Unsupported);
    /// assert_eq!(strict.strict_refusals().len(), 1);
    /// strict.lenient().execute(sql!("DELETE FROM shows")).await?;
    /// # Ok(()) }
    /// ```
    #[must_use = "the strict handle is returned; this one stays as it is"]
    pub fn strict(&self, rules: Strict) -> Db {
        self.with_limits(|limits| limits.observer.watch = Some(Watch::new(rules)))
    }

    /// A handle of the same database without the rules of [`strict`](Db::strict): for what a test prepares and looks at.
    #[must_use = "the lenient handle is returned; this one stays as it is"]
    pub fn lenient(&self) -> Db {
        self.with_limits(|limits| limits.observer.watch = None)
    }

    /// What this handle and its clones refused, one line for each method; empty when the handle is not
    /// [strict](Db::strict).
    #[must_use]
    pub fn strict_refusals(&self) -> Vec<String> {
        let watch = self.shared.limits.observer.watch.as_ref();
        watch.map(|watch| watch.refusals()).unwrap_or_default()
    }
}
