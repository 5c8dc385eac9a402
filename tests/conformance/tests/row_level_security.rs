//! Row-level security on PostgreSQL: what a policy holds for SQL that is written without a predicate.
//!
//! Superusers see everything, so each test has a role of its own, named after its database and dropped with it.
#![allow(
    missing_docs,
    unreachable_pub,
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking; the names of the cases say what they hold"
)]

#[path = "suite/records.rs"]
mod records;

use std::panic::AssertUnwindSafe;

use conformance::{Engine, Ground, TestResult};
use futures_util::{FutureExt as _, Stream, TryStreamExt as _};
use shelfmark::prelude::*;

use crate::records::*;

/// Written as if there were no tenants: the policy is all that tells them apart. (`tenant_id` stands in places that
/// select nothing.)
#[repository]
trait Careless {
    #[query("SELECT invoice_id FROM invoices ORDER BY tenant_id, invoice_id")]
    async fn ids(&self) -> Result<Vec<String>>;
    #[query("SELECT invoice_id FROM invoices ORDER BY tenant_id, invoice_id")]
    fn stream(&self) -> impl Stream<Item = Result<String>> + Send;
    #[query("UPDATE invoices SET amount = amount + 1 RETURNING tenant_id")]
    fn raise_each(&self) -> impl Stream<Item = Result<i64>> + Send;
    #[exec("UPDATE invoices SET amount = 0 WHERE tenant_id > 0")]
    async fn waive_all(&self) -> Result<u64>;
    #[exec(
        "INSERT INTO invoices (invoice_id, tenant_id, reference, amount, version)
         VALUES (:id, :tenant_id, :id, 1, 1)"
    )]
    async fn smuggle(&self, id: &str, tenant_id: i64) -> Result<u64>;
}

/// Runs `case` with a handle whose role is bound by policies; the tenants 1 and 2 have two invoices each.
async fn bound<F: Future<Output = TestResult>>(case: impl FnOnce(Db) -> F) -> TestResult {
    let ground = Ground::migrated(Engine::Postgres).await?;
    for (tenant, ids) in [(1, ["a", "b"]), (2, ["c", "d"])] {
        let new = ids.map(|id| invoice(id, tenant));
        let db = ground.for_tenant(tenant);
        db.invoices().insert_many(&new).await?;
    }
    ground
        .execute(sql!(
            "DO $$ DECLARE bound text := current_database() || '_bound';
            BEGIN
                EXECUTE format('CREATE ROLE %I LOGIN PASSWORD %L', bound, 'bound');
                EXECUTE format('GRANT ALL ON ALL TABLES IN SCHEMA public TO %I', bound);
            END $$"
        ))
        .await?;
    let name: String = ground
        .fetch_one(sql!("SELECT current_database()::text"))
        .await?;
    let (_, server) = ground.url().split_once('@').unwrap();
    let db = Db::open(&format!("postgres://{name}_bound:bound@{server}")).await?;
    let answer = AssertUnwindSafe(case(db.clone())).catch_unwind().await;
    db.close().await?;
    ground
        .execute(sql!(
            "DO $$ DECLARE bound text := current_database() || '_bound';
            BEGIN
                EXECUTE format('DROP OWNED BY %I', bound);
                EXECUTE format('DROP ROLE %I', bound);
            END $$"
        ))
        .await?;
    answer.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

#[tokio::test]
async fn careless_sql_reads_the_rows_of_its_tenant_only() -> TestResult {
    bound(async |db| {
        let (one, two) = (db.for_tenant(1), db.for_tenant(2));
        assert_eq!(one.careless().ids().await?, ["a", "b"]);
        assert_eq!(two.careless().ids().await?, ["c", "d"]);
        let streamed: Vec<String> = two.careless().stream().try_collect().await?;
        assert_eq!(streamed, ["c", "d"]);
        let inside = one
            .transaction(async |tx| tx.careless().ids().await)
            .await?;
        assert_eq!(inside, ["a", "b"]);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_handle_without_a_tenant_sees_no_rows_also_after_one_that_had_some() -> TestResult {
    bound(async |db| {
        assert!(db.careless().ids().await?.is_empty());
        assert_eq!(db.for_tenant(1).careless().ids().await?.len(), 2);
        assert!(db.careless().ids().await?.is_empty());
        assert_eq!(db.careless().waive_all().await?, 0);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn careless_sql_changes_the_rows_of_its_tenant_only() -> TestResult {
    bound(async |db| {
        let (one, two) = (db.for_tenant(1), db.for_tenant(2));
        assert_eq!(one.careless().waive_all().await?, 2);
        assert_eq!(two.invoices().find("c").await?.unwrap().amount, 2);
        assert_eq!(one.invoices().find("a").await?.unwrap().amount, 0);
        let raised: Vec<i64> = one.careless().raise_each().try_collect().await?;
        assert_eq!(raised, [1, 1]);
        let read_to_its_end = one.invoices().find("a").await?.unwrap();
        assert_eq!(read_to_its_end.amount, 1);
        assert!(two.careless().smuggle("e", 1).await.is_err());
        assert_eq!(two.careless().smuggle("e", 2).await?, 1);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn generated_statements_work_under_a_policy() -> TestResult {
    bound(async |db| {
        let one = db.for_tenant(1);
        let mut all = one.invoices().list().await?;
        for invoice in &mut all {
            invoice.amount += 5;
        }
        assert_eq!(one.invoices().update_many(&all).await?, 2);
        assert_eq!(one.invoices().upsert(&invoice("a", 7)).await?.version, 3);
        let new = [invoice("x", 1), invoice("y", 2)];
        assert_eq!(one.invoices().upsert_all(&new).await?.len(), 2);
        let keys = ["x".to_owned(), "c".to_owned()];
        assert_eq!(one.invoices().delete_many(&keys).await?, 1);
        assert!(one.invoices().restore("x").await?);
        assert!(one.invoices().purge("x").await?);
        // The policy itself refuses the key of another tenant.
        assert!(one.invoices().upsert(&invoice("c", 7)).await.is_err());
        let other = db.for_tenant(2).invoices().find("c").await?.unwrap();
        assert_eq!(other.amount, 2);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_stale_row_is_told_under_a_policy() -> TestResult {
    bound(async |db| {
        let one = db.for_tenant(1);
        let read = one.invoices().find("a").await?.unwrap();
        one.invoices().update(&read).await?;
        let error = one.invoices().update(&read).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Stale);
        Ok(())
    })
    .await
}
