//! Where the files of a server go: into memory when there is plenty, otherwise to the usual folder
//! for temporary files.
//!
//! Creating a database creates some 300 files. That takes 20 ms in memory, and up to 500 ms on a
//! disk.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// Linux' file system in memory.
const MEMORY: &str = "/dev/shm";
/// What must be free in it. Containers have 64 MiB by default, which is a little more than one
/// cluster.
const FREE_BYTES: u64 = 2 << 30;
/// What the machine must have available, since that file system may promise more than there is.
const AVAILABLE_BYTES: u64 = 4 << 30;

/// The folder for a server with these settings of its own.
pub(crate) fn for_settings(settings: &[(&str, &str)]) -> PathBuf {
    let is_durable = settings
        .iter()
        .any(|(name, value)| *name == "fsync" && *value != "off");
    for_cluster(is_durable)
}

/// The folder in which a server's own folder is made. `TMPDIR` decides when it is set; a server
/// that `is_durable` gets a disk.
fn for_cluster(is_durable: bool) -> PathBuf {
    let is_chosen = env::var_os("TMPDIR").is_some_and(|folder| !folder.is_empty());
    if is_chosen || is_durable || !has_room(Path::new(MEMORY)) {
        return env::temp_dir();
    }
    PathBuf::from(MEMORY)
}

fn has_room(folder: &Path) -> bool {
    let Ok(system) = rustix::fs::statvfs(folder) else {
        return false;
    };
    let free = system.f_bavail.saturating_mul(system.f_frsize);
    let is_writable = rustix::fs::access(folder, rustix::fs::Access::WRITE_OK).is_ok();
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    is_writable
        && free >= FREE_BYTES
        && available(&memory).is_some_and(|bytes| bytes >= AVAILABLE_BYTES)
}

/// The line `MemAvailable:   123 kB` of `/proc/meminfo`.
fn available(memory: &str) -> Option<u64> {
    let line = memory
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn available_memory_is_read_in_bytes() {
        let memory = "MemTotal:       24689000 kB\nMemAvailable:   20000000 kB\n";
        assert_eq!(available(memory), Some(20_480_000_000));
        assert_eq!(available("MemTotal: 1 kB"), None);
    }

    #[test]
    fn durable_server_is_not_in_memory() {
        assert_eq!(for_cluster(true), env::temp_dir());
    }
}
