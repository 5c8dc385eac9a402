//! `catalog serve`: from an empty machine to a running service.

use std::error::Error as StdError;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use shelfmark::{DatabaseConfig, Db};
use shelfmark_axum::{Ended, Shutdown, serve};
use shelfmark_kv::{Kv, KvConfig};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::http::{ClientLimit, Service, router};
use crate::import::{ImportOptions, ProgressStyle, ShowReader, import_rows};
use crate::repositories::{Shows as _, ShowsExt as _};

/// Where the service listens when nothing else is said.
pub const DEFAULT_ADDRESS: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

/// The titles that an empty catalogue is filled with.
const SAMPLE: &[u8] = include_bytes!("../sample/titles.csv");

/// How the catalogue is served.
#[derive(Clone, Copy, Debug)]
pub struct Serving {
    /// Where the service listens.
    pub address: SocketAddr,
    /// How often each client may ask; without it there is no limit.
    pub limit: Option<ClientLimit>,
    /// Whether an empty catalogue is filled with the sample. Not in production, where it would hide that all is lost.
    pub sample: bool,
}

/// There is a server, and no such database on it.
#[derive(Debug, thiserror::Error)]
#[error("{0}; `catalog manage init-db` creates it")]
struct NoDatabase(#[source] shelfmark::Error);

/// SQLSTATE: there is no such database.
const NO_DATABASE: &str = "3D000";

/// Opens the database (or the one at `default_url`), brings it up to date, checks every statement against it, fills an
/// empty catalogue with the sample if that is asked for, and serves until Ctrl-C or SIGTERM, which end it while it starts
/// as well.
///
/// # Errors
/// Whatever keeps the service from starting.
pub async fn run(
    default_url: &str,
    serving: Serving,
) -> Result<(), Box<dyn StdError + Send + Sync>> {
    let Serving {
        address,
        limit,
        sample,
    } = serving;
    let shutdown = Shutdown::on_signals()?;
    let config = DatabaseConfig::from_env_or(default_url)?;
    let place = config.target.to_string();
    let beside = beside_the_tables()?;
    // The port first: a second start on it must not begin with the database.
    let listener = TcpListener::bind(address).await.map_err(|error| {
        format!("cannot listen on {address}: {error}; choose another with --addr")
    })?;
    let db = tokio::select! {
        // In this order, so that a signal is listened for before anything begins.
        biased;
        asked = asked_to_end() => {
            asked?;
            tracing::info!("asked to end before the catalogue was ready");
            return Ok(());
        }
        opened = open(config, sample) => opened?,
    };
    let counted = beside.target.to_string();
    let kv = Kv::connect(beside).await?;
    let address = listener.local_addr()?;
    tracing::info!("the catalogue is at http://{address}/, its database is {place}");
    tracing::info!("views are counted, and pages kept, in {counted}");
    let service = Service::new(&db, kv, limit);
    let ended = serve(listener, router(service), shutdown).await;
    if let Ended::CutOff { connections } = ended {
        tracing::warn!(connections, "requests were still running and were cut off");
    }
    db.close().await?;
    Ok(())
}

/// Where views and values are kept. The catalogue is there without it, so nobody waits until it answers.
///
/// # Errors
/// `InvalidConfig`.
pub(crate) fn beside_the_tables() -> shelfmark::Result<KvConfig> {
    let mut config = KvConfig::from_env()?;
    config.lazy = true;
    if config.prefix.is_empty() {
        config.prefix = "catalog:".to_owned();
    }
    Ok(config)
}

/// Waits for Ctrl-C or SIGTERM while there is no server yet that could be shut down.
async fn asked_to_end() -> io::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            asked = tokio::signal::ctrl_c() => asked,
            _ = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}

/// The database, ready to be served.
async fn open(config: DatabaseConfig, sample: bool) -> Result<Db, Box<dyn StdError + Send + Sync>> {
    let db = match Db::connect(config).await {
        Err(error) if error.code() == Some(NO_DATABASE) => return Err(NoDatabase(error).into()),
        other => other?,
    };
    crate::bring_up_to_date(&db).await?;
    db.verify().await?;
    if sample {
        fill(&db).await?;
    }
    Ok(db)
}

/// Imports the sample when there is no show yet.
async fn fill(db: &Db) -> Result<(), Box<dyn StdError + Send + Sync>> {
    if db.shows().any().await?.is_some() {
        return Ok(());
    }
    let options = ImportOptions {
        strict: true,
        progress: ProgressStyle::Quiet,
        stop: CancellationToken::new(),
    };
    let reader = ShowReader::from_reader("the sample", SAMPLE)?;
    let summary = import_rows(db, reader, None, &options).await?;
    tracing::info!(
        shows = summary.added,
        "the catalogue was empty and is filled with the sample"
    );
    Ok(())
}
