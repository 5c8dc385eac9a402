//! The table `shows`.

use shelfmark::prelude::*;

use crate::domain::{NewShow, Show, ShowKind, YearCount};

/// Films and series.
///
/// The four lists differ in their order only. Each takes the last row of the page before, whose sort value and key the
/// next page begins after, so that a page costs the same however deep it is.
#[repository(entity = Show)]
pub trait Shows {
    /// The show of a key.
    #[find]
    async fn find(&self, show_id: &str) -> Result<Option<Show>>;

    /// Adds a show.
    #[insert]
    async fn insert(&self, new: &NewShow) -> Result<Show>;

    /// Adds shows, or replaces those whose key is there.
    #[upsert_many]
    async fn upsert_many(&self, new: &[NewShow]) -> Result<u64>;

    /// Replaces a show.
    #[update]
    async fn update(&self, show: &Show) -> Result<Show>;

    /// Removes a show; what joins it to names goes with it.
    #[delete]
    async fn delete(&self, show_id: &str) -> Result<bool>;

    /// How many there are.
    #[query("SELECT count(*) FROM shows")]
    async fn count(&self) -> Result<i64>;

    /// Whether there is any.
    #[query("SELECT show_id FROM shows LIMIT 1")]
    async fn any(&self) -> Result<Option<String>>;

    /// How many of these keys are there.
    #[query("SELECT count(*) FROM shows WHERE show_id IN (:show_ids)")]
    async fn count_of(&self, show_ids: &[String]) -> Result<i64>;

    /// The newest shows released in `year` or later.
    #[query(
        "SELECT {*} FROM shows WHERE release_year >= :year ORDER BY release_year DESC, show_id LIMIT :limit"
    )]
    async fn recent(&self, year: i32, limit: i64) -> Result<Vec<Show>>;

    /// How many shows came out in each year, from the first to the last.
    #[query(
        "SELECT release_year, count(*) AS shows FROM shows GROUP BY release_year ORDER BY release_year"
    )]
    async fn per_year(&self) -> Result<Vec<YearCount>>;

    /// Newest first.
    #[query(
        "SELECT {s.*} FROM shows AS s
         WHERE (:kind IS NULL OR s.type = :kind)
           AND (:rating IS NULL OR s.rating = :rating)
           AND (:year_from IS NULL OR s.release_year >= :year_from)
           AND (:year_to IS NULL OR s.release_year <= :year_to)
           AND (:title IS NULL OR s.title_folded LIKE :title ESCAPE '!')
           AND (:genre IS NULL OR EXISTS (
                SELECT 1 FROM show_genres AS l JOIN genres AS n ON n.id = l.genre_id
                WHERE l.show_id = s.show_id AND n.name = :genre))
           AND (:director IS NULL OR EXISTS (
                SELECT 1 FROM show_directors AS l JOIN directors AS n ON n.id = l.director_id
                WHERE l.show_id = s.show_id AND n.name = :director))
           AND (:country IS NULL OR EXISTS (
                SELECT 1 FROM show_countries AS l JOIN countries AS n ON n.id = l.country_id
                WHERE l.show_id = s.show_id AND n.name = :country))
           AND (:last_year IS NULL OR s.release_year < :last_year
                OR (s.release_year = :last_year AND s.show_id > :last_id))
         ORDER BY s.release_year DESC, s.show_id
         LIMIT :limit"
    )]
    #[expect(
        clippy::too_many_arguments,
        reason = "one per optional filter; the filter slots come with a later version"
    )]
    async fn newest_first(
        &self,
        kind: Option<ShowKind>,
        rating: Option<&str>,
        genre: Option<&str>,
        director: Option<&str>,
        country: Option<&str>,
        year_from: Option<i32>,
        year_to: Option<i32>,
        title: Option<&str>,
        last_year: Option<i32>,
        last_id: Option<&str>,
        limit: i64,
    ) -> Result<Vec<Show>>;

    /// Oldest first.
    #[query(
        "SELECT {s.*} FROM shows AS s
         WHERE (:kind IS NULL OR s.type = :kind)
           AND (:rating IS NULL OR s.rating = :rating)
           AND (:year_from IS NULL OR s.release_year >= :year_from)
           AND (:year_to IS NULL OR s.release_year <= :year_to)
           AND (:title IS NULL OR s.title_folded LIKE :title ESCAPE '!')
           AND (:genre IS NULL OR EXISTS (
                SELECT 1 FROM show_genres AS l JOIN genres AS n ON n.id = l.genre_id
                WHERE l.show_id = s.show_id AND n.name = :genre))
           AND (:director IS NULL OR EXISTS (
                SELECT 1 FROM show_directors AS l JOIN directors AS n ON n.id = l.director_id
                WHERE l.show_id = s.show_id AND n.name = :director))
           AND (:country IS NULL OR EXISTS (
                SELECT 1 FROM show_countries AS l JOIN countries AS n ON n.id = l.country_id
                WHERE l.show_id = s.show_id AND n.name = :country))
           AND (:last_year IS NULL OR s.release_year > :last_year
                OR (s.release_year = :last_year AND s.show_id > :last_id))
         ORDER BY s.release_year, s.show_id
         LIMIT :limit"
    )]
    #[expect(
        clippy::too_many_arguments,
        reason = "one per optional filter; the filter slots come with a later version"
    )]
    async fn oldest_first(
        &self,
        kind: Option<ShowKind>,
        rating: Option<&str>,
        genre: Option<&str>,
        director: Option<&str>,
        country: Option<&str>,
        year_from: Option<i32>,
        year_to: Option<i32>,
        title: Option<&str>,
        last_year: Option<i32>,
        last_id: Option<&str>,
        limit: i64,
    ) -> Result<Vec<Show>>;

    /// By title, from A.
    #[query(
        "SELECT {s.*} FROM shows AS s
         WHERE (:kind IS NULL OR s.type = :kind)
           AND (:rating IS NULL OR s.rating = :rating)
           AND (:year_from IS NULL OR s.release_year >= :year_from)
           AND (:year_to IS NULL OR s.release_year <= :year_to)
           AND (:title IS NULL OR s.title_folded LIKE :title ESCAPE '!')
           AND (:genre IS NULL OR EXISTS (
                SELECT 1 FROM show_genres AS l JOIN genres AS n ON n.id = l.genre_id
                WHERE l.show_id = s.show_id AND n.name = :genre))
           AND (:director IS NULL OR EXISTS (
                SELECT 1 FROM show_directors AS l JOIN directors AS n ON n.id = l.director_id
                WHERE l.show_id = s.show_id AND n.name = :director))
           AND (:country IS NULL OR EXISTS (
                SELECT 1 FROM show_countries AS l JOIN countries AS n ON n.id = l.country_id
                WHERE l.show_id = s.show_id AND n.name = :country))
           AND (:last_title IS NULL OR s.title_folded > :last_title
                OR (s.title_folded = :last_title AND s.show_id > :last_id))
         ORDER BY s.title_folded, s.show_id
         LIMIT :limit"
    )]
    #[expect(
        clippy::too_many_arguments,
        reason = "one per optional filter; the filter slots come with a later version"
    )]
    async fn by_title(
        &self,
        kind: Option<ShowKind>,
        rating: Option<&str>,
        genre: Option<&str>,
        director: Option<&str>,
        country: Option<&str>,
        year_from: Option<i32>,
        year_to: Option<i32>,
        title: Option<&str>,
        last_title: Option<&str>,
        last_id: Option<&str>,
        limit: i64,
    ) -> Result<Vec<Show>>;

    /// By title, from Z.
    #[query(
        "SELECT {s.*} FROM shows AS s
         WHERE (:kind IS NULL OR s.type = :kind)
           AND (:rating IS NULL OR s.rating = :rating)
           AND (:year_from IS NULL OR s.release_year >= :year_from)
           AND (:year_to IS NULL OR s.release_year <= :year_to)
           AND (:title IS NULL OR s.title_folded LIKE :title ESCAPE '!')
           AND (:genre IS NULL OR EXISTS (
                SELECT 1 FROM show_genres AS l JOIN genres AS n ON n.id = l.genre_id
                WHERE l.show_id = s.show_id AND n.name = :genre))
           AND (:director IS NULL OR EXISTS (
                SELECT 1 FROM show_directors AS l JOIN directors AS n ON n.id = l.director_id
                WHERE l.show_id = s.show_id AND n.name = :director))
           AND (:country IS NULL OR EXISTS (
                SELECT 1 FROM show_countries AS l JOIN countries AS n ON n.id = l.country_id
                WHERE l.show_id = s.show_id AND n.name = :country))
           AND (:last_title IS NULL OR s.title_folded < :last_title
                OR (s.title_folded = :last_title AND s.show_id > :last_id))
         ORDER BY s.title_folded DESC, s.show_id
         LIMIT :limit"
    )]
    #[expect(
        clippy::too_many_arguments,
        reason = "one per optional filter; the filter slots come with a later version"
    )]
    async fn by_title_backwards(
        &self,
        kind: Option<ShowKind>,
        rating: Option<&str>,
        genre: Option<&str>,
        director: Option<&str>,
        country: Option<&str>,
        year_from: Option<i32>,
        year_to: Option<i32>,
        title: Option<&str>,
        last_title: Option<&str>,
        last_id: Option<&str>,
        limit: i64,
    ) -> Result<Vec<Show>>;
}
