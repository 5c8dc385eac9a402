//! Entities with what belongs to them: every kind of edge, one statement for each.

use conformance::{Engine, Ground, TestResult, on_every_engine};
use shelfmark::__private::STATEMENTS;
use shelfmark::prelude::*;
use uuid::Uuid;

use crate::bands::*;

fn label(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

/// Two bands with everything, one with nothing.
async fn filled(db: &Ground) -> shelfmark::Result<()> {
    let (north, south) = (label(1), label(2));
    for statement in [
        sql!(
            "INSERT INTO labels (label_id, name) VALUES (:north, 'North'), (:south, 'South')",
            north,
            south
        ),
        sql!(
            "INSERT INTO bands (band_id, name, label_id) VALUES ('a', 'Anvil', :north), ('b', 'Bell', :north), ('c', 'Cave', NULL)",
            north
        ),
        sql!("INSERT INTO posters (poster_id, band_id, words) VALUES (1, 'a', 'Tonight')"),
        sql!(
            "INSERT INTO albums (album_id, band_id, title, year) VALUES (1, 'a', 'Zinc', 1990), (2, 'a', 'Amber', NULL), (3, 'a', 'Lead', 1985), (4, 'b', 'Iron', 2001)"
        ),
        sql!(
            "INSERT INTO tracks (track_id, album_id, nth, title) VALUES (1, 1, 2, 'Two'), (2, 1, 1, 'One'), (3, 4, 1, 'Only')"
        ),
        sql!("INSERT INTO musicians (musician_id, name) VALUES (1, 'Ola'), (2, 'Kim'), (3, 'Pat')"),
        sql!(
            "INSERT INTO band_musicians (band_id, musician_id, position, name) VALUES ('a', 1, 3, NULL), ('a', 2, 1, 'X'), ('a', 3, 2, 'X'), ('b', 1, 1, NULL)"
        ),
        sql!(
            "INSERT INTO letters (letter_id, sender_id, receiver_id, \"from\") VALUES (1, 1, 2, 'x'), (2, 1, NULL, 'y'), (3, 2, 1, 'z'), (4, 3, 1, 'w')"
        ),
    ] {
        db.execute(statement).await?;
    }
    Ok(())
}

fn titles(albums: &[Album]) -> Vec<&str> {
    albums.iter().map(|album| album.title.as_str()).collect()
}

fn names(musicians: &[Musician]) -> Vec<&str> {
    musicians.iter().map(|one| one.name.as_str()).collect()
}

async fn band(db: &Ground, name: &str) -> anyhow::Result<Band> {
    let bands = db.bands().all().await?;
    bands
        .into_iter()
        .find(|band| band.name == name)
        .ok_or_else(|| anyhow::anyhow!("there is no band of this name"))
}

/// Gigs of two clubs, some cancelled, some on a stage that is closed.
async fn gigs(db: &Ground) -> shelfmark::Result<()> {
    filled(db).await?;
    let (then, never) = (jiff::Timestamp::UNIX_EPOCH, None::<jiff::Timestamp>);
    for statement in [
        sql!(
            "INSERT INTO stages (stage_id, name, closed_at) VALUES (1, 'Attic', :never), (2, 'Barn', :then), (3, 'Cellar', :never)",
            never,
            then
        ),
        sql!(
            "INSERT INTO gigs (gig_id, club, band_id, stage_id, cancelled_at) VALUES (1, 1, 'a', 1, :then), (2, 1, 'a', 2, :never), (3, 1, 'a', 3, :never), (4, 1, 'a', 1, :never), (5, 2, 'a', 1, :never), (6, 2, 'b', 3, :never)",
            then,
            never
        ),
    ] {
        db.execute(statement).await?;
    }
    Ok(())
}

fn stages(stages: &[Stage]) -> Vec<&str> {
    stages.iter().map(|stage| stage.name.as_str()).collect()
}

fn gig_ids(gigs: &[Gig]) -> Vec<i64> {
    gigs.iter().map(|gig| gig.gig_id).collect()
}

/// The methods of the statements that were sent, in the order of the alphabet: edges of one level have none.
fn sent(recording: &shelfmark::testing::Recording) -> Vec<&'static str> {
    let mut methods: Vec<&str> = recording
        .statements()
        .iter()
        .map(|one| one.method)
        .collect();
    methods.sort_unstable();
    methods
}

on_every_engine! {
    async fn every_edge_of_every_root_is_loaded(db) {
        filled(db).await?;
        let details = BandDetails::load(db.bands().all().await?, db.db()).await?;
        let [anvil, bell, cave] = &details[..] else { panic!("three bands, three views") };
        assert_eq!(anvil.band.name, "Anvil");
        assert_eq!(anvil.label.as_ref().map(|label| label.name.as_str()), Some("North"));
        assert_eq!(anvil.poster.as_ref().map(|poster| poster.words.as_str()), Some("Tonight"));
        assert_eq!(anvil.albums.len(), 3);
        assert_eq!(names(&anvil.musicians), ["Kim", "Pat", "Ola"]);
        assert_eq!(bell.label, anvil.label);
        assert_eq!(bell.poster, None);
        assert_eq!(names(&bell.musicians), ["Ola"]);
        assert_eq!(cave.label, None);
        assert!(cave.albums.is_empty() && cave.musicians.is_empty());
    }

    async fn a_view_inside_of_a_view_is_loaded(db) {
        filled(db).await?;
        let anvil = BandDetails::load_one(band(db, "Anvil").await?, db.db()).await?;
        let [zinc, amber, lead] = &anvil.albums[..] else { panic!("three albums in the order of their keys") };
        assert_eq!(zinc.tracks.iter().map(|track| track.title.as_str()).collect::<Vec<_>>(), ["One", "Two"]);
        assert!(amber.tracks.is_empty() && lead.tracks.is_empty());
        assert!(anvil.albums.iter().all(|album| album.band == anvil.band));
    }

    async fn roots_keep_their_order_and_stay_when_they_have_nothing(db) {
        filled(db).await?;
        let mut roots = db.bands().all().await?;
        roots.reverse();
        let views = BandDetails::load(roots, db.db()).await?;
        let order: Vec<&str> = views.iter().map(|view| view.band.name.as_str()).collect();
        assert_eq!(order, ["Cave", "Bell", "Anvil"]);
    }

    async fn a_root_that_stands_twice_becomes_two_views(db) {
        filled(db).await?;
        let anvil = band(db, "Anvil").await?;
        let bell = band(db, "Bell").await?;
        let views = BandDetails::load(vec![anvil.clone(), bell, anvil], db.db()).await?;
        assert_eq!(views.len(), 3);
        assert_eq!(views[0], views[2]);
        assert_eq!(views[0].albums.len(), 3);
        assert_eq!(views[0].musicians.len(), 3);
        assert!(views[0].label.is_some() && views[1].label.is_some());
    }

    async fn no_roots_are_no_views(db) {
        assert!(BandDetails::load(Vec::new(), db.db()).await?.is_empty());
    }

    async fn rows_come_in_the_order_of_their_key_or_in_the_one_that_is_given(db) {
        filled(db).await?;
        let anvil = Discography::load_one(band(db, "Anvil").await?, db.db()).await?;
        assert_eq!(anvil.band.band_id, BandId("a".into()));
        assert_eq!(titles(&anvil.by_key), ["Zinc", "Amber", "Lead"]);
        assert_eq!(titles(&anvil.by_title), ["Amber", "Lead", "Zinc"]);
    }

    async fn null_comes_last_in_either_direction(db) {
        filled(db).await?;
        let anvil = Discography::load_one(band(db, "Anvil").await?, db.db()).await?;
        assert_eq!(titles(&anvil.newest_first), ["Zinc", "Lead", "Amber"]);
        assert_eq!(titles(&anvil.oldest_first), ["Lead", "Zinc", "Amber"]);
    }

    async fn a_limit_is_one_of_each_root(db) {
        filled(db).await?;
        let views = Discography::load(db.bands().all().await?, db.db()).await?;
        let first_two: Vec<Vec<&str>> = views.iter().map(|view| titles(&view.first_two)).collect();
        assert_eq!(first_two, [vec!["Amber", "Lead"], vec!["Iron"], vec![]]);
    }

    async fn has_one_with_an_order_is_the_first(db) {
        filled(db).await?;
        let views = Discography::load(db.bands().all().await?, db.db()).await?;
        let newest: Vec<Option<&str>> = views
            .iter()
            .map(|view| view.newest.as_ref().map(|album| album.title.as_str()))
            .collect();
        assert_eq!(newest, [Some("Zinc"), Some("Iron"), None]);
    }

    async fn has_one_without_an_order_refuses_several(db) {
        filled(db).await?;
        db.execute(sql!("INSERT INTO posters (poster_id, band_id, words) VALUES (2, 'a', 'Tomorrow')")).await?;
        let error = BandDetails::load(db.bands().all().await?, db.db()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooManyRows);
        assert_eq!(error.method(), Some("BandDetails::poster"));
    }

    async fn rows_behind_a_link_are_ordered_by_either_table(db) {
        filled(db).await?;
        let anvil = LineUp::load_one(band(db, "Anvil").await?, db.db()).await?;
        assert_eq!(names(&anvil.by_key), ["Ola", "Kim", "Pat"]);
        assert_eq!(names(&anvil.backwards), ["Ola", "Pat", "Kim"]);
        assert_eq!(names(&anvil.by_name), ["Kim", "Ola", "Pat"]);
        assert_eq!(names(&anvil.by_name_in_the_band), ["Pat", "Kim", "Ola"]);
    }

    async fn a_limit_behind_a_link_is_one_of_each_root(db) {
        filled(db).await?;
        let views = LineUp::load(db.bands().all().await?, db.db()).await?;
        let first: Vec<Vec<&str>> = views.iter().map(|view| names(&view.first)).collect();
        assert_eq!(first, [vec!["Kim"], vec!["Ola"], vec![]]);
        assert!(views.iter().all(|view| view.band.name != "Cave" || view.last_places.is_empty()));
    }

    async fn a_target_may_have_a_key_of_several_columns(db) {
        filled(db).await?;
        let anvil = LineUp::load_one(band(db, "Anvil").await?, db.db()).await?;
        let places: Vec<i32> = anvil.last_places.iter().map(|place| place.position).collect();
        assert_eq!(places, [3, 2]);
    }

    async fn of_two_columns_that_refer_to_one_entity_each_edge_takes_its_own(db) {
        filled(db).await?;
        let letters = LetterDetails::load(db.bands().letters().await?, db.db()).await?;
        let of = |nth: usize| {
            let letter: &LetterDetails = &letters[nth];
            (letter.sender.name.as_str(), letter.receiver.as_ref().map(|one| one.name.as_str()))
        };
        assert_eq!(of(0), ("Ola", Some("Kim")));
        assert_eq!(of(1), ("Ola", None));
        assert_eq!(of(2), ("Kim", Some("Ola")));
        assert_eq!(letters[3].letter.from, "w");
    }

    async fn the_far_side_of_a_link_is_named(db) {
        filled(db).await?;
        let views = Correspondence::load(db.bands().everyone().await?, db.db()).await?;
        let ola = &views[0];
        assert_eq!(ola.musician.name, "Ola");
        assert_eq!(ola.sent.iter().map(|letter| letter.letter_id).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(ola.last_received.iter().map(|letter| letter.letter_id).collect::<Vec<_>>(), [4]);
        // The second letter went to nobody.
        assert_eq!(names(&ola.wrote_to), ["Kim"]);
        assert_eq!(names(&views[1].wrote_to), ["Ola"]);
    }

    async fn a_link_that_stands_twice_gives_the_row_twice(db) {
        filled(db).await?;
        db.execute(sql!("INSERT INTO letters (letter_id, sender_id, receiver_id, \"from\") VALUES (9, 1, 2, 'again')")).await?;
        let views = Correspondence::load(db.bands().everyone().await?, db.db()).await?;
        assert_eq!(names(&views[0].wrote_to), ["Kim", "Kim"]);
    }

    async fn a_missing_row_that_is_needed_is_an_error_with_the_edges_name(db) {
        filled(db).await?;
        db.execute(sql!("DELETE FROM letters WHERE letter_id > 1")).await?;
        db.execute(sql!("UPDATE letters SET sender_id = 99")).await?;
        let error = LetterDetails::load(db.bands().letters().await?, db.db()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert_eq!(error.method(), Some("LetterDetails::sender"));
        assert!(!error.to_string().contains("99"), "{error}");
        let error = Advertised::load(db.bands().all().await?, db.db()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert_eq!(error.method(), Some("Advertised::poster"));
        let found = Advertised::load_one(band(db, "Anvil").await?, db.db()).await?;
        assert_eq!((found.band.name.as_str(), found.poster.words.as_str()), ("Anvil", "Tonight"));
    }

    async fn a_missing_row_that_is_optional_is_none(db) {
        filled(db).await?;
        db.execute(sql!("UPDATE letters SET receiver_id = 99")).await?;
        let letters = LetterDetails::load(db.bands().letters().await?, db.db()).await?;
        assert_eq!(letters.len(), 4);
        assert!(letters.iter().all(|letter| letter.receiver.is_none()));
    }

    async fn a_query_answers_with_views(db) {
        filled(db).await?;
        let all = db.bands().with_details().await?;
        assert_eq!(all, BandDetails::load(db.bands().all().await?, db.db()).await?);
        let bell = db.bands().exactly("Bell").await?;
        assert_eq!(bell, all[1]);
        assert_eq!(db.bands().details("Anvil").await?.as_ref(), all.first());
        assert_eq!(db.bands().details("Dale").await?, None);
        let error = db.bands().exactly("Dale").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }

    async fn a_query_without_a_trait_answers_with_views(db) {
        filled(db).await?;
        let one: BandDetails = db.fetch_one(sql!("SELECT {*} FROM bands WHERE name = 'Anvil'")).await?;
        assert_eq!(one.albums.len(), 3);
    }

    async fn pages_hold_views(db) {
        filled(db).await?;
        let all = db.bands().with_details().await?;
        let sort = || Sort::by(BandSort::Name);
        let first = db.bands().page(sort(), PageRequest::first(2)).await?;
        assert_eq!((first.total, &first.items[..]), (3, &all[..2]));
        let next = db.bands().page(sort(), PageRequest::first(2).after(first.next)).await?;
        assert_eq!(next.items, all[2..]);
        assert!(next.next.is_none());
        let slice = db.bands().slice(sort(), PageRequest::first(3)).await?;
        assert_eq!(slice.items, all);
    }

    async fn a_thousand_roots_are_as_one(db) {
        filled(db).await?;
        let ids: Vec<String> = (0..1_000).map(|nth| format!("n{nth:04}")).collect();
        let bands: Vec<Band> = ids
            .iter()
            .map(|id| Band { band_id: BandId(id.clone()), name: id.clone(), label_id: None })
            .collect();
        db.transaction(async |tx| {
            for (nth, id) in ids.iter().enumerate() {
                let (album, title) = (100 + i64::try_from(nth).unwrap_or_default(), format!("of {id}"));
                tx.execute(sql!("INSERT INTO bands (band_id, name) VALUES (:id, :id)", id)).await?;
                tx.execute(sql!("INSERT INTO albums (album_id, band_id, title) VALUES (:album, :id, :title)", album, id, title)).await?;
            }
            Ok::<_, shelfmark::Error>(())
        })
        .await?;
        let views = Discography::load(bands, db.db()).await?;
        assert_eq!(views.len(), 1_000);
        for (view, id) in views.iter().zip(&ids) {
            assert_eq!(titles(&view.by_key), [format!("of {id}")]);
            assert_eq!(titles(&view.first_two), [format!("of {id}")]);
        }
    }

    async fn each_edge_is_one_statement_however_many_roots_there_are(db) {
        filled(db).await?;
        let roots = db.bands().all().await?;
        let recording = db.record();
        BandDetails::load_one(roots[0].clone(), db.db()).await?;
        let of_one = sent(&recording);
        recording.clear();
        BandDetails::load(roots, db.db()).await?;
        assert_eq!(sent(&recording), of_one);
        assert_eq!(of_one, [
            "AlbumDetails::band",
            "AlbumDetails::tracks",
            "BandDetails::albums",
            "BandDetails::label",
            "BandDetails::musicians",
            "BandDetails::poster",
        ]);
    }

    async fn a_query_with_views_is_its_own_statement_and_one_for_each_edge(db) {
        filled(db).await?;
        let letters = shelfmark::assert_statements!(db.db(), 3, async {
            db.fetch_all::<LetterDetails>(sql!("SELECT {*} FROM letters")).await
        })?;
        assert_eq!(letters.len(), 4);
    }

    async fn nothing_is_sent_for_what_nothing_refers_to(db) {
        filled(db).await?;
        let cave = band(db, "Cave").await?;
        let recording = db.record();
        BandDetails::load(Vec::new(), db.db()).await?;
        assert_eq!(sent(&recording), [""; 0]);
        // Its label is NULL, and it has no albums that anything could belong to.
        BandDetails::load_one(cave, db.db()).await?;
        assert_eq!(sent(&recording), ["BandDetails::albums", "BandDetails::musicians", "BandDetails::poster"]);
    }

    async fn a_transaction_shows_its_own_rows(db) {
        filled(db).await?;
        let seen = db
            .transaction(async |tx| {
                tx.execute(sql!("INSERT INTO albums (album_id, band_id, title) VALUES (50, 'c', 'New')")).await?;
                tx.bands().exactly("Cave").await
            })
            .await?;
        assert_eq!(seen.albums.len(), 1);
    }

    async fn a_transaction_of_one_state_loads_all_edges(db) {
        filled(db).await?;
        let views = db
            .tx()
            .repeatable_read()
            .read_only()
            .run(async |tx| BandDetails::load(tx.bands().all().await?, &tx).await)
            .await?;
        assert_eq!(views, db.bands().with_details().await?);
    }

    async fn a_savepoint_loads_views(db) {
        filled(db).await?;
        let views = db
            .transaction(async |tx| {
                tx.savepoint(async |inner| {
                    inner.execute(sql!("DELETE FROM posters")).await?;
                    inner.bands().with_details().await
                })
                .await
            })
            .await?;
        assert!(views.iter().all(|view| view.poster.is_none()));
        assert_eq!(views[0].albums.len(), 3);
    }

    async fn a_missing_row_does_not_abort_a_transaction(db) {
        filled(db).await?;
        db.execute(sql!("UPDATE letters SET sender_id = 99 WHERE letter_id = 1")).await?;
        let left = db
            .transaction(async |tx| {
                let error = LetterDetails::load(tx.bands().letters().await?, &tx).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::NotFound);
                tx.execute(sql!("DELETE FROM letters WHERE letter_id = 1")).await?;
                tx.bands().letters().await
            })
            .await?;
        assert_eq!(left.len(), 3);
        assert_eq!(db.bands().letters().await?.len(), 3);
    }

    async fn deleted_rows_and_links_are_not_there(db) {
        gigs(db).await?;
        let club = db.for_tenant(1);
        let tour = Tour::load_one(band(db, "Anvil").await?, &club).await?;
        // The first gig is cancelled, and the stage of the second is closed.
        assert_eq!(tour.band.name, "Anvil");
        assert_eq!(gig_ids(&tour.gigs), [2, 3, 4]);
        assert_eq!(gig_ids(&tour.first_gig), [2]);
        assert_eq!(stages(&tour.stages), ["Cellar", "Attic"]);
        assert_eq!(stages(&tour.first_stage), ["Cellar"]);
        let details = GigDetails::load(tour.gigs, &club).await?;
        let stages: Vec<Option<&str>> = details
            .iter()
            .map(|one| one.stage.as_ref().map(|stage| stage.name.as_str()))
            .collect();
        assert_eq!(stages, [None, Some("Cellar"), Some("Attic")]);
        assert_eq!(details[0].gig.gig_id, 2);
    }

    async fn edges_show_the_rows_of_the_handles_tenant(db) {
        gigs(db).await?;
        let bands = db.bands().all().await?;
        let tours = Tour::load(bands.clone(), &db.for_tenant(2)).await?;
        assert_eq!(tours.iter().map(|tour| gig_ids(&tour.gigs)).collect::<Vec<_>>(), [vec![5], vec![6], vec![]]);
        assert_eq!(tours.iter().map(|tour| stages(&tour.first_stage)).collect::<Vec<_>>(), [vec!["Attic"], vec!["Cellar"], vec![]]);
        let inside = db
            .for_tenant(1)
            .transaction(async |tx| Tour::load(bands, &tx).await)
            .await?;
        assert_eq!(inside.iter().map(|tour| gig_ids(&tour.gigs)).collect::<Vec<_>>(), [vec![2, 3, 4], vec![], vec![]]);
    }

    async fn an_edge_to_rows_of_tenants_needs_a_tenant(db) {
        gigs(db).await?;
        let recording = db.record();
        let error = Tour::load(db.bands().all().await?, db.db()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert_eq!(error.method(), Some("Tour::gigs"));
        assert!(error.to_string().contains("db.for_tenant"), "{error}");
        assert_eq!(sent(&recording), ["Bands::all"]);
    }

    async fn roots_of_a_stream_are_loaded_in_chunks(db) {
        use futures_util::TryStreamExt as _;
        filled(db).await?;
        let mut chunks = std::pin::pin!(db.bands().stream().try_chunks(2));
        let mut sizes = Vec::new();
        while let Some(chunk) = chunks.try_next().await? {
            sizes.push(BandDetails::load(chunk, db.db()).await?.len());
        }
        assert_eq!(sizes, [2, 1]);
    }
}

/// With an index that has the order, `limit` reads so many rows for each root and no more.
#[test]
fn postgres_reads_no_further_than_the_limit() -> TestResult {
    conformance::run(async || {
        let db = Ground::migrated(Engine::Postgres).await?;
        filled(&db).await?;
        for statement in [
            sql!(
                "INSERT INTO albums (album_id, band_id, title) SELECT n, 'b', 'T' || n FROM generate_series(100, 20099) AS n"
            ),
            sql!("ANALYZE albums"),
            sql!(
                "CREATE FUNCTION plan_of(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY EXECUTE 'EXPLAIN (ANALYZE, TIMING OFF) ' || query; END $$"
            ),
        ] {
            db.execute(statement).await?;
        }
        let edge = STATEMENTS
            .iter()
            .find(|statement| statement.method == "Discography::first_two")
            .ok_or_else(|| anyhow::anyhow!("the edge is registered"))?;
        let query = edge.sql(db.dialect())?.replace("$1", "'{a,b,c}'");
        let plan: Vec<String> = db.fetch_all(sql!("SELECT plan_of(:query)", query)).await?;
        let most = plan
            .iter()
            .filter_map(|line| {
                line.split_once("(actual rows=")?
                    .1
                    .split(' ')
                    .next()?
                    .parse()
                    .ok()
            })
            .max();
        assert!(
            most.is_some_and(|rows: u32| rows <= 5),
            "{}",
            plan.join("\n")
        );
        Ok(())
    })
}
