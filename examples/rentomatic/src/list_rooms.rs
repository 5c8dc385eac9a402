//! The use case: which rooms are there? It takes what a client says, and a repository; whose, it does not know.

use std::str::FromStr;

use shelfmark::Error;
use thiserror::Error as DomainError;

use crate::domain::Room;
use crate::repository::{RoomFilters, Rooms};

/// Why there is no list.
#[derive(Debug, DomainError)]
pub enum ListError {
    /// The client asked for what there is not; one line per mistake.
    #[error("{}", .0.join("\n"))]
    Parameters(Vec<String>),
    /// The repository failed.
    #[error(transparent)]
    Repository(#[from] Error),
}

/// The rooms that pass `filters`, which are pairs such as `price__lt` and `50`.
///
/// # Errors
/// `Parameters` for filters that are not accepted, all of them at once.
pub async fn list_rooms(
    rooms: &impl Rooms,
    filters: &[(String, String)],
) -> Result<Vec<Room>, ListError> {
    Ok(rooms.list(&accepted(filters)?).await?)
}

fn accepted(given: &[(String, String)]) -> Result<RoomFilters, ListError> {
    let mut filters = RoomFilters::default();
    let mut mistakes = Vec::new();
    for (key, value) in given {
        let taken = match key.as_str() {
            "code__eq" => set(&mut filters.code_eq, value),
            "price__eq" => set(&mut filters.price_eq, value),
            "price__lt" => set(&mut filters.price_lt, value),
            "price__gt" => set(&mut filters.price_gt, value),
            _ => Err("cannot be used"),
        };
        if let Err(reason) = taken {
            mistakes.push(format!("filters: Key {key} {reason}"));
        }
    }
    if mistakes.is_empty() {
        Ok(filters)
    } else {
        Err(ListError::Parameters(mistakes))
    }
}

fn set<T: FromStr>(filter: &mut Option<T>, value: &str) -> Result<(), &'static str> {
    let value = value.parse().map_err(|_| "needs a whole number")?;
    match filter.replace(value) {
        None => Ok(()),
        Some(_) => Err("is given twice"),
    }
}

#[cfg(test)]
mod tests {
    use shelfmark::{ErrorKind, Result};

    use super::*;

    /// A repository of one room, which remembers nothing and counts nothing: what the use case needs.
    struct OneRoom;

    impl Rooms for OneRoom {
        async fn list(&self, filters: &RoomFilters) -> Result<Vec<Room>> {
            if filters.code_eq.as_deref() == Some("down") {
                return Err(Error::new(ErrorKind::Connection));
            }
            let room = Room {
                code: "f853578c".to_owned(),
                size: 215,
                price: 39,
                longitude: -0.09998975,
                latitude: 51.75436293,
            };
            let fits = filters.price_lt.is_none_or(|limit| room.price < limit);
            Ok(fits.then_some(room).into_iter().collect())
        }
    }

    fn pairs(given: &[(&str, &str)]) -> Vec<(String, String)> {
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        given.iter().map(owned).collect()
    }

    async fn listed(given: &[(&str, &str)]) -> Result<usize, String> {
        let rooms = list_rooms(&OneRoom, &pairs(given)).await;
        rooms
            .map(|rooms| rooms.len())
            .map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn filters_reach_the_repository_as_what_they_mean() {
        assert_eq!(listed(&[]).await, Ok(1));
        assert_eq!(
            listed(&[("price__lt", "40"), ("price__gt", "-1")]).await,
            Ok(1)
        );
        assert_eq!(listed(&[("price__lt", "39")]).await, Ok(0));
    }

    #[tokio::test]
    async fn every_filter_that_is_not_accepted_is_named() {
        let given = [
            ("code__lt", "x"),
            ("price__eq", "ten"),
            ("code__eq", "a"),
            ("code__eq", "b"),
        ];
        assert_eq!(
            listed(&given).await,
            Err("filters: Key code__lt cannot be used\n\
                 filters: Key price__eq needs a whole number\n\
                 filters: Key code__eq is given twice"
                .to_owned())
        );
    }

    #[tokio::test]
    async fn a_failure_of_the_repository_is_handed_on() {
        let answer = list_rooms(&OneRoom, &pairs(&[("code__eq", "down")])).await;
        assert!(matches!(answer, Err(ListError::Repository(error)) if error.is_unavailable()));
    }
}
