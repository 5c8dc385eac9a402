//! What `verify` finds: every statement of this binary is wrong in its own way, and all are reported at once.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    dead_code,
    reason = "tests fail by panicking; most of the statements are never run"
)]

use conformance::{Engine, Ground, TestResult, on_every_engine};
use shelfmark::prelude::*;
use shelfmark::{Finding, VerifyReport};

#[derive(Entity, Debug)]
#[entity(table = "books")]
struct Book {
    #[id]
    book_id: String,
    title: String,
    /// Not in the table.
    subtitle: Option<String>,
}

#[derive(FromRow, Debug)]
struct Rated {
    title: String,
    /// NULL in the table.
    rating: String,
}

#[derive(FromRow, Debug)]
struct Joined {
    title: String,
    /// NULL when no author is joined.
    position: i32,
}

#[derive(FromRow, Debug)]
struct Typed {
    /// Text in the table.
    title: i64,
}

#[repository(entity = Book)]
trait Books {
    #[find]
    async fn lacks_a_column(&self, book_id: &str) -> Result<Option<Book>>;
    #[query("SELECT title FROM bookz")]
    async fn lacks_a_table(&self) -> Result<Vec<String>>;
    #[query("SELECT title, rating FROM books")]
    async fn may_be_null(&self) -> Result<Vec<Rated>>;
    #[query(
        "SELECT title, rating FROM books WHERE rating IS NOT NULL",
        not_null = "rating"
    )]
    async fn is_promised(&self) -> Result<Vec<Rated>>;
    #[query(
        "SELECT b.title, a.position FROM books AS b LEFT JOIN book_authors AS a ON a.book_id = b.book_id"
    )]
    async fn may_be_null_by_the_join(&self) -> Result<Vec<Joined>>;
    #[query("SELECT title FROM books")]
    async fn has_another_type(&self) -> Result<Vec<Typed>>;
    #[query("SELECT title, year FROM books")]
    async fn has_another_width(&self) -> Result<Vec<(String,)>>;
    #[query("SELECT year AS released FROM books")]
    async fn lacks_a_result_column(&self) -> Result<Vec<Typed>>;
    #[query("SELECT count(*) FROM books WHERE year = :year")]
    async fn fits(&self, year: i32) -> Result<i64>;
    #[exec("UPDATE books SET titel = :title WHERE book_id = :book_id")]
    async fn misspells_a_column(&self, book_id: &str, title: &str) -> Result<u64>;
    #[exec(sqlite = "DELETE FROM books")]
    async fn has_no_text_for_postgres(&self) -> Result<u64>;
}

#[derive(Entity, Clone, Debug)]
#[entity(table = "book_authors", key = (book_id, author_id))]
struct BookAuthor {
    #[belongs_to(Book)]
    book_id: String,
    author_id: i64,
    /// Not in the table.
    role: String,
}

#[derive(View, Debug)]
struct BookDetails {
    #[view(root)]
    book: Book,
    #[view(many)]
    authors: Vec<BookAuthor>,
}

async fn report(db: &Db) -> VerifyReport {
    let error = db.verify().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Verification);
    let source = std::error::Error::source(&error).unwrap();
    let report = source.downcast_ref::<VerifyReport>().unwrap().clone();
    assert_eq!(error.to_string(), report.to_string());
    report
}

fn of<'r>(report: &'r VerifyReport, method: &str) -> Vec<&'r Finding> {
    report
        .findings
        .iter()
        .filter(|found| found.method == format!("Books::{method}"))
        .collect()
}

/// The only finding of `method` contains `text`.
fn assert_finding(report: &VerifyReport, method: &str, text: &str) {
    let found = of(report, method);
    assert_eq!(found.len(), 1, "{method}: {found:?}");
    assert!(
        found[0].problem.contains(text),
        "{method}: {}",
        found[0].problem
    );
}

on_every_engine! {
    async fn every_misfit_is_reported_at_once(db) {
        let report = report(db.db()).await;
        assert_finding(&report, "lacks_a_column", "subtitle");
        assert_finding(&report, "lacks_a_table", "bookz");
        assert_finding(&report, "may_be_null", "column `rating` may be NULL in the table books: declare it NOT NULL there, make it Option<String>, or say not_null = \"rating\"");
        assert_finding(&report, "may_be_null_by_the_join", "column `position` may be NULL, because book_authors is outer joined");
        assert_finding(&report, "has_another_type", "which i64 cannot read");
        assert_finding(&report, "has_another_width", "the result has 2 columns, but the return type reads 1 by position");
        assert_finding(&report, "lacks_a_result_column", "the result has no column `title`");
        assert_finding(&report, "misspells_a_column", "titel");
        let edges: Vec<_> = report.findings.iter().filter(|found| found.method == "BookDetails::authors").collect();
        assert_eq!(edges.len(), 1, "{edges:?}");
        assert!(edges[0].problem.contains("role"), "{}", edges[0].problem);
        assert!(of(&report, "fits").is_empty() && of(&report, "is_promised").is_empty());
    }

    async fn a_finding_names_method_file_line_and_sql(db) {
        let report = report(db.db()).await;
        let found = of(&report, "lacks_a_table")[0].clone();
        assert_eq!(found.sql, "SELECT title FROM bookz");
        assert!(found.file.ends_with("verify_findings.rs"), "{}", found.file);
        let source = include_str!("verify_findings.rs");
        let line = source.lines().nth(found.line as usize - 1).unwrap();
        assert!(line.contains("bookz"), "line {} is {line}", found.line);
        let text = report.to_string();
        assert!(text.contains(&format!("Books::lacks_a_table ({}:{}): ", found.file, found.line)), "{text}");
    }

    async fn verification_changes_nothing(db) {
        let _ = report(db.db()).await;
        let rows: i64 = db.fetch_one(sql!("SELECT count(*) FROM books")).await?;
        assert_eq!((rows, db.status().in_use), (0, 0));
    }
}

#[test]
fn a_statement_without_text_for_an_engine_is_found_there_only() -> TestResult {
    conformance::run(async || {
        let lite = Ground::migrated(Engine::Memory).await?;
        assert!(of(&report(&lite).await, "has_no_text_for_postgres").is_empty());
        let postgres = Ground::migrated(Engine::Postgres).await?;
        assert_finding(
            &report(&postgres).await,
            "has_no_text_for_postgres",
            "postgres",
        );
        Ok(())
    })
}

#[test]
fn postgres_checks_the_types_of_arguments() -> TestResult {
    #[repository]
    trait Arguments {
        #[exec("UPDATE books SET title = 'x' WHERE year = :title")]
        async fn takes_text_for_a_number(&self, title: &str) -> Result<u64>;
    }
    conformance::run(async || {
        let postgres = Ground::migrated(Engine::Postgres).await?;
        let report = report(&postgres).await;
        let found: Vec<_> = report
            .findings
            .iter()
            .filter(|found| found.method == "Arguments::takes_text_for_a_number")
            .collect();
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0]
                .problem
                .contains("argument `title` is String, but the database wants int4"),
            "{}",
            found[0].problem
        );
        Ok(())
    })
}
