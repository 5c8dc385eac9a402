use anyhow::Result;
use axum::Router;
use axum::routing;
use serde::Deserialize;
use shelfmark_axum::{Json, ListQuery, Problem};
use shelfmark_core::{Cursor, Slice, SortKey};

use crate::answer::{Answer, get};

#[derive(Debug, Deserialize)]
#[allow(dead_code, reason = "read by `Debug`")]
struct Filters {
    rating: Option<String>,
    since: Option<i32>,
}

#[derive(Clone, Copy, Debug)]
enum Key {
    ReleaseYear,
    Title,
}

impl SortKey for Key {
    fn names() -> &'static [&'static str] {
        &["release_year", "title"]
    }

    fn from_name(name: &str) -> Option<Self> {
        match name {
            "release_year" => Some(Key::ReleaseYear),
            "title" => Some(Key::Title),
            _ => None,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Key::ReleaseYear => "release_year",
            Key::Title => "title",
        }
    }
}

/// Says what it was asked for.
async fn shows(list: ListQuery<Filters, Key>) -> Result<String, Problem> {
    let ListQuery {
        filters,
        sort,
        page,
    } = list;
    let sort = sort.map_or("none".to_owned(), |sort| sort.to_string());
    let after = page.after.as_ref().map(|cursor| cursor.decode("shows"));
    Ok(format!(
        "{filters:?}, sort {sort}, limit {}, after {:?}",
        page.limit()?,
        after.transpose()?
    ))
}

/// The numbers from 1 to 5, by pages.
async fn numbers(ListQuery { page, .. }: ListQuery) -> Result<Json<Slice<u64>>, Problem> {
    let begin = match &page.after {
        Some(cursor) => match *cursor.decode("numbers")? {
            [ref last] => last.as_u64().unwrap_or(0),
            _ => 0,
        },
        None => 0,
    };
    let limit = page.limit()?;
    let rows = (begin + 1..=5).take(usize::from(limit) + 1).collect();
    let page = Slice::cut(rows, limit, |last| {
        Cursor::encode("numbers", &[(*last).into()])
    })?;
    Ok(Json(page))
}

async fn list(uri: &str) -> Result<Answer> {
    let router = Router::new()
        .route("/shows", routing::get(shows))
        .route("/numbers", routing::get(numbers));
    get(router, uri).await
}

#[tokio::test]
async fn a_list_asked_for_nothing_has_the_default_limit() -> Result<()> {
    insta::assert_snapshot!(list("/shows").await?, @r#"
    200 OK
    content-type: text/plain; charset=utf-8
    Filters { rating: None, since: None }, sort none, limit 50, after None
    "#);
    Ok(())
}

#[tokio::test]
async fn filters_sort_and_page_stand_in_one_query() -> Result<()> {
    let cursor = Cursor::encode("shows", &["s1".into()])?;
    let uri =
        format!("/shows?limit=20&since=2000&sort=-release_year,title&rating=PG&after={cursor}");
    insta::assert_snapshot!(list(&uri).await?, @r#"
    200 OK
    content-type: text/plain; charset=utf-8
    Filters { rating: Some("PG"), since: Some(2000) }, sort -release_year,title, limit 20, after Some([String("s1")])
    "#);
    Ok(())
}

#[tokio::test]
async fn an_unknown_parameter_is_named_with_all_accepted_ones() -> Result<()> {
    insta::assert_snapshot!(list("/shows?limit=5&page=2").await?, @r#"
    400 Bad Request
    content-type: application/problem+json
    {
      "detail": "unknown query parameter `page`; the accepted ones are `rating`, `since`, `sort`, `limit`, `after`, `before`",
      "parameter": "page",
      "status": 400,
      "title": "Bad Request",
      "type": "about:blank"
    }
    "#);
    insta::assert_snapshot!(list("/numbers?rating=PG").await?, @r#"
    400 Bad Request
    content-type: application/problem+json
    {
      "detail": "unknown query parameter `rating`; the accepted ones are `limit`, `after`, `before`",
      "parameter": "rating",
      "status": 400,
      "title": "Bad Request",
      "type": "about:blank"
    }
    "#);
    Ok(())
}

#[tokio::test]
async fn a_list_without_choice_of_order_does_not_take_one() -> Result<()> {
    insta::assert_snapshot!(list("/numbers?sort=title").await?, @r#"
    400 Bad Request
    content-type: application/problem+json
    {
      "detail": "unknown query parameter `sort`; the accepted ones are `limit`, `after`, `before`",
      "parameter": "sort",
      "status": 400,
      "title": "Bad Request",
      "type": "about:blank"
    }
    "#);
    Ok(())
}

#[tokio::test]
async fn a_limit_out_of_bounds_is_refused() -> Result<()> {
    insta::assert_snapshot!(list("/shows?limit=201").await?, @r#"
    400 Bad Request
    content-type: application/problem+json
    {
      "detail": "query parameter `limit` must be a whole number from 1 to 200",
      "parameter": "limit",
      "status": 400,
      "title": "Bad Request",
      "type": "about:blank"
    }
    "#);
    for limit in ["0", "-1", "9223372036854775808", "ten", "", "1.5", "%31%20"] {
        let answer = list(&format!("/shows?limit={limit}")).await?;
        assert_eq!(answer.status, 400, "{limit}: {answer}");
    }
    for limit in ["1", "200"] {
        assert_eq!(list(&format!("/shows?limit={limit}")).await?.status, 200);
    }
    Ok(())
}

#[tokio::test]
async fn a_sort_that_is_not_offered_is_refused() -> Result<()> {
    insta::assert_snapshot!(list("/shows?sort=rating").await?, @r#"
    400 Bad Request
    content-type: application/problem+json
    {
      "detail": "query parameter `sort`: unknown sort key `rating`; the keys are `release_year`, `title`",
      "parameter": "sort",
      "status": 400,
      "title": "Bad Request",
      "type": "about:blank"
    }
    "#);
    insta::assert_snapshot!(list("/shows?sort=title,-title").await?, @r#"
    400 Bad Request
    content-type: application/problem+json
    {
      "detail": "query parameter `sort`: sort key `title` is given twice",
      "parameter": "sort",
      "status": 400,
      "title": "Bad Request",
      "type": "about:blank"
    }
    "#);
    insta::assert_snapshot!(list("/shows?sort=").await?, @r#"
    400 Bad Request
    content-type: application/problem+json
    {
      "detail": "query parameter `sort`: a sort key is missing; the keys are `release_year`, `title`",
      "parameter": "sort",
      "status": 400,
      "title": "Bad Request",
      "type": "about:blank"
    }
    "#);
    Ok(())
}

#[tokio::test]
async fn a_damaged_cursor_is_refused() -> Result<()> {
    insta::assert_snapshot!(list("/shows?after=AAAA").await?, @r#"
    400 Bad Request
    content-type: application/problem+json
    {
      "detail": "query parameter `after`: the cursor is damaged; pass on `next` of the page before as it was given",
      "parameter": "after",
      "status": 400,
      "title": "Bad Request",
      "type": "about:blank"
    }
    "#);
    insta::assert_snapshot!(list("/shows?after=").await?, @r#"
    400 Bad Request
    content-type: application/problem+json
    {
      "detail": "query parameter `after`: the cursor is damaged; pass on `next` of the page before as it was given",
      "parameter": "after",
      "status": 400,
      "title": "Bad Request",
      "type": "about:blank"
    }
    "#);
    Ok(())
}

#[tokio::test]
async fn a_cursor_of_another_list_is_refused() -> Result<()> {
    let cursor = Cursor::encode("numbers", &[3.into()])?;
    insta::assert_snapshot!(list(&format!("/shows?after={cursor}")).await?, @r#"
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
async fn a_page_parameter_given_twice_is_refused() -> Result<()> {
    insta::assert_snapshot!(list("/shows?limit=5&limit=5").await?, @r#"
    400 Bad Request
    content-type: application/problem+json
    {
      "detail": "query parameter `limit` is given more than once; give it once",
      "parameter": "limit",
      "status": 400,
      "title": "Bad Request",
      "type": "about:blank"
    }
    "#);
    insta::assert_snapshot!(list("/shows?sort=title&sort=title").await?, @r#"
    400 Bad Request
    content-type: application/problem+json
    {
      "detail": "query parameter `sort` is given more than once; give it once",
      "parameter": "sort",
      "status": 400,
      "title": "Bad Request",
      "type": "about:blank"
    }
    "#);
    Ok(())
}

#[tokio::test]
async fn a_wrong_filter_is_named() -> Result<()> {
    insta::assert_snapshot!(list("/shows?since=yesterday").await?, @r#"
    400 Bad Request
    content-type: application/problem+json
    {
      "detail": "query parameter `since` must be a whole number from -2147483648 to 2147483647",
      "parameter": "since",
      "status": 400,
      "title": "Bad Request",
      "type": "about:blank"
    }
    "#);
    Ok(())
}

#[tokio::test]
async fn following_next_shows_every_item_once() -> Result<()> {
    let mut seen = Vec::new();
    let mut uri = "/numbers?limit=2".to_owned();
    loop {
        let page: Slice<u64> = serde_json::from_slice(&list(&uri).await?.body)?;
        seen.push(page.items);
        match page.next {
            Some(next) => uri = format!("/numbers?limit=2&after={next}"),
            None => break,
        }
    }
    assert_eq!(seen, [vec![1, 2], vec![3, 4], vec![5]]);
    Ok(())
}
