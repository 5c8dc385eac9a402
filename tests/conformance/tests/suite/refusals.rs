//! What cannot be the same everywhere is refused with a reason, before anything is sent.

use conformance::{TestResult, on_every_engine};
use jiff::civil;
use shelfmark::prelude::*;

use crate::library::*;

/// `query` is refused as `kind`, and says `why`.
async fn is_refused(
    db: &Db,
    query: shelfmark::Query<'_>,
    kind: ErrorKind,
    why: &str,
) -> TestResult {
    let error = db.execute(query).await.unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
    assert!(error.to_string().contains(why), "{error}");
    Ok(())
}

const UNSUPPORTED: ErrorKind = ErrorKind::Unsupported;

on_every_engine! {
    async fn of_two_texts_for_one_engine_each_just_one_is_supported(db) {
        let postgres = db.fetch_one::<i64>(sql!(postgres = "SELECT CAST(1 AS bigint)")).await;
        let sqlite = db.fetch_one::<i64>(sql!(sqlite = "SELECT CAST(1 AS bigint)")).await;
        let (supported, refused) = if postgres.is_ok() { (postgres, sqlite) } else { (sqlite, postgres) };
        assert_eq!(supported?, 1);
        let refused = refused.unwrap_err();
        assert_eq!(refused.kind(), UNSUPPORTED);
        assert!(refused.to_string().contains("there is no SQL for"), "{refused}");
    }

    async fn a_star_of_columns_needs_a_type_that_has_their_names(db) {
        let error = db.fetch_all::<(String, i64)>(sql!("SELECT {*} FROM books")).await.unwrap_err();
        assert_eq!(error.kind(), UNSUPPORTED, "{error}");
    }

    async fn text_with_nul_is_refused_in_a_list_by_its_place(db) {
        let ids = vec!["a".to_owned(), "b\0".to_owned()];
        let error = db.fetch_all::<String>(sql!("SELECT title FROM books WHERE book_id IN (:ids)", ids)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Encode);
        assert!(error.to_string().contains("argument `ids`"), "{error}");
    }

    async fn nan_is_refused_in_a_list_and_as_an_argument(db) {
        let numbers = [1.0, f64::NAN];
        is_refused(db, sql!("UPDATE samples SET flag = true WHERE double_float IN (:numbers)", numbers), ErrorKind::Encode, "NaN").await?;
        is_refused(db, sql!("UPDATE samples SET single_float = :number", number = f32::NAN), ErrorKind::Encode, "NaN").await?;
    }

    async fn years_out_of_order_are_refused_in_a_list_and_in_a_row(db) {
        let days = [civil::date(2024, 1, 1), civil::date(-44, 3, 15)];
        is_refused(db, sql!("UPDATE samples SET flag = true WHERE day IN (:days)", days), ErrorKind::Encode, "years outside 1 to 9999").await?;
        let mut rows = [Sample::empty("a"), Sample::empty("b")];
        rows[1].day = Some(civil::date(-1, 1, 1));
        let error = db.samples().insert_many(&rows).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Encode);
        assert!(error.to_string().contains("row 1, column `day`"), "{error}");
        assert!(db.samples().list().await?.is_empty());
    }

    async fn nul_is_refused_in_the_key_of_a_document(db) {
        let document = serde_json::json!({"a\0b": 1});
        is_refused(db, sql!("UPDATE samples SET document = :document", document), ErrorKind::Encode, "PostgreSQL cannot store it").await?;
        let after_a_backslash = serde_json::json!("\\\0");
        is_refused(db, sql!("UPDATE samples SET document = :after_a_backslash", after_a_backslash), ErrorKind::Encode, "PostgreSQL cannot store it").await?;
    }

    async fn a_text_that_says_backslash_u_is_no_nul(db) {
        // In JSON the backslash is doubled, so nothing stands for NUL here.
        let document = serde_json::json!({"path": "C:\\u0000"});
        db.execute(sql!("INSERT INTO samples (id, document) VALUES ('a', :document)", document)).await?;
        let read: serde_json::Value = db.fetch_one(sql!("SELECT document FROM samples")).await?;
        assert_eq!(read, document);
    }

    async fn a_write_in_a_read_only_transaction_ends_it(db) {
        let ended = db.tx().read_only().run(async |tx| {
            let refused = tx.log().write("never").await.unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::Unsupported, "{refused}");
            let next = tx.log().entries().await.unwrap_err();
            assert_eq!(next.kind(), ErrorKind::TransactionAborted, "{next}");
            Ok::<_, Error>(())
        }).await;
        assert!(ended.is_err());
        assert!(db.log().entries().await?.is_empty());
    }

    async fn a_statement_on_what_is_not_there_says_so(db) {
        for query in [sql!("SELECT 1 FROM nowhere"), sql!("SELECT nothing FROM books"), sql!("SELECT nothing(1)")] {
            let error = db.execute(query).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Other, "{error}");
        }
    }

    async fn a_value_refused_by_the_database_is_invalid_input(db) {
        let error = db.execute(sql!("INSERT INTO samples (id, medium) VALUES ('a', 'seven')")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        assert!(!error.to_string().contains("seven"), "{error}");
    }
}

/// A table of keys, of which nothing can be updated.
#[derive(Entity, Insert, Clone, Debug, PartialEq)]
#[entity(table = "words")]
#[insert(Word)]
struct Word {
    #[id]
    word: String,
}

#[repository(entity = Word)]
trait Vocabulary {
    #[update]
    async fn update(&self, word: &Word) -> Result<Word>;
}

on_every_engine! {
    async fn an_update_of_nothing_but_a_key_is_refused(db) {
        let error = db.vocabulary().update(&Word { word: "a".into() }).await.unwrap_err();
        assert_eq!(error.kind(), UNSUPPORTED);
        assert!(error.to_string().contains("words has no column besides its key to update"), "{error}");
    }
}
