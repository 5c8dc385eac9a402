//! The beginning of a transaction: how it may see others, and whose rows it may see.

use futures_util::future::join;
use shelfmark_core::{BeginOptions, Isolation, ValueRef};
use tokio_postgres::types::{ToSql, Type as PgType};

use crate::bind::Bound;
use crate::error::{Failure, Link};
use crate::kept::command;
use crate::lease::Lease;

/// Sets the tenant for the transaction only.
const SET_TENANT: &str = "SELECT pg_catalog.set_config('shelfmark.tenant', $1, true)";

/// Begins a transaction. One that belongs to a tenant has its setting when this answers; both travel together, in one
/// round trip.
pub(crate) async fn begin(lease: &Lease, options: &BeginOptions) -> Result<(), Failure> {
    let begin = begin_text(options);
    match &options.tenant {
        None => command(lease, &begin).await,
        Some(tenant) => begin_as(lease, &begin, tenant).await,
    }
}

async fn begin_as(lease: &Lease, begin: &str, tenant: &str) -> Result<(), Failure> {
    let running = lease.run();
    let connection = lease.connection();
    let client = connection.client();
    let written = connection.bytes_written();
    let value = ValueRef::Text(tenant.into());
    // The driver logs values by their `Debug`, and this one does not tell.
    let bound = Bound {
        value: &value,
        index: 0,
    };
    let params: [(&(dyn ToSql + Sync), PgType); 1] = [(&bound, PgType::TEXT)];
    // Polled in this order, so sent in this order. If BEGIN fails, the setting ends with its own statement.
    let (begun, set) = join(
        client.batch_execute(begin),
        client.query_typed(SET_TENANT, &params),
    )
    .await;
    let failed = |error| {
        let sent = connection.bytes_written() != written;
        let failure = Failure::from_driver(error, sent, connection);
        if failure.link == Link::Lost {
            lease.note_lost();
        }
        failure
    };
    let outcome = match (begun, set) {
        (Ok(()), Ok(_)) => Ok(()),
        (Err(error), _) => Err(failed(error)),
        (Ok(()), Err(error)) => {
            let failure = failed(error);
            Err(match failure.link {
                Link::Lost => failure,
                Link::Usable => Failure {
                    error: failure
                        .error
                        .with_detail("the server refused the tenant of the transaction"),
                    ..failure
                },
            })
        }
    };
    // A connection that was lost is not used again, whatever it is marked as.
    running.ended();
    outcome
}

fn begin_text(options: &BeginOptions) -> String {
    let isolation = match options.isolation {
        Isolation::RepeatableRead => "REPEATABLE READ",
        Isolation::Serializable => "SERIALIZABLE",
        _ => "READ COMMITTED",
    };
    let access = if options.read_only {
        " READ ONLY"
    } else {
        " READ WRITE"
    };
    format!("BEGIN ISOLATION LEVEL {isolation}{access}")
}
