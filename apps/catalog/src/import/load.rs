//! From clean rows to the database: batches of whole shows, each in a transaction of its own.

use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use shelfmark::{Db, Executor};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::batch::{Batch, Handed, read};
use super::error::{OpenError, ReadError};
use super::progress::{Progress, ProgressStyle, Tally};
use super::reader::{Reject, ShowReader};
use super::rejects::{RejectsError, RejectsFile};
use super::row::CleanShow;
use crate::domain::{NewShow, ShowRecord, fold};
use crate::repositories::{
    ActorsExt as _, CountriesExt as _, DirectorsExt as _, GenresExt as _, Shows as _,
    ShowsExt as _, TitlesExt as _,
};
use crate::use_cases::save_shows;

/// Batches that are read ahead while one is being stored.
const AHEAD: usize = 2;
/// How long a strict import, which is one transaction, may take.
const STRICT_DEADLINE: Duration = Duration::from_secs(24 * 60 * 60);

/// How a file is imported.
#[derive(Clone, Debug)]
pub struct ImportOptions {
    /// Stop at the first bad row and leave the database untouched.
    pub strict: bool,
    /// How progress is shown.
    pub progress: ProgressStyle,
    /// Ends the import between two batches, also while it waits for the file.
    pub stop: CancellationToken,
}

impl ImportOptions {
    /// What an import ends with that was asked to, after `stored` shows.
    #[must_use]
    pub fn interrupted(&self, stored: u64) -> ImportError {
        if self.strict {
            ImportError::StrictInterrupted
        } else {
            ImportError::Interrupted(stored)
        }
    }

    /// What `work` gives, unless the import is asked to end before.
    ///
    /// # Errors
    /// [`interrupted`](Self::interrupted); `work` is dropped then.
    ///
    /// # Cancel safety
    /// As `work`.
    pub async fn unless_stopped<T>(&self, work: impl Future<Output = T>) -> Result<T, ImportError> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(self.interrupted(0)),
            done = work => Ok(done),
        }
    }
}

/// What an import did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportSummary {
    /// Shows that were not in the catalogue before.
    pub added: u64,
    /// Shows that were, by an earlier import or an earlier row, and were replaced.
    pub replaced: u64,
    /// Rows that were set aside.
    pub rejected: u64,
    /// Where the rejected rows are, when there are any.
    pub rejects: Option<PathBuf>,
    /// Characters that were not UTF-8 and were read as Windows-1252.
    pub replaced_chars: u64,
}

/// Why an import ended early.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file cannot be read as a catalogue.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The file could not be read to its end.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The rejects could not be written.
    #[error(transparent)]
    Rejects(#[from] RejectsError),
    /// A bad row in a strict import.
    #[error("line {}: {}; nothing was imported, because the import is strict", .0.line, .0.reason)]
    Strict(Box<Reject>),
    /// It was asked to end.
    #[error("interrupted: {0} shows are stored and whole; run the same command again to go on")]
    Interrupted(u64),
    /// A strict import was asked to end.
    #[error("interrupted: nothing was imported, because the import is strict")]
    StrictInterrupted,
    /// The database refused or went away.
    #[error(transparent)]
    Database(#[from] shelfmark::Error),
    /// The reading thread ended without a word.
    #[error("reading the file ended unexpectedly")]
    Reader,
}

/// Imports the file at `path` into `db`, whose schema is up to date.
///
/// Shows are stored in batches, each a transaction of its own, so that whatever ends the import, the catalogue holds
/// whole shows only. Running it again gives the same catalogue.
///
/// # Errors
/// [`ImportError`]; what was stored before stays, except in a strict import.
///
/// # Cancel safety
/// Dropping the future undoes the batch that is being stored.
pub async fn import(
    db: &Db,
    path: &Path,
    options: &ImportOptions,
) -> Result<ImportSummary, ImportError> {
    let file = path.to_owned();
    // A thread of its own, because opening a pipe waits for whoever writes to it.
    let opening = tokio::task::spawn_blocking(move || ShowReader::open(file));
    let opened = options.unless_stopped(opening).await?;
    let reader = opened.map_err(|_| ImportError::Reader)??;
    let rejects = (!options.strict).then(|| RejectsFile::new(path, reader.header()));
    import_rows(db, reader, rejects, options).await
}

/// Imports the rows of `reader`, as [`import`] does for a file; rows are set aside in `rejects`, which a strict import
/// does without.
///
/// # Errors
/// As [`import`].
///
/// # Cancel safety
/// As [`import`].
pub async fn import_rows<R: Read + Send + 'static>(
    db: &Db,
    reader: ShowReader<R>,
    rejects: Option<RejectsFile>,
    options: &ImportOptions,
) -> Result<ImportSummary, ImportError> {
    let mut run = Run {
        progress: Progress::new(options.progress, reader.name(), reader.len_hint()),
        rejects,
        tally: Tally::default(),
        summary: ImportSummary::default(),
        options,
    };
    let (send, mut batches) = mpsc::channel(AHEAD);
    let reading = tokio::task::spawn_blocking(move || read(reader, &send));
    if options.strict {
        let run = &mut run;
        let batches = &mut batches;
        let whole = db.tx().timeout(STRICT_DEADLINE);
        whole
            .run_once(async move |tx| run.store_all(&tx, batches).await)
            .await?;
    } else {
        run.store_each(db, &mut batches).await?;
    }
    // After an error nobody waits for the thread: it may be stuck in its file, and ends when it has a batch that nobody
    // takes.
    reading.await.map_err(|_| ImportError::Reader)?;
    run.finish()
}

/// One import on its way.
struct Run<'a> {
    options: &'a ImportOptions,
    progress: Progress,
    /// `None` in a strict import, which sets nothing aside.
    rejects: Option<RejectsFile>,
    tally: Tally,
    summary: ImportSummary,
}

impl Run<'_> {
    /// The next batch, unless the import is asked to end before.
    async fn next(&self, batches: &mut mpsc::Receiver<Handed>) -> Result<Batch, ImportError> {
        tokio::select! {
            biased;
            () = self.options.stop.cancelled() => {
                Err(self.options.interrupted(self.summary.added + self.summary.replaced))
            }
            handed = batches.recv() => Ok(handed.ok_or(ImportError::Reader)??),
        }
    }

    /// Stores each batch in a transaction of its own.
    async fn store_each(
        &mut self,
        db: &Db,
        batches: &mut mpsc::Receiver<Handed>,
    ) -> Result<(), ImportError> {
        for nth in 1_u32.. {
            let batch = self.next(batches).await?;
            let records = distinct(&batch.shows);
            let whole = db.tx().retry(5);
            let known = whole.run(async |tx| store(&tx, &records).await).await?;
            self.note(&batch, known)?;
            // Tables that began empty are many times larger after each of these: statements whose ways were chosen for
            // the smaller ones would read them whole.
            if nth.is_power_of_two() && nth.ilog2() % 2 == 1 {
                db.shows().analyze().await?;
            }
            if batch.is_last {
                break;
            }
        }
        Ok(())
    }

    /// Stores all batches in the transaction of `tx`; stops at the first bad row. Only the last batch makes it a
    /// success: whatever else ends the reading is an error, so that the transaction is undone.
    async fn store_all(
        &mut self,
        tx: &impl Executor,
        batches: &mut mpsc::Receiver<Handed>,
    ) -> Result<(), ImportError> {
        loop {
            let mut batch = self.next(batches).await?;
            if !batch.rejects.is_empty() {
                return Err(ImportError::Strict(Box::new(batch.rejects.swap_remove(0))));
            }
            let known = store(tx, &distinct(&batch.shows)).await?;
            self.note(&batch, known)?;
            if batch.is_last {
                return Ok(());
            }
        }
    }

    /// Counts a stored batch, of whose shows `known` were there before.
    fn note(&mut self, batch: &Batch, known: u64) -> Result<(), ImportError> {
        let shows = batch.shows.len() as u64;
        // A show twice in one batch was added once and replaced once.
        let repeated = shows - distinct_ids(&batch.shows) as u64;
        self.summary.added += shows - repeated - known;
        self.summary.replaced += known + repeated;
        for reject in &batch.rejects {
            if let Some(rejects) = &mut self.rejects {
                rejects.write(reject)?;
            }
            self.summary.rejected += 1;
        }
        self.summary.replaced_chars = batch.replaced_chars;
        self.tally = Tally {
            bytes: batch.bytes,
            rows: self.summary.added + self.summary.replaced,
            rejects: self.summary.rejected,
        };
        self.progress.update(self.tally);
        Ok(())
    }

    fn finish(self) -> Result<ImportSummary, ImportError> {
        let rejects = match self.rejects {
            Some(rejects) => rejects.finish()?,
            None => None,
        };
        self.progress.finish(self.tally);
        Ok(ImportSummary {
            rejects,
            ..self.summary
        })
    }
}

/// Stores records whose keys do not repeat; gives how many were there before.
async fn store(at: &impl Executor, records: &[ShowRecord]) -> shelfmark::Result<u64> {
    let ids: Vec<String> = records
        .iter()
        .map(|record| record.show.show_id.clone())
        .collect();
    let known = at.shows().count_of(&ids).await?;
    save_shows(
        at.shows(),
        at.titles(),
        at.directors(),
        at.actors(),
        at.genres(),
        at.countries(),
        records,
    )
    .await?;
    Ok(u64::try_from(known).unwrap_or_default())
}

fn distinct_ids(shows: &[CleanShow]) -> usize {
    latest(shows).len()
}

/// The last row of each key.
fn latest(shows: &[CleanShow]) -> HashMap<&str, &CleanShow> {
    shows
        .iter()
        .map(|show| (show.show_id.as_str(), show))
        .collect()
}

/// The records of a batch in the order of their keys; of rows with one key the last.
fn distinct(shows: &[CleanShow]) -> Vec<ShowRecord> {
    let mut latest: Vec<(&str, &CleanShow)> = latest(shows).into_iter().collect();
    latest.sort_by_key(|(id, _)| *id);
    latest.into_iter().map(|(_, show)| record(show)).collect()
}

fn record(show: &CleanShow) -> ShowRecord {
    ShowRecord {
        show: NewShow {
            show_id: show.show_id.clone(),
            kind: show.kind,
            title: show.title.clone(),
            title_folded: fold(&show.title),
            date_added: show.date_added,
            release_year: show.release_year,
            rating: show.rating.clone(),
            duration: show.duration.clone(),
            description: show.description.clone(),
        },
        directors: show.directors.clone(),
        actors: show.cast.clone(),
        genres: show.genres.clone(),
        countries: show.countries.clone(),
    }
}

#[cfg(test)]
mod tests;
