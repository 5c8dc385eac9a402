//! Whether connections are encrypted, and whose certificate is believed.
//!
//! Without the feature `tls` nothing is: what asks for more is refused when the database is opened, and never
//! ignored. A socket of the same machine is not encrypted, as with libpq.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use shelfmark_core::Result;
use shelfmark_core::config::{PostgresTarget, SslMode};
use tokio::sync::oneshot;
use tokio_postgres::config::SslMode as DriverMode;
use tokio_postgres::{CancelToken, Client, Config, NoTls};

#[cfg(feature = "tls")]
use crate::certificates::Connector;
use crate::connection::{News, drive};
use crate::wire::{Address, SharedWire, Wire};

/// The task that moves a connection's bytes.
pub(crate) type Driver = Pin<Box<dyn Future<Output = ()> + Send>>;

/// How the connections to one target are encrypted.
pub(crate) struct Encryption {
    #[cfg(feature = "tls")]
    connector: Option<Connector>,
    mode: DriverMode,
}

impl Encryption {
    /// # Errors
    /// `InvalidConfig` for what this build cannot do, or a file of certificates that cannot be read.
    pub(crate) fn new(target: &PostgresTarget) -> Result<Self> {
        #[cfg(feature = "tls")]
        return Ok(match target.ssl_mode {
            SslMode::Disable => Encryption {
                connector: None,
                mode: DriverMode::Disable,
            },
            mode => Encryption {
                connector: Some(Connector::new(mode, target.ssl_root_cert.as_deref())?),
                mode: if mode == SslMode::Prefer {
                    DriverMode::Prefer
                } else {
                    DriverMode::Require
                },
            },
        });
        #[cfg(not(feature = "tls"))]
        match target.ssl_mode {
            SslMode::Disable | SslMode::Prefer => Ok(Encryption {
                mode: DriverMode::Disable,
            }),
            _ => Err(shelfmark_core::Error::new(
                shelfmark_core::ErrorKind::InvalidConfig,
            )
            .with_detail(
                "this build has no TLS: enable the feature `tls` of shelfmark, or set sslmode=disable",
            )),
        }
    }

    /// What the driver is to ask of a server at `address`.
    pub(crate) fn mode(&self, address: &Address) -> DriverMode {
        if address.is_network() {
            self.mode
        } else {
            DriverMode::Disable
        }
    }

    /// Begins a session on `wire`. The driver ends when `closing` does; what it learns meanwhile goes to `news`.
    pub(crate) async fn begin(
        &self,
        config: &Config,
        host: &str,
        wire: Wire,
        closing: oneshot::Receiver<()>,
        news: &Arc<News>,
    ) -> Result<(Client, Driver), tokio_postgres::Error> {
        let news = Arc::clone(news);
        #[cfg(feature = "tls")]
        if let Some(connector) = &self.connector {
            let (client, connection) = config.connect_raw(wire, connector.connect(host)).await?;
            return Ok((client, Box::pin(drive(connection, closing, news))));
        }
        let _ = host;
        let (client, connection) = config.connect_raw(wire, NoTls).await?;
        Ok((client, Box::pin(drive(connection, closing, news))))
    }

    /// Sends a cancel request.
    pub(crate) async fn cancel(
        &self,
        token: &CancelToken,
        host: &str,
        wire: SharedWire,
    ) -> Result<(), tokio_postgres::Error> {
        #[cfg(feature = "tls")]
        if let Some(connector) = &self.connector {
            return token.cancel_query_raw(wire, connector.connect(host)).await;
        }
        let _ = host;
        token.cancel_query_raw(wire, NoTls).await
    }
}
