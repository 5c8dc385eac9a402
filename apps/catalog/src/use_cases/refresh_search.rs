//! Looking at titles and names whose words are not kept: those of a database from before there was a search, and those
//! that were changed by hand.

use shelfmark::{Db, Result};

use crate::domain::{NewTitleWords, words_of};
use crate::repositories::{
    Actors as _, ActorsExt as _, Directors as _, DirectorsExt as _, Titles as _, TitlesExt as _,
};

/// Titles or names per transaction.
const BATCH: i64 = 1_000;

/// Keeps the words of all titles and names that have none, and says of how many. With nothing to do it asks how many rows
/// there are, and no more.
///
/// # Errors
/// What a statement fails with; what was done before stays.
///
/// # Cancel safety
/// Dropping the future undoes at most one batch; the next call goes on there.
pub async fn refresh_search(db: &Db) -> Result<u64> {
    let mut done = 0;
    if db.titles().missing().await? > 0 {
        done += read_titles(db).await?;
    }
    // The two tables have the same shape under different types.
    macro_rules! read_names {
        ($table:ident) => {
            loop {
                let tx = db.tx().retry(5);
                let read = tx.run(async |tx| {
                    let people = tx.$table().without_words(BATCH).await?;
                    for person in &people {
                        let words = words_of(&person.name);
                        tx.$table().keep_words(person.id, &words).await?;
                    }
                    Ok::<_, shelfmark::Error>(people.len() as u64)
                });
                match read.await? {
                    0 => break,
                    count => done += count,
                }
            }
        };
    }
    read_names!(directors);
    read_names!(actors);
    Ok(done)
}

async fn read_titles(db: &Db) -> Result<u64> {
    let (mut done, mut after) = (0, String::new());
    loop {
        let tx = db.tx().retry(5);
        let from = after.as_str();
        let read = tx.run(async |tx| {
            let shows = tx.titles().next_missing(from, BATCH).await?;
            let last = shows.last().map(|(id, _, _)| id.clone());
            let words: Vec<NewTitleWords> = shows
                .into_iter()
                .map(|(show_id, release_year, title)| NewTitleWords {
                    show_id,
                    release_year,
                    words: words_of(&title),
                })
                .collect();
            tx.titles().keep(&words).await?;
            tx.titles().take_in().await?;
            Ok::<_, shelfmark::Error>((words.len() as u64, last))
        });
        let (count, last) = read.await?;
        done += count;
        match last {
            Some(last) => after = last,
            None => return Ok(done),
        }
    }
}
