//! A catalogue to back up, and all that is in one.

use std::path::Path;
use std::pin::pin;

use anyhow::Result;
use catalog::domain::{NewShow, ShowKind, ShowRecord, fold};
use catalog::import::{ImportOptions, ProgressStyle, import};
use catalog::repositories::{Tables as _, TablesExt as _};
use catalog::use_cases::add_show;
use futures_util::TryStreamExt as _;
use shelfmark::Db;

use crate::service::{Engine, Place};

/// A database with tables and no rows.
pub struct Catalogue {
    pub db: Db,
    pub place: Place,
}

impl Catalogue {
    pub async fn empty(engine: Engine) -> Result<Catalogue> {
        let place = Place::new(engine)?;
        let db = Db::open(&place.url).await?;
        catalog::bring_up_to_date(&db).await?;
        Ok(Catalogue { db, place })
    }

    /// With the sample, and what is awkward in files: quotes, lines, signs, what is missing and what is empty, gaps between
    /// keys, and a name that nobody has looked at.
    pub async fn filled(engine: Engine) -> Result<Catalogue> {
        let catalogue = Catalogue::empty(engine).await?;
        let db = &catalogue.db;
        let options = ImportOptions {
            strict: true,
            progress: ProgressStyle::Quiet,
            stop: tokio_util::sync::CancellationToken::new(),
        };
        let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("sample/titles.csv");
        import(db, &sample, &options).await?;
        for n in 0..3 {
            add(db, &record(&format!("x{n}"))).await?;
        }
        // Taken away again, so that the last key is not the number of rows.
        use catalog::repositories::{Directors as _, DirectorsExt as _, Shows as _, ShowsExt as _};
        anyhow::ensure!(db.shows().delete("x1").await?);
        let director = db
            .directors()
            .by_names(&["Zoë \"Z\" Ünal".to_owned()])
            .await?;
        anyhow::ensure!(
            db.directors()
                .rename(director[0].id, "Renamed by hand")
                .await?
        );
        Ok(catalogue)
    }
}

/// A show that is awkward to write down.
pub fn record(show_id: &str) -> ShowRecord {
    let title = format!("#table \"{show_id}\"\n{{\\}}\t\u{2028}🎬 Énigmatique");
    ShowRecord {
        show: NewShow {
            show_id: show_id.to_owned(),
            kind: ShowKind::TvShow,
            title_folded: fold(&title),
            title,
            date_added: "2024-02-29".parse().ok(),
            release_year: 2024,
            rating: Some(String::new()),
            duration: None,
            description: Some("  two\r\nlines  ".to_owned()),
        },
        directors: vec![
            "Zoë \"Z\" Ünal".to_owned(),
            format!("Director of {show_id}"),
        ],
        actors: vec![format!("Actor of {show_id}")],
        genres: vec!["Dramas".to_owned(), format!("Genre {show_id}")],
        countries: vec![format!("Country {show_id}")],
    }
}

/// Adds a show as a client does.
pub async fn add(db: &Db, record: &ShowRecord) -> Result<()> {
    use catalog::repositories::{
        ActorsExt as _, CountriesExt as _, DirectorsExt as _, GenresExt as _, ShowsExt as _,
        TitlesExt as _,
    };
    let tx = db.tx().retry(5);
    tx.run(async |tx| {
        let names = (tx.directors(), tx.actors(), tx.genres(), tx.countries());
        add_show(
            tx.shows(),
            tx.titles(),
            names.0,
            names.1,
            names.2,
            names.3,
            record,
        )
        .await
    })
    .await?;
    Ok(())
}

/// Every row of every table, in words.
pub async fn rows(db: &Db) -> Result<Vec<String>> {
    let mut all = Vec::new();
    macro_rules! read {
        ($($all:ident)*) => {$({
            let mut rows = pin!(db.tables().$all());
            while let Some(row) = rows.try_next().await? {
                all.push(format!("{row:?}"));
            }
        })*};
    }
    read!(all_directors all_actors all_genres all_countries all_shows all_show_directors all_show_actors all_show_genres
          all_show_countries all_search_titles);
    Ok(all)
}
