//! What is done once, what is refused, and what is never done twice.

use std::time::Duration;

use shelfmark_core::ErrorKind;
use shelfmark_kv::{
    Counters, Keys, Kv, KvConfig, Lists, Locks, OutcomeUnknown, Quota, RateLimiter, ReliableLists,
    Strings,
};
use test_redis::Server;

use crate::connect;

const LONG: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_server_refuses_writes_clearly_and_loses_nothing() -> anyhow::Result<()> {
    let server = Server::start()?;
    let kv = connect(&server.url()).await?;
    kv.set("a", b"1", None).await?;
    kv.incr("c", 1).await?;
    kv.push_back("l", &[b"x", b"y"]).await?;
    let taken = kv.take("l", Duration::from_millis(1), LONG).await?.unwrap();
    server.ask(&["CONFIG", "SET", "maxmemory", "1mb"])?;
    let quota = Quota::new(1, LONG);
    for error in [
        kv.set("b", b"1", None).await.unwrap_err(),
        kv.incr("c", 1).await.unwrap_err(),
        kv.incr_within("d", 1, LONG).await.unwrap_err(),
        kv.push_back("l", &[b"z"]).await.unwrap_err(),
        kv.check("r", quota).await.unwrap_err(),
        kv.try_lock("k", LONG).await.unwrap_err(),
        kv.take("l", LONG, Duration::ZERO).await.unwrap_err(),
        kv.set_many(&[("b", b"1")], None).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Other, "{error}");
        assert_eq!(error.code(), Some("OOM"), "{error}");
        assert!(!OutcomeUnknown::is_cause_of(&error));
    }
    assert_eq!(kv.get("a").await?.as_deref(), Some(&b"1"[..]));
    assert_eq!(kv.count("c").await?, 1);
    assert_eq!(kv.list_len("l").await?, 1);
    assert!(!kv.exists("k").await?);
    server.ask(&["CONFIG", "SET", "maxmemory", "0"])?;
    let mut items = Vec::new();
    while let Some(again) = kv.take("l", LONG, Duration::ZERO).await? {
        items.extend_from_slice(again.item());
    }
    items.sort_unstable();
    assert_eq!(items, b"xy");
    assert!(!kv.ack(&taken).await?);
    Ok(())
}

#[tokio::test]
async fn a_full_process_refuses_what_does_not_fit_and_lets_only_cached_strings_go()
-> anyhow::Result<()> {
    let config = KvConfig::from_url("memory:")?.with_room(100, 1024 * 1024);
    let kv = Kv::connect(config).await?;
    kv.incr("counter", 7).await?;
    kv.push_back("list", &[b"x"]).await?;
    kv.incr_within("window", 3, LONG).await?;
    kv.set("was a string", b"1", Some(LONG)).await?;
    kv.incr("was a string", 1).await?;
    for number in 0..1_000_u64 {
        let ttl = Some(LONG + Duration::from_secs(number));
        kv.set(&format!("cached{number}"), b"x", ttl).await?;
    }
    assert_eq!(kv.count("counter").await?, 7);
    assert_eq!(kv.count("window").await?, 3);
    assert_eq!(kv.count("was a string").await?, 2);
    assert_eq!(kv.list_len("list").await?, 1);
    // Counters push the cached strings out, and then there is no more room.
    let mut counted = 0;
    let error = loop {
        match kv.incr(&format!("c{counted}"), 1).await {
            Ok(_) => counted += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(counted, 96);
    assert_eq!(
        (error.kind(), error.code()),
        (ErrorKind::Other, Some("OOM")),
        "{error}"
    );
    assert_eq!(
        kv.push_back("list", &[&[0; 1024 * 1024]])
            .await
            .unwrap_err()
            .code(),
        Some("OOM")
    );
    assert_eq!(kv.list_len("list").await?, 1);
    kv.delete("c0").await?;
    kv.incr("c0", 1).await?;
    Ok(())
}

#[tokio::test]
async fn room_is_given_back_by_whatever_makes_less() -> anyhow::Result<()> {
    let kv = Kv::connect(KvConfig::from_url("memory:")?.with_room(10, 8 * 1024)).await?;
    let value = [0; 1024];
    for _ in 0..100 {
        kv.push_back("l", &[&value, &value, &value]).await?;
        kv.pop_front("l").await?;
        kv.list_trim("l", -1, -1).await?;
        let taken = kv.take("l", LONG, Duration::ZERO).await?.unwrap();
        assert!(kv.ack(&taken).await?);
        kv.set("s", &value, Some(Duration::from_millis(1))).await?;
        kv.set("s", &value, None).await?;
        kv.delete("s").await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_forgot_the_scripts_is_sent_them_again() -> anyhow::Result<()> {
    let server = Server::start()?;
    let kv = connect(&server.url()).await?;
    let mut held = None;
    for round in 1..5 {
        assert_eq!(kv.incr_within("a", 1, LONG).await?, round);
        server.ask(&["SCRIPT", "FLUSH"])?;
        let lock = kv.try_lock("l", LONG).await?;
        assert_eq!(lock.is_some(), round == 1);
        held = held.or(lock);
        server.ask(&["SCRIPT", "FLUSH"])?;
    }
    assert!(held.is_some_and(|lock| lock.is_held()));
    Ok(())
}

#[tokio::test]
async fn a_take_without_room_leaves_the_item_in_its_list() -> anyhow::Result<()> {
    let kv = Kv::connect(KvConfig::from_url("memory:")?.with_room(1, 8 * 1024)).await?;
    kv.push_back("l", &[b"x", b"y"]).await?;
    let error = kv.take("l", LONG, Duration::ZERO).await.unwrap_err();
    assert_eq!(error.code(), Some("OOM"), "{error}");
    assert_eq!(kv.list_range("l", 0, -1).await?.concat(), b"xy");
    Ok(())
}
