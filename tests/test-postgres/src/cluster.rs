//! Making an empty cluster: what `initdb` does, and the settings that suit tests.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, bail};

use crate::account::Account;
use crate::postmaster::{self, Ending};
use crate::programs::Programs;

/// The name of the superuser.
pub(crate) const USER: &str = "postgres";

/// Settings that trade what a test never needs, such as surviving a power failure, for speed.
const SETTINGS: [(&str, &str); 11] = [
    ("listen_addresses", "127.0.0.1"),
    ("fsync", "off"),
    ("synchronous_commit", "off"),
    ("full_page_writes", "off"),
    ("max_connections", "200"),
    ("shared_buffers", "128MB"),
    // A compiler that starts with a big query makes times jump, and some packages lack it.
    ("jit", "off"),
    ("timezone", "UTC"),
    ("log_timezone", "UTC"),
    ("lc_messages", "C"),
    ("log_line_prefix", "%m [%p] %d "),
];

/// Creates the cluster `folder/data`, whose superuser has `password`, with `extra` settings, which
/// win over ours.
///
/// Text sorts by code point, as SQLite does it, and upper and lower case are Unicode's.
pub(crate) fn create(
    programs: &Programs,
    account: Account,
    folder: &Path,
    password: &str,
    extra: &[(&str, &str)],
) -> anyhow::Result<()> {
    let password_file = folder.join("password");
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&password_file)
        .and_then(|mut file| writeln!(file, "{password}"))
        .with_context(|| format!("can't write {}", password_file.display()))?;
    account.give(&password_file)?;

    let data = folder.join("data");
    let mut initdb = postmaster::command(&programs.initdb(), account, folder, Ending::ByItself)?;
    initdb
        .arg("-D")
        .arg(&data)
        .args([
            "-U",
            USER,
            "--encoding=UTF8",
            "--lc-collate=C",
            "--lc-messages=C",
        ])
        // Elsewhere than on Linux there is no such locale.
        .arg(if cfg!(target_os = "linux") {
            "--lc-ctype=C.UTF-8"
        } else {
            "--lc-ctype=C"
        })
        .args(["--auth=scram-sha-256", "--no-sync", "--no-instructions"])
        .arg("--pwfile")
        .arg(&password_file);
    let status = initdb
        .status()
        .context("can't run /bin/sh, to run initdb")?;
    postmaster::forget(folder);
    if !status.success() {
        bail!(
            "{} ended with {status}; when it can't reach the folder, let TMPDIR name one that every \
             account can enter; its output:\n{}",
            programs.initdb().display(),
            postmaster::log_tail(folder)
        );
    }
    // An error here would surface at the next step; the folder is ours alone and goes anyway.
    let _ = fs::remove_file(&password_file);

    configure(folder, SETTINGS.into_iter().chain(extra.iter().copied()))
}

/// Adds `settings` to those of the cluster `folder/data`, which they win over, and lets its socket be
/// in `folder`.
pub(crate) fn configure<'s>(
    folder: &Path,
    settings: impl Iterator<Item = (&'s str, &'s str)>,
) -> anyhow::Result<()> {
    let configuration = folder.join("data/postgresql.conf");
    let socket_folder = folder.to_str().unwrap_or_default();
    // The operating system limits the path of a socket to about 100 bytes.
    let socket_folder = if socket_folder.len() <= 80 {
        socket_folder
    } else {
        ""
    };
    let mut lines = String::new();
    let mut add = |name: &str, value: &str| {
        lines.push_str(&format!(
            "{name} = '{}'\n",
            value.replace('\\', "\\\\").replace('\'', "''")
        ));
    };
    add("unix_socket_directories", socket_folder);
    for (name, value) in settings {
        add(name, value);
    }
    OpenOptions::new()
        .append(true)
        .open(&configuration)
        .and_then(|mut file| file.write_all(lines.as_bytes()))
        .with_context(|| format!("can't write {}", configuration.display()))
}
