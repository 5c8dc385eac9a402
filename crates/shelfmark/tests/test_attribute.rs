//! `#[shelfmark::test]` takes what `#[test]` takes.

use std::fmt;

use shelfmark::prelude::*;
use shelfmark::{Migration, migrations};

const MIGRATIONS: &[Migration] = migrations!("tests/testing");

mod elsewhere {
    use shelfmark::Migration;

    pub(crate) const MIGRATIONS: [Migration; 1] = [Migration::new(
        1,
        "films",
        Some("CREATE TABLE films (film_id TEXT PRIMARY KEY)"),
        Some("CREATE TABLE films (film_id TEXT PRIMARY KEY)"),
    )];

    mod inside {
        use shelfmark::prelude::*;

        // Paths mean what they mean beside the test.
        #[shelfmark::test(migrations = &super::MIGRATIONS)]
        async fn migrations_are_an_expression(db: Db) -> Result<()> {
            db.execute(sql!("INSERT INTO films VALUES ('f1')")).await?;
            Ok(())
        }
    }
}

async fn tables(db: &Db) -> Result<i64> {
    let tables = sql!(
        sqlite = "SELECT count(*) FROM sqlite_schema WHERE name NOT LIKE 'sqlite%'",
        postgres = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
    );
    db.fetch_one(tables).await
}

#[shelfmark::test(migrations = none)]
async fn none_is_a_database_without_tables(db: Db) -> Result<()> {
    assert_eq!(tables(&db).await?, 0);
    Ok(())
}

#[shelfmark::test(migrations = MIGRATIONS)]
async fn nothing_need_be_returned(db: Db) {
    assert!(tables(&db).await.is_ok_and(|tables| tables == 3));
}

#[derive(Debug)]
struct Failure;

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("failure")
    }
}

impl std::error::Error for Failure {}

#[shelfmark::test(migrations = MIGRATIONS)]
async fn any_error_can_be_returned(db: Db) -> Result<(), Box<dyn std::error::Error>> {
    db.ping().await?;
    if tables(&db).await? != 3 {
        return Err(Failure.into());
    }
    Ok(())
}

#[shelfmark::test(migrations = MIGRATIONS)]
#[should_panic(expected = "as the test does")]
async fn a_panic_can_be_expected(db: Db) {
    assert!(db.ping().await.is_err(), "as the test does");
}

#[shelfmark::test(migrations = MIGRATIONS)]
#[cfg_attr(all(), should_panic(expected = "under a condition"))]
#[cfg_attr(any(), ignore)]
async fn attributes_may_have_a_condition(db: Db) {
    assert!(db.ping().await.is_err(), "under a condition");
}

#[shelfmark::test(migrations = MIGRATIONS)]
#[ignore = "it fails"]
async fn a_test_can_be_ignored(_db: Db) -> Result<()> {
    Err(Error::not_found("Tests::ignored"))
}

#[shelfmark::test(migrations = MIGRATIONS)]
#[cfg(any())]
async fn a_test_can_be_left_out(db: NoSuchType) {
    does_not_compile
}

// Its module would have a test on PostgreSQL, which the name of this one would clash with.
#[shelfmark::test(migrations = MIGRATIONS, engines(memory, sqlite))]
async fn it_runs_where_it_should(db: Db) -> Result<()> {
    assert_eq!(db.dialect(), shelfmark::Dialect::Sqlite);
    Ok(())
}

#[shelfmark::test(migrations = MIGRATIONS, flavor = "multi_thread", worker_threads = 2)]
async fn tasks_can_have_threads_of_their_own(db: Db) -> Result<()> {
    let here = std::thread::current().id();
    let there =
        tokio::task::spawn(async move { db.ping().await.map(|()| std::thread::current().id()) });
    assert_ne!(there.await.map_err(|_| Error::not_found("task"))??, here);
    Ok(())
}

#[shelfmark::test(migrations = MIGRATIONS)]
async fn tasks_share_the_tests_thread(mut db: Db) -> Result<()> {
    let here = std::thread::current().id();
    db = db.clone();
    let there =
        tokio::task::spawn(async move { db.ping().await.map(|()| std::thread::current().id()) });
    assert_eq!(there.await.map_err(|_| Error::not_found("task"))??, here);
    Ok(())
}

#[shelfmark::test(migrations = MIGRATIONS)]
async fn db_inside_of_its_own_transaction_is_an_error(db: Db) -> Result<()> {
    let inside = db.transaction(async |_| tables(&db).await).await;
    assert_eq!(
        inside.map_err(|error| error.kind()),
        Err(ErrorKind::Unsupported)
    );
    Ok(())
}

#[shelfmark::test(migrations = MIGRATIONS, strict(n_plus_one = 2))]
async fn one_rule_can_be_chosen(db: Db) -> Result<()> {
    db.execute(sql!("DELETE FROM seasons")).await?;
    tables(&db).await?;
    tables(&db).await?;
    assert_eq!(db.strict_refusals().len(), 0);
    let own = db.strict(shelfmark::testing::Strict::nothing().n_plus_one(2));
    for _ in 0..2 {
        tables(&own).await?;
    }
    assert!(tables(&own).await.is_err());
    Ok(())
}

#[shelfmark::test(migrations = MIGRATIONS, strict(writes_in_transactions))]
async fn reads_may_be_repeated_where_only_writes_are_watched(db: Db) -> Result<()> {
    for _ in 0..20 {
        tables(&db).await?;
    }
    Ok(())
}
