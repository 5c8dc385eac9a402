//! A master, its replica, and a sentinel that puts one in the place of the other.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::bail;

use crate::server::{SENTINEL_FILE, Server};

/// The name of the master.
const NAME: &str = "tested";
const LIMIT: Duration = Duration::from_secs(60);

/// A master with a replica, and a sentinel that watches them. They end when this is dropped, and with this process.
#[derive(Debug)]
pub struct Sentinel {
    sentinel: Server,
    servers: [Server; 2],
}

impl Sentinel {
    /// Starts all three and waits until the sentinel knows the replica.
    ///
    /// # Errors
    /// When there is no `redis-server` on this machine, or the servers don't find each other.
    pub fn start() -> anyhow::Result<Sentinel> {
        Sentinel::start_with_password("")
    }

    /// As [`start`](Sentinel::start), with a sentinel that wants `password`; none when it is empty.
    ///
    /// # Errors
    /// As `start`.
    pub fn start_with_password(password: &str) -> anyhow::Result<Sentinel> {
        let master = Server::start()?;
        let port = master.port().to_string();
        let place = format!("127.0.0.1 {port}");
        let settings = [
            ("replicaof", place.as_str()),
            ("repl-diskless-sync-delay", "0"),
        ];
        let replica = Server::start_as(&settings, master.password(), &[])?;
        let sentinel = {
            let own = [("requirepass", password)];
            let settings: &[_] = if password.is_empty() { &[] } else { &own };
            Server::start_as(settings, password, &[SENTINEL_FILE, "--sentinel"])?
        };
        sentinel.ask(&["SENTINEL", "MONITOR", NAME, "127.0.0.1", &port, "1"])?;
        for (setting, value) in [
            ("auth-pass", master.password()),
            ("down-after-milliseconds", "500"),
            ("failover-timeout", "5000"),
        ] {
            sentinel.ask(&["SENTINEL", "SET", NAME, setting, value])?;
        }
        let all = Sentinel {
            sentinel,
            servers: [master, replica],
        };
        all.wait("the sentinel did not find the replica", |all| {
            let replicas = all
                .sentinel
                .ask(&["SENTINEL", "REPLICAS", NAME])
                .unwrap_or_default();
            replicas.contains("master-link-status\r\n$2\r\nok")
        })?;
        Ok(all)
    }

    fn wait(&self, what: &str, is_so: impl Fn(&Self) -> bool) -> anyhow::Result<()> {
        let deadline = Instant::now() + LIMIT;
        while !is_so(self) {
            if Instant::now() > deadline {
                bail!("{what} within {} s", LIMIT.as_secs());
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// The address, with the password of the master.
    #[must_use]
    pub fn url(&self) -> String {
        let [master, _] = &self.servers;
        let password = master.password().replace('@', "%40");
        format!(
            "redis-sentinel://:{password}@127.0.0.1:{}/{NAME}",
            self.sentinel.port()
        )
    }

    /// The first master and its replica.
    #[must_use]
    pub fn servers(&self) -> &[Server; 2] {
        &self.servers
    }

    /// Makes the replica the master, and waits until the sentinel says so.
    ///
    /// # Errors
    /// When that doesn't happen.
    pub fn fail_over(&self) -> anyhow::Result<()> {
        let [_, replica] = &self.servers;
        let port = format!("\r\n{}\r\n", replica.port());
        self.sentinel.ask(&["SENTINEL", "FAILOVER", NAME])?;
        self.wait("the replica did not become the master", |all| {
            let question = ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME];
            all.sentinel
                .ask(&question)
                .is_ok_and(|place| place.contains(&port))
        })
    }
}
