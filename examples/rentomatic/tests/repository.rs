//! The repository, on every engine.
#![allow(missing_docs, reason = "the names say what they hold")]

use rentomatic::domain::Room;
use rentomatic::repository::{RoomFilters, Rooms as _, RoomsExt as _};
use rentomatic::{FOUR_ROOMS, MIGRATIONS};
use shelfmark::{Db, Result};

async fn filled(db: &Db) -> Result<Vec<Room>> {
    let rooms: Vec<Room> = serde_json::from_str(FOUR_ROOMS).unwrap_or_default();
    assert_eq!(db.rooms().save(&rooms).await?, 4);
    Ok(rooms)
}

#[shelfmark::test(migrations = MIGRATIONS)]
async fn every_combination_of_filters_gives_the_rooms_that_pass_all(db: Db) -> Result<()> {
    let mut rooms = filled(&db).await?;
    rooms.sort_by(|a, b| a.code.cmp(&b.code));
    let codes = [None, Some(rooms[0].code.clone()), Some("none".to_owned())];
    let prices = [None, Some(39), Some(60)];
    for code_eq in codes {
        for price_eq in prices {
            for price_lt in prices {
                for price_gt in prices {
                    let filters = RoomFilters {
                        code_eq: code_eq.clone(),
                        price_eq,
                        price_lt,
                        price_gt,
                    };
                    let fits = |room: &&Room| {
                        code_eq.as_ref().is_none_or(|code| room.code == *code)
                            && price_eq.is_none_or(|price| room.price == price)
                            && price_lt.is_none_or(|price| room.price < price)
                            && price_gt.is_none_or(|price| room.price > price)
                    };
                    let expected: Vec<Room> = rooms.iter().filter(fits).cloned().collect();
                    assert_eq!(db.rooms().list(&filters).await?, expected, "{filters:?}");
                }
            }
        }
    }
    Ok(())
}

#[shelfmark::test(migrations = MIGRATIONS)]
async fn a_room_that_is_saved_again_is_replaced(db: Db) -> Result<()> {
    let mut room = filled(&db).await?.remove(0);
    room.price += 1;
    db.rooms().save(std::slice::from_ref(&room)).await?;
    let all = db.rooms().list(&RoomFilters::default()).await?;
    assert_eq!(all.len(), 4);
    assert!(all.contains(&room));
    Ok(())
}
