use std::convert::Infallible;

use anyhow::Result;
use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use axum::routing;
use bytes::Bytes;
use futures_util::stream;
use serde::{Deserialize, Serialize};
use shelfmark_axum::{Json, body_limit};

use crate::answer::{Answer, ask};

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct NewShow {
    title: String,
    release_year: i16,
    kind: Option<Kind>,
    #[serde(default)]
    cast: Vec<Member>,
}

#[derive(Deserialize, Serialize)]
struct Member {
    name: String,
    age: Option<u8>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Movie,
    Series,
}

fn router() -> Router {
    let echo = async |Json(new): Json<NewShow>| (StatusCode::CREATED, Json(new));
    Router::new().route("/", routing::post(echo))
}

async fn post(body: &str) -> Result<Answer> {
    let request = Request::post("/")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body.to_owned()))?;
    ask(router(), request).await
}

#[tokio::test]
async fn json_goes_in_and_comes_out() -> Result<()> {
    insta::assert_snapshot!(post(r#"{"title": "Alien", "release_year": 1979, "kind": "movie"}"#).await?, @r#"
    201 Created
    content-type: application/json
    {
      "cast": [],
      "kind": "movie",
      "release_year": 1979,
      "title": "Alien"
    }
    "#);
    Ok(())
}

#[tokio::test]
async fn a_wrong_field_is_named_by_its_path() -> Result<()> {
    insta::assert_snapshot!(post(r#"{"title": "Alien", "release_year": "secret"}"#).await?, @r#"
    422 Unprocessable Entity
    content-type: application/problem+json
    {
      "detail": "field `release_year` must be a whole number from -32768 to 32767",
      "field": "release_year",
      "status": 422,
      "title": "Unprocessable Entity",
      "type": "about:blank"
    }
    "#);
    insta::assert_snapshot!(post(r#"{"title": "Alien", "release_year": 40000}"#).await?, @r#"
    422 Unprocessable Entity
    content-type: application/problem+json
    {
      "detail": "field `release_year` must be a whole number from -32768 to 32767",
      "field": "release_year",
      "status": 422,
      "title": "Unprocessable Entity",
      "type": "about:blank"
    }
    "#);
    insta::assert_snapshot!(post(r#"{"title": null, "release_year": 1979}"#).await?, @r#"
    422 Unprocessable Entity
    content-type: application/problem+json
    {
      "detail": "field `title` must be a text",
      "field": "title",
      "status": 422,
      "title": "Unprocessable Entity",
      "type": "about:blank"
    }
    "#);
    insta::assert_snapshot!(post(r#"{"title": "Alien", "release_year": 1979, "kind": "radio"}"#).await?, @r#"
    422 Unprocessable Entity
    content-type: application/problem+json
    {
      "detail": "field `kind` must be `movie` or `series`",
      "field": "kind",
      "status": 422,
      "title": "Unprocessable Entity",
      "type": "about:blank"
    }
    "#);
    insta::assert_snapshot!(
        post(r#"{"title": "Alien", "release_year": 1979, "cast": [{"name": "a"}, {"name": "b", "age": "old"}]}"#).await?,
        @r#"
    422 Unprocessable Entity
    content-type: application/problem+json
    {
      "detail": "field `cast[1].age` must be a whole number from 0 to 255",
      "field": "cast[1].age",
      "status": 422,
      "title": "Unprocessable Entity",
      "type": "about:blank"
    }
    "#
    );
    Ok(())
}

#[tokio::test]
async fn a_missing_unknown_or_repeated_field_is_named() -> Result<()> {
    insta::assert_snapshot!(post(r#"{"title": "Alien"}"#).await?, @r#"
    422 Unprocessable Entity
    content-type: application/problem+json
    {
      "detail": "field `release_year` is missing",
      "field": "release_year",
      "status": 422,
      "title": "Unprocessable Entity",
      "type": "about:blank"
    }
    "#);
    insta::assert_snapshot!(post(r#"{"title": "Alien", "release_year": 1979, "cast": [{}]}"#).await?, @r#"
    422 Unprocessable Entity
    content-type: application/problem+json
    {
      "detail": "field `cast[0].name` is missing",
      "field": "cast[0].name",
      "status": 422,
      "title": "Unprocessable Entity",
      "type": "about:blank"
    }
    "#);
    insta::assert_snapshot!(post(r#"{"title": "Alien", "release_year": 1979, "year": 1979}"#).await?, @r#"
    422 Unprocessable Entity
    content-type: application/problem+json
    {
      "detail": "field `year` is unknown; accepted is one of `title`, `release_year`, `kind`, `cast`",
      "field": "year",
      "status": 422,
      "title": "Unprocessable Entity",
      "type": "about:blank"
    }
    "#);
    insta::assert_snapshot!(post(r#"{"title": "Alien", "title": "Aliens"}"#).await?, @r#"
    422 Unprocessable Entity
    content-type: application/problem+json
    {
      "detail": "field `title` is given more than once",
      "field": "title",
      "status": 422,
      "title": "Unprocessable Entity",
      "type": "about:blank"
    }
    "#);
    Ok(())
}

#[tokio::test]
async fn a_body_that_is_something_else_is_refused_as_a_whole() -> Result<()> {
    insta::assert_snapshot!(post(r#""Alien""#).await?, @r#"
    422 Unprocessable Entity
    content-type: application/problem+json
    {
      "detail": "the body must be an object",
      "status": 422,
      "title": "Unprocessable Entity",
      "type": "about:blank"
    }
    "#);
    Ok(())
}

#[tokio::test]
async fn what_is_not_json_is_a_400_with_its_place() -> Result<()> {
    insta::assert_snapshot!(post("{\"title\": \"Alien\",\n oops}").await?, @r#"
    400 Bad Request
    content-type: application/problem+json
    {
      "detail": "the body is not valid JSON: key must be a string at line 2 column 2",
      "status": 400,
      "title": "Bad Request",
      "type": "about:blank"
    }
    "#);
    insta::assert_snapshot!(post(r#"{"title": "#).await?, @r#"
    400 Bad Request
    content-type: application/problem+json
    {
      "detail": "the body is not valid JSON: EOF while parsing a value at line 1 column 10",
      "status": 400,
      "title": "Bad Request",
      "type": "about:blank"
    }
    "#);
    insta::assert_snapshot!(post(r#"{"title": "Alien", "release_year": 1979} x"#).await?, @r#"
    400 Bad Request
    content-type: application/problem+json
    {
      "detail": "the body is not valid JSON: trailing characters at line 1 column 42",
      "status": 400,
      "title": "Bad Request",
      "type": "about:blank"
    }
    "#);
    insta::assert_snapshot!(post("").await?, @r#"
    400 Bad Request
    content-type: application/problem+json
    {
      "detail": "the body is empty and must be JSON",
      "status": 400,
      "title": "Bad Request",
      "type": "about:blank"
    }
    "#);
    Ok(())
}

#[tokio::test]
async fn a_refused_value_is_not_repeated() -> Result<()> {
    let long = "x".repeat(100_000);
    let answer = post(&format!(
        r#"{{"title": "Alien", "release_year": "{long}"}}"#
    ))
    .await?;
    assert!(!answer.to_string().contains("xx"));
    let answer = post(&format!(r#"{{"{long}": 1}}"#)).await?;
    assert!(answer.body.len() < 1000);
    Ok(())
}

#[tokio::test]
async fn a_body_that_does_not_say_json_is_a_415() -> Result<()> {
    let request = Request::post("/").body(Body::from("{}"))?;
    insta::assert_snapshot!(ask(router(), request).await?, @r#"
    415 Unsupported Media Type
    content-type: application/problem+json
    {
      "detail": "the body must be JSON, sent with the header `content-type: application/json`",
      "status": 415,
      "title": "Unsupported Media Type",
      "type": "about:blank"
    }
    "#);
    for (media_type, status) in [
        ("text/plain", 415),
        ("application/jsonp", 415),
        ("text/json+x", 415),
        ("application/JSON; charset=utf-8", 422),
        ("application/merge-patch+json", 422),
    ] {
        let request = Request::post("/")
            .header(header::CONTENT_TYPE, media_type)
            .body(Body::from("{}"))?;
        assert_eq!(ask(router(), request).await?.status, status, "{media_type}");
    }
    Ok(())
}

/// A body of `bytes` bytes that does not announce its length.
fn in_chunks(bytes: usize) -> Body {
    let chunks = (0..bytes).map(|_| Ok::<_, Infallible>(Bytes::from_static(b" ")));
    Body::from_stream(stream::iter(chunks))
}

#[tokio::test]
async fn a_body_too_long_is_a_413_whether_it_says_so_or_not() -> Result<()> {
    let limited = router().layer(body_limit(100));
    let json = "application/json";
    let announced = Request::post("/")
        .header(header::CONTENT_TYPE, json)
        .header(header::CONTENT_LENGTH, 101)
        .body(Body::from(" ".repeat(101)))?;
    let announced = ask(limited.clone(), announced).await?;
    insta::assert_snapshot!(announced, @r#"
    413 Payload Too Large
    content-type: application/problem+json
    {
      "detail": "the body is longer than the 100 bytes that are accepted",
      "limit_bytes": 100,
      "status": 413,
      "title": "Payload Too Large",
      "type": "about:blank"
    }
    "#);
    let chunked = Request::post("/")
        .header(header::CONTENT_TYPE, json)
        .body(in_chunks(101))?;
    let chunked = ask(limited.clone(), chunked).await?;
    assert_eq!(chunked.to_string(), announced.to_string());
    Ok(())
}

#[tokio::test]
async fn a_body_of_just_the_limit_is_read() -> Result<()> {
    let limited = router().layer(body_limit(100));
    let body = r#"{"title": "Alien", "release_year": 1979}"#;
    let padded = format!("{body:100}");
    let request = Request::post("/")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::CONTENT_LENGTH, 100)
        .body(Body::from(padded))?;
    assert_eq!(ask(limited, request).await?.status, 201);
    Ok(())
}

#[tokio::test]
async fn a_larger_limit_than_axum_has_by_itself_holds() -> Result<()> {
    let limited = router().layer(body_limit(4 << 20));
    let body = format!(
        "{}{{\"title\": \"Alien\", \"release_year\": 1979}}",
        " ".repeat(3 << 20)
    );
    let request = Request::post("/")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body))?;
    assert_eq!(ask(limited, request).await?.status, 201);
    Ok(())
}

#[tokio::test]
async fn without_a_limit_of_ones_own_a_body_is_still_limited() -> Result<()> {
    let request = Request::post("/")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(" ".repeat(3 << 20)))?;
    insta::assert_snapshot!(ask(router(), request).await?, @r#"
    413 Payload Too Large
    content-type: application/problem+json
    {
      "detail": "the body is longer than this service accepts",
      "status": 413,
      "title": "Payload Too Large",
      "type": "about:blank"
    }
    "#);
    Ok(())
}

#[tokio::test]
async fn an_answer_that_cannot_be_json_is_a_500() -> Result<()> {
    let unwritable = async || Json(std::collections::BTreeMap::from([((1, 2), 3)]));
    let router = Router::new().route("/", routing::get(unwritable));
    insta::assert_snapshot!(crate::answer::get(router, "/").await?, @r#"
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
