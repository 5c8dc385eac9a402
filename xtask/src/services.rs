//! `cargo xtask services`: a PostgreSQL and a Redis to try things with.

use std::process::ExitCode;

use crate::interrupt::Interrupts;
use crate::test::{start_redis, start_server};

/// Starts the servers, prints the lines that a shell needs, and keeps the servers until it is
/// interrupted.
pub(crate) fn run(interrupts: &Interrupts) -> anyhow::Result<ExitCode> {
    let server = start_server(interrupts)?;
    let redis = start_redis(interrupts)?;
    println!("export DATABASE_URL='{}'", server.url());
    println!("export REDIS_URL='{}'", redis.url());
    eprintln!(
        "PostgreSQL {} and Redis {} run until Ctrl-C, which removes their data too; their logs are {} and {}",
        server.version(),
        redis.version(),
        server.log().display(),
        redis.log().display()
    );
    interrupts.wait();
    drop((server, redis));
    eprintln!("PostgreSQL and Redis have ended");
    // Being interrupted is how this command ends well.
    Ok(ExitCode::SUCCESS)
}
