//! A server that follows another one: a copy of its files, and from then on its log as it is written.

use anyhow::{Context, bail};

use crate::cluster;
use crate::place;
use crate::postmaster::{self, Ending};
use crate::server::{Server, random_ports};
use crate::watchdog::Watchdog;

/// Settings that a replica has besides those that come with the files.
const SETTINGS: [(&str, &str); 2] = [
    // A primary that comes back is found again within a moment, not within five seconds.
    ("wal_retrieve_retry_interval", "100ms"),
    // The primary learns at once how far the replica is.
    ("wal_receiver_status_interval", "1s"),
];

impl Server {
    /// Starts a server that follows this one by streaming replication, with the same password, on a
    /// free port of its own. It answers reads and refuses writes, until `SELECT pg_promote()` makes it
    /// a primary.
    ///
    /// The log that it needs is kept for it by a slot of its own, so it may be stopped and started
    /// again. The replica lives as long as the value that is returned, whatever becomes of the primary;
    /// its slot lives as long as the primary.
    ///
    /// # Errors
    /// When this server is stopped or frozen, when `pg_basebackup` is missing, or when the replica does
    /// not come up; the message then holds the end of its log.
    pub fn replica(&self) -> anyhow::Result<Server> {
        self.replica_with(&[])
    }

    /// Starts a replica with further settings, which win over those of this server:
    /// `&[("max_standby_streaming_delay", "0")]`.
    ///
    /// # Errors
    /// As [`replica`](Server::replica), and when PostgreSQL doesn't know a setting or its value.
    pub fn replica_with(&self, settings: &[(&str, &str)]) -> anyhow::Result<Server> {
        if self.pid().is_none() {
            bail!("a stopped server can't be copied");
        }
        let (programs, account) = (self.programs.clone(), self.account);
        let watchdog = Watchdog::start(account, &place::for_settings(settings))?;
        let folder = watchdog.folder();
        let program = programs.pg_basebackup();
        let slot = format!("replica_{}", fastrand::u32(..));
        let mut copying = postmaster::command(&program, account, folder, Ending::Immediate)?;
        copying
            .env("PGPASSWORD", &self.password)
            .arg("-D")
            .arg(folder.join("data"))
            .args(["-h", "127.0.0.1", "-U", cluster::USER, "-w"])
            .arg("-p")
            .arg(self.port().to_string())
            .args(["--write-recovery-conf", "--create-slot", "--slot", &slot])
            .args(["--checkpoint=fast", "--wal-method=stream", "--no-sync"]);
        let status = copying
            .status()
            .context("can't run /bin/sh, to run pg_basebackup")?;
        postmaster::forget(folder);
        if !status.success() {
            bail!(
                "{} ended with {status}; its output:\n{}",
                program.display(),
                postmaster::log_tail(folder)
            );
        }
        let settings = SETTINGS.into_iter().chain(settings.iter().copied());
        cluster::configure(folder, settings)?;
        let password = self.password.clone();
        Server::run(programs, account, password, watchdog, random_ports())
    }
}
