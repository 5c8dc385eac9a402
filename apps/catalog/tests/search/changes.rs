//! What is found after every kind of change.

use catalog::repositories::{
    Actors as _, ActorsExt as _, Directors as _, DirectorsExt as _, Shows as _, ShowsExt as _,
};
use catalog::use_cases::{refresh_search, rename_actor, rename_director};
use shelfmark::sql;

use crate::catalogue::{Catalogue, film, of_year, with};
use crate::on_both_engines;

on_both_engines! {
    async fn what_is_added_changed_and_removed_is_found_as_it_is_now(engine) {
        let catalogue = Catalogue::empty(engine).await?;
        catalogue.save(&[with(film("a", "Stalker"), &["Andrei Tarkovsky"], &["Alisa Freindlich"])]).await?;
        assert_eq!(catalogue.found("stalk").await?, ["a"]);
        assert_eq!(catalogue.found("tarkovsky").await?, ["a"]);

        catalogue.replace(&with(film("a", "Solaris"), &["Steven Soderbergh"], &["Alisa Freindlich"])).await?;
        assert!(catalogue.found("stalker").await?.is_empty());
        assert!(catalogue.found("tarkovsky").await?.is_empty());
        assert_eq!(catalogue.found("solaris").await?, ["a"]);
        assert_eq!(catalogue.found("soderbergh").await?, ["a"]);
        assert_eq!(catalogue.found("freindlich").await?, ["a"]);

        assert!(catalogue.db.shows().delete("a").await?);
        for gone in ["solaris", "soderbergh", "freindlich"] {
            assert!(catalogue.found(gone).await?.is_empty(), "{gone}");
        }
    }

    async fn another_year_moves_a_show_in_the_order(engine) {
        let films = [of_year(film("old", "A word"), 1990), of_year(film("new", "B word"), 2010)];
        let catalogue = Catalogue::of(engine, &films).await?;
        assert_eq!(catalogue.found("word").await?, ["new", "old"]);
        catalogue.replace(&of_year(film("old", "A word"), 2020)).await?;
        assert_eq!(catalogue.found("word").await?, ["old", "new"]);
    }

    async fn an_import_that_replaces_a_title_leaves_nothing_of_the_old_one(engine) {
        let catalogue = Catalogue::empty(engine).await?;
        catalogue.import("s1,Movie,Alien,Ridley Scott,Sigourney Weaver,1979\ns2,Movie,Aliens,James Cameron,,1986\n").await?;
        assert_eq!(catalogue.found("alien").await?, ["s1", "s2"]);
        catalogue.import("s1,Movie,Blade Runner,Ridley Scott,Harrison Ford,1982\n").await?;
        assert_eq!(catalogue.found("alien").await?, ["s2"]);
        assert!(catalogue.found("weaver").await?.is_empty());
        assert_eq!(catalogue.found("blade run").await?, ["s1"]);
        assert_eq!(catalogue.found("harrison").await?, ["s1"]);
        assert_eq!(catalogue.listed("scott", "title").await?, ["s1"]);
    }

    async fn a_batch_that_is_rolled_back_leaves_nothing_to_be_found(engine) {
        let catalogue = Catalogue::empty(engine).await?;
        let rows = "s1,Movie,Alien,Ridley Scott,Sigourney Weaver,1979\ns2,Movie,,,,1986\n";
        assert!(catalogue.import(rows).await.is_err());
        assert!(catalogue.found("alien").await?.is_empty());
        assert!(catalogue.found("ridley").await?.is_empty());
    }

    async fn a_renamed_person_is_found_by_the_new_name_alone(engine) {
        let shows = [with(film("a", "Bound"), &["Larry Wachowski"], &["Ellen Page"])];
        let catalogue = Catalogue::of(engine, &shows).await?;
        let db = &catalogue.db;
        let director = db.directors().by_names(&["Larry Wachowski".to_owned()]).await?[0].id;
        let actor = db.actors().by_names(&["Ellen Page".to_owned()]).await?[0].id;
        let renamed = db.transaction(async |tx| {
            assert!(rename_actor(tx.actors(), actor, "Elliot Page").await?);
            rename_director(tx.directors(), director, "Lana Wachowski").await
        });
        assert!(renamed.await?);
        assert_eq!(catalogue.found("lana").await?, ["a"]);
        assert_eq!(catalogue.found("elliot page").await?, ["a"]);
        assert!(catalogue.found("larry").await?.is_empty());
        assert!(catalogue.found("ellen").await?.is_empty());
        // A name that differs in its case alone keeps its words.
        db.transaction(async |tx| rename_director(tx.directors(), director, "LANA Wachowski").await).await?;
        assert_eq!(catalogue.found("lana").await?, ["a"]);
    }

    async fn what_is_changed_by_hand_is_never_found_by_its_old_words(engine) {
        let shows = [with(film("a", "Bound"), &["Larry Wachowski"], &["Jennifer Tilly"]), film("b", "Speed Racer")];
        let catalogue = Catalogue::of(engine, &shows).await?;
        let db = &catalogue.db;
        db.execute(sql!("UPDATE directors SET name = 'Lana Wachowski'")).await?;
        db.execute(sql!("UPDATE actors SET name = 'Gina Gershon'")).await?;
        db.execute(sql!("UPDATE shows SET title = 'Matrix', title_folded = 'matrix' WHERE show_id = 'a'")).await?;
        for old in ["larry", "tilly"] {
            assert!(catalogue.found(old).await?.is_empty(), "{old}");
        }
        assert!(catalogue.found("bound").await?.is_empty());
        assert_eq!(refresh_search(db).await?, 3);
        for new in ["lana", "gershon", "matrix"] {
            assert_eq!(catalogue.found(new).await?, ["a"], "{new}");
        }
        assert_eq!(refresh_search(db).await?, 0);
    }

    /// The first version had no search.
    async fn a_database_from_before_there_was_a_search_is_searched_after_a_start(engine) {
        let catalogue = Catalogue::without_tables(engine).await?;
        let db = &catalogue.db;
        db.migrate(&catalog::MIGRATIONS[..1]).await?;
        db.execute(sql!(
            "INSERT INTO shows (show_id, type, title, title_folded, release_year) VALUES ('a', 'Movie', 'Amélie', 'amelie', 2001)"
        )).await?;
        db.execute(sql!("INSERT INTO actors (id, name) VALUES (7, 'Audrey Tautou')")).await?;
        db.execute(sql!("INSERT INTO directors (id, name) VALUES (8, 'Jean-Pierre Jeunet')")).await?;
        db.execute(sql!("INSERT INTO show_actors (show_id, actor_id, position) VALUES ('a', 7, 0)")).await?;
        db.execute(sql!("INSERT INTO show_directors (show_id, director_id, position) VALUES ('a', 8, 0)")).await?;
        catalog::bring_up_to_date(db).await?;
        for text in ["amé", "tautou", "jean pierre j", "Jean-Pierre"] {
            assert_eq!(catalogue.found(text).await?, ["a"], "{text}");
        }
    }
}
