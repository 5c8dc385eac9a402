//! The end of a transaction, and what became of it when the answer is lost.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::TryStreamExt as _;
use shelfmark_core::{Error, ErrorKind, Result};
use tokio::time::{Instant, sleep, timeout_at};
use tokio_postgres::SimpleQueryMessage;

use crate::clock;
use crate::connect::Purpose;
use crate::connection::Connection;
use crate::error::{Failure, Link};
use crate::lease::{Lease, TRANSACTION, UNPROVEN};
use crate::ledger::{Ledger, Mark, QUESTION};
use crate::pool::Pool;

/// Fails in an aborted transaction as any query does, and costs the server less than asking for a number that is known.
const PROOF: &str = "SELECT WHERE false";

/// The pause between two questions about a transaction that still runs.
const PAUSE: Duration = Duration::from_millis(20);

/// How far a commit came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Nothing of it has left the process.
    Unsent,
    /// The server has not answered anything.
    Sent,
    /// The server has taken the transaction to the door of its commit: it is not an aborted one.
    Whole,
    /// And nothing had been written in it.
    WroteNothing,
}

/// Commits the transaction of `lease`.
///
/// COMMIT of an aborted transaction is answered as a success by the server, with another tag that the driver does
/// not show. So a query goes before it in the same message: in an aborted transaction the query fails, and COMMIT is
/// not reached. Its answer is the number of the transaction, where that is not known yet.
pub(crate) async fn commit(
    pool: &Arc<Pool>,
    lease: Lease,
    ledger: &Ledger,
    read_only: bool,
    deadline: Instant,
) -> Result<()> {
    let mut stage = Stage::Unsent;
    let running = lease.run();
    let connection = lease.connection();
    let sending = connection.drive(send(connection, ledger, &mut stage));
    let outcome = timeout_at(deadline, sending).await;
    match outcome {
        Ok(Ok(())) => {
            running.ended();
            lease.clear(TRANSACTION);
            return Ok(());
        }
        Ok(Err(failure)) if failure.link == Link::Usable => {
            running.ended();
            if matches!(stage, Stage::Whole | Stage::WroteNothing) {
                // COMMIT itself failed, which ends the transaction.
                lease.clear(TRANSACTION);
                lease.note(UNPROVEN);
            }
            return Err(failure.error);
        }
        Ok(Err(_)) => {}
        // What waits in the driver may still be sent while it is being stopped.
        Err(_) if stage == Stage::Unsent => stage = Stage::Sent,
        Err(_) => {}
    }
    lease.note_lost();
    drop(running);
    drop(lease);
    match (ledger.mark(), stage) {
        (_, Stage::Unsent) => Err(Error::new(ErrorKind::Connection).with_detail(
            "the connection was lost before COMMIT was sent, and the transaction is rolled back",
        )),
        (_, stage) if read_only || stage == Stage::WroteNothing => {
            Err(Error::new(ErrorKind::Connection).with_detail(
                "the connection was lost at the end of a transaction that had written nothing",
            ))
        }
        (Some(mark), _) => resolve(pool, mark).await,
        (None, _) => Err(Error::new(ErrorKind::CommitUnknown)),
    }
}

async fn send(connection: &Connection, ledger: &Ledger, stage: &mut Stage) -> Result<(), Failure> {
    let written = connection.bytes_written();
    let first = if ledger.is_known() { PROOF } else { QUESTION };
    let answers = connection
        .client()
        .simple_query_raw(&format!("{first}; COMMIT"))
        .await
        .map_err(|error| Failure::from_driver(error, false, connection))?;
    let mut answers = pin!(answers);
    let mut nothing = false;
    loop {
        let answer = answers.try_next().await;
        // An answer, be it the end of the connection: now it is certain whether anything was sent.
        if connection.bytes_written() != written && *stage == Stage::Unsent {
            *stage = Stage::Sent;
        }
        let message = match answer {
            Ok(Some(message)) => message,
            Ok(None) => break,
            Err(error) => {
                let sent = *stage != Stage::Unsent;
                return Err(Failure::from_driver(error, sent, connection));
            }
        };
        nothing |= !ledger.note(&message);
        if matches!(message, SimpleQueryMessage::CommandComplete(_)) {
            *stage = if nothing {
                Stage::WroteNothing
            } else {
                Stage::Whole
            };
        }
    }
    Ok(())
}

/// Asks the server what became of a transaction whose end was lost, over another connection; a transaction that still
/// runs is ended first.
async fn resolve(pool: &Arc<Pool>, mark: Mark) -> Result<()> {
    let deadline = clock::after(pool.settings.acquire_timeout);
    match timeout_at(deadline, ask(pool, mark, deadline)).await {
        Ok(Ok(Outcome::Committed)) => Ok(()),
        Ok(Ok(Outcome::RolledBack)) => Err(Error::new(ErrorKind::Connection).with_detail(
            "the connection was lost during COMMIT, and the transaction was rolled back",
        )),
        Ok(Err(error)) => Err(Error::new(ErrorKind::CommitUnknown).with_source(error)),
        _ => Err(Error::new(ErrorKind::CommitUnknown)),
    }
}

/// What the server says of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Committed,
    RolledBack,
    /// The server has forgotten it.
    Forgotten,
}

async fn ask(pool: &Arc<Pool>, mark: Mark, deadline: Instant) -> Result<Outcome> {
    // A pooler that took the answer with it may be away for longer than the server.
    let connection = pool
        .connector
        .past_the_pooler()
        .connect_patiently(Purpose::Calls, deadline)
        .await?;
    let Mark {
        transaction,
        process,
    } = mark;
    let question = format!("SELECT pg_catalog.txid_status({transaction})");
    // `backend_xid` has no epoch. The comparison keeps a process alone that merely has the number of the old one.
    let low = transaction & u64::from(u32::MAX);
    let end = format!(
        "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity \
         WHERE pid = {process} AND backend_xid::text = '{low}'"
    );
    loop {
        match answer(&connection, &question).await?.as_deref() {
            Some("committed") => return Ok(Outcome::Committed),
            Some("aborted") => return Ok(Outcome::RolledBack),
            Some(_) => {
                answer(&connection, &end).await?;
                sleep(PAUSE).await;
            }
            None => return Ok(Outcome::Forgotten),
        }
    }
}

/// The first value of the answer.
async fn answer(connection: &Connection, question: &str) -> Result<Option<String>> {
    let messages = connection
        .client()
        .simple_query(question)
        .await
        .map_err(|error| Failure::from_driver(error, true, connection).error)?;
    Ok(messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.try_get(0).ok().flatten().map(str::to_owned),
        _ => None,
    }))
}
