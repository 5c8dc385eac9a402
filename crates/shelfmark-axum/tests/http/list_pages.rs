//! Lists that are asked for with derived filters and sort keys: backwards, by page numbers, and with several mistakes.

use anyhow::Result;
use axum::Router;
use axum::extract::State;
use axum::routing;
use serde::Deserialize;
use shelfmark::Between;
use shelfmark::prelude::*;
use shelfmark_axum::{Json, ListQuery, Problem, Query};

use crate::answer::{Answer, get};

#[derive(Entity, Clone, Debug, serde::Serialize)]
#[entity(table = "shows")]
struct Show {
    #[id]
    show_id: String,
    title: String,
    year: i32,
    rating: Option<String>,
}

#[derive(Filters, Default, Debug, Deserialize)]
#[filters(Show)]
#[serde(default)]
struct ShowFilters {
    #[filter(any)]
    rating: Vec<String>,
    #[filter(between)]
    year: Option<Between<i32>>,
    #[filter(contains, column = title)]
    q: Option<String>,
    #[filter(sql = "{table}.rating IS NULL")]
    unrated: bool,
}

#[derive(SortBy, Debug, Clone, Copy, Deserialize)]
#[sort(Show)]
#[serde(rename_all = "snake_case")]
enum ShowSort {
    Year,
    Title,
}

#[repository(entity = Show)]
trait Shows {
    #[query("SELECT {*} FROM shows WHERE {filters} ORDER BY {sort} {page}")]
    async fn list(
        &self,
        filters: &ShowFilters,
        sort: Option<Sort<ShowSort>>,
        page: PageRequest,
    ) -> shelfmark::Result<Slice<Show>>;
    #[query("SELECT {*} FROM shows WHERE {filters} ORDER BY {sort} {page}")]
    async fn numbered(
        &self,
        filters: &ShowFilters,
        sort: Option<Sort<ShowSort>>,
        page: OffsetRequest,
    ) -> shelfmark::Result<Page<Show>>;
}

async fn list(
    State(db): State<Db>,
    list: ListQuery<ShowFilters, ShowSort>,
) -> Result<Json<Slice<String>>, Problem> {
    let found = db.shows().list(&list.filters, list.sort, list.page).await?;
    Ok(Json(found.map(|show| show.show_id)))
}

async fn numbered(
    State(db): State<Db>,
    list: ListQuery<ShowFilters, ShowSort, OffsetRequest>,
) -> Result<Json<Page<String>>, Problem> {
    let found = db
        .shows()
        .numbered(&list.filters, list.sort, list.page)
        .await?;
    Ok(Json(found.map(|show| show.show_id)))
}

#[derive(Deserialize)]
struct By {
    key: ShowSort,
}

async fn key(Query(By { key }): Query<By>) -> String {
    format!("{key:?}")
}

async fn service() -> Result<Router> {
    let db = Db::memory().await?;
    db.execute(sql!(
        "CREATE TABLE shows (show_id TEXT PRIMARY KEY NOT NULL, title TEXT NOT NULL, year INTEGER NOT NULL, rating TEXT) STRICT"
    ))
    .await?;
    db.execute(sql!(
        "INSERT INTO shows VALUES ('a', 'Alien', 1979, 'R'), ('b', 'Brazil', 1985, 'R'), ('c', 'Casablanca', 1942, 'PG'),
         ('d', '100% Wolf', 2020, NULL), ('e', 'R, G and B', 2001, 'TV-Y')"
    ))
    .await?;
    Ok(Router::new()
        .route("/shows", routing::get(list))
        .route("/numbered", routing::get(numbered))
        .route("/key", routing::get(key))
        .with_state(db))
}

async fn items(router: &Router, uri: &str) -> Result<String> {
    let answer = get(router.clone(), uri).await?;
    anyhow::ensure!(answer.status == 200, "{uri}: {answer}");
    let page: Slice<String> = serde_json::from_slice(&answer.body)?;
    Ok(page.items.concat())
}

async fn refused(uri: &str) -> Result<Answer> {
    let answer = get(service().await?, uri).await?;
    assert_eq!(answer.status, 400, "{uri}: {answer}");
    Ok(answer)
}

#[tokio::test]
async fn derived_filters_are_read_from_the_query_string() -> Result<()> {
    let router = service().await?;
    for (query, expected) in [
        ("", "abcde"),
        ("rating=R", "ab"),
        ("rating=R&rating=PG", "abc"),
        ("year=1979..1985", "ab"),
        ("year=-5..1950&rating=PG", "c"),
        ("year=2..1", ""),
        ("q=%25", "d"),
        ("q=,", "e"),
        ("unrated=true", "d"),
        ("unrated=false", "abcde"),
        ("sort=-year&limit=2", "de"),
        ("sort=title&rating=R&q=l", "ab"),
    ] {
        assert_eq!(
            items(&router, &format!("/shows?{query}")).await?,
            expected,
            "{query}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_list_is_walked_forward_and_back_by_its_cursors() -> Result<()> {
    let router = service().await?;
    let page = async |query: String| -> Result<Slice<String>> {
        let answer = get(router.clone(), &format!("/shows?sort=-year&limit=2{query}")).await?;
        Ok(serde_json::from_slice(&answer.body)?)
    };
    let first = page(String::new()).await?;
    assert_eq!((first.items.concat().as_str(), first.prev), ("de", None));
    let next = first
        .next
        .map(|next| format!("&after={next}"))
        .unwrap_or_default();
    let second = page(next).await?;
    assert_eq!(second.items.concat(), "ba");
    let prev = second
        .prev
        .map(|prev| format!("&before={prev}"))
        .unwrap_or_default();
    let back = page(prev).await?;
    assert_eq!((back.items.concat().as_str(), back.prev), ("de", None));
    Ok(())
}

#[tokio::test]
async fn a_list_may_have_page_numbers() -> Result<()> {
    let router = service().await?;
    assert_eq!(items(&router, "/numbered?limit=2&page=2").await?, "cd");
    assert_eq!(items(&router, "/numbered?limit=2&offset=3").await?, "de");
    assert_eq!(
        items(&router, "/numbered?limit=2&page=1&sort=year").await?,
        "ca"
    );
    let answer = get(router.clone(), "/numbered?limit=2&page=2&sort=title").await?;
    let page: Page<String> = serde_json::from_slice(&answer.body)?;
    assert_eq!((page.items.concat().as_str(), page.total), ("bc", 5));
    let next = page.next.map(|next| next.to_string()).unwrap_or_default();
    assert_eq!(
        items(&router, &format!("/numbered?limit=2&at={next}&sort=title")).await?,
        "e"
    );
    insta::assert_snapshot!(refused("/numbered?page=0").await?, @r#"
    400 Bad Request
    content-type: application/problem+json
    {
      "detail": "query parameter `page` must be a whole number from 1 to 20001",
      "parameter": "page",
      "status": 400,
      "title": "Bad Request",
      "type": "about:blank"
    }
    "#);
    insta::assert_snapshot!(refused("/numbered?page=2&offset=5").await?, @r#"
    400 Bad Request
    content-type: application/problem+json
    {
      "detail": "query parameter `offset` does not go with `page`; give one of them",
      "parameter": "offset",
      "status": 400,
      "title": "Bad Request",
      "type": "about:blank"
    }
    "#);
    insta::assert_snapshot!(refused("/numbered?limit=200&page=5002").await?, @r#"
    400 Bad Request
    content-type: application/problem+json
    {
      "detail": "query parameter `page` must be a whole number from 1 to 5001",
      "parameter": "page",
      "status": 400,
      "title": "Bad Request",
      "type": "about:blank"
    }
    "#);
    insta::assert_snapshot!(refused("/numbered?after=AAAA").await?, @r#"
    400 Bad Request
    content-type: application/problem+json
    {
      "detail": "unknown query parameter `after`; the accepted ones are `rating`, `year`, `q`, `unrated`, `sort`, `limit`, `page`, `offset`, `at`",
      "parameter": "after",
      "status": 400,
      "title": "Bad Request",
      "type": "about:blank"
    }
    "#);
    Ok(())
}

#[tokio::test]
async fn a_page_goes_one_way() -> Result<()> {
    let cursor = Cursor::encode("", &[])?;
    insta::assert_snapshot!(refused(&format!("/shows?after={cursor}&before={cursor}")).await?, @r#"
    400 Bad Request
    content-type: application/problem+json
    {
      "detail": "query parameter `before` does not go with `after`; give one of them",
      "parameter": "before",
      "status": 400,
      "title": "Bad Request",
      "type": "about:blank"
    }
    "#);
    Ok(())
}

#[tokio::test]
async fn a_wrong_range_is_refused_with_its_form() -> Result<()> {
    insta::assert_snapshot!(refused("/shows?year=2000").await?, @r#"
    400 Bad Request
    content-type: application/problem+json
    {
      "detail": "query parameter `year`: the two dots are missing; write two bounds as `from..to`",
      "parameter": "year",
      "status": 400,
      "title": "Bad Request",
      "type": "about:blank"
    }
    "#);
    insta::assert_snapshot!(refused("/shows?year=2000..new").await?, @r#"
    400 Bad Request
    content-type: application/problem+json
    {
      "detail": "query parameter `year`: the upper bound cannot be read; write two bounds as `from..to`",
      "parameter": "year",
      "status": 400,
      "title": "Bad Request",
      "type": "about:blank"
    }
    "#);
    Ok(())
}

#[tokio::test]
async fn all_wrong_parameters_are_told_at_once() -> Result<()> {
    insta::assert_snapshot!(refused("/shows?limit=0&sort=rating&unrated=1&year=x&page=2&q=ok").await?, @r#"
    400 Bad Request
    content-type: application/problem+json
    {
      "detail": "query parameter `sort`: unknown sort key `rating`; the keys are `year`, `title`; and query parameter `limit` must be a whole number from 1 to 200; and unknown query parameter `page`; the accepted ones are `rating`, `year`, `q`, `unrated`, `sort`, `limit`, `after`, `before`; and query parameter `unrated` must be true or false; and query parameter `year`: the two dots are missing; write two bounds as `from..to`",
      "errors": [
        {
          "detail": "query parameter `sort`: unknown sort key `rating`; the keys are `year`, `title`",
          "parameter": "sort"
        },
        {
          "detail": "query parameter `limit` must be a whole number from 1 to 200",
          "parameter": "limit"
        },
        {
          "detail": "unknown query parameter `page`; the accepted ones are `rating`, `year`, `q`, `unrated`, `sort`, `limit`, `after`, `before`",
          "parameter": "page"
        },
        {
          "detail": "query parameter `unrated` must be true or false",
          "parameter": "unrated"
        },
        {
          "detail": "query parameter `year`: the two dots are missing; write two bounds as `from..to`",
          "parameter": "year"
        }
      ],
      "status": 400,
      "title": "Bad Request",
      "type": "about:blank"
    }
    "#);
    Ok(())
}

#[tokio::test]
async fn what_is_told_of_many_wrong_parameters_is_bounded() -> Result<()> {
    let query: Vec<String> = (0..100).map(|nth| format!("unknown{nth}=1")).collect();
    let answer = refused(&format!("/shows?{}", query.join("&"))).await?;
    let told = answer.json()?["errors"].as_array().map(Vec::len);
    assert_eq!(told, Some(10));
    Ok(())
}

#[tokio::test]
async fn a_value_that_no_text_holds_is_refused() -> Result<()> {
    insta::assert_snapshot!(refused("/shows?q=a%00b").await?, @r#"
    400 Bad Request
    content-type: application/problem+json
    {
      "detail": "a value of the request cannot be stored or compared",
      "status": 400,
      "title": "Bad Request",
      "type": "about:blank"
    }
    "#);
    Ok(())
}

#[tokio::test]
async fn a_sort_key_is_a_parameter_of_its_own() -> Result<()> {
    let answer = get(service().await?, "/key?key=title").await?;
    assert_eq!(answer.body, b"Title");
    insta::assert_snapshot!(refused("/key?key=rating").await?, @r#"
    400 Bad Request
    content-type: application/problem+json
    {
      "detail": "query parameter `key` must be one of `year`, `title`",
      "parameter": "key",
      "status": 400,
      "title": "Bad Request",
      "type": "about:blank"
    }
    "#);
    Ok(())
}
