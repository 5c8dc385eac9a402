//! Decimals: exact to 28 digits, compared by value and never turned into floats behind one's back.

use conformance::on_every_engine;
use rust_decimal::Decimal;
use shelfmark::prelude::*;

use crate::library::*;

fn decimal(text: &str) -> Decimal {
    Decimal::from_str_exact(text).unwrap()
}

async fn amounts(db: &Db, values: &[&str]) -> shelfmark::Result<()> {
    for (nth, value) in values.iter().enumerate() {
        let mut sample = Sample::empty(&format!("{nth:03}"));
        sample.amount = Some(decimal(value));
        db.samples().insert(&sample).await?;
    }
    Ok(())
}

fn written(values: &[Decimal]) -> Vec<String> {
    values.iter().map(Decimal::to_string).collect()
}

on_every_engine! {
    async fn decimals_equal_whatever_their_scale(db) {
        amounts(db, &["1", "1.0", "1.00", "1.01"]).await?;
        for one in ["1", "1.000", "01.0"] {
            let one = decimal(one);
            let equal: i64 = db.fetch_one(sql!("SELECT count(*) FROM samples WHERE amount = :one", one)).await?;
            assert_eq!(equal, 3);
        }
        let different: i64 = db.fetch_one(sql!("SELECT count(*) FROM samples WHERE amount <> :one", one = decimal("1.0"))).await?;
        assert_eq!(different, 1);
    }

    async fn distinct_and_group_by_take_equal_decimals_for_one(db) {
        amounts(db, &["1", "1.0", "2.50", "2.5"]).await?;
        let distinct: Vec<Decimal> = db.fetch_all(sql!("SELECT DISTINCT amount FROM samples")).await?;
        assert_eq!(distinct.len(), 2);
        let groups: Vec<(Decimal, i64)> =
            db.fetch_all(sql!("SELECT amount, count(*) FROM samples GROUP BY amount ORDER BY amount")).await?;
        assert_eq!(groups, [(decimal("1"), 2), (decimal("2.5"), 2)]);
    }

    async fn a_unique_decimal_refuses_the_same_value_in_another_scale(db) {
        db.execute(sql!(
            postgres = "CREATE TABLE prices (price numeric UNIQUE)",
            sqlite = "CREATE TABLE prices (price TEXT COLLATE DECIMAL UNIQUE) STRICT"
        )).await?;
        db.execute(sql!("INSERT INTO prices (price) VALUES (:price)", price = decimal("9.90"))).await?;
        let again = db.execute(sql!("INSERT INTO prices (price) VALUES (:price)", price = decimal("9.9"))).await;
        assert!(again.unwrap_err().is_unique_violation());
    }

    async fn decimals_of_many_digits_sort_by_value(db) {
        let ascending = ["-79228162514264337593543950335", "-10", "-9.99", "-0.0000000000000000000000000001", "0",
            "0.0000000000000000000000000001", "0.1", "9", "10", "12345678901234567890.12", "12345678901234567890.13",
            "79228162514264337593543950334", "79228162514264337593543950335"];
        let mut stored = ascending;
        stored.rotate_left(5);
        amounts(db, &stored).await?;
        let sorted: Vec<Decimal> = db.fetch_all(sql!("SELECT amount FROM samples ORDER BY amount")).await?;
        assert_eq!(written(&sorted), ascending);
    }

    async fn the_least_and_the_greatest_decimal_are_by_value(db) {
        amounts(db, &["9", "10", "-2", "-11.5"]).await?;
        let ends: (Decimal, Decimal) = db.fetch_one(sql!("SELECT min(amount), max(amount) FROM samples")).await?;
        assert_eq!(ends, (decimal("-11.5"), decimal("10")));
    }

    async fn decimals_compare_with_numbers_in_the_sql(db) {
        amounts(db, &["9.50", "9.5", "10", "100"]).await?;
        let found: (i64, i64, i64) = db.fetch_one(sql!(
            "SELECT count(*) FILTER (WHERE amount > 9.5), count(*) FILTER (WHERE amount = 9.5), count(*) FILTER (WHERE amount <= 10)
             FROM samples"
        )).await?;
        assert_eq!(found, (2, 2, 3));
    }

    async fn decimals_stand_between_decimals(db) {
        amounts(db, &["0.99", "1", "5.5", "10.00", "10.01"]).await?;
        let (from, to) = (decimal("1.0"), decimal("10"));
        let found: Vec<Decimal> =
            db.fetch_all(sql!("SELECT amount FROM samples WHERE amount BETWEEN :from AND :to ORDER BY amount", from, to)).await?;
        assert_eq!(written(&found), ["1", "5.5", "10.00"]);
    }

    async fn decimals_are_found_in_a_list_by_value(db) {
        amounts(db, &["1.0", "2", "3"]).await?;
        let wanted = [decimal("1.00"), decimal("3.000"), decimal("4")];
        let found: Vec<Decimal> = db.fetch_all(sql!("SELECT amount FROM samples WHERE amount IN (:wanted) ORDER BY amount", wanted)).await?;
        assert_eq!(written(&found), ["1.0", "3"]);
    }

    async fn a_decimal_in_the_sql_keeps_its_digits(db) {
        db.execute(sql!("INSERT INTO samples (id, amount) VALUES ('a', '1234567890123456789.0123456789')")).await?;
        let read: Decimal = db.fetch_one(sql!("SELECT amount FROM samples")).await?;
        assert_eq!(read.to_string(), "1234567890123456789.0123456789");
    }

    async fn zero_has_no_sign(db) {
        let negative = -decimal("0.00");
        let mut sample = Sample::empty("a");
        sample.amount = Some(negative);
        let stored = db.samples().insert(&sample).await?.amount.unwrap();
        assert_eq!(stored.to_string(), "0.00");
        let equal: i64 = db.fetch_one(sql!("SELECT count(*) FROM samples WHERE amount = :negative AND amount = 0", negative)).await?;
        assert_eq!(equal, 1);
    }

    async fn a_decimal_of_more_digits_than_the_type_holds_is_a_decode_error(db) {
        db.execute(sql!("INSERT INTO samples (id, amount) VALUES ('a', '123456789012345678901234567890123456')")).await?;
        let error = db.fetch_one::<Decimal>(sql!("SELECT amount FROM samples")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Decode, "{error}");
        assert!(!format!("{error} {error:?}").contains("1234567"), "{error}");
    }

    async fn a_decimal_of_more_places_than_the_type_holds_is_a_decode_error(db) {
        db.execute(sql!("INSERT INTO samples (id, amount) VALUES ('a', '0.12345678901234567890123456789012')")).await?;
        let error = db.fetch_one::<Decimal>(sql!("SELECT amount FROM samples")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Decode, "{error}");
    }

    async fn a_decimal_that_is_no_number_is_never_read(db) {
        let stored = db.execute(sql!("INSERT INTO samples (id, amount) VALUES ('a', 'NaN')")).await;
        assert!(stored.is_ok());
        let error = db.fetch_one::<Decimal>(sql!("SELECT amount FROM samples")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Decode, "{error}");
    }

    async fn integers_are_read_as_decimals(db) {
        let mut sample = Sample::empty("a");
        sample.amount = Some(Decimal::from(i64::MAX));
        db.samples().insert(&sample).await?;
        let wide = i64::MAX;
        let equal: i64 = db.fetch_one(sql!("SELECT count(*) FROM samples WHERE amount = :wide", wide = Decimal::from(wide))).await?;
        assert_eq!(equal, 1);
    }

    async fn decimals_added_in_rust_are_exact_where_floats_are_not(db) {
        amounts(db, &["0.10", "0.20", "79228162514264337593543.9502"]).await?;
        let all: Vec<Decimal> = db.fetch_all(sql!("SELECT amount FROM samples ORDER BY id")).await?;
        let sum: Decimal = all.iter().sum();
        assert_eq!(sum.to_string(), "79228162514264337593544.2502");
    }
}
