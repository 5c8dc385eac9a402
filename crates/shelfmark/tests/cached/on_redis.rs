//! What is kept on Redis comes back as it was, whatever the answer's type.

use anyhow::{Result, ensure};
use shelfmark::{OffsetRequest, PageRequest, Sort};
use shelfmark_kv::{Cache, Kv, KvConfig};

use crate::shows::{ShowFilters, ShowSort, Shows as _, ShowsExt as _, database};

async fn cache() -> Result<Cache> {
    let kv = Kv::connect(KvConfig::from_url(&test_redis::shared_url()?)?).await?;
    Ok(Cache::on(
        &kv.prefixed(&format!("cached-{}:", std::process::id())),
    ))
}

#[tokio::test]
async fn every_answer_comes_back_as_it_was() -> Result<()> {
    let cache = cache().await?;
    let db = database().await?.with_cache(cache.clone());
    let shows = db.shows();
    let (filters, sort) = (ShowFilters::default(), Sort::by(ShowSort::Year).desc());
    let page = || PageRequest::first(2);
    // The method, called twice: the second answer is a hit, and the same.
    macro_rules! twice {
        ($($call:expr),* $(,)?) => {$(
            let before = cache.stats();
            let (first, second) = ($call.await?, $call.await?);
            let after = cache.stats();
            ensure!(first == second, "{}", stringify!($call));
            ensure!(after.hits == before.hits + 1, "{}: {after}", stringify!($call));
            ensure!(after.errors == 0, "{}: {after}", stringify!($call));
        )*};
    }
    twice!(
        shows.find("s1"),
        shows.find("none"),
        shows.list(10),
        shows.titled(Some(1979), &["Alien"]),
        shows.count(),
        shows.years(),
        shows.page(&filters, sort.clone(), page()),
        shows.slice(None, None, &OffsetRequest::default()),
        shows.view("s1"),
    );
    Ok(())
}
