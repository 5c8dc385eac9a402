//! `{tenant}` in written SQL: the tenant of the handle, as a parameter beside others.

use conformance::{TestResult, on_every_engine};
use shelfmark::prelude::*;

use crate::records::*;

#[derive(Filters, Default)]
#[filters(Invoice)]
pub struct InvoiceFilters {
    #[filter(ge, column = amount)]
    pub least: Option<i64>,
    #[filter(any, column = invoice_id)]
    pub ids: Vec<String>,
}

#[derive(SortBy)]
#[sort(Invoice)]
pub enum InvoiceSort {
    Amount,
}

#[repository(entity = Invoice)]
pub trait TenantInvoices {
    #[query("SELECT CAST(sum(amount) AS bigint) FROM invoices WHERE tenant_id = {tenant}")]
    async fn sum(&self) -> Result<Option<i64>>;

    #[query(
        "SELECT {i.*} FROM invoices i
         WHERE i.tenant_id = {tenant} AND i.deleted_at IS NULL AND i.amount < :most AND {i.filters}
         ORDER BY {i.sort} {page}"
    )]
    async fn below(
        &self,
        most: i64,
        filters: &InvoiceFilters,
        sort: Sort<InvoiceSort>,
        page: PageRequest,
    ) -> Result<Page<Invoice>>;

    #[exec("UPDATE invoices SET amount = amount + :more WHERE {filters} AND tenant_id = {tenant}")]
    async fn raise(&self, more: i64, filters: &InvoiceFilters) -> Result<u64>;
}

#[repository(entity = Memo)]
pub trait TenantMemos {
    #[query("SELECT count(*) FROM memos WHERE region = {tenant}")]
    async fn count_here(&self) -> Result<i64>;
}

async fn invoices(db: &Db, ids: &[&str]) -> TestResult {
    for (amount, id) in (1..).zip(ids) {
        db.invoices().insert(&invoice(id, amount * 10)).await?;
    }
    Ok(())
}

async fn below(
    db: &Db,
    most: i64,
    filters: &InvoiceFilters,
    page: PageRequest,
) -> Result<Page<Invoice>> {
    let sort = Sort::by(InvoiceSort::Amount);
    db.tenant_invoices().below(most, filters, sort, page).await
}

fn ids(page: &Page<Invoice>) -> String {
    page.items
        .iter()
        .map(|invoice| invoice.invoice_id.as_str())
        .collect()
}

on_every_engine! {
    async fn written_sql_is_given_the_tenant_of_its_handle(db) {
        let (one, two) = (db.for_tenant(1), db.for_tenant(2));
        invoices(&one, &["a", "b", "c"]).await?;
        invoices(&two, &["d"]).await?;
        assert_eq!(one.tenant_invoices().sum().await?, Some(60));
        assert_eq!(two.tenant_invoices().sum().await?, Some(10));
        assert_eq!(db.for_tenant(3).tenant_invoices().sum().await?, None);
        assert_eq!(one.transaction(async |tx| tx.tenant_invoices().sum().await).await?, Some(60));
    }

    async fn a_tenant_stands_beside_arguments_filters_and_pages(db) {
        let (one, two) = (db.for_tenant(1), db.for_tenant(2));
        invoices(&one, &["a", "b", "c", "d"]).await?;
        invoices(&two, &["e", "f"]).await?;
        let filters = InvoiceFilters { least: Some(20), ..InvoiceFilters::default() };
        let first = below(&one, 50, &filters, PageRequest::first(2)).await?;
        assert_eq!((ids(&first).as_str(), first.total), ("bc", 3));
        let second = below(&one, 50, &filters, PageRequest::first(2).after(first.next)).await?;
        assert_eq!((ids(&second).as_str(), second.total), ("d", 3));
        assert_eq!(ids(&below(&two, 50, &filters, PageRequest::first(2)).await?), "f");
        assert_eq!(one.tenant_invoices().raise(5, &filters).await?, 3);
        assert_eq!(two.tenant_invoices().sum().await?, Some(30));
    }

    async fn a_cursor_belongs_to_its_tenant(db) {
        let (one, two) = (db.for_tenant(1), db.for_tenant(2));
        invoices(&one, &["a", "b"]).await?;
        invoices(&two, &["c", "d"]).await?;
        let none = InvoiceFilters::default();
        let cursor = below(&one, 50, &none, PageRequest::first(1)).await?.next;
        assert!(cursor.is_some());
        let error = below(&two, 50, &none, PageRequest::first(1).after(cursor)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidCursor);
    }

    async fn written_sql_for_tenants_needs_one(db) {
        let error = db.tenant_invoices().sum().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().starts_with("TenantInvoices::sum: ") && error.to_string().contains("db.for_tenant"), "{error}");
        let error = db.for_tenant("secret customer").tenant_invoices().sum().await.unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
    }

    async fn a_tenant_of_any_type_is_a_parameter(db) {
        let (north, south) = (db.for_tenant("north"), db.for_tenant("south"));
        north.memos().insert(&NewMemo { memo_id: 1, text: "n".into() }).await?;
        assert_eq!(north.tenant_memos().count_here().await?, 1);
        assert_eq!(south.tenant_memos().count_here().await?, 0);
    }
}
