//! A cache behind an [`Arc`] is one, too.

use std::sync::Arc;

use super::{Compute, Evictions, QueryCache, Stored, Wanted};
use crate::channel::BoxFuture;
use crate::error::Result;

impl<C: QueryCache + ?Sized> QueryCache for Arc<C> {
    fn remember<'a>(
        &'a self,
        wanted: Wanted<'a>,
        compute: Compute<'a>,
    ) -> BoxFuture<'a, Result<Stored>> {
        (**self).remember(wanted, compute)
    }

    fn announce<'a>(&'a self, evictions: &'a Evictions) -> BoxFuture<'a, ()> {
        (**self).announce(evictions)
    }

    fn evict<'a>(&'a self, evictions: &'a Evictions) -> BoxFuture<'a, ()> {
        (**self).evict(evictions)
    }

    fn evict_in_background(&self, evictions: Evictions) {
        (**self).evict_in_background(evictions);
    }

    fn is_shared(&self) -> bool {
        (**self).is_shared()
    }

    fn namespace(&self) -> &str {
        (**self).namespace()
    }

    fn suspend(&self) {
        (**self).suspend();
    }

    fn resume(&self) {
        (**self).resume();
    }
}
