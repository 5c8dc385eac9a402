//! Where the data is, and how a server is asked.

use std::fmt;
use std::path::PathBuf;

use shelfmark_core::config::Secret;

use super::url;

/// Where the data is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KvTarget {
    /// In this process, gone when the last handle is dropped.
    InProcess,
    /// One Redis server.
    Server(RedisAddress),
    /// One Redis server on this machine, by its Unix socket.
    Socket {
        /// The socket's file.
        path: PathBuf,
        /// How the server is asked. Nothing is encrypted: the bytes do not leave the machine.
        login: RedisLogin,
    },
    /// The master that sentinels name.
    Sentinel {
        /// The sentinels, asked in order.
        sentinels: Vec<(String, u16)>,
        /// The name of the master.
        master: String,
        /// How the master is asked; its host and port are what the sentinels say.
        login: RedisLogin,
        /// How the sentinels are asked: their user and password, which are not the master's. Whether it is encrypted
        /// is as for the master.
        sentinel_login: RedisLogin,
    },
    /// A cluster, found through any of its nodes.
    Cluster {
        /// Nodes to begin with.
        nodes: Vec<(String, u16)>,
        /// How all nodes are asked.
        login: RedisLogin,
    },
}

/// One server and how it is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RedisAddress {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// How it is asked.
    pub login: RedisLogin,
}

impl RedisAddress {
    pub(super) fn new(host: String, port: u16, login: RedisLogin) -> Self {
        RedisAddress { host, port, login }
    }
}

/// How a server is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RedisLogin {
    /// The user (default: the server's default user).
    pub user: Option<String>,
    /// The password, if one is needed.
    pub password: Option<Secret>,
    /// The number of the database (default 0).
    pub database: u32,
    /// Whether the connection is encrypted, and the server's certificate checked. There is nothing in between: a server
    /// that does not encrypt is never asked without.
    pub tls: bool,
}

impl KvTarget {
    /// Whether what is sent to a server of it crosses the network in the open.
    pub(super) fn is_open(&self) -> bool {
        match self {
            KvTarget::InProcess | KvTarget::Socket { .. } => false,
            KvTarget::Server(RedisAddress { login, .. })
            | KvTarget::Sentinel { login, .. }
            | KvTarget::Cluster { login, .. } => !login.tls,
        }
    }
}

impl fmt::Display for KvTarget {
    /// The place without user and password, for logs and messages.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = |login: &RedisLogin| if login.tls { "rediss" } else { "redis" };
        match self {
            KvTarget::InProcess => f.write_str("memory:"),
            KvTarget::Server(address) => {
                write!(f, "{}://", scheme(&address.login))?;
                url::write_hosts(f, [(&address.host, address.port)])
            }
            KvTarget::Socket { path, .. } => write!(f, "redis+unix://{}", path.display()),
            KvTarget::Sentinel {
                sentinels,
                master,
                login,
                ..
            } => {
                write!(f, "{}-sentinel://", scheme(login))?;
                url::write_hosts(f, sentinels.iter().map(|(host, port)| (host, *port)))?;
                write!(f, "/{master}")
            }
            KvTarget::Cluster { nodes, login } => {
                write!(f, "{}-cluster://", scheme(login))?;
                url::write_hosts(f, nodes.iter().map(|(host, port)| (host, *port)))
            }
        }
    }
}
