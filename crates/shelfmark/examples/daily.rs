//! What README.md shows of every day's queries: lists, relations, changes. Runs on `memory:`, or where DATABASE_URL says.

use jiff::Timestamp;
use shelfmark::DatabaseConfig;
use shelfmark::prelude::*;

#[derive(Entity, Clone, Debug, PartialEq)]
#[entity(table = "shows")]
struct Show {
    #[id]
    show_id: String,
    title: String,
    release_year: i32,
    rating: Option<String>,
    #[version]
    version: i64,
    #[created_at]
    created_at: Timestamp,
    #[deleted_at]
    deleted_at: Option<Timestamp>,
}

#[derive(Insert, Debug)]
#[insert(Show)]
struct NewShow {
    show_id: String,
    title: String,
    release_year: i32,
    rating: Option<String>,
}

#[derive(Entity, Insert, Clone, Debug, PartialEq)]
#[entity(table = "directors")]
#[insert(Director)]
struct Director {
    #[id]
    id: i64,
    name: String,
}

#[derive(Entity, Insert, Clone, Debug)]
#[entity(table = "show_directors", key = (show_id, director_id))]
#[insert(ShowDirector)]
struct ShowDirector {
    #[belongs_to(Show)]
    show_id: String,
    #[belongs_to(Director)]
    director_id: i64,
    position: i32,
}

#[derive(Filters, Default)]
#[filters(Show)]
struct ShowFilters {
    #[filter(eq)]
    rating: Option<String>,
    #[filter(ge, column = release_year)]
    since: Option<i32>,
    #[filter(contains, column = title)]
    q: Option<String>,
    #[filter(
        sql = "{table}.show_id IN (SELECT show_id FROM show_directors WHERE director_id IN (:directors))"
    )]
    directors: Vec<i64>,
}

#[derive(SortBy)]
#[sort(Show)]
enum ShowSort {
    ReleaseYear,
    Title,
}

#[derive(View, Debug)]
struct ShowDetails {
    #[view(root)]
    show: Show,
    #[view(many, through = ShowDirector, order = "position")]
    directors: Vec<Director>,
}

#[derive(Patch, Default)]
#[patch(Show)]
struct ShowPatch {
    title: Change<String>,
    rating: Change<Option<String>>,
}

#[repository(entity = Show)]
trait Shows {
    #[insert_many]
    async fn insert_many(&self, new: &[NewShow]) -> Result<Vec<Show>>;
    #[find]
    async fn find(&self, show_id: &str) -> Result<Option<Show>>;
    #[update]
    async fn update(&self, show: &Show) -> Result<Show>;
    #[patch]
    async fn change(&self, show_id: &str, patch: &ShowPatch) -> Result<Show>;
    #[delete]
    async fn delete(&self, show_id: &str) -> Result<bool>;

    #[query("SELECT {*} FROM shows WHERE deleted_at IS NULL AND {filters} ORDER BY {sort} {page}")]
    async fn search(
        &self,
        filters: &ShowFilters,
        sort: Sort<ShowSort>,
        page: PageRequest,
    ) -> Result<Slice<Show>>;

    #[query(
        "SELECT {*} FROM shows WHERE deleted_at IS NULL AND release_year = :year ORDER BY show_id"
    )]
    async fn of_year(&self, year: i32) -> Result<Vec<ShowDetails>>;
}

#[repository(entity = Director)]
trait Directors {
    #[insert_many]
    async fn insert_many(&self, new: &[Director]) -> Result<u64>;
    #[insert_many]
    async fn link(&self, links: &[ShowDirector]) -> Result<u64>;
}

async fn fill(db: &Db) -> Result<()> {
    let new = |show_id: &str, title: &str, release_year| NewShow {
        show_id: show_id.to_owned(),
        title: title.to_owned(),
        release_year,
        rating: None,
    };
    db.shows()
        .insert_many(&[
            new("s1", "Arrival", 2016),
            new("s2", "Blade Runner 2049", 2017),
            new("s3", "Dune", 2021),
            new("s4", "The French Dispatch", 2021),
        ])
        .await?;
    let director = |id, name: &str| Director {
        id,
        name: name.to_owned(),
    };
    let people = [director(1, "Denis Villeneuve"), director(2, "Wes Anderson")];
    db.directors().insert_many(&people).await?;
    let link = |show_id: &str, director_id| ShowDirector {
        show_id: show_id.to_owned(),
        director_id,
        position: 0,
    };
    let links = [link("s1", 1), link("s2", 1), link("s3", 1), link("s4", 2)];
    db.directors().link(&links).await.map(drop)
}

async fn lists(db: &Db) -> Result<()> {
    let newest_first = || Sort::by(ShowSort::ReleaseYear).desc().then(ShowSort::Title);
    let filters = ShowFilters {
        since: Some(2017),
        ..ShowFilters::default()
    };
    let first = PageRequest::first(2);
    let page = db
        .shows()
        .search(&filters, newest_first(), first.clone())
        .await?;
    assert_eq!(page.items.len(), 2);
    let rest = first.after(page.next);
    let rest = db.shows().search(&filters, newest_first(), rest).await?;
    assert_eq!(rest.items.len(), 1);
    Ok(())
}

async fn relations(db: &Db) -> Result<()> {
    for details in db.shows().of_year(2021).await? {
        let names = details
            .directors
            .iter()
            .map(|director| director.name.as_str());
        println!(
            "{} by {}",
            details.show.title,
            names.collect::<Vec<_>>().join(", ")
        );
    }
    Ok(())
}

async fn changes(db: &Db) -> Result<()> {
    let patch = ShowPatch {
        rating: Change::Set(Some("PG-13".to_owned())),
        ..ShowPatch::default()
    };
    let changed = db.shows().change("s3", &patch).await?;
    assert_eq!((changed.title.as_str(), changed.version), ("Dune", 2));

    let stale = Show {
        version: 1,
        ..changed
    };
    let refused = db.shows().update(&stale).await;
    assert_eq!(refused.map_err(|error| error.kind()), Err(ErrorKind::Stale));

    db.shows().delete("s3").await?;
    assert_eq!(db.shows().find("s3").await?, None);
    Ok(())
}

pub(crate) async fn daily(db: &Db) -> Result<()> {
    db.migrate(migrations!("examples/daily")).await?;
    db.verify().await?;
    fill(db).await?;
    lists(db).await?;
    relations(db).await?;
    changes(db).await
}

#[tokio::main]
async fn main() -> Result<()> {
    let db = Db::connect(DatabaseConfig::from_env_or("memory:")?).await?;
    daily(&db).await?;
    db.close().await
}
