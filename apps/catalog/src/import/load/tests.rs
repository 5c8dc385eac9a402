use std::fmt::Write as _;
use std::io::{self, Read};

use shelfmark::sql;

use super::*;

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn options(strict: bool) -> ImportOptions {
    ImportOptions {
        strict,
        progress: ProgressStyle::Quiet,
        stop: CancellationToken::new(),
    }
}

fn file(rows: usize) -> Vec<u8> {
    let mut text = String::from("show_id,type,title,listed_in,release_year\n");
    for row in 0..rows {
        writeln!(text, "g{row},Movie,Title {row},Dramas,1999").unwrap();
    }
    text.into_bytes()
}

/// A source that gives `text` and then ends in a way of its own.
struct Ending<F> {
    text: io::Cursor<Vec<u8>>,
    end: F,
}

impl<F: FnMut() -> io::Result<usize>> Read for Ending<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.text.read(buffer)? {
            0 => (self.end)(),
            count => Ok(count),
        }
    }
}

async fn empty_catalogue() -> shelfmark::Result<Db> {
    let db = Db::memory().await?;
    db.migrate(crate::MIGRATIONS).await?;
    Ok(db)
}

/// How an import of 10,000 rows ends whose source then does what `end` does, and how many shows are there afterwards.
async fn import_that_ends(
    strict: bool,
    end: impl FnMut() -> io::Result<usize> + Send + 'static,
) -> Result<(Result<ImportSummary, ImportError>, i64), Box<dyn std::error::Error>> {
    let db = empty_catalogue().await?;
    let text = io::Cursor::new(file(10_000));
    let reader = ShowReader::from_reader("rows", Ending { text, end })?;
    let ended = import_rows(&db, reader, None, &options(strict)).await;
    Ok((ended, db.shows().count().await?))
}

#[tokio::test]
async fn a_strict_import_that_cannot_read_to_the_end_leaves_the_database_untouched() -> Outcome {
    let broken = || Err(io::Error::other("the disk is gone"));
    let (ended, shows) = import_that_ends(true, broken).await?;
    assert!(matches!(ended, Err(ImportError::Read(_))), "{ended:?}");
    assert_eq!(shows, 0);
    let (ended, shows) = import_that_ends(true, || panic!("the source panics")).await?;
    assert!(matches!(ended, Err(ImportError::Reader)), "{ended:?}");
    assert_eq!(shows, 0);
    let (ended, shows) = import_that_ends(true, || Ok(0)).await?;
    assert_eq!((ended?.added, shows), (10_000, 10_000));
    Ok(())
}

#[tokio::test]
async fn an_import_that_cannot_read_to_the_end_keeps_the_rows_before() -> Outcome {
    let broken = || Err(io::Error::other("the disk is gone"));
    let (ended, shows) = import_that_ends(false, broken).await?;
    assert!(matches!(ended, Err(ImportError::Read(_))), "{ended:?}");
    assert!(shows > 0 && shows < 10_000, "{shows}");
    let (ended, _) = import_that_ends(false, || panic!("the source panics")).await?;
    assert!(matches!(ended, Err(ImportError::Reader)), "{ended:?}");
    Ok(())
}

#[tokio::test]
async fn a_stop_ends_an_import_that_waits_for_its_source() -> Outcome {
    for strict in [true, false] {
        let db = empty_catalogue().await?;
        let options = options(strict);
        // The source says nothing more until the import has ended.
        let (ended, waiting) = std::sync::mpsc::channel::<()>();
        let stop = options.stop.clone();
        let silent = move || {
            stop.cancel();
            waiting.recv().ok();
            Ok(0)
        };
        let text = io::Cursor::new(file(10_000));
        let reader = ShowReader::from_reader("rows", Ending { text, end: silent })?;
        let outcome = import_rows(&db, reader, None, &options).await;
        drop(ended);
        let shows = db.shows().count().await?;
        match outcome {
            Err(ImportError::StrictInterrupted) if strict => assert_eq!(shows, 0),
            Err(ImportError::Interrupted(stored)) if !strict => assert_eq!(shows, stored as i64),
            other => panic!("strict {strict}: {other:?}"),
        }
    }
    Ok(())
}

#[tokio::test]
async fn an_error_of_the_database_does_not_wait_for_the_source() -> Outcome {
    let db = empty_catalogue().await?;
    db.execute(sql!("DROP TABLE show_genres")).await?;
    let (ended, waiting) = std::sync::mpsc::channel::<()>();
    let silent = move || {
        waiting.recv().ok();
        Ok(0)
    };
    let text = io::Cursor::new(file(10_000));
    let reader = ShowReader::from_reader("rows", Ending { text, end: silent })?;
    let outcome = import_rows(&db, reader, None, &options(false)).await;
    drop(ended);
    assert!(
        matches!(outcome, Err(ImportError::Database(_))),
        "{outcome:?}"
    );
    Ok(())
}

#[tokio::test]
async fn a_name_that_is_gone_again_is_an_error_and_no_lost_link() -> Outcome {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("catalog.db");
    let db = Db::open(&format!("sqlite://{}", path.display())).await?;
    db.migrate(crate::MIGRATIONS).await?;
    rusqlite::Connection::open(&path)?.execute_batch(
        "CREATE TRIGGER lose AFTER INSERT ON genres BEGIN DELETE FROM genres WHERE id = NEW.id; END",
    )?;
    let reader = ShowReader::from_reader("rows", io::Cursor::new(file(3)))?;
    let outcome = import_rows(&db, reader, None, &options(false)).await;
    assert!(
        matches!(outcome, Err(ImportError::Database(_))),
        "{outcome:?}"
    );
    assert_eq!(db.shows().count().await?, 0);
    Ok(())
}
