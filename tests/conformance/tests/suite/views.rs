//! Entities with what belongs to them: every kind of edge, one statement for each.

use conformance::{Ground, on_every_engine};
use shelfmark::prelude::*;
use uuid::Uuid;

#[derive(Value, Clone, Debug, PartialEq)]
struct BandId(String);

#[derive(Entity, Clone, Debug, PartialEq)]
#[entity(table = "labels")]
struct Label {
    #[id]
    label_id: Uuid,
    name: String,
}

#[derive(Entity, Clone, Debug, PartialEq)]
#[entity(table = "bands")]
struct Band {
    #[id]
    band_id: BandId,
    name: String,
    #[belongs_to(Label)]
    label_id: Option<Uuid>,
}

#[derive(Entity, Clone, Debug, PartialEq)]
#[entity(table = "posters")]
struct Poster {
    #[id]
    poster_id: i64,
    #[belongs_to(Band)]
    band_id: BandId,
    words: String,
}

#[derive(Entity, Clone, Debug, PartialEq)]
#[entity(table = "albums")]
struct Album {
    #[id]
    album_id: i64,
    #[belongs_to(Band)]
    #[column("band_id")]
    of_band: BandId,
    title: String,
    year: Option<i32>,
}

#[derive(Entity, Clone, Debug, PartialEq)]
#[entity(table = "tracks")]
struct Track {
    #[id]
    track_id: i64,
    #[belongs_to(Album)]
    album_id: i64,
    nth: i32,
    title: String,
}

#[derive(Entity, Clone, Debug, PartialEq)]
#[entity(table = "musicians")]
struct Musician {
    #[id]
    musician_id: i64,
    name: String,
}

#[derive(Entity, Clone, Debug, PartialEq)]
#[entity(table = "band_musicians", key = (band_id, musician_id))]
struct BandMusician {
    #[belongs_to(Band)]
    band_id: BandId,
    #[belongs_to(Musician)]
    musician_id: i64,
    position: i32,
    /// What the musician is called in this band; both ends of the edge have a column of this name.
    name: Option<String>,
}

#[derive(Entity, Clone, Debug, PartialEq)]
#[entity(table = "letters")]
struct Letter {
    #[id]
    letter_id: i64,
    #[belongs_to(Musician)]
    sender_id: i64,
    #[belongs_to(Musician)]
    receiver_id: Option<i64>,
    /// A column whose name has to be quoted.
    from: String,
}

#[derive(View, Clone, Debug, PartialEq)]
struct BandDetails {
    #[view(root)]
    band: Band,
    #[view(one)]
    label: Option<Label>,
    #[view(has_one)]
    poster: Option<Poster>,
    #[view(many)]
    albums: Vec<AlbumDetails>,
    #[view(many, through = BandMusician, order = "position")]
    musicians: Vec<Musician>,
}

#[derive(View, Clone, Debug, PartialEq)]
struct AlbumDetails {
    #[view(root)]
    album: Album,
    #[view(one, by = of_band)]
    band: Band,
    #[view(many, order = "nth")]
    tracks: Vec<Track>,
}

#[derive(View, Debug)]
struct Discography {
    #[view(root)]
    band: Band,
    #[view(many)]
    by_key: Vec<Album>,
    #[view(many, order = "title")]
    by_title: Vec<Album>,
    #[view(many, order = "-year")]
    newest_first: Vec<Album>,
    #[view(many, order = "year, -title")]
    oldest_first: Vec<Album>,
    #[view(many, order = "title", limit = 2)]
    first_two: Vec<Album>,
    #[view(has_one, order = "-year")]
    newest: Option<Album>,
}

#[derive(View, Debug)]
struct LineUp {
    #[view(root)]
    band: Band,
    #[view(many, through = BandMusician)]
    by_key: Vec<Musician>,
    #[view(many, through = BandMusician, order = "-position")]
    backwards: Vec<Musician>,
    #[view(many, through = BandMusician, order = "target.name")]
    by_name: Vec<Musician>,
    #[view(many, through = BandMusician, order = "link.name, -target.name")]
    by_name_in_the_band: Vec<Musician>,
    #[view(many, through = BandMusician, order = "position", limit = 1)]
    first: Vec<Musician>,
    #[view(many, order = "-position", limit = 2)]
    last_places: Vec<BandMusician>,
}

#[derive(View, Debug)]
struct LetterDetails {
    #[view(root)]
    letter: Letter,
    #[view(one, by = sender_id)]
    sender: Musician,
    #[view(one, by = receiver_id)]
    receiver: Option<Musician>,
}

#[derive(View, Debug)]
struct Correspondence {
    #[view(root)]
    musician: Musician,
    #[view(many, by = sender_id)]
    sent: Vec<Letter>,
    #[view(many, by = receiver_id, order = "-letter_id", limit = 1)]
    last_received: Vec<Letter>,
    #[view(many, through = Letter, by = sender_id, to = receiver_id, order = "link.letter_id")]
    wrote_to: Vec<Musician>,
}

#[derive(View, Debug)]
struct Advertised {
    #[view(root)]
    band: Band,
    #[view(has_one)]
    poster: Poster,
}

#[repository(entity = Band)]
trait Bands {
    #[query("SELECT {*} FROM bands ORDER BY name")]
    async fn all(&self) -> Result<Vec<Band>>;
    #[query("SELECT {*} FROM bands ORDER BY name")]
    async fn with_details(&self) -> Result<Vec<BandDetails>>;
    #[query("SELECT {b.*} FROM bands AS b WHERE b.name = :name")]
    async fn details(&self, name: &str) -> Result<Option<BandDetails>>;
    #[query("SELECT {*} FROM bands WHERE name = :name")]
    async fn exactly(&self, name: &str) -> Result<BandDetails>;
    #[query("SELECT {*} FROM bands ORDER BY name")]
    fn stream(&self) -> impl Stream<Item = Result<Band>> + Send;
    #[query("SELECT {*} FROM letters ORDER BY letter_id")]
    async fn letters(&self) -> Result<Vec<Letter>>;
    #[query("SELECT {*} FROM musicians ORDER BY musician_id")]
    async fn everyone(&self) -> Result<Vec<Musician>>;
}

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
