//! Callers that go away at any point.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use shelfmark_kv::{Counters, Keys, Kv, Lists, Locks, PubSub, ReliableLists, Strings};
use test_redis::Server;

use crate::connect;

const LONG: Duration = Duration::from_secs(30);

/// Polls `future` up to `polls` times, with time for others in between, then drops it.
async fn polled<T>(future: impl Future<Output = T>, polls: u32) -> Option<T> {
    let mut future = pin!(future);
    for _ in 0..polls {
        let answer = future
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()));
        if let Poll::Ready(answer) = answer {
            return Some(answer);
        }
        tokio::time::sleep(Duration::from_micros(300)).await;
    }
    None
}

async fn stores(server: &Server) -> anyhow::Result<[Kv; 2]> {
    Ok([Kv::in_process(), connect(&server.url()).await?])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pops_dropped_at_any_poll_lose_nothing() -> anyhow::Result<()> {
    let server = Server::start()?;
    for kv in stores(&server).await? {
        let all: BTreeSet<u32> = (0..400).collect();
        for number in &all {
            kv.push_back("l", &[&number.to_be_bytes()]).await?;
        }
        let mut seen = BTreeSet::new();
        let number = |item: &[u8]| u32::from_be_bytes(item.try_into().unwrap());
        for round in 0..300_u32 {
            let polls = round % 6;
            let popped = match round % 3 {
                0 => polled(kv.pop_front("l"), polls)
                    .await
                    .transpose()?
                    .flatten(),
                1 => polled(kv.pop_back("l"), polls).await.transpose()?.flatten(),
                _ => {
                    let popped = polled(kv.pop_wait(&["none", "l"], LONG), polls).await;
                    popped.transpose()?.flatten().map(|(_, item)| item)
                }
            };
            seen.extend(popped.map(|item| number(&item)));
        }
        let mut complete = false;
        for _ in 0..200 {
            let left = kv.list_range("l", 0, -1).await?;
            let left: BTreeSet<u32> = left.iter().map(|item| number(item)).collect();
            assert!(left.is_disjoint(&seen));
            complete = left.union(&seen).copied().collect::<BTreeSet<_>>() == all;
            if complete {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(complete, "items are lost");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn takes_dropped_at_any_poll_come_again() -> anyhow::Result<()> {
    let server = Server::start()?;
    for kv in stores(&server).await? {
        for number in 0..30_u8 {
            kv.push_back("l", &[&[number]]).await?;
        }
        let lease = Duration::from_millis(100);
        for polls in 0..30 {
            let _ = polled(kv.take("l", lease, LONG), polls % 5).await;
        }
        let mut seen = BTreeSet::new();
        while seen.len() < 30 {
            let taken = kv.take("l", LONG, LONG).await?.unwrap();
            seen.insert(taken.item()[0]);
            assert!(kv.ack(&taken).await?);
        }
        assert!(kv.take("l", LONG, Duration::ZERO).await?.is_none());
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn locks_dropped_at_any_poll_are_free_again() -> anyhow::Result<()> {
    let server = Server::start()?;
    for kv in stores(&server).await? {
        for polls in 0..40 {
            drop(polled(kv.try_lock("l", LONG), polls % 5).await);
            drop(polled(kv.lock("l", LONG, LONG), polls % 5).await);
        }
        let lock = kv.lock("l", LONG, Duration::from_secs(5)).await?;
        let mut release = Some(lock.release());
        drop(polled(release.take().unwrap(), 1).await);
        let lock = kv.lock("l", LONG, Duration::from_secs(5)).await?;
        assert!(lock.release().await?);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_dropped_at_any_poll_are_done_at_most_once() -> anyhow::Result<()> {
    let server = Server::start()?;
    for kv in stores(&server).await? {
        let mut issued = 0;
        let mut answered = 0;
        for polls in 0..200 {
            issued += 2;
            let counted = polled(kv.incr("a", 1), polls % 4).await;
            let within = polled(kv.incr_within("a", 1, LONG), polls % 4).await;
            answered += i64::from(counted.is_some()) + i64::from(within.is_some());
            drop(polled(kv.set("s", b"1", None), polls % 4).await);
            drop(polled(kv.publish("p", b"1"), polls % 4).await);
            drop(polled(kv.subscribe(&["p"]), polls % 4).await);
        }
        let counted = kv.count("a").await?;
        assert!(
            answered <= counted && counted <= issued,
            "{answered} {counted} {issued}"
        );
    }
    Ok(())
}

/// As in a web service under load whose clients hang up: each caller gets the answer to its own question.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_ever_gets_the_answer_of_a_caller_that_went_away() -> anyhow::Result<()> {
    let server = Server::start()?;
    let kv = connect(&server.url()).await?;
    let keys: Vec<String> = (0..100).map(|number| format!("key{number}")).collect();
    for key in &keys {
        kv.set(key, key.as_bytes(), None).await?;
    }
    let keys = std::sync::Arc::new(keys);
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..32 {
        let (kv, keys) = (kv.clone(), keys.clone());
        callers.spawn(async move {
            let mut answers = 0_u32;
            for _ in 0..400 {
                let key = &keys[fastrand::usize(..keys.len())];
                if fastrand::bool() {
                    drop(polled(kv.get(key), 1).await);
                } else if let Ok(Some(value)) = kv.get(key).await {
                    assert_eq!(value, key.as_bytes());
                    answers += 1;
                }
            }
            answers
        });
    }
    let mut answers = 0;
    while let Some(more) = callers.join_next().await {
        answers += more?;
    }
    assert!(answers > 1_000, "{answers}");
    assert!(kv.exists(&keys[0]).await?);
    Ok(())
}
