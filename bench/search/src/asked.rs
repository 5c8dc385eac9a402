//! What people type, and how long the answer takes.

use std::time::{Duration, Instant};

use anyhow::ensure;
use catalog::repositories::{ActorsExt as _, DirectorsExt as _, ShowsExt as _, TitlesExt as _};
use catalog::use_cases::{Found, search_shows};
use shelfmark::Db;

/// Shows on the first page of an answer.
const LIMIT: u32 = 20;
/// Searches before those that are measured: caches fill, statements are prepared.
const WARM_UP: u32 = 20;

/// One thing that people search for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Search {
    pub(crate) what: &'static str,
    pub(crate) text: &'static str,
    /// Whether the smallest catalogue has a show for it.
    finds: bool,
}

const fn search(what: &'static str, text: &'static str) -> Search {
    Search {
        what,
        text,
        finds: true,
    }
}

/// The fixed set.
pub(crate) const SEARCHES: [Search; 13] = [
    search("rare title", "Bratimiish Owgapreran"),
    search("rare word", "polpolvel"),
    search("common word", "love"),
    search("most common word", "the"),
    search("two words", "night house"),
    search("common and rare word", "night polpolvel"),
    search("typing: 1 letter", "m"),
    search("typing: 4 letters", "midn"),
    search("typing: second word", "night hou"),
    search("person", "Kenji Acosta"),
    search("typing: person", "kenji aco"),
    search("first name", "Zoë"),
    Search {
        what: "no match",
        text: "xylophonist",
        finds: false,
    },
];

/// How long answers took, and how many shows they had.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) found: usize,
    pub(crate) more: bool,
    /// In ascending order.
    pub(crate) took: Vec<Duration>,
}

/// Asks through the catalogue's own use case.
pub(crate) async fn ask(db: &Db, search: Search, rounds: u32) -> anyhow::Result<Measured> {
    let once = async || -> anyhow::Result<Found> {
        let found = search_shows(
            db.shows(),
            db.titles(),
            db.directors(),
            db.actors(),
            search.text,
            LIMIT,
        );
        Ok(found.await?)
    };
    let mut found = once().await?;
    for _ in 1..WARM_UP {
        found = once().await?;
    }
    ensure!(
        found.items.is_empty() != search.finds,
        "`{}` finds {} shows",
        search.text,
        found.items.len()
    );
    let mut took = Vec::with_capacity(rounds as usize);
    for _ in 0..rounds {
        let begun = Instant::now();
        once().await?;
        took.push(begun.elapsed());
    }
    took.sort_unstable();
    Ok(Measured {
        found: found.items.len(),
        more: found.more,
        took,
    })
}
