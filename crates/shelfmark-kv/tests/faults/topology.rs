//! Clusters whose slots move, and masters that are replaced.

use std::time::{Duration, Instant};

use shelfmark_core::ErrorKind;
use shelfmark_kv::{Counters, Keys, Kv, KvConfig, Lists, Strings};
use test_redis::{Cluster, Sentinel};

use crate::{connect, recovery};

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
