//! Which transaction the running code is inside of, so that a call which goes past it can be named.
//!
//! A task-local, so it follows the scope's own future only: a task spawned inside the scope is outside of it.

use std::collections::HashMap;
use std::panic::Location;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// The innermost scope of the running code.
#[derive(Clone, Debug)]
pub(crate) struct Scope(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// The identity of the `Db`.
    db: u64,
    /// The identity of the transaction.
    transaction: u64,
    /// 0 in the transaction itself, 1 in its first savepoint.
    depth: u32,
    /// Where the transaction was opened.
    label: &'static str,
    outer: Option<Scope>,
}

tokio::task_local! {
    static CURRENT: Scope;
}

impl Scope {
    /// A scope inside of the current one.
    pub(crate) fn enter(db: u64, transaction: u64, depth: u32, label: &'static str) -> Scope {
        Scope(Arc::new(Inner {
            db,
            transaction,
            depth,
            label,
            outer: Scope::current(),
        }))
    }

    fn current() -> Option<Scope> {
        CURRENT.try_with(Clone::clone).ok()
    }

    /// Runs `future` inside of the scope.
    pub(crate) async fn run<F: Future>(self, future: F) -> F::Output {
        CURRENT.scope(self, future).await
    }

    /// Where the transaction of database `db` was opened that the running code is inside of, if it is.
    pub(crate) fn transaction_of(db: u64) -> Option<&'static str> {
        Self::find(|scope| (scope.db == db).then_some(scope.label))
    }

    /// The depth at which the running code is inside of `transaction`, if it is.
    pub(crate) fn depth_in(transaction: u64) -> Option<u32> {
        Self::find(|scope| (scope.transaction == transaction).then_some(scope.depth))
    }

    fn find<T>(test: impl Fn(&Inner) -> Option<T>) -> Option<T> {
        let mut scope = Scope::current();
        while let Some(Scope(inner)) = scope {
            if let Some(found) = test(&inner) {
                return Some(found);
            }
            scope = inner.outer.clone();
        }
        None
    }
}

/// `file:line` of a call site, made once per site and kept for ever (their number is bounded by the program's size).
pub(crate) fn label(at: &'static Location<'static>) -> &'static str {
    type Labels = HashMap<(&'static str, u32, u32), &'static str>;
    static LABELS: OnceLock<Mutex<Labels>> = OnceLock::new();
    let mut labels = LABELS
        .get_or_init(Mutex::default)
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    labels
        .entry((at.file(), at.line(), at.column()))
        .or_insert_with(|| format!("{}:{}", at.file(), at.line()).leak())
}
