//! Statements are recorded and counted, and careless ones refused, wherever they are sent from.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use std::panic::AssertUnwindSafe;
use std::pin::pin;

use futures_util::{FutureExt as _, StreamExt as _};
use shelfmark::prelude::*;
use shelfmark::testing::{Access, Step, Strict};
use shelfmark::{Migration, assert_statements};

const MIGRATIONS: &[Migration] = &[Migration::new(
    1,
    "notes",
    Some("CREATE TABLE notes (note_id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;"),
    Some("CREATE TABLE notes (note_id BIGINT PRIMARY KEY, text TEXT NOT NULL);"),
)];

#[derive(Entity, Debug, PartialEq)]
#[entity(table = "notes")]
struct Note {
    #[id]
    note_id: i64,
    text: String,
}

#[derive(Insert)]
#[insert(Note)]
struct NewNote {
    note_id: i64,
    text: String,
}

#[repository(entity = Note)]
trait Notes {
    #[find]
    async fn find(&self, note_id: i64) -> Result<Option<Note>>;
    #[insert]
    async fn add(&self, new: &NewNote) -> Result<()>;
    #[insert_many]
    async fn add_all(&self, new: &[NewNote]) -> Result<u64>;
    #[insert_many]
    async fn added(&self, new: &[NewNote]) -> Result<Vec<Note>>;
    #[exec("DELETE FROM notes")]
    async fn clear(&self) -> Result<u64>;
    #[query("SELECT {*} FROM notes ORDER BY note_id")]
    fn all(&self) -> impl Stream<Item = Result<Note>> + Send;
}

fn note(note_id: i64) -> NewNote {
    NewNote {
        note_id,
        text: "a note".to_owned(),
    }
}

fn methods(steps: &[Step]) -> Vec<String> {
    let steps = steps.iter().map(|step| match step {
        Step::Statement(statement) => statement.method.to_owned(),
        other => format!("{other:?}"),
    });
    steps.collect()
}

/// The message of the panic that `work` ends in.
async fn panic_of<T: std::fmt::Debug>(work: impl Future<Output = T>) -> String {
    let panic = AssertUnwindSafe(work).catch_unwind().await.unwrap_err();
    *panic.downcast::<String>().unwrap()
}

#[shelfmark::test(migrations = MIGRATIONS)]
async fn every_kind_of_statement_is_recorded(db: Db) -> Result<()> {
    let recording = db.record();
    db.notes().add(&note(1)).await?;
    db.notes().add_all(&[note(2), note(3)]).await?;
    db.notes().added(&[note(4)]).await?;
    db.notes().find(1).await?;
    let mut all = pin!(db.notes().all());
    while let Some(found) = all.next().await {
        found?;
    }
    db.fetch_one::<i64>(sql!("SELECT 1")).await?;
    db.ping().await?;

    let statements = recording.statements();
    let of: Vec<_> = statements
        .iter()
        .map(|one| (one.method, one.access))
        .collect();
    assert_eq!(
        of[..5],
        [
            ("Notes::add", Access::Write),
            ("Notes::add_all", Access::Write),
            ("Notes::added", Access::Write),
            ("Notes::find", Access::Read),
            ("Notes::all", Access::Read),
        ]
    );
    assert_eq!(statements.len(), 6);
    assert!(statements.iter().all(|one| !one.in_transaction));
    assert!(statements[3].sql.contains("FROM \"notes\""));
    Ok(())
}

#[shelfmark::test(migrations = MIGRATIONS)]
async fn beginnings_and_ends_of_transactions_are_told_apart(db: Db) -> Result<()> {
    let recording = db.record();
    let work = async |tx: Tx| {
        tx.notes().add(&note(1)).await?;
        tx.notes().add_all(&[note(2)]).await?;
        tx.notes().added(&[note(3)]).await?;
        let _ = tx
            .savepoint(async |tx| tx.notes().add(&note(1)).await)
            .await;
        tx.savepoint(async |tx| tx.notes().find(1).await).await?;
        assert_eq!(tx.notes().all().count().await, 3);
        Ok::<_, Error>(())
    };
    db.transaction(work).await?;
    assert_eq!(
        methods(&recording.steps()),
        [
            "Begin",
            "Notes::add",
            "Notes::add_all",
            "Notes::added",
            "Savepoint",
            "Notes::add",
            "RollbackTo",
            "Savepoint",
            "Notes::find",
            "Release",
            "Notes::all",
            "Commit",
        ]
    );
    assert_eq!(recording.statements().len(), 6);
    assert!(recording.statements().iter().all(|one| one.in_transaction));

    recording.clear();
    let failed = db.transaction(async |tx| tx.notes().add(&note(1)).await);
    failed.await.unwrap_err();
    let panicked = db.transaction(async |_| -> Result<()> { panic!("as the scope does") });
    AssertUnwindSafe(panicked).catch_unwind().await.unwrap_err();
    assert_eq!(
        methods(&recording.steps()),
        ["Begin", "Notes::add", "Rollback", "Begin", "Rollback"]
    );
    Ok(())
}

#[shelfmark::test(migrations = MIGRATIONS)]
async fn spawned_tasks_are_recorded_until_the_recording_ends(db: Db) -> Result<()> {
    let recording = db.record();
    let ((), during) = db
        .record_during(async {
            let other = db.clone();
            let task = tokio::spawn(async move { other.notes().find(1).await });
            task.await.unwrap().unwrap();
        })
        .await;
    db.notes().find(2).await?;
    assert_eq!(during.len(), 1);
    assert_eq!(recording.statements().len(), 2);
    Ok(())
}

#[shelfmark::test(migrations = MIGRATIONS)]
async fn the_answer_of_what_is_counted_is_handed_on(db: Db) -> Result<()> {
    let handed = &db;
    let found = assert_statements!(handed, 1, db.notes().find(1))?;
    assert_eq!(found, None);
    assert_statements!(db, ..=1, async { 2 });
    assert_statements!(db, 1..=2, db.notes().find(1))?;
    assert_statements!(db, 0, async {});
    Ok(())
}

#[shelfmark::test(migrations = MIGRATIONS, engines(memory))]
async fn a_wrong_number_lists_the_statements_with_their_methods(db: Db) -> Result<()> {
    let many = panic_of(async {
        assert_statements!(db, 2, async {
            db.notes().clear().await?;
            for note_id in 0..3 {
                db.notes().find(note_id).await?;
            }
            db.transaction(async |tx| tx.notes().add(&note(1)).await)
                .await
        })
    });
    insta::assert_snapshot!(many.await, @r#"
    expected 2 statements, but 5 ran
      1. Notes::clear: DELETE FROM notes
      2. Notes::find: SELECT "note_id", "text" FROM "notes" WHERE "note_id" = ?1
      3. Notes::find: SELECT "note_id", "text" FROM "notes" WHERE "note_id" = ?1
      4. Notes::find: SELECT "note_id", "text" FROM "notes" WHERE "note_id" = ?1
      5. Notes::add (tx): INSERT INTO "notes" ("note_id", "text") VALUES (?1, ?2)
    `Notes::find` ran 3 times: read all rows at once, with a list parameter (`IN (:ids)`) or a View
    "#);

    let few = panic_of(async { assert_statements!(db, 1..=3, async {}) });
    insta::assert_snapshot!(few.await, @"expected 1 to 3 statements, but 0 ran");
    Ok(())
}

#[shelfmark::test(migrations = MIGRATIONS)]
async fn a_read_in_a_loop_is_refused_also_in_other_tasks(db: Db) -> Result<()> {
    let strict = db.strict(Strict::nothing().n_plus_one(5));
    let mut refused = Vec::new();
    for note_id in 0..7 {
        let db = strict.clone();
        let task = tokio::spawn(async move { db.notes().find(note_id).await });
        refused.extend(task.await.unwrap().err());
    }
    assert_eq!(refused.len(), 2);
    assert_eq!(refused[0].kind(), ErrorKind::Unsupported);
    insta::allow_duplicates! {
        insta::assert_snapshot!(refused[0], @"Notes::find: read 6 times, and 5 are allowed: read all rows at once, with a list parameter (`IN (:ids)`) or a View; what the test itself reads in a loop belongs on `db.lenient()`");
        insta::assert_snapshot!(strict.strict_refusals().join("\n"), @"Notes::find: read 7 times, and 5 are allowed: read all rows at once, with a list parameter (`IN (:ids)`) or a View; what the test itself reads in a loop belongs on `db.lenient()`");
    }
    // Other handles are not concerned, and a new one counts anew.
    strict.lenient().notes().find(1).await?;
    db.notes().find(1).await?;
    let again = db.strict(Strict::nothing().n_plus_one(1));
    again.notes().find(1).await?;
    assert_eq!(again.strict_refusals(), [""; 0]);
    assert_eq!(db.strict_refusals(), [""; 0]);
    Ok(())
}

#[shelfmark::test(migrations = MIGRATIONS)]
async fn a_write_outside_of_a_transaction_is_refused(db: Db) -> Result<()> {
    let strict = db.strict(Strict::nothing().writes_in_transactions());
    let refused = strict.notes().add(&note(1)).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unsupported);
    insta::allow_duplicates! {
        insta::assert_snapshot!(refused, @"Notes::add: wrote outside of a transaction: use `db.transaction(async |tx| …)`; what the test itself prepares belongs on `db.lenient()`");
    }
    assert!(strict.notes().add_all(&[note(1)]).await.is_err());
    assert!(strict.notes().added(&[note(1)]).await.is_err());
    let add = async |tx: Tx| tx.notes().add(&note(1)).await;
    strict.transaction(add).await?;
    assert_eq!(strict.notes().all().count().await, 1);
    assert_eq!(strict.strict_refusals().len(), 3);
    Ok(())
}

#[shelfmark::test(migrations = MIGRATIONS)]
async fn a_refused_read_leaves_its_transaction_as_it_was(db: Db) -> Result<()> {
    let strict = db.strict(Strict::nothing().n_plus_one(1));
    let recording = db.record();
    let work = async |tx: Tx| {
        tx.notes().add(&note(1)).await?;
        tx.notes().find(1).await?;
        assert!(tx.notes().find(1).await.is_err());
        tx.notes().add(&note(2)).await
    };
    strict.transaction(work).await?;
    assert_eq!(recording.statements().len(), 3);
    assert_eq!(db.notes().all().count().await, 2);
    Ok(())
}
