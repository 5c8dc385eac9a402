//! Many callers while connections are killed, servers crash, or stand still: what was done is known.

use std::time::{Duration, Instant};

use shelfmark_kv::{Counters, Kv, OutcomeUnknown, Strings};
use test_redis::Server;

use crate::{connect, recovery};

/// What became of calls.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    done: i64,
    unknown: i64,
    not_done: i64,
}

/// Counts up the key "a" with 32 callers while `disturb` runs, and answers what they were told.
async fn counted<F: Future<Output = anyhow::Result<()>>>(
    kv: &Kv,
    disturb: impl FnOnce(tokio::sync::watch::Receiver<Tally>) -> F,
) -> anyhow::Result<Tally> {
    let (told, tally) = tokio::sync::watch::channel(Tally::default());
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..32 {
        let (kv, stopped, told) = (kv.clone(), stopped.clone(), told.clone());
        callers.spawn(async move {
            while !*stopped.borrow() {
                let counted = kv.incr("a", 1).await;
                told.send_modify(|tally| match counted {
                    Ok(_) => tally.done += 1,
                    Err(error) if OutcomeUnknown::is_cause_of(&error) => tally.unknown += 1,
                    Err(_) => tally.not_done += 1,
                });
            }
        });
    }
    let disturbed = disturb(tally.clone()).await;
    stop.send_replace(true);
    while let Some(ended) = callers.join_next().await {
        ended?;
    }
    disturbed?;
    let all = *tally.borrow();
    Ok(all)
}

/// No count is done twice, and none that was acknowledged is missing. Counts of unknown outcome are done or not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_count_is_done_twice_while_connections_are_killed() -> anyhow::Result<()> {
    const COUNTS: i64 = 100_000;
    let server = Server::start()?;
    let kv = connect(&server.url()).await?;
    let began = Instant::now();
    let mut kills = 0;
    let tally = counted(&kv, async |tally| {
        // Looked at once: whoever holds two looks at a time waits for a caller, who waits for him.
        let counted = || {
            let tally = *tally.borrow();
            tally.done + tally.unknown
        };
        while kills < 100 || counted() < COUNTS {
            anyhow::ensure!(
                began.elapsed() < Duration::from_secs(60),
                "too slow: {kills} kills, {:?}",
                *tally.borrow()
            );
            tokio::time::sleep(Duration::from_millis(15)).await;
            server.ask(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"])?;
            kills += 1;
        }
        Ok(())
    })
    .await?;
    recovery(|| kv.get("a")).await?;
    let counted = kv.count("a").await?;
    eprintln!("{tally:?}, {kills} kills, {counted} on the server");
    assert!(tally.unknown > 0, "{tally:?}: the kills hit nobody");
    assert!(
        tally.done <= counted && counted <= tally.done + tally.unknown,
        "{tally:?}, {counted} counted"
    );
    Ok(())
}

/// With `appendfsync always` Redis answers after the write is on the disk: nothing that was acknowledged is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_server_that_writes_always_has_acknowledged_outlives_its_crashes()
-> anyhow::Result<()> {
    let server = Server::start_with(&[("appendonly", "yes"), ("appendfsync", "always")])?;
    let kv = connect(&server.url()).await?;
    let mut crashes = 0;
    let tally = counted(&kv, async |tally| {
        while crashes < 20 {
            let before = tally.borrow().done;
            let mut tally = tally.clone();
            tally.wait_for(|tally| tally.done > before + 20).await?;
            server.crash();
            server.restart()?;
            crashes += 1;
        }
        Ok(())
    })
    .await?;
    recovery(|| kv.get("a")).await?;
    let counted = kv.count("a").await?;
    eprintln!("{tally:?}, {crashes} crashes, {counted} on the server");
    assert!(
        tally.done <= counted && counted <= tally.done + tally.unknown,
        "{tally:?}, {counted} counted"
    );
    Ok(())
}

/// Calls that have ended leave nothing behind, however long the server stands still.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_of_a_server_that_stands_still_fill_no_memory() -> anyhow::Result<()> {
    let server = Server::start()?;
    let kv = connect(&server.url()).await?;
    let value: &'static [u8] = vec![7; 64 * 1024].leak();
    kv.set("a", value, None).await?;
    server.freeze()?;
    let before = resident_kib()?;
    let until = Instant::now() + Duration::from_secs(6);
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..64 {
        let kv = kv.clone();
        callers.spawn(async move {
            let mut calls = 0;
            while Instant::now() < until {
                let error = kv.set("a", value, None).await.unwrap_err();
                assert!(error.is_timeout() || error.is_unavailable(), "{error}");
                calls += 1;
            }
            calls
        });
    }
    let mut calls = 0;
    let mut most = 0;
    while let Some(made) = callers.join_next().await {
        calls += made?;
        most = most.max(resident_kib()?);
    }
    server.thaw()?;
    // What they have sent together, if all of it had been kept.
    let sent_kib = calls * 64;
    let grown_kib = most.saturating_sub(before);
    eprintln!("{calls} calls with {sent_kib} KiB; the process grew by {grown_kib} KiB");
    assert!(sent_kib > 64 * 1024, "{sent_kib} KiB");
    assert!(grown_kib < 48 * 1024, "the process grew by {grown_kib} KiB");
    Ok(())
}

/// How much memory of this process is in use, as Linux says it.
#[cfg(target_os = "linux")]
fn resident_kib() -> anyhow::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.unwrap_or_default().trim().trim_end_matches(" kB");
    Ok(kib.trim().parse()?)
}
