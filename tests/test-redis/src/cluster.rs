//! Three masters that share the slots, with or without a replica.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::server::Server;

const LIMIT: Duration = Duration::from_secs(60);
const SLOTS: [(u16, u16); 3] = [(0, 5_460), (5_461, 10_922), (10_923, 16_383)];

/// A cluster of three masters, and of a replica of the first one if it was asked for. It ends when it is dropped, and with this process.
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
        Cluster::start_of(SLOTS.len())
    }

    /// As [`start`](Cluster::start), with a fourth server that is the replica of the first one and has its data.
    ///
    /// # Errors
    /// As `start`.
    pub fn start_with_replica() -> anyhow::Result<Cluster> {
        let cluster = Cluster::start_of(SLOTS.len() + 1)?;
        let [master, .., replica] = cluster.servers.as_slice() else {
            bail!("there is no replica");
        };
        replica.ask(&["CLUSTER", "REPLICATE", &id(master)?])?;
        let is_ready = || {
            let info = replica.ask(&["INFO", "replication"]).unwrap_or_default();
            let view = master.ask(&["CLUSTER", "NODES"]).unwrap_or_default();
            info.contains("master_link_status:up") && view.contains(" slave ")
        };
        wait_until("the replica did not get its master's data", is_ready)?;
        Ok(cluster)
    }

    fn start_of(count: usize) -> anyhow::Result<Cluster> {
        let settings = [("cluster-enabled", "yes"), ("cluster-node-timeout", "2000")];
        let first = Server::start_with(&settings)?;
        let mut servers = vec![first];
        while let Some(first) = servers.first().filter(|_| servers.len() < count) {
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
        wait_until("the servers did not become a cluster", || {
            cluster.is_whole()
        })?;
        Ok(cluster)
    }

    fn is_whole(&self) -> bool {
        let known = format!("cluster_known_nodes:{}", self.servers.len());
        self.servers.iter().all(|server| {
            server
                .ask(&["CLUSTER", "INFO"])
                .is_ok_and(|info| info.contains("cluster_state:ok") && info.contains(&known))
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

    /// Gives a slot whose keys are there, or that has none, to the server numbered `to`.
    ///
    /// # Errors
    /// When a server refuses.
    pub fn move_slot(&self, slot: u16, to: usize) -> anyhow::Result<()> {
        let target = self.servers.get(to).context("there is no such server")?;
        let id = id(target)?;
        // Its new owner first: the others believe the one with the highest epoch.
        for server in std::iter::once(target).chain(&self.servers) {
            server.ask(&["CLUSTER", "SETSLOT", &slot.to_string(), "NODE", &id])?;
        }
        Ok(())
    }

    /// Begins to give a slot with keys from one server to another: the old owner answers for the keys that it still has,
    /// and sends callers to the new one (`ASK`) for all others.
    ///
    /// # Errors
    /// When a server refuses.
    pub fn begin_move(&self, slot: u16, from: usize, to: usize) -> anyhow::Result<()> {
        let (source, target) = self.pair(from, to)?;
        let slot = slot.to_string();
        target.ask(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &id(source)?])?;
        source.ask(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &id(target)?])?;
        Ok(())
    }

    /// Gives one key of such a slot. When all are given, [`move_slot`](Cluster::move_slot) ends the move.
    ///
    /// # Errors
    /// When a server refuses.
    pub fn move_key(&self, key: &str, from: usize, to: usize) -> anyhow::Result<()> {
        let (source, target) = self.pair(from, to)?;
        let port = target.port().to_string();
        let password = target.password();
        source.ask(&[
            "MIGRATE",
            "127.0.0.1",
            &port,
            key,
            "0",
            "5000",
            "AUTH",
            password,
        ])?;
        Ok(())
    }

    fn pair(&self, from: usize, to: usize) -> anyhow::Result<(&Server, &Server)> {
        let get = |at| self.servers.get(at).context("there is no such server");
        Ok((get(from)?, get(to)?))
    }
}

/// The name of a server in its cluster.
fn id(server: &Server) -> anyhow::Result<String> {
    let id = server.ask(&["CLUSTER", "MYID"])?;
    let id = id.lines().nth(1).context("the server says no id")?;
    Ok(id.to_owned())
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) -> anyhow::Result<()> {
    let deadline = Instant::now() + LIMIT;
    while !is_so() {
        if Instant::now() > deadline {
            bail!("{what} within {} s", LIMIT.as_secs());
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
