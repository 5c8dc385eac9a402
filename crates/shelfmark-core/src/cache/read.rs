//! A method with `#[cached]`: its answer from the cache of its handle, or from its statement.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::codec::{Cacheable, Codec, Stored, typed};
use super::{Compute, Keep, ShapeOf, Wanted};
use crate::channel::BoxFuture;
use crate::dialect::Dialect;
use crate::error::Result;
use crate::executor::Handle;

/// What `#[cached]` says at a method.
#[derive(Debug)]
pub struct Cached {
    /// `Shows::find`
    pub method: &'static str,
    /// The time to live.
    pub ttl: Duration,
    /// That of a `None`.
    pub none_ttl: Option<Duration>,
    /// The statement's text for an engine.
    pub text: fn(Dialect) -> Result<String>,
    /// What the texts look like, once that has been asked.
    pub form: OnceLock<u64>,
}

impl Cached {
    /// The shape of an answer of this statement: what another version of it answered, in another version of the program,
    /// is not given for this one's.
    fn shape(&self, answer: u64) -> u64 {
        let form = self.form.get_or_init(|| {
            let texts = [Dialect::Sqlite, Dialect::Postgres].map(|dialect| {
                // Some are for one engine only.
                (self.text)(dialect).unwrap_or_default()
            });
            texts
                .iter()
                .fold(ShapeOf::named("statement"), |form, text| form.text(text))
                .number()
        });
        ShapeOf::named("answer").part(answer).part(*form).number()
    }
}

/// The answer from the cache of `handle`, or from `compute`.
///
/// `names` makes the key and the tags; it is called only where there is a cache. Inside of a transaction there is none.
///
/// # Errors
/// What `compute` or `names` answers.
pub async fn cached<'a, T, N, F, Fut>(
    handle: &'a Handle,
    declared: &'static Cached,
    names: N,
    compute: F,
) -> Result<T>
where
    T: Cacheable,
    N: FnOnce() -> Result<(String, Vec<String>)>,
    F: FnOnce() -> Fut + Send + 'a,
    Fut: Future<Output = Result<T>> + Send + 'a,
{
    let Some(cache) = handle.channel().cache() else {
        return compute().await;
    };
    let (mut key, mut tags) = names().map_err(|error| error.with_method(declared.method))?;
    if let Some(tenant) = handle.channel().tenant() {
        key = tenant.own(&key);
        // Dropped with the tag of all tenants, too.
        let own: Vec<String> = tags.iter().map(|tag| tenant.own(tag)).collect();
        tags.extend(own);
    }
    let wanted = Wanted {
        key: Cow::Owned(key),
        shape: declared.shape(T::SHAPE),
        keep: Keep {
            none_ttl: declared.none_ttl,
            tags: tags.into_iter().map(Cow::Owned).collect(),
            ..Keep::during(declared.ttl)
        },
        codec: Codec::of::<T>(),
    };
    let compute: Compute<'a> = Box::new(move || -> BoxFuture<'a, Result<Stored>> {
        Box::pin(async move {
            let value: Stored = Arc::new(compute().await?);
            Ok(value)
        })
    });
    let stored = cache.remember(wanted, compute).await;
    stored
        .and_then(typed)
        .map_err(|error| error.with_method(declared.method))
}
