//! What an instance does with what it hears, and with the suspension of a cache that has other users, too.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use futures_util::stream;
use shelfmark_core::Notice;
use shelfmark_core::cache::QueryCache;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::super::agreement::Agreement;
use super::*;

type Told = Result<Notice>;

/// An engine that can be listened to once for each wire; then nobody answers.
struct Telling {
    inner: Arc<dyn Engine>,
    wires: Mutex<VecDeque<UnboundedReceiver<Told>>>,
}

impl Channel for Telling {
    passed_on!();

    fn execute<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<u64>> {
        self.inner.execute(call)
    }
}

impl Engine for Telling {
    fn begin(&self, options: BeginOptions) -> BoxFuture<'_, Result<Arc<dyn Session>>> {
        self.inner.begin(options)
    }
    fn maintenance(&self) -> BoxFuture<'_, Result<Arc<dyn Maintenance>>> {
        self.inner.maintenance()
    }
    fn describe<'a>(
        &'a self,
        sql: &'a str,
        specs: &'a [ParamSpec],
    ) -> BoxFuture<'a, Result<Description>> {
        self.inner.describe(sql, specs)
    }
    fn ping(&self) -> BoxFuture<'_, Result<()>> {
        self.inner.ping()
    }
    fn status(&self) -> PoolStatus {
        self.inner.status()
    }
    fn close(&self, deadline: Duration) -> BoxFuture<'_, Result<()>> {
        self.inner.close(deadline)
    }
    fn listen(&self, _: Vec<String>) -> BoxFuture<'_, Result<BoxStream<'static, Told>>> {
        let wire = self
            .wires
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front();
        Box::pin(async move {
            let Some(mut wire) = wire else {
                return std::future::pending().await;
            };
            let told: BoxStream<'static, Told> =
                Box::pin(stream::poll_fn(move |cx| wire.poll_recv(cx)));
            Ok(told)
        })
    }
}

/// An engine with so many wires, and their other ends.
async fn telling(wires: usize) -> Result<(Arc<dyn Engine>, Vec<UnboundedSender<Told>>)> {
    let (ends, wires) = (0..wires).map(|_| unbounded_channel()).unzip();
    let engine: Arc<dyn Engine> = Arc::new(Telling {
        inner: Arc::clone(&Db::memory().await?.shared.engine),
        wires: Mutex::new(wires),
    });
    Ok((engine, ends))
}

fn message(payload: &str) -> Told {
    Ok(Notice::Message {
        channel: "c".to_owned(),
        payload: payload.to_owned(),
    })
}

fn cache(probe: &Arc<Probe>) -> Arc<dyn QueryCache> {
    Arc::new(Arc::clone(probe))
}

#[tokio::test]
async fn what_one_instance_hears_does_not_end_the_suspension_of_another() -> Result<()> {
    let probe = Arc::new(Probe::in_process());
    let (silent, _) = telling(0).await?;
    let (engine, wires) = telling(1).await?;
    let deaf = Agreement::begin(&cache(&probe), &silent);
    let hears = Agreement::begin(&cache(&probe), &engine);
    probe.events.wait_for("resume", 1).await;
    assert_eq!(probe.suspended(), 1);
    let told = [
        Ok(Notice::Missed { messages: 1 }),
        Ok(Notice::Resumed),
        message("1 0000000000000001 *"),
        message("what is this?"),
    ];
    for (notice, nth) in told.into_iter().zip(1..) {
        wires[0].send(notice).unwrap();
        probe.events.wait_for("drop all", nth).await;
        assert_eq!(probe.suspended(), 1);
    }
    wires[0].send(Ok(Notice::Interrupted)).unwrap();
    wires[0].send(Ok(Notice::Resumed)).unwrap();
    probe.events.wait_for("resume", 2).await;
    assert_eq!(probe.suspended(), 1);
    assert!(deaf.holds() && hears.holds());
    drop(deaf);
    assert_eq!(probe.suspended(), 0);
    Ok(())
}

/// An inbox without room tells of what came before an outage, and of what came within it, as one.
#[tokio::test]
async fn evictions_that_were_missed_during_an_outage_do_not_end_it() -> Result<()> {
    let probe = Arc::new(Probe::in_process());
    let (engine, wires) = telling(1).await?;
    let agreement = Agreement::begin(&cache(&probe), &engine);
    let refused = Err(Error::new(ErrorKind::Connection));
    wires[0].send(Ok(Notice::Interrupted)).unwrap();
    wires[0].send(refused).unwrap();
    wires[0].send(Ok(Notice::Missed { messages: 7 })).unwrap();
    probe.events.wait_for("drop all", 1).await;
    assert_eq!(probe.suspended(), 1);
    wires[0].send(Ok(Notice::Resumed)).unwrap();
    probe.events.wait_for("resume", 2).await;
    assert_eq!(probe.suspended(), 0);
    assert!(agreement.holds());
    Ok(())
}

#[tokio::test]
async fn a_database_that_is_closed_while_it_hears_nothing_leaves_the_cache_to_others() -> Result<()>
{
    let probe = Arc::new(Probe::in_process());
    let (engine, _) = telling(0).await?;
    let agreement = Agreement::begin(&cache(&probe), &engine);
    assert_eq!(probe.suspended(), 1);
    agreement.close();
    assert_eq!(probe.suspended(), 0);
    assert!(!agreement.holds());
    drop(agreement);
    assert_eq!(probe.events.take(), ["suspend", "resume"]);
    Ok(())
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn who_heard_in_a_runtime_that_is_gone_hears_in_the_next() -> Result<()> {
    let probe = Arc::new(Probe::in_process());
    let first = runtime();
    let (engine, wires) = first.block_on(telling(2))?;
    let agreement = first.block_on(async {
        let agreement = Agreement::begin(&cache(&probe), &engine);
        probe.events.wait_for("resume", 1).await;
        agreement
    });
    assert!(agreement.holds());
    drop(first);
    // On no runtime nobody can listen, and reads go past the cache.
    assert!(!agreement.holds());
    runtime().block_on(async {
        assert!(!agreement.holds());
        probe.events.wait_for("drop all", 1).await;
        assert!(agreement.holds());
        wires[1].send(message("1 0000000000000001 k:k")).unwrap();
        probe.events.wait_for("evict k", 1).await;
    });
    assert_eq!(probe.suspended(), 0);
    Ok(())
}

#[tokio::test]
async fn a_cache_that_panics_is_not_read_until_it_is_in_step_again() -> Result<()> {
    let probe = Arc::new(Probe::in_process().looking(Box::new(|| panic!("on purpose"))));
    let (engine, wires) = telling(2).await?;
    let agreement = Agreement::begin(&cache(&probe), &engine);
    probe.events.wait_for("resume", 1).await;
    wires[0].send(message("1 0000000000000001 k:k")).unwrap();
    // The other end of the wire is dropped with the task.
    wires[0].closed().await;
    assert!(!agreement.holds());
    probe.events.wait_for("drop all", 1).await;
    assert!(agreement.holds());
    assert_eq!(probe.suspended(), 0);
    Ok(())
}
