//! `#[cached]` and `#[evicts]`: what a cache is asked for, and what it is told to drop.

mod noted;
mod on_redis;
mod shapes;
mod shows;

use std::sync::Arc;
use std::time::Duration;

use shelfmark::prelude::*;

use noted::Noted;
use shows::{DynShows, Show, ShowFilters, ShowSort, Shows, ShowsExt as _, database, new};

async fn cached() -> Result<(Db, Noted)> {
    let cache = Noted::default();
    Ok((database().await?.with_cache(cache.clone()), cache))
}

#[tokio::test]
async fn an_answer_that_is_kept_does_not_reach_the_database() -> Result<()> {
    let (db, cache) = cached().await?;
    let recording = db.record();
    let first = db.shows().find("s1").await?;
    recording.assert_statements(1);
    assert_eq!(db.shows().find("s1").await?, first);
    assert_eq!(first.map(|show| show.title).as_deref(), Some("Alien"));
    assert_eq!(db.shows().find("nobody").await?, None);
    assert_eq!(db.shows().find("nobody").await?, None);
    recording.assert_statements(2);
    let hits: Vec<bool> = cache.asked().iter().map(|asked| asked.hit).collect();
    assert_eq!(hits, [false, true, false, true]);
    Ok(())
}

#[tokio::test]
async fn key_time_and_tags_are_those_of_the_attribute() -> Result<()> {
    let (db, cache) = cached().await?;
    db.shows().find("s:1").await?;
    db.shows().count().await?;
    let asked = cache.asked();
    let keep = &asked[0].keep;
    assert_eq!(asked[0].key, "show:s%3A1");
    assert_eq!(keep.ttl, Duration::from_secs(300));
    assert_eq!(keep.none_ttl, Some(Duration::from_millis(250)));
    assert_eq!(keep.tags, ["shows", "one:s%3A1"]);
    let keep = &asked[1].keep;
    assert_eq!(asked[1].key, "count");
    assert_eq!((keep.ttl, keep.none_ttl), (Duration::from_secs(30), None));
    assert_eq!(keep.tags, ["shows"]);
    Ok(())
}

#[tokio::test]
async fn without_a_key_the_method_and_all_arguments_are_it() -> Result<()> {
    let (db, cache) = cached().await?;
    db.shows().list(2).await?;
    db.shows().titled(Some(1979), &["Alien", "a,b"]).await?;
    db.shows().titled(None, &[]).await?;
    assert_eq!(
        cache.keys(),
        [
            "cached::shows::Shows::list:2",
            "cached::shows::Shows::titled:1979:[Alien,a%2Cb,]",
            "cached::shows::Shows::titled:~:[]",
        ]
    );
    Ok(())
}

#[tokio::test]
async fn scalars_tuples_views_and_pages_are_kept() -> Result<()> {
    let (db, cache) = cached().await?;
    let page = || PageRequest::first(2);
    let sort = || Sort::by(ShowSort::Year).desc();
    let since = ShowFilters {
        since: Some(1980),
        ..ShowFilters::default()
    };
    let first = db.shows().page(&since, sort(), page()).await?;
    assert_eq!((first.items.len(), first.total), (2, 2));
    let view = db.shows().view("s1").await?;
    let offset = OffsetRequest::new(1, 0);
    let slice = db.shows().slice(None, None, &offset).await?;
    assert_eq!((slice.items[0].seasons.len(), slice.items.len()), (2, 1));
    assert_eq!(db.shows().years().await?, (1979, 2016));
    assert_eq!(db.shows().count().await?, 3);

    let recording = db.record();
    assert_eq!(db.shows().page(&since, sort(), page()).await?, first);
    assert_eq!(db.shows().view("s1").await?, view);
    assert_eq!(db.shows().slice(None, None, &offset).await?, slice);
    assert_eq!(db.shows().years().await?, (1979, 2016));
    assert_eq!(db.shows().count().await?, 3);
    recording.assert_statements(0);
    let keys = cache.keys();
    assert_eq!(keys[0], "page:{since.Ge:1980,;}:{-year,}:{2}");
    assert_eq!(keys[1], "view:s1");
    assert_eq!(keys[2], "cached::shows::Shows::slice:{}:{}:{1:skip:0}");
    Ok(())
}

#[tokio::test]
async fn other_filters_orders_and_pages_have_other_keys() -> Result<()> {
    let (db, cache) = cached().await?;
    let all = ShowFilters::default();
    let titled = ShowFilters {
        titles: vec!["Alien".to_owned(), "Aliens".to_owned()],
        ..ShowFilters::default()
    };
    let by_year = || Sort::by(ShowSort::Year);
    let first = PageRequest::first(1);
    let page = db.shows().page(&all, by_year(), first.clone()).await?;
    let next = first.clone().after(page.next.clone());
    db.shows().page(&all, by_year(), next).await?;
    db.shows().page(&titled, by_year(), first.clone()).await?;
    let both = by_year().then(ShowSort::Title).desc();
    db.shows().page(&all, both, first).await?;
    let cursor = page.next.map(|next| next.to_string()).unwrap_or_default();
    assert_eq!(
        cache.keys(),
        [
            "page:{}:{year,}:{1}".to_owned(),
            format!("page:{{}}:{{year,}}:{{1:after:{cursor}}}"),
            "page:{titles.Any:[Alien,Aliens,],;}:{year,}:{1}".to_owned(),
            "page:{}:{year,-title,}:{1}".to_owned(),
        ]
    );
    Ok(())
}

#[tokio::test]
async fn a_tenant_has_keys_and_tags_of_its_own() -> Result<()> {
    let (db, cache) = cached().await?;
    let tenant = db.for_tenant("a|b");
    tenant.shows().find("s1").await?;
    let asked = cache.asked();
    assert_eq!(asked[0].key, "show:s1|a%7Cb");
    assert_eq!(
        asked[0].keep.tags,
        ["shows", "one:s1", "shows|a%7Cb", "one:s1|a%7Cb"]
    );
    db.shows().find("s1").await?;
    assert!(!cache.asked()[0].hit, "the tenant's answer is not for all");
    tenant.shows().insert(&new("s4", 2024)).await?;
    let evicted = cache.evicted();
    assert_eq!(evicted[0].keys(), ["show:s4|a%7Cb"]);
    assert_eq!(evicted[0].tags(), ["shows|a%7Cb"]);
    Ok(())
}

#[tokio::test]
async fn a_write_drops_what_it_names() -> Result<()> {
    let (db, cache) = cached().await?;
    let dropped = || {
        let all = cache.evicted().into_iter();
        let names = all.map(|one| (one.keys().join(" "), one.tags().join(" ")));
        names.collect::<Vec<_>>()
    };
    let keys_and_tags = |keys: &str, tags: &str| vec![(keys.to_owned(), tags.to_owned())];
    let shows = db.shows();
    assert_eq!(shows.find("s4").await?, None);
    let mut show = shows.insert(&new("s4", 2024)).await?;
    assert_eq!(dropped(), keys_and_tags("show:s4", "shows"));
    assert_eq!(shows.find("s4").await?.as_ref(), Some(&show));
    show.year = 2025;
    shows.update(&show).await?;
    assert_eq!(dropped(), keys_and_tags("", "one:s4 shows"));
    assert_eq!(shows.find("s4").await?, Some(show));
    shows.insert_many(&[new("s5", 1), new("s6", 2)]).await?;
    assert_eq!(dropped(), keys_and_tags("count years", "shows"));
    shows.set_year(3, &ShowFilters::default()).await?;
    assert_eq!(dropped(), keys_and_tags("", "shows"));
    shows.delete("s5").await?;
    assert_eq!(dropped(), keys_and_tags("show:s5", ""));
    let taken = shows.take("s6".to_owned()).await?;
    assert_eq!(taken.as_deref(), Some("Title of s6"));
    assert_eq!(dropped(), keys_and_tags("show:s6", ""));
    Ok(())
}

#[tokio::test]
async fn inside_of_a_transaction_reads_go_past_the_cache_and_its_evictions_wait_for_the_commit()
-> Result<()> {
    let (db, cache) = cached().await?;
    db.transaction(async |tx| {
        tx.shows().insert(&new("s4", 2024)).await?;
        assert!(tx.shows().find("s4").await?.is_some());
        assert!(cache.evicted().is_empty() && cache.asked().is_empty());
        Ok::<_, Error>(())
    })
    .await?;
    let evicted = cache.evicted();
    assert_eq!(evicted.len(), 1);
    assert_eq!(evicted[0].keys(), ["show:s4"]);
    let rolled_back = db
        .transaction(async |tx| {
            tx.shows().delete("s4").await?;
            Err::<(), _>(Error::new(ErrorKind::Other))
        })
        .await;
    assert!(rolled_back.is_err());
    assert!(cache.evicted().is_empty());
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_part_of_a_key_is_refused_before_anything_is_sent() -> Result<()> {
    let (db, cache) = cached().await?;
    let recording = db.record();
    for refused in [
        db.shows().find("a\0").await.map(|_| ()),
        db.shows().delete("a\0").await.map(|_| ()),
    ] {
        let error = refused.expect_err("no database stores it");
        assert_eq!(error.kind(), ErrorKind::Encode);
        assert!(error.to_string().contains("argument `show_id`"), "{error}");
        assert!(error.to_string().contains("Shows::"), "{error}");
    }
    let too_many = db
        .shows()
        .slice(None, None, &OffsetRequest::new(201, 0))
        .await;
    let error = too_many.expect_err("more than a page holds");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    recording.assert_statements(0);
    assert!(cache.asked().is_empty() && cache.evicted().is_empty());
    Ok(())
}

#[tokio::test]
async fn an_error_is_not_kept_and_names_its_method_once() -> Result<()> {
    let cache = Noted::default();
    let db = Db::memory().await?.with_cache(cache.clone());
    for _ in 0..2 {
        let error = db.shows().count().await.expect_err("there is no table");
        assert_eq!(error.to_string().matches("Shows::count").count(), 1);
    }
    assert!(cache.asked().iter().all(|asked| !asked.hit));
    Ok(())
}

#[tokio::test]
async fn without_a_cache_the_methods_do_what_they_did() -> Result<()> {
    let db = database().await?;
    let recording = db.record();
    assert_eq!(db.shows().count().await?, 3);
    assert_eq!(db.shows().count().await?, 3);
    db.shows().insert(&new("s4", 2024)).await?;
    recording.assert_statements(3);
    Ok(())
}

#[tokio::test]
async fn a_cached_method_works_behind_an_object_and_on_another_thread() -> Result<()> {
    let (db, cache) = cached().await?;
    let shows: Arc<dyn DynShows> = Arc::new(db.shows().clone());
    let found: Result<Option<Show>> = tokio::spawn(async move {
        let show_id = "s1".to_owned();
        shows.find(&show_id).await?;
        shows.take("s3".to_owned()).await?;
        shows.find(&show_id).await
    })
    .await
    .expect("the task ends");
    assert!(found?.is_some());
    assert_eq!(cache.keys(), ["show:s1", "show:s1"]);
    assert_eq!(cache.evicted().len(), 1);
    Ok(())
}
