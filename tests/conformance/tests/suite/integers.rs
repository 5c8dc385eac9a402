//! Integers: their limits, their arithmetic, and what happens beyond both.

use conformance::on_every_engine;
use rust_decimal::Decimal;
use shelfmark::prelude::*;

use crate::library::*;

/// One row per value, in the widest column.
async fn large(db: &Db, values: &[i64]) -> shelfmark::Result<()> {
    for (nth, value) in values.iter().enumerate() {
        let mut sample = Sample::empty(&format!("{nth:03}"));
        sample.large = Some(*value);
        db.samples().insert(&sample).await?;
    }
    Ok(())
}

on_every_engine! {
    async fn integers_sort_by_value_to_their_limits(db) {
        large(db, &[0, i64::MAX, -1, i64::MIN, 10, 9, i64::MAX - 1]).await?;
        let sorted: Vec<i64> = db.fetch_all(sql!("SELECT large FROM samples ORDER BY large")).await?;
        assert_eq!(sorted, [i64::MIN, -1, 0, 9, 10, i64::MAX - 1, i64::MAX]);
    }

    async fn integers_beyond_the_precision_of_floats_stay_apart(db) {
        let edge = 1_i64 << 53;
        large(db, &[edge, edge + 1, edge + 2]).await?;
        let wanted = edge + 1;
        let found: Vec<i64> = db.fetch_all(sql!("SELECT large FROM samples WHERE large = :wanted", wanted)).await?;
        assert_eq!(found, [wanted]);
        let greatest: i64 = db.fetch_one(sql!("SELECT max(large) FROM samples WHERE large < :edge", edge = edge + 2)).await?;
        assert_eq!(greatest, wanted);
    }

    async fn arguments_of_every_width_compare_with_every_column(db) {
        let mut sample = Sample::empty("a");
        (sample.small, sample.medium, sample.large) = (Some(7), Some(7), Some(7));
        db.samples().insert(&sample).await?;
        let (narrow, middle, wide) = (7_i16, 7_i32, 7_i64);
        let found: i64 = db.fetch_one(sql!(
            "SELECT count(*) FROM samples WHERE small = :wide AND medium = :narrow AND large = :middle", narrow, middle, wide
        )).await?;
        assert_eq!(found, 1);
    }

    async fn division_cuts_towards_zero_and_the_rest_has_the_sign_of_the_dividend(db) {
        for (dividend, divisor, quotient, rest) in [(7, 2, 3, 1), (-7, 2, -3, -1), (7, -2, -3, 1), (-7, -2, 3, -1)] {
            large(db, &[dividend]).await?;
            let answer: (i64, i64) = db.fetch_one(sql!(
                "SELECT large / :divisor, large % :divisor FROM samples", divisor = divisor as i64
            )).await?;
            assert_eq!(answer, (quotient, rest), "{dividend} by {divisor}");
            db.execute(sql!("DELETE FROM samples")).await?;
        }
    }

    async fn operators_bind_as_in_arithmetic(db) {
        let answer: (i32, i32, i32, bool) = db.fetch_one(sql!("SELECT 2 + 3 * 4, (2 + 3) * 4, 10 - 4 - 3, 1 + 1 = 2 AND NOT 1 = 2")).await?;
        assert_eq!(answer, (14, 20, 3, true));
    }

    async fn bits_are_combined_and_shifted(db) {
        large(db, &[0b1100]).await?;
        let answer: (i64, i64, i64, i64) =
            db.fetch_one(sql!("SELECT large & 10, large | 3, large << 2, large >> 2 FROM samples")).await?;
        assert_eq!(answer, (0b1000, 0b1111, 0b11_0000, 0b11));
    }

    async fn an_update_beyond_the_widest_integer_is_refused_and_changes_nothing(db) {
        large(db, &[i64::MAX]).await?;
        let error = db.execute(sql!("UPDATE samples SET large = large + 1")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        let kept: i64 = db.fetch_one(sql!("SELECT large FROM samples")).await?;
        assert_eq!(kept, i64::MAX);
    }

    async fn a_computed_integer_beyond_the_widest_is_an_error_and_no_other_number(db) {
        large(db, &[i64::MIN]).await?;
        let answer = db.fetch_one::<i64>(sql!("SELECT large - 1 FROM samples")).await;
        assert!(matches!(answer.unwrap_err().kind(), ErrorKind::InvalidInput | ErrorKind::Decode));
    }

    async fn the_sum_of_narrow_integers_is_wide(db) {
        for id in ["a", "b", "c"] {
            let mut sample = Sample::empty(id);
            (sample.small, sample.medium) = (Some(i16::MAX), Some(i32::MAX));
            db.samples().insert(&sample).await?;
        }
        let sums: (i64, i64) = db.fetch_one(sql!("SELECT sum(small), sum(medium) FROM samples")).await?;
        assert_eq!(sums, (3 * i64::from(i16::MAX), 3 * i64::from(i32::MAX)));
    }

    async fn the_sum_of_wide_integers_is_read_as_a_decimal_or_cast(db) {
        large(db, &[1 << 60, 1 << 60, -5]).await?;
        let sum: Decimal = db.fetch_one(sql!("SELECT sum(large) FROM samples")).await?;
        assert_eq!(sum, Decimal::from((1_i64 << 61) - 5));
        let cast: i64 = db.fetch_one(sql!("SELECT CAST(sum(large) AS bigint) FROM samples")).await?;
        assert_eq!(cast, (1 << 61) - 5);
    }

    async fn an_average_is_read_as_a_float_when_cast(db) {
        large(db, &[1, 2, 4, 4]).await?;
        let average: f64 = db.fetch_one(sql!("SELECT CAST(avg(large) AS double precision) FROM samples")).await?;
        assert_eq!(average, 2.75);
    }

    async fn counts_are_of_64_bits(db) {
        large(db, &[1, 1, 2]).await?;
        let counts: (i64, i64) = db.fetch_one(sql!("SELECT count(*), count(DISTINCT large) FROM samples")).await?;
        assert_eq!(counts, (3, 2));
    }

    async fn integers_become_text_and_text_becomes_integers_by_cast(db) {
        large(db, &[i64::MIN, -1, 0, i64::MAX]).await?;
        let texts: Vec<String> = db.fetch_all(sql!("SELECT CAST(large AS text) FROM samples AS s ORDER BY s.large")).await?;
        assert_eq!(texts, ["-9223372036854775808", "-1", "0", "9223372036854775807"]);
        let back: i64 = db.fetch_one(sql!(
            "SELECT count(*) FROM samples WHERE CAST(CAST(large AS text) AS bigint) = large"
        )).await?;
        assert_eq!(back, 4);
    }

    async fn abs_and_the_sign_of_integers_agree(db) {
        large(db, &[-7, 0, 7]).await?;
        let sizes: Vec<i64> = db.fetch_all(sql!("SELECT abs(large) FROM samples ORDER BY id")).await?;
        assert_eq!(sizes, [7, 0, 7]);
        let negated: Vec<i64> = db.fetch_all(sql!("SELECT -large FROM samples ORDER BY id")).await?;
        assert_eq!(negated, [7, 0, -7]);
    }

    async fn truth_is_a_value_of_its_own(db) {
        for (id, flag) in [("a", Some(true)), ("b", Some(false)), ("c", None)] {
            let mut sample = Sample::empty(id);
            sample.flag = flag;
            db.samples().insert(&sample).await?;
        }
        let flagged: Vec<String> = db.fetch_all(sql!("SELECT id FROM samples WHERE flag ORDER BY id")).await?;
        assert_eq!(flagged, ["a"]);
        let not_flagged: Vec<String> = db.fetch_all(sql!("SELECT id FROM samples WHERE NOT flag")).await?;
        assert_eq!(not_flagged, ["b"]);
        let known: Vec<Option<bool>> = db.fetch_all(sql!("SELECT flag IS TRUE FROM samples ORDER BY id")).await?;
        assert_eq!(known, [Some(true), Some(false), Some(false)]);
        let sorted: Vec<String> = db.fetch_all(sql!("SELECT id FROM samples ORDER BY flag NULLS LAST")).await?;
        assert_eq!(sorted, ["b", "a", "c"]);
        let is = true;
        let equal: Vec<String> = db.fetch_all(sql!("SELECT id FROM samples WHERE flag = :is AND flag = true", is)).await?;
        assert_eq!(equal, ["a"]);
    }

    async fn what_is_compared_is_read_as_truth(db) {
        large(db, &[3]).await?;
        let answers: (bool, bool, bool, bool, bool) = db.fetch_one(sql!(
            "SELECT large > 2, large IN (1, 2), large BETWEEN 1 AND 3, large IS NULL, EXISTS (SELECT 1 FROM samples) FROM samples"
        )).await?;
        assert_eq!(answers, (true, false, true, false, true));
    }
}
