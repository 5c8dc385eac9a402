//! A fake implements what its test needs, with plain `async fn`.

use futures_core::Stream;
use futures_util::StreamExt as _;
use shelfmark::{Error, ErrorKind, Result};

use crate::catalogue::{Kind, Show, Shows};

struct FakeShows;

impl Shows for FakeShows {
    async fn find(&self, show_id: &str) -> Result<Option<Show>> {
        Ok(Some(Show {
            show_id: show_id.to_owned(),
            title: "Alien".to_owned(),
            release_year: 1979,
            kind: Kind::Movie,
            rating: None,
        }))
    }

    fn stream(&self) -> impl Stream<Item = Result<Show>> + Send {
        futures_util::stream::iter([Err(Error::unique_violation(Show::UNIQUE_TITLE))])
    }
}

#[tokio::test]
async fn what_a_fake_implements_is_used_by_the_methods_that_have_a_body() -> Result<()> {
    let (one, other) = FakeShows.two("a", "b").await?;
    assert_eq!(one.map(|show| show.show_id).as_deref(), Some("a"));
    assert_eq!(other.map(|show| show.show_id).as_deref(), Some("b"));
    assert_eq!(FakeShows.stream().count().await, 1);
    Ok(())
}

#[tokio::test]
async fn what_a_fake_left_out_answers_with_an_error_that_names_it() {
    let error = FakeShows.get("a").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotImplemented);
    assert_eq!(
        error.to_string(),
        "Shows::get: not implemented by this fake"
    );

    let rows: Vec<_> = FakeShows.stream_year(1979, Vec::new()).collect().await;
    let errors: Vec<String> = rows
        .into_iter()
        .filter_map(|row| Some(row.err()?.to_string()))
        .collect();
    assert_eq!(errors, ["Shows::stream_year: not implemented by this fake"]);
}
