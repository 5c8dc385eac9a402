use std::time::Duration;

use shelfmark_core::ErrorKind;
use shelfmark_kv::{Keys, Kv, Locks};

use crate::{on_every_engine, until};

const LONG: Duration = Duration::from_secs(30);

on_every_engine! {
    async fn a_lock_is_held_by_one_until_it_is_released(kv: Kv) {
        let lock = kv.try_lock("l", LONG).await?.unwrap();
        assert!(lock.is_held());
        assert!(kv.try_lock("l", LONG).await?.is_none());
        assert!(kv.try_lock("other", LONG).await?.is_some());
        assert!(lock.release().await?);
        assert!(kv.try_lock("l", LONG).await?.is_some());
    }

    async fn a_dropped_lock_is_released(kv: Kv) {
        drop(kv.try_lock("l", LONG).await?.unwrap());
        drop(kv.lock("l", LONG, LONG).await?);
        until(|| async { Ok(!kv.exists("l").await?) }).await?;
    }

    async fn tokens_only_grow(kv: Kv) {
        let mut last = 0;
        for _ in 0..20 {
            let lock = kv.try_lock("l", LONG).await?.unwrap();
            assert!(lock.token() > last);
            last = lock.token();
            assert!(lock.release().await?);
        }
        // Also when what was counted is lost.
        kv.delete("{l}:fence").await?;
        assert!(kv.try_lock("l", LONG).await?.unwrap().token() > last);
    }

    async fn a_wait_for_a_lock_ends_at_its_deadline_or_with_the_lock(kv: Kv) {
        let lock = kv.try_lock("l", LONG).await?.unwrap();
        let error = kv.lock("l", LONG, Duration::from_millis(50)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
        let waiter = tokio::spawn({
            let kv = kv.clone();
            async move { kv.lock("l", LONG, LONG).await }
        });
        let first = lock.token();
        assert!(lock.release().await?);
        assert!(waiter.await??.token() > first);
    }

    async fn a_lock_is_renewed_beyond_its_time_to_live(kv: Kv) {
        let ttl = Duration::from_millis(600);
        let lock = kv.try_lock("l", ttl).await?.unwrap();
        tokio::time::sleep(ttl * 2).await;
        assert!(lock.is_held());
        assert!(kv.try_lock("l", ttl).await?.is_none());
        assert!(lock.release().await?);
    }

    async fn a_lock_that_was_taken_away_tells_and_is_not_released_for_its_new_holder(kv: Kv) {
        let lost = kv.try_lock("l", Duration::from_millis(300)).await?.unwrap();
        kv.delete("l").await?;
        let new = kv.try_lock("l", LONG).await?.unwrap();
        tokio::time::timeout(LONG, lost.lost()).await?;
        assert!(!lost.is_held());
        assert!(!lost.release().await?);
        assert!(new.is_held());
        assert!(kv.exists("l").await?);
    }

    async fn only_one_of_many_is_inside(kv: Kv) {
        use std::sync::Arc;
        use std::sync::atomic::{AtomicU32, Ordering};
        let inside = Arc::new(AtomicU32::new(0));
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..6 {
            let (kv, inside) = (kv.clone(), inside.clone());
            tasks.spawn(async move {
                for _ in 0..5 {
                    let lock = kv.lock("l", LONG, LONG).await?;
                    assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                    tokio::task::yield_now().await;
                    inside.fetch_sub(1, Ordering::SeqCst);
                    lock.release().await?;
                }
                Ok::<_, shelfmark_core::Error>(())
            });
        }
        while let Some(result) = tasks.join_next().await {
            result??;
        }
    }
}
