//! Timestamps, dates and times of day at their edges, in order, and as the database's own clock has them.

use conformance::{TestResult, on_every_engine};
use jiff::{SignedDuration, Timestamp, civil};
use shelfmark::prelude::*;

use crate::library::*;

async fn moments(db: &Db, values: &[&str]) -> TestResult {
    for (nth, value) in values.iter().enumerate() {
        let mut sample = Sample::empty(&format!("{nth:03}"));
        sample.moment = Some(value.parse()?);
        db.samples().insert(&sample).await?;
    }
    Ok(())
}

async fn days(db: &Db, values: &[civil::Date]) -> TestResult {
    for (nth, value) in values.iter().enumerate() {
        let mut sample = Sample::empty(&format!("{nth:03}"));
        sample.day = Some(*value);
        db.samples().insert(&sample).await?;
    }
    Ok(())
}

async fn clocks(db: &Db, values: &[civil::Time]) -> TestResult {
    for (nth, value) in values.iter().enumerate() {
        let mut sample = Sample::empty(&format!("{nth:03}"));
        sample.clock = Some(*value);
        db.samples().insert(&sample).await?;
    }
    Ok(())
}

/// Reading `column` of the only row into `T` is a `Decode` error.
async fn is_unreadable<T: shelfmark::FromRow + std::fmt::Debug>(
    db: &Db,
    query: shelfmark::Query<'_>,
) {
    let error = db.fetch_one::<T>(query).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Decode, "{error}");
}

on_every_engine! {
    async fn timestamps_sort_across_the_epoch_and_to_both_ends(db) {
        let ascending = ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000001Z", "1582-10-10T00:00:00Z", "1969-12-31T23:59:59.999999Z",
            "1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000001Z", "2000-02-29T00:00:00Z", "2038-01-19T03:14:08Z", "9999-12-30T22:00:00.999999Z"];
        let mut stored = ascending;
        stored.rotate_left(4);
        moments(db, &stored).await?;
        let sorted: Vec<Timestamp> = db.fetch_all(sql!("SELECT moment FROM samples ORDER BY moment")).await?;
        assert_eq!(sorted, ascending.map(|text| text.parse::<Timestamp>().unwrap()));
        let ends: (Timestamp, Timestamp) = db.fetch_one(sql!("SELECT min(moment), max(moment) FROM samples")).await?;
        assert_eq!(ends, (sorted[0], sorted[8]));
    }

    async fn neighbouring_microseconds_are_apart(db) {
        moments(db, &["1969-12-31T23:59:59.999998Z", "1969-12-31T23:59:59.999999Z", "1970-01-01T00:00:00Z"]).await?;
        let at: Timestamp = "1969-12-31T23:59:59.999999Z".parse()?;
        let around: (i64, i64, i64) = db.fetch_one(sql!(
            "SELECT count(*) FILTER (WHERE moment < :at), count(*) FILTER (WHERE moment = :at), count(*) FILTER (WHERE moment > :at)
             FROM samples", at
        )).await?;
        assert_eq!(around, (1, 1, 1));
    }

    async fn a_moment_is_the_same_in_whatever_zone_it_was_written(db) {
        moments(db, &["2021-06-01T02:30:00+02:00", "2021-06-01T00:30:00Z", "2021-05-31T19:30:00-05:00"]).await?;
        let distinct: Vec<Timestamp> = db.fetch_all(sql!("SELECT DISTINCT moment FROM samples")).await?;
        assert_eq!(distinct, ["2021-06-01T00:30:00Z".parse::<Timestamp>()?]);
    }

    async fn the_hour_that_comes_twice_when_clocks_go_back_is_two_hours(db) {
        // 02:30 in Berlin, in summer time and an hour later in winter time.
        moments(db, &["2021-10-31T01:30:00Z", "2021-10-31T00:30:00Z"]).await?;
        let sorted: Vec<String> = db.fetch_all(sql!("SELECT id FROM samples ORDER BY moment")).await?;
        assert_eq!(sorted, ["001", "000"]);
        let read: Vec<Timestamp> = db.fetch_all(sql!("SELECT moment FROM samples ORDER BY moment")).await?;
        assert_eq!(read[1].duration_since(read[0]), SignedDuration::from_hours(1));
    }

    async fn the_hour_that_clocks_skip_exists(db) {
        moments(db, &["2021-03-28T01:30:00Z", "2021-03-14T07:30:00Z"]).await?;
        let read: Vec<Timestamp> = db.fetch_all(sql!("SELECT moment FROM samples ORDER BY id")).await?;
        assert_eq!(read, ["2021-03-28T01:30:00Z".parse::<Timestamp>()?, "2021-03-14T07:30:00Z".parse()?]);
    }

    async fn a_leap_second_is_the_last_second_of_its_minute(db) {
        moments(db, &["2016-12-31T23:59:60Z"]).await?;
        let read: Timestamp = db.fetch_one(sql!("SELECT moment FROM samples")).await?;
        assert_eq!(read, "2016-12-31T23:59:59Z".parse::<Timestamp>()?);
    }

    async fn a_month_is_a_half_open_range(db) {
        moments(db, &["2024-01-31T23:59:59.999999Z", "2024-02-01T00:00:00Z", "2024-02-29T23:59:59.999999Z", "2024-03-01T00:00:00Z"]).await?;
        let (from, to): (Timestamp, Timestamp) = ("2024-02-01T00:00:00Z".parse()?, "2024-03-01T00:00:00Z".parse()?);
        let found: Vec<String> = db.fetch_all(sql!(
            "SELECT id FROM samples WHERE moment >= :from AND moment < :to ORDER BY moment", from, to
        )).await?;
        assert_eq!(found, ["001", "002"]);
    }

    async fn timestamps_group_and_are_unique_by_moment(db) {
        moments(db, &["2021-06-01T00:00:00Z", "2021-06-01T00:00:00.000000Z", "2021-06-01T00:00:00.000001Z"]).await?;
        let groups: Vec<(Timestamp, i64)> =
            db.fetch_all(sql!("SELECT moment, count(*) FROM samples GROUP BY moment ORDER BY moment")).await?;
        assert_eq!(groups.iter().map(|(_, count)| *count).collect::<Vec<_>>(), [2, 1]);
    }

    async fn a_timestamp_in_the_sql_with_its_zone_is_read_as_that_moment(db) {
        db.execute(sql!("INSERT INTO samples (id, moment) VALUES ('a', '2021-06-01 12:00:00.5+00:00'), ('b', '2021-06-01T12:00:00Z')")).await?;
        let read: Vec<Timestamp> = db.fetch_all(sql!("SELECT moment FROM samples ORDER BY id")).await?;
        assert_eq!(read, ["2021-06-01T12:00:00.5Z".parse::<Timestamp>()?, "2021-06-01T12:00:00Z".parse()?]);
    }

    async fn a_moment_that_the_type_cannot_hold_is_a_decode_error(db) {
        db.execute(sql!("INSERT INTO samples (id, moment) VALUES ('a', '9999-12-31 23:59:59.999999Z')")).await?;
        is_unreadable::<Timestamp>(db, sql!("SELECT moment FROM samples")).await;
    }

    async fn an_endless_moment_is_a_decode_error(db) {
        db.execute(sql!("INSERT INTO samples (id, moment, day) VALUES ('a', 'infinity', 'infinity')")).await?;
        is_unreadable::<Timestamp>(db, sql!("SELECT moment FROM samples")).await;
        is_unreadable::<civil::Date>(db, sql!("SELECT day FROM samples")).await;
    }

    async fn the_clock_of_the_database_is_read_as_a_moment(db) {
        let now: Timestamp = db.fetch_one(sql!("SELECT CURRENT_TIMESTAMP")).await?;
        assert!(now.duration_since(Timestamp::now()).abs() < SignedDuration::from_mins(10), "{now}");
        let today: civil::Date = db.fetch_one(sql!("SELECT CURRENT_DATE")).await?;
        let expected = now.to_zoned(jiff::tz::TimeZone::UTC).date();
        assert!((expected - today).get_days().abs() <= 1, "{today}");
    }

    async fn a_column_may_default_to_the_clock(db) {
        db.execute(sql!(
            postgres = "CREATE TABLE visits (id integer PRIMARY KEY, at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP)",
            sqlite = "CREATE TABLE visits (id INTEGER PRIMARY KEY, at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP) STRICT"
        )).await?;
        let at: Timestamp = db.fetch_one(sql!("INSERT INTO visits (id) VALUES (1) RETURNING at")).await?;
        let hour = SignedDuration::from_hours(1);
        let (before, after) = (at.checked_sub(hour)?, at.checked_add(hour)?);
        let found: i64 = db.fetch_one(sql!("SELECT count(*) FROM visits WHERE at > :before AND at < :after", before, after)).await?;
        assert_eq!(found, 1);
    }

    async fn dates_sort_and_compare_to_both_ends(db) {
        let ascending = [civil::date(1, 1, 1), civil::date(1582, 10, 10), civil::date(1969, 12, 31), civil::date(1970, 1, 1),
            civil::date(2000, 2, 29), civil::date(2024, 2, 29), civil::date(2024, 3, 1), civil::date(9999, 12, 31)];
        let mut stored = ascending;
        stored.rotate_left(3);
        days(db, &stored).await?;
        let sorted: Vec<civil::Date> = db.fetch_all(sql!("SELECT day FROM samples ORDER BY day")).await?;
        assert_eq!(sorted, ascending);
        let (from, to) = (civil::date(2000, 2, 29), civil::date(2024, 2, 29));
        let between: Vec<civil::Date> =
            db.fetch_all(sql!("SELECT day FROM samples WHERE day BETWEEN :from AND :to ORDER BY day DESC", from, to)).await?;
        assert_eq!(between, [to, from]);
        let ends: (civil::Date, civil::Date) = db.fetch_one(sql!("SELECT min(day), max(day) FROM samples")).await?;
        assert_eq!(ends, (ascending[0], ascending[7]));
    }

    async fn dates_are_found_in_a_list_and_by_their_text(db) {
        days(db, &[civil::date(2024, 2, 29), civil::date(2023, 2, 28), civil::date(1, 1, 1)]).await?;
        let wanted = [civil::date(2024, 2, 29), civil::date(1, 1, 1), civil::date(2025, 1, 1)];
        let found: Vec<String> = db.fetch_all(sql!("SELECT id FROM samples WHERE day IN (:wanted) ORDER BY id", wanted)).await?;
        assert_eq!(found, ["000", "002"]);
        let by_text: Vec<String> = db.fetch_all(sql!("SELECT id FROM samples WHERE day = '2024-02-29'")).await?;
        assert_eq!(by_text, ["000"]);
    }

    async fn a_day_that_no_calendar_has_is_never_read(db) {
        // PostgreSQL refuses it at once, SQLite stores any text and the reader refuses it.
        let stored = db.execute(sql!("INSERT INTO samples (id, day) VALUES ('a', '2023-02-29')")).await;
        match stored {
            Err(error) => assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}"),
            Ok(_) => is_unreadable::<civil::Date>(db, sql!("SELECT day FROM samples")).await,
        }
    }

    async fn times_of_day_sort_and_compare(db) {
        let ascending = [civil::time(0, 0, 0, 0), civil::time(0, 0, 0, 1_000), civil::time(9, 59, 59, 999_999_000),
            civil::time(10, 0, 0, 0), civil::time(12, 0, 0, 0), civil::time(23, 59, 59, 999_999_000)];
        let mut stored = ascending;
        stored.rotate_left(2);
        clocks(db, &stored).await?;
        let sorted: Vec<civil::Time> = db.fetch_all(sql!("SELECT clock FROM samples ORDER BY clock")).await?;
        assert_eq!(sorted, ascending);
        let noon = civil::time(12, 0, 0, 0);
        let (before, at): (i64, i64) = db.fetch_one(sql!(
            "SELECT count(*) FILTER (WHERE clock < :noon), count(*) FILTER (WHERE clock = :noon) FROM samples", noon
        )).await?;
        assert_eq!((before, at), (4, 1));
    }

    async fn a_time_of_day_is_cut_to_the_microsecond(db) {
        clocks(db, &[civil::time(23, 59, 59, 999_999_999)]).await?;
        let read: civil::Time = db.fetch_one(sql!("SELECT clock FROM samples")).await?;
        assert_eq!(read, civil::time(23, 59, 59, 999_999_000));
    }

    async fn the_end_of_the_day_is_no_time_of_day(db) {
        db.execute(sql!("INSERT INTO samples (id, clock) VALUES ('a', '24:00:00')")).await?;
        is_unreadable::<civil::Time>(db, sql!("SELECT clock FROM samples")).await;
    }
}
