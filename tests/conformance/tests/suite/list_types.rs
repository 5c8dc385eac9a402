//! Lists of every type, with their limits, repetitions and NULL.

use conformance::on_every_engine;
use jiff::{Timestamp, civil};
use shelfmark::prelude::*;
use uuid::Uuid;

use crate::library::*;

/// Three rows with a value of every type, distinct by row.
async fn three_samples(db: &Db) -> shelfmark::Result<()> {
    for (nth, id) in (0_i8..).zip(["a", "b", "c"]) {
        let mut sample = Sample::empty(id);
        sample.flag = Some(nth == 0);
        sample.small = Some([i16::MIN, 0, i16::MAX][nth as usize]);
        sample.large = Some([i64::MIN, (1 << 53) + 1, i64::MAX][nth as usize]);
        sample.single_float = Some([0.1, -1.5, f32::INFINITY][nth as usize]);
        sample.double_float = Some([0.1, f64::from_bits(1), f64::NEG_INFINITY][nth as usize]);
        sample.tag = Some(Tag(Uuid::from_u128(nth as u128)));
        sample.moment = Timestamp::from_microsecond(i64::from(nth) - 1).ok();
        sample.day = Some(civil::date(2024, 2, 28 + nth % 2));
        sample.clock = Some(civil::time(nth, 0, 0, 1_000));
        sample.mood = Some([Mood::Happy, Mood::VerySad, Mood::Happy][nth as usize]);
        db.samples().insert(&sample).await?;
    }
    Ok(())
}

on_every_engine! {
    async fn integers_are_listed_to_their_limits(db) {
        three_samples(db).await?;
        let (small, large) = (vec![i16::MIN, i16::MAX], vec![i64::MIN, i64::MAX, (1 << 53) + 1, 1 << 53]);
        let narrow: Vec<String> = db.fetch_all(sql!("SELECT id FROM samples WHERE small IN (:small) ORDER BY id", small)).await?;
        let wide: Vec<String> = db.fetch_all(sql!("SELECT id FROM samples WHERE large IN (:large) ORDER BY id", large)).await?;
        assert_eq!((narrow, wide.len()), (vec!["a".to_owned(), "c".to_owned()], 3));
        let beside = [1_i64 << 53];
        let none: Vec<String> = db.fetch_all(sql!("SELECT id FROM samples WHERE large IN (:beside)", beside)).await?;
        assert!(none.is_empty());
    }

    async fn floats_are_listed_to_the_bit(db) {
        three_samples(db).await?;
        let doubles = [0.1_f64, f64::from_bits(1), f64::NEG_INFINITY];
        let singles = [0.1_f32, f32::INFINITY];
        let found: Vec<String> = db.fetch_all(sql!(
            "SELECT id FROM samples WHERE double_float IN (:doubles) AND single_float IN (:singles) ORDER BY id", doubles, singles
        )).await?;
        assert_eq!(found, ["a", "c"]);
    }

    async fn truths_are_listed(db) {
        three_samples(db).await?;
        let flags = [true, true];
        let found: Vec<String> = db.fetch_all(sql!("SELECT id FROM samples WHERE flag IN (:flags)", flags)).await?;
        assert_eq!(found, ["a"]);
    }

    async fn dates_and_times_are_listed(db) {
        three_samples(db).await?;
        let (days, clocks) = ([civil::date(2024, 2, 28)], [civil::time(2, 0, 0, 1_000), civil::time(1, 0, 0, 0)]);
        let found: Vec<String> =
            db.fetch_all(sql!("SELECT id FROM samples WHERE day IN (:days) AND clock IN (:clocks)", days, clocks)).await?;
        assert_eq!(found, ["c"]);
    }

    async fn moments_before_the_epoch_are_listed(db) {
        three_samples(db).await?;
        let moments = vec![Timestamp::from_microsecond(-1)?, Timestamp::from_microsecond(1)?];
        let found: Vec<String> = db.fetch_all(sql!("SELECT id FROM samples WHERE moment IN (:moments) ORDER BY id", moments)).await?;
        assert_eq!(found, ["a", "c"]);
    }

    async fn enums_and_newtypes_are_listed_as_what_they_stand_for(db) {
        three_samples(db).await?;
        let moods = [Mood::Happy];
        let tags = [Tag(Uuid::from_u128(2)), Tag(Uuid::from_u128(1))];
        let found: Vec<String> =
            db.fetch_all(sql!("SELECT id FROM samples WHERE mood IN (:moods) AND tag IN (:tags)", moods, tags)).await?;
        assert_eq!(found, ["c"]);
    }

    async fn a_member_that_comes_twice_finds_its_row_once(db) {
        three_samples(db).await?;
        let ids = vec!["b".to_owned(); 1_000];
        let found: Vec<String> = db.fetch_all(sql!("SELECT id FROM samples WHERE id IN (:ids)", ids)).await?;
        assert_eq!(found, ["b"]);
    }

    async fn the_empty_list_of_every_type_finds_nothing(db) {
        three_samples(db).await?;
        let (flags, larges, doubles, raws): (Vec<bool>, Vec<i64>, Vec<f64>, Vec<Vec<u8>>) = Default::default();
        let (tags, moments, amounts): (Vec<Uuid>, Vec<Timestamp>, Vec<rust_decimal::Decimal>) = Default::default();
        let found: i64 = db.fetch_one(sql!(
            "SELECT count(*) FROM samples WHERE flag IN (:flags) OR large IN (:larges) OR double_float IN (:doubles) OR raw IN (:raws)
             OR tag IN (:tags) OR moment IN (:moments) OR amount IN (:amounts)",
            flags, larges, doubles, raws, tags, moments, amounts
        )).await?;
        assert_eq!(found, 0);
        let none: Vec<i64> = Vec::new();
        let outside: i64 = db.fetch_one(sql!("SELECT count(*) FROM samples WHERE large NOT IN (:none)", none)).await?;
        assert_eq!(outside, 3);
    }

    async fn a_row_is_outside_of_a_list_of_a_hundred_thousand(db) {
        three_samples(db).await?;
        let mut numbers: Vec<i64> = (0..100_000).collect();
        let outside: i64 = db.fetch_one(sql!("SELECT count(*) FROM samples WHERE large NOT IN (:numbers)", numbers)).await?;
        assert_eq!(outside, 3);
        numbers.push(i64::MAX);
        let outside: i64 = db.fetch_one(sql!("SELECT count(*) FROM samples WHERE large NOT IN (:numbers)", numbers)).await?;
        assert_eq!(outside, 2);
    }

    async fn text_in_a_list_is_matched_to_the_code_point(db) {
        let titles = ["Alien", "alien", "Alien ", "\u{e9}", "e\u{301}", "", "it's", "a,b", "{a}", "NULL", "\"", "\\"];
        for (nth, title) in titles.iter().enumerate() {
            db.books().insert(&book(&format!("{nth:02}"), title, 2000)).await?;
        }
        for title in titles {
            let wanted = [title];
            let found: Vec<String> = db.fetch_all(sql!("SELECT title FROM books WHERE title IN (:wanted)", wanted = &wanted[..])).await?;
            assert_eq!(found, [title]);
        }
    }

    async fn a_list_stands_in_a_write(db) {
        three_samples(db).await?;
        let ids = ["a", "c", "zz"];
        let set = db.execute(sql!("UPDATE samples SET words = 'set' WHERE id IN (:ids)", ids = &ids[..])).await?;
        let deleted = db.execute(sql!("DELETE FROM samples WHERE id NOT IN (:ids)", ids = &ids[..])).await?;
        assert_eq!((set, deleted), (2, 1));
    }

    async fn one_list_is_named_twice(db) {
        three_samples(db).await?;
        let ids = ["a", "b"];
        let found: Vec<String> = db.fetch_all(sql!(
            "SELECT id FROM samples WHERE id IN (:ids) AND (id NOT IN (:ids) OR flag) ORDER BY id", ids = &ids[..]
        )).await?;
        assert_eq!(found, ["a"]);
    }
}
