//! What README.md shows after its beginning, as one program. Runs on `memory:`, or where DATABASE_URL says.

use std::time::Duration;

use futures_util::{Stream, TryStreamExt as _};
use shelfmark::DatabaseConfig;
use shelfmark::prelude::*;

#[derive(Entity, Clone, Debug, PartialEq)]
#[entity(table = "shows")]
struct Show {
    #[id]
    show_id: String,
    #[unique]
    title: String,
    release_year: i32,
    rating: Option<String>,
}

#[derive(Insert, Debug)]
#[insert(Show)]
struct NewShow {
    show_id: String,
    title: String,
    release_year: i32,
}

#[derive(FromRow, Debug, PartialEq)]
struct YearCount {
    release_year: i32,
    shows: i64,
}

#[repository(entity = Show)]
trait Shows {
    #[find]
    async fn find(&self, show_id: &str) -> Result<Option<Show>>;
    #[insert]
    async fn insert(&self, new: &NewShow) -> Result<Show>;
    #[insert_many]
    async fn insert_many(&self, new: &[NewShow]) -> Result<u64>;
    #[update]
    async fn update(&self, show: &Show) -> Result<Show>;
    #[delete]
    async fn delete(&self, show_id: &str) -> Result<bool>;

    #[query("SELECT {*} FROM shows WHERE show_id IN (:ids) ORDER BY show_id")]
    async fn by_ids(&self, ids: &[String]) -> Result<Vec<Show>>;
    #[query("SELECT release_year, count(*) AS shows FROM shows GROUP BY release_year")]
    async fn per_year(&self) -> Result<Vec<YearCount>>;
    #[query("SELECT count(*) FROM shows")]
    async fn count(&self) -> Result<i64>;
    #[exec("UPDATE shows SET rating = :rating WHERE show_id = :show_id")]
    async fn set_rating(&self, show_id: &str, rating: &str) -> Result<u64>;
    #[query("SELECT {*} FROM shows ORDER BY show_id")]
    fn stream_all(&self) -> impl Stream<Item = Result<Show>> + Send;
}

#[repository]
trait Notes {
    #[exec("INSERT INTO notes (show_id, text) VALUES (:show_id, :text)")]
    async fn write(&self, show_id: &str, text: &str) -> Result<()>;
}

/// Adds a show and a note of it. It does not know whether it runs in a transaction.
async fn add_show(shows: &impl Shows, notes: &impl Notes, new: &NewShow) -> Result<Show> {
    let show = shows.insert(new).await?;
    notes.write(&show.show_id, "added").await?;
    Ok(show)
}

#[derive(Debug)]
enum RenameError {
    Unknown,
    TitleTaken,
    Database(Error),
}

impl From<Error> for RenameError {
    fn from(error: Error) -> Self {
        RenameError::Database(error)
    }
}

async fn rename(shows: &impl Shows, id: &str, title: &str) -> Result<Show, RenameError> {
    let mut show = shows.find(id).await?.ok_or(RenameError::Unknown)?;
    show.title = title.to_owned();
    let renamed = shows.update(&show).await;
    renamed.on_violation(Show::UNIQUE_TITLE, || RenameError::TitleTaken)
}

fn new(show_id: &str, title: &str, release_year: i32) -> NewShow {
    NewShow {
        show_id: show_id.to_owned(),
        title: title.to_owned(),
        release_year,
    }
}

async fn transactions(db: &Db) -> Result<()> {
    let arrival = new("s1", "Arrival", 2016);
    db.transaction(async |tx| add_show(tx.shows(), tx.notes(), &arrival).await)
        .await?;

    let whole = db.tx().serializable().retry(3);
    whole
        .timeout(Duration::from_secs(2))
        .run(async |tx| {
            let note = tx.savepoint(async |sp| sp.notes().write("s9", "liked").await);
            if let Err(error) = note.await {
                println!("not noted: {error}");
            }
            tx.after_commit(async || println!("committed"));
            tx.shows().set_rating("s1", "PG-13").await
        })
        .await?;
    Ok(())
}

async fn statements(db: &Db) -> Result<()> {
    let years: Vec<i32> = db
        .fetch_all(sql!(
            "SELECT release_year FROM shows WHERE title = :title",
            title = "Arrival"
        ))
        .await?;
    assert_eq!(years, [2016]);

    let all: Vec<Show> = db.shows().stream_all().try_collect().await?;
    assert_eq!(all.len(), 1);
    Ok(())
}

async fn prepare(db: &Db) -> Result<()> {
    db.migrate(migrations!("examples/tour")).await?;
    db.verify().await
}

/// The whole tour, on an empty database.
pub(crate) async fn tour(db: &Db) -> Result<()> {
    prepare(db).await?;
    transactions(db).await?;
    statements(db).await?;
    match rename(db.shows(), "s1", "Story of Your Life").await {
        Ok(show) => println!("{show:?}"),
        Err(RenameError::Database(error)) => return Err(error),
        Err(refused) => println!("{refused:?}"),
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Result<()> {
    let db = Db::connect(DatabaseConfig::from_env_or("memory:")?).await?;
    tour(&db).await?;
    db.close().await
}

shelfmark::verify_queries!(shelfmark::migrations!("examples/tour"));

#[cfg(test)]
mod tests {
    use super::*;

    struct OneShow;

    impl Shows for OneShow {
        async fn find(&self, _: &str) -> Result<Option<Show>> {
            Ok(Some(Show {
                show_id: "s1".to_owned(),
                title: "Arrival".to_owned(),
                release_year: 2016,
                rating: None,
            }))
        }
        async fn update(&self, _: &Show) -> Result<Show> {
            Err(Error::unique_violation(Show::UNIQUE_TITLE))
        }
    }

    #[tokio::test]
    async fn a_title_of_another_show_is_taken() {
        let answer = rename(&OneShow, "s1", "Alien").await;
        assert!(matches!(answer, Err(RenameError::TitleTaken)));
    }
}
