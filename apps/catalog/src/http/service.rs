//! What the handlers work with: the database, and what stands beside its tables.

use axum::extract::FromRef;
use shelfmark::Db;
use shelfmark_kv::Kv;

use super::clients::ClientLimit;

/// The database, and what stands beside its tables.
#[derive(Clone, Debug)]
pub struct Service {
    /// The catalogue.
    pub db: Db,
    /// Where views are counted and clients are limited: in this process, or on the Redis that all instances share.
    pub kv: Kv,
    /// How often one client may ask, if that is limited.
    pub limit: Option<ClientLimit>,
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
