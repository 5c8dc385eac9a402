//! Where rooms are kept: in memory, in a file or on PostgreSQL. The only place with SQL.

use shelfmark::prelude::*;

use crate::domain::Room;

/// Which rooms are asked for; what is `None` does not matter.
#[derive(Filters, Clone, Debug, Default, PartialEq)]
#[filters(Room)]
pub struct RoomFilters {
    /// The room of this code.
    #[filter(eq, column = code)]
    pub code_eq: Option<String>,
    /// Rooms of this price.
    #[filter(eq, column = price)]
    pub price_eq: Option<i64>,
    /// Rooms that cost less.
    #[filter(lt, column = price)]
    pub price_lt: Option<i64>,
    /// Rooms that cost more.
    #[filter(gt, column = price)]
    pub price_gt: Option<i64>,
}

/// The rooms.
#[repository(entity = Room)]
pub trait Rooms {
    /// The rooms that fit, by code.
    #[query("SELECT {*} FROM rooms WHERE {filters} ORDER BY code")]
    async fn list(&self, filters: &RoomFilters) -> Result<Vec<Room>>;

    /// Adds rooms, or replaces those whose code is there.
    #[upsert_many]
    async fn save(&self, rooms: &[Room]) -> Result<u64>;
}
