//! What is found, and which comes first.

use crate::catalogue::{Catalogue, film, of_year, with};
use crate::on_both_engines;

on_both_engines! {
    async fn the_best_matches_come_first_and_the_newest_of_equals(engine) {
        let catalogue = Catalogue::of(engine, &[
            with(of_year(film("cast", "Another story"), 2024), &[], &["Courtney Love"]),
            of_year(film("beginning", "My Lovers"), 2023),
            of_year(film("word-old", "All you need is love"), 1990),
            of_year(film("word-new", "Crazy, Stupid, LOVE"), 2011),
            of_year(film("first-old", "Love Story"), 1970),
            of_year(film("first-new", "Lovely, Dark"), 2020),
            of_year(film("exact-old", "Love"), 1980),
            of_year(film("exact-new", "Lóve"), 2015),
            with(of_year(film("name-begun", "No story"), 2022), &["Ada Lovelace"], &[]),
            film("none", "Glove"),
        ]).await?;
        assert_eq!(catalogue.found("love").await?, [
            "exact-new", "exact-old", "first-new", "first-old", "word-new", "word-old", "beginning", "cast", "name-begun",
        ]);
        let few = catalogue.search("love", 3).await?;
        assert_eq!((few.items.len(), few.more), (3, true));
        let all = catalogue.search("love", 9).await?;
        assert_eq!((all.items.len(), all.more), (9, false));
    }

    async fn the_people_that_match_are_told(engine) {
        let catalogue = Catalogue::of(engine, &[
            with(film("a", "Ran"), &["Akira Kurosawa"], &["Tatsuya Nakadai", "Akira Terao"]),
            with(film("b", "Akira"), &["Katsuhiro Otomo"], &["Mitsuo Iwata"]),
            with(film("c", "Self"), &["Akira Kurosawa"], &["Akira Kurosawa"]),
        ]).await?;
        let found = catalogue.search("akira", 10).await?;
        let people: Vec<(&str, Vec<&str>)> = found.items.iter()
            .map(|one| (one.show.show_id.as_str(), one.people.iter().map(String::as_str).collect())).collect();
        assert_eq!(people, [("b", vec![]), ("a", vec!["Akira Kurosawa", "Akira Terao"]), ("c", vec!["Akira Kurosawa"])]);
        assert_eq!(catalogue.found("kurosawa aki").await?, ["a", "c"]);
        // Two people are not one.
        assert!(catalogue.found("kurosawa terao").await?.is_empty());
    }

    async fn only_the_last_word_may_be_a_beginning(engine) {
        let catalogue = Catalogue::of(engine, &[film("a", "The Midnight Train"), film("b", "Midnight Mass")]).await?;
        assert_eq!(catalogue.found("midnight tr").await?, ["a"]);
        assert_eq!(catalogue.found("train midni").await?, ["a"]);
        assert!(catalogue.found("midni train").await?.is_empty());
        assert!(catalogue.found("idnight").await?.is_empty());
        assert_eq!(catalogue.found("m").await?, ["b", "a"]);
    }

    async fn a_title_without_a_letter_is_found_whole(engine) {
        let catalogue = Catalogue::of(engine, &[film("a", "$#*!"), film("b", "🎬"), film("c", "🎬 II"), film("d", "8½")]).await?;
        assert_eq!(catalogue.found("$#*!").await?, ["a"]);
        assert_eq!(catalogue.found("🎬").await?, ["b", "c"]);
        assert_eq!(catalogue.found("8½").await?, ["d"]);
        assert!(catalogue.found("*").await?.is_empty());
    }

    async fn a_common_first_name_is_cut_and_says_so(engine) {
        let films: Vec<_> = (0..30)
            .map(|nth| with(film(&format!("f{nth}"), "Untitled"), &[], &[&format!("Maria Number{nth}")])).collect();
        let catalogue = Catalogue::of(engine, &films).await?;
        let found = catalogue.search("maria", 50).await?;
        assert_eq!((found.items.len(), found.more), (20, true));
        let found = catalogue.search("maria number7", 50).await?;
        assert_eq!((found.items.len(), found.more), (1, false));
    }
}
