//! `cargo xtask services`: a PostgreSQL to try things with.

use std::process::ExitCode;

use crate::interrupt::Interrupts;
use crate::test::start_server;

/// Starts the server, prints the line that a shell needs, and keeps the server until it is
/// interrupted.
pub(crate) fn run(interrupts: &Interrupts) -> anyhow::Result<ExitCode> {
    let server = start_server(interrupts)?;
    println!("export DATABASE_URL='{}'", server.url());
    eprintln!(
        "PostgreSQL {} runs until Ctrl-C, which removes its data too; its log is {}",
        server.version(),
        server.log().display()
    );
    interrupts.wait();
    drop(server);
    eprintln!("PostgreSQL has ended");
    // Being interrupted is how this command ends well.
    Ok(ExitCode::SUCCESS)
}
