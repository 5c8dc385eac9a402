//! `#[repository(dyn)]`: an implementation chosen at run time is used as any other.

use std::sync::Arc;

use futures_util::StreamExt as _;
use shelfmark::{Repo, Result};

use crate::catalogue::{DynShows, Show, Shows, ShowsRepo};
use crate::channel::Recorder;

async fn title_of(shows: &impl Shows, id: &str) -> Result<Option<String>> {
    Ok(shows.find(id).await?.map(|show: Show| show.title))
}

async fn title_of_any<S: Shows + ?Sized>(shows: &S, id: &str) -> Result<Option<String>> {
    Ok(shows.find(id).await?.map(|show: Show| show.title))
}

struct Unavailable;
impl Shows for Unavailable {}

#[tokio::test]
async fn an_arc_of_the_companion_is_a_repository() -> Result<()> {
    let shows: Arc<dyn DynShows> = Arc::new(Unavailable);
    let error = title_of(&shows, "s1").await.unwrap_err();
    assert_eq!(error.method(), Some("Shows::find"));
    let error = title_of_any(&*shows, "s1").await.unwrap_err();
    assert_eq!(error.method(), Some("Shows::find"));
    assert_eq!(shows.table(), "shows");
    Ok(())
}

#[tokio::test]
async fn the_real_repository_has_the_companion_too() -> Result<()> {
    let (recorder, handle) = Recorder::touching(1);
    let shows: &dyn DynShows = Repo::<ShowsRepo>::of(&handle);
    let name = String::from("s1");
    assert_eq!(title_of_any(shows, &name).await?, None);
    assert_eq!(shows.named(&[&name], Some("R")).await?, []);
    assert_eq!(shows.stream_year(1979, vec![name]).count().await, 0);
    let methods: Vec<&str> = recorder.take().iter().map(|ran| ran.method).collect();
    assert_eq!(
        methods,
        ["Shows::find", "Shows::named", "Shows::stream_year"]
    );
    Ok(())
}

#[tokio::test]
async fn its_futures_move_between_threads() {
    let shows: Arc<dyn DynShows> = Arc::new(Unavailable);
    let task = tokio::spawn(async move { title_of(&shows, "s1").await });
    assert!(task.await.unwrap().is_err());
}
