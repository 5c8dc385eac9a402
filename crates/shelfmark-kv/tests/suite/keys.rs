use std::time::Duration;

use shelfmark_kv::{Counters, Hashes, Keys, Kv, Lists, Sets, Strings, TimeLeft};

use crate::{on_every_engine, until};

const HOUR: Duration = Duration::from_secs(3600);

on_every_engine! {
    async fn a_key_of_any_kind_is_deleted_once(kv: Kv) {
        kv.set("string", b"x", None).await?;
        kv.incr("counter", 1).await?;
        kv.push_back("list", &[b"x"]).await?;
        kv.add_members("set", &["x"]).await?;
        kv.set_fields("hash", &[("x", b"x")]).await?;
        for key in ["string", "counter", "list", "set", "hash"] {
            assert!(kv.exists(key).await?, "{key}");
            assert!(kv.delete(key).await?, "{key}");
            assert!(!kv.delete(key).await?, "{key}");
            assert!(!kv.exists(key).await?, "{key}");
        }
    }

    async fn many_keys_are_deleted_together_and_counted(kv: Kv) {
        kv.set_many(&[("a", b"1"), ("b", b"2"), ("c", b"3")], None).await?;
        assert_eq!(kv.delete_many(&["a", "b", "missing"]).await?, 2);
        assert_eq!(kv.get_many(&["a", "b", "c"]).await?[2].as_deref(), Some(&b"3"[..]));
        assert_eq!(kv.delete_many(&[]).await?, 0);
    }

    async fn a_key_ends_after_its_time_to_live(kv: Kv) {
        kv.set("a", b"1", Some(Duration::from_millis(30))).await?;
        until(|| async { Ok(!kv.exists("a").await?) }).await?;
        assert_eq!(kv.get("a").await?, None);
        assert_eq!(kv.time_left("a").await?, TimeLeft::NoKey);
    }

    async fn time_to_live_is_set_told_and_taken_away(kv: Kv) {
        assert!(!kv.expire("a", HOUR).await?);
        assert!(!kv.persist("a").await?);
        kv.incr("a", 5).await?;
        assert_eq!(kv.time_left("a").await?, TimeLeft::Endless);
        assert!(!kv.persist("a").await?);
        assert!(kv.expire("a", HOUR).await?);
        let TimeLeft::For(left) = kv.time_left("a").await? else { anyhow::bail!("it has no end") };
        assert!(left <= HOUR && left > HOUR / 2, "{left:?}");
        assert!(kv.persist("a").await?);
        assert_eq!(kv.time_left("a").await?, TimeLeft::Endless);
        assert_eq!(kv.count("a").await?, 5);
    }

    async fn prefixes_keep_stores_apart(kv: Kv) {
        let (one, other) = (kv.prefixed("one:"), kv.prefixed("other:"));
        one.set("a", b"1", None).await?;
        assert_eq!(other.get("a").await?, None);
        assert_eq!(kv.get("one:a").await?.as_deref(), Some(&b"1"[..]));
    }
}
