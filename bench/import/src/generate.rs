//! A catalogue out of nothing: the same rows on every machine, with the proportions of the published file.
//!
//! Names, titles and sentences are put together from [`words`](crate::words), with letters beyond ASCII, commas and
//! quotation marks in them. About a third of the shows name no director, one in ten no cast and no country.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use crate::names::Names;
use crate::words::{
    ADJECTIVES, COUNTRIES, ENDINGS, FIRST_NAMES, GENRES, HEROES, LAST_NAMES, NOUNS, PLACES,
    RATINGS, SERIES_RATINGS, TWISTS,
};

/// Any fixed number will do.
const SEED: u64 = 0x5e1f_a4c0_0000_0001;

/// The generated rows, normalized.
#[derive(Debug)]
pub(crate) struct Catalogue {
    pub(crate) shows: Vec<Show>,
    pub(crate) directors: Names,
    pub(crate) actors: Names,
    pub(crate) genres: Names,
    pub(crate) countries: Names,
}

/// One show, with the ids of its names in order.
#[derive(Debug)]
pub(crate) struct Show {
    pub(crate) show_id: String,
    pub(crate) kind: &'static str,
    pub(crate) title: String,
    pub(crate) title_folded: String,
    /// The words by which the title is found.
    pub(crate) title_words: String,
    pub(crate) date_added: Option<Day>,
    pub(crate) release_year: u16,
    pub(crate) rating: Option<&'static str>,
    pub(crate) duration: String,
    pub(crate) description: String,
    pub(crate) directors: Vec<u32>,
    pub(crate) actors: Vec<u32>,
    pub(crate) genres: Vec<u32>,
    pub(crate) countries: Vec<u32>,
}

/// A day of the calendar.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Day {
    pub(crate) year: u16,
    pub(crate) month: u8,
    pub(crate) day: u8,
}

/// What joins shows to one kind of name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Link {
    /// The table of the names.
    pub(crate) names: &'static str,
    /// The table that joins.
    pub(crate) table: &'static str,
    /// Its column that refers to the names.
    pub(crate) column: &'static str,
    /// Whether the names are found by their words.
    pub(crate) has_words: bool,
    pub(crate) of: fn(&Show) -> &[u32],
    pub(crate) list: fn(&Catalogue) -> &Names,
}

/// The four kinds of names.
pub(crate) const LINKS: [Link; 4] = [
    Link {
        names: "directors",
        table: "show_directors",
        column: "director_id",
        has_words: true,
        of: |show| &show.directors,
        list: |catalogue| &catalogue.directors,
    },
    Link {
        names: "actors",
        table: "show_actors",
        column: "actor_id",
        has_words: true,
        of: |show| &show.actors,
        list: |catalogue| &catalogue.actors,
    },
    Link {
        names: "genres",
        table: "show_genres",
        column: "genre_id",
        has_words: false,
        of: |show| &show.genres,
        list: |catalogue| &catalogue.genres,
    },
    Link {
        names: "countries",
        table: "show_countries",
        column: "country_id",
        has_words: false,
        of: |show| &show.countries,
        list: |catalogue| &catalogue.countries,
    },
];

/// `rows` shows.
pub(crate) fn catalogue(rows: u32) -> Catalogue {
    let mut random = fastrand::Rng::with_seed(SEED);
    let mut catalogue = Catalogue {
        shows: Vec::with_capacity(rows as usize),
        directors: Names::new(shuffled(director_names(), &mut random)),
        actors: Names::new(shuffled(actor_names(), &mut random)),
        genres: Names::new(GENRES.map(str::to_owned).to_vec()),
        countries: Names::new(COUNTRIES.map(str::to_owned).to_vec()),
    };
    for number in 1..=rows {
        let show = show(number, &mut catalogue, &mut random);
        catalogue.shows.push(show);
    }
    catalogue
}

fn shuffled(mut names: Vec<String>, random: &mut fastrand::Rng) -> Vec<String> {
    random.shuffle(&mut names);
    names
}

fn actor_names() -> Vec<String> {
    let all = |first: &&'static str| {
        let first = *first;
        LAST_NAMES.iter().map(move |last| format!("{first} {last}"))
    };
    FIRST_NAMES.iter().flat_map(all).collect()
}

/// Every second first name with every second last name, and a letter between them.
fn director_names() -> Vec<String> {
    let letters = ('A'..='Z').cycle();
    let pairs = FIRST_NAMES.iter().step_by(2).flat_map(|first| {
        LAST_NAMES
            .iter()
            .step_by(2)
            .map(move |last| (*first, *last))
    });
    pairs
        .zip(letters)
        .map(|((first, last), letter)| format!("{first} {letter}. {last}"))
        .collect()
}

fn show(number: u32, catalogue: &mut Catalogue, random: &mut fastrand::Rng) -> Show {
    let is_series = random.u8(..10) < 3;
    let title = title(random);
    let release_year = 2024 - (random.f64() * random.f64() * random.f64() * 90.0) as u16;
    let cast = if random.u8(..10) == 0 {
        0
    } else {
        random.usize(1..=15)
    };
    let directing = match random.u8(..20) {
        0..6 => 0,
        6..18 => 1,
        _ => random.usize(2..=4),
    };
    let countries = match random.u8(..20) {
        0..2 => 0,
        2..17 => 1,
        _ => random.usize(2..=4),
    };
    let ratings: &[&'static str] = if is_series { &SERIES_RATINGS } else { &RATINGS };
    Show {
        show_id: format!("s{number}"),
        kind: if is_series { "TV Show" } else { "Movie" },
        title_folded: folded(&title),
        title_words: words(&title),
        title,
        date_added: (random.u16(..1000) > 0).then(|| Day {
            year: random.u16(2008..=2024),
            month: random.u8(1..=12),
            day: random.u8(1..=28),
        }),
        release_year,
        rating: if random.u16(..2000) == 0 {
            None
        } else {
            random.choice(ratings.iter().copied())
        },
        duration: match (is_series, random.u16(1..=12)) {
            (true, 1..=8) => "1 Season".to_owned(),
            (true, seasons) => format!("{} Seasons", seasons - 7),
            (false, _) => format!("{} min", random.u16(60..=190)),
        },
        description: description(random),
        directors: catalogue.directors.pick(directing, random),
        actors: catalogue.actors.pick(cast, random),
        genres: {
            let genres = random.usize(1..=3);
            catalogue.genres.pick(genres, random)
        },
        countries: catalogue.countries.pick(countries, random),
    }
}

fn word(list: &[&'static str], random: &mut fastrand::Rng) -> &'static str {
    random.choice(list.iter().copied()).unwrap_or_default()
}

fn title(random: &mut fastrand::Rng) -> String {
    let (adjective, noun) = (word(&ADJECTIVES, random), word(&NOUNS, random));
    let (place, other) = (word(&PLACES, random), word(&NOUNS, random));
    match random.u8(..8) {
        0 => format!("The {adjective} {noun}"),
        1 => format!("{noun} of {place}"),
        2 => format!("{place}, {adjective} {noun}"),
        3 => format!("{noun}: The {adjective} {other}"),
        4 => format!("\"{noun}\" in {place}"),
        5 => format!("{adjective} {place}"),
        6 => format!("{noun} & {other}"),
        _ => format!("The {noun} of {place} {}", random.u8(2..=9)),
    }
}

fn description(random: &mut fastrand::Rng) -> String {
    let mut text = format!(
        "In {}, {} {}, {}.",
        word(&PLACES, random),
        word(&HEROES, random),
        word(&TWISTS, random),
        word(&ENDINGS, random),
    );
    if random.u8(..4) == 0 {
        text.push_str(" \"Nobody\", says the poster, \"leaves unchanged.\"");
    }
    text
}

/// What the catalogue makes of a title to search and sort by.
fn folded(title: &str) -> String {
    let plain: String = title
        .nfkd()
        .filter(|letter| !is_combining_mark(*letter))
        .collect();
    plain
        .to_lowercase()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

/// The words of a title or name, each once: what the catalogue's full-text indexes are given.
pub(crate) fn words(text: &str) -> String {
    let folded = folded(text);
    let mut words: Vec<&str> = Vec::new();
    for word in folded.split(|letter: char| !letter.is_alphanumeric()) {
        if !word.is_empty() && !words.contains(&word) {
            words.push(word);
        }
    }
    words.join(" ")
}
