//! A cache, as the handles of one `Db` share it.

use std::sync::Arc;

use shelfmark_core::cache::{Evictions, QueryCache};
use shelfmark_core::{Dialect, Engine, Result, Session};

use super::agreement::{self, Agreement};
use super::second::SecondEvictions;
use crate::direct::Limits;

/// A cache with what keeps it in step. It lives as long as the last handle that reads through it, and so do its tasks.
pub(crate) struct Attached {
    cache: Arc<dyn QueryCache>,
    /// With other instances, each of which keeps a cache of its own. None where all share one, where the database cannot
    /// pass messages on, and where that was switched off.
    agreement: Option<Agreement>,
    second: SecondEvictions,
}

impl Attached {
    /// `cache` for reads of `engine`. Where instances have to agree, nothing is kept until they can hear each other.
    pub(crate) fn new(cache: Arc<dyn QueryCache>, engine: &Arc<dyn Engine>, notify: bool) -> Self {
        let apart = engine.dialect() == Dialect::Postgres && !cache.is_shared();
        let agreement = (apart && notify).then(|| Agreement::begin(&cache, engine));
        Attached {
            second: SecondEvictions::of(&cache),
            cache,
            agreement,
        }
    }

    pub(crate) fn cache(&self) -> &Arc<dyn QueryCache> {
        &self.cache
    }

    /// The cache, unless nobody hears any more what other instances evict.
    pub(crate) fn readable(&self) -> Option<&Arc<dyn QueryCache>> {
        match &self.agreement {
            Some(agreement) if !agreement.holds() => None,
            _ => Some(&self.cache),
        }
    }

    /// The database is about to be closed: its reads go past the cache, and others may go on to use it.
    pub(crate) fn close(&self) {
        if let Some(agreement) = &self.agreement {
            agreement.close();
        }
    }

    /// Whether a write that evicts has to tell other instances, in its own transaction.
    pub(crate) fn tells(&self) -> bool {
        self.agreement.is_some()
    }

    /// Tells other instances what is outdated once the transaction of `session` is committed: its last statement.
    ///
    /// # Errors
    /// What the statement fails with; the transaction can only be rolled back then.
    pub(crate) async fn tell(
        &self,
        session: &dyn Session,
        limits: &Limits,
        evictions: &Evictions,
    ) -> Result<()> {
        match &self.agreement {
            Some(agreement) => {
                let call = agreement.call(evictions)?;
                let sql = Arc::clone(&call.sql);
                let within = limits.statement_timeout;
                let work = session.execute(call);
                let told = limits.statement(agreement::METHOD, sql, within, work);
                told.await.map(drop)
            }
            None => Ok(()),
        }
    }

    /// As [`tell`](Attached::tell), at once.
    ///
    /// # Errors
    /// What the statement fails with: then other instances have not been told.
    pub(crate) async fn tell_at_once(
        &self,
        engine: &Arc<dyn Engine>,
        limits: &Limits,
        evictions: &Evictions,
    ) -> Result<()> {
        let Some(agreement) = &self.agreement else {
            return Ok(());
        };
        let call = agreement.call(evictions)?;
        let sql = Arc::clone(&call.sql);
        let within = limits.acquire_timeout + limits.statement_timeout;
        let work = engine.execute(call);
        let told = limits.statement(agreement::METHOD, sql, within, work);
        told.await.map(drop)
    }

    /// Evicts again when a write, of which nobody knows how it ended, must have ended.
    pub(crate) fn evict_again(&self, evictions: Evictions) {
        self.second.push(evictions);
    }
}
