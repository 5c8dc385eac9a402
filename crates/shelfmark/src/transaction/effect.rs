//! What waits for the commit: cache eviction, messages, mail.

use std::any::Any;
use std::fmt;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;
use shelfmark_core::BoxFuture;

/// What an effect answers: nothing, or a failure that can only be logged, because the commit stands.
pub trait Effect {
    /// The failure to log, if it failed.
    fn failure(self) -> Option<String>;
}

impl Effect for () {
    fn failure(self) -> Option<String> {
        None
    }
}

impl<T, E: fmt::Display> Effect for Result<T, E> {
    fn failure(self) -> Option<String> {
        self.err().map(|error| error.to_string())
    }
}

type Waiting = Box<dyn FnOnce() -> BoxFuture<'static, Option<String>> + Send>;

/// The effects of one transaction, each with the depth at which it was asked for.
#[derive(Default)]
pub(super) struct Effects(Vec<(u32, Waiting)>);

impl Effects {
    /// Adds an effect asked for inside of `depth` savepoints.
    pub(super) fn push<F, Fut>(&mut self, depth: u32, effect: F)
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output: Effect> + Send + 'static,
    {
        let waiting: Waiting = Box::new(move || effect().map(Effect::failure).boxed());
        self.0.push((depth, waiting));
    }

    /// Forgets what was asked for inside of the savepoint of `depth`, which was undone.
    pub(super) fn undo(&mut self, depth: u32) {
        self.0.retain(|(at, _)| *at < depth);
    }

    /// Gives what was asked for inside of the savepoint of `depth` to the scope around it.
    pub(super) fn keep(&mut self, depth: u32) {
        for (at, _) in &mut self.0 {
            *at = (*at).min(depth.saturating_sub(1));
        }
    }

    /// Runs all in the order in which they were asked for. The commit stands, so a failure or panic is logged and the
    /// next one runs.
    pub(super) async fn run(self, transaction: &'static str) {
        for (_, effect) in self.0 {
            let ended = AssertUnwindSafe(async { effect().await })
                .catch_unwind()
                .await;
            let failure =
                ended.unwrap_or_else(|panic| Some(format!("panicked: {}", text(&*panic))));
            if let Some(failure) = failure {
                tracing::error!(target: "shelfmark::transaction", transaction, failure, "an effect after the commit failed");
            }
        }
    }
}

fn text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a message")
}
