//! What views announce, and how their edges run.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use futures_util::FutureExt as _;
use shelfmark::__private::{
    Access, BelongsTo, BoxFuture, BoxStream, Call, Channel, Executor, FromRow, Handle, RowSink,
    STATEMENTS,
};
use shelfmark::prelude::*;
use shelfmark::{Dialect, Type, ValueRef};

#[derive(Entity, Clone, Debug, PartialEq)]
#[entity(table = "films")]
struct Film {
    #[id]
    id: i64,
    #[belongs_to(Person)]
    #[column("director")]
    director_id: i64,
}

#[derive(Entity, Clone, Debug)]
#[entity(table = "people")]
struct Person {
    #[id]
    id: i64,
}

#[derive(Entity, Clone, Debug)]
#[entity(table = "marriages")]
struct Marriage {
    #[id]
    id: i64,
    #[belongs_to(Person)]
    one: i64,
    #[belongs_to(Person)]
    other: i64,
    #[belongs_to(Film)]
    film: Option<i64>,
}

#[derive(View, Debug)]
#[allow(
    dead_code,
    reason = "the engine of these tests has no rows to make one of"
)]
struct FilmDetails {
    #[view(root)]
    film: Film,
    #[view(one)]
    director: Person,
    #[view(many)]
    r#type: Vec<Marriage>,
}

/// A view without edges is its root.
#[derive(View, Debug)]
struct Bare {
    #[view(root)]
    film: Film,
}

/// An engine that answers when two statements are under way, and never before.
#[derive(Default)]
struct Pair(AtomicUsize);

struct Here(Handle);

impl Executor for Here {
    fn handle(&self) -> &Handle {
        &self.0
    }
}

impl Channel for Pair {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn fetch<'a>(
        &'a self,
        _: Call<'a>,
        sink: Box<dyn RowSink>,
    ) -> BoxFuture<'a, Result<Box<dyn RowSink>>> {
        let mut sink = Some(sink);
        let mut asked = false;
        Box::pin(poll_fn(move |_| {
            if !std::mem::replace(&mut asked, true) {
                self.0.fetch_add(1, Ordering::Relaxed);
            }
            match sink.take_if(|_| self.0.load(Ordering::Relaxed) == 2) {
                Some(sink) => Poll::Ready(Ok(sink)),
                None => Poll::Pending,
            }
        }))
    }

    fn execute<'a>(&'a self, _: Call<'a>) -> BoxFuture<'a, Result<u64>> {
        unreachable!("views only read")
    }

    fn execute_many<'a>(
        &'a self,
        _: Call<'a>,
        _: &'a [Type],
        _: Vec<Vec<ValueRef<'a>>>,
    ) -> BoxFuture<'a, Result<u64>> {
        unreachable!("views only read")
    }

    fn fetch_many<'a>(
        &'a self,
        _: Call<'a>,
        _: &'a [Type],
        _: Vec<Vec<ValueRef<'a>>>,
        _: Box<dyn RowSink>,
    ) -> BoxFuture<'a, Result<Box<dyn RowSink>>> {
        unreachable!("views only read")
    }

    fn stream<'a>(
        &'a self,
        _: Call<'a>,
        _: Box<dyn RowSink>,
    ) -> BoxStream<'a, Result<Box<dyn RowSink>>> {
        unreachable!("views do not stream")
    }
}

fn film(id: i64) -> Film {
    Film { id, director_id: 7 }
}

#[test]
fn edges_announce_themselves() {
    let edge = |method: &str| {
        let mut found = STATEMENTS.iter().filter(|one| one.method == method);
        (found.next().copied(), found.next().is_none())
    };
    let (Some(director), true) = edge("FilmDetails::director") else {
        panic!("one edge of this name is registered");
    };
    assert_eq!(director.access, Access::Read);
    assert_eq!((director.columns)(), Some(Person::COLUMNS));
    let keys = (director.params)();
    assert_eq!(
        (keys[0].name, keys[0].ty, keys[0].list),
        ("keys", Type::I64, true)
    );
    let line = include_str!("views.rs")
        .lines()
        .nth(director.line as usize - 1);
    assert_eq!(line.map(str::trim), Some("director: Person,"));
    assert!(edge("FilmDetails::type").0.is_some());
}

#[test]
fn a_column_that_refers_alone_is_known_by_its_name() {
    assert_eq!(<Film as BelongsTo<Person>>::COLUMN, "director");
    assert_eq!(<Marriage as BelongsTo<Film>>::COLUMN, "film");
}

#[test]
fn edges_of_one_level_run_at_the_same_time() {
    let here = Here(Handle::new(Arc::new(Pair::default())));
    let mut loading = Box::pin(FilmDetails::load(vec![film(1)], &here));
    // The first edge waits for the second at its first poll, and is asked again when that has come.
    let mut answer = None;
    for _ in 0..2 {
        answer = answer.or_else(|| loading.as_mut().now_or_never());
    }
    // The engine gave no rows, so the director is missing; what matters is that both answered.
    let error = answer.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(
        error.to_string(),
        "FilmDetails::director: a row of people is missing: make the field an `Option` if that may be"
    );
}

#[test]
fn a_view_without_edges_sends_nothing() {
    let here = Here(Handle::new(Arc::new(Pair::default())));
    let views = Bare::load(vec![film(1), film(2)], &here)
        .now_or_never()
        .unwrap()
        .unwrap();
    let films: Vec<Film> = views.into_iter().map(|view| view.film).collect();
    assert_eq!(films, [film(1), film(2)]);
    let itself = Film::load_one(film(3), &here)
        .now_or_never()
        .unwrap()
        .unwrap();
    assert_eq!(itself, film(3));
}
