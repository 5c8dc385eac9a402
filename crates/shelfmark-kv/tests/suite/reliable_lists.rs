use std::time::{Duration, Instant};

use shelfmark_kv::{Keys, Kv, Lists, ReliableLists};

use crate::on_every_engine;

const LONG: Duration = Duration::from_secs(30);
const NOW: Duration = Duration::ZERO;

on_every_engine! {
    async fn a_taken_item_is_kept_until_it_is_acknowledged(kv: Kv) {
        kv.push_back("l", &[b"a", b"b"]).await?;
        let first = kv.take("l", LONG, NOW).await?.unwrap();
        assert_eq!((&**first.item(), first.deliveries(), first.list()), (&b"a"[..], 1, "l"));
        assert_eq!(kv.list_len("l").await?, 1);
        let second = kv.take("l", LONG, NOW).await?.unwrap();
        assert!(kv.take("l", LONG, NOW).await?.is_none());
        assert!(kv.ack(&second).await?);
        assert!(!kv.ack(&second).await?);
        assert!(kv.ack(&first).await?);
        for key in ["l", "{l}:leases", "{l}:taken"] {
            assert!(!kv.exists(key).await?, "{key}");
        }
    }

    async fn an_item_whose_lease_has_ended_comes_again_and_its_old_receipt_is_void(kv: Kv) {
        kv.push_back("l", &[b"a"]).await?;
        let dead = kv.take("l", Duration::from_millis(50), NOW).await?.unwrap();
        let began = Instant::now();
        let again = kv.take("l", LONG, LONG).await?.unwrap();
        assert_eq!((&**again.item(), again.deliveries()), (&b"a"[..], 2));
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
        assert!(!kv.ack(&dead).await?);
        assert!(!kv.extend(&dead, LONG).await?);
        assert!(!kv.give_back(&dead).await?);
        assert!(kv.ack(&again).await?);
        assert!(kv.take("l", LONG, NOW).await?.is_none());
    }

    async fn an_item_that_is_given_back_comes_again_at_once(kv: Kv) {
        kv.push_back("l", &[b"a", b"b"]).await?;
        let first = kv.take("l", LONG, NOW).await?.unwrap();
        assert!(kv.give_back(&first).await?);
        let again = kv.take("l", LONG, NOW).await?.unwrap();
        assert_eq!((&**again.item(), again.deliveries()), (&b"a"[..], 2));
    }

    async fn a_lease_is_extended(kv: Kv) {
        kv.push_back("l", &[b"a"]).await?;
        let taken = kv.take("l", Duration::from_millis(500), NOW).await?.unwrap();
        assert!(kv.extend(&taken, LONG).await?);
        assert!(kv.take("l", LONG, Duration::from_millis(700)).await?.is_none());
        assert!(kv.ack(&taken).await?);
    }

    async fn a_take_waits_for_a_push(kv: Kv) {
        let waiter = tokio::spawn({
            let kv = kv.clone();
            async move { kv.take("l", LONG, LONG).await }
        });
        kv.push_back("l", &[b"a"]).await?;
        assert_eq!(waiter.await??.unwrap().deliveries(), 1);
    }

    async fn every_item_is_done_although_workers_die(kv: Kv) {
        let items: Vec<Vec<u8>> = (0..60_u8).map(|number| vec![number]).collect();
        let items: Vec<&[u8]> = items.iter().map(Vec::as_slice).collect();
        kv.push_back("l", &items).await?;
        let mut workers = tokio::task::JoinSet::new();
        for _ in 0..4 {
            let kv = kv.clone();
            workers.spawn(async move {
                let mut done = Vec::new();
                while let Some(taken) = kv.take("l", Duration::from_millis(300), Duration::from_millis(1_500)).await? {
                    // Each item's first worker dies.
                    if taken.deliveries() > 1 && kv.ack(&taken).await? {
                        done.push(taken.item()[0]);
                    }
                }
                Ok::<_, shelfmark_core::Error>(done)
            });
        }
        let mut all = Vec::new();
        while let Some(done) = workers.join_next().await {
            all.extend(done??);
        }
        all.sort_unstable();
        assert_eq!(all, (0..60).collect::<Vec<_>>());
    }
}
