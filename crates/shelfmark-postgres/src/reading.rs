//! A single read with replicas: where it goes, and when it runs once more on the primary.
//!
//! A read that fails on a replica for a reason that may be the replica's own is run again, once, on the primary, in what
//! is left of its time. So its caller sees neither a replica that is lost, nor one that stops a read because a change of
//! the primary is in its way, nor a table that the replica does not have yet.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use shelfmark_core::{BoxStream, Call, Error, ErrorKind, Position, ReadFrom, Result, RowSink};

use crate::clock;
use crate::pool::Pool;
use crate::replica::Replica;
use crate::replicas::Replicas;
use crate::run::{Rest, Rules, pooled};
use crate::shared;
use crate::stream::{Source, stream as rows};
use crate::texts::Text;

/// A function wrote, and a replica cannot.
const WRITES: &str = "25006";

/// The server that writes, and the replicas beside it.
#[derive(Clone, Copy)]
pub(crate) struct Servers<'e> {
    pub(crate) primary: &'e Arc<Pool>,
    pub(crate) replicas: &'e Replicas,
    /// The deadline of a statement.
    pub(crate) limit: Duration,
    /// How long a stream waits for its reader.
    pub(crate) stream_idle_limit: Duration,
}

/// A replica for one read, and what it has to prove afterwards.
struct Picked<'e> {
    replica: &'e Replica,
    /// The session in which it had come to the position that was asked for, if one was.
    session: Option<u64>,
}

impl<'e> Servers<'e> {
    /// Runs a read where `from` says.
    pub(crate) async fn fetch(
        self,
        from: ReadFrom,
        call: &Call<'_>,
        mut sink: Box<dyn RowSink>,
    ) -> Result<Box<dyn RowSink>> {
        let (primary, limit) = (self.primary, self.limit);
        let text = primary.texts.of(&call.sql);
        // A sink that cannot start over could not take the answer of another server.
        let picked = match text.may_run_on_replicas() && sink.restart() {
            true => self.pick(from).await,
            false => None,
        };
        let Some(picked) = picked else {
            shared::fetch(primary, call, &mut *sink, limit).await?;
            return Ok(sink);
        };
        let deadline = clock::after(limit);
        let answer = {
            let _reading = picked.replica.enter();
            let read = shared::fetch(&picked.replica.pool, call, &mut *sink, limit);
            let answer = picked.replica.unless_lost(read).await;
            let believed = !matches!(answer, Some(Ok(()))) || picked.is_believed().await;
            answer.filter(|_| believed)
        };
        match answer {
            Some(Ok(())) => return Ok(sink),
            Some(Err(error)) if !is_worth_another(&error, picked.replica, &text) => {
                return Err(error);
            }
            Some(Err(error)) if !sink.restart() => return Err(error),
            // It gave rows that are not to be believed.
            None if !sink.restart() => return Err(Error::new(ErrorKind::Connection)),
            _ => {}
        }
        let rest = Some(Rest {
            deadline,
            was_lost: false,
        });
        let answer = pooled(primary, call, Some(&mut *sink), limit, Rules::POOLED, rest);
        answer.await.map(|_| sink)
    }

    /// Streams a read from where `from` says. Once its first batch is handed on, it stays where it is.
    pub(crate) fn stream(
        self,
        from: ReadFrom,
        call: Call<'e>,
        sink: Box<dyn RowSink>,
    ) -> BoxStream<'e, Result<Box<dyn RowSink>>> {
        stream::once(self.begin(from, call, sink)).flatten().boxed()
    }

    async fn begin(
        self,
        from: ReadFrom,
        call: Call<'e>,
        sink: Box<dyn RowSink>,
    ) -> BoxStream<'e, Result<Box<dyn RowSink>>> {
        let on = |pool: &'e Arc<Pool>, call, sink| {
            rows(
                Source::Pool(pool, self.stream_idle_limit),
                call,
                sink,
                self.limit,
            )
        };
        let text = self.primary.texts.of(&call.sql);
        let picked = match text.may_run_on_replicas() {
            true => self.pick(from).await,
            false => None,
        };
        let Some(picked) = picked else {
            return on(self.primary, call, sink);
        };
        let reading = picked.replica.enter();
        let spare = sink.next_batch();
        let mut batches = on(&picked.replica.pool, call.clone(), sink);
        let first = picked.replica.unless_lost(batches.next()).await;
        // An empty result is an answer too.
        let answer = first.map(Option::transpose);
        let believed = !matches!(answer, Some(Ok(_))) || picked.is_believed().await;
        match answer.filter(|_| believed) {
            Some(Ok(first)) => {
                let first = stream::iter(first.map(Ok));
                let counted = batches.inspect(move |_| {
                    let _ = &reading;
                });
                first.chain(counted).boxed()
            }
            Some(Err(error)) if !is_worth_another(&error, picked.replica, &text) => {
                stream::iter([Err(error)]).boxed()
            }
            _ => {
                drop((batches, reading));
                on(self.primary, call, spare)
            }
        }
    }

    async fn pick(self, from: ReadFrom) -> Option<Picked<'e>> {
        let position: Position = match from {
            ReadFrom::Primary => return None,
            ReadFrom::After(position) if !position.is_empty() => position,
            ReadFrom::Anywhere | ReadFrom::After(_) => {
                let replica = self.replicas.pick()?;
                return Some(Picked {
                    replica,
                    session: None,
                });
            }
        };
        let replica = self.replicas.pick_after(&position)?;
        let session = replica.reached(&position).await?;
        Some(Picked {
            replica,
            session: Some(session),
        })
    }
}

impl Picked<'_> {
    /// Whether what the replica has just answered is the answer of a server that had come to the position.
    async fn is_believed(&self) -> bool {
        match self.session {
            Some(session) => self.replica.still_is(session).await,
            None => true,
        }
    }
}

/// Whether a read that failed on a replica may fare better on the primary. Remembers one that writes.
fn is_worth_another(error: &Error, replica: &Replica, text: &Text) -> bool {
    if error.kind() == ErrorKind::Connection {
        // Perhaps it is gone: others need not find out one by one.
        replica.watcher.ask_soon();
    }
    match error.code() {
        Some(WRITES) => {
            text.refuse_replicas();
            true
        }
        // What the values make of it, what a function raises, and a statement that ran too long.
        Some(code) => !code.starts_with("22") && !code.starts_with("P0") && code != "57014",
        None => matches!(
            error.kind(),
            // A row that does not fit may lack a column that is about to come.
            ErrorKind::Connection | ErrorKind::PoolExhausted | ErrorKind::Decode
        ),
    }
}
