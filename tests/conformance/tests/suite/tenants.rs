//! `#[tenant]`: a handle sees the rows of its tenant, and no others.

use conformance::{Ground, on_every_engine};
use shelfmark::prelude::*;

use crate::records::*;

/// What is really in the table.
#[repository]
trait Ledger {
    #[query("SELECT tenant_id, amount FROM invoices WHERE invoice_id = :invoice_id")]
    async fn whose(&self, invoice_id: &str) -> Result<Option<(i64, i64)>>;
    #[query("SELECT count(tenant_id) FROM invoices")]
    async fn count(&self) -> Result<i64>;
}

/// Two tenants, of which the first has the invoice `a`.
async fn two(db: &Ground) -> Result<(Db, Db, Invoice)> {
    let (one, two) = (db.for_tenant(1), db.for_tenant(2));
    let invoice = one.invoices().insert(&invoice("a", 10)).await?;
    Ok((one, two, invoice))
}

on_every_engine! {
    async fn a_new_row_belongs_to_the_tenant_of_its_handle(db) {
        let (one, two, first) = two(db).await?;
        assert_eq!((first.tenant_id, first.version), (1, 1));
        assert_eq!(two.invoices().insert(&invoice("b", 20)).await?.tenant_id, 2);
        assert_eq!(one.invoices().insert_many(&[invoice("c", 1), invoice("d", 2)]).await?, 2);
        assert_eq!(db.ledger().whose("d").await?, Some((1, 2)));
    }

    async fn rows_of_another_tenant_are_not_found(db) {
        let (one, two, first) = two(db).await?;
        assert_eq!(one.invoices().find("a").await?, Some(first));
        assert_eq!(two.invoices().find("a").await?, None);
        two.invoices().insert(&invoice("b", 20)).await?;
        let seen = |all: Vec<Invoice>| all.into_iter().map(|one| one.invoice_id).collect::<Vec<_>>();
        assert_eq!(seen(one.invoices().list().await?), ["a"]);
        assert_eq!(seen(two.invoices().list().await?), ["b"]);
        assert_eq!(seen(two.invoices().first(9).await?), ["b"]);
    }

    async fn rows_of_another_tenant_are_not_changed(db) {
        let (one, two, first) = two(db).await?;
        assert!(two.invoices().update(&first).await.unwrap_err().is_not_found());
        assert_eq!(two.invoices().update_many(std::slice::from_ref(&first)).await.unwrap_err().kind(), ErrorKind::Stale);
        assert!(!two.invoices().delete("a").await?);
        assert!(!two.invoices().purge("a").await?);
        assert_eq!(two.invoices().delete_many(&["a".to_owned()]).await?, 0);
        assert_eq!(one.invoices().find("a").await?, Some(first));
        assert!(one.invoices().delete("a").await?);
        assert!(!two.invoices().restore("a").await?);
        assert!(one.invoices().restore("a").await?);
    }

    async fn an_update_cannot_give_a_row_to_another_tenant(db) {
        let (one, _, first) = two(db).await?;
        let stored = one.invoices().update(&Invoice { tenant_id: 2, amount: 11, ..first }).await?;
        assert_eq!((stored.tenant_id, stored.amount), (1, 11));
    }

    async fn an_upsert_of_another_tenants_key_is_a_unique_violation(db) {
        let (one, two, first) = two(db).await?;
        let mine = invoice("a", 99);
        for error in [
            two.invoices().upsert(&mine).await.unwrap_err(),
            two.invoices().upsert_quietly(&mine).await.unwrap_err(),
        ] {
            assert!(error.is_unique_violation() && error.violates(Invoice::PRIMARY_KEY), "{error}");
        }
        let error = two.invoices().upsert_by_reference(&NewInvoice { invoice_id: "b".into(), ..mine.clone() }).await.unwrap_err();
        assert!(error.violates(Invoice::UNIQUE_REFERENCE), "{error}");
        assert_eq!(one.invoices().find("a").await?, Some(first));
        assert_eq!(one.invoices().upsert(&mine).await?.amount, 99);
    }

    async fn upsert_many_with_a_key_of_another_tenant_keeps_nothing(db) {
        let (one, two, first) = two(db).await?;
        let mine = [invoice("b", 1), invoice("a", 99)];
        for error in [
            two.invoices().upsert_many(&mine).await.unwrap_err(),
            two.invoices().upsert_all(&mine).await.unwrap_err(),
        ] {
            assert!(error.violates(Invoice::PRIMARY_KEY), "{error}");
        }
        assert_eq!(db.ledger().count().await?, 1);
        assert_eq!(one.invoices().find("a").await?, Some(first));
        let error = two.transaction(async |tx| {
            tx.invoices().upsert_many(&mine).await.unwrap_err();
            Ok::<_, Error>(())
        }).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TransactionAborted);
        assert_eq!(two.invoices().upsert_all(&mine[..1]).await?.len(), 1);
    }

    async fn a_handle_without_a_tenant_is_told_what_to_call(db) {
        let (_, _, first) = two(db).await?;
        let invoices = db.invoices();
        let new = invoice("b", 1);
        for error in [
            invoices.find("a").await.unwrap_err(),
            invoices.list().await.unwrap_err(),
            invoices.insert(&new).await.unwrap_err(),
            invoices.insert_many(std::slice::from_ref(&new)).await.unwrap_err(),
            invoices.update(&first).await.unwrap_err(),
            invoices.update_many(std::slice::from_ref(&first)).await.unwrap_err(),
            invoices.upsert(&new).await.unwrap_err(),
            invoices.upsert_many(std::slice::from_ref(&new)).await.unwrap_err(),
            invoices.delete("a").await.unwrap_err(),
            invoices.purge("a").await.unwrap_err(),
            invoices.delete_many(&["a".to_owned()]).await.unwrap_err(),
            invoices.restore("a").await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            let text = error.to_string();
            assert!(text.starts_with("Invoices::") && text.contains("`tenant_id`") && text.contains("db.for_tenant"), "{text}");
        }
        assert_eq!(db.ledger().count().await?, 1);
    }

    async fn a_tenant_of_another_type_is_refused_without_its_value(db) {
        let error = db.for_tenant("secret customer").invoices().find("a").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(!error.to_string().contains("secret") && error.to_string().contains("tenant_id"), "{error}");
    }

    async fn a_transaction_belongs_to_the_tenant_of_its_db(db) {
        let (one, two, _) = two(db).await?;
        one.transaction(async |tx| {
            assert!(tx.invoices().find("a").await?.is_some());
            tx.savepoint(async |inner| inner.invoices().insert(&invoice("b", 1)).await).await
        }).await?;
        two.tx().run(async |tx| {
            assert_eq!(tx.invoices().list().await?, []);
            Ok::<_, Error>(())
        }).await?;
        assert_eq!(db.ledger().whose("b").await?, Some((1, 1)));
    }

    async fn a_handle_keeps_its_clock_and_its_tenant(db) {
        let one = db.with_clock(Clock::set_to(noon())).for_tenant(1);
        one.invoices().insert(&invoice("a", 1)).await?;
        one.invoices().delete("a").await?;
        let kept: Option<jiff::Timestamp> = db.fetch_one(sql!("SELECT deleted_at FROM invoices WHERE tenant_id = 1")).await?;
        assert_eq!(kept, Some(noon()));
        let again = one.with_clock(Clock::system());
        assert!(again.invoices().restore("a").await?);
    }

    async fn a_tenant_may_be_a_word_and_part_of_the_key(db) {
        let (north, south) = (db.for_tenant("north"), db.for_tenant("south"));
        for db in [&north, &south] {
            db.memos().insert(&NewMemo { memo_id: 1, text: "first".into() }).await?;
        }
        let stored = north.memos().upsert(&NewMemo { memo_id: 1, text: "again".into() }).await?;
        assert_eq!((stored.region, stored.text.as_str()), (Region("north".into()), "again"));
        let south_row = south.memos().list().await?.remove(0);
        assert_eq!(south_row.text, "first");
        assert_eq!(north.memos().find(&Region("south".into()), 1).await?, None);
        assert!(!north.memos().update(&south_row).await?);
        assert!(south.memos().update(&Memo { text: "third".into(), ..south_row }).await?);
    }
}
