//! One hop to a blocking thread and back.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use shelfmark_core::{Error, ErrorKind, Result};

use crate::brake::{StopOnDrop, Token};
use crate::connection::Connection;
use crate::lease::Lease;

/// Runs `work` on a blocking thread. What `work` owns is dropped there, also after a panic, which then goes on in the
/// caller. Dropping the future stops the work through the token.
pub(crate) async fn hop<T: Send + 'static>(
    work: impl FnOnce(&Token) -> Result<T> + Send + 'static,
) -> Result<T> {
    let token = Token::default();
    let mut stop = StopOnDrop::new(token.clone());
    let outcome =
        tokio::task::spawn_blocking(move || catch_unwind(AssertUnwindSafe(move || work(&token))))
            .await;
    stop.disarm();
    match outcome {
        Ok(Ok(result)) => result,
        Ok(Err(panic)) => resume_unwind(panic),
        Err(_) => Err(Error::new(ErrorKind::Connection)
            .with_detail("the runtime was shut down before the statement ran")),
    }
}

/// Runs `work` on the connection of `lease`, which is given back before the answer arrives.
pub(crate) async fn on_lease<T: Send + 'static>(
    mut lease: Lease,
    work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
) -> Result<T> {
    hop(move |token| lease.run(token, work)).await
}
