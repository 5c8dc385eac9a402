//! What the handlers work with: the database, and what stands beside its tables.

use axum::extract::FromRef;
use shelfmark::Db;
use shelfmark_kv::{Cache, Kv};

use super::clients::ClientLimit;

/// The database, and what stands beside its tables.
#[derive(Clone, Debug)]
pub struct Service {
    /// The catalogue, whose reads are answered from the cache.
    pub db: Db,
    /// The same cache, for what is more than one read.
    pub cache: Cache,
    /// Where views are counted and clients are limited: in this process, or on the Redis that all instances share.
    pub kv: Kv,
    /// How often one client may ask, if that is limited.
    pub limit: Option<ClientLimit>,
}

impl Service {
    /// `db` with what stands beside its tables: a cache on `kv`, which answers reads and is told of changes.
    #[must_use]
    pub fn new(db: &Db, kv: Kv, limit: Option<ClientLimit>) -> Service {
        let cache = Cache::on(&kv);
        Service {
            db: db.with_cache(cache.clone()),
            cache,
            kv,
            limit,
        }
    }
}

impl FromRef<Service> for Db {
    fn from_ref(service: &Service) -> Db {
        service.db.clone()
    }
}

impl FromRef<Service> for Kv {
    fn from_ref(service: &Service) -> Kv {
        service.kv.clone()
    }
}

impl FromRef<Service> for Cache {
    fn from_ref(service: &Service) -> Cache {
        service.cache.clone()
    }
}
