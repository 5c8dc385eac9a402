use std::time::Duration;

use anyhow::Result;
use axum::Router;
use axum::http::StatusCode;
use axum::routing;
use shelfmark::{Error, ErrorKind};
use shelfmark_axum::Problem;

use crate::answer::{Answer, get};

/// What a handler answers that fails with `problem`.
async fn answer(problem: Problem) -> Result<Answer> {
    let handler = async move || Err::<(), Problem>(problem);
    get(Router::new().route("/", routing::get(handler)), "/").await
}

#[tokio::test]
async fn a_problem_says_what_its_builder_was_told() -> Result<()> {
    let problem = Problem::new(StatusCode::PAYMENT_REQUIRED)
        .with_type("https://example.org/out-of-credit")
        .with_title("You do not have enough credit")
        .with_detail("your balance is 30, and that costs 50")
        .with_instance("/account/12345/messages/abc")
        .with("balance", 30)
        .with_retry_after(Duration::from_millis(1500));
    assert_eq!(
        problem.to_string(),
        "402 You do not have enough credit: your balance is 30, and that costs 50"
    );
    insta::assert_snapshot!(answer(problem).await?, @r#"
    402 Payment Required
    content-type: application/problem+json
    retry-after: 2
    {
      "balance": 30,
      "detail": "your balance is 30, and that costs 50",
      "instance": "/account/12345/messages/abc",
      "status": 402,
      "title": "You do not have enough credit",
      "type": "https://example.org/out-of-credit"
    }
    "#);
    Ok(())
}

#[tokio::test]
async fn a_problem_without_more_is_its_status() -> Result<()> {
    insta::assert_snapshot!(answer(Problem::new(StatusCode::IM_A_TEAPOT)).await?, @r#"
    418 I'm a teapot
    content-type: application/problem+json
    {
      "status": 418,
      "title": "I'm a teapot",
      "type": "about:blank"
    }
    "#);
    Ok(())
}

#[tokio::test]
async fn an_extension_cannot_replace_a_standard_member() -> Result<()> {
    let problem = Problem::conflict("no")
        .with("status", 200)
        .with("type", "x");
    assert_eq!(problem.member("status"), None);
    insta::assert_snapshot!(answer(problem).await?, @r#"
    409 Conflict
    content-type: application/problem+json
    {
      "detail": "no",
      "status": 409,
      "title": "Conflict",
      "type": "about:blank"
    }
    "#);
    Ok(())
}

#[tokio::test]
async fn each_builder_has_its_status() -> Result<()> {
    insta::assert_snapshot!(answer(Problem::bad_request("so")).await?, @r#"
    400 Bad Request
    content-type: application/problem+json
    {
      "detail": "so",
      "status": 400,
      "title": "Bad Request",
      "type": "about:blank"
    }
    "#);
    insta::assert_snapshot!(answer(Problem::parameter("until", "lies before `since`")).await?, @r#"
    400 Bad Request
    content-type: application/problem+json
    {
      "detail": "query parameter `until`: lies before `since`",
      "parameter": "until",
      "status": 400,
      "title": "Bad Request",
      "type": "about:blank"
    }
    "#);
    insta::assert_snapshot!(answer(Problem::not_found("so")).await?, @r#"
    404 Not Found
    content-type: application/problem+json
    {
      "detail": "so",
      "status": 404,
      "title": "Not Found",
      "type": "about:blank"
    }
    "#);
    insta::assert_snapshot!(answer(Problem::unprocessable("so")).await?, @r#"
    422 Unprocessable Entity
    content-type: application/problem+json
    {
      "detail": "so",
      "status": 422,
      "title": "Unprocessable Entity",
      "type": "about:blank"
    }
    "#);
    insta::assert_snapshot!(answer(Problem::unavailable("so")).await?, @r#"
    503 Service Unavailable
    content-type: application/problem+json
    retry-after: 1
    {
      "detail": "so",
      "status": 503,
      "title": "Service Unavailable",
      "type": "about:blank"
    }
    "#);
    Ok(())
}

#[tokio::test]
async fn an_internal_problem_tells_the_caller_nothing() -> Result<()> {
    let error = std::io::Error::other("the key of the safe is 4711");
    insta::assert_snapshot!(answer(Problem::internal(&error)).await?, @r#"
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

#[tokio::test]
async fn incidents_can_be_told_apart() {
    let error = std::io::Error::other("");
    assert_ne!(
        Problem::internal(&error).member("incident"),
        Problem::internal(&error).member("incident")
    );
}

/// An error of that kind with all that must not reach a caller.
fn failed(kind: ErrorKind) -> Error {
    Error::new(kind)
        .with_method("Shows::insert")
        .with_code("INTERNAL")
        .with_detail("INTERNAL detail")
        .with_server_message("INTERNAL Key (title)=(Alien)")
        .with_source("INTERNAL source")
}

/// The answer to a handler that `?` ends with that error, as it must be for every kind.
async fn database_answer(error: Error) -> Result<Answer> {
    let answer = answer(Problem::from(error)).await?;
    let text = answer.to_string();
    for internal in ["INTERNAL", "Shows", "insert"] {
        assert!(!text.contains(internal), "{text}");
    }
    Ok(answer)
}

#[tokio::test]
async fn a_missing_row_is_a_404() -> Result<()> {
    insta::assert_snapshot!(database_answer(failed(ErrorKind::NotFound)).await?, @r#"
    404 Not Found
    content-type: application/problem+json
    {
      "detail": "there is no such record",
      "status": 404,
      "title": "Not Found",
      "type": "about:blank"
    }
    "#);
    Ok(())
}

#[tokio::test]
async fn a_conflict_with_what_is_there_is_a_409() -> Result<()> {
    let unique = failed(ErrorKind::Unique).with_constraint("shows_title_key");
    insta::assert_snapshot!(database_answer(unique).await?, @r#"
    409 Conflict
    content-type: application/problem+json
    {
      "constraint": "shows_title_key",
      "detail": "a record with the same value exists already",
      "status": 409,
      "title": "Conflict",
      "type": "about:blank"
    }
    "#);
    let foreign = failed(ErrorKind::ForeignKey).with_constraint("show_genres_genre_id_fkey");
    insta::assert_snapshot!(database_answer(foreign).await?, @r#"
    409 Conflict
    content-type: application/problem+json
    {
      "constraint": "show_genres_genre_id_fkey",
      "detail": "the request refers to a record that is not there, or removes one that others refer to",
      "status": 409,
      "title": "Conflict",
      "type": "about:blank"
    }
    "#);
    insta::assert_snapshot!(database_answer(failed(ErrorKind::Stale)).await?, @r#"
    409 Conflict
    content-type: application/problem+json
    {
      "detail": "the record was changed or deleted since it was read; read it again and repeat the change",
      "status": 409,
      "title": "Conflict",
      "type": "about:blank"
    }
    "#);
    Ok(())
}

#[tokio::test]
async fn a_value_the_schema_refuses_is_a_422() -> Result<()> {
    let check = failed(ErrorKind::Check).with_constraint("shows_release_year_check");
    insta::assert_snapshot!(database_answer(check).await?, @r#"
    422 Unprocessable Entity
    content-type: application/problem+json
    {
      "constraint": "shows_release_year_check",
      "detail": "a value is not among those allowed",
      "status": 422,
      "title": "Unprocessable Entity",
      "type": "about:blank"
    }
    "#);
    insta::assert_snapshot!(database_answer(failed(ErrorKind::NotNull)).await?, @r#"
    422 Unprocessable Entity
    content-type: application/problem+json
    {
      "detail": "a value that every such record needs is missing",
      "status": 422,
      "title": "Unprocessable Entity",
      "type": "about:blank"
    }
    "#);
    Ok(())
}

#[tokio::test]
async fn a_value_that_cannot_be_sent_is_a_400() -> Result<()> {
    for kind in [ErrorKind::InvalidInput, ErrorKind::Encode] {
        let answer = database_answer(failed(kind)).await?;
        insta::allow_duplicates! {
            insta::assert_snapshot!(answer, @r#"
            400 Bad Request
            content-type: application/problem+json
            {
              "detail": "a value of the request cannot be stored or compared",
              "status": 400,
              "title": "Bad Request",
              "type": "about:blank"
            }
            "#);
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_cursor_of_another_list_is_a_400_that_names_it() -> Result<()> {
    let cursor = shelfmark_core::Cursor::encode("a", &[])?;
    let error = cursor.decode("b").expect_err("bound to something else");
    insta::assert_snapshot!(database_answer(error).await?, @r#"
    400 Bad Request
    content-type: application/problem+json
    {
      "detail": "query parameter `after`: the cursor belongs to another sort or other filters; start again without a cursor",
      "parameter": "after",
      "status": 400,
      "title": "Bad Request",
      "type": "about:blank"
    }
    "#);
    Ok(())
}

#[tokio::test]
async fn a_lost_race_is_a_503_to_be_tried_again() -> Result<()> {
    for error in [
        failed(ErrorKind::Serialization),
        failed(ErrorKind::Deadlock),
        failed(ErrorKind::Other).with_retryable(),
    ] {
        let answer = database_answer(error).await?;
        insta::allow_duplicates! {
            insta::assert_snapshot!(answer, @r#"
            503 Service Unavailable
            content-type: application/problem+json
            retry-after: 1
            {
              "detail": "the request collided with another one; send it again",
              "status": 503,
              "title": "Service Unavailable",
              "type": "about:blank"
            }
            "#);
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_database_that_is_away_is_a_503_to_be_tried_again() -> Result<()> {
    for kind in [ErrorKind::Connection, ErrorKind::PoolExhausted] {
        let answer = database_answer(failed(kind)).await?;
        insta::allow_duplicates! {
            insta::assert_snapshot!(answer, @r#"
            503 Service Unavailable
            content-type: application/problem+json
            retry-after: 1
            {
              "detail": "the database is not available now; try again later",
              "status": 503,
              "title": "Service Unavailable",
              "type": "about:blank"
            }
            "#);
        }
    }
    insta::assert_snapshot!(database_answer(failed(ErrorKind::Timeout)).await?, @r#"
    503 Service Unavailable
    content-type: application/problem+json
    retry-after: 1
    {
      "detail": "the database did not answer in time; try again later",
      "status": 503,
      "title": "Service Unavailable",
      "type": "about:blank"
    }
    "#);
    Ok(())
}

#[tokio::test]
async fn a_commit_of_unknown_outcome_is_a_500_that_warns_against_repeating() -> Result<()> {
    insta::assert_snapshot!(database_answer(failed(ErrorKind::CommitUnknown)).await?, @r#"
    500 Internal Server Error
    content-type: application/problem+json
    {
      "detail": "it is not known whether the change was saved; look before sending it again, and give `incident` when you report it",
      "incident": "<16 digits>",
      "status": 500,
      "title": "Internal Server Error",
      "type": "about:blank"
    }
    "#);
    Ok(())
}

#[tokio::test]
async fn every_other_failure_is_a_500_that_tells_the_caller_nothing() -> Result<()> {
    for kind in [
        ErrorKind::TooManyRows,
        ErrorKind::Decode,
        ErrorKind::InvalidConfig,
        ErrorKind::Unsupported,
        ErrorKind::TransactionAborted,
        ErrorKind::TransactionClosed,
        ErrorKind::NotImplemented,
        ErrorKind::Migration,
        ErrorKind::Verification,
        ErrorKind::Other,
    ] {
        let answer = database_answer(failed(kind)).await?;
        insta::allow_duplicates! {
            insta::assert_snapshot!(answer, @r#"
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
        }
    }
    Ok(())
}
