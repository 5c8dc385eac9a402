//! What a result must say to be compared with another: the date, the versions, the machine.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use std::thread;

use crate::Arguments;
use crate::build::locked_version;

/// The library in each contestant's lock file whose version is told.
const LIBRARIES: [(&str, &str); 14] = [
    ("kv/shelfmark", "shelfmark-kv"),
    ("kv/redis", "redis"),
    ("kv/deadpool-redis", "deadpool-redis"),
    ("kv/fred", "fred"),
    ("kv/moka", "moka"),
    ("sql/shelfmark", "shelfmark"),
    ("sql/tokio-postgres", "tokio-postgres"),
    ("sql/deadpool-postgres", "deadpool-postgres"),
    ("sql/rusqlite", "rusqlite"),
    ("sql/sqlx", "sqlx"),
    ("sql/diesel-async", "diesel-async"),
    ("sql/diesel", "diesel"),
    ("sql/sea-orm", "sea-orm"),
    ("sql/toasty", "toasty"),
];

/// The head of a section of results.
pub(crate) fn describe(
    folders: &BTreeSet<&'static str>,
    arguments: &Arguments,
) -> anyhow::Result<String> {
    let cores = thread::available_parallelism()?;
    let processor =
        line_of("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown processor".to_owned());
    let memory = line_of("/proc/meminfo", "MemTotal")
        .and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok())
        .map_or(String::new(), |kib| {
            format!(", {} GiB of memory", kib.div_ceil(1 << 20))
        });
    let versions: Vec<String> = LIBRARIES
        .iter()
        .filter(|(folder, _)| folders.contains(folder))
        .filter_map(|(folder, name)| Some(format!("{name} {}", locked_version(folder, name)?)))
        .collect();
    Ok(format!(
        "## Contestants, {}\n\n\
         {}, {}. {} {}, {cores} cores{memory}: {processor}. Clients and servers share them.\n\n\
         Medians of {} in turns, {} s each after a warm-up. Peak memory is the client's whole process.\n",
        jiff::Zoned::now().date(),
        versions.join(", "),
        rustc_version(),
        std::env::consts::OS,
        std::env::consts::ARCH,
        match arguments.rounds {
            1 => "one round".to_owned(),
            more => format!("{more} rounds"),
        },
        arguments.seconds,
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
