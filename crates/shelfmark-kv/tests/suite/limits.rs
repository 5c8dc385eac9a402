use std::time::Duration;

use shelfmark_core::ErrorKind;
use shelfmark_kv::{Counters, Hashes, Keys, Kv, Lists, MAX_ITEMS, MAX_KEY_BYTES, Sets, Strings};

use crate::on_every_engine;

on_every_engine! {
    async fn the_longest_key_is_taken_and_a_longer_one_is_refused(kv: Kv) {
        let longest = "k".repeat(MAX_KEY_BYTES - kv.prefix().len());
        kv.set(&longest, b"x", None).await?;
        assert!(kv.exists(&longest).await?);
        for key in ["", &format!("{longest}k")] {
            for error in [
                kv.get(key).await.unwrap_err(),
                kv.set(key, b"x", None).await.unwrap_err(),
                kv.incr(key, 1).await.unwrap_err(),
                kv.push_back(key, &[b"x"]).await.unwrap_err(),
                kv.delete_many(&["fine", key]).await.unwrap_err(),
            ] {
                assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
            }
        }
    }

    async fn the_longest_value_is_taken_and_a_longer_one_is_refused(kv: Kv) {
        let longest = vec![b'v'; 1024 * 1024];
        kv.set("a", &longest, None).await?;
        assert_eq!(kv.get("a").await?.map(|value| value.len()), Some(longest.len()));
        let longer = [&longest[..], b"v"].concat();
        for error in [
            kv.set("a", &longer, None).await.unwrap_err(),
            kv.set_many(&[("b", &longer)], None).await.unwrap_err(),
            kv.push_back("l", &[b"x", &longer]).await.unwrap_err(),
            kv.set_fields("h", &[("a", &longer)]).await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
            assert!(error.to_string().contains("1048577 bytes"), "{error}");
            assert!(!format!("{error:?}").contains("vvv"));
        }
        assert!(!kv.exists("l").await?);
    }

    async fn too_many_parts_and_bad_times_are_refused(kv: Kv) {
        let many = vec!["x"; MAX_ITEMS + 1];
        for error in [
            kv.get_many(&many).await.unwrap_err(),
            kv.delete_many(&many).await.unwrap_err(),
            kv.add_members("s", &many).await.unwrap_err(),
            kv.set("a", b"x", Some(Duration::ZERO)).await.unwrap_err(),
            kv.set("a", b"x", Some(Duration::MAX)).await.unwrap_err(),
            kv.expire("a", Duration::ZERO).await.unwrap_err(),
            kv.incr_within("a", 1, Duration::ZERO).await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        }
    }

    async fn an_error_names_its_method(kv: Kv) {
        let error = kv.get("").await.unwrap_err();
        assert_eq!(error.to_string(), "Strings::get: the key is empty; give it a name");
        assert_eq!(kv.incr("", 1).await.unwrap_err().method(), Some("Counters::incr"));
    }
}
