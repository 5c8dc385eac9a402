//! Rate limits under racing callers: nobody gets more than the quota, whatever the clocks of their machines say.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::FakeRelativeClock;
use governor::{Quota as OracleQuota, RateLimiter as Oracle};
use shelfmark_core::Clock;
use shelfmark_kv::{Kv, KvConfig, KvTarget, Quota, RateLimiter};
use test_redis::Server;

use crate::connect;

/// Asks `callers` times `each` at once, and answers how many were allowed.
async fn race(kv: &Kv, quota: Quota, callers: usize, each: usize) -> anyhow::Result<u32> {
    let mut racers = tokio::task::JoinSet::new();
    for _ in 0..callers {
        let kv = kv.clone();
        racers.spawn(async move {
            let mut allowed = 0;
            for _ in 0..each {
                allowed += u32::from(kv.check("a", quota).await?.allowed);
            }
            Ok::<_, shelfmark_core::Error>(allowed)
        });
    }
    let mut allowed = 0;
    while let Some(more) = racers.join_next().await {
        allowed += more??;
    }
    Ok(allowed)
}

/// A million calls in process, in rounds of racing callers at one time each. The oracle is another implementation.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_million_racing_calls_are_allowed_as_often_as_an_oracle_says() -> anyhow::Result<()> {
    const ROUNDS: u32 = 10_000;
    let clock = Clock::set_to("2026-01-01T00:00:00Z".parse()?);
    let config = KvConfig::new(KvTarget::InProcess).with_clock(clock.clone());
    let kv = Kv::connect(config).await?;
    let quota = Quota::new(50, Duration::from_millis(500));
    let their_clock = FakeRelativeClock::default();
    let theirs = OracleQuota::with_period(Duration::from_millis(10))
        .unwrap()
        .allow_burst(NonZeroU32::new(50).unwrap());
    let theirs = Oracle::direct_with_clock(theirs, their_clock.clone());
    let (mut all, mut calls) = (0, 0);
    for round in 0..ROUNDS {
        let allowed = race(&kv, quota, 4, 25).await?;
        let expected = (0..100).filter(|_| theirs.check().is_ok()).count();
        assert_eq!(
            u64::from(allowed),
            u64::try_from(expected)?,
            "round {round}"
        );
        all += allowed;
        calls += 100;
        // Mostly a little, and now and then long enough for the whole burst to come back.
        let step = match fastrand::u32(..20) {
            0 => Duration::from_millis(fastrand::u64(..1_000)),
            _ => Duration::from_micros(fastrand::u64(..20_000)),
        };
        clock.advance(step);
        their_clock.advance(step);
    }
    eprintln!("{calls} calls, {all} allowed");
    assert_eq!(calls, 1_000_000);
    Ok(())
}

/// 40,000 calls from two stores to one server, by its clock: what was allowed is at most the burst and what has come back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn racing_processes_get_no_more_than_the_quota_by_the_servers_clock() -> anyhow::Result<()> {
    let server = Server::start()?;
    let patient = || -> anyhow::Result<KvConfig> {
        Ok(KvConfig::from_url(&server.url())?.with_timeout(Duration::from_secs(10)))
    };
    let (one, other) = (
        Kv::connect(patient()?).await?,
        Kv::connect(patient()?).await?,
    );
    // One comes back each 5 ms.
    let (quota, interval_us) = (Quota::new(100, Duration::from_millis(500)), 5_000);
    let before = server_us(&server)?;
    let (left, right) = tokio::join!(race(&one, quota, 16, 1_250), race(&other, quota, 16, 1_250));
    let allowed = u64::from(left? + right?);
    let passed_us = server_us(&server)? - before;
    let most = 100 + passed_us / interval_us;
    eprintln!("40000 calls in {passed_us} us: {allowed} allowed, at most {most}");
    assert!(
        allowed <= most,
        "{allowed} allowed, and {most} are the quota"
    );
    assert!(allowed >= 100);
    Ok(())
}

fn server_us(server: &Server) -> anyhow::Result<u64> {
    let answer = server.ask(&["TIME"])?;
    let mut lines = answer.lines().skip(2).step_by(2);
    let mut next = || -> anyhow::Result<u64> { Ok(lines.next().unwrap_or_default().parse()?) };
    Ok(next()? * 1_000_000 + next()?)
}

/// What is sent for a decision has no time in it, so a process whose clock is an hour off gets what everyone gets.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_clock_of_a_process_reaches_the_server() -> anyhow::Result<()> {
    let server = Server::start()?;
    let kv = connect(&server.url()).await?;
    let quota = Quota::new(5, Duration::from_secs(60));
    kv.check("a", quota).await?;
    server.ask(&["CONFIG", "SET", "slowlog-log-slower-than", "0"])?;
    for _ in 0..2 {
        kv.check("a", quota).await?;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    server.ask(&["CONFIG", "SET", "slowlog-log-slower-than", "-1"])?;
    let log = server.ask(&["SLOWLOG", "GET", "10"])?;
    // Behind the key come the interval, the burst and the cost, and nothing where a test's time would be.
    let sent: Vec<_> = log
        .matches("$8\r\n12000000\r\n$1\r\n5\r\n$1\r\n1\r\n$0\r\n\r\n")
        .collect();
    assert_eq!(sent.len(), 2, "{log}");
    Ok(())
}
