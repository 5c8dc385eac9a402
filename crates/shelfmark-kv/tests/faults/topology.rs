//! Clusters whose slots move, and masters that are replaced.

use std::sync::Arc;
use std::time::{Duration, Instant};

use shelfmark_core::ErrorKind;
use shelfmark_kv::{Counters, Keys, Kv, KvConfig, Lists, OutcomeUnknown, Strings};
use test_redis::{Cluster, Sentinel};

use crate::{SLACK, connect, recovery};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slot_that_moves_is_followed() -> anyhow::Result<()> {
    let cluster = Cluster::start()?;
    let config = KvConfig::from_url(&cluster.url())?.with_timeout(Duration::from_secs(10));
    let kv = Kv::connect(config).await?;
    // "foo" is in slot 12182, of the third server.
    kv.set("foo", b"1", None).await?;
    assert!(kv.delete("foo").await?);
    for to in [0, 1, 2] {
        cluster.move_slot(12_182, to)?;
        assert_eq!(kv.incr("foo", 1).await?, 1);
        let answer = cluster.servers()[to].ask(&["GET", "foo"])?;
        assert_eq!(answer, "$1\r\n1\r\n");
        let values = kv.get_many(&["foo", "bar", "hello"]).await?;
        assert_eq!(values[0].as_deref(), Some(&b"1"[..]));
        assert!(kv.delete("foo").await?);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_without_one_server_serves_the_slots_of_the_others() -> anyhow::Result<()> {
    let cluster = Cluster::start()?;
    for server in cluster.servers() {
        server.ask(&["CONFIG", "SET", "cluster-require-full-coverage", "no"])?;
    }
    let kv = connect(&cluster.url()).await?;
    recovery(|| kv.set("foo", b"1", None)).await?;
    // "bar" is in slot 5061, of the first server.
    cluster.servers()[0].crash();
    while kv.get("bar").await.is_ok() {}
    let error = kv.incr("bar", 1).await.unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::Connection | ErrorKind::Timeout),
        "{error}"
    );
    assert_eq!(kv.get("foo").await?.as_deref(), Some(&b"1"[..]));
    cluster.servers()[0].restart()?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_master_that_sentinels_name_is_followed() -> anyhow::Result<()> {
    let sentinel = Sentinel::start()?;
    let kv = connect(&sentinel.url()).await?;
    kv.push_back("l", &[b"x"]).await?;
    let [_, replica] = sentinel.servers();
    while !replica.ask(&["EXISTS", "l"])?.starts_with(":1") {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    sentinel.fail_over()?;
    // Until it is told, the old master takes writes that nobody will see again.
    let deadline = Instant::now() + Duration::from_secs(20);
    while !replica.ask(&["EXISTS", "m"])?.starts_with(":1") {
        assert!(Instant::now() < deadline);
        recovery(|| kv.push_back("m", &[b"y"])).await?;
    }
    assert_eq!(kv.list_range("l", 0, -1).await?, [&b"x"[..]]);
    Ok(())
}

/// Counters of one slot that somebody counts up all the time, and what became of the calls.
struct Storm {
    keys: Vec<String>,
    stop: tokio::sync::watch::Sender<bool>,
    callers: tokio::task::JoinSet<Tally>,
}

#[derive(Default)]
struct Tally {
    done: Vec<i64>,
    unknown: Vec<i64>,
    /// The errors of calls that were not done.
    not_done: Vec<shelfmark_core::Error>,
}

impl Storm {
    /// 16 callers on 64 keys of the slot of "foo", with two kinds of counts: a command and a script.
    fn begin(kv: &Kv) -> Storm {
        let keys: Vec<String> = (0..64).map(|number| format!("{{foo}}:{number}")).collect();
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let mut callers = tokio::task::JoinSet::new();
        for _ in 0..16 {
            let (kv, stopped, keys) = (kv.clone(), stopped.clone(), keys.clone());
            callers.spawn(async move {
                let mut tally = Tally {
                    done: vec![0; keys.len()],
                    unknown: vec![0; keys.len()],
                    ..Tally::default()
                };
                while !*stopped.borrow() {
                    let at = fastrand::usize(..keys.len());
                    let counted = if fastrand::bool() {
                        kv.incr(&keys[at], 1).await
                    } else {
                        kv.incr_within(&keys[at], 1, Duration::from_secs(600)).await
                    };
                    match counted {
                        Ok(_) => tally.done[at] += 1,
                        Err(error) if OutcomeUnknown::is_cause_of(&error) => tally.unknown[at] += 1,
                        Err(error) => tally.not_done.push(error),
                    }
                }
                tally
            });
        }
        Storm {
            keys,
            stop,
            callers,
        }
    }

    async fn end(mut self) -> anyhow::Result<(Vec<String>, Tally)> {
        self.stop.send_replace(true);
        let mut all = Tally {
            done: vec![0; self.keys.len()],
            unknown: vec![0; self.keys.len()],
            ..Tally::default()
        };
        while let Some(tally) = self.callers.join_next().await {
            let tally = tally?;
            for at in 0..self.keys.len() {
                all.done[at] += tally.done[at];
                all.unknown[at] += tally.unknown[at];
            }
            all.not_done.extend(tally.not_done);
        }
        Ok((self.keys, all))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slot_that_moves_key_by_key_under_a_storm_loses_and_doubles_nothing() -> anyhow::Result<()>
{
    let cluster = Cluster::start()?;
    let config = KvConfig::from_url(&cluster.url())?.with_timeout(Duration::from_secs(10));
    let kv = Kv::connect(config).await?;
    let storm = Storm::begin(&kv);
    // There and back again, so that each server has been on both ends.
    for (from, to) in [(2, 0), (0, 1), (1, 2)] {
        cluster.begin_move(12_182, from, to)?;
        for key in &storm.keys {
            cluster.move_key(key, from, to)?;
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
        cluster.move_slot(12_182, to)?;
        // Everybody is sent to the new owner now.
        for _ in 0..20 {
            kv.incr("{foo}:0", 0).await?;
        }
    }
    let (keys, tally) = storm.end().await?;
    let failed = tally.not_done.first();
    assert!(failed.is_none(), "{failed:?}");
    assert_eq!(tally.unknown.iter().sum::<i64>(), 0);
    let done: i64 = tally.done.iter().sum();
    eprintln!("{done} counts during 192 moves of keys");
    assert!(done > 2_000, "{done} counts");
    for (key, done) in keys.iter().zip(tally.done) {
        assert_eq!(kv.count(key).await?, done, "{key}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_master_that_dies_is_replaced_and_calls_succeed_within_a_second_of_it()
-> anyhow::Result<()> {
    let cluster = Arc::new(Cluster::start_with_replica()?);
    let kv = connect(&cluster.url()).await?;
    // "bar" is in slot 5061, of the first server, which the URL names; "foo" is on the third one.
    kv.set("bar", b"1", None).await?;
    let [master, _, _, replica] = cluster.servers() else {
        anyhow::bail!("there are four servers");
    };
    // The write is on the replica before its master dies: what is not there may be lost.
    while !replica.ask(&["DBSIZE"])?.starts_with(":1") {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let replaced = tokio::task::spawn_blocking({
        let cluster = cluster.clone();
        move || -> anyhow::Result<Instant> {
            while !cluster.servers()[3].ask(&["ROLE"])?.contains("master") {
                std::thread::sleep(Duration::from_millis(5));
            }
            Ok(Instant::now())
        }
    });
    master.crash();
    let mut failures = 0;
    let succeeded = loop {
        let began = Instant::now();
        match kv.incr("counter:{bar}", 1).await {
            Ok(_) => break Instant::now(),
            Err(error) => {
                failures += 1;
                assert!(
                    matches!(error.kind(), ErrorKind::Connection | ErrorKind::Timeout),
                    "{error}"
                );
                assert!(began.elapsed() < Duration::from_millis(250) + SLACK);
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        anyhow::ensure!(failures < 200, "the replica did not take over");
    };
    assert!(failures > 0);
    let after = succeeded.saturating_duration_since(replaced.await??);
    eprintln!("{failures} failures, and the first success {after:?} after the replica took over");
    assert!(after < Duration::from_secs(1) + SLACK, "{after:?}");
    assert_eq!(kv.get("bar").await?.as_deref(), Some(&b"1"[..]));
    recovery(|| kv.set("foo", b"1", None)).await?;
    // The old master comes back as the replica, and nobody writes to it.
    master.restart()?;
    for _ in 0..50 {
        kv.incr("counter:{bar}", 1).await?;
    }
    Ok(())
}
