//! The same answer to the same search, whatever is typed: on both engines, and as reading every show would give.

use std::cmp::Reverse;

use anyhow::Result;
use catalog::domain::{SearchWords, ShowRecord, words_of};

use crate::catalogue::{Catalogue, Engine, film, of_year, with};

/// What people type, and what they would if they knew how an index is asked.
fn tricky() -> Vec<String> {
    let mut texts: Vec<String> = [
        "",
        " ",
        "a",
        "z",
        "é",
        "É",
        "amelie",
        "AMÉLIE",
        "Ame\u{301}lie",
        "l'amour",
        "l’amour",
        "amour l",
        "\"love\"",
        "love\"",
        "'love'",
        "love' OR '1'='1",
        "love AND war",
        "AND",
        "OR",
        "NOT",
        "NEAR",
        "NEAR(love war)",
        "love NOT war",
        "-love",
        "lo*",
        "love*",
        "^love",
        "love:*",
        "love:a",
        "words:love",
        "love & war",
        "love | war",
        "!love",
        "(love",
        "love)",
        "love <-> war",
        "{love}",
        "love + war",
        "%",
        "_",
        "l%",
        "l_ve",
        "100%",
        "100% wolf",
        "\\",
        "\\'",
        "love\\",
        "love\u{0}war",
        "\u{0}",
        "🎬",
        "🎬 love",
        "8½",
        "ß",
        "STRASSE",
        "strasse",
        "straße",
        "İstanbul",
        "istanbul",
        "千と千尋",
        "千尋",
        "千",
        "ガ",
        "カ",
        "한",
        "한국",
        "ﬁn",
        "fin",
        "spider-man",
        "spider man",
        "spiderman",
        "the the",
        "the last the",
        "war love",
        "love war",
        "lov",
        "o'brien",
        "obrien",
        "brien",
        "anna",
        "ann",
        "anna ka",
        "karenina anna",
        "karenina",
        "--",
        "; DROP TABLE shows; --",
        "$$love$$",
        "e\u{301}",
        "\u{200b}love",
        "love\u{a0}war",
        "love\twar\n",
        "Ⅷ",
        "viii",
        "٣",
        "3",
    ]
    .map(str::to_owned)
    .to_vec();
    texts.push("love ".repeat(100));
    texts.push("x".repeat(500));
    texts.push("x".repeat(63));
    texts.push("\u{fdfa}".repeat(30));
    texts
}

fn films() -> Vec<ShowRecord> {
    let titles = [
        "Love",
        "love",
        "Love & War",
        "War of Love",
        "The Last Love",
        "The The",
        "The Last of the",
        "Lovely",
        "Amélie",
        "Ame\u{301}lie II",
        "L'amour",
        "L’amour fou",
        "100% Wolf",
        "100 Wolves",
        "Spider-Man",
        "Spiderman",
        "Spider Man Two",
        "8½",
        "8 1/2",
        "Straße",
        "Strasse",
        "İstanbul",
        "Istanbul",
        "千と千尋の神隠し",
        "ガラスの仮面",
        "한국",
        "ﬁn",
        "Fin",
        "🎬",
        "🎬 Love",
        "$$love$$",
        "AND",
        "Near",
        "Or Not",
        "words",
        "Ⅷ",
        "Henry VIII",
        "٣",
        "A",
        "Z",
        "Äa",
        "%",
        "_",
        "\\'",
        "NOT love",
        "O'Brien's",
        "a\u{200d}b",
        "\u{fdfa}",
    ];
    let long = "x".repeat(400);
    let people = [
        "Anna Karina",
        "Anna Karenina",
        "Ann Love",
        "Conan O'Brien",
        "Zoë Kravitz",
        "Zoe Saldaña",
        "İlker Aksum",
        "宮崎 駿",
        "Anna",
        "100%",
    ];
    titles
        .iter()
        .copied()
        .chain([long.as_str()])
        .zip(0_usize..)
        .map(|(title, nth)| {
            let year = 1990 + i32::try_from(nth * 7 % 30).unwrap();
            let person = |step: usize| people[(nth * step + step) % people.len()];
            with(
                of_year(film(&format!("s{nth}"), title), year),
                &[person(3)],
                &[person(7), person(1)],
            )
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_engines_give_the_same_answer_to_whatever_is_typed() -> Result<()> {
    let films = films();
    let sqlite = Catalogue::of(Engine::Sqlite, &films).await?;
    let postgres = Catalogue::of(Engine::Postgres, &films).await?;
    let mut found = 0;
    for text in tricky() {
        for limit in [1, 5, 100] {
            let answer = sqlite.search(&text, limit).await?;
            assert_eq!(
                answer,
                postgres.search(&text, limit).await?,
                "{text:?}, {limit}"
            );
            found += answer.items.len();
        }
        for order in ["-release_year", "release_year", "title", "-title"] {
            let listed = sqlite.listed(&text, order).await?;
            assert_eq!(
                listed,
                postgres.listed(&text, order).await?,
                "{text:?}, {order:?}"
            );
        }
    }
    assert!(
        found > 300,
        "{found}: the texts are such that find something"
    );
    Ok(())
}

/// Whether reading the record tells that the list must have it.
fn fits(record: &ShowRecord, words: &SearchWords) -> bool {
    let names = record.directors.iter().chain(&record.actors);
    words.are_in(&words_of(&record.show.title))
        || names.into_iter().any(|name| words.are_in(&words_of(name)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_list_has_every_show_that_fits_and_no_other() -> Result<()> {
    let films = films();
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let catalogue = Catalogue::of(engine, &films).await?;
        for text in tricky() {
            let mut expected: Vec<&ShowRecord> = match SearchWords::typed(&text) {
                _ if text.trim().is_empty() => films.iter().collect(),
                Some(words) => films.iter().filter(|film| fits(film, &words)).collect(),
                None => Vec::new(),
            };
            expected
                .sort_by_key(|film| Reverse((film.show.release_year, film.show.show_id.clone())));
            let expected: Vec<&str> = expected
                .into_iter()
                .map(|film| film.show.show_id.as_str())
                .collect();
            assert_eq!(
                catalogue.listed(&text, "-release_year").await?,
                expected,
                "{engine:?} {text:?}"
            );
        }
    }
    Ok(())
}

/// Films in whose titles some words are common, some rare, and some stand in old films alone.
fn many(count: usize) -> Vec<ShowRecord> {
    (0..count)
        .map(|nth| {
            let year = 2024 - i32::try_from(nth * 60 / count).unwrap();
            let mut title = format!("Story {nth}");
            for (word, each) in [
                ("of everyone", 2),
                ("sometimes", 40),
                ("seldom", 900),
                ("hardly", count / 5),
            ] {
                if nth % each == each - 1 {
                    title = format!("{title} {word}");
                }
            }
            if nth > count * 9 / 10 && nth % 3 == 0 {
                title.push_str(" olden");
            }
            if nth < 400 && nth % 100 == 0 || nth > 8_000 && nth % 7 == 0 {
                title.push_str(" lately");
            }
            with(
                of_year(film(&format!("m{nth}"), &title), year),
                &[],
                &[&format!("Person{} Player{}", nth % 400, nth % 7)],
            )
        })
        .collect()
}

/// The three ways in which PostgreSQL is asked, and the one of SQLite, end at what reading every title gives.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn words_of_any_frequency_give_the_newest_that_have_them() -> Result<()> {
    let films = many(12_000);
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let catalogue = Catalogue::of(engine, &films).await?;
        for text in [
            "everyone",
            "of everyone",
            "sometimes",
            "seldom",
            "hardly",
            "olden",
            "lately",
            "seldom everyone",
            "sometimes seldom",
            "eve",
            "e",
            "ol",
            "old",
            "late",
            "somet",
            "olden hardly",
            "everyone olden",
            "11999",
            "1199",
            "nobody",
            "everyone nobody",
            "everyone hard",
        ] {
            let words = SearchWords::typed(text).unwrap();
            let whole = format!(" {} ", words.as_str());
            let mut ranked: Vec<(bool, i32, usize)> = Vec::new();
            for (nth, film) in films.iter().enumerate() {
                let title = words_of(&film.show.title);
                if words.are_in(&title) {
                    let has_all = whole
                        .split_whitespace()
                        .all(|word| title.split(' ').any(|own| own == word));
                    ranked.push((!has_all, -film.show.release_year, nth));
                }
            }
            ranked.sort_unstable();
            let expected: Vec<String> = ranked
                .iter()
                .take(20)
                .map(|(_, _, nth)| format!("m{nth}"))
                .collect();
            let found = catalogue.search(text, 20).await?;
            let ids: Vec<String> = found
                .items
                .iter()
                .map(|one| one.show.show_id.clone())
                .collect();
            assert_eq!(ids, expected, "{engine:?} {text:?}");
            assert_eq!(found.more, ranked.len() > 20, "{engine:?} {text:?}");
        }
    }
    Ok(())
}
