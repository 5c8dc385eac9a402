use std::time::Duration;

use shelfmark_core::ErrorKind;
use shelfmark_kv::{Counters, Keys, Kv, Lists, Strings, TimeLeft};

use crate::on_every_engine;

const HOUR: Option<Duration> = Some(Duration::from_secs(3600));

on_every_engine! {
    async fn a_value_is_any_bytes(kv: Kv) {
        let all: Vec<u8> = (0..=255).collect();
        for value in [&b""[..], b"\r\n$-1\r\n", &all] {
            kv.set("a", value, None).await?;
            assert_eq!(kv.get("a").await?.as_deref(), Some(value));
        }
        assert_eq!(kv.get("missing").await?, None);
    }

    async fn a_key_is_any_text(kv: Kv) {
        for key in ["*", "a b", "é\u{1f600}", "\r\nFLUSHALL\r\n", "a\0b", "[a-z]"] {
            kv.set(key, key.as_bytes(), None).await?;
            assert_eq!(kv.get(key).await?.as_deref(), Some(key.as_bytes()));
        }
        assert_eq!(kv.delete_many(&["*"]).await?, 1);
        assert!(kv.exists("a b").await?);
    }

    async fn set_replaces_whatever_was_there_with_its_time_to_live(kv: Kv) {
        kv.push_back("a", &[b"x"]).await?;
        kv.set("a", b"1", HOUR).await?;
        assert!(matches!(kv.time_left("a").await?, TimeLeft::For(_)));
        kv.set("a", b"2", None).await?;
        assert_eq!(kv.time_left("a").await?, TimeLeft::Endless);
    }

    async fn set_if_absent_is_done_by_one_of_many(kv: Kv) {
        let mut racers = tokio::task::JoinSet::new();
        for racer in 0..32_u8 {
            let kv = kv.clone();
            racers.spawn(async move { kv.set_if_absent("a", &[racer], HOUR).await.map(|won| (racer, won)) });
        }
        let mut winners = Vec::new();
        while let Some(result) = racers.join_next().await {
            let (racer, won) = result??;
            if won {
                winners.push(racer);
            }
        }
        assert_eq!(winners.len(), 1);
        assert_eq!(kv.get("a").await?.as_deref(), Some(&winners[..]));
        kv.push_back("list", &[b"x"]).await?;
        assert!(!kv.set_if_absent("list", b"1", None).await?);
    }

    async fn many_values_come_in_the_order_of_their_keys(kv: Kv) {
        kv.set_many(&[("a", b"1"), ("b", b"2"), ("a", b"3")], HOUR).await?;
        kv.push_back("list", &[b"x"]).await?;
        let values = kv.get_many(&["b", "missing", "a", "list", "b"]).await?;
        let values: Vec<_> = values.iter().map(|value| value.as_deref()).collect();
        assert_eq!(values, [Some(&b"2"[..]), None, Some(b"3"), None, Some(b"2")]);
        assert!(matches!(kv.time_left("b").await?, TimeLeft::For(_)));
        assert!(kv.get_many(&[]).await?.is_empty());
        kv.set_many(&[], None).await?;
    }

    async fn get_and_set_and_get_and_delete_answer_what_was_there(kv: Kv) {
        assert_eq!(kv.get_and_set("a", b"1", HOUR).await?, None);
        assert_eq!(kv.get_and_set("a", b"2", None).await?.as_deref(), Some(&b"1"[..]));
        assert_eq!(kv.time_left("a").await?, TimeLeft::Endless);
        assert_eq!(kv.get_and_delete("a").await?.as_deref(), Some(&b"2"[..]));
        assert_eq!(kv.get_and_delete("a").await?, None);
    }

    async fn compare_and_set_is_done_only_for_the_expected_value(kv: Kv) {
        assert!(!kv.compare_and_set("a", b"", b"1", None).await?);
        kv.set("a", b"1", None).await?;
        assert!(!kv.compare_and_set("a", b"2", b"3", None).await?);
        assert!(kv.compare_and_set("a", b"1", b"2", HOUR).await?);
        assert!(matches!(kv.time_left("a").await?, TimeLeft::For(_)));
        assert!(!kv.compare_and_delete("a", b"1").await?);
        assert!(kv.compare_and_delete("a", b"2").await?);
        assert!(!kv.exists("a").await?);
    }

    async fn of_many_compare_and_sets_each_value_is_replaced_once(kv: Kv) {
        kv.set("a", b"0", None).await?;
        let mut racers = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let kv = kv.clone();
            racers.spawn(async move {
                for _ in 0..20 {
                    loop {
                        let before = kv.get("a").await?.unwrap();
                        let after = std::str::from_utf8(&before).unwrap().parse::<u32>().unwrap() + 1;
                        let after = after.to_string();
                        if kv.compare_and_set("a", &before, after.as_bytes(), None).await? {
                            break;
                        }
                    }
                }
                Ok::<_, shelfmark_core::Error>(())
            });
        }
        while let Some(result) = racers.join_next().await {
            result??;
        }
        assert_eq!(kv.get("a").await?.as_deref(), Some(&b"160"[..]));
    }

    async fn a_key_of_another_kind_is_refused(kv: Kv) {
        kv.push_back("list", &[b"x"]).await?;
        for error in [
            kv.get("list").await.unwrap_err(),
            kv.get_and_set("list", b"1", None).await.unwrap_err(),
            kv.get_and_delete("list").await.unwrap_err(),
            kv.compare_and_set("list", b"1", b"2", None).await.unwrap_err(),
            kv.incr("list", 1).await.unwrap_err(),
            kv.incr_within("list", 1, Duration::from_secs(1)).await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
            assert_eq!(error.code(), Some("WRONGTYPE"), "{error}");
        }
        assert_eq!(kv.list_len("list").await?, 1);
    }
}
