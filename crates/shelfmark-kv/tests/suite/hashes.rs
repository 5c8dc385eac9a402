use shelfmark_core::ErrorKind;
use shelfmark_kv::{Hashes, Keys, Kv, MAX_ITEMS, Strings};

use crate::on_every_engine;

on_every_engine! {
    async fn fields_are_set_read_and_deleted_by_name(kv: Kv) {
        assert_eq!(kv.set_fields("h", &[("a", b"1"), ("b", b"2")]).await?, 2);
        assert_eq!(kv.set_fields("h", &[("b", b"3"), ("c", b"")]).await?, 1);
        assert_eq!(kv.field("h", "b").await?.as_deref(), Some(&b"3"[..]));
        assert_eq!(kv.field("h", "x").await?, None);
        assert_eq!(kv.field("missing", "x").await?, None);
        let some = kv.fields("h", &["c", "x", "a"]).await?;
        let some: Vec<_> = some.iter().map(|value| value.as_deref()).collect();
        assert_eq!(some, [Some(&b""[..]), None, Some(b"1")]);
        assert_eq!(kv.fields("missing", &["a"]).await?, [None]);
        assert_eq!(kv.field_count("h").await?, 3);
        let all = kv.all_fields("h").await?;
        assert_eq!(all.keys().collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!(kv.delete_fields("h", &["a", "x", "b"]).await?, 2);
        assert_eq!(kv.delete_fields("h", &["c"]).await?, 1);
        assert!(!kv.exists("h").await?);
        assert!(kv.all_fields("h").await?.is_empty());
    }

    async fn a_field_is_counted_up(kv: Kv) {
        assert_eq!(kv.incr_field("h", "a", 5).await?, 5);
        assert_eq!(kv.incr_field("h", "a", -7).await?, -2);
        assert_eq!(kv.field("h", "a").await?.as_deref(), Some(&b"-2"[..]));
        kv.set_fields("h", &[("max", i64::MAX.to_string().as_bytes()), ("x", b"x")]).await?;
        for field in ["max", "x"] {
            let error = kv.incr_field("h", field, 1).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        }
        assert_eq!(kv.field("h", "x").await?.as_deref(), Some(&b"x"[..]));
    }

    async fn all_fields_of_a_big_hash_are_refused(kv: Kv) {
        let names: Vec<String> = (0..MAX_ITEMS).map(|number| number.to_string()).collect();
        let fields: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b"x"[..])).collect();
        kv.set_fields("h", &fields).await?;
        assert_eq!(kv.all_fields("h").await?.len(), MAX_ITEMS);
        kv.set_fields("h", &[("one more", b"x")]).await?;
        let error = kv.all_fields("h").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        assert!(error.to_string().contains("more than 10000 fields"), "{error}");
    }

    async fn a_hash_is_no_other_kind(kv: Kv) {
        kv.set("s", b"x", None).await?;
        for error in [
            kv.field("s", "a").await.unwrap_err(),
            kv.set_fields("s", &[("a", b"1")]).await.unwrap_err(),
            kv.incr_field("s", "a", 1).await.unwrap_err(),
            kv.all_fields("s").await.unwrap_err(),
            kv.delete_fields("s", &["a"]).await.unwrap_err(),
        ] {
            assert_eq!(error.code(), Some("WRONGTYPE"), "{error}");
        }
    }
}
