//! The program: from its settings to a running service.

use anyhow::{Context as _, Result};
use blog::settings::Settings;
use blog::{MIGRATIONS, web};
use shelfmark::Db;
use shelfmark_axum::{Shutdown, serve};
use shelfmark_kv::{Cache, Kv};
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> Result<()> {
    let filter = EnvFilter::try_from_default_env();
    tracing_subscriber::fmt()
        .with_env_filter(filter.unwrap_or_else(|_| EnvFilter::new("warn,blog=info")))
        .with_writer(std::io::stderr)
        .init();
    let settings = Settings::from_env()?;
    let shutdown = Shutdown::on_signals()?;
    let place = settings.database.target.to_string();
    let beside = settings.kv.target.to_string();
    let address = settings.address;
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}; set BLOG_ADDR to another address"))?;
    let db = Db::create(settings.database).await?;
    db.migrate(MIGRATIONS).await?;
    db.verify().await?;
    // A Redis may be shared with other programs.
    let kv = Kv::connect(settings.kv).await?.prefixed("blog:");
    let cache = Cache::new(&kv, settings.cache)?;
    let address = listener.local_addr()?;
    tracing::info!("the tables are in {place}, the cache is in {beside}");
    tracing::info!("the blog is at http://{address}/feed");
    serve(listener, web::router(&db, cache), shutdown).await;
    Ok(db.close().await?)
}
