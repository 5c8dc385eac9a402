//! One show as people look at it, from the cache when somebody has just looked at it.

use std::time::Duration;

use shelfmark::{CacheKey, Keep, Result};
use shelfmark_kv::Cache;

use crate::domain::ShowPage;
use crate::repositories::Shows;

/// How long a page is kept that nobody changes.
const KEPT: Duration = Duration::from_secs(5 * 60);
/// How long it is remembered that there is no such show.
const NONE_KEPT: Duration = Duration::from_secs(10);

/// The page of a show, if there is one. What changes a show drops its page: `#[evicts]` at the methods of [`Shows`] has the
/// same key.
///
/// # Errors
/// What the statements fail with; `Timeout` when somebody else reads the same show for too long.
///
/// # Cancel safety
/// Nothing is changed; somebody else who waits for the same page reads it then.
pub async fn look_at_show(
    cache: &Cache,
    shows: &impl Shows,
    show_id: &str,
) -> Result<Option<ShowPage>> {
    let key = CacheKey::new()
        .literal("show:")
        .argument("show_id", show_id)
        .finish()?;
    let keep = Keep::during(KEPT).none_during(NONE_KEPT).tag("shows");
    let read = async || Ok(shows.details(show_id).await?.map(ShowPage::from));
    cache.remember(&key, keep, read).await
}
