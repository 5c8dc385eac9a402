//! Subscriptions whose connection goes away.

use std::time::Duration;

use shelfmark_core::ErrorKind;
use shelfmark_kv::{Event, PubSub, Subscription};
use test_redis::Server;

use crate::{connect, recovery};

async fn next(subscription: &mut Subscription) -> anyhow::Result<Event> {
    Ok(tokio::time::timeout(Duration::from_secs(20), subscription.next()).await?)
}

fn payload(event: Event) -> Option<Vec<u8>> {
    match event {
        Event::Message { payload, .. } => Some(payload.to_vec()),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_connection_is_told_and_messages_come_again_after_it() -> anyhow::Result<()> {
    let server = Server::start()?;
    let kv = connect(&server.url()).await?;
    let mut named = kv.subscribe(&["a"]).await?;
    let mut matching = kv.subscribe_matching(&["a*"]).await?;
    for round in 0..3_u8 {
        server.ask(&["CLIENT", "KILL", "TYPE", "pubsub"])?;
        for subscription in [&mut named, &mut matching] {
            assert_eq!(next(subscription).await?, Event::Interrupted);
            assert_eq!(next(subscription).await?, Event::Resumed);
        }
        kv.publish("a", &[round]).await?;
        for subscription in [&mut named, &mut matching] {
            assert_eq!(payload(next(subscription).await?), Some(vec![round]));
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_is_told_and_new_subscribers_are_told_nothing_of_it() -> anyhow::Result<()> {
    let server = Server::start()?;
    let kv = connect(&server.url()).await?;
    let mut old = kv.subscribe(&["a"]).await?;
    server.crash();
    assert_eq!(next(&mut old).await?, Event::Interrupted);
    let error = kv.subscribe(&["b"]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection, "{error}");
    server.restart()?;
    assert_eq!(next(&mut old).await?, Event::Resumed);
    let mut new = kv.subscribe(&["a"]).await?;
    recovery(|| kv.publish("a", b"x")).await?;
    assert_eq!(payload(next(&mut new).await?), Some(b"x".to_vec()));
    assert_eq!(payload(next(&mut old).await?), Some(b"x".to_vec()));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stands_still_is_noticed_by_subscribers() -> anyhow::Result<()> {
    let server = Server::start()?;
    let kv = connect(&server.url()).await?;
    let mut subscription = kv.subscribe(&["a"]).await?;
    server.freeze()?;
    assert_eq!(next(&mut subscription).await?, Event::Interrupted);
    server.thaw()?;
    assert_eq!(next(&mut subscription).await?, Event::Resumed);
    Ok(())
}
