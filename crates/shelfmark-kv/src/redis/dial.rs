//! Opening a connection to a server, or to the master that sentinels name.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use redis::io::tcp::TcpSettings;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, IntoConnectionInfo, ProtocolVersion, PushInfo,
    PushKind, RedisConnectionInfo, RedisError, RedisResult,
};
use tokio::sync::Notify;
use tokio::time::timeout;

use super::connection::Connection;
use super::encryption;
use crate::config::{RedisLogin, RedisTls};

/// How many calls wait to be written before further callers wait in turn: with fewer, tasks wake each other one by one.
const QUEUED_CALLS: usize = 256;

/// How a server is found and asked.
#[derive(Clone, Debug)]
pub(super) struct Dial {
    place: Place,
    manner: Manner,
}

/// How a server is asked, wherever it is.
#[derive(Clone, Debug)]
pub(super) struct Manner {
    pub(super) login: RedisLogin,
    pub(super) tls: RedisTls,
    /// Of one attempt to connect.
    pub(super) timeout: Duration,
}

/// Where the server is.
#[derive(Clone, Debug)]
pub(super) enum Place {
    Server(String, u16),
    Socket(PathBuf),
    Sentinels {
        sentinels: Vec<(String, u16)>,
        master: String,
        /// The sentinels' own.
        login: RedisLogin,
    },
}

/// What a connection tells by itself: messages, and that it has ended.
pub(super) type OnPush = Arc<dyn Fn(PushInfo) + Send + Sync>;

impl Dial {
    pub(super) fn new(place: Place, manner: Manner) -> Dial {
        Dial { place, manner }
    }

    /// The place for messages.
    pub(super) fn shown(&self) -> String {
        match &self.place {
            Place::Server(host, port) => format!("redis at {host}:{port}"),
            Place::Socket(path) => format!("redis at {}", path.display()),
            Place::Sentinels { master, .. } => format!("the redis master {master}"),
        }
    }

    pub(super) fn is_encrypted(&self) -> bool {
        self.manner.login.tls
    }

    pub(super) fn has_sentinels(&self) -> bool {
        matches!(self.place, Place::Sentinels { .. })
    }

    /// Opens a connection. `lost` is rung when it ends, also while nobody uses it.
    pub(super) async fn open(
        &self,
        lost: Arc<Notify>,
        on_push: Option<OnPush>,
    ) -> RedisResult<Connection> {
        let open = async {
            let address = match &self.place {
                Place::Server(host, port) => self.address(host.clone(), *port),
                Place::Socket(path) => ConnectionAddr::Unix(path.clone()),
                Place::Sentinels {
                    sentinels,
                    master,
                    login,
                } => {
                    let (host, port) = self.master(sentinels, master, login).await?;
                    self.address(host, port)
                }
            };
            let push = move |info: PushInfo| {
                if info.kind == PushKind::Disconnection {
                    lost.notify_one();
                } else if let Some(on_push) = &on_push {
                    on_push(info);
                }
                Ok::<(), std::convert::Infallible>(())
            };
            let config = AsyncConnectionConfig::new()
                .set_connection_timeout(None)
                .set_response_timeout(None)
                .set_pipeline_buffer_size(QUEUED_CALLS)
                .set_push_sender(push);
            let login = to_redis(&self.manner.login);
            match &address {
                ConnectionAddr::Tcp(host, port) => {
                    Connection::to_host(host, *port, &login, config).await
                }
                ConnectionAddr::Unix(path) => Connection::to_socket(path, &login, config).await,
                _ => {
                    let client = self.client(address, login).await?;
                    let opening = client.get_multiplexed_async_connection_with_config(&config);
                    Ok(Connection::opened(opening.await?))
                }
            }
        };
        in_time(self.manner.timeout, open).await
    }

    fn address(&self, host: String, port: u16) -> ConnectionAddr {
        match self.is_encrypted() {
            true => ConnectionAddr::TcpTls {
                host,
                port,
                insecure: false,
                tls_params: None,
            },
            false => ConnectionAddr::Tcp(host, port),
        }
    }

    async fn client(
        &self,
        address: ConnectionAddr,
        login: RedisConnectionInfo,
    ) -> RedisResult<Client> {
        let is_encrypted = matches!(address, ConnectionAddr::TcpTls { .. });
        let info = address.into_connection_info()?.set_redis_settings(login);
        let info = info.set_tcp_settings(TcpSettings::default().set_nodelay(true));
        match is_encrypted {
            true => encryption::client(info, &self.manner.tls).await,
            false => Client::open(info),
        }
    }

    /// Asks the sentinels, one after the other, where the master is.
    async fn master(
        &self,
        sentinels: &[(String, u16)],
        master: &str,
        login: &RedisLogin,
    ) -> RedisResult<(String, u16)> {
        let each = self.manner.timeout / u32::try_from(sentinels.len() + 1).unwrap_or(u32::MAX);
        let mut last = RedisError::from((
            redis::ErrorKind::MasterNameNotFoundBySentinel,
            "no sentinel knows the master",
        ));
        for (host, port) in sentinels {
            let ask = async {
                let address = self.address(host.clone(), *port);
                let client = self.client(address, account(login)).await?;
                let mut sentinel = client.get_multiplexed_async_connection().await?;
                let mut question = redis::cmd("SENTINEL");
                question.arg("get-master-addr-by-name").arg(master);
                question
                    .query_async::<Option<(String, u16)>>(&mut sentinel)
                    .await
            };
            match in_time(each, ask).await {
                Ok(Some(place)) => return Ok(place),
                Ok(None) => {}
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

fn account(login: &RedisLogin) -> RedisConnectionInfo {
    let mut account = RedisConnectionInfo::default();
    if let Some(user) = &login.user {
        account = account.set_username(user);
    }
    if let Some(password) = &login.password {
        account = account.set_password(password.reveal());
    }
    account
}

fn to_redis(login: &RedisLogin) -> RedisConnectionInfo {
    account(login)
        .set_protocol(ProtocolVersion::RESP3)
        .set_db(i64::from(login.database))
        .set_lib_name("shelfmark", env!("CARGO_PKG_VERSION"))
}

async fn in_time<T>(limit: Duration, work: impl Future<Output = RedisResult<T>>) -> RedisResult<T> {
    timeout(limit, work).await.unwrap_or_else(|_| {
        Err(RedisError::from(std::io::Error::from(
            std::io::ErrorKind::TimedOut,
        )))
    })
}
