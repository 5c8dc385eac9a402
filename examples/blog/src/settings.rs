//! What the blog is told by its environment, and by the nearest file `.env` where the environment is silent.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use shelfmark::DatabaseConfig;
use shelfmark::config::Variables;
use shelfmark_kv::{CacheConfig, KvConfig};

const DEFAULT_ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8001);
const DEFAULT_DATABASE: &str = "sqlite://data/blog.db";

/// All settings of one start.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where to listen: `BLOG_ADDR`.
    pub address: SocketAddr,
    /// Where the tables are: `DATABASE_URL` and its like.
    pub database: DatabaseConfig,
    /// Where the cache is: `REDIS_URL` and its like.
    pub kv: KvConfig,
    /// What the cache may hold: `CACHE_MAX_BYTES` and its like.
    pub cache: CacheConfig,
}

impl Settings {
    /// Reads the environment and the nearest `.env`.
    ///
    /// # Errors
    /// `InvalidConfig` that names the variable, or the file and its line, and what would be right.
    pub fn from_env() -> shelfmark::Result<Settings> {
        Ok(Settings {
            address: address(Variables::from_env()?)?,
            database: DatabaseConfig::from_env_or(DEFAULT_DATABASE)?,
            // A blog without its cache is slow, not away.
            kv: KvConfig::from_env()?.with_lazy(true),
            cache: CacheConfig::from_env()?,
        })
    }
}

fn address(mut variables: Variables) -> shelfmark::Result<SocketAddr> {
    let name = "BLOG_ADDR";
    let given = variables.text(name).map(|given| given.parse());
    if let Some(Err(_)) = given {
        let example = format_args!("{name}={DEFAULT_ADDRESS}");
        variables.refuse(name, "is not an address with a port", example);
    }
    variables.finish()?;
    Ok(given.and_then(Result::ok).unwrap_or(DEFAULT_ADDRESS))
}
