//! A catalogue of a test's own on each engine, and what is asked of it.

use std::io::Cursor;

use anyhow::Result;
use catalog::domain::{NewShow, ShowKind, ShowRecord, fold};
use catalog::import::{ImportOptions, ProgressStyle, ShowReader, import_rows};
use catalog::repositories::{
    ActorsExt as _, CountriesExt as _, DirectorsExt as _, GenresExt as _, ShowFilters,
    ShowsExt as _, TitlesExt as _,
};
use catalog::use_cases::{Found, list_shows, replace_show, save_shows, search_shows};
use shelfmark::{Db, PageRequest};
use test_postgres::TestDatabase;

/// The engines that the catalogue runs on.
#[derive(Clone, Copy, Debug)]
pub enum Engine {
    Sqlite,
    Postgres,
}

pub struct Catalogue {
    pub db: Db,
    pub url: String,
    _folder: tempfile::TempDir,
    _database: Option<TestDatabase>,
}

impl Catalogue {
    /// An empty database without a table.
    pub async fn without_tables(engine: Engine) -> Result<Catalogue> {
        let folder = tempfile::tempdir()?;
        let (url, database) = match engine {
            Engine::Sqlite => (
                format!("sqlite://{}", folder.path().join("catalog.db").display()),
                None,
            ),
            Engine::Postgres => {
                // The database is made with a runtime of its own.
                let database = tokio::task::spawn_blocking(TestDatabase::create).await??;
                (database.url().to_owned(), Some(database))
            }
        };
        Ok(Catalogue {
            db: Db::open(&url).await?,
            url,
            _folder: folder,
            _database: database,
        })
    }

    pub async fn empty(engine: Engine) -> Result<Catalogue> {
        let catalogue = Catalogue::without_tables(engine).await?;
        catalog::bring_up_to_date(&catalogue.db).await?;
        Ok(catalogue)
    }

    /// One that holds these shows, and was told of their number.
    pub async fn of(engine: Engine, shows: &[ShowRecord]) -> Result<Catalogue> {
        let catalogue = Catalogue::empty(engine).await?;
        for batch in shows.chunks(2_000) {
            catalogue.save(batch).await?;
        }
        catalogue.db.execute(shelfmark::sql!("ANALYZE")).await?;
        Ok(catalogue)
    }

    pub async fn save(&self, shows: &[ShowRecord]) -> Result<()> {
        let whole = self.db.transaction(async |tx| {
            save_shows(
                tx.shows(),
                tx.titles(),
                tx.directors(),
                tx.actors(),
                tx.genres(),
                tx.countries(),
                shows,
            )
            .await
        });
        Ok(whole.await?)
    }

    pub async fn replace(&self, show: &ShowRecord) -> Result<()> {
        let whole = self.db.transaction(async |tx| {
            replace_show(
                tx.shows(),
                tx.titles(),
                tx.directors(),
                tx.actors(),
                tx.genres(),
                tx.countries(),
                show,
            )
            .await
        });
        Ok(whole.await?)
    }

    /// Imports rows of `show_id,type,title,director,cast,release_year`.
    pub async fn import(&self, rows: &str) -> Result<()> {
        let text = format!("show_id,type,title,director,cast,release_year\n{rows}");
        let reader = ShowReader::from_reader("rows", Cursor::new(text.into_bytes()))?;
        let options = ImportOptions {
            strict: true,
            progress: ProgressStyle::Quiet,
            stop: tokio_util::sync::CancellationToken::new(),
        };
        import_rows(&self.db, reader, None, &options).await?;
        Ok(())
    }

    pub async fn search(&self, text: &str, limit: u32) -> Result<Found> {
        let db = &self.db;
        let found = search_shows(
            db.shows(),
            db.titles(),
            db.directors(),
            db.actors(),
            text,
            limit,
        );
        Ok(found.await?)
    }

    /// The keys of what is found, the best first.
    pub async fn found(&self, text: &str) -> Result<Vec<String>> {
        let found = self.search(text, 50).await?;
        Ok(found
            .items
            .into_iter()
            .map(|one| one.show.show_id)
            .collect())
    }

    /// The keys of the shows that the list gives for the text, of all its pages.
    pub async fn listed(&self, text: &str, sort: &str) -> Result<Vec<String>> {
        let mut page = PageRequest::first(PageRequest::MAX_LIMIT);
        let mut listed = Vec::new();
        loop {
            let filters = ShowFilters {
                q: Some(text.to_owned()),
                ..ShowFilters::default()
            };
            let sort = Some(sort.parse()?);
            let found = list_shows(self.db.shows(), filters, sort, page.clone()).await?;
            listed.extend(found.items.into_iter().map(|show| show.show_id));
            match found.next {
                Some(next) => page = page.after(next),
                None => return Ok(listed),
            }
        }
    }
}

/// A film of 2000.
pub fn film(show_id: &str, title: &str) -> ShowRecord {
    ShowRecord {
        show: NewShow {
            show_id: show_id.to_owned(),
            kind: ShowKind::Movie,
            title: title.to_owned(),
            title_folded: fold(title),
            date_added: None,
            release_year: 2000,
            rating: None,
            duration: None,
            description: None,
        },
        directors: Vec::new(),
        actors: Vec::new(),
        genres: Vec::new(),
        countries: Vec::new(),
    }
}

/// The film with another year.
pub fn of_year(mut film: ShowRecord, year: i32) -> ShowRecord {
    film.show.release_year = year;
    film
}

/// The film with these directors and actors.
pub fn with(mut film: ShowRecord, directors: &[&str], actors: &[&str]) -> ShowRecord {
    film.directors = directors.iter().map(ToString::to_string).collect();
    film.actors = actors.iter().map(ToString::to_string).collect();
    film
}

/// Makes of each `async fn rule(engine: Engine)` a test on each engine.
#[macro_export]
macro_rules! on_both_engines {
    ($($(#[$doc:meta])* async fn $rule:ident($engine:ident) $body:block)*) => {$(
        mod $rule {
            #[allow(unused_imports, reason = "what the case uses differs")]
            use super::*;
            async fn case($engine: $crate::catalogue::Engine) -> anyhow::Result<()> {
                $body
                Ok(())
            }
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_sqlite() -> anyhow::Result<()> {
                case($crate::catalogue::Engine::Sqlite).await
            }
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_postgres() -> anyhow::Result<()> {
                case($crate::catalogue::Engine::Postgres).await
            }
        }
    )*};
}
