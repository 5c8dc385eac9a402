//! What somebody means who types a few letters: shows by pieces of their titles, or by the people in them.

use std::collections::{HashMap, HashSet};

use serde::Serialize;
use shelfmark::Result;
use tokio::try_join;

use crate::domain::{PersonMatch, SearchWords, Show, TitleMatch, fold};
use crate::repositories::{Actors, Directors, Shows, Titles};

/// Titles that begin with what was typed of which at most so many are looked at, in the order of titles.
const BEGINNINGS: i64 = 200;
/// People that match of whom at most so many are looked at, those who came first.
const PEOPLE: i64 = 20;
/// Shows of these people of which at most so many are looked at.
const SHOWS_OF_PEOPLE: i64 = 1_000;

/// A show that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FoundShow {
    /// The show.
    #[serde(flatten)]
    pub show: Show,
    /// Those of its directors and actors whose names match, each once.
    pub people: Vec<String>,
}

/// The answer to a search.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Found {
    /// The best matches first.
    pub items: Vec<FoundShow>,
    /// Whether there are more matches than these, or may be.
    pub more: bool,
}

/// At most `limit` shows that `text` finds, the best matches first:
///
/// 1. those whose title it is,
/// 2. those whose titles begin with it,
/// 3. those whose titles have all of its words,
/// 4. those whose titles have all of its words, the last of which is the beginning of a word,
/// 5. those with a director or an actor whose name has all of its words,
/// 6. the same with the last word as a beginning.
///
/// Within each of these the newest come first. Case, accents and punctuation do not count, and nothing in the text is
/// syntax.
///
/// # Cost
/// Nearly the same for 10,000 shows and for 1,000,000, because no step looks at all of its matches where they are many:
///
/// * Each step runs only when those before it have not found enough.
/// * Steps 1 and 2 read at most 200 entries of the index by title. Of more titles than that, the first in the order of
///   titles are taken, which are those nearest to what was typed.
/// * Steps 3 and 4 are answered in the order of the index, newest first, and end when there are enough: see
///   [`Titles::matching`]. The whole word comes before its beginnings because an index gives the matches of one entry in
///   order, while those of many entries have to be merged before the first is known.
/// * Steps 5 and 6 take the 20 people that came first, and look at 1,000 of their shows. A search for a common first name
///   is cut there.
///
/// [`Found::more`] says when something was left out.
///
/// # Errors
/// What a statement fails with.
///
/// # Cancel safety
/// It only reads.
pub async fn search_shows(
    shows: &impl Shows,
    titles: &impl Titles,
    directors: &impl Directors,
    actors: &impl Actors,
    text: &str,
    limit: u32,
) -> Result<Found> {
    // No title holds a control character, and PostgreSQL takes no NUL, not even to look for it.
    let folded = fold(&text.replace(char::is_control, " "));
    if folded.is_empty() {
        return Ok(Found::default());
    }
    let mut ranking = Ranking::new(limit);
    ranking.add_titled(
        &folded,
        shows
            .titled(&folded, &after_all(&folded), BEGINNINGS)
            .await?,
    );
    let words = SearchWords::typed(text);
    if let Some(words) = &words {
        let typed = words.as_str();
        for begun in [false, true] {
            if ranking.has_room() {
                let asked = ranking.asked_of_titles();
                ranking.add(titles.matching(typed, begun, asked).await?);
            }
        }
        for begun in [false, true] {
            if ranking.has_room() {
                let (found, cut) =
                    shows_of_people(directors, actors, typed, begun, ranking.asked()).await?;
                ranking.more |= cut;
                ranking.add(found);
            }
        }
    }
    let Ranking { ids, more, .. } = ranking.cut();
    let (rows, directing, acting) = try_join!(
        shows.by_ids(&ids),
        directors.of_shows(&ids),
        actors.of_shows(&ids)
    )?;
    let mut people = matching_people(words.as_ref(), directing.into_iter().chain(acting));
    let mut rows: HashMap<String, Show> = rows
        .into_iter()
        .map(|show| (show.show_id.clone(), show))
        .collect();
    // A show that was removed since it was found is left out.
    let items = ids.iter().filter_map(|id| {
        let show = rows.remove(id)?;
        let people = people.remove(id).unwrap_or_default();
        Some(FoundShow { show, people })
    });
    Ok(Found {
        items: items.collect(),
        more,
    })
}

/// Beyond every text that begins with `text`.
fn after_all(text: &str) -> String {
    format!("{text}{}", char::MAX)
}

/// The newest shows of people whose names match, and whether some were left out.
async fn shows_of_people(
    directors: &impl Directors,
    actors: &impl Actors,
    words: &str,
    begun: bool,
    limit: i64,
) -> Result<(Vec<TitleMatch>, bool)> {
    let (directing, acting) = try_join!(
        directors.matching(words, begun, PEOPLE),
        actors.matching(words, begun, PEOPLE)
    )?;
    let is_full = |ids: &[i64]| i64::try_from(ids.len()).is_ok_and(|count| count >= PEOPLE);
    let cut = is_full(&directing) || is_full(&acting);
    let directed = async {
        if directing.is_empty() {
            return Ok(Vec::new());
        }
        directors
            .newest_shows(&directing, SHOWS_OF_PEOPLE, limit)
            .await
    };
    let acted = async {
        if acting.is_empty() {
            return Ok(Vec::new());
        }
        actors.newest_shows(&acting, SHOWS_OF_PEOPLE, limit).await
    };
    let (mut found, acted) = try_join!(directed, acted)?;
    found.extend(acted);
    found.sort_by_key(|one| (-one.release_year, one.n));
    Ok((found, cut))
}

/// For each show the names that match.
fn matching_people(
    words: Option<&SearchWords>,
    people: impl Iterator<Item = PersonMatch>,
) -> HashMap<String, Vec<String>> {
    let mut matching: HashMap<String, Vec<String>> = HashMap::new();
    let Some(words) = words else { return matching };
    for person in people {
        if words.are_in(person.name_words.as_deref().unwrap_or_default()) {
            let names = matching.entry(person.show_id).or_default();
            if !names.contains(&person.name) {
                names.push(person.name);
            }
        }
    }
    matching
}

/// The keys that were found so far, the best first.
struct Ranking {
    limit: usize,
    ids: Vec<String>,
    known: HashSet<String>,
    more: bool,
}

impl Ranking {
    fn new(limit: u32) -> Self {
        Ranking {
            limit: usize::try_from(limit).unwrap_or(usize::MAX),
            ids: Vec::new(),
            known: HashSet::new(),
            more: false,
        }
    }

    /// One more than what is answered says that there is more.
    fn has_room(&self) -> bool {
        self.ids.len() <= self.limit
    }

    /// How many are missing when none of those that come is known.
    fn asked(&self) -> i64 {
        i64::try_from(self.limit.saturating_add(1)).unwrap_or(i64::MAX)
    }

    /// As [`asked`](Self::asked), where those that are known may come again.
    fn asked_of_titles(&self) -> i64 {
        self.asked()
            .saturating_add(i64::try_from(self.ids.len()).unwrap_or(i64::MAX))
    }

    fn add(&mut self, found: Vec<TitleMatch>) {
        for one in found {
            self.push(one.show_id);
        }
    }

    fn push(&mut self, id: String) {
        if self.known.insert(id.clone()) {
            self.ids.push(id);
        }
    }

    /// Titles that begin with `folded`, in their order.
    fn add_titled(&mut self, folded: &str, mut found: Vec<(String, i32, String)>) {
        self.more |= i64::try_from(found.len()).is_ok_and(|count| count >= BEGINNINGS);
        found.sort_by(|a, b| {
            let rank = |row: &(String, i32, String)| (row.2 != folded, -row.1);
            rank(a).cmp(&rank(b)).then_with(|| a.0.cmp(&b.0))
        });
        for (id, _, _) in found {
            self.push(id);
        }
    }

    fn cut(mut self) -> Self {
        self.more |= self.ids.len() > self.limit;
        self.ids.truncate(self.limit);
        self
    }
}
