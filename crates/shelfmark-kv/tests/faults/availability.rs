//! The server is away, stands still, is slow, or comes back.

use std::time::{Duration, Instant};

use shelfmark_core::{Error, ErrorKind};
use shelfmark_kv::{
    Counters, Hashes, Keys, Kv, KvConfig, Lists, Locks, OutcomeUnknown, PubSub, Quota, RateLimiter,
    ReliableLists, Sets, Strings,
};
use test_redis::Server;

use crate::proxy::{Mode, Proxy};
use crate::{SLACK, connect, recovery};

const DEADLINE: Duration = Duration::from_millis(250);

/// The error of each kind of call, with how long it took and whether it may have changed something.
async fn errors(kv: &Kv) -> Vec<(&'static str, bool, Error, Duration)> {
    let mut errors = Vec::new();
    macro_rules! each {
        ($($name:literal, $writes:literal: $call:expr;)*) => {$(
            let began = Instant::now();
            let error = $call.await.map(drop).unwrap_err();
            errors.push(($name, $writes, error, began.elapsed()));
        )*};
    }
    let quota = Quota::new(1, Duration::from_secs(1));
    let second = Duration::from_secs(1);
    each! {
        "get", false: kv.get("a");
        "get_many", false: kv.get_many(&["a", "b"]);
        "exists", false: kv.exists("a");
        "fields", false: kv.all_fields("h");
        "members", false: kv.members("s");
        "range", false: kv.list_range("l", 0, -1);
        "set", true: kv.set("a", b"1", None);
        "set_many", true: kv.set_many(&[("a", b"1")], None);
        "delete", true: kv.delete("a");
        "incr", true: kv.incr("c", 1);
        "incr_within", true: kv.incr_within("c", 1, second);
        "push", true: kv.push_back("l", &[b"x"]);
        "pop", true: kv.pop_front("l");
        "pop_wait", true: kv.pop_wait(&["l"], Duration::from_secs(60));
        "take", true: kv.take("l", second, Duration::from_secs(60));
        "add", true: kv.add_members("s", &["x"]);
        "check", true: kv.check("r", quota);
        "lock", true: kv.try_lock("k", second);
        "publish", true: kv.publish("p", b"x");
    }
    errors
}

fn check_errors(errors: Vec<(&str, bool, Error, Duration)>, is_sent: Option<bool>) {
    for (name, writes, error, took) in errors {
        let kind = error.kind();
        assert!(
            matches!(kind, ErrorKind::Timeout | ErrorKind::Connection),
            "{name}: {error}"
        );
        assert!(took <= DEADLINE + SLACK, "{name} took {took:?}: {error}");
        if let Some(is_sent) = is_sent {
            let is_unknown = OutcomeUnknown::is_cause_of(&error);
            assert_eq!(is_unknown, is_sent && writes, "{name}: {error}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_ends_by_its_deadline_while_the_server_stands_still() -> anyhow::Result<()> {
    let server = Server::start()?;
    let kv = connect(&server.url()).await?;
    kv.set("a", b"1", None).await?;
    server.freeze()?;
    // The first ones are on their way; later ones find that the connection was given up.
    check_errors(errors(&kv).await, None);
    server.thaw()?;
    let recovered = recovery(|| kv.get("a")).await?;
    assert!(recovered < Duration::from_secs(1) + SLACK, "{recovered:?}");
    assert_eq!(kv.get("a").await?.as_deref(), Some(&b"1"[..]));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_without_an_answer_in_time_is_of_unknown_outcome() -> anyhow::Result<()> {
    let server = Server::start()?;
    let kv = connect(&server.url()).await?;
    server.freeze()?;
    let error = kv.incr("a", 1).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(OutcomeUnknown::is_cause_of(&error));
    assert_eq!(error.method(), Some("Counters::incr"));
    let error = kv.get("a").await.unwrap_err();
    assert!(!OutcomeUnknown::is_cause_of(&error));
    server.thaw()?;
    recovery(|| kv.count("a")).await?;
    // It was in the server's hands, so here it has happened.
    assert_eq!(kv.count("a").await?, 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_server_nothing_is_sent_and_the_error_says_so() -> anyhow::Result<()> {
    let server = Server::start()?;
    let kv = connect(&server.url()).await?;
    server.crash();
    // The end of the connection reaches us in a moment.
    while kv.get("a").await.is_ok() {}
    check_errors(errors(&kv).await, Some(false));
    let error = kv.incr("a", 1).await.unwrap_err().to_string();
    assert!(error.contains("nothing was sent"), "{error}");
    assert!(!error.contains(server.password()), "{error}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_comes_back_within_a_second_of_its_server_also_when_idle() -> anyhow::Result<()> {
    let server = Server::start()?;
    let kv = connect(&server.url()).await?;
    for idle in [false, true] {
        let caller = tokio::spawn({
            let kv = kv.clone();
            async move {
                if idle {
                    return;
                }
                loop {
                    let _ = kv.get("a").await;
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            }
        });
        server.crash();
        tokio::time::sleep(Duration::from_millis(700)).await;
        server.restart()?;
        let recovered = recovery(|| kv.set("a", b"1", None)).await?;
        caller.abort();
        assert!(recovered < Duration::from_secs(1) + SLACK, "{recovered:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_call_after_an_idle_connection_was_closed_succeeds() -> anyhow::Result<()> {
    let server = Server::start()?;
    let kv = connect(&server.url()).await?;
    for _ in 0..10 {
        server.ask(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"])?;
        tokio::time::sleep(Duration::from_millis(20)).await;
        kv.incr("a", 1).await?;
    }
    assert_eq!(kv.count("a").await?, 10);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_machine_that_went_silent_is_given_up_and_another_connection_made() -> anyhow::Result<()>
{
    let server = Server::start()?;
    let proxy = Proxy::before(server.port()).await?;
    let kv = connect(&proxy.url(&server.url())).await?;
    kv.set("a", b"1", None).await?;
    proxy.cut_power();
    let recovered = recovery(|| kv.get("a")).await?;
    assert!(
        recovered > DEADLINE && recovered < Duration::from_secs(2) + SLACK,
        "{recovered:?}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_server_costs_deadlines_and_mixes_up_nothing() -> anyhow::Result<()> {
    let server = Server::start()?;
    let proxy = Proxy::before(server.port()).await?;
    let kv = connect(&proxy.url(&server.url())).await?;
    for number in 0..20_u8 {
        kv.set(&format!("k{number}"), &[number], None).await?;
    }
    proxy.set(Mode::Late(Duration::from_millis(300)));
    let began = Instant::now();
    let error = kv.get("k1").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(began.elapsed() < DEADLINE + SLACK);
    proxy.set(Mode::Pass);
    recovery(|| kv.get("k0")).await?;
    for number in 0..20_u8 {
        assert_eq!(
            kv.get(&format!("k{number}")).await?.as_deref(),
            Some(&[number][..])
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_callers_of_a_server_that_is_away_make_no_storm() -> anyhow::Result<()> {
    let server = Server::start()?;
    let proxy = Proxy::before(server.port()).await?;
    let kv = connect(&proxy.url(&server.url())).await?;
    proxy.set(Mode::HangUp);
    let before = proxy.accepted();
    let began = Instant::now();
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..200 {
        let kv = kv.clone();
        callers.spawn(async move {
            while began.elapsed() < Duration::from_secs(1) {
                let _ = kv.get("a").await;
            }
        });
    }
    while callers.join_next().await.is_some() {}
    let attempts = proxy.accepted() - before;
    assert!(attempts <= 15, "{attempts} attempts");
    proxy.set(Mode::Pass);
    assert!(recovery(|| kv.get("a")).await? < Duration::from_secs(1) + SLACK);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn opening_fails_clearly_without_a_server_and_with_a_wrong_password() -> anyhow::Result<()> {
    let server = Server::start()?;
    let wrong = server.url().replacen("%40@", "wr0ng@", 1);
    let began = Instant::now();
    let error = Kv::connect(KvConfig::from_url(&wrong)?).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{error}");
    assert!(
        began.elapsed() < Duration::from_secs(1),
        "{:?}",
        began.elapsed()
    );
    assert!(!error.to_string().contains("wr0ng"), "{error}");
    server.crash();
    let config =
        KvConfig::from_url(&server.url())?.with_connect_timeout(Duration::from_millis(200));
    let error = Kv::connect(config.clone()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection, "{error}");
    let kv = Kv::connect(config.with_lazy(true)).await?;
    assert!(kv.get("a").await.is_err());
    server.restart()?;
    recovery(|| kv.get("a")).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wait_for_a_list_fails_when_the_server_goes_away_and_works_after() -> anyhow::Result<()> {
    let server = Server::start()?;
    let kv = connect(&server.url()).await?;
    let waiter = tokio::spawn({
        let kv = kv.clone();
        async move { kv.pop_wait(&["l"], Duration::from_secs(60)).await }
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    server.crash();
    let ended = tokio::time::timeout(Duration::from_secs(4), waiter).await??;
    assert_eq!(ended.unwrap_err().kind(), ErrorKind::Connection);
    server.restart()?;
    recovery(|| kv.push_back("l", &[b"x"])).await?;
    let item = kv.pop_wait(&["l"], Duration::from_secs(10)).await?;
    assert_eq!(&*item.unwrap().1, b"x");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_whose_server_stands_still_is_lost_when_its_time_is_over() -> anyhow::Result<()> {
    let server = Server::start()?;
    let kv = connect(&server.url()).await?;
    let ttl = Duration::from_millis(800);
    let lock = kv.try_lock("l", ttl).await?.unwrap();
    server.freeze()?;
    let began = Instant::now();
    tokio::time::timeout(Duration::from_secs(10), lock.lost()).await?;
    assert!(began.elapsed() <= ttl + SLACK, "{:?}", began.elapsed());
    assert!(!lock.is_held());
    server.thaw()?;
    // Somebody else gets a bigger token.
    recovery(|| kv.get("x")).await?;
    let new = kv.lock("l", ttl, Duration::from_secs(10)).await?;
    assert!(new.token() > lock.token());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_store_leaves_no_connection_behind() -> anyhow::Result<()> {
    let server = Server::start()?;
    let connections = || -> anyhow::Result<usize> {
        Ok(server.ask(&["CLIENT", "LIST"])?.matches(" addr=").count())
    };
    let before = connections()?;
    let kv = connect(&server.url()).await?;
    let subscription = kv.subscribe(&["a"]).await?;
    let waiter = tokio::spawn({
        let kv = kv.clone();
        async move { kv.pop_wait(&["l"], Duration::from_secs(60)).await }
    });
    let deadline = Instant::now() + Duration::from_secs(10);
    // The shared one, that of messages, and that of the list.
    while connections()? < before + 3 {
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    waiter.abort();
    drop((kv, subscription));
    while connections()? > before {
        assert!(
            Instant::now() < deadline,
            "{} are left",
            connections()? - before
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}
