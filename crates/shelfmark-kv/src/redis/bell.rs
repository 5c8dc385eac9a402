//! Noticing pushes to a list: one connection of its own per list that somebody in this process waits for.
//!
//! On it the server waits for the list to have an item by moving the first item to where it is (`BLMOVE` from the front
//! of a list to its own front). That changes nothing and takes nothing, so a wait that is dropped, or a connection that
//! is lost, loses nothing. Whoever waits then tries to pop on the shared connection.

use std::collections::HashMap;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Poll;
use std::time::Duration;

use redis::{Cmd, Value};
use tokio::sync::{Notify, oneshot};
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

use super::connection::Connection;
use super::nodes::Nodes;
use super::on_key;

/// How long the server waits before it says that nothing came.
const SLICE: Duration = Duration::from_secs(2);
/// How much longer than that we wait for it to say so.
const GRACE: Duration = Duration::from_secs(1);
/// How long a connection is kept that nobody waits on.
const IDLE: Duration = Duration::from_secs(5);
/// Pause after a failure.
const PAUSE: Duration = Duration::from_millis(200);
/// How often whoever waits looks by itself, in case that its bell is broken.
const LOOK: Duration = Duration::from_secs(1);

/// The bells of all lists that somebody waits for.
pub(super) struct Bells {
    nodes: Arc<Nodes>,
    bells: Mutex<HashMap<String, Bell>>,
}

struct Bell {
    waiting: Vec<oneshot::Sender<()>>,
    more: Arc<Notify>,
    task: AbortHandle,
}

impl fmt::Debug for Bells {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bells").finish_non_exhaustive()
    }
}

impl Bells {
    pub(super) fn new(nodes: Arc<Nodes>) -> Arc<Bells> {
        Arc::new(Bells {
            nodes,
            bells: Mutex::default(),
        })
    }

    pub(super) fn listen(self: &Arc<Self>, lists: &[String]) -> Waiting {
        Waiting {
            bells: self.clone(),
            lists: lists.to_vec(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Bell>> {
        self.bells.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_for(self: &Arc<Self>, list: &str) -> oneshot::Receiver<()> {
        let (ring, rung) = oneshot::channel();
        let mut bells = self.lock();
        let bell = bells.entry(list.to_owned()).or_insert_with(|| {
            let more = Arc::new(Notify::new());
            let task = watch(Arc::downgrade(self), list.to_owned(), more.clone());
            Bell {
                waiting: Vec::new(),
                more,
                task: tokio::spawn(task).abort_handle(),
            }
        });
        bell.waiting.retain(|other| !other.is_closed());
        bell.waiting.push(ring);
        bell.more.notify_one();
        rung
    }

    /// Whether somebody waits for `list` now.
    fn is_waited_for(&self, list: &str) -> bool {
        let mut bells = self.lock();
        let Some(bell) = bells.get_mut(list) else {
            return false;
        };
        bell.waiting.retain(|ring| !ring.is_closed());
        !bell.waiting.is_empty()
    }

    fn ring(&self, list: &str) {
        let waiting = self
            .lock()
            .get_mut(list)
            .map(|bell| std::mem::take(&mut bell.waiting));
        for ring in waiting.into_iter().flatten() {
            // Whoever has gone away needs no bell.
            let _ = ring.send(());
        }
    }

    /// Takes the bell down unless somebody waits. Answers whether it did.
    fn take_down(&self, list: &str) -> bool {
        let mut bells = self.lock();
        let is_idle = bells
            .get_mut(list)
            .is_none_or(|bell| bell.waiting.iter().all(oneshot::Sender::is_closed));
        if is_idle {
            bells.remove(list);
        }
        is_idle
    }
}

impl Drop for Bells {
    fn drop(&mut self) {
        for bell in self.lock().values() {
            bell.task.abort();
        }
    }
}

/// Watches one list for as long as somebody waits for it.
async fn watch(bells: Weak<Bells>, list: String, more: Arc<Notify>) {
    let mut peek = on_key("BLMOVE", &list);
    peek.arg(&list).arg("LEFT").arg("LEFT").arg(SLICE.as_secs());
    let mut connection: Option<(Connection, Arc<Notify>)> = None;
    loop {
        let nodes = {
            let Some(bells) = bells.upgrade() else {
                return;
            };
            match bells.is_waited_for(&list) {
                true => Some(bells.nodes.clone()),
                false => None,
            }
        };
        let Some(nodes) = nodes else {
            if timeout(IDLE, more.notified()).await.is_err()
                && bells.upgrade().is_none_or(|bells| bells.take_down(&list))
            {
                return;
            }
            continue;
        };
        let has_item = match look(&nodes, &list, &peek, &mut connection).await {
            Ok(has_item) => has_item,
            Err(Broken) => {
                connection = None;
                sleep(PAUSE).await;
                // They look for themselves, and get the error.
                true
            }
        };
        if has_item && let Some(bells) = bells.upgrade() {
            bells.ring(&list);
        }
    }
}

struct Broken;

/// Waits until the list has an item, for at most a slice.
async fn look(
    nodes: &Nodes,
    list: &str,
    peek: &Cmd,
    connection: &mut Option<(Connection, Arc<Notify>)>,
) -> Result<bool, Broken> {
    let (wire, lost) = match connection {
        Some(connection) => connection,
        None => {
            let lost = Arc::new(Notify::new());
            let dial = nodes.dial(list).ok_or(Broken)?;
            let opened = dial.open(lost.clone(), None).await.map_err(|_| Broken)?;
            connection.insert((opened, lost))
        }
    };
    let peeked = timeout(SLICE + GRACE, wire.commands.send_packed_command(peek));
    let peeked = tokio::select! {
        peeked = peeked => peeked,
        () = lost.notified() => return Err(Broken),
    };
    match peeked {
        Ok(Ok(Value::Nil)) => Ok(false),
        Ok(Ok(Value::ServerError(_))) => {
            nodes.look_again();
            Err(Broken)
        }
        Ok(Ok(_)) => Ok(true),
        Ok(Err(_)) | Err(_) => Err(Broken),
    }
}

/// The wait for a push to some lists.
#[derive(Debug)]
pub(crate) struct Waiting {
    bells: Arc<Bells>,
    lists: Vec<String>,
}

impl Waiting {
    pub(crate) async fn rung(self) {
        let mut rings: Vec<_> = self
            .lists
            .iter()
            .map(|list| self.bells.wait_for(list))
            .collect();
        let any = std::future::poll_fn(|cx| {
            let mut rung = Poll::Pending;
            for ring in &mut rings {
                if Pin::new(ring).poll(cx).is_ready() {
                    rung = Poll::Ready(());
                }
            }
            rung
        });
        // The end of the time is as good as a ring.
        let _ = timeout(LOOK, any).await;
    }
}
