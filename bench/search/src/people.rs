//! People who become more as the shows do: each 50,000 shows have directors and actors of their own.
//!
//! The generator has a fixed list of names, of whom everybody would be in hundreds of shows of a large catalogue. Those
//! of later shows get another initial, so that first and last names stay as frequent as they are.

use std::collections::HashMap;

use crate::generate::{Catalogue, Show};
use crate::names::Names;

/// Shows that share their people.
const GENERATION: usize = 50_000;

/// The directors and actors of a catalogue, with the shows they are in.
#[derive(Debug)]
pub(crate) struct People {
    pub(crate) directors: Role,
    pub(crate) actors: Role,
}

/// The people of one table, and what joins them to the shows.
#[derive(Debug, Default)]
pub(crate) struct Role {
    /// The names; the first has the id 1.
    pub(crate) names: Vec<String>,
    /// For each show the ids of its people.
    pub(crate) of_shows: Vec<Vec<u32>>,
}

impl People {
    pub(crate) fn of(catalogue: &Catalogue) -> People {
        People {
            directors: role(&catalogue.shows, &catalogue.directors, |show| {
                &show.directors
            }),
            actors: role(&catalogue.shows, &catalogue.actors, |show| &show.actors),
        }
    }
}

fn role(shows: &[Show], names: &Names, of: fn(&Show) -> &[u32]) -> Role {
    let mut role = Role::default();
    for (generation, shows) in shows.chunks(GENERATION).enumerate() {
        let mut ids: HashMap<u32, u32> = HashMap::new();
        for show in shows {
            let own = of(show).iter().map(|id| {
                *ids.entry(*id).or_insert_with(|| {
                    role.names.push(named(names.name(*id), generation));
                    role.names.len() as u32
                })
            });
            let own = own.collect();
            role.of_shows.push(own);
        }
    }
    role
}

/// `Kenji Abe`, and `Kenji B. Abe` in the next generation.
fn named(name: &str, generation: usize) -> String {
    if generation == 0 {
        return name.to_owned();
    }
    let letter = |place: usize| char::from(b'A' + (place % 26) as u8);
    let initial = match generation / 26 {
        0 => format!("{}.", letter(generation)),
        more => format!("{}{}.", letter(more), letter(generation)),
    };
    match name.split_once(' ') {
        Some((first, last)) => format!("{first} {initial} {last}"),
        None => format!("{name} {initial}"),
    }
}
