//! Servers behind Unix sockets, and sentinels with a password of their own.

use std::time::{Duration, Instant};

use shelfmark_core::ErrorKind;
use shelfmark_kv::{Counters, Event, Kv, KvConfig, PubSub, Strings};
use test_redis::{Sentinel, Server};

use crate::{SLACK, recovery};

/// A server with a socket, and the socket's URL without a login.
fn server() -> anyhow::Result<(Server, String)> {
    let server = Server::start_with(&[("unixsocket", "redis.sock")])?;
    let path = server.folder().join("redis.sock").display().to_string();
    Ok((server, path))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_is_reached_by_its_socket_with_login_and_database() -> anyhow::Result<()> {
    let (server, path) = server()?;
    let password = server.password().replace('@', "%40");
    for url in [
        format!("redis+unix://:{password}@{path}?db=1"),
        format!("unix:{path}?db=1&pass={password}"),
    ] {
        let vars = [("REDIS_URL".to_owned(), url)];
        let kv = Kv::connect(KvConfig::from_vars(vars)?).await?;
        kv.set("a", b"1", None).await?;
        let mut subscription = kv.subscribe(&["m"]).await?;
        kv.publish("m", b"x").await?;
        assert!(matches!(subscription.next().await, Event::Message { .. }));
    }
    // It was database 1, and not the first one.
    assert_eq!(server.ask(&["EXISTS", "a"])?, ":0\r\n");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_socket_is_connected_again_and_its_errors_name_it() -> anyhow::Result<()> {
    let (server, path) = server()?;
    let password = server.password().replace('@', "%40");
    let url = format!("redis+unix://:{password}@{path}");
    let kv = Kv::connect(KvConfig::from_url(&url)?).await?;
    let error = Kv::connect(KvConfig::from_url(&format!("unix:{path}"))?).await;
    let error = error.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{error}");
    server.crash();
    while kv.get("a").await.is_ok() {}
    let error = kv.incr("a", 1).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection, "{error}");
    let told = error.to_string();
    assert!(told.contains(&path) && !told.contains(&password), "{told}");
    server.restart()?;
    let recovered = recovery(|| kv.incr("a", 1)).await?;
    assert!(recovered < Duration::from_secs(1) + SLACK, "{recovered:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sentinels_are_asked_with_their_own_password() -> anyhow::Result<()> {
    let sentinel = Sentinel::start_with_password("s3ntinel")?;
    let config = |password: &str| {
        let vars = [
            ("REDIS_URL", sentinel.url()),
            ("REDIS_SENTINEL_PASSWORD", password.to_owned()),
        ];
        KvConfig::from_vars(vars.map(|(name, value)| (name.to_owned(), value)))
    };
    let kv = Kv::connect(config("s3ntinel")?).await?;
    assert_eq!(kv.incr("a", 1).await?, 1);
    for wrong in ["", "wr0ng"] {
        let began = Instant::now();
        let error = Kv::connect(config(wrong)?).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{error}");
        assert!(began.elapsed() < Duration::from_secs(1) + SLACK);
        assert!(!error.to_string().contains("wr0ng"), "{error}");
        assert!(
            error.to_string().contains("REDIS_SENTINEL_PASSWORD"),
            "{error}"
        );
    }
    Ok(())
}
