//! Lists, and items taken from them.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use redis::Cmd;
use shelfmark_core::Result;
use tokio::runtime::Handle;

use super::error::Intent;
use super::nodes::Nodes;
use super::script::{ACK, EXTEND, LIST_RANGE, TAKE};
use super::{Redis, answer, on_key};
use crate::limits::MAX_ITEMS;
use crate::lists::End;
use crate::reliable_lists::{Found, TakeKeys};

type Popped = Result<Option<Bytes>>;

/// A pop that, dropped on its way, puts what it got back where it came from.
struct Popping {
    call: Option<Pin<Box<dyn Future<Output = Popped> + Send>>>,
    nodes: Arc<Nodes>,
    key: String,
    end: End,
    timeout: Duration,
}

impl Future for Popping {
    type Output = Popped;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Popped> {
        let Some(call) = &mut self.call else {
            return Poll::Ready(Ok(None));
        };
        let answer = call.as_mut().poll(cx);
        if answer.is_ready() {
            self.call = None;
        }
        answer
    }
}

impl Drop for Popping {
    fn drop(&mut self) {
        let (Some(call), Ok(runtime)) = (self.call.take(), Handle::try_current()) else {
            return;
        };
        let (nodes, timeout) = (self.nodes.clone(), self.timeout);
        let back = push_command(&self.key, self.end);
        let key = std::mem::take(&mut self.key);
        // Ends by the deadlines of its two calls.
        runtime.spawn(async move {
            if let Ok(Some(item)) = call.await {
                let mut back = back;
                back.arg(&*item);
                let given = nodes.call(&key, &back, Intent::Write, timeout).await;
                if let Err(failure) = given {
                    let error = shelfmark_core::Error::from(failure);
                    tracing::error!(%error, "an item whose pop was dropped could not be put back and is lost");
                }
            }
        });
    }
}

fn push_command(key: &str, end: End) -> Cmd {
    match end {
        End::Front => on_key("LPUSH", key),
        End::Back => on_key("RPUSH", key),
    }
}

impl Redis {
    pub(crate) async fn push(&self, key: &str, end: End, items: &[&[u8]]) -> Result<u64> {
        let mut command = push_command(key, end);
        for item in items {
            command.arg(*item);
        }
        answer::count(self.write(key, &command).await?)
    }

    pub(crate) async fn pop(&self, key: &str, end: End) -> Popped {
        let command = match end {
            End::Front => on_key("LPOP", key),
            End::Back => on_key("RPOP", key),
        };
        let (nodes, timeout) = (self.nodes.clone(), self.timeout);
        let call = {
            let (nodes, key) = (nodes.clone(), key.to_owned());
            async move {
                let answer = nodes.call(&key, &command, Intent::Write, timeout).await;
                answer::bytes(answer?)
            }
        };
        Popping {
            call: Some(Box::pin(call)),
            nodes,
            key: key.to_owned(),
            end,
            timeout,
        }
        .await
    }

    pub(crate) async fn list_len(&self, key: &str) -> Result<u64> {
        answer::count(self.read(key, &on_key("LLEN", key)).await?)
    }

    pub(crate) async fn list_range(&self, key: &str, first: i64, last: i64) -> Result<Vec<Bytes>> {
        let items = self
            .run(&LIST_RANGE, &[key], Intent::Read, |command| {
                command.arg(first).arg(last).arg(MAX_ITEMS);
            })
            .await?;
        let items = answer::all(items)?;
        items.into_iter().map(answer::present).collect()
    }

    pub(crate) async fn list_trim(&self, key: &str, first: i64, last: i64) -> Result<()> {
        let mut command = on_key("LTRIM", key);
        command.arg(first).arg(last);
        answer::done(self.write(key, &command).await?)
    }

    pub(crate) async fn take(
        &self,
        keys: &TakeKeys,
        receipt: &str,
        lease_ms: u64,
    ) -> Result<Found> {
        let taken = self
            .run(&TAKE, &keys.all(), Intent::Write, |command| {
                command.arg(receipt).arg(lease_ms.saturating_mul(1_000));
            })
            .await?;
        let [item, number] = answer::parts(taken)?;
        let number = answer::int(number)?;
        Ok(match answer::bytes(item)? {
            Some(item) => Found::Item {
                item,
                deliveries: u32::try_from(number).unwrap_or(u32::MAX),
            },
            None => Found::Nothing {
                back_in: u64::try_from(number).ok().map(Duration::from_micros),
            },
        })
    }

    pub(crate) async fn ack(&self, keys: &TakeKeys, receipt: &str) -> Result<bool> {
        let acknowledged = self
            .run(&ACK, &keys.all(), Intent::Write, |command| {
                command.arg(receipt);
            })
            .await?;
        answer::flag(acknowledged)
    }

    pub(crate) async fn give_back(&self, keys: &TakeKeys, receipt: &str) -> Result<bool> {
        self.extend(keys, receipt, 0).await
    }

    pub(crate) async fn extend(
        &self,
        keys: &TakeKeys,
        receipt: &str,
        lease_ms: u64,
    ) -> Result<bool> {
        let extended = self
            .run(&EXTEND, &keys.all(), Intent::Write, |command| {
                command.arg(receipt).arg(lease_ms.saturating_mul(1_000));
            })
            .await?;
        answer::flag(extended)
    }
}

impl TakeKeys {
    /// The keys in the order of our scripts.
    fn all(&self) -> [&str; 3] {
        [&self.list, &self.leases, &self.taken]
    }
}
