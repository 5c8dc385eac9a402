//! What statements have cost so far, which decides where they run next.
//!
//! A statement is known by its text. Its first run is on a blocking thread; when that was quick, the next ones may be
//! in line with their caller (reads) or share a commit with others (writes). One that was slow twice has to be quick for
//! a while before it may again; once may be the fault of a busy machine. A read that is stopped in line is run again
//! elsewhere, so one that is slow indeed is so twice at once.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use shelfmark_core::{Access, Call, Result};

use crate::route::{Route, changes_rows};

/// How long a read may keep the thread of its caller. Measured between SQLite's steps and between rows: a single step
/// that waits for a slow disk, or works on one huge value, is not cut short.
pub(crate) const READ_BUDGET: Duration = Duration::from_micros(200);

/// How long a write may keep others waiting that are committed together with it.
pub(crate) const WRITE_BUDGET: Duration = Duration::from_millis(1);

/// From this much distrust on a statement is not trusted. A statement that never ran has just as much.
const TOO_MUCH: u32 = 16;

/// The distrust that a slow run adds, and a quick run takes one of.
const SLOW: u32 = 8;

/// There is never more distrust than this, so that a statement is trusted again after as many quick runs more than
/// [`TOO_MUCH`].
const MOST: u32 = 32;

/// How many texts are known. When there are more, all are learned anew.
const TEXTS_KNOWN: usize = 4_096;

/// What is known of one statement.
#[derive(Debug)]
pub(crate) struct Cost {
    /// Its number, by which connections remember that they have prepared it; zero for none.
    number: u32,
    access: Access,
    route: Route,
    /// Whether it is one of those that change rows and nothing else.
    changes_rows: bool,
    /// Grows with slow runs and shrinks with quick ones.
    distrust: AtomicU32,
}

impl Cost {
    /// That of a statement that ran never before and will not be remembered.
    fn unknown(sql: &str, access: Access, number: u32) -> Result<Cost> {
        Ok(Cost {
            number,
            access,
            route: Route::of(sql, access)?,
            changes_rows: changes_rows(sql),
            distrust: AtomicU32::new(TOO_MUCH),
        })
    }

    pub(crate) fn access(&self) -> Access {
        self.access
    }

    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    /// The way of the statement.
    pub(crate) fn route(&self) -> Route {
        self.route
    }

    /// Whether it may be committed together with others.
    pub(crate) fn may_share(&self) -> bool {
        self.route == Route::Write && self.changes_rows && self.is_quick()
    }

    /// Whether it was quick lately.
    pub(crate) fn is_quick(&self) -> bool {
        self.distrust.load(Ordering::Relaxed) < TOO_MUCH
    }

    /// Notes that it was stopped in line: it is not quick until a run elsewhere says so.
    pub(crate) fn overran(&self) {
        let distrust = self.distrust.load(Ordering::Relaxed);
        self.distrust
            .store(distrust.max(TOO_MUCH), Ordering::Relaxed);
    }

    /// Notes how long it took. Two runs at once may count as one, which only delays what is learned.
    pub(crate) fn took(&self, time: Duration) {
        let budget = match self.route {
            Route::Read => READ_BUDGET,
            _ => WRITE_BUDGET,
        };
        let distrust = self.distrust.load(Ordering::Relaxed);
        if time > budget {
            self.distrust
                .store((distrust + SLOW).min(MOST), Ordering::Relaxed);
        } else if distrust > 0 {
            self.distrust.store(distrust - 1, Ordering::Relaxed);
        }
    }
}

/// What is known of the statements of one database.
#[derive(Debug, Default)]
pub(crate) struct Costs(RwLock<Known>);

#[derive(Debug, Default)]
struct Known {
    by_text: HashMap<Arc<str>, Arc<Cost>>,
    /// How many numbers were given away.
    numbers: u32,
}

impl Costs {
    /// What is known of the statement of `call`.
    ///
    /// # Errors
    /// As [`Route::of`].
    pub(crate) fn of(&self, call: &Call<'_>) -> Result<Arc<Cost>> {
        // What is read and written under the lock is whole at any moment, so a poisoned one is, too.
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(cost) = known.by_text.get(&*call.sql)
            && cost.access == call.access
        {
            return Ok(Arc::clone(cost));
        }
        drop(known);
        self.learn(call)
    }

    #[cold]
    fn learn(&self, call: &Call<'_>) -> Result<Arc<Cost>> {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(cost) = known.by_text.get(&*call.sql) {
            if cost.access == call.access {
                return Ok(Arc::clone(cost));
            }
            // One text, declared in two ways: the second is looked at each time.
            return Cost::unknown(&call.sql, call.access, 0).map(Arc::new);
        }
        let number = known.numbers.wrapping_add(1).max(1);
        let cost = Arc::new(Cost::unknown(&call.sql, call.access, number)?);
        known.numbers = number;
        if known.by_text.len() >= TEXTS_KNOWN {
            known.by_text.clear();
        }
        known
            .by_text
            .insert(Arc::clone(&call.sql), Arc::clone(&cost));
        Ok(cost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(sql: &str, access: Access) -> Call<'static> {
        Call {
            sql: sql.into(),
            params: Vec::new(),
            specs: Vec::new(),
            method: "Tests::call",
            access,
            demand: None,
        }
    }

    #[test]
    fn a_statement_that_was_slow_twice_is_trusted_again_after_a_while() {
        let costs = Costs::default();
        let of = || costs.of(&call("SELECT 1", Access::Read)).unwrap();
        assert!(!of().is_quick(), "it never ran");
        of().took(READ_BUDGET);
        assert!(of().is_quick());
        for _ in 0..100 {
            of().took(Duration::ZERO);
        }
        of().took(READ_BUDGET * 2);
        assert!(of().is_quick(), "once may be bad luck");
        for _ in 0..100 {
            of().took(READ_BUDGET * 2);
        }
        let mut quick_runs = 0;
        while !of().is_quick() {
            of().took(Duration::ZERO);
            quick_runs += 1;
        }
        assert_eq!(quick_runs, MOST - TOO_MUCH + 1);
    }

    #[test]
    fn one_text_in_two_roles_takes_the_way_of_each() {
        let costs = Costs::default();
        let of = |access| costs.of(&call("SELECT changes()", access)).unwrap();
        of(Access::Read).took(Duration::ZERO);
        assert_eq!(of(Access::Session).route(), Route::Session);
        assert_eq!(of(Access::Read).route(), Route::Read);
        assert!(of(Access::Read).is_quick());
        assert!(!of(Access::Session).is_quick());
    }

    #[test]
    fn no_more_texts_are_known_than_the_limit_says() {
        let costs = Costs::default();
        for n in 0..=TEXTS_KNOWN {
            costs
                .of(&call(&format!("SELECT {n}"), Access::Read))
                .unwrap();
        }
        let known = costs.0.read().unwrap();
        assert_eq!(known.by_text.len(), 1);
        assert_eq!(known.numbers as usize, TEXTS_KNOWN + 1);
    }
}
