//! What a result must say to be compared with another: the date, the versions, the machine.

use std::fs;
use std::process::Command;
use std::thread;

use test_postgres::Server;

use crate::program::Program;

/// The head of a section of results.
pub(crate) fn describe(program: &Program, server: &Server) -> anyhow::Result<String> {
    let cores = thread::available_parallelism()?;
    let processor =
        line_of("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown processor".to_owned());
    let memory = line_of("/proc/meminfo", "MemTotal")
        .and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok())
        .map_or(String::new(), |kib| {
            format!(", {} GiB of memory", kib.div_ceil(1 << 20))
        });
    Ok(format!(
        "## Import, {}\n\n\
         {}, {}, PostgreSQL {} (fsync, synchronous_commit and full_page_writes on), SQLite {} (WAL, synchronous=FULL). \
         {} {}, {cores} cores{memory}: {processor}.\n",
        jiff::Zoned::now().date(),
        program.version()?,
        rustc_version(),
        server.version(),
        rusqlite::version(),
        std::env::consts::OS,
        std::env::consts::ARCH,
    ))
}

fn rustc_version() -> String {
    let output = Command::new("rustc").arg("--version").output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let text = text.unwrap_or_default();
    // Without the commit and its date.
    text.split(" (").next().unwrap_or("rustc").trim().to_owned()
}

/// The value behind the first `key` of a file of lines such as `key : value`.
fn line_of(path: &str, key: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    line.split_once(':')
        .map(|(_, value)| value.trim().to_owned())
}
