//! Subscriptions whose connection goes away.

use std::time::Duration;

use shelfmark_core::ErrorKind;
use shelfmark_kv::{Event, PubSub, Subscription};
use test_redis::Server;

use crate::proxy::{Mode, Proxy};
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscriber_that_the_server_gave_up_on_is_told_of_the_gap() -> anyhow::Result<()> {
    let server = Server::start_with(&[("client-output-buffer-limit", "pubsub 1mb 0 0")])?;
    let proxy = Proxy::before(server.port()).await?;
    let kv = connect(&server.url()).await?;
    let slow = connect(&proxy.url(&server.url())).await?;
    let mut subscription = slow.subscribe(&["a"]).await?;
    proxy.set(Mode::Unread);
    // More than the buffers of the machine and the server's limit hold together.
    let message = vec![0; 512 * 1024];
    let gave_up = || -> anyhow::Result<bool> {
        Ok(std::fs::read_to_string(server.log())?.contains("overcoming of output buffer limits"))
    };
    let mut published = 0;
    while !gave_up()? {
        published += 1;
        anyhow::ensure!(published < 500, "the server takes {published} messages");
        kv.publish("a", &message).await?;
    }
    proxy.set(Mode::Pass);
    // What was on its way may come; then the gap is told, and after it everything comes again.
    let mut seen = 0;
    loop {
        match next(&mut subscription).await? {
            Event::Interrupted => break,
            Event::Message { .. } => seen += 1,
            Event::Missed { messages } => seen += messages,
            event => anyhow::bail!("{event:?}"),
        }
    }
    assert!(seen < published, "{seen} of {published}");
    assert_eq!(next(&mut subscription).await?, Event::Resumed);
    kv.publish("a", b"x").await?;
    assert_eq!(payload(next(&mut subscription).await?), Some(b"x".to_vec()));
    Ok(())
}
