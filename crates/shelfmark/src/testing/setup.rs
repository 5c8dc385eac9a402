//! One test of `#[shelfmark::test]` on one engine: a database of its own, the case, and what becomes of both.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::process::{ExitCode, Termination};
use std::time::Duration;

use shelfmark_core::Result;
use tokio::runtime::Runtime;

use super::ground::{Ground, On, Project, runtime};
use super::strict::Strict;
use crate::Migration;
use crate::db::Db;

/// So long the blocking work that a case has left behind may go on.
const LEFTOVERS: Duration = Duration::from_secs(5);

/// What the options of `#[shelfmark::test]` ask for.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
#[must_use = "a test does nothing until it is run"]
pub struct Setup<'m> {
    project: Project,
    migrations: &'m [Migration],
    strict: Option<Strict>,
    workers: Option<usize>,
    panics: Option<&'static str>,
}

impl<'m> Setup<'m> {
    /// A test of the package `package`, whose Cargo.toml is in `folder`.
    pub const fn of(folder: &'static str, package: &'static str) -> Self {
        Setup {
            project: Project { folder, package },
            migrations: &[],
            strict: None,
            workers: None,
            panics: None,
        }
    }

    /// What the schema is made of.
    pub const fn migrations(mut self, migrations: &'m [Migration]) -> Self {
        self.migrations = migrations;
        self
    }

    /// What fails besides.
    pub const fn strict(mut self, rules: Strict) -> Self {
        self.strict = Some(rules);
        self
    }

    /// Threads for the case's tasks, instead of the test's own alone.
    pub const fn workers(mut self, workers: usize) -> Self {
        self.workers = Some(workers);
        self
    }

    /// The test is expected to panic with a message that contains this text.
    pub const fn panics(mut self, expected: &'static str) -> Self {
        self.panics = Some(expected);
        self
    }

    /// Runs `case` on an engine; the database is removed also when it panics.
    pub fn run<T>(self, on: On, case: impl AsyncFnOnce(Db) -> T) -> Outcome<T> {
        match self.ground(on) {
            Ok(Some((runtime, ground, db))) => self.case(runtime, ground, db, case),
            Ok(None) => self.skipped(),
            Err(error) => {
                // An answer and not a panic, so that it does not pass for the one that is expected.
                eprintln!("the database of the test cannot be made: {error}");
                Outcome::failed(None)
            }
        }
    }

    fn ground(&self, on: On) -> Result<Option<(Runtime, Ground, Db)>> {
        let Some(ground) = Ground::new(on, self.project, self.migrations)? else {
            return Ok(None);
        };
        let runtime = runtime(self.workers)?;
        let db = runtime.block_on(ground.open(self.migrations))?;
        Ok(Some((runtime, ground, db)))
    }

    fn case<T>(
        &self,
        runtime: Runtime,
        ground: Ground,
        db: Db,
        case: impl AsyncFnOnce(Db) -> T,
    ) -> Outcome<T> {
        let db = match self.strict {
            Some(rules) => db.strict(rules),
            None => db,
        };
        let given = db.clone();
        let ended = catch_unwind(AssertUnwindSafe(|| runtime.block_on(case(given))));
        let refusals = db.strict_refusals();
        let inside = runtime.enter();
        drop(db);
        drop(inside);
        // Tasks that the case has spawned end here, before their database is gone.
        runtime.shutdown_timeout(LEFTOVERS);
        drop(ground);
        let answer = ended.unwrap_or_else(|panic| resume_unwind(panic));
        if refusals.is_empty() {
            return Outcome {
                answer: Some(answer),
                failed: false,
            };
        }
        eprintln!("statements were refused, as #[shelfmark::test(strict)] asks for:");
        for refusal in refusals {
            eprintln!("  {refusal}");
        }
        Outcome::failed(Some(answer))
    }

    fn skipped<T>(&self) -> Outcome<T> {
        const MISSING: &str = "TEST_DATABASE_URL is not set: the test did not run on PostgreSQL";
        eprintln!("{MISSING}");
        if shelfmark_core::config::is_ci() {
            eprintln!(
                "CI must not pass like that: set the variable, or say #[shelfmark::test(engines(memory, sqlite))]"
            );
            return Outcome::failed(None);
        }
        if let Some(expected) = self.panics {
            expected_panic(expected);
        }
        Outcome {
            answer: None,
            failed: false,
        }
    }
}

#[expect(
    clippy::panic,
    reason = "the only way for a test with #[should_panic] to pass"
)]
fn expected_panic(expected: &str) -> ! {
    panic!("{expected}")
}

/// How a test ended; the test harness asks it.
#[doc(hidden)]
#[must_use = "the test harness has to see it"]
pub struct Outcome<T> {
    /// What the case answered, if it ran.
    answer: Option<T>,
    /// Whether the test fails whatever that was.
    failed: bool,
}

impl<T> Outcome<T> {
    fn failed(answer: Option<T>) -> Self {
        Outcome {
            answer,
            failed: true,
        }
    }
}

impl<T> fmt::Debug for Outcome<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outcome")
            .field("ran", &self.answer.is_some())
            .field("failed", &self.failed)
            .finish()
    }
}

impl<T: Termination> Termination for Outcome<T> {
    fn report(self) -> ExitCode {
        let code = self.answer.map_or(ExitCode::SUCCESS, Termination::report);
        if self.failed { ExitCode::FAILURE } else { code }
    }
}
