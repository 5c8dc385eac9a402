//! Migrations: once, in order, all or nothing, and never changed behind the schema's back.

use conformance::{MIGRATIONS, on_every_engine};
use shelfmark::prelude::*;
use shelfmark::{Dialect, Migration};

use crate::library::*;

const fn both(version: i64, name: &'static str, sql: &'static str) -> Migration {
    Migration::new(version, name, Some(sql), Some(sql))
}

const ONE: Migration = both(
    1,
    "one",
    "CREATE TABLE one (a INTEGER); INSERT INTO one VALUES (1);",
);
const TWO: Migration = both(
    2,
    "two",
    "CREATE TABLE two (a INTEGER);\nINSERT INTO two SELECT a FROM one;",
);

on_every_engine! { @bare
    async fn pending_files_are_applied_once_and_in_order(db) {
        let report = db.migrate(&[TWO, ONE]).await?;
        let names: Vec<&str> = report.applied.iter().map(|one| one.name).collect();
        assert_eq!((names, report.already), (vec!["one", "two"], 0));
        let again = db.migrate(&[ONE, TWO]).await?;
        assert_eq!((again.applied.len(), again.already), (0, 2));
        let copied: i64 = db.fetch_one(sql!("SELECT count(*) FROM two")).await?;
        assert_eq!(copied, 1);
    }

    async fn a_later_version_adds_what_is_new(db) {
        db.migrate(&[ONE]).await?;
        assert_eq!(db.migrate(&[ONE, TWO]).await?.applied.len(), 1);
    }

    async fn a_failed_file_leaves_the_schema_as_it_was(db) {
        const BROKEN: Migration = both(2, "broken", "CREATE TABLE half (a INTEGER); INSERT INTO nowhere VALUES (1);");
        let error = db.migrate(&[ONE, BROKEN]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Migration);
        assert!(error.to_string().starts_with("Db::migrate: 0002_broken failed and was undone: "), "{error}");
        assert!(db.fetch_all::<i64>(sql!("SELECT a FROM half")).await.is_err());
        let kept: i64 = db.fetch_one(sql!("SELECT count(*) FROM one")).await?;
        assert_eq!(kept, 1);
        assert_eq!(db.migrate(&[ONE, TWO]).await?.applied.len(), 1);
    }

    async fn a_changed_applied_file_is_refused(db) {
        db.migrate(&[ONE, TWO]).await?;
        let changed = both(1, "one", "CREATE TABLE one (a INTEGER, b INTEGER)");
        let error = db.migrate(&[changed, TWO]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Migration);
        assert!(error.to_string().contains("0001_one was changed after it had been applied at "), "{error}");
    }

    async fn another_programs_database_is_told_as_such(db) {
        db.migrate(&[ONE]).await?;
        let other = both(1, "blog", "CREATE TABLE posts (a INTEGER)");
        let error = db.migrate(&[other]).await.unwrap_err();
        assert!(error.to_string().contains(", and in this program that number is 0001_blog: is it another program's"), "{error}");
    }

    async fn a_missing_applied_file_is_refused_before_anything_runs(db) {
        db.migrate(&[ONE, TWO]).await?;
        let three = both(3, "three", "CREATE TABLE three (a INTEGER)");
        let error = db.migrate(&[TWO, three]).await.unwrap_err();
        assert!(error.to_string().contains("0001_one was applied at ") && error.to_string().contains("missing from this program"), "{error}");
        assert!(db.fetch_all::<i64>(sql!("SELECT a FROM three")).await.is_err());
    }

    async fn line_ends_do_not_count_as_a_change(db) {
        db.migrate(&[ONE, TWO]).await?;
        let windows = both(2, "two", "CREATE TABLE two (a INTEGER);\r\nINSERT INTO two SELECT a FROM one;");
        assert_eq!(db.migrate(&[ONE, windows]).await?.already, 2);
    }

    async fn a_version_given_twice_is_refused(db) {
        let error = db.migrate(&[ONE, both(1, "uno", "SELECT 1")]).await.unwrap_err();
        assert_eq!(error.to_string(), "Db::migrate: version 1 is given twice: 0001_one and 0001_uno");
    }

    async fn transaction_control_in_a_file_is_refused(db) {
        let error = db.migrate(&[both(1, "one", "CREATE TABLE one (a INTEGER); COMMIT; SELECT 1")]).await.unwrap_err();
        assert!(error.to_string().contains("0001_one contains `COMMIT`"), "{error}");
        assert!(db.fetch_all::<i64>(sql!("SELECT a FROM one")).await.is_err());
    }

    async fn a_file_without_a_transaction_keeps_what_ran_and_says_how_to_go_on(db) {
        const LOOSE: Migration = both(1, "loose", "-- shelfmark: no-transaction\nCREATE TABLE one (a INTEGER);\nCREATE TABLE one (a INTEGER);");
        let error = db.migrate(&[LOOSE]).await.unwrap_err();
        assert!(error.to_string().contains("statement 2 of 2 in 0001_loose, which runs without a transaction, failed"), "{error}");
        let rows: i64 = db.fetch_one(sql!("SELECT count(*) FROM one")).await?;
        assert_eq!(rows, 0);
        // What it says is the way out; on SQLite the next run would first wait for another process to finish.
        db.execute(sql!("DELETE FROM _shelfmark_migrations WHERE version = 1")).await?;
        db.execute(sql!("DROP TABLE one")).await?;
        assert_eq!(db.migrate(&[ONE]).await?.applied.len(), 1);
    }

    async fn a_rebuilt_table_keeps_what_refers_to_it(db) {
        const TABLES: Migration = both(1, "tables", "CREATE TABLE parents (id INTEGER PRIMARY KEY); CREATE TABLE children (parent INTEGER REFERENCES parents (id) ON DELETE CASCADE); INSERT INTO parents VALUES (1); INSERT INTO children VALUES (1);");
        const REBUILD: Migration = Migration::new(2, "rebuild",
            Some("CREATE TABLE fresh (id INTEGER PRIMARY KEY, name TEXT); INSERT INTO fresh (id) SELECT id FROM parents; DROP TABLE parents; ALTER TABLE fresh RENAME TO parents;"),
            Some("ALTER TABLE parents ADD COLUMN name text"));
        db.migrate(&[TABLES, REBUILD]).await?;
        let children: i64 = db.fetch_one(sql!("SELECT count(*) FROM children")).await?;
        assert_eq!(children, 1);
        // Afterwards the keys are in force again.
        let error = db.execute(sql!("INSERT INTO children VALUES (99)")).await.unwrap_err();
        assert!(error.is_foreign_key_violation(), "{error}");
    }

    async fn a_file_that_breaks_a_foreign_key_is_undone(db) {
        const TABLES: Migration = both(1, "tables", "CREATE TABLE parents (id INTEGER PRIMARY KEY); CREATE TABLE children (parent INTEGER REFERENCES parents (id)); INSERT INTO parents VALUES (1); INSERT INTO children VALUES (1);");
        const BREAK: Migration = both(2, "break", "DELETE FROM parents");
        let error = db.migrate(&[TABLES, BREAK]).await.unwrap_err();
        assert!(error.to_string().starts_with("Db::migrate: 0002_break failed and was undone: "), "{error}");
        let parents: i64 = db.fetch_one(sql!("SELECT count(*) FROM parents")).await?;
        assert_eq!(parents, 1);
    }

    async fn a_file_without_a_transaction_runs_statement_by_statement(db) {
        const LOOSE: Migration = both(1, "loose", "-- shelfmark: no-transaction\nCREATE TABLE one (a INTEGER);\nINSERT INTO one VALUES (5); -- done\n");
        assert_eq!(db.migrate(&[LOOSE]).await?.applied.len(), 1);
        assert_eq!(db.migrate(&[LOOSE]).await?.already, 1);
        let value: i32 = db.fetch_one(sql!("SELECT a FROM one")).await?;
        assert_eq!(value, 5);
    }

    async fn each_engine_takes_its_own_variant(db) {
        let only_here = match db.dialect() {
            Dialect::Sqlite => Migration::new(1, "here", Some("CREATE TABLE here (a INTEGER)"), None),
            _ => Migration::new(1, "here", None, Some("CREATE TABLE here (a integer)")),
        };
        let only_there = match db.dialect() {
            Dialect::Sqlite => Migration::new(2, "there", None, Some("wrong")),
            _ => Migration::new(2, "there", Some("wrong"), None),
        };
        assert_eq!(db.migrate(&[only_here, only_there]).await?.applied.len(), 1);
    }

    async fn many_at_once_apply_each_file_once(db) {
        let mut runners = Vec::new();
        for _ in 0..4 {
            // A handle of its own, as another process would have; in memory there is but one.
            let other = if db.url() == "memory:" { db.db().clone() } else { Db::open(db.url()).await? };
            runners.push(tokio::spawn(async move { other.migrate(MIGRATIONS).await }));
        }
        let mut applied = 0;
        for runner in runners {
            applied += runner.await??.applied.len();
        }
        assert_eq!(applied, MIGRATIONS.len());
        assert_eq!(db.books().count().await?, 0);
    }

    async fn a_schema_change_under_a_running_service_is_taken_up(db) {
        db.migrate(MIGRATIONS).await?;
        db.books().insert(&book("a", "Alien", 1979)).await?;
        for _ in 0..12 {
            assert_eq!(db.books().since(0).await?.len(), 1);
        }
        db.execute(sql!("ALTER TABLE books ADD COLUMN extra INTEGER")).await?;
        let wide: Vec<Book> = db.fetch_all(sql!("SELECT * FROM books")).await?;
        assert_eq!(wide.len(), 1);
        for _ in 0..12 {
            assert_eq!(db.books().since(0).await?.len(), 1);
        }
    }
}
