//! Opening a connection to a server, or to the master that sentinels name.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo,
    ProtocolVersion, PushInfo, PushKind, RedisConnectionInfo, RedisError, RedisResult,
};
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::config::RedisLogin;

/// How many calls wait to be written before further callers wait in turn: with fewer, tasks wake each other one by one.
const QUEUED_CALLS: usize = 256;

/// How a server is found and asked.
#[derive(Clone, Debug)]
pub(super) struct Dial {
    pub(super) place: Place,
    pub(super) login: RedisLogin,
    pub(super) timeout: Duration,
}

/// Where the server is.
#[derive(Clone, Debug)]
pub(super) enum Place {
    Server(String, u16),
    Sentinels {
        sentinels: Vec<(String, u16)>,
        master: String,
    },
}

/// What a connection tells by itself: messages, and that it has ended.
pub(super) type OnPush = Arc<dyn Fn(PushInfo) + Send + Sync>;

impl Dial {
    /// The place for messages.
    pub(super) fn shown(&self) -> String {
        match &self.place {
            Place::Server(host, port) => format!("redis at {host}:{port}"),
            Place::Sentinels { master, .. } => format!("the redis master {master}"),
        }
    }

    /// Opens a connection. `lost` is rung when it ends, also while nobody uses it.
    pub(super) async fn open(
        &self,
        lost: Arc<Notify>,
        on_push: Option<OnPush>,
    ) -> RedisResult<MultiplexedConnection> {
        let open = async {
            let (host, port) = match &self.place {
                Place::Server(host, port) => (host.clone(), *port),
                Place::Sentinels { sentinels, master } => self.master(sentinels, master).await?,
            };
            let login = self.login_to_redis();
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
            let client = Client::open(self.info(&host, port, login)?)?;
            client
                .get_multiplexed_async_connection_with_config(&config)
                .await
        };
        in_time(self.timeout, open).await
    }

    fn login_to_redis(&self) -> RedisConnectionInfo {
        let mut login = RedisConnectionInfo::default()
            .set_protocol(ProtocolVersion::RESP3)
            .set_db(i64::from(self.login.database))
            .set_lib_name("shelfmark", env!("CARGO_PKG_VERSION"));
        if let Some(user) = &self.login.user {
            login = login.set_username(user);
        }
        if let Some(password) = &self.login.password {
            login = login.set_password(password.reveal());
        }
        login
    }

    fn info(
        &self,
        host: &str,
        port: u16,
        login: RedisConnectionInfo,
    ) -> RedisResult<ConnectionInfo> {
        let address = if self.login.tls {
            install_tls_provider();
            ConnectionAddr::TcpTls {
                host: host.to_owned(),
                port,
                insecure: false,
                tls_params: None,
            }
        } else {
            ConnectionAddr::Tcp(host.to_owned(), port)
        };
        let info = address.into_connection_info()?.set_redis_settings(login);
        Ok(info.set_tcp_settings(TcpSettings::default().set_nodelay(true)))
    }

    /// Asks the sentinels, one after the other, where the master is, and it whether it is one.
    async fn master(
        &self,
        sentinels: &[(String, u16)],
        master: &str,
    ) -> RedisResult<(String, u16)> {
        let each = self.timeout / u32::try_from(sentinels.len() + 1).unwrap_or(u32::MAX);
        let mut last = RedisError::from((
            redis::ErrorKind::MasterNameNotFoundBySentinel,
            "no sentinel knows the master",
        ));
        for (host, port) in sentinels {
            let ask = async {
                let info = self.info(host, *port, RedisConnectionInfo::default())?;
                let mut sentinel = Client::open(info)?
                    .get_multiplexed_async_connection()
                    .await?;
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

async fn in_time<T>(limit: Duration, work: impl Future<Output = RedisResult<T>>) -> RedisResult<T> {
    timeout(limit, work).await.unwrap_or_else(|_| {
        Err(RedisError::from(std::io::Error::from(
            std::io::ErrorKind::TimedOut,
        )))
    })
}

/// The driver takes the process' provider of cryptography; a program that has chosen one keeps it.
#[cfg(feature = "tls")]
fn install_tls_provider() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Another thread may have been faster, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
}

#[cfg(not(feature = "tls"))]
fn install_tls_provider() {}
