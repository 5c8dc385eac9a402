//! What `verify` says of SQL written by hand on tables whose rows are deleted softly or belong to tenants.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    dead_code,
    reason = "tests fail by panicking; most of the statements are never run"
)]

#[path = "suite/records.rs"]
mod records;

use conformance::on_every_engine;
use shelfmark::prelude::*;
use shelfmark::{Finding, VerifyReport};

use crate::records::{Invoice, Task};

#[derive(Filters, Default)]
#[filters(Task)]
struct BesideInvoices {
    #[filter(
        sql = "EXISTS (SELECT 1 FROM invoices AS i WHERE i.reference = {table}.title AND i.deleted_at IS NULL)"
    )]
    invoiced: bool,
}

#[repository]
trait Reports {
    /// `{*}` names the column as well, but that does not look at it.
    #[query("SELECT {*} FROM tasks ORDER BY task_id")]
    async fn sees_deleted_rows(&self) -> Result<Vec<Task>>;
    #[query("SELECT {t.*} FROM books AS b, \"tasks\" t WHERE t.title = b.title")]
    async fn sees_deleted_rows_by_another_name(&self) -> Result<Vec<Task>>;
    #[exec("UPDATE tasks SET title = :title")]
    async fn changes_deleted_rows(&self, title: &str) -> Result<u64>;
    #[query("SELECT {*} FROM tasks WHERE deleted_at IS NULL")]
    async fn looks_at_the_column(&self) -> Result<Vec<Task>>;
    #[query("SELECT count(*) FROM tasks", with_deleted)]
    async fn means_it(&self) -> Result<i64>;
    #[exec(
        "INSERT INTO tasks (task_id, title, revision, updated_at) SELECT :id, title, 1, updated_at FROM documents"
    )]
    async fn only_inserts(&self, id: &str) -> Result<u64>;
    #[query("SELECT 'FROM tasks' AS tasks FROM books /* tasks */")]
    async fn names_it_in_a_string(&self) -> Result<Vec<String>>;

    #[query("SELECT {*} FROM invoices WHERE deleted_at IS NULL")]
    async fn sees_all_tenants(&self) -> Result<Vec<Invoice>>;
    #[query(
        "SELECT count(amount) FROM books LEFT JOIN invoices ON reference = title WHERE deleted_at IS NULL"
    )]
    async fn joins_all_tenants(&self) -> Result<i64>;
    #[query("SELECT {*} FROM tasks WHERE deleted_at IS NULL AND {filters}")]
    async fn filters_by_all_tenants(&self, filters: &BesideInvoices) -> Result<Vec<Task>>;
    #[query("SELECT amount FROM invoices WHERE tenant_id = :tenant_id AND deleted_at IS NULL")]
    async fn names_the_tenant(&self, tenant_id: i64) -> Result<Vec<i64>>;
    #[query(
        "SELECT count(*) FROM invoices WHERE deleted_at IS NULL",
        across_tenants
    )]
    async fn means_all_tenants(&self) -> Result<i64>;
    #[query("SELECT count(*) FROM invoices", across_tenants, with_deleted)]
    async fn means_everything(&self) -> Result<i64>;
}

fn named<'f>(all: &'f [Finding], method: &str) -> Vec<&'f Finding> {
    let method = format!("Reports::{method}");
    all.iter().filter(|found| found.method == method).collect()
}

/// The methods of the repository above that `all` names.
fn methods(all: &[Finding]) -> Vec<&str> {
    let names = all.iter().map(|found| found.method);
    names
        .filter_map(|name| name.strip_prefix("Reports::"))
        .collect()
}

async fn in_place(db: &Db) -> Result<i64> {
    db.execute(sql!("UPDATE tasks SET title = 'x'")).await?;
    db.execute(sql!("UPDATE tasks SET title = 'x'", with_deleted))
        .await?;
    db.fetch_one(sql!(
        "SELECT count(*) FROM invoices",
        across_tenants,
        with_deleted
    ))
    .await
}

on_every_engine! {
    async fn sql_that_overlooks_deleted_rows_is_warned_about(db) {
        let report = db.verify_report().await?;
        assert_eq!(methods(&report.warnings), [
            "sees_deleted_rows",
            "sees_deleted_rows_by_another_name",
            "changes_deleted_rows",
        ]);
        let warning = named(&report.warnings, "sees_deleted_rows")[0];
        assert_eq!(
            warning.problem,
            "names the table `tasks`, whose rows are deleted softly, and nowhere `deleted_at`: add `deleted_at IS NULL`, or say that it sees deleted rows as well: `with_deleted`"
        );
        assert_eq!(warning.sql, "SELECT {*} FROM tasks ORDER BY task_id");
        assert!(warning.file.ends_with("verify_guarded.rs") && warning.line > 0);
    }

    async fn sql_that_sees_all_tenants_is_a_finding(db) {
        let error = db.verify().await.unwrap_err();
        let source = std::error::Error::source(&error).unwrap();
        let report = source.downcast_ref::<VerifyReport>().unwrap();
        assert_eq!(methods(&report.findings), ["sees_all_tenants", "joins_all_tenants", "filters_by_all_tenants"]);
        let [finding] = named(&report.findings, "joins_all_tenants")[..] else {
            panic!("one finding")
        };
        assert_eq!(
            finding.problem,
            "names the table `invoices`, whose rows belong to tenants, and nowhere `tenant_id`: add `tenant_id = {tenant}`, or say that it sees the rows of all of them: `across_tenants`"
        );
        assert!(error.to_string().contains("Reports::sees_all_tenants ("), "{error}");
        assert_eq!(db.verify_report().await?, *report);
    }

    async fn statements_without_a_trait_are_looked_at_as_well(db) {
        assert_eq!(in_place(db).await?, 0);
        let report = db.verify_report().await?;
        let here = |all: &[Finding]| all.iter().filter(|found| !found.method.starts_with("Reports::")).count();
        assert_eq!((here(&report.warnings), here(&report.findings)), (1, 0), "{:?}", report.warnings);
    }
}
