//! What the business talks of. Knows nothing of databases or the web.

use serde::{Deserialize, Serialize};
use shelfmark::{Entity, Insert};

/// A room for rent.
#[derive(Entity, Insert, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[entity(table = "rooms")]
#[insert(Room)]
#[serde(deny_unknown_fields)]
pub struct Room {
    /// What it is known by.
    #[id]
    pub code: String,
    /// In square metres.
    pub size: i64,
    /// Per month.
    pub price: i64,
    /// In degrees, east of Greenwich.
    pub longitude: f64,
    /// In degrees, north of the equator.
    pub latitude: f64,
}
