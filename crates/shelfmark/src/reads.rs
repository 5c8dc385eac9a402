//! From where a handle's reads are answered: any replica, one that has come far enough, or the primary.

use shelfmark_core::{Error, Position, ReadFrom, Result};

use crate::db::{Db, Shared};

impl Db {
    /// How far the database has come, with all writes that were answered before: for [`after`](Db::after), in this
    /// process or in another one, now or in the next request of the same user.
    ///
    /// It asks the primary, one round trip. On SQLite and in memory it is empty and costs nothing, and so the same code
    /// runs there.
    ///
    /// ```
    /// use shelfmark::prelude::*;
    /// use shelfmark::Position;
    ///
    /// # #[tokio::main] async fn main() -> Result<()> {
    /// # let db = Db::memory().await?;
    /// # db.execute(sql!("CREATE TABLE shows (id TEXT NOT NULL) STRICT")).await?;
    /// db.execute(sql!("INSERT INTO shows (id) VALUES ('s1')")).await?;
    /// let cookie = db.position().await?.to_string();
    ///
    /// // The next request, maybe elsewhere:
    /// let position: Position = cookie.parse()?;
    /// let count: i64 = db.after(&position).fetch_one(sql!("SELECT count(*) FROM shows")).await?;
    /// assert_eq!(count, 1);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// `Connection`, `PoolExhausted` or `Timeout` when the primary does not answer; `Unsupported` when the server that
    /// `DATABASE_URL` names follows another one, or inside of the database's own transaction where
    /// [`DatabaseConfig::misuse`](crate::DatabaseConfig::misuse) says so.
    ///
    /// # Cancel safety
    /// May be dropped at any time.
    pub async fn position(&self) -> Result<Position> {
        const METHOD: &str = "Db::position";
        let limits = &self.shared.limits;
        let named = |error: Error| error.with_method(METHOD);
        limits.watch(self.shared.id, METHOD).map_err(named)?;
        let deadline = limits.acquire_timeout + limits.statement_timeout;
        let work = self.shared.engine.position();
        let position = limits.statement(METHOD, "position".into(), deadline, work);
        position.await.map_err(named)
    }

    /// A handle on the same database whose reads see all that was written before `position`: they pass over replicas that
    /// have not come so far, and go to the primary when there is no other. It takes the place of an earlier `after` or
    /// [`primary`](Db::primary).
    ///
    /// Without replicas, and of an empty position, reads go where they always go. A position of before a failover is one
    /// that no replica reaches, so its reads go to the primary.
    #[must_use = "the handle that it is called on reads as before"]
    pub fn after(&self, position: &Position) -> Db {
        self.reading(ReadFrom::After(*position))
    }

    /// A handle on the same database whose reads all go to the primary, which has all that was answered.
    #[must_use = "the handle that it is called on reads as before"]
    pub fn primary(&self) -> Db {
        self.reading(ReadFrom::Primary)
    }

    fn reading(&self, reads: ReadFrom) -> Db {
        let mut shared = Shared::clone(&self.shared);
        shared.reads = reads;
        Db::of(shared)
    }
}
