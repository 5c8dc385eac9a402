//! A transaction on one connection.

use shelfmark_core::{BeginOptions, BoxFuture, Result, Session};

use crate::connection::{Connection, Role};
use crate::held::{Bond, Held, When};
use crate::lease::Lease;
use crate::run::hop;

/// Begins a transaction on `lease`. SQLite's transactions are serializable, whatever was asked for.
pub(crate) async fn begin(mut lease: Lease, role: Role, options: BeginOptions) -> Result<Held> {
    // The lease comes back inside the answer, so dropping the future drops it, and that rolls back.
    let lease = hop(move |token| {
        if role == Role::Only && options.read_only {
            lease.make_read_only()?;
        }
        lease.run(token, |connection| {
            if options.read_only {
                connection.begin_reading()
            } else {
                connection.begin_writing()
            }
        })?;
        Ok(lease)
    })
    .await?;
    Ok(Held::new(lease, role, Bond::Transaction))
}

impl Session for Held {
    fn commit(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(self.finish(When::Whole, Connection::commit))
    }

    fn rollback(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(self.give_back())
    }

    fn savepoint(&self, depth: u32) -> BoxFuture<'_, Result<()>> {
        Box::pin(self.run(When::Whole, move |connection| {
            connection.batch(&format!("SAVEPOINT shelfmark_{depth}"))
        }))
    }

    fn release(&self, depth: u32) -> BoxFuture<'_, Result<()>> {
        Box::pin(self.run(When::Whole, move |connection| {
            connection.batch(&format!("RELEASE shelfmark_{depth}"))
        }))
    }

    fn rollback_to(&self, depth: u32) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            self.run(When::Broken, move |connection| {
                connection.batch(&format!(
                    "ROLLBACK TO shelfmark_{depth}; RELEASE shelfmark_{depth}"
                ))
            })
            .await?;
            self.mend();
            Ok(())
        })
    }
}
