//! The work on SQL: a contestant says how it does each piece, and all are measured and checked by the same code.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use anyhow::{Context as _, bail, ensure};

use crate::catalogue::{AuthorRow, BookRow, NewAuthor, check_author, check_books, note_text};
use crate::measure::{Pace, Task, measure};
use crate::order::{Answer, Order};
use crate::threads::measure_threads;

/// How many rows a list has.
const LIST_ROWS: i64 = 20;
/// How many authors are loaded with their books.
const PARENTS: i64 = 100;

/// How a contestant does each piece of work. Clones share the pool; see [`own`](Library::own) for those that share
/// nothing.
pub trait Library: Clone + Send + Sync + 'static {
    /// What an author is read into.
    type Author: AuthorRow + Send;
    /// What a book is read into.
    type Book: BookRow + Send;
    /// Whether it blocks its thread: then every task is a thread.
    const BLOCKS: bool = false;

    /// What task number `number` works with.
    ///
    /// # Errors
    /// When a connection can't be opened.
    fn own(&self, number: usize) -> anyhow::Result<Self> {
        _ = number;
        Ok(self.clone())
    }

    /// One author by its key.
    fn author(&self, id: i64) -> impl Future<Output = anyhow::Result<Option<Self::Author>>> + Send;

    /// `limit` authors from `id` on, in the order of their keys.
    fn authors(
        &self,
        id: i64,
        limit: i64,
    ) -> impl Future<Output = anyhow::Result<Vec<Self::Author>>> + Send;

    /// `limit` authors from `id` on, each with all of its books.
    fn with_books(
        &self,
        id: i64,
        limit: i64,
    ) -> impl Future<Output = anyhow::Result<WithBooks<Self>>> + Send;

    /// Stores a note, and answers the key that the database gave it.
    fn add_note(
        &self,
        author_id: i64,
        text: &str,
    ) -> impl Future<Output = anyhow::Result<i64>> + Send;

    /// In one transaction: reads an author, stores a note, and sets the author's tally to the note's key. Answers the
    /// author.
    fn note_in_transaction(
        &self,
        author_id: i64,
        text: &str,
    ) -> impl Future<Output = anyhow::Result<Option<Self::Author>>> + Send;

    /// Stores all of `rows` in `new_authors`, all or none.
    fn add_authors(&self, rows: &[NewAuthor]) -> impl Future<Output = anyhow::Result<()>> + Send;
}

/// Authors of a contestant, each with its books.
pub type WithBooks<L> = Vec<(<L as Library>::Author, Vec<<L as Library>::Book>)>;

/// Does the work that is ordered with `library`.
///
/// # Errors
/// When the library fails, or answers something wrong.
pub async fn run<L: Library>(order: &Order, library: L) -> anyhow::Result<Answer> {
    let (piece, pace) = match order.case.as_str() {
        "point-read" => (Piece::Point, Pace::Each),
        "list" => (Piece::List, Pace::Each),
        "scan" => (Piece::Scan, Pace::AtLeast(3)),
        "relations" => (Piece::Relations, Pace::AtLeast(3)),
        "insert" => (Piece::Insert, Pace::Each),
        // The same, with pools that have a connection for each task.
        "transaction" | "connections" => (Piece::Transaction, Pace::Each),
        "bulk-insert" => (Piece::Bulk, Pace::AtLeast(3)),
        #[cfg(feature = "http")]
        "http" => return crate::http::serve(order, library).await,
        case => return Ok(Answer::Skipped(format!("it does not know {case}"))),
    };
    let mut works = Vec::with_capacity(order.tasks);
    for number in 0..order.tasks {
        works.push(Work {
            library: library.own(number)?,
            piece,
            rows: order.rows.cast_signed(),
            bulk: match piece {
                Piece::Bulk => NewAuthor::rows(order.rows),
                _ => Vec::new(),
            },
        });
    }
    if !L::BLOCKS {
        return Ok(Answer::Measured(measure(order, pace, works).await?));
    }
    let works = works
        .into_iter()
        .map(|mut work| move |choice| without_waiting(work.once(choice)))
        .collect();
    Ok(Answer::Measured(measure_threads(order, pace, works)?))
}

#[derive(Clone, Copy)]
enum Piece {
    Point,
    List,
    Scan,
    Relations,
    Insert,
    Transaction,
    Bulk,
}

struct Work<L> {
    library: L,
    piece: Piece,
    /// How many authors there are, or are stored at once.
    rows: i64,
    bulk: Vec<NewAuthor>,
}

impl<L: Library> Task for Work<L> {
    async fn once(&mut self, choice: u64) -> anyhow::Result<()> {
        let id = chosen(choice, self.rows);
        match self.piece {
            Piece::Point => {
                let author = self.library.author(id).await?;
                check_author(&author.context("an author is missing")?, id)
            }
            Piece::List => {
                let id = chosen(choice, self.rows - LIST_ROWS);
                let authors = self.library.authors(id, LIST_ROWS).await?;
                ensure!(authors.len() as i64 == LIST_ROWS, "the list is not whole");
                (id..)
                    .zip(&authors)
                    .try_for_each(|(id, author)| check_author(author, id))
            }
            Piece::Scan => {
                let authors = self.library.authors(1, self.rows).await?;
                ensure!(authors.len() as i64 == self.rows, "the scan is not whole");
                // To check all would take as long as to read them; which one is checked nobody can know before.
                let author = authors.get(usize::try_from(id - 1)?);
                check_author(author.context("an author is missing")?, id)
            }
            Piece::Relations => {
                let id = chosen(choice, self.rows - PARENTS);
                let found = self.library.with_books(id, PARENTS).await?;
                ensure!(found.len() as i64 == PARENTS, "authors are missing");
                (id..).zip(&found).try_for_each(|(id, (author, books))| {
                    check_author(author, id)?;
                    check_books(books, id)
                })
            }
            Piece::Insert => {
                let note = self.library.add_note(id, &note_text(id)).await?;
                ensure!(note > 0, "the note has no key");
                Ok(())
            }
            Piece::Transaction => {
                let author = self.library.note_in_transaction(id, &note_text(id)).await?;
                check_author(&author.context("an author is missing")?, id)
            }
            Piece::Bulk => {
                self.library.add_authors(&self.bulk).await?;
                // The next rows are other ones.
                for row in &mut self.bulk {
                    row.id += self.rows;
                }
                Ok(())
            }
        }
    }
}

/// From 1 to `rows`.
pub(crate) fn chosen(choice: u64, rows: i64) -> i64 {
    choice.cast_signed().rem_euclid(rows.max(1)) + 1
}

/// What a future answers that blocks where others would wait.
fn without_waiting<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    match pin!(work).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => bail!("a contestant that blocks has waited"),
    }
}
