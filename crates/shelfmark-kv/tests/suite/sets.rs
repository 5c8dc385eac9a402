use shelfmark_core::ErrorKind;
use shelfmark_kv::{Keys, Kv, MAX_ITEMS, Sets, Strings};

use crate::on_every_engine;

on_every_engine! {
    async fn a_member_is_there_once(kv: Kv) {
        assert_eq!(kv.add_members("s", &["a", "b", "a"]).await?, 2);
        assert_eq!(kv.add_members("s", &["b", "c"]).await?, 1);
        assert!(kv.has_member("s", "c").await?);
        assert!(!kv.has_member("s", "x").await?);
        assert_eq!(kv.member_count("s").await?, 3);
        assert_eq!(kv.members("s").await?.into_iter().collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!(kv.remove_members("s", &["a", "x"]).await?, 1);
        assert_eq!(kv.remove_members("s", &["b", "c"]).await?, 2);
        assert!(!kv.exists("s").await?);
        assert!(kv.members("s").await?.is_empty());
    }

    async fn keys_of_a_tag_are_dropped_in_pieces(kv: Kv) {
        let keys: Vec<String> = (0..2_500).map(|number| format!("page:{number}")).collect();
        let names: Vec<&str> = keys.iter().map(String::as_str).collect();
        let entries: Vec<(&str, &[u8])> = names.iter().map(|name| (*name, &b"x"[..])).collect();
        kv.set_many(&entries, None).await?;
        kv.add_members("tag", &names).await?;
        let mut dropped = 0;
        loop {
            let some = kv.pop_members("tag", 1_000).await?;
            if some.is_empty() {
                break;
            }
            let some: Vec<&str> = some.iter().map(String::as_str).collect();
            dropped += kv.delete_many(&some).await?;
        }
        assert_eq!(dropped, 2_500);
        assert!(!kv.exists("tag").await?);
    }

    async fn members_of_a_big_set_are_refused(kv: Kv) {
        let names: Vec<String> = (0..MAX_ITEMS).map(|number| number.to_string()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        kv.add_members("s", &names).await?;
        assert_eq!(kv.members("s").await?.len(), MAX_ITEMS);
        kv.add_members("s", &["one more"]).await?;
        let error = kv.members("s").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    }

    async fn a_set_is_no_other_kind(kv: Kv) {
        kv.set("s", b"x", None).await?;
        for error in [
            kv.add_members("s", &["a"]).await.unwrap_err(),
            kv.members("s").await.unwrap_err(),
            kv.pop_members("s", 1).await.unwrap_err(),
        ] {
            assert_eq!(error.code(), Some("WRONGTYPE"), "{error}");
        }
    }
}
