//! Floats: their edges, and how they compare.

use conformance::{TestResult, on_every_engine};
use shelfmark::prelude::*;

use crate::library::*;

async fn doubles(db: &Db, values: &[f64]) -> shelfmark::Result<()> {
    for (nth, value) in values.iter().enumerate() {
        let mut sample = Sample::empty(&format!("{nth:03}"));
        sample.double_float = Some(*value);
        db.samples().insert(&sample).await?;
    }
    Ok(())
}

/// Every value is read back to the bit.
async fn keeps(db: &Db, values: &[f64]) -> TestResult {
    doubles(db, values).await?;
    let read: Vec<f64> = db
        .fetch_all(sql!("SELECT double_float FROM samples ORDER BY id"))
        .await?;
    let bits = |values: &[f64]| {
        values
            .iter()
            .map(|value| value.to_bits())
            .collect::<Vec<_>>()
    };
    assert_eq!(bits(&read), bits(values));
    Ok(())
}

on_every_engine! {
    async fn the_smallest_and_the_largest_floats_are_kept_to_the_bit(db) {
        keeps(db, &[f64::from_bits(1), f64::MIN_POSITIVE, f64::MAX, f64::MIN, f64::EPSILON, f64::INFINITY, f64::NEG_INFINITY]).await?;
    }

    async fn fractions_are_kept_to_the_bit(db) {
        keeps(db, &[0.1, 0.1 + 0.2, 1.0 / 3.0, 1e23, 5e-324, 123_456_789.123_456_79, 9_007_199_254_740_993.0]).await?;
    }

    async fn single_floats_are_kept_to_the_bit(db) {
        let values = [0.1_f32, f32::from_bits(1), f32::MIN_POSITIVE, f32::MAX, 16_777_217.0, 1.0e-40];
        for (nth, value) in values.into_iter().enumerate() {
            let mut sample = Sample::empty(&format!("{nth:03}"));
            sample.single_float = Some(value);
            let stored = db.samples().insert(&sample).await?.single_float;
            assert_eq!(stored.map(f32::to_bits), Some(value.to_bits()));
        }
    }

    async fn floats_sort_by_value_between_their_infinities(db) {
        let ascending = [f64::NEG_INFINITY, f64::MIN, -1.5, -f64::MIN_POSITIVE, 0.0, f64::from_bits(1), 0.1, 9.0, 10.0, f64::MAX, f64::INFINITY];
        let mut stored = ascending.to_vec();
        stored.rotate_left(4);
        doubles(db, &stored).await?;
        let sorted: Vec<f64> = db.fetch_all(sql!("SELECT double_float FROM samples ORDER BY double_float")).await?;
        assert_eq!(sorted, ascending);
        let ends: (f64, f64) = db.fetch_one(sql!("SELECT min(double_float), max(double_float) FROM samples")).await?;
        assert_eq!(ends, (f64::NEG_INFINITY, f64::INFINITY));
    }

    async fn infinities_compare_with_arguments(db) {
        doubles(db, &[f64::INFINITY, f64::NEG_INFINITY, f64::MAX]).await?;
        let infinite = f64::INFINITY;
        let equal: i64 = db.fetch_one(sql!("SELECT count(*) FROM samples WHERE double_float = :infinite", infinite)).await?;
        let below: i64 = db.fetch_one(sql!("SELECT count(*) FROM samples WHERE double_float < :infinite", infinite)).await?;
        assert_eq!((equal, below), (1, 2));
    }

    async fn the_two_zeros_are_equal(db) {
        doubles(db, &[0.0, -0.0]).await?;
        for zero in [0.0, -0.0] {
            let equal: i64 = db.fetch_one(sql!("SELECT count(*) FROM samples WHERE double_float = :zero", zero)).await?;
            assert_eq!(equal, 2);
        }
        let groups: Vec<i64> = db.fetch_all(sql!("SELECT count(*) FROM samples GROUP BY double_float")).await?;
        assert_eq!(groups, [2]);
    }

    async fn whole_floats_stay_floats(db) {
        doubles(db, &[1.0, 1e15, -3.0]).await?;
        let read: Vec<f64> = db.fetch_all(sql!("SELECT double_float FROM samples ORDER BY id")).await?;
        assert_eq!(read, [1.0, 1e15, -3.0]);
        let half: f64 = db.fetch_one(sql!("SELECT double_float / 2 FROM samples ORDER BY id LIMIT 1")).await?;
        assert_eq!(half, 0.5);
        let error = db.fetch_all::<i64>(sql!("SELECT double_float FROM samples")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Decode);
    }

    async fn floats_compare_with_integers(db) {
        doubles(db, &[1.0, 1.5, 2.0]).await?;
        let (one, two) = (1_i32, 2_i64);
        let found: Vec<f64> = db.fetch_all(sql!(
            "SELECT double_float FROM samples WHERE double_float > :one AND double_float < :two", one, two
        )).await?;
        assert_eq!(found, [1.5]);
        let equal: i64 = db.fetch_one(sql!("SELECT count(*) FROM samples WHERE double_float = 2")).await?;
        assert_eq!(equal, 1);
    }

    async fn a_single_float_equals_itself_and_not_its_text(db) {
        let mut sample = Sample::empty("a");
        sample.single_float = Some(0.1);
        db.samples().insert(&sample).await?;
        let same: i64 = db.fetch_one(sql!("SELECT count(*) FROM samples WHERE single_float = :tenth", tenth = 0.1_f32)).await?;
        assert_eq!(same, 1);
        let text: i64 = db.fetch_one(sql!(
            "SELECT count(*) FROM samples WHERE CAST(single_float AS double precision) = CAST('0.1' AS double precision)"
        )).await?;
        assert_eq!(text, 0);
    }

    async fn sums_and_averages_of_floats_are_floats(db) {
        doubles(db, &[0.5, 0.25, 2.25]).await?;
        let answer: (f64, f64, f64) =
            db.fetch_one(sql!("SELECT sum(double_float), avg(double_float), max(double_float) - 2 FROM samples")).await?;
        assert_eq!(answer, (3.0, 1.0, 0.25));
    }

    async fn a_cast_makes_a_float_of_an_integer_and_of_text(db) {
        let answer: (f64, f64, f64) = db.fetch_one(sql!(
            "SELECT CAST(7 AS double precision) / 2, CAST('2.5e-3' AS double precision), CAST('-1' AS double precision)"
        )).await?;
        assert_eq!(answer, (3.5, 0.0025, -1.0));
    }
}
