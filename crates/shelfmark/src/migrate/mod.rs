//! Plain `.sql` files, embedded in the binary, applied once and in order.

mod applied;
mod migration;
mod runner;

pub use migration::Migration;
pub use runner::{Applied, MigrationReport};

pub(crate) use runner::run;
