use anyhow::Result;
use axum::Router;
use axum::routing;
use serde::Deserialize;
use shelfmark_axum::{Path, Query};

use crate::answer::{Answer, get};

#[derive(Debug, Deserialize)]
#[allow(dead_code, reason = "read by `Debug`")]
struct Search {
    year: i32,
    title: Option<String>,
    #[serde(default)]
    genre: Vec<String>,
    kind: Option<Kind>,
    rated: Option<bool>,
    score: Option<f64>,
    page_size: Option<PageSize>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Movie,
    TvShow,
}

#[derive(Debug, Deserialize)]
#[serde(transparent)]
#[allow(dead_code, reason = "read by `Debug`")]
struct PageSize(u8);

async fn search(query: &str) -> Result<Answer> {
    let handler = async |Query(search): Query<Search>| format!("{search:?}");
    let router = Router::new().route("/", routing::get(handler));
    get(router, &format!("/?{query}")).await
}

#[tokio::test]
async fn parameters_are_read_by_the_types_of_their_fields() -> Result<()> {
    insta::assert_snapshot!(search("year=2020").await?, @r#"
    200 OK
    content-type: text/plain; charset=utf-8
    Search { year: 2020, title: None, genre: [], kind: None, rated: None, score: None, page_size: None }
    "#);
    insta::assert_snapshot!(
        search("kind=tv_show&genre=Drama&year=-5&genre=Comedies&rated=true&score=1e1&page_size=9&title=M%C3%A9li%C3%A8s+%26+Co").await?,
        @r#"
    200 OK
    content-type: text/plain; charset=utf-8
    Search { year: -5, title: Some("Méliès & Co"), genre: ["Drama", "Comedies"], kind: Some(TvShow), rated: Some(true), score: Some(10.0), page_size: Some(PageSize(9)) }
    "#
    );
    Ok(())
}

#[tokio::test]
async fn an_empty_value_is_a_value() -> Result<()> {
    insta::assert_snapshot!(search("year=1&title=").await?, @r#"
    200 OK
    content-type: text/plain; charset=utf-8
    Search { year: 1, title: Some(""), genre: [], kind: None, rated: None, score: None, page_size: None }
    "#);
    insta::assert_snapshot!(search("year=1&title").await?, @r#"
    200 OK
    content-type: text/plain; charset=utf-8
    Search { year: 1, title: Some(""), genre: [], kind: None, rated: None, score: None, page_size: None }
    "#);
    insta::assert_snapshot!(search("year=").await?, @r#"
    400 Bad Request
    content-type: application/problem+json
    {
      "detail": "query parameter `year` must be a whole number from -2147483648 to 2147483647",
      "parameter": "year",
      "status": 400,
      "title": "Bad Request",
      "type": "about:blank"
    }
    "#);
    Ok(())
}

#[tokio::test]
async fn an_unknown_parameter_is_named_with_the_accepted_ones() -> Result<()> {
    insta::assert_snapshot!(search("year=1&yaer=2").await?, @r#"
    400 Bad Request
    content-type: application/problem+json
    {
      "detail": "unknown query parameter `yaer`; the accepted ones are `year`, `title`, `genre`, `kind`, `rated`, `score`, `page_size`",
      "parameter": "yaer",
      "status": 400,
      "title": "Bad Request",
      "type": "about:blank"
    }
    "#);
    Ok(())
}

#[tokio::test]
async fn a_missing_parameter_is_named() -> Result<()> {
    insta::assert_snapshot!(search("title=Alien").await?, @r#"
    400 Bad Request
    content-type: application/problem+json
    {
      "detail": "query parameter `year` is missing",
      "parameter": "year",
      "status": 400,
      "title": "Bad Request",
      "type": "about:blank"
    }
    "#);
    Ok(())
}

#[tokio::test]
async fn a_parameter_given_twice_is_refused_unless_it_is_a_list() -> Result<()> {
    insta::assert_snapshot!(search("year=1&year=1").await?, @r#"
    400 Bad Request
    content-type: application/problem+json
    {
      "detail": "query parameter `year` is given more than once; give it once",
      "parameter": "year",
      "status": 400,
      "title": "Bad Request",
      "type": "about:blank"
    }
    "#);
    Ok(())
}

#[tokio::test]
async fn a_value_of_the_wrong_type_is_refused_by_what_it_must_be() -> Result<()> {
    insta::assert_snapshot!(search("year=MMXX").await?, @r#"
    400 Bad Request
    content-type: application/problem+json
    {
      "detail": "query parameter `year` must be a whole number from -2147483648 to 2147483647",
      "parameter": "year",
      "status": 400,
      "title": "Bad Request",
      "type": "about:blank"
    }
    "#);
    insta::assert_snapshot!(search("year=3000000000").await?, @r#"
    400 Bad Request
    content-type: application/problem+json
    {
      "detail": "query parameter `year` must be a whole number from -2147483648 to 2147483647",
      "parameter": "year",
      "status": 400,
      "title": "Bad Request",
      "type": "about:blank"
    }
    "#);
    insta::assert_snapshot!(search("year=1&kind=radio").await?, @r#"
    400 Bad Request
    content-type: application/problem+json
    {
      "detail": "query parameter `kind` must be one of `movie`, `tv_show`",
      "parameter": "kind",
      "status": 400,
      "title": "Bad Request",
      "type": "about:blank"
    }
    "#);
    insta::assert_snapshot!(search("year=1&rated=yes").await?, @r#"
    400 Bad Request
    content-type: application/problem+json
    {
      "detail": "query parameter `rated` must be true or false",
      "parameter": "rated",
      "status": 400,
      "title": "Bad Request",
      "type": "about:blank"
    }
    "#);
    insta::assert_snapshot!(search("year=1&score=much").await?, @r#"
    400 Bad Request
    content-type: application/problem+json
    {
      "detail": "query parameter `score` must be a number",
      "parameter": "score",
      "status": 400,
      "title": "Bad Request",
      "type": "about:blank"
    }
    "#);
    insta::assert_snapshot!(search("year=1&score=NaN").await?, @r#"
    400 Bad Request
    content-type: application/problem+json
    {
      "detail": "query parameter `score` must be a finite number",
      "parameter": "score",
      "status": 400,
      "title": "Bad Request",
      "type": "about:blank"
    }
    "#);
    insta::assert_snapshot!(search("year=1&page_size=256").await?, @r#"
    400 Bad Request
    content-type: application/problem+json
    {
      "detail": "query parameter `page_size` must be a whole number from 0 to 255",
      "parameter": "page_size",
      "status": 400,
      "title": "Bad Request",
      "type": "about:blank"
    }
    "#);
    Ok(())
}

#[tokio::test]
async fn what_is_not_utf_8_is_refused() -> Result<()> {
    insta::assert_snapshot!(search("year=1&title=%FF").await?, @r#"
    400 Bad Request
    content-type: application/problem+json
    {
      "detail": "query parameter `title` is not UTF-8",
      "parameter": "title",
      "status": 400,
      "title": "Bad Request",
      "type": "about:blank"
    }
    "#);
    insta::assert_snapshot!(search("year=1&%FF=1").await?, @r#"
    400 Bad Request
    content-type: application/problem+json
    {
      "detail": "the name of a query parameter is not UTF-8",
      "status": 400,
      "title": "Bad Request",
      "type": "about:blank"
    }
    "#);
    Ok(())
}

#[tokio::test]
async fn more_parameters_than_anyone_needs_are_refused() -> Result<()> {
    insta::assert_snapshot!(search(&"genre=x&".repeat(101)).await?, @r#"
    400 Bad Request
    content-type: application/problem+json
    {
      "detail": "there are more than 100 query parameters",
      "status": 400,
      "title": "Bad Request",
      "type": "about:blank"
    }
    "#);
    Ok(())
}

#[tokio::test]
async fn a_refused_name_is_repeated_neither_at_length_nor_with_control_characters() -> Result<()> {
    let answer = search(&format!("year=1&%1B%0D%0A{}=1", "x".repeat(10_000))).await?;
    let shown = format!("{}…", "x".repeat(200));
    assert_eq!(
        answer.json()?.get("parameter"),
        Some(&shown.as_str().into())
    );
    Ok(())
}

async fn show(uri: &str) -> Result<Answer> {
    let one = async |Path(id): Path<i64>| format!("{id}");
    let newtype = async |Path(size): Path<PageSize>| format!("{size:?}");
    let kind = async |Path(kind): Path<Kind>| format!("{kind:?}");
    let two = async |Path((id, name)): Path<(i64, String)>| format!("{id} {name}");
    let named = async |Path(season): Path<Season>| format!("{season:?}");
    let router = Router::new()
        .route("/shows/{id}", routing::get(one))
        .route("/sizes/{size}", routing::get(newtype))
        .route("/kinds/{kind}", routing::get(kind))
        .route("/shows/{id}/{name}", routing::get(two))
        .route("/seasons/{show}/{number}", routing::get(named))
        .route("/wrong/{id}/{name}", routing::get(one));
    get(router, uri).await
}

#[derive(Debug, Deserialize)]
#[allow(dead_code, reason = "read by `Debug`")]
struct Season {
    number: u8,
}

#[tokio::test]
async fn path_variables_are_read_alone_in_order_or_by_name() -> Result<()> {
    for (uri, expected) in [
        ("/shows/7", "7"),
        ("/sizes/7", "PageSize(7)"),
        ("/kinds/movie", "Movie"),
        ("/shows/7/Am%C3%A9lie%2F2", "7 Amélie/2"),
        ("/seasons/dark/3", "Season { number: 3 }"),
    ] {
        let answer = show(uri).await?;
        assert_eq!(
            (answer.status.as_u16(), &*answer.body),
            (200, expected.as_bytes())
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_path_variable_of_the_wrong_type_is_named() -> Result<()> {
    insta::assert_snapshot!(show("/shows/seven").await?, @r#"
    400 Bad Request
    content-type: application/problem+json
    {
      "detail": "path parameter `id` must be a whole number from -9223372036854775808 to 9223372036854775807",
      "parameter": "id",
      "status": 400,
      "title": "Bad Request",
      "type": "about:blank"
    }
    "#);
    insta::assert_snapshot!(show("/kinds/radio").await?, @r#"
    400 Bad Request
    content-type: application/problem+json
    {
      "detail": "path parameter `kind` must be one of `movie`, `tv_show`",
      "parameter": "kind",
      "status": 400,
      "title": "Bad Request",
      "type": "about:blank"
    }
    "#);
    insta::assert_snapshot!(show("/shows/seven/x").await?, @r#"
    400 Bad Request
    content-type: application/problem+json
    {
      "detail": "path parameter `id` must be a whole number from -9223372036854775808 to 9223372036854775807",
      "parameter": "id",
      "status": 400,
      "title": "Bad Request",
      "type": "about:blank"
    }
    "#);
    insta::assert_snapshot!(show("/seasons/dark/300").await?, @r#"
    400 Bad Request
    content-type: application/problem+json
    {
      "detail": "path parameter `number` must be a whole number from 0 to 255",
      "parameter": "number",
      "status": 400,
      "title": "Bad Request",
      "type": "about:blank"
    }
    "#);
    insta::assert_snapshot!(show("/shows/%FF").await?, @r#"
    400 Bad Request
    content-type: application/problem+json
    {
      "detail": "a path parameter is not UTF-8",
      "status": 400,
      "title": "Bad Request",
      "type": "about:blank"
    }
    "#);
    Ok(())
}

#[tokio::test]
async fn a_handler_that_does_not_fit_its_route_is_our_own_fault() -> Result<()> {
    insta::assert_snapshot!(show("/wrong/7/x").await?, @r#"
    500 Internal Server Error
    content-type: application/problem+json
    {
      "detail": "something went wrong on our side; give `incident` when you report it",
      "incident": "<16 digits>",
      "status": 500,
      "title": "Internal Server Error",
      "type": "about:blank"
    }
    "#);
    Ok(())
}
