//! Bands and what belongs to them, as entities and views.

use jiff::Timestamp;
use shelfmark::prelude::*;
use uuid::Uuid;

#[derive(Value, Clone, Debug, PartialEq)]
pub struct BandId(pub String);

#[derive(Entity, Clone, Debug, PartialEq)]
#[entity(table = "labels")]
pub struct Label {
    #[id]
    pub label_id: Uuid,
    pub name: String,
}

#[derive(Entity, Clone, Debug, PartialEq)]
#[entity(table = "bands")]
pub struct Band {
    #[id]
    pub band_id: BandId,
    pub name: String,
    #[belongs_to(Label)]
    pub label_id: Option<Uuid>,
}

#[derive(Entity, Clone, Debug, PartialEq)]
#[entity(table = "posters")]
pub struct Poster {
    #[id]
    pub poster_id: i64,
    #[belongs_to(Band)]
    pub band_id: BandId,
    pub words: String,
}

#[derive(Entity, Clone, Debug, PartialEq)]
#[entity(table = "albums")]
pub struct Album {
    #[id]
    pub album_id: i64,
    #[belongs_to(Band)]
    #[column("band_id")]
    pub of_band: BandId,
    pub title: String,
    pub year: Option<i32>,
}

#[derive(Entity, Clone, Debug, PartialEq)]
#[entity(table = "tracks")]
pub struct Track {
    #[id]
    pub track_id: i64,
    #[belongs_to(Album)]
    pub album_id: i64,
    pub nth: i32,
    pub title: String,
}

#[derive(Entity, Clone, Debug, PartialEq)]
#[entity(table = "musicians")]
pub struct Musician {
    #[id]
    pub musician_id: i64,
    pub name: String,
}

#[derive(Entity, Clone, Debug, PartialEq)]
#[entity(table = "band_musicians", key = (band_id, musician_id))]
pub struct BandMusician {
    #[belongs_to(Band)]
    pub band_id: BandId,
    #[belongs_to(Musician)]
    pub musician_id: i64,
    pub position: i32,
    /// What the musician is called in this band; both ends of the edge have a column of this name.
    pub name: Option<String>,
}

#[derive(Entity, Clone, Debug, PartialEq)]
#[entity(table = "letters")]
pub struct Letter {
    #[id]
    pub letter_id: i64,
    #[belongs_to(Musician)]
    pub sender_id: i64,
    #[belongs_to(Musician)]
    pub receiver_id: Option<i64>,
    /// A column whose name has to be quoted.
    pub from: String,
}

#[derive(View, Clone, Debug, PartialEq)]
pub struct BandDetails {
    #[view(root)]
    pub band: Band,
    #[view(one)]
    pub label: Option<Label>,
    #[view(has_one)]
    pub poster: Option<Poster>,
    #[view(many)]
    pub albums: Vec<AlbumDetails>,
    #[view(many, through = BandMusician, order = "position")]
    pub musicians: Vec<Musician>,
}

#[derive(View, Clone, Debug, PartialEq)]
pub struct AlbumDetails {
    #[view(root)]
    pub album: Album,
    #[view(one, by = of_band)]
    pub band: Band,
    #[view(many, order = "nth")]
    pub tracks: Vec<Track>,
}

#[derive(View, Debug)]
pub struct Discography {
    #[view(root)]
    pub band: Band,
    #[view(many)]
    pub by_key: Vec<Album>,
    #[view(many, order = "title")]
    pub by_title: Vec<Album>,
    #[view(many, order = "-year")]
    pub newest_first: Vec<Album>,
    #[view(many, order = "year, -title")]
    pub oldest_first: Vec<Album>,
    #[view(many, order = "title", limit = 2)]
    pub first_two: Vec<Album>,
    #[view(has_one, order = "-year")]
    pub newest: Option<Album>,
}

#[derive(View, Debug)]
pub struct LineUp {
    #[view(root)]
    pub band: Band,
    #[view(many, through = BandMusician)]
    pub by_key: Vec<Musician>,
    #[view(many, through = BandMusician, order = "-position")]
    pub backwards: Vec<Musician>,
    #[view(many, through = BandMusician, order = "target.name")]
    pub by_name: Vec<Musician>,
    #[view(many, through = BandMusician, order = "link.name, -target.name")]
    pub by_name_in_the_band: Vec<Musician>,
    #[view(many, through = BandMusician, order = "position", limit = 1)]
    pub first: Vec<Musician>,
    #[view(many, order = "-position", limit = 2)]
    pub last_places: Vec<BandMusician>,
}

#[derive(View, Debug)]
pub struct LetterDetails {
    #[view(root)]
    pub letter: Letter,
    #[view(one, by = sender_id)]
    pub sender: Musician,
    #[view(one, by = receiver_id)]
    pub receiver: Option<Musician>,
}

#[derive(View, Debug)]
pub struct Correspondence {
    #[view(root)]
    pub musician: Musician,
    #[view(many, by = sender_id)]
    pub sent: Vec<Letter>,
    #[view(many, by = receiver_id, order = "-letter_id", limit = 1)]
    pub last_received: Vec<Letter>,
    #[view(many, through = Letter, by = sender_id, to = receiver_id, order = "link.letter_id")]
    pub wrote_to: Vec<Musician>,
}

#[derive(View, Debug)]
pub struct Advertised {
    #[view(root)]
    pub band: Band,
    #[view(has_one)]
    pub poster: Poster,
}

/// With rows that are deleted softly.
#[derive(Entity, Clone, Debug, PartialEq)]
#[entity(table = "stages")]
pub struct Stage {
    #[id]
    pub stage_id: i64,
    pub name: String,
    #[deleted_at]
    pub closed_at: Option<Timestamp>,
}

/// With rows that belong to tenants.
#[derive(Entity, Clone, Debug, PartialEq)]
#[entity(table = "gigs")]
pub struct Gig {
    #[id]
    pub gig_id: i64,
    #[tenant]
    pub club: i64,
    #[belongs_to(Band)]
    pub band_id: BandId,
    #[belongs_to(Stage)]
    pub stage_id: i64,
    #[deleted_at]
    pub cancelled_at: Option<Timestamp>,
}

#[derive(View, Debug)]
pub struct Tour {
    #[view(root)]
    pub band: Band,
    #[view(many)]
    pub gigs: Vec<Gig>,
    #[view(many, limit = 1)]
    pub first_gig: Vec<Gig>,
    #[view(many, through = Gig, order = "link.gig_id")]
    pub stages: Vec<Stage>,
    #[view(many, through = Gig, order = "link.gig_id", limit = 1)]
    pub first_stage: Vec<Stage>,
}

#[derive(View, Debug)]
pub struct GigDetails {
    #[view(root)]
    pub gig: Gig,
    #[view(one)]
    pub stage: Option<Stage>,
}

#[derive(SortBy)]
#[sort(Band)]
pub enum BandSort {
    Name,
}

#[repository(entity = Band)]
pub trait Bands {
    #[query("SELECT {*} FROM bands ORDER BY name")]
    async fn all(&self) -> Result<Vec<Band>>;
    #[query("SELECT {*} FROM bands ORDER BY name")]
    async fn with_details(&self) -> Result<Vec<BandDetails>>;
    #[query("SELECT {b.*} FROM bands AS b WHERE b.name = :name")]
    async fn details(&self, name: &str) -> Result<Option<BandDetails>>;
    #[query("SELECT {*} FROM bands WHERE name = :name")]
    async fn exactly(&self, name: &str) -> Result<BandDetails>;
    #[query("SELECT {*} FROM bands WHERE {after} ORDER BY {sort} {page}")]
    async fn page(&self, sort: Sort<BandSort>, page: PageRequest) -> Result<Page<BandDetails>>;
    #[query("SELECT {*} FROM bands WHERE {after} ORDER BY {sort} {page}")]
    async fn slice(&self, sort: Sort<BandSort>, page: PageRequest) -> Result<Slice<BandDetails>>;
    #[query("SELECT {*} FROM bands ORDER BY name")]
    fn stream(&self) -> impl Stream<Item = Result<Band>> + Send;
    #[query("SELECT {*} FROM letters ORDER BY letter_id")]
    async fn letters(&self) -> Result<Vec<Letter>>;
    #[query("SELECT {*} FROM musicians ORDER BY musician_id")]
    async fn everyone(&self) -> Result<Vec<Musician>>;
}
