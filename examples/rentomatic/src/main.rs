//! The command line: `rentomatic serve`, `init`, `load FILE.json`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};
use rentomatic::domain::Room;
use rentomatic::repository::{Rooms as _, RoomsExt as _};
use rentomatic::{FOUR_ROOMS, MIGRATIONS, web};
use shelfmark::{DatabaseConfig, Db, Target};
use shelfmark_axum::{Shutdown, serve};
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

/// Rooms for rent.
///
/// They are in memory, or where DATABASE_URL, or POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_HOSTNAME, POSTGRES_PORT and
/// APPLICATION_DB say; a file `.env` is read too.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Answer GET /rooms
    Serve {
        /// Where to listen; port 0 takes a free one
        #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8000")]
        addr: SocketAddr,
    },
    /// Create the database and its tables, where they are missing
    Init,
    /// Add the rooms of a JSON file, or replace those whose code is there
    Load {
        /// A list of rooms, as GET /rooms answers it
        #[arg(value_name = "FILE.json")]
        file: PathBuf,
    },
}

#[tokio::main]
async fn main() -> Result<()> {
    let filter = EnvFilter::try_from_default_env();
    tracing_subscriber::fmt()
        .with_env_filter(filter.unwrap_or_else(|_| EnvFilter::new("warn,rentomatic=info")))
        .with_writer(std::io::stderr)
        .init();
    let command = Cli::parse().command;
    let config = DatabaseConfig::from_env_or("memory:")?;
    let place = config.target.to_string();
    match command {
        Command::Serve { addr } => {
            let in_memory = config.target == Target::Memory;
            let db = Db::connect(config).await?;
            db.migrate(MIGRATIONS).await?;
            db.verify().await?;
            if in_memory {
                let rooms: Vec<Room> = serde_json::from_str(FOUR_ROOMS)?;
                db.rooms().save(&rooms).await?;
            }
            answer(db, addr, &place).await
        }
        Command::Init => {
            let db = Db::create(config).await?;
            db.migrate(MIGRATIONS).await?;
            println!("{place} is ready");
            Ok(db.close().await?)
        }
        Command::Load { file } => {
            let rooms = read(&file)?;
            let db = Db::connect(config).await?;
            db.migrate(MIGRATIONS).await?;
            let saved = db.rooms().save(&rooms).await?;
            println!("{saved} rooms are in {place}");
            Ok(db.close().await?)
        }
    }
}

async fn answer(db: Db, addr: SocketAddr, place: &str) -> Result<()> {
    let shutdown = Shutdown::on_signals()?;
    let listener = TcpListener::bind(addr)
        .await
        .with_context(|| format!("cannot listen on {addr}"))?;
    let addr = listener.local_addr()?;
    tracing::info!("the rooms of {place} are at http://{addr}/rooms");
    serve(listener, web::router(db.clone()), shutdown).await;
    Ok(db.close().await?)
}

fn read(file: &Path) -> Result<Vec<Room>> {
    let name = file.display();
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {name}"))?;
    serde_json::from_str(&text).with_context(|| format!("{name} is not a list of rooms"))
}
