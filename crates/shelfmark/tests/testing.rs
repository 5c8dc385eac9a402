//! Three ways to test code that uses a database: with a fake, on every engine, and by the number of statements.

use shelfmark::assert_statements;
use shelfmark::prelude::*;
use shelfmark::{Migration, migrations};

const MIGRATIONS: &[Migration] = migrations!("tests/testing");

#[derive(Entity, Clone, Debug, PartialEq)]
#[entity(table = "shows")]
struct Show {
    #[id]
    show_id: String,
    title: String,
}

#[derive(Entity, Debug, PartialEq)]
#[entity(table = "seasons")]
struct Season {
    #[id]
    season_id: String,
    show_id: String,
}

#[repository(entity = Show)]
trait Shows {
    #[find]
    async fn find(&self, show_id: &str) -> Result<Option<Show>>;
    #[query("SELECT {*} FROM shows ORDER BY show_id")]
    async fn all(&self) -> Result<Vec<Show>>;
    #[exec("INSERT INTO shows (show_id, title) VALUES (:show_id, :title)")]
    async fn add(&self, show_id: &str, title: &str) -> Result<()>;
}

#[repository(entity = Season)]
trait Seasons {
    #[query("SELECT {*} FROM seasons WHERE show_id = :show_id ORDER BY season_id")]
    async fn of_show(&self, show_id: &str) -> Result<Vec<Season>>;
    #[query("SELECT {*} FROM seasons WHERE show_id IN (:show_ids) ORDER BY season_id")]
    async fn of_shows(&self, show_ids: &[&str]) -> Result<Vec<Season>>;
}

// The code under test.

async fn title_of(shows: &impl Shows, show_id: &str) -> Result<String> {
    let show = shows.find(show_id).await?;
    Ok(show.map_or_else(|| "unknown".to_owned(), |show| show.title))
}

async fn number_of_seasons(db: &Db) -> Result<usize> {
    let shows = db.shows().all().await?;
    let ids: Vec<&str> = shows.iter().map(|show| show.show_id.as_str()).collect();
    Ok(db.seasons().of_shows(&ids).await?.len())
}

async fn number_of_seasons_one_by_one(db: &Db) -> Result<usize> {
    let mut seasons = 0;
    for show in db.shows().all().await? {
        seasons += db.seasons().of_show(&show.show_id).await?.len();
    }
    Ok(seasons)
}

async fn add_shows(db: &Db, number: usize) -> Result<()> {
    let add = async |tx: Tx| {
        for nth in 0..number {
            tx.shows().add(&format!("s{nth}"), "Alien").await?;
        }
        Ok(())
    };
    db.transaction(add).await
}

// A fake by hand implements what its test needs; what it leaves out answers `NotImplemented`.

struct OneShow(Show);

impl Shows for OneShow {
    async fn find(&self, show_id: &str) -> Result<Option<Show>> {
        Ok((self.0.show_id == show_id).then(|| self.0.clone()))
    }
}

#[tokio::test]
async fn a_show_that_is_not_there_has_no_title() -> Result<()> {
    let shows = OneShow(Show {
        show_id: "s1".to_owned(),
        title: "Alien".to_owned(),
    });
    assert_eq!(title_of(&shows, "s1").await?, "Alien");
    assert_eq!(title_of(&shows, "s2").await?, "unknown");
    assert_eq!(
        shows.all().await.map_err(|error| error.kind()),
        Err(ErrorKind::NotImplemented)
    );
    Ok(())
}

// On memory, a SQLite file and PostgreSQL, each with a migrated database of its own.

#[shelfmark::test(migrations = MIGRATIONS)]
async fn a_show_is_found_by_its_id(db: Db) -> Result<()> {
    db.shows().add("s1", "Alien").await?;
    assert_eq!(title_of(db.shows(), "s1").await?, "Alien");
    Ok(())
}

#[shelfmark::test(migrations = MIGRATIONS)]
async fn seasons_of_all_shows_are_read_at_once(db: Db) -> Result<()> {
    add_shows(&db, 10).await?;
    let seasons = assert_statements!(db, 2, number_of_seasons(&db))?;
    assert_eq!(seasons, 0);
    Ok(())
}

// Repeated reads and writes outside of transactions fail, wherever they are made.

#[shelfmark::test(migrations = MIGRATIONS, strict)]
async fn the_code_under_test_has_good_habits(db: Db) -> Result<()> {
    add_shows(&db, 10).await?;
    assert_eq!(number_of_seasons(&db).await?, 0);
    Ok(())
}

#[shelfmark::test(migrations = MIGRATIONS)]
async fn a_read_in_a_loop_is_noticed(db: Db) -> Result<()> {
    add_shows(&db, 10).await?;
    let strict = db.strict(shelfmark::testing::Strict::default());
    let error = number_of_seasons_one_by_one(&strict).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert_eq!(error.method(), Some("Seasons::of_show"));
    Ok(())
}
