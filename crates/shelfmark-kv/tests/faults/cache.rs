//! A cache while Redis is away, stands still, is full, or has lost its data, and while processes go away.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::{Duration, Instant};

use shelfmark_core::Error;
use shelfmark_core::cache::{Evictions, Keep, QueryCache};
use shelfmark_kv::{Cache, Kv, KvConfig};
use test_redis::{Cluster, Server};
use tokio::sync::Notify;

use crate::{SLACK, connect};

const DEADLINE: Duration = Duration::from_millis(250);

/// What is kept for the whole of a test, and never computed again before its end.
pub(crate) fn keep() -> Keep {
    Keep::during(Duration::from_secs(600)).jitter(0)
}

pub(crate) async fn answer(cache: &Cache, key: &str, value: u32) -> Result<u32, Error> {
    cache
        .remember(key, keep(), async || Ok::<_, Error>(value))
        .await
}

/// Asks until the answer is kept, and says how long that took.
async fn until_kept(cache: &Cache, key: &str) -> anyhow::Result<Duration> {
    let began = Instant::now();
    while cache.get::<u32>(key).await.is_none() {
        anyhow::ensure!(began.elapsed() < Duration::from_secs(20), "nothing is kept");
        answer(cache, key, 7).await?;
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Ok(began.elapsed())
}

/// Two caches on one server are as two processes.
pub(crate) async fn two_on(url: &str) -> anyhow::Result<[Cache; 2]> {
    let config = KvConfig::from_url(url)?;
    let one = Cache::on(&Kv::connect(config.clone()).await?);
    Ok([one, Cache::on(&Kv::connect(config).await?)])
}

async fn one_computation_serves_two_processes(url: &str) -> anyhow::Result<()> {
    let caches = two_on(url).await?;
    let computed = Arc::new(AtomicU32::new(0));
    let mut callers = tokio::task::JoinSet::new();
    for cache in &caches {
        for _ in 0..1000 {
            let (cache, computed) = (cache.clone(), computed.clone());
            callers.spawn(async move {
                let compute = async || {
                    computed.fetch_add(1, SeqCst);
                    tokio::time::sleep(Duration::from_millis(200)).await;
                    Ok::<_, Error>(5_u32)
                };
                cache.remember("{hot}key", keep(), compute).await
            });
        }
    }
    while let Some(answer) = callers.join_next().await {
        assert_eq!(answer??, 5);
    }
    assert_eq!(computed.load(SeqCst), 1);
    Ok(())
}

async fn evictions_reach_the_other_process(url: &str) -> anyhow::Result<()> {
    let [here, there] = two_on(url).await?;
    let tagged = keep().tag("shows");
    for round in 0..20_u32 {
        let key = format!("show:{round}");
        let compute = async || Ok::<_, Error>(round);
        assert_eq!(here.remember(&key, tagged.clone(), compute).await?, round);
        assert_eq!(there.get::<u32>(&key).await, Some(round));
        match round % 3 {
            0 => here.evict_tag("shows").await,
            1 => here.evict(&key).await,
            _ => here.set(&key, &99_u32, keep()).await?,
        }
        let expected = (round % 3 == 2).then_some(99);
        assert_eq!(there.get::<u32>(&key).await, expected, "round {round}");
    }
    assert_eq!(there.stats().errors + here.stats().errors, 0);
    Ok(())
}

async fn what_was_computed_before_an_eviction_is_not_stored(url: &str) -> anyhow::Result<()> {
    let [here, there] = two_on(url).await?;
    for evictions in [Evictions::new().key("late"), Evictions::new().tag("group")] {
        let compute = async || {
            there.evict_all_of(&evictions).await;
            Ok::<_, Error>(1_u32)
        };
        let value = here.remember("late", keep().tag("group"), compute).await?;
        assert_eq!(value, 1);
        assert_eq!(here.get::<u32>("late").await, None);
        assert_eq!(there.get::<u32>("late").await, None);
    }
    assert_eq!(here.stats().refused, 2);
    Ok(())
}

async fn nothing_is_stored_between_announcement_and_eviction(url: &str) -> anyhow::Result<()> {
    let [writer, reader] = two_on(url).await?;
    for evictions in [Evictions::new().key("key"), Evictions::new().tag("group")] {
        let ask = async |value: u32| {
            let keep = keep().tag("group");
            reader
                .remember("key", keep, async || Ok::<_, Error>(value))
                .await
        };
        assert_eq!((ask(1).await?, ask(2).await?), (1, 1));
        writer.announce(&evictions).await;
        assert_eq!((ask(3).await?, ask(4).await?), (3, 4));
        assert_eq!(reader.get::<u32>("key").await, None);
        writer.evict_all_of(&evictions).await;
        assert_eq!((ask(5).await?, ask(6).await?), (5, 5));
        writer.evict("key").await;
    }
    Ok(())
}

/// How often the servers have been asked for values.
fn looks(servers: &[Server]) -> anyhow::Result<u64> {
    let mut looks = 0;
    for server in servers {
        let calls = server.ask(&["INFO", "commandstats"])?;
        let calls = calls.split("cmdstat_mget:calls=").nth(1);
        let calls = calls.and_then(|calls| calls.split(',').next());
        looks += calls.map_or(Ok(0), str::parse::<u64>)?;
    }
    Ok(looks)
}

async fn a_dropped_computation_is_taken_over_by_the_other_process(
    url: &str,
    servers: &[Server],
) -> anyhow::Result<()> {
    let [first, second] = two_on(url).await?;
    let begun = Arc::new(Notify::new());
    let stuck = tokio::spawn({
        let begun = begun.clone();
        async move {
            let compute = async || {
                begun.notify_one();
                std::future::pending::<Result<u32, Error>>().await
            };
            first.remember("key", keep(), compute).await
        }
    });
    begun.notified().await;
    let before = looks(servers)?;
    let waiter = tokio::spawn(async move { answer(&second, "key", 2).await });
    // It has seen that somebody else computes, and waits for him.
    let asked = Instant::now();
    while looks(servers)? == before {
        anyhow::ensure!(asked.elapsed() < Duration::from_secs(20), "nobody looks");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    stuck.abort();
    let began = Instant::now();
    assert_eq!(waiter.await??, 2);
    assert!(began.elapsed() < SLACK, "{:?}", began.elapsed());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_share_values_and_evictions_on_one_server() -> anyhow::Result<()> {
    let server = Server::start()?;
    let url = server.url();
    one_computation_serves_two_processes(&url).await?;
    evictions_reach_the_other_process(&url).await?;
    what_was_computed_before_an_eviction_is_not_stored(&url).await?;
    nothing_is_stored_between_announcement_and_eviction(&url).await?;
    server.ask(&["FLUSHALL"])?;
    a_dropped_computation_is_taken_over_by_the_other_process(&url, std::slice::from_ref(&server))
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_share_values_and_evictions_on_a_cluster() -> anyhow::Result<()> {
    let cluster = Cluster::start()?;
    let url = cluster.url();
    one_computation_serves_two_processes(&url).await?;
    evictions_reach_the_other_process(&url).await?;
    what_was_computed_before_an_eviction_is_not_stored(&url).await?;
    nothing_is_stored_between_announcement_and_eviction(&url).await?;
    for server in cluster.servers() {
        server.ask(&["FLUSHALL"])?;
    }
    a_dropped_computation_is_taken_over_by_the_other_process(&url, cluster.servers()).await
}

#[test]
fn a_process_that_is_gone_is_followed_within_its_lease() -> anyhow::Result<()> {
    let server = Server::start()?;
    let gone = tokio::runtime::Runtime::new()?;
    gone.block_on(async {
        let cache = Cache::on(&connect(&server.url()).await?);
        let begun = Arc::new(Notify::new());
        tokio::spawn({
            let begun = begun.clone();
            async move {
                let compute = async || {
                    begun.notify_one();
                    std::future::pending::<Result<u32, Error>>().await
                };
                cache.remember("key", keep(), compute).await
            }
        });
        begun.notified().await;
        anyhow::Ok(())
    })?;
    // Neither a renewal nor a release is sent any more.
    gone.shutdown_background();
    tokio::runtime::Runtime::new()?.block_on(async {
        let cache = Cache::on(&connect(&server.url()).await?);
        let began = Instant::now();
        assert_eq!(answer(&cache, "key", 2).await?, 2);
        let took = began.elapsed();
        assert!(took < Duration::from_secs(3) + SLACK, "{took:?}");
        assert_eq!(cache.get::<u32>("key").await, Some(2));
        Ok(())
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_computation_longer_than_its_lease_stays_ours() -> anyhow::Result<()> {
    let server = Server::start()?;
    let [first, second] = two_on(&server.url()).await?;
    let begun = Arc::new(Notify::new());
    let slow = tokio::spawn({
        let begun = begun.clone();
        async move {
            let compute = async || {
                begun.notify_one();
                tokio::time::sleep(Duration::from_secs(5)).await;
                Ok::<_, Error>(1_u32)
            };
            first.remember("key", keep(), compute).await
        }
    });
    begun.notified().await;
    assert_eq!(answer(&second, "key", 2).await?, 1);
    assert_eq!((slow.await??, second.stats().computed), (1, 0));
    Ok(())
}

/// Each answer while Redis is away is the computed one and comes by the deadline; three of them pay for it.
async fn check_away(cache: &Cache) -> anyhow::Result<()> {
    let mut slow = 0;
    for number in 0..50 {
        let began = Instant::now();
        assert_eq!(answer(cache, "a", 100 + number).await?, 100 + number);
        let took = began.elapsed();
        assert!(took <= DEADLINE + SLACK, "{took:?}");
        slow += u32::from(took > DEADLINE / 2);
    }
    // Three open the breaker, and a slow machine may take long enough for a probe or two.
    assert!(slow <= 5, "{slow} calls waited for Redis");
    assert!(cache.stats().errors >= 3);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_stands_still_costs_three_deadlines_and_is_used_again_within_a_second()
-> anyhow::Result<()> {
    let server = Server::start()?;
    let cache = Cache::on(&connect(&server.url()).await?);
    assert_eq!(answer(&cache, "a", 1).await?, 1);
    server.freeze()?;
    check_away(&cache).await?;
    server.thaw()?;
    let recovered = until_kept(&cache, "a").await?;
    assert!(recovered < Duration::from_secs(1) + SLACK, "{recovered:?}");
    assert_eq!(cache.get::<u32>("a").await, Some(1));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_was_killed_is_used_again_within_a_second() -> anyhow::Result<()> {
    let server = Server::start()?;
    let cache = Cache::on(&connect(&server.url()).await?);
    assert_eq!(answer(&cache, "a", 1).await?, 1);
    server.crash();
    check_away(&cache).await?;
    server.restart()?;
    let recovered = until_kept(&cache, "a").await?;
    assert!(recovered < Duration::from_secs(1) + SLACK, "{recovered:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_eviction_while_redis_is_away_is_done_when_it_is_back() -> anyhow::Result<()> {
    let server = Server::start()?;
    let [here, there] = two_on(&server.url()).await?;
    for (round, in_background) in [(0_u32, false), (10, true)] {
        assert_eq!(answer(&here, "a", round).await?, round);
        let tagged = keep().tag("t");
        let compute = async || Ok::<_, Error>(round);
        assert_eq!(here.remember("b", tagged, compute).await?, round);
        server.freeze()?;
        let evictions = Evictions::new().key("a").tag("t");
        let began = Instant::now();
        match in_background {
            true => here.evict_in_background(evictions),
            false => here.evict_all_of(&evictions).await,
        }
        assert!(began.elapsed() <= DEADLINE + SLACK, "{:?}", began.elapsed());
        assert_eq!(answer(&here, "a", round + 1).await?, round + 1);
        server.thaw()?;
        // From here on Redis answers, and has the old value for a moment.
        let began = Instant::now();
        loop {
            let value = answer(&here, "a", round + 2).await?;
            assert_eq!(value, round + 2);
            assert_ne!(here.get::<u32>("b").await, Some(round));
            if here.get::<u32>("a").await == Some(round + 2) {
                break;
            }
            assert!(began.elapsed() < Duration::from_secs(20));
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert!(
            began.elapsed() < Duration::from_secs(1) + SLACK,
            "{:?}",
            began.elapsed()
        );
        assert_eq!(there.get::<u32>("b").await, None);
        here.evict("a").await;
    }
    Ok(())
}

/// How many names one transaction evicts at once here.
const MANY: u32 = 100_000;

/// Some of them, from the first to the last.
fn some_of_many() -> impl Iterator<Item = String> {
    (0..MANY)
        .step_by(999)
        .chain([MANY - 1])
        .map(|number| format!("many:{number}"))
}

fn many() -> Evictions {
    (0..MANY).fold(Evictions::new(), |all, number| {
        all.key(format!("many:{number}"))
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_eviction_of_any_number_of_names_is_answered_piece_by_piece() -> anyhow::Result<()> {
    let server = Server::start()?;
    let [here, there] = two_on(&server.url()).await?;
    for key in some_of_many() {
        answer(&there, &key, 1).await?;
    }
    here.evict_all_of(&many()).await;
    for key in some_of_many() {
        assert_eq!(there.get::<u32>(&key).await, None, "{key}");
    }
    let stats = here.stats();
    assert_eq!((stats.errors, stats.lost), (0, 0), "{stats}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_eviction_of_many_names_while_redis_is_away_costs_one_deadline_and_loses_none()
-> anyhow::Result<()> {
    let server = Server::start()?;
    let [here, there] = two_on(&server.url()).await?;
    for key in some_of_many() {
        answer(&there, &key, 1).await?;
    }
    let evictions = many();
    server.freeze()?;
    let began = Instant::now();
    here.evict_all_of(&evictions).await;
    let took = began.elapsed();
    // A hundred pieces, each with a deadline, would take 25 seconds; to hold on to so many names takes a while, too.
    assert!(took < 10 * DEADLINE, "{took:?}");
    server.thaw()?;
    until_kept(&here, "after").await?;
    for key in some_of_many() {
        assert_eq!(there.get::<u32>(&key).await, None, "{key}");
    }
    assert_eq!(here.stats().lost, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn evictions_are_sent_also_when_the_runtime_of_the_cache_is_gone() -> anyhow::Result<()> {
    let server = Server::start()?;
    let store = connect(&server.url()).await?;
    let gone = tokio::runtime::Runtime::new()?;
    let cache = {
        let _inside = gone.enter();
        Cache::on(&store)
    };
    gone.shutdown_background();
    assert_eq!(answer(&cache, "a", 1).await?, 1);
    server.freeze()?;
    cache.evict("a").await;
    server.thaw()?;
    let recovered = until_kept(&cache, "a").await?;
    assert!(recovered < Duration::from_secs(1) + SLACK, "{recovered:?}");
    assert_eq!(cache.get::<u32>("a").await, Some(7));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_redis_stores_nothing_and_goes_on_answering() -> anyhow::Result<()> {
    let server = Server::start()?;
    let cache = Cache::on(&connect(&server.url()).await?);
    assert_eq!(answer(&cache, "a", 1).await?, 1);
    server.ask(&["CONFIG", "SET", "maxmemory-policy", "noeviction"])?;
    server.ask(&["CONFIG", "SET", "maxmemory", "1mb"])?;
    for number in 0..10 {
        assert_eq!(answer(&cache, "b", number).await?, number);
        assert_eq!(answer(&cache, "a", 2).await?, 1);
    }
    assert!(cache.stats().errors >= 10);
    // What was there is not the value any more, and evictions need no room.
    cache.set("a", &2_u32, keep()).await?;
    assert_eq!(cache.get::<u32>("a").await, None);
    server.ask(&["CONFIG", "SET", "maxmemory", "0"])?;
    assert_eq!(
        (answer(&cache, "b", 3).await?, answer(&cache, "b", 4).await?),
        (3, 3)
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_data_is_a_miss_and_what_was_computed_before_is_not_stored() -> anyhow::Result<()> {
    let server = Server::start()?;
    let [here, there] = two_on(&server.url()).await?;
    let compute = async || {
        server
            .ask(&["FLUSHALL"])
            .map_err(|_| Error::new(shelfmark_core::ErrorKind::Other))?;
        Ok::<_, Error>(1_u32)
    };
    assert_eq!(here.remember("a", keep().tag("t"), compute).await?, 1);
    assert_eq!(there.get::<u32>("a").await, None);
    assert_eq!(
        (answer(&here, "b", 2).await?, answer(&there, "b", 3).await?),
        (2, 2)
    );
    // Also when only the versions are lost.
    server.ask(&["DEL", "{cache:b}:v"])?;
    assert_eq!(there.get::<u32>("b").await, None);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_announcement_whose_writer_never_comes_back_ends_by_itself() -> anyhow::Result<()> {
    let server = Server::start()?;
    let [writer, reader] = two_on(&server.url()).await?;
    writer.announce(&Evictions::new().key("a")).await;
    assert_eq!(
        (
            answer(&reader, "a", 1).await?,
            answer(&reader, "a", 2).await?
        ),
        (1, 2)
    );
    let left = server.ask(&["PTTL", "{cache:a}:v"])?;
    let left_ms: i64 = left.trim_start_matches(':').trim().parse()?;
    assert!((1..=30_000).contains(&left_ms), "{left}");
    // Reading does not prolong it, so it may as well end now.
    server.ask(&["PEXPIRE", "{cache:a}:v", "1"])?;
    let recovered = until_kept(&reader, "a").await?;
    assert!(recovered < SLACK, "{recovered:?}");
    Ok(())
}
