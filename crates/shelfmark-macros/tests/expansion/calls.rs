//! What a call sends, and what it makes of the answer.

use futures_util::StreamExt as _;
use shelfmark::{Executor, Repo, Result};

use crate::catalogue::{
    Directors, DirectorsExt, Kind, NewDirector, NewShow, Rating, Ratings, RatingsExt, Show, Shows,
    ShowsExt, ShowsRepo,
};
use crate::channel::Recorder;

fn show() -> Show {
    Show {
        show_id: "s1".to_owned(),
        title: "Alien".to_owned(),
        release_year: 1979,
        kind: Kind::Movie,
        rating: Some(Rating("R".to_owned())),
    }
}

fn new_show() -> NewShow {
    NewShow {
        show_id: "s1".to_owned(),
        title: "Alien".to_owned(),
        kind: Kind::TvShow,
    }
}

#[tokio::test]
async fn values_are_sent_in_the_order_of_the_arguments() -> Result<()> {
    let (recorder, handle) = Recorder::touching(1);
    let shows = Repo::<ShowsRepo>::of(&handle);
    shows.list_recent(1979, 20).await?;
    shows.set_rating("s1", "R").await?;
    let ran = recorder.take();
    assert_eq!(ran[0].method, "Shows::list_recent");
    assert_eq!(ran[0].values, ["I32(1979)", "I64(20)"]);
    assert_eq!(ran[1].values, ["Text(\"s1\")", "Text(\"R\")"]);
    Ok(())
}

#[tokio::test]
async fn rows_are_sent_in_the_order_of_their_columns() -> Result<()> {
    let (recorder, handle) = Recorder::touching(1);
    let shows = Repo::<ShowsRepo>::of(&handle);
    shows.insert_quietly(&new_show()).await?;
    shows.was_updated(&show()).await?;
    shows.insert_missing(vec![new_show(), new_show()]).await?;
    let ran = recorder.take();
    let new = ["Text(\"s1\")", "Text(\"Alien\")", "Text(\"tv-show\")"];
    assert_eq!(ran[0].values, new);
    assert_eq!(
        ran[1].values,
        [
            "Text(\"s1\")",
            "Text(\"Alien\")",
            "I32(1979)",
            "Text(\"movie\")",
            "Text(\"R\")"
        ]
    );
    assert_eq!(ran[2].values, [new, new].concat());
    Ok(())
}

#[tokio::test]
async fn the_number_of_rows_becomes_what_the_method_answers() -> Result<()> {
    let (_, none) = Recorder::touching(0);
    let (_, two) = Recorder::touching(2);
    let (none, two) = (Repo::<ShowsRepo>::of(&none), Repo::<ShowsRepo>::of(&two));
    assert!(!none.delete("s1").await? && two.delete("s1").await?);
    assert!(!none.was_updated(&show()).await? && two.was_updated(&show()).await?);
    assert!(!none.delete_all(vec![]).await? && two.delete_all(vec![]).await?);
    assert_eq!(two.set_rating("s1", "R").await?, 2);
    none.clear().await?;

    two.must_delete("s1").await?;
    two.must_update(&show()).await?;
    for error in [
        none.must_delete("s1").await.unwrap_err(),
        none.must_update(&show()).await.unwrap_err(),
        none.get("s1").await.unwrap_err(),
    ] {
        assert!(error.is_not_found());
        assert!(
            error
                .method()
                .is_some_and(|name| name.starts_with("Shows::"))
        );
    }
    assert_eq!(none.find("s1").await?, None);
    Ok(())
}

#[tokio::test]
async fn no_rows_to_insert_send_nothing() -> Result<()> {
    let (recorder, handle) = Recorder::touching(1);
    assert_eq!(Repo::<ShowsRepo>::of(&handle).insert_many(&[]).await?, 0);
    assert_eq!(recorder.take(), []);
    Ok(())
}

#[tokio::test]
async fn a_stream_takes_its_arguments_along() -> Result<()> {
    let (recorder, handle) = Recorder::touching(1);
    let shows = Repo::<ShowsRepo>::of(&handle);
    let stream = {
        let rating = String::from("R");
        let ratings = shows.ratings().stream(&rating);
        assert_eq!(ratings.count().await, 0);
        shows.stream_year(1979, vec!["s1".to_owned()])
    };
    assert_eq!(stream.count().await, 0);
    let ran = recorder.take();
    assert_eq!(ran[0].values, ["Text(\"R\")"]);
    assert_eq!(ran[1].values, ["I32(1979)", "List(Text, [Text(\"s1\")])"]);
    Ok(())
}

#[tokio::test]
async fn the_accessor_stands_on_everything_that_runs_statements() -> Result<()> {
    async fn by(executor: &(impl Executor + ?Sized)) -> Result<u64> {
        executor.shows().set_rating("s1", "R").await
    }
    let (recorder, handle) = Recorder::touching(1);
    let shows = Repo::<ShowsRepo>::of(&handle);
    assert_eq!(by(shows).await?, 1);
    let executor: &dyn Executor = shows;
    assert_eq!(by(executor).await?, 1);
    let director = NewDirector {
        name: "Ridley Scott".to_owned(),
    };
    assert!(shows.directors().id_of(&director).await.is_err());
    assert_eq!(recorder.take().len(), 3);
    Ok(())
}

#[tokio::test]
async fn futures_move_between_threads() {
    fn moves<T: Send>(future: T) -> T {
        future
    }
    async fn generic(shows: &impl Shows) -> Result<()> {
        let name = String::from("s1");
        shows.two(&name, "s2").await?;
        shows.by_ids(std::slice::from_ref(&name)).await?;
        shows.named(&[&name], None).await?;
        shows.clear().await
    }
    let (_, handle) = Recorder::touching(1);
    let task = async move { moves(generic(Repo::<ShowsRepo>::of(&handle))).await };
    assert!(moves(task).await.is_ok());
}
