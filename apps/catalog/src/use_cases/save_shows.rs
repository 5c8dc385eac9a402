//! Shows with their names, added or replaced: what an import and a client's change have in common.

use std::collections::{BTreeSet, HashMap};

use shelfmark::{Error, ErrorKind, Result};

use crate::domain::{
    NewActor, NewCountry, NewDirector, NewGenre, NewTitleWords, ShowActor, ShowCountry,
    ShowDirector, ShowGenre, ShowRecord,
};
use crate::repositories::{Actors, Countries, Directors, Genres, Shows, Titles};

/// Adds `records`, or replaces those whose key is there, with everything that joins them to names.
///
/// Runs a constant number of statements whatever the number of records. Call it inside of a transaction: a show is
/// whole only when all of them have run. Keys must not repeat among `records`.
///
/// # Errors
/// What a statement fails with; `Serialization` when somebody else removes one of the names meanwhile.
pub async fn save_shows(
    shows: &impl Shows,
    titles: &impl Titles,
    directors: &impl Directors,
    actors: &impl Actors,
    genres: &impl Genres,
    countries: &impl Countries,
    records: &[ShowRecord],
) -> Result<()> {
    let rows: Vec<_> = records.iter().map(|record| record.show.clone()).collect();
    shows.upsert_many(&rows).await?;
    complete(titles, directors, actors, genres, countries, records).await
}

/// Joins the shows of `records`, which are there, to their names and to no others, and makes them found.
pub(super) async fn complete(
    titles: &impl Titles,
    directors: &impl Directors,
    actors: &impl Actors,
    genres: &impl Genres,
    countries: &impl Countries,
    records: &[ShowRecord],
) -> Result<()> {
    let show_ids: Vec<String> = records
        .iter()
        .map(|record| record.show.show_id.clone())
        .collect();
    let words: Vec<NewTitleWords> = records
        .iter()
        .map(|record| NewTitleWords::from(&record.show))
        .collect();
    titles.keep(&words).await?;
    // The four tables have the same shape under different types, so the same steps are written once for all of them.
    macro_rules! join {
        ($table:expr, $names:ident, $new:ident, $link:ident { $id:ident }) => {{
            // In the order of the alphabet, so that two imports wait for each other instead of deadlocking.
            let names: BTreeSet<&String> = records.iter().flat_map(|record| &record.$names).collect();
            let new: Vec<$new> = names.iter().map(|&name| $new::named(name)).collect();
            let names: Vec<String> = names.into_iter().cloned().collect();
            $table.add_missing(&new).await?;
            let ids: HashMap<String, i64> =
                $table.by_names(&names).await?.into_iter().map(|row| (row.name, row.id)).collect();
            let mut links: Vec<$link> = Vec::new();
            for record in records {
                let ids = ids_of(&record.$names, &ids)?;
                links.extend(ids.into_iter().zip(0..).map(|($id, position)| $link {
                    show_id: record.show.show_id.clone(),
                    $id,
                    position,
                }));
            }
            $table.unlink(&show_ids).await?;
            $table.link(&links).await?;
        }};
    }
    join!(
        directors,
        directors,
        NewDirector,
        ShowDirector { director_id }
    );
    join!(actors, actors, NewActor, ShowActor { actor_id });
    join!(genres, genres, NewGenre, ShowGenre { genre_id });
    join!(countries, countries, NewCountry, ShowCountry { country_id });
    titles.take_in().await
}

/// The ids of `names` in their order, each once.
///
/// # Errors
/// `Serialization`, which is worth another try, when a name has none: somebody removed it between the statement that
/// added it and the one that read it back.
fn ids_of(names: &[String], ids: &HashMap<String, i64>) -> Result<Vec<i64>> {
    let mut kept = Vec::new();
    for name in names {
        let Some(id) = ids.get(name) else {
            return Err(Error::new(ErrorKind::Serialization)
                .with_detail("a name was removed by somebody else while a show was joined to it"));
        };
        if !kept.contains(id) {
            kept.push(*id);
        }
    }
    Ok(kept)
}
