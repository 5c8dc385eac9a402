//! Transaction scopes: how one begins, ends, is run again, and what waits for its commit.

mod begin;
mod channel;
mod commit;
mod effect;
mod handle;
mod line;
mod retry;

pub use begin::Transaction;
pub(crate) use commit::commit_evicting;
pub use effect::Effect;
pub use handle::Tx;
