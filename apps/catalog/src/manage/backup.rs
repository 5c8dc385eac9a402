//! `catalog manage backup` and `restore`: every row of one moment into a file, and back.

use std::path::Path;
use std::pin::pin;
use std::time::Duration;

use futures_util::TryStreamExt as _;
use jiff::Timestamp;
use shelfmark::{Db, Dialect, Tx};

use super::archive::{ArchiveError, ArchiveReader, ArchiveWriter, Head, VERSION};
use super::progress::Progress;
use crate::domain::{
    ShowActor, ShowCountry, ShowDirector, ShowGenre, StoredActor, StoredCountry, StoredDirector,
    StoredGenre, StoredShow, StoredTitle,
};
use crate::repositories::{
    Shows as _, ShowsExt as _, Tables as _, TablesExt as _, Titles as _, TitlesExt as _,
};

/// How long a backup or a restore, each of which is one transaction, may take.
pub(super) const DEADLINE: Duration = Duration::from_secs(24 * 60 * 60);
/// Rows that are put in by one statement.
const BATCH: usize = 1_000;

/// Why there is no backup, or why nothing was restored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// The file cannot be written, or is not to be believed.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The database refused or went away.
    #[error(transparent)]
    Database(#[from] shelfmark::Error),
    /// There is something in the database.
    #[error(
        "the database is not empty; nothing was restored, since that would mix two catalogues; --replace puts the backup in \
         the place of what is there"
    )]
    NotEmpty,
    /// There is nothing worth a backup in the database.
    #[error(
        "the database has no shows; nothing was backed up, since it is rarely the one that is meant; is DATABASE_URL right? \
         --allow-empty backs it up as it is"
    )]
    NoShows,
    /// There is nothing in the backup that could stand in the place of what is there.
    #[error(
        "the backup has no shows; nothing was restored, since all that are there would be gone; --allow-empty does it"
    )]
    NoShowsInBackup,
    /// The database is some other one.
    #[error(
        "the database has no tables of a catalogue; nothing was backed up; is DATABASE_URL right?"
    )]
    NoCatalogue,
    /// The database has not yet the tables that this program reads. A backup does not change it.
    #[error(
        "the database has the tables of schema {schema}, and this program reads those of {known}; back it up with the \
         program that serves it, or bring it up to date with `catalog manage init-db`, after which older programs may fail"
    )]
    OlderSchema {
        /// That of the database.
        schema: i64,
        /// Ours.
        known: i64,
    },
    /// The database has tables that this program does not know.
    #[error(
        "the database has the tables of schema {schema}, and this program knows up to {known}; back it up with the program \
         that serves it, or a newer one"
    )]
    NewerSchema {
        /// That of the database.
        schema: i64,
        /// Ours.
        known: i64,
    },
    /// A table that is not among those of the catalogue.
    #[error("the backup has a table `{0}`, which the catalogue has not; nothing was restored")]
    UnknownTable(String),
}

/// The last migration that this program knows.
fn schema() -> i64 {
    crate::MIGRATIONS.last().map_or(0, |last| last.version())
}

/// Does something with each table, in an order in which none refers to a later one: its name, the type of its rows, all of
/// its rows, and how rows are put in.
macro_rules! each_table {
    ($do:ident) => {
        $do! {
            "directors" StoredDirector all_directors put_directors,
            "actors" StoredActor all_actors put_actors,
            "genres" StoredGenre all_genres put_genres,
            "countries" StoredCountry all_countries put_countries,
            "shows" StoredShow all_shows put_shows,
            "show_directors" ShowDirector all_show_directors put_show_directors,
            "show_actors" ShowActor all_show_actors put_show_actors,
            "show_genres" ShowGenre all_show_genres put_show_genres,
            "show_countries" ShowCountry all_show_countries put_show_countries,
            "search_titles" StoredTitle all_search_titles put_search_titles,
        }
    };
}

/// What a backup or a restore did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copied {
    /// Rows of all tables together.
    pub rows: u64,
    /// The size of the file.
    pub bytes: u64,
}

/// How a backup is made.
#[derive(Clone, Copy, Debug, Default)]
pub struct BackupOptions {
    /// Whether a file that is there is replaced.
    pub force: bool,
    /// Whether a catalogue without shows is backed up.
    pub allow_empty: bool,
}

/// How a backup is restored.
#[derive(Clone, Copy, Debug, Default)]
pub struct RestoreOptions {
    /// Whether what is in the database makes room.
    pub replace: bool,
    /// Whether it does so for a backup without shows.
    pub allow_empty: bool,
}

/// Writes every row of `db` to the file `to`, as they are at one moment; nobody who writes meanwhile is held up, and nothing
/// in the database is changed. So its schema has to be ours already.
///
/// # Errors
/// [`BackupError`]; there is no file then, or the one that was there before.
///
/// # Cancel safety
/// Dropping the future leaves no file, or the one that was there before.
pub async fn backup(
    db: &Db,
    to: &Path,
    options: BackupOptions,
    progress: &mut Progress,
) -> Result<Copied, BackupError> {
    let engine = match db.dialect() {
        Dialect::Sqlite => "sqlite",
        Dialect::Postgres => "postgres",
    };
    let head = Head {
        version: VERSION,
        schema: schema(),
        engine: engine.to_owned(),
        made_at: Timestamp::now(),
    };
    // Before the database is asked for anything: a file that is there is the usual mistake.
    let mut writer = ArchiveWriter::create(to, options.force, &head)?;
    let moment = db.tx().repeatable_read().read_only().timeout(DEADLINE);
    let writer = moment
        .run_once(async move |tx: Tx| {
            has_our_schema(&tx).await?;
            if !options.allow_empty && tx.shows().any().await?.is_none() {
                return Err(BackupError::NoShows);
            }
            macro_rules! write_out {
                ($($name:literal $row:ident $all:ident $put:ident,)*) => {$(
                    writer.table($name)?;
                    {
                        let mut rows = pin!(tx.tables().$all());
                        while let Some(row) = rows.try_next().await? {
                            writer.row(&row)?;
                            progress.at($name, writer.rows());
                        }
                    }
                )*};
            }
            each_table!(write_out);
            Ok::<_, BackupError>(writer)
        })
        .await?;
    let rows = writer.rows();
    let bytes = writer.finish()?;
    Ok(Copied { rows, bytes })
}

/// Reads the whole file `from` and answers how many rows it has, without a database.
///
/// # Errors
/// What is wrong with the file.
pub fn check(from: &Path) -> Result<Copied, BackupError> {
    let mut reader = ArchiveReader::open(from, schema())?;
    while let Some(table) = reader.table()? {
        macro_rules! read_over {
            ($($name:literal $row:ident $all:ident $put:ident,)*) => {
                match table.as_str() {
                    $($name => while !reader.rows::<$row>(BATCH)?.is_empty() {},)*
                    _ => return Err(BackupError::UnknownTable(table)),
                }
            };
        }
        each_table!(read_over);
    }
    let bytes = from.metadata().map_or(0, |file| file.len());
    let rows = reader.rows_read();
    Ok(Copied { rows, bytes })
}

/// Puts the rows of the file `from` into `db`, whose schema is up to date, with the keys that they had; from whichever
/// engine they came. It is one transaction: all of the backup is there, or the database is as it was. It has to be empty,
/// except with `replace`, which removes what is there: for a backup without shows only when that is said. Who wants to write waits meanwhile; on PostgreSQL reads go on.
///
/// # Errors
/// [`BackupError`]; the database is as it was.
///
/// # Cancel safety
/// Dropping the future leaves the database as it was.
pub async fn restore(
    db: &Db,
    from: &Path,
    options: RestoreOptions,
    progress: &mut Progress,
) -> Result<Copied, BackupError> {
    let mut reader = ArchiveReader::open(from, schema())?;
    let whole = db.tx().timeout(DEADLINE);
    let rows = whole
        .run_once(async move |tx: Tx| {
            make_room(&tx, options.replace).await?;
            while let Some(table) = reader.table()? {
                macro_rules! put_in {
                    ($($name:literal $row:ident $all:ident $put:ident,)*) => {
                        match table.as_str() {
                            $($name => loop {
                                let rows = reader.rows::<$row>(BATCH)?;
                                if rows.is_empty() {
                                    break;
                                }
                                tx.tables().$put(&rows).await?;
                                progress.at($name, reader.rows_read());
                            },)*
                            _ => return Err(BackupError::UnknownTable(table)),
                        }
                    };
                }
                each_table!(put_in);
            }
            let replaced_by_nothing = options.replace && tx.shows().any().await?.is_none();
            if replaced_by_nothing && !options.allow_empty {
                return Err(BackupError::NoShowsInBackup);
            }
            tx.titles().take_in().await?;
            tx.tables().number_onwards().await?;
            Ok(reader.rows_read())
        })
        .await?;
    // All rows are there; what the database knows of their number is about speed alone.
    if let Err(error) = db.shows().analyze().await {
        tracing::warn!(%error, "the database has not looked at its new rows");
    }
    let bytes = from.metadata().map_or(0, |file| file.len());
    Ok(Copied { rows, bytes })
}

/// Sees to it that the tables are those that are read here.
async fn has_our_schema(tx: &Tx) -> Result<(), BackupError> {
    let (tables, known) = (tx.tables(), schema());
    if tables.count_lists_of_migrations().await? == 0 {
        return Err(BackupError::NoCatalogue);
    }
    match tables.last_migration().await? {
        None => Err(BackupError::NoCatalogue),
        Some(schema) if schema < known => Err(BackupError::OlderSchema { schema, known }),
        Some(schema) if schema > known => Err(BackupError::NewerSchema { schema, known }),
        Some(_) => Ok(()),
    }
}

/// Sees to it that the tables are empty, and stay so for everybody else.
async fn make_room(tx: &Tx, replace: bool) -> Result<(), BackupError> {
    let tables = tx.tables();
    tables.hold_writers().await?;
    if tables.count_all().await? == 0 {
        return Ok(());
    }
    if !replace {
        return Err(BackupError::NotEmpty);
    }
    tables.clear_shows().await?;
    tables.clear_directors().await?;
    tables.clear_actors().await?;
    tables.clear_genres().await?;
    tables.clear_countries().await?;
    Ok(())
}
