//! What is generated passes the lints that careful crates turn on.
#![forbid(unsafe_code)]
#![deny(
    warnings,
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    unused_qualifications,
    rust_2018_idioms,
    single_use_lifetimes
)]

use futures_core::Stream;
use shelfmark::prelude::*;

/// How a title is told.
#[derive(Value, Debug)]
#[value(rename_all = "kebab-case")]
pub enum Kind {
    /// On the big screen.
    Movie,
    /// In episodes.
    TvShow,
}

/// A name.
#[derive(Value, Debug)]
pub struct Name(String);

#[derive(Value, Debug)]
struct Secret(Vec<u8>);

/// An entity with a field that is nobody's business.
#[derive(Entity, Debug)]
#[entity(table = "users")]
pub struct User {
    /// Its key.
    #[id]
    pub r#type: i64,
    secret: Secret,
}

/// A show.
#[derive(Entity, Debug)]
#[entity(table = "shows", unique = (name, kind))]
pub struct Show {
    /// Its key.
    #[id(generated)]
    pub id: i64,
    /// Its name.
    #[unique]
    pub name: Name,
    /// Its kind.
    pub kind: Kind,
    /// What it follows.
    #[belongs_to(Show)]
    pub follows: Option<i64>,
}

/// A new show.
#[derive(Insert, Debug)]
#[insert(Show)]
pub struct NewShow {
    /// Its name.
    pub name: Name,
    /// Its kind.
    pub kind: Kind,
}

/// A kind with its number of shows.
#[derive(FromRow, Debug)]
pub struct KindCount {
    /// The kind.
    pub kind: Kind,
    /// How many there are.
    pub shows: i64,
}

/// The shows.
#[repository(entity = Show, dyn)]
pub trait Shows {
    /// The show with this key.
    #[find]
    async fn find(&self, id: i64) -> Result<Option<Show>>;
    #[insert]
    async fn insert(&self, new: &NewShow) -> Result<i64>;
    #[insert_many]
    async fn insert_many(&self, new: &[NewShow]) -> Result<u64>;
    #[update]
    async fn update(&self, show: &Show) -> Result<()>;
    #[query("SELECT kind, count(*) AS shows FROM shows GROUP BY kind")]
    async fn per_kind(&self) -> Result<Vec<KindCount>>;
    #[query("SELECT {*} FROM shows WHERE name IN (:names)")]
    async fn by_names<'n>(&self, names: &'n [&'n str]) -> Result<Vec<Show>>;
    #[query("SELECT {*} FROM shows WHERE kind = :kind")]
    fn stream(&self, kind: String) -> impl Stream<Item = Result<Show>> + Send;
    #[exec("DELETE FROM shows")]
    async fn clear(&self) -> Result<bool>;
    /// The first show.
    async fn first(&self) -> Result<Option<Show>> {
        self.find(1).await
    }
}

#[repository]
trait Private {
    #[query("SELECT count(*) FROM shows WHERE name = :name")]
    async fn count(&self, name: &str) -> Result<i64>;
}

async fn used(private: &impl Private) -> Result<i64> {
    let name = "Alien";
    let _ = sql!(
        "SELECT count(*) FROM shows WHERE name = :name AND id = :id",
        name,
        id = 1 + 1
    );
    private.count(name).await
}

#[test]
fn generated_code_passes_strict_lints() {
    // That this file compiles is the test; a fake shows that what was declared can be used.
    struct Fake;
    impl Private for Fake {}
    drop(used(&Fake));
}

/// What lists of users hold.
#[derive(Filters, Debug, Default)]
#[filters(User)]
pub struct UserFilters {
    /// The key.
    #[filter(eq)]
    pub r#type: Option<i64>,
    #[filter(any, column = r#type)]
    types: Vec<i64>,
    /// Beyond a key.
    #[filter(sql = "{table}.type > :beyond", with(beyond: i64 = |least| least + 1))]
    pub least: Option<i64>,
    #[filter(sql = "TRUE")]
    all: bool,
}

/// What lists of users are sorted by.
#[derive(SortBy, Debug)]
#[sort(User)]
pub enum UserSort {
    /// The key.
    Type,
    /// Its absolute value.
    #[sort(sql = "abs({table}.type)", ty = i64)]
    Size,
}

/// Lists of users.
#[repository(entity = User)]
pub trait UserLists {
    /// One page.
    #[query("SELECT {*} FROM users WHERE {filters} ORDER BY {sort} {page}")]
    async fn page(
        &self,
        filters: Option<&UserFilters>,
        sort: Option<Sort<UserSort>>,
        page: &PageRequest,
    ) -> Result<Page<User>>;
}
