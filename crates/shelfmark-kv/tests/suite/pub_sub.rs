use std::time::Duration;

use shelfmark_core::ErrorKind;
use shelfmark_kv::{Event, Kv, PubSub, Subscription};

use crate::on_every_engine;

async fn next(subscription: &mut Subscription) -> anyhow::Result<Event> {
    Ok(tokio::time::timeout(Duration::from_secs(20), subscription.next()).await?)
}

fn message(channel: &str, pattern: Option<&str>, payload: &[u8]) -> Event {
    // The type cannot be built elsewhere.
    Event::Message {
        channel: channel.to_owned(),
        pattern: pattern.map(str::to_owned),
        payload: payload.to_vec().into(),
    }
}

on_every_engine! {
    async fn a_message_reaches_all_who_listen_on_its_channel(kv: Kv) {
        let mut one = kv.subscribe(&["a", "b"]).await?;
        let mut other = kv.subscribe(&["b", "c"]).await?;
        kv.publish("a", b"1").await?;
        kv.publish("b", b"\0\r\n").await?;
        kv.publish("c", b"3").await?;
        kv.publish("nobody", b"4").await?;
        assert_eq!(next(&mut one).await?, message("a", None, b"1"));
        assert_eq!(next(&mut one).await?, message("b", None, b"\0\r\n"));
        assert_eq!(next(&mut other).await?, message("b", None, b"\0\r\n"));
        assert_eq!(next(&mut other).await?, message("c", None, b"3"));
    }

    async fn a_pattern_brings_the_channels_that_it_matches(kv: Kv) {
        let mut matching = kv.subscribe_matching(&["shows:*", "[ab]?c"]).await?;
        kv.publish("other", b"0").await?;
        kv.publish("shows:7", b"1").await?;
        kv.publish("bxc", b"2").await?;
        assert_eq!(next(&mut matching).await?, message("shows:7", Some("shows:*"), b"1"));
        assert_eq!(next(&mut matching).await?, message("bxc", Some("[ab]?c"), b"2"));
    }

    async fn a_prefix_is_no_pattern(kv: Kv) {
        let odd = kv.prefixed("a*[b]:");
        let mut all = odd.subscribe_matching(&["*"]).await?;
        kv.publish("aXb:1", b"not ours").await?;
        odd.publish("1", b"ours").await?;
        assert_eq!(next(&mut all).await?, message("1", Some("*"), b"ours"));
    }

    async fn a_dropped_subscription_ends_and_a_new_one_begins(kv: Kv) {
        for round in 0..10_u8 {
            let mut subscription = kv.subscribe(&["a"]).await?;
            kv.publish("a", &[round]).await?;
            assert_eq!(next(&mut subscription).await?, message("a", None, &[round]));
        }
    }

    async fn messages_keep_their_order_and_a_slow_reader_is_told_what_it_missed(kv: Kv) {
        let mut slow = kv.subscribe(&["a"]).await?;
        let mut other = kv.subscribe(&["end"]).await?;
        for number in 0..1_500_u32 {
            kv.publish("a", &number.to_be_bytes()).await?;
        }
        kv.publish("end", b"").await?;
        next(&mut other).await?;
        assert_eq!(next(&mut slow).await?, Event::Missed { messages: 476 });
        for number in 476..1_500_u32 {
            assert_eq!(next(&mut slow).await?, message("a", None, &number.to_be_bytes()));
        }
    }

    async fn bad_channels_are_refused(kv: Kv) {
        let long = "x".repeat(600);
        for error in [
            kv.publish("", b"x").await.unwrap_err(),
            kv.publish(&long, b"x").await.unwrap_err(),
            kv.subscribe(&[]).await.unwrap_err(),
            kv.subscribe(&["a", ""]).await.unwrap_err(),
            kv.subscribe_matching(&[]).await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        }
    }
}
