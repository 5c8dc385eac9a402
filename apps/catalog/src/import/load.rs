//! From clean rows to the database: batches of whole shows, each in a transaction of its own.

use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use shelfmark::{Db, Executor};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::error::{OpenError, ReadError};
use super::progress::{Progress, ProgressStyle, Tally};
use super::reader::{Reject, Row, ShowReader};
use super::rejects::{RejectsError, RejectsFile};
use super::row::{CleanShow, ShowKind as FileKind};
use crate::domain::{NewShow, ShowKind, ShowRecord, fold};
use crate::repositories::{
    ActorsExt as _, CountriesExt as _, DirectorsExt as _, GenresExt as _, Shows as _, ShowsExt as _,
};
use crate::use_cases::save_shows;

/// Shows per transaction: enough that a commit's cost is small beside its rows', few enough that memory stays flat.
const BATCH: usize = 500;
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
    /// Ends the import between two batches.
    pub stop: CancellationToken,
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

/// What the reading thread hands over.
struct Batch {
    shows: Vec<CleanShow>,
    rejects: Vec<Reject>,
    /// Bytes of the file read so far.
    bytes: u64,
    replaced_chars: u64,
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
    let reader = ShowReader::open(path)?;
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
    let stored = if options.strict {
        let run = &mut run;
        let batches = &mut batches;
        let whole = db.tx().timeout(STRICT_DEADLINE);
        whole
            .run_once(async move |tx| run.store_all(&tx, batches).await)
            .await
    } else {
        run.store_each(db, &mut batches).await
    };
    // The thread ends at its next batch when nobody takes it any more.
    drop(batches);
    let ended = reading.await.map_err(|_| ImportError::Reader);
    stored?;
    ended??;
    run.finish()
}

/// Reads the whole file, batch by batch, for as long as somebody takes them.
fn read<R: Read>(mut reader: ShowReader<R>, send: &mpsc::Sender<Batch>) -> Result<(), ReadError> {
    loop {
        let mut batch = Batch {
            shows: Vec::new(),
            rejects: Vec::new(),
            bytes: 0,
            replaced_chars: 0,
        };
        let mut ended = true;
        for row in reader.by_ref() {
            match row? {
                Row::Show(show) => batch.shows.push(show),
                Row::Reject(reject) => batch.rejects.push(reject),
            }
            if batch.shows.len() + batch.rejects.len() >= BATCH {
                ended = false;
                break;
            }
        }
        batch.bytes = reader.bytes_read();
        batch.replaced_chars = reader.replaced_chars();
        if send.blocking_send(batch).is_err() || ended {
            return Ok(());
        }
    }
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
    /// Stores each batch in a transaction of its own.
    async fn store_each(
        &mut self,
        db: &Db,
        batches: &mut mpsc::Receiver<Batch>,
    ) -> Result<(), ImportError> {
        while let Some(batch) = batches.recv().await {
            if self.options.stop.is_cancelled() {
                return Err(ImportError::Interrupted(
                    self.summary.added + self.summary.replaced,
                ));
            }
            let records = distinct(&batch.shows);
            let whole = db.tx().retry(5);
            let known = whole.run(async |tx| store(&tx, &records).await).await?;
            self.note(&batch, known)?;
        }
        Ok(())
    }

    /// Stores all batches in the transaction of `tx`; stops at the first bad row.
    async fn store_all(
        &mut self,
        tx: &impl Executor,
        batches: &mut mpsc::Receiver<Batch>,
    ) -> Result<(), ImportError> {
        while let Some(mut batch) = batches.recv().await {
            if self.options.stop.is_cancelled() {
                return Err(ImportError::StrictInterrupted);
            }
            if !batch.rejects.is_empty() {
                return Err(ImportError::Strict(Box::new(batch.rejects.swap_remove(0))));
            }
            let known = store(tx, &distinct(&batch.shows)).await?;
            self.note(&batch, known)?;
        }
        Ok(())
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
            kind: match show.kind {
                FileKind::Movie => ShowKind::Movie,
                FileKind::TvShow => ShowKind::TvShow,
            },
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
