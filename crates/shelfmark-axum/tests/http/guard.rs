use std::future::pending;
use std::time::Duration;

use anyhow::Result;
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::routing::{get, post};
use shelfmark_axum::{RequestLimits, guarded};

use crate::answer::{Answer, ask};

fn router() -> Router {
    #[expect(clippy::panic, reason = "what the test is about")]
    async fn broken() {
        panic!("the key of the safe is 4711");
    }
    let router = Router::new()
        .route("/", get(async || "hello"))
        .route("/raw", post(async |body: String| body))
        .route("/never", get(async || pending::<()>().await))
        .route("/broken", get(broken));
    let limits = RequestLimits {
        body_bytes: 100,
        deadline: Duration::from_secs(5),
    };
    guarded(router, limits)
}

async fn send(method: &str, uri: &str) -> Result<Answer> {
    let request = Request::builder().method(method).uri(uri);
    ask(router(), request.body(Body::empty())?).await
}

#[tokio::test]
async fn what_works_is_left_alone() -> Result<()> {
    let answer = send("GET", "/").await?;
    assert_eq!(
        (answer.status.as_u16(), &*answer.body),
        (200, &b"hello"[..])
    );
    Ok(())
}

#[tokio::test]
async fn an_unknown_address_is_a_404() -> Result<()> {
    insta::assert_snapshot!(send("GET", "/nowhere").await?, @r#"
    404 Not Found
    content-type: application/problem+json
    {
      "detail": "there is nothing at this address",
      "status": 404,
      "title": "Not Found",
      "type": "about:blank"
    }
    "#);
    Ok(())
}

#[tokio::test]
async fn a_method_not_taken_is_a_405_that_lists_those_taken() -> Result<()> {
    insta::assert_snapshot!(send("DELETE", "/").await?, @r#"
    405 Method Not Allowed
    content-type: application/problem+json
    allow: GET,HEAD
    {
      "detail": "this address does not take DELETE",
      "status": 405,
      "title": "Method Not Allowed",
      "type": "about:blank"
    }
    "#);
    Ok(())
}

#[tokio::test]
async fn a_panic_is_a_500_that_tells_the_caller_nothing() -> Result<()> {
    insta::assert_snapshot!(send("GET", "/broken").await?, @r#"
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

#[tokio::test(start_paused = true)]
async fn a_handler_that_never_answers_is_stopped_with_a_503() -> Result<()> {
    let begin = tokio::time::Instant::now();
    insta::assert_snapshot!(send("GET", "/never").await?, @r#"
    503 Service Unavailable
    content-type: application/problem+json
    retry-after: 1
    {
      "detail": "the request took too long and was stopped; try again later",
      "status": 503,
      "title": "Service Unavailable",
      "type": "about:blank"
    }
    "#);
    assert_eq!(begin.elapsed().as_secs(), 5);
    Ok(())
}

#[tokio::test]
async fn a_body_is_limited_for_extractors_of_axum_too() -> Result<()> {
    for (bytes, status) in [(100, 200), (101, 413)] {
        let request = Request::post("/raw").body(Body::from(" ".repeat(bytes)))?;
        assert_eq!(ask(router(), request).await?.status, status);
    }
    Ok(())
}
