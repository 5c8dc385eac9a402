//! What waits for the commit: cache eviction, messages, mail.

use std::any::Any;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

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

/// How long one effect may take.
const DEADLINE: Duration = Duration::from_secs(60);

/// An effect that waits.
pub(super) type Waiting = Box<dyn FnOnce() -> BoxFuture<'static, Option<String>> + Send>;

/// The effects of one transaction, each with the depth at which it was asked for.
#[derive(Default)]
pub(super) struct Effects(Vec<(u32, Waiting)>);

impl Effects {
    /// Adds an effect asked for inside of `depth` savepoints.
    pub(super) fn push(&mut self, depth: u32, effect: Waiting) {
        self.0.push((depth, effect));
    }

    /// Gives back what was asked for inside of the savepoint of `depth`, which was undone, to be dropped.
    pub(super) fn undo(&mut self, depth: u32) -> Effects {
        let (undone, kept) = self.0.drain(..).partition(|(at, _)| *at >= depth);
        self.0 = kept;
        Effects(undone)
    }

    /// Gives what was asked for inside of the savepoint of `depth` to the scope around it.
    pub(super) fn keep(&mut self, depth: u32) {
        for (at, _) in &mut self.0 {
            *at = (*at).min(depth.saturating_sub(1));
        }
    }

    /// Runs all in the order in which they were asked for, in a task of their own, so that a caller that goes away does
    /// not lose them; waits for it. The commit stands, so a failure, a panic and a passed deadline are logged and the
    /// next one runs.
    pub(super) async fn run(self, transaction: &'static str) {
        if self.0.is_empty() {
            return;
        }
        let effects = tokio::spawn(async move {
            for (_, effect) in self.0 {
                let effect = AssertUnwindSafe(async { effect().await }).catch_unwind();
                let failure = match tokio::time::timeout(DEADLINE, effect).await {
                    Ok(Ok(failure)) => failure,
                    Ok(Err(panic)) => Some(format!("panicked: {}", text(&*panic))),
                    Err(_) => Some(format!("not done within {}s", DEADLINE.as_secs())),
                };
                if let Some(failure) = failure {
                    tracing::error!(target: "shelfmark::transaction", transaction, failure, "an effect after the commit failed");
                }
            }
        });
        if let Err(error) = effects.await {
            tracing::error!(target: "shelfmark::transaction", transaction, %error, "the effects after the commit ended early");
        }
    }
}

/// Makes of what a user hands over an effect that waits.
pub(super) fn waiting<F, Fut>(effect: F) -> Waiting
where
    F: FnOnce() -> Fut + Send + 'static,
    Fut: Future<Output: Effect> + Send + 'static,
{
    Box::new(move || effect().map(Effect::failure).boxed())
}

fn text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a message")
}
