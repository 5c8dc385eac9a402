//! What a result must say to be compared with another: the date, the versions, the machine.

use std::fs;
use std::process::Command;
use std::thread;

use test_postgres::Server;

/// The head of a section of results.
pub(crate) fn describe(server: &Server) -> anyhow::Result<String> {
    let cores = thread::available_parallelism()?;
    let processor = value_of("/proc/cpuinfo", "model name");
    let processor = processor.unwrap_or_else(|| "unknown processor".to_owned());
    let memory = value_of("/proc/meminfo", "MemTotal")
        .and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok())
        .map_or(String::new(), |kib| {
            format!(", {} GiB of memory", kib.div_ceil(1 << 20))
        });
    let rustc = Command::new("rustc").arg("--version").output();
    let rustc = rustc.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let rustc = rustc.unwrap_or_default();
    Ok(format!(
        "## Search, {}\n\n{}, PostgreSQL {} with its own settings, SQLite {}. {} {}, {cores} cores{memory}: {processor}.\n",
        jiff::Zoned::now().date(),
        // Without the commit and its date.
        rustc.split(" (").next().unwrap_or("rustc").trim(),
        server.version(),
        rusqlite::version(),
        std::env::consts::OS,
        std::env::consts::ARCH,
    ))
}

/// The value behind the first `key` of a file of lines such as `key : value`.
fn value_of(path: &str, key: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    line.split_once(':')
        .map(|(_, value)| value.trim().to_owned())
}
