//! Messages: what is refused everywhere, so that a mistake is seen on the engine that one develops on. What
//! PostgreSQL does with the rest stands in `tests/messages.rs`.

use conformance::on_every_engine;
use shelfmark::prelude::*;

use crate::library::*;

on_every_engine! {
    async fn a_channel_that_cannot_be_is_refused(db) {
        for name in ["", &"n".repeat(64), "a\0b"] {
            let listening = db.listen(["shows", name]).await.unwrap_err();
            let sending = db.notify(name, "payload").await.unwrap_err();
            for error in [listening, sending] {
                assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
                assert!(error.to_string().contains("takes 1 to 63 bytes without NUL"), "{error}");
            }
        }
        let none: [&str; 0] = [];
        assert_eq!(db.listen(none).await.unwrap_err().kind(), ErrorKind::InvalidInput);
    }

    async fn a_payload_that_is_too_long_is_refused(db) {
        for payload in ["s3cret".repeat(1_334), "s3cret\0".to_owned()] {
            let error = db.notify("shows", &payload).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
            assert!(error.to_string().starts_with("notify: the payload of a message "), "{error}");
            assert!(error.to_string().contains("at most 7999 bytes"), "{error}");
            assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
        }
    }

    async fn a_message_that_is_refused_does_not_abort_its_transaction(db) {
        db.transaction(async |tx| {
            tx.log().write("before").await?;
            let long = tx.notify("shows", &"p".repeat(8_000)).await.unwrap_err();
            assert_eq!(long.kind(), ErrorKind::InvalidInput, "{long}");
            let nameless = tx.notify("", "payload").await.unwrap_err();
            assert_eq!(nameless.kind(), ErrorKind::InvalidInput, "{nameless}");
            tx.log().write("after").await
        }).await?;
        assert_eq!(db.log().entries().await?, ["before", "after"]);
    }
}
