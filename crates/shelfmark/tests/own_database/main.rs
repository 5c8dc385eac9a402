//! Databases of tests: one for each, made of one template, and nothing of them is left, whatever becomes of the test.
//!
//! Some tests start this program again, as the processes of `cargo nextest` are, to run an ignored test of it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod process;
mod project;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::{ExitCode, Termination as _};
use std::time::{Duration, Instant};

use shelfmark::prelude::*;
use shelfmark::testing::{On, Strict};

use process::Process;
use project::{Project, name_of, server};

const TABLE: &str = "CREATE TABLE films (film_id TEXT PRIMARY KEY);";

async fn films(db: &Db) -> Result<i64> {
    db.fetch_one(sql!("SELECT count(*) FROM films")).await
}

async fn add_film(db: &Db) -> Result<u64> {
    db.execute(sql!("INSERT INTO films (film_id) VALUES ('f1')"))
        .await
}

#[test]
fn each_test_has_a_migrated_database_of_its_own() {
    for on in [On::Memory, On::Sqlite, On::Postgres] {
        let project = Project::new();
        if on == On::Postgres && server().is_none() {
            continue;
        }
        for _ in 0..2 {
            let films = project.run(on, TABLE, async |db| {
                add_film(&db).await?;
                films(&db).await
            });
            assert_eq!(films.unwrap(), 1);
        }
    }
}

#[test]
fn the_database_of_a_test_is_dropped_at_its_end() {
    let Some(server) = server() else { return };
    let project = Project::new();
    let name = project.run(On::Postgres, TABLE, async |db| name_of(&db).await);
    assert!(!server.has(&name.unwrap()));
    let name = project.run(On::Postgres, "", async |db| name_of(&db).await);
    assert!(!server.has(&name.unwrap()));
}

#[test]
fn a_panicking_test_drops_its_database() {
    let Some(server) = server() else { return };
    let project = Project::new();
    let mut name = None;
    let panic = catch_unwind(AssertUnwindSafe(|| {
        project.run(On::Postgres, TABLE, async |db| {
            name = Some(name_of(&db).await?);
            // A task that goes on using the database does not keep it.
            tokio::spawn(async move { while films(&db).await.is_ok() {} });
            panic!("as the test does");
            #[expect(unreachable_code, reason = "gives the case its type")]
            Ok(())
        })
    }));
    assert_eq!(panic.unwrap_err().downcast_ref(), Some(&"as the test does"));
    assert!(!server.has(&name.unwrap()));
}

#[test]
fn a_panicking_test_removes_its_file() {
    let mut file = None;
    let panic = catch_unwind(AssertUnwindSafe(|| {
        Project::new().run(On::Sqlite, TABLE, async |db| {
            let path: String = db
                .fetch_one(sql!(sqlite = "SELECT file FROM pragma_database_list"))
                .await?;
            file = Some(PathBuf::from(path));
            assert!(file.as_ref().unwrap().exists());
            panic!("as the test does");
            #[expect(unreachable_code, reason = "gives the case its type")]
            Ok(())
        })
    }));
    assert!(panic.is_err());
    assert!(!file.unwrap().parent().unwrap().exists());
}

#[test]
fn a_test_that_cannot_be_migrated_fails_and_leaves_nothing() {
    let Some(server) = server() else { return };
    let project = Project::new();
    let name = project.run(On::Postgres, TABLE, async |db| name_of(&db).await);
    name.unwrap();
    for on in [On::Memory, On::Sqlite, On::Postgres] {
        let outcome = project.outcome(on, "CREATE TABLE films (no such type", async |_| ());
        assert_eq!(outcome.report(), ExitCode::FAILURE, "{on:?}");
    }
    assert_eq!(project.databases(&server, "shelfmark_test").len(), 0);
    assert_eq!(project.databases(&server, "shelfmark_template").len(), 1);
}

#[test]
fn tests_in_many_processes_make_one_template() {
    let Some(server) = server() else { return };
    let project = Project::new();
    let slow = format!("SELECT pg_sleep(0.3); {TABLE}");
    let children: Vec<Process> = (0..4)
        .map(|_| Process::start("child_tells_when_it_was_migrated", &project, &slow))
        .collect();
    let migrated: Vec<String> = children.into_iter().map(Process::told).collect();
    // The time stands in the template, so a second migration would have another.
    assert!(
        migrated.iter().all(|time| *time == migrated[0]),
        "{migrated:?}"
    );

    let name = project.run(On::Postgres, &slow, async |db| name_of(&db).await);
    name.unwrap();
    assert_eq!(project.databases(&server, "shelfmark_template").len(), 1);
    assert_eq!(project.databases(&server, "shelfmark_test").len(), 0);
}

#[test]
#[ignore = "run by `tests_in_many_processes_make_one_template`"]
fn child_tells_when_it_was_migrated() {
    let (project, sql) = process::given();
    let time = project.run(On::Postgres, &sql, async |db| {
        let time = sql!("SELECT applied_at::text FROM _shelfmark_migrations");
        db.fetch_one::<String>(time).await
    });
    process::tell(&time.unwrap());
}

#[test]
fn changed_migrations_make_another_template() {
    let Some(server) = server() else { return };
    let project = Project::new();
    let changed = TABLE.replace("films", "shows");
    for (sql, tables) in [(TABLE, "films"), (&changed, "shows"), (TABLE, "films")] {
        let found = project.run(On::Postgres, sql, async |db| {
            let names =
                sql!("SELECT relname::text FROM pg_class WHERE relname IN ('films', 'shows')");
            db.fetch_all::<String>(names).await
        });
        assert_eq!(found.unwrap(), [tables]);
    }
    assert_eq!(project.databases(&server, "shelfmark_template").len(), 2);
}

#[test]
fn a_template_that_nobody_uses_any_more_is_removed() {
    let Some(server) = server() else { return };
    let project = Project::new();
    let used = project.run(On::Postgres, TABLE, async |_| Ok(()));
    used.unwrap();
    let template = project.databases(&server, "shelfmark_template").remove(0);
    server.say(&format!(
        "DO $$ BEGIN EXECUTE format('COMMENT ON DATABASE {template} IS %L', regexp_replace(
            (SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = '{template}'),
            '[0-9]+$', '1000')); END $$"
    ));
    // A test that uses it again keeps it, one with other migrations does not.
    project.run(On::Postgres, TABLE, async |_| Ok(())).unwrap();
    project
        .run(On::Postgres, "SELECT 2", async |_| Ok(()))
        .unwrap();
    assert!(server.has(&template));
    server.say(&format!(
        "COMMENT ON DATABASE {template} IS 'somebody else''s words'"
    ));
    project
        .run(On::Postgres, "SELECT 2", async |_| Ok(()))
        .unwrap();
    assert!(server.has(&template));
    let words = "a copy of this database is made for each test of shelfmark; last used at 1000";
    server.say(&format!("COMMENT ON DATABASE {template} IS '{words}'"));
    project
        .run(On::Postgres, "SELECT 2", async |_| Ok(()))
        .unwrap();
    assert!(!server.has(&template));
}

#[test]
fn the_database_of_a_killed_process_is_removed_by_a_later_test_of_its_project() {
    let Some(server) = server() else { return };
    let (project, other) = (Project::new(), Project::new());
    let killed = Process::start("child_waits_in_its_test", &project, TABLE);
    let living = Process::start("child_waits_in_its_test", &project, TABLE);
    let foreign = Process::start("child_waits_in_its_test", &other, TABLE);
    let (killed, living, foreign) = (killed.begun(), living.begun(), foreign.begun());
    let (dead, alive) = (killed.line().to_owned(), living.line().to_owned());
    let not_ours = foreign.line().to_owned();
    killed.kill();
    foreign.kill();
    server.forgets_sessions_of(&dead);
    server.forgets_sessions_of(&not_ours);
    assert!(server.has(&dead));

    project.run(On::Postgres, TABLE, async |_| Ok(())).unwrap();
    assert!(!server.has(&dead), "the database of a killed process");
    assert!(server.has(&alive), "the database of a test that runs");
    assert!(server.has(&not_ours), "the database of another project");

    living.ends_well();
    assert!(!server.has(&alive));
    other.run(On::Postgres, TABLE, async |_| Ok(())).unwrap();
    assert!(!server.has(&not_ours));
}

#[test]
#[ignore = "run by `the_database_of_a_killed_process_is_removed_by_a_later_test_of_its_project`"]
fn child_waits_in_its_test() {
    let (project, sql) = process::given();
    let waited = project.run(On::Postgres, &sql, async |db| {
        process::tell(&name_of(&db).await?);
        process::wait();
        Ok(())
    });
    waited.unwrap();
}

#[test]
fn a_template_that_a_killed_process_left_half_made_is_made_anew() {
    let Some(server) = server() else { return };
    let project = Project::new();
    let flag = format!("own_database_flag_{:016x}", fastrand::u64(..));
    server.say(&format!("CREATE DATABASE {flag}"));
    let stuck = format!(
        "{TABLE} SELECT pg_sleep(600) WHERE EXISTS (SELECT FROM pg_database WHERE datname = '{flag}');"
    );
    let child = Process::start("child_tells_when_it_was_migrated", &project, &stuck);
    let sleeping = format!("wait_event = 'PgSleep' AND query LIKE '%{flag}%'");
    let half = server.waits_for_session(&sleeping);
    child.kill();
    server.forgets_sessions_of(&half);
    server.say(&format!("DROP DATABASE {flag}"));
    assert!(server.has(&half));

    let films = project.run(On::Postgres, &stuck, async |db| films(&db).await);
    assert_eq!(films.unwrap(), 0);
    assert!(!server.has(&half));
    assert_eq!(project.databases(&server, "shelfmark_template").len(), 1);
}

#[test]
fn a_copy_takes_as_long_with_slow_migrations_as_with_quick_ones() {
    let Some(_server) = server() else { return };
    let project = Project::new();
    let slow = Duration::from_secs(2);
    let sql = format!("SELECT pg_sleep(2); {TABLE}");
    let mut took = Vec::new();
    for _ in 0..10 {
        let begun = Instant::now();
        let mut made = Duration::ZERO;
        let case = async |_| {
            made = begun.elapsed();
            Ok(())
        };
        project.run(On::Postgres, &sql, case).unwrap();
        took.push((made, begun.elapsed() - made));
    }
    assert!(took.remove(0).0 >= slow);
    took.sort();
    let (made, dropped) = took[took.len() / 2];
    eprintln!(
        "a database is made and opened in {made:?}, and dropped in {dropped:?} (median of 9)"
    );
    assert!(made < slow);
}

#[test]
fn a_refusal_that_the_code_passed_over_fails_the_test() {
    for on in [On::Memory, On::Sqlite] {
        let project = Project::new();
        let rules = Strict::nothing().writes_in_transactions();
        let strict = |sql| project.setup(sql).strict(rules);
        let passed_over = strict(TABLE).run(on, async |db| {
            let _ = add_film(&db).await;
        });
        assert_eq!(passed_over.report(), ExitCode::FAILURE);
        let in_order = strict(TABLE).run(on, async |db| {
            let add = async |tx: Tx| {
                tx.execute(sql!("INSERT INTO films (film_id) VALUES ('f1')"))
                    .await
            };
            db.transaction(add).await.unwrap();
            add_film(&db.lenient()).await.unwrap_err();
        });
        assert_eq!(in_order.report(), ExitCode::SUCCESS);
    }
}

#[test]
fn without_a_server_a_test_passes_except_in_ci() {
    for (child, passes, passes_in_ci) in [
        ("child_runs_on_postgres::postgres", true, false),
        ("child_panics_on_postgres::postgres", true, false),
        ("child_runs_on_postgres::memory", true, true),
    ] {
        assert_eq!(Process::without_server(child, false), passes, "{child}");
        assert_eq!(
            Process::without_server(child, true),
            passes_in_ci,
            "{child}"
        );
    }
}

#[shelfmark::test(migrations = none)]
#[ignore = "run by `without_a_server_a_test_passes_except_in_ci`"]
async fn child_runs_on_postgres(db: Db) -> Result<()> {
    db.ping().await
}

#[shelfmark::test(migrations = none)]
#[ignore = "run by `without_a_server_a_test_passes_except_in_ci`"]
#[should_panic(expected = "as the test does")]
async fn child_panics_on_postgres(_db: Db) {
    panic!("as the test does");
}
