use std::time::{Duration, Instant};

use shelfmark_core::ErrorKind;
use shelfmark_kv::{Keys, Kv, Lists, MAX_ITEMS, Strings};

use crate::on_every_engine;

const LONG: Duration = Duration::from_secs(30);

on_every_engine! {
    async fn both_ends_are_pushed_and_popped(kv: Kv) {
        assert_eq!(kv.push_back("l", &[b"c", b"d"]).await?, 2);
        assert_eq!(kv.push_front("l", &[b"b", b"a"]).await?, 4);
        let all = kv.list_range("l", 0, -1).await?;
        assert_eq!(all, [&b"a"[..], b"b", b"c", b"d"]);
        assert_eq!(kv.pop_front("l").await?.as_deref(), Some(&b"a"[..]));
        assert_eq!(kv.pop_back("l").await?.as_deref(), Some(&b"d"[..]));
        assert_eq!(kv.list_len("l").await?, 2);
        kv.pop_back("l").await?;
        kv.pop_back("l").await?;
        assert_eq!(kv.pop_back("l").await?, None);
        assert!(!kv.exists("l").await?);
    }

    async fn ranges_and_trims_count_from_both_ends(kv: Kv) {
        kv.push_back("l", &[b"a", b"b", b"c", b"d", b"e"]).await?;
        for ((first, last), expected) in [
            ((0, 0), "a"), ((-2, -1), "de"), ((1, 3), "bcd"), ((3, 1), ""), ((7, 9), ""), ((-9, 1), "ab"),
            ((0, i64::MAX), "abcde"),
        ] {
            let items = kv.list_range("l", first, last).await?.concat();
            assert_eq!(String::from_utf8(items)?, expected, "{first} {last}");
        }
        kv.list_trim("l", 1, -2).await?;
        assert_eq!(kv.list_range("l", 0, -1).await?.concat(), b"bcd");
        kv.list_trim("l", 5, 9).await?;
        assert!(!kv.exists("l").await?);
    }

    async fn a_range_of_too_many_items_is_refused(kv: Kv) {
        let items = vec![&b"x"[..]; MAX_ITEMS];
        kv.push_back("l", &items).await?;
        assert_eq!(kv.list_range("l", 0, -1).await?.len(), MAX_ITEMS);
        kv.push_back("l", &[b"y"]).await?;
        assert_eq!(kv.list_range("l", 0, -1).await.unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(kv.list_range("l", -1, -1).await?.len(), 1);
    }

    async fn a_pop_waits_for_a_push(kv: Kv) {
        let waiter = tokio::spawn({
            let kv = kv.clone();
            async move { kv.pop_wait(&["l"], LONG).await }
        });
        // The waiter gets the item whether it waits already or not.
        tokio::time::sleep(Duration::from_millis(100)).await;
        let pushed = Instant::now();
        kv.push_back("l", &[b"x"]).await?;
        let (list, item) = waiter.await??.unwrap();
        assert_eq!((&*list, &*item), ("l", &b"x"[..]));
        assert!(pushed.elapsed() < Duration::from_millis(900), "{:?}", pushed.elapsed());
    }

    async fn a_wait_ends_at_its_deadline(kv: Kv) {
        let began = Instant::now();
        assert_eq!(kv.pop_wait(&["l"], Duration::from_millis(60)).await?, None);
        assert!(began.elapsed() >= Duration::from_millis(60));
        assert!(began.elapsed() < Duration::from_secs(5));
        assert_eq!(kv.pop_wait(&["l"], Duration::ZERO).await?, None);
    }

    async fn the_first_list_that_has_an_item_is_popped(kv: Kv) {
        kv.push_back("low", &[b"1"]).await?;
        kv.push_back("high", &[b"2"]).await?;
        let lists = ["high", "middle", "low"];
        let (list, _) = kv.pop_wait(&lists, LONG).await?.unwrap();
        assert_eq!(list, "high");
        let (list, _) = kv.pop_wait(&lists, LONG).await?.unwrap();
        assert_eq!(list, "low");
        let waiter = tokio::spawn({
            let kv = kv.clone();
            async move { kv.pop_wait(&lists, LONG).await }
        });
        kv.push_back("middle", &[b"3"]).await?;
        assert_eq!(waiter.await??.unwrap().0, "middle");
    }

    async fn every_item_reaches_exactly_one_of_many_who_wait(kv: Kv) {
        let mut waiters = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let kv = kv.clone();
            waiters.spawn(async move {
                let mut got = Vec::new();
                loop {
                    let (_, item) = kv.pop_wait(&["l"], LONG).await?.unwrap();
                    if &*item == b"end" {
                        return Ok::<_, shelfmark_core::Error>(got);
                    }
                    got.push(String::from_utf8(item.to_vec()).unwrap().parse::<u32>().unwrap());
                }
            });
        }
        for number in 0..200_u32 {
            kv.push_back("l", &[number.to_string().as_bytes()]).await?;
        }
        kv.push_back("l", &[&b"end"[..]; 8]).await?;
        let mut all = Vec::new();
        while let Some(got) = waiters.join_next().await {
            all.extend(got??);
        }
        all.sort_unstable();
        assert_eq!(all, (0..200).collect::<Vec<_>>());
    }

    async fn waits_that_are_dropped_take_nothing(kv: Kv) {
        for round in 0..20_u64 {
            let waiting = kv.pop_wait(&["l"], LONG);
            let _ = tokio::time::timeout(Duration::from_millis(round), waiting).await;
        }
        kv.push_back("l", &[b"a", b"b"]).await?;
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(kv.list_range("l", 0, -1).await?.concat(), b"ab");
    }

    async fn bad_calls_of_lists_are_refused(kv: Kv) {
        kv.set("s", b"x", None).await?;
        for error in [
            kv.push_back("s", &[b"x"]).await.unwrap_err(),
            kv.pop_front("s").await.unwrap_err(),
            kv.pop_wait(&["s"], LONG).await.unwrap_err(),
            kv.list_range("s", 0, -1).await.unwrap_err(),
        ] {
            assert_eq!(error.code(), Some("WRONGTYPE"), "{error}");
        }
        for error in [
            kv.push_back("l", &[]).await.unwrap_err(),
            kv.pop_wait(&[], LONG).await.unwrap_err(),
            kv.pop_wait(&["l"; 17], LONG).await.unwrap_err(),
            kv.pop_wait(&["l"], Duration::MAX).await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        }
    }
}
