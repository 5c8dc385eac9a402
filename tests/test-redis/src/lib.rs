//! Throwaway Redis servers for tests, made of the machine's own packages.
//!
//! [`Server`] is one server on a free port of 127.0.0.1, with a password and without files, on request with a second
//! port that speaks TLS; [`Cluster`] is three masters that share the slots, with or without a replica; [`Sentinel`]
//! watches a master and its replica. They end with their owner, even when the owner is killed: see [`Server`] for how.
//!
//! [`shared_url`] is what most tests want: a server that all tests of the run share, on which each takes a prefix of its
//! own.
//!
//! It doesn't install anything (`cargo xtask test` does) and it doesn't know Shelfmark.

mod cluster;
mod program;
mod sentinel;
mod server;
mod wire;

use std::env;
use std::sync::OnceLock;

pub use cluster::Cluster;
pub use program::{Program, ProgramMissing};
pub use sentinel::Sentinel;
pub use server::Server;

/// Names the server for the tests.
pub const VARIABLE: &str = "TEST_REDIS_URL";

/// The server that `TEST_REDIS_URL` names, or one for this process that is started by the first call.
///
/// # Errors
/// When there is no `redis-server` on this machine, or it doesn't start.
pub fn shared_url() -> anyhow::Result<String> {
    // A static is never dropped; the server ends with the process.
    static SERVER: OnceLock<Server> = OnceLock::new();
    if let Some(url) = env::var(VARIABLE).ok().filter(|url| !url.is_empty()) {
        return Ok(url);
    }
    if let Some(server) = SERVER.get() {
        return Ok(server.url());
    }
    // Of two threads that start one each, the slower one drops its own.
    let server = Server::start()?;
    Ok(SERVER.get_or_init(|| server).url())
}
