//! Three masters that share the slots.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::server::Server;

const LIMIT: Duration = Duration::from_secs(60);
const SLOTS: [(u16, u16); 3] = [(0, 5_460), (5_461, 10_922), (10_923, 16_383)];

/// A cluster of three masters, without replicas. It ends when it is dropped, and with this process.
#[derive(Debug)]
pub struct Cluster {
    servers: Vec<Server>,
}

impl Cluster {
    /// Starts the servers and waits until all of them know who has which slots.
    ///
    /// # Errors
    /// When there is no `redis-server` on this machine, or the servers don't become a cluster.
    pub fn start() -> anyhow::Result<Cluster> {
        let settings = [("cluster-enabled", "yes"), ("cluster-node-timeout", "2000")];
        let first = Server::start_with(&settings)?;
        let mut servers = vec![first];
        while let Some(first) = servers.first().filter(|_| servers.len() < SLOTS.len()) {
            let next = Server::start_as(&settings, first.password(), &[])?;
            servers.push(next);
        }
        let cluster = Cluster { servers };
        for (server, (from, to)) in cluster.servers.iter().zip(SLOTS) {
            server.ask(&[
                "CLUSTER",
                "ADDSLOTSRANGE",
                &from.to_string(),
                &to.to_string(),
            ])?;
        }
        let first = cluster.servers.first().context("there is no server")?;
        for server in cluster.servers.iter().skip(1) {
            first.ask(&["CLUSTER", "MEET", "127.0.0.1", &server.port().to_string()])?;
        }
        let deadline = Instant::now() + LIMIT;
        while !cluster.is_whole() {
            if Instant::now() > deadline {
                bail!(
                    "the servers did not become a cluster within {} s",
                    LIMIT.as_secs()
                );
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(cluster)
    }

    fn is_whole(&self) -> bool {
        self.servers.iter().all(|server| {
            server.ask(&["CLUSTER", "INFO"]).is_ok_and(|info| {
                info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:3")
            })
        })
    }

    /// The servers, in the order of their slots.
    #[must_use]
    pub fn servers(&self) -> &[Server] {
        &self.servers
    }

    /// The address, with the password and one of the servers.
    #[must_use]
    pub fn url(&self) -> String {
        let url = self.servers.first().map(Server::url).unwrap_or_default();
        url.replacen("redis://", "redis-cluster://", 1)
    }

    /// Gives a slot without keys to the server numbered `to`.
    ///
    /// # Errors
    /// When a server refuses.
    pub fn move_slot(&self, slot: u16, to: usize) -> anyhow::Result<()> {
        let target = self.servers.get(to).context("there is no such server")?;
        let id = target.ask(&["CLUSTER", "MYID"])?;
        let id = id
            .lines()
            .nth(1)
            .context("the server says no id")?
            .to_owned();
        // Its new owner first: the others believe the one with the highest epoch.
        for server in std::iter::once(target).chain(&self.servers) {
            server.ask(&["CLUSTER", "SETSLOT", &slot.to_string(), "NODE", &id])?;
        }
        Ok(())
    }
}
