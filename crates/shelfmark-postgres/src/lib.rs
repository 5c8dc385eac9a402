//! The server engine of Shelfmark, on tokio-postgres.
//!
//! [`PostgresEngine`] keeps a pool of connections and lends each to one call, transaction or stream at a time.
//!
//! # What is promised
//! A connection goes back to the pool only when the server has said that it is idle. Whatever else happens to a call
//! (it fails, is dropped, times out, panics), a task that the engine owns stops the statement on the server, rolls back,
//! and returns the connection when the server has confirmed it within a second; otherwise the connection is closed.
//!
//! A statement that never left the process goes to another connection when its own turns out to be dead; so does,
//! once, a read whose answer was lost. A write whose answer was lost is never sent again. A COMMIT whose answer was
//! lost is looked up on the server.
//!
//! # Lanes
//! A lane is a connection that many tasks share: their statements are sent without waiting for each other's answers, each
//! its own transaction. While several reads are under way at once, those run on a lane that are single, declared to read,
//! understood to leave nothing in their session, learned to be quick, and small in their answer; all else has a
//! connection of the pool for itself. A lane's session refuses to write. Nothing is cancelled on a lane: who goes away
//! leaves its place in the queue, and the server's `statement_timeout` bounds what runs. A statement that is late makes
//! its lane take no more work, and those behind it move to the pool. A read whose lane is lost runs again there.
//!
//! # Behind a pooler
//! With `Pooler::Transaction` a connection of ours has a connection of the server for one transaction at a time. Then no
//! statement keeps a name there: each is parsed, bound and run in one request, with types that were learned by preparing
//! it once per connection of ours, inside of a transaction. A schema that changes is learned again. There are no lanes;
//! the server's `statement_timeout` is set by `SET LOCAL` in transactions, and elsewhere a statement has our own deadline
//! and a cancel request. Migrations and listeners go to the server itself, where one is named, and are refused
//! otherwise; so is what would stay in a session (`SET`, advisory locks, temporary tables). The setting
//! `shelfmark.tenant` may be missing outside of a tenant's transaction instead of being empty. Over TLS the driver says
//! goodbye behind a cancel request, and PgBouncer forgets it for that: there a dropped statement runs to its end, and
//! its place is free after a second.
//!
//! # Replicas
//! [`PostgresEngine::with_replicas`] adds servers that follow the primary. Single reads go to them, each replica with a
//! pool and lanes of its own; a connection beside watches each server, so that one that is lost, late, promoted or another
//! database is passed over. What fails there for a reason of the replica's runs once more on the primary.
//!
//! # Tenants
//! A transaction that is begun for a tenant has the setting `shelfmark.tenant` until its end. Everywhere else the setting
//! is empty, on every connection, so a policy for numbers has to say what that means:
//! `USING (tenant_id = NULLIF(current_setting('shelfmark.tenant', true), '')::bigint)` shows no rows then; without
//! `NULLIF` it fails. PostgreSQL applies policies neither to superusers nor, without `FORCE ROW LEVEL SECURITY`, to a
//! table's owner.
//!
//! # How to read it
//! `engine` is the public face, `run` one statement, `begin` and `session` a transaction. `lease` is the heart: what a connection
//! has to be freed of, and how. `pool` lends, `keeper` prunes, `connect` opens, `cancel` stops. `statement` prepares,
//! `bind` and `row` convert values, `error` says what went wrong. `listen` keeps a connection of its own for
//! messages, and `inbox` holds those that nobody has taken yet. `shared` takes a read to a `lane`, one
//! of the `lanes`; `queue` is who waits there; and `cost` and `stateless` say which statements may go there.
//!
//! `behind` is what a pooler in transaction mode changes, and `parsed` a statement that has no name.
//! `reading` takes a read to a `replica`, one of the `replicas`; `spread` says which may go there, `watcher` and `report`
//! ask each server how far it is, and `progress` makes a delay of that.
//!
//! The feature `tls` encrypts; without it `sslmode=require` and above are refused when the database is opened.
//!
//! No type of tokio-postgres is part of the public API.

mod begin;
mod behind;
mod bind;
mod cancel;
#[cfg(feature = "tls")]
mod certificates;
mod clock;
mod columns;
mod commit;
mod connect;
mod connection;
mod cost;
mod describe;
mod encryption;
mod engine;
mod error;
mod inbox;
mod keeper;
mod kept;
mod lane;
mod lanes;
mod lease;
mod ledger;
mod listen;
mod maintenance;
mod numeric;
mod parsed;
mod pool;
mod progress;
mod pump;
mod queue;
mod reading;
mod replica;
mod replicas;
mod report;
mod row;
mod run;
mod session;
mod shared;
mod spread;
mod stateless;
mod statement;
mod stream;
mod tasks;
mod texts;
mod types;
mod watcher;
mod wire;

pub use engine::PostgresEngine;
