//! What is sent for statements with slots: one text for each combination, with the values in their order.

use futures_util::StreamExt as _;
use shelfmark::__private::{Handle, Repo, STATEMENTS, Sample};
use shelfmark::prelude::*;
use shelfmark::{Between, Dialect};

use crate::channel::{Ran, Recorder};

#[derive(Entity, Debug)]
#[entity(table = "tracks")]
pub(crate) struct Track {
    #[id]
    pub track_id: i64,
    pub name: String,
    pub seconds: i32,
    pub genre: Option<String>,
}

#[derive(Filters, Default)]
#[filters(Track)]
pub(crate) struct TrackFilters {
    #[filter(eq)]
    pub genre: Option<String>,
    #[filter(between, column = seconds)]
    pub length: Option<Between<i32>>,
    #[filter(contains, column = name)]
    pub q: Option<String>,
    #[filter(starts_with, column = name)]
    pub begins: Option<String>,
    #[filter(any, column = seconds)]
    pub exactly: Vec<i32>,
    #[filter(none, column = genre)]
    pub without: Option<Vec<String>>,
    #[filter(is_null, column = genre)]
    pub unsorted: Option<bool>,
    #[filter(sql = "{table}.seconds < :most OR :most IS NULL", with(most: i64 = |minutes| minutes * 60))]
    pub minutes: Option<i64>,
    #[filter(sql = "{table}.seconds = 0")]
    pub empty: bool,
}

#[derive(SortBy)]
#[sort(Track)]
pub(crate) enum TrackSort {
    Name,
    Seconds,
    #[sort(sql = "lower({table}.name)", ty = String, column = folded)]
    Folded,
}

#[repository(entity = Track)]
pub(crate) trait Tracks {
    #[query("SELECT name FROM tracks WHERE {filters} ORDER BY {sort} {page}")]
    async fn page(
        &self,
        filters: &TrackFilters,
        sort: Sort<TrackSort>,
        page: PageRequest,
    ) -> Result<Page<String>>;
    #[query(
        "SELECT t.name FROM tracks t WHERE t.track_id > :least AND {t.filters} ORDER BY {t.sort} {page}"
    )]
    async fn slice(
        &self,
        least: i64,
        filters: TrackFilters,
        sort: Sort<TrackSort>,
        page: PageRequest,
    ) -> Result<Slice<String>>;
    #[query("SELECT name FROM tracks WHERE {filters}")]
    async fn names(&self, filters: &TrackFilters) -> Result<Vec<String>>;
    #[query("SELECT name FROM tracks ORDER BY name {page} -- the end")]
    async fn numbered(&self, page: OffsetRequest) -> Result<Page<String>>;
    #[query("SELECT name FROM tracks WHERE {filters}")]
    fn stream(&self, filters: &TrackFilters) -> impl Stream<Item = Result<String>> + Send;
    #[exec("DELETE FROM tracks WHERE {filters}")]
    async fn delete(&self, filters: &TrackFilters) -> Result<u64>;
}

fn recorder() -> (std::sync::Arc<Recorder>, Handle) {
    Recorder::touching(1)
}

fn tracks(handle: &Handle) -> &Repo<TracksRepo> {
    Repo::of(handle)
}

/// The text and the values of the only statement that ran.
fn only(ran: Vec<Ran>) -> (String, Vec<String>) {
    let [Ran { sql, values, .. }] = <[Ran; 1]>::try_from(ran).unwrap();
    (sql, values)
}

fn condition(sql: &str) -> &str {
    let (_, condition) = sql.split_once("WHERE ").unwrap();
    condition
}

#[tokio::test]
async fn filters_that_are_absent_leave_true_and_no_values() -> Result<()> {
    let (recorder, handle) = recorder();
    tracks(&handle).names(&TrackFilters::default()).await?;
    assert_eq!(
        only(recorder.take()),
        ("SELECT name FROM tracks WHERE TRUE".to_owned(), vec![])
    );
    tracks(&handle).delete(&TrackFilters::default()).await?;
    assert_eq!(
        only(recorder.take()),
        ("DELETE FROM tracks WHERE TRUE".to_owned(), vec![])
    );
    Ok(())
}

#[tokio::test]
async fn each_filter_has_its_condition_and_its_values() -> Result<()> {
    let (recorder, handle) = recorder();
    let none = TrackFilters::default;
    for (filters, condition_text, values) in [
        (
            TrackFilters {
                genre: Some("rock".into()),
                ..none()
            },
            r#"("genre" = $1)"#,
            vec![r#"Text("rock")"#],
        ),
        (
            TrackFilters {
                length: Some(Between(1, 2)),
                ..none()
            },
            r#"("seconds" BETWEEN $1 AND $2)"#,
            vec!["I32(1)", "I32(2)"],
        ),
        (
            TrackFilters {
                q: Some("50%".into()),
                ..none()
            },
            r#"("name" LIKE $1 ESCAPE '\')"#,
            vec![r#"Text("%50\\%%")"#],
        ),
        (
            TrackFilters {
                begins: Some("a_".into()),
                ..none()
            },
            r#"("name" LIKE $1 ESCAPE '\')"#,
            vec![r#"Text("a\\_%")"#],
        ),
        (
            TrackFilters {
                exactly: vec![1, 2],
                ..none()
            },
            r#"("seconds" = ANY($1))"#,
            vec!["List(I32, [I32(1), I32(2)])"],
        ),
        (
            TrackFilters {
                without: Some(vec![]),
                ..none()
            },
            r#"("genre" <> ALL($1))"#,
            vec!["List(Text, [])"],
        ),
        (
            TrackFilters {
                unsorted: Some(true),
                ..none()
            },
            r#"("genre" IS NULL)"#,
            vec![],
        ),
        (
            TrackFilters {
                unsorted: Some(false),
                ..none()
            },
            r#"("genre" IS NOT NULL)"#,
            vec![],
        ),
        (
            TrackFilters {
                minutes: Some(2),
                ..none()
            },
            r#"(("tracks".seconds < $1 OR $1 IS NULL))"#,
            vec!["I64(120)"],
        ),
        (
            TrackFilters {
                empty: true,
                ..none()
            },
            r#"(("tracks".seconds = 0))"#,
            vec![],
        ),
        (
            TrackFilters {
                empty: true,
                minutes: Some(1),
                length: Some(Between(1, 2)),
                genre: Some("x".into()),
                ..none()
            },
            r#"("genre" = $1 AND "seconds" BETWEEN $2 AND $3 AND ("tracks".seconds < $4 OR $4 IS NULL) AND ("tracks".seconds = 0))"#,
            vec![r#"Text("x")"#, "I32(1)", "I32(2)", "I64(60)"],
        ),
    ] {
        tracks(&handle).names(&filters).await?;
        let (sql, sent) = only(recorder.take());
        assert_eq!(condition(&sql), condition_text);
        assert_eq!(sent, values, "{condition_text}");
        // A stream takes its values along.
        let _: Vec<_> = tracks(&handle).stream(&filters).collect().await;
        assert_eq!(only(recorder.take()), (sql, sent));
    }
    Ok(())
}

#[tokio::test]
async fn a_combination_that_occurs_again_has_the_same_text() -> Result<()> {
    let (recorder, handle) = recorder();
    for genre in ["rock", "jazz", "'; DROP TABLE tracks; --"] {
        let filters = TrackFilters {
            genre: Some(genre.into()),
            ..TrackFilters::default()
        };
        tracks(&handle).names(&filters).await?;
        assert_eq!(
            only(recorder.take()).0,
            r#"SELECT name FROM tracks WHERE ("genre" = $1)"#
        );
    }
    Ok(())
}

#[tokio::test]
async fn an_alias_stands_before_every_column() -> Result<()> {
    let (recorder, handle) = recorder();
    let filters = TrackFilters {
        genre: Some("x".into()),
        minutes: Some(1),
        ..TrackFilters::default()
    };
    let sort = "-folded,seconds".parse()?;
    tracks(&handle)
        .slice(7, filters, sort, PageRequest::first(3))
        .await?;
    let (sql, values) = only(recorder.take());
    assert_eq!(
        sql,
        "SELECT t.name FROM tracks t WHERE t.track_id > $1 AND (t.\"genre\" = $2 AND (t.seconds < $3 OR $3 IS NULL)) \
         ORDER BY (lower(t.name)) DESC, t.\"seconds\", t.\"track_id\" LIMIT $4"
    );
    assert_eq!(values, ["I64(7)", "Text(\"x\")", "I64(60)", "I64(4)"]);
    Ok(())
}

#[tokio::test]
async fn a_slice_is_one_statement_and_a_page_counts_with_a_second() -> Result<()> {
    let (recorder, handle) = recorder();
    let sort = || "seconds".parse::<Sort<TrackSort>>();
    tracks(&handle)
        .slice(0, TrackFilters::default(), sort()?, PageRequest::default())
        .await?;
    assert_eq!(recorder.take().len(), 1);
    let filters = TrackFilters {
        genre: Some("x".into()),
        ..TrackFilters::default()
    };
    tracks(&handle)
        .page(&filters, sort()?, PageRequest::default())
        .await?;
    let ran = recorder.take();
    let texts: Vec<_> = ran.iter().map(|ran| ran.sql.as_str()).collect();
    assert_eq!(
        texts,
        [
            "SELECT name FROM tracks WHERE (\"genre\" = $1) ORDER BY \"seconds\", \"track_id\" LIMIT $2",
            "SELECT count(*) FROM (SELECT name FROM tracks WHERE (\"genre\" = $1)\n) AS counted",
        ]
    );
    assert_eq!(ran[0].values, ["Text(\"x\")", "I64(51)"]);
    assert_eq!(ran[1].values, ["Text(\"x\")"]);
    Ok(())
}

#[tokio::test]
async fn a_numbered_page_is_counted_behind_a_comment() -> Result<()> {
    let (recorder, handle) = recorder();
    tracks(&handle).numbered(OffsetRequest::page(3, 20)).await?;
    let ran = recorder.take();
    assert_eq!(
        ran[0].sql,
        "SELECT name FROM tracks ORDER BY name LIMIT $1 OFFSET $2 -- the end"
    );
    assert_eq!(ran[0].values, ["I64(21)", "I64(40)"]);
    assert_eq!(
        ran[1].sql,
        "SELECT count(*) FROM (SELECT name FROM tracks ORDER BY name  -- the end\n) AS counted"
    );
    Ok(())
}

fn samples(method: &str, dialect: Dialect) -> Result<Vec<Sample>> {
    let found = STATEMENTS
        .iter()
        .find(|statement| statement.method == method);
    found.unwrap().samples(dialect)
}

#[test]
fn what_is_verified_has_every_filter_and_every_key() -> Result<()> {
    let texts = |dialect| -> Result<Vec<String>> {
        let samples = samples("Tracks::page", dialect)?;
        Ok(samples
            .iter()
            .map(|sample| sample.sql.to_string())
            .collect())
    };
    let [bare, name, seconds, folded, mixed, count] =
        <[String; 6]>::try_from(texts(Dialect::Sqlite)?).unwrap();
    let all = r#""genre" = ?1 AND "seconds" BETWEEN ?2 AND ?3 AND instr("name", ?4) > 0 AND "name" GLOB ?5 AND "seconds" IN rarray(?6) AND "genre" NOT IN rarray(?7) AND "genre" IS NULL AND "genre" IS NOT NULL AND ("tracks".seconds < ?8 OR ?8 IS NULL) AND ("tracks".seconds = 0)"#;
    assert_eq!(
        bare,
        r#"SELECT name FROM tracks WHERE TRUE ORDER BY "name", "track_id" LIMIT ?1"#
    );
    assert_eq!(
        name,
        format!(
            r#"SELECT name FROM tracks WHERE ({all} AND ("name", "track_id") > (?9, ?10)) ORDER BY "name", "track_id" LIMIT ?11"#
        )
    );
    assert_eq!(
        seconds,
        format!(
            r#"SELECT name FROM tracks WHERE ({all} AND ("seconds", "track_id") > (?9, ?10)) ORDER BY "seconds", "track_id" LIMIT ?11"#
        )
    );
    assert_eq!(
        folded,
        format!(
            r#"SELECT name FROM tracks WHERE ({all} AND ((lower("tracks".name)), "track_id") > (?9, ?10)) ORDER BY (lower("tracks".name)), "track_id" LIMIT ?11"#
        )
    );
    assert_eq!(
        mixed,
        format!(
            r#"SELECT name FROM tracks WHERE ({all} AND "name" <= ?9 AND ("name" < ?9 OR ("name" = ?9 AND ("seconds" > ?10 OR ("seconds" = ?10 AND ("track_id" > ?11)))))) ORDER BY "name" DESC, "seconds", "track_id" LIMIT ?12"#
        )
    );
    assert_eq!(
        count,
        format!("SELECT count(*) FROM (SELECT name FROM tracks WHERE ({all})\n) AS counted")
    );
    assert_eq!(texts(Dialect::Postgres)?.len(), 6);
    Ok(())
}

#[test]
fn what_is_verified_has_as_many_types_as_values() -> Result<()> {
    for method in [
        "Tracks::page",
        "Tracks::slice",
        "Tracks::numbered",
        "Tracks::names",
    ] {
        for sample in samples(method, Dialect::Postgres)? {
            let highest = (1..=sample.specs.len() + 1)
                .rev()
                .find(|nth| sample.sql.contains(&format!("${nth}")));
            assert_eq!(highest.unwrap_or(0), sample.specs.len(), "{}", sample.sql);
        }
    }
    Ok(())
}
