//! Every class of what real servers refuse, and that it is over when its reason is.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use shelfmark_core::{Error, ErrorKind};
use shelfmark_kv::{
    Counters, Hashes, Kv, KvConfig, Lists, Locks, OutcomeUnknown, Quota, RateLimiter,
    ReliableLists, Strings,
};
use test_redis::{Cluster, Sentinel, Server};

use crate::{connect, recovery};

#[track_caller]
fn expect(error: &Error, kind: ErrorKind, code: &str) {
    assert_eq!((error.kind(), error.code()), (kind, Some(code)), "{error}");
    assert!(!OutcomeUnknown::is_cause_of(error), "{error}");
}

/// Runs `work`, which blocks, and `see` at the same time, and answers what both answer. `see` has to end by itself.
fn during<T: Send, U>(work: impl FnOnce() -> T + Send, see: impl AsyncFnOnce() -> U) -> (U, T) {
    std::thread::scope(|scope| {
        let working = scope.spawn(work);
        let runtime = tokio::runtime::Handle::current();
        let limit = Duration::from_secs(20);
        let seen =
            tokio::task::block_in_place(|| runtime.block_on(tokio::time::timeout(limit, see())));
        (seen.unwrap(), working.join().unwrap())
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_refuses_writes_until_there_is_a_master() -> anyhow::Result<()> {
    let server = Server::start()?;
    let kv = connect(&server.url()).await?;
    server.ask(&["REPLICAOF", "127.0.0.1", "1"])?;
    let error = kv.incr("a", 1).await.unwrap_err();
    expect(&error, ErrorKind::Connection, "READONLY");
    assert!(error.to_string().contains("become a replica"), "{error}");
    server.ask(&["REPLICAOF", "NO", "ONE"])?;
    recovery(|| kv.incr("a", 1)).await?;
    Ok(())
}

/// A connection to a master that is deposed is given up by the first refusal, and the new master is looked for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_failover_a_refusal_leads_to_the_new_master() -> anyhow::Result<()> {
    let sentinel = Sentinel::start()?;
    let kv = connect(&sentinel.url()).await?;
    kv.incr("a", 1).await?;
    sentinel.fail_over()?;
    let [old, new] = sentinel.servers();
    // The sentinel tells the old one in its own time; here we do.
    old.ask(&["REPLICAOF", "127.0.0.1", &new.port().to_string()])?;
    let first = kv.set("b", b"1", None).await;
    if let Err(error) = &first {
        assert_eq!(error.kind(), ErrorKind::Connection, "{error}");
    }
    let recovered = recovery(|| kv.set("b", b"1", None)).await?;
    assert!(recovered < Duration::from_secs(1), "{recovered:?}");
    assert_eq!(new.ask(&["EXISTS", "b"])?, ":1\r\n");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_user_may_not_do_is_a_matter_of_configuration() -> anyhow::Result<()> {
    let server = Server::start()?;
    server.ask(&[
        "ACL",
        "SETUSER",
        "reader",
        "on",
        ">s3cret",
        "~allowed:*",
        "&*",
        "+@read",
        "+@connection",
    ])?;
    let url = format!("redis://reader:s3cret@127.0.0.1:{}", server.port());
    let kv = connect(&url).await?;
    assert_eq!(kv.get("allowed:a").await?, None);
    // A command, a script, and a key that are not this user's.
    for error in [
        kv.incr("allowed:a", 1).await.unwrap_err(),
        kv.incr_within("allowed:a", 1, Duration::from_secs(9))
            .await
            .unwrap_err(),
        kv.get("other").await.unwrap_err(),
        kv.all_fields("allowed:h").await.unwrap_err(),
    ] {
        expect(&error, ErrorKind::InvalidConfig, "NOPERM");
        assert!(!format!("{error} {error:?}").contains("s3cret"));
    }
    // A user that is gone, or has another password, is refused with the next connection.
    server.ask(&["ACL", "SETUSER", "reader", "resetpass", ">other"])?;
    server.ask(&["CLIENT", "KILL", "USER", "reader"])?;
    let error = loop {
        match kv.get("allowed:a").await {
            Err(error) if error.kind() == ErrorKind::InvalidConfig => break error,
            _ => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    };
    assert!(
        error.to_string().contains("check user and password"),
        "{error}"
    );
    server.ask(&["ACL", "SETUSER", "reader", "resetpass", ">s3cret"])?;
    recovery(|| kv.get("allowed:a")).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_url_without_a_password_is_refused_by_a_server_that_wants_one() -> anyhow::Result<()> {
    let server = Server::start()?;
    let url = format!("redis://127.0.0.1:{}", server.port());
    let error = Kv::connect(KvConfig::from_url(&url)?).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{error}");
    assert!(error.to_string().contains("NOAUTH"), "{error}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_in_somebodys_script_is_busy_and_then_not() -> anyhow::Result<()> {
    let server = Server::start_with(&[("busy-reply-threshold", "20")])?;
    let kv = connect(&server.url()).await?;
    kv.incr("a", 1).await?;
    let script = "for i = 1, 1e8 do end return 1";
    let (error, ended) = during(
        || server.ask(&["EVAL", script, "0"]),
        async || {
            loop {
                match kv.incr("a", 0).await {
                    Err(error) if error.code() == Some("BUSY") => return error,
                    _ => tokio::time::sleep(Duration::from_millis(5)).await,
                }
            }
        },
    );
    ended?;
    expect(&error, ErrorKind::Connection, "BUSY");
    recovery(|| kv.incr("a", 1)).await?;
    assert_eq!(kv.count("a").await?, 2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_cannot_save_takes_no_writes() -> anyhow::Result<()> {
    let server = Server::start_with(&[("save", "3600 1")])?;
    let kv = connect(&server.url()).await?;
    kv.incr("a", 1).await?;
    // A folder where the file should be.
    std::fs::create_dir(server.folder().join("dump.rdb"))?;
    server.ask(&["BGSAVE"])?;
    let error = loop {
        match kv.incr("a", 0).await {
            Err(error) => break error,
            Ok(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    };
    expect(&error, ErrorKind::Other, "MISCONF");
    assert_eq!(kv.count("a").await?, 1);
    std::fs::remove_dir(server.folder().join("dump.rdb"))?;
    server.ask(&["CONFIG", "SET", "stop-writes-on-bgsave-error", "no"])?;
    recovery(|| kv.incr("a", 1)).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_reads_its_data_is_not_ready_yet() -> anyhow::Result<()> {
    // Half a millisecond for each key, and a look at its callers after each few of them.
    let server = Server::start_with(&[
        ("save", "3600 1"),
        ("key-load-delay", "500"),
        ("loading-process-events-interval-bytes", "1024"),
    ])?;
    let kv = connect(&server.url()).await?;
    for number in 0..2_000 {
        kv.set(&format!("k{number}"), &[0; 64], None).await?;
    }
    server.ask(&["SAVE"])?;
    let (loading, restarted) = during(
        || server.restart(),
        async || {
            loop {
                match kv.incr("c", 0).await {
                    Err(error) if error.code() == Some("LOADING") => return error,
                    _ => tokio::time::sleep(Duration::from_millis(2)).await,
                }
            }
        },
    );
    restarted?;
    expect(&loading, ErrorKind::Connection, "LOADING");
    recovery(|| kv.incr("c", 1)).await?;
    assert_eq!(kv.get("k1999").await?.as_deref(), Some(&[0; 64][..]));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_with_a_slot_of_nobody_says_so_within_the_deadline() -> anyhow::Result<()> {
    let cluster = Cluster::start()?;
    let kv = connect(&cluster.url()).await?;
    // "foo" is in slot 12182, of the third server.
    kv.set("foo", b"1", None).await?;
    for server in cluster.servers() {
        server.ask(&["CLUSTER", "DELSLOTS", "12182"])?;
    }
    let error = loop {
        match kv.set("foo", b"1", None).await {
            Err(error) => break error,
            Ok(()) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    };
    assert_eq!(error.kind(), ErrorKind::Connection, "{error}");
    assert!(!OutcomeUnknown::is_cause_of(&error), "{error}");
    cluster.move_slot(12_182, 2)?;
    recovery(|| kv.set("foo", b"2", None)).await?;
    Ok(())
}

/// Keeps the texts of warnings.
struct Warnings(Arc<Mutex<Vec<String>>>);

impl tracing::Subscriber for Warnings {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() == tracing::Level::WARN
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut text = String::new();
        event.record(
            &mut |field: &tracing::field::Field, value: &dyn std::fmt::Debug| {
                text.push_str(&format!("{field}={value:?} "));
            },
        );
        self.0.lock().unwrap().push(text);
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

#[tokio::test]
async fn a_server_that_deletes_keys_to_make_room_is_warned_of() -> anyhow::Result<()> {
    let server = Server::start_with(&[("maxmemory", "100mb")])?;
    let warnings = Arc::new(Mutex::new(Vec::new()));
    let _listening = tracing::subscriber::set_default(Warnings(warnings.clone()));
    for (policy, is_warned) in [("noeviction", false), ("allkeys-lru", true)] {
        server.ask(&["CONFIG", "SET", "maxmemory-policy", policy])?;
        connect(&server.url()).await?;
        let told = warnings.lock().unwrap();
        assert_eq!(
            told.iter()
                .any(|text| text.contains("maxmemory-policy noeviction")),
            is_warned,
            "{policy}: {told:?}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_server_that_deletes_keys_to_make_room_gives_no_items_locks_and_limits()
-> anyhow::Result<()> {
    let server =
        Server::start_with(&[("maxmemory", "100mb"), ("maxmemory-policy", "volatile-lru")])?;
    let (second, config) = (Duration::from_secs(1), KvConfig::from_url(&server.url())?);
    let quota = Quota::new(1, second);
    for lazy in [false, true] {
        let kv = Kv::connect(config.clone().with_lazy(lazy)).await?;
        kv.push_back("jobs", &[b"a".as_slice()]).await?;
        let refused = [
            kv.take("jobs", second, Duration::ZERO).await.map(drop),
            kv.try_lock("nightly", second).await.map(drop),
            kv.check("client", quota).await.map(drop),
        ];
        for answer in refused {
            let error = answer.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
            let text = error.to_string();
            assert!(text.contains("maxmemory-policy volatile-lru"), "{text}");
            assert!(text.contains("KV_ALLOW_EVICTION"), "{text}");
        }
    }
    let kv = Kv::connect(config.with_allow_eviction(true)).await?;
    assert!(kv.take("jobs", second, Duration::ZERO).await?.is_some());
    assert!(kv.try_lock("nightly", second).await?.is_some());
    assert!(kv.check("client", quota).await?.allowed);
    Ok(())
}
