//! Filters on columns of every type.

use conformance::on_every_engine;
use jiff::{Timestamp, civil};
use rust_decimal::Decimal;
use shelfmark::Between;
use shelfmark::prelude::*;

use crate::library::*;

/// A filter for every type that a column has.
#[derive(Filters, Default, Clone)]
#[filters(Sample)]
pub struct SampleFilters {
    #[filter(eq)]
    pub flag: Option<bool>,
    #[filter(eq)]
    pub small: Option<i16>,
    #[filter(eq)]
    pub medium: Option<i32>,
    #[filter(eq)]
    pub large: Option<i64>,
    #[filter(eq)]
    pub single_float: Option<f32>,
    #[filter(eq)]
    pub double_float: Option<f64>,
    #[filter(eq)]
    pub words: Option<String>,
    #[filter(eq)]
    pub raw: Option<Vec<u8>>,
    #[filter(eq)]
    pub tag: Option<Tag>,
    #[filter(eq)]
    pub moment: Option<Timestamp>,
    #[filter(eq)]
    pub day: Option<civil::Date>,
    #[filter(eq)]
    pub clock: Option<civil::Time>,
    #[filter(eq)]
    pub amount: Option<Decimal>,
    #[filter(eq)]
    pub mood: Option<Mood>,

    #[filter(any, column = flag)]
    pub flags: Vec<bool>,
    #[filter(any, column = small)]
    pub smalls: Vec<i16>,
    #[filter(any, column = medium)]
    pub mediums: Vec<i32>,
    #[filter(any, column = large)]
    pub larges: Vec<i64>,
    #[filter(any, column = single_float)]
    pub single_floats: Vec<f32>,
    #[filter(any, column = double_float)]
    pub double_floats: Vec<f64>,
    #[filter(any, column = raw)]
    pub raws: Vec<Vec<u8>>,
    #[filter(any, column = tag)]
    pub tags: Vec<Tag>,
    #[filter(any, column = moment)]
    pub moments: Vec<Timestamp>,
    #[filter(any, column = day)]
    pub days: Vec<civil::Date>,
    #[filter(any, column = clock)]
    pub clocks: Vec<civil::Time>,
    #[filter(any, column = amount)]
    pub amounts: Vec<Decimal>,
    #[filter(none, column = amount)]
    pub other_amounts: Vec<Decimal>,
    #[filter(any, column = mood)]
    pub moods: Vec<Mood>,

    #[filter(gt, column = raw)]
    pub raw_above: Option<Vec<u8>>,
    #[filter(lt, column = tag)]
    pub tag_below: Option<Tag>,
    #[filter(ge, column = moment)]
    pub moment_from: Option<Timestamp>,
    #[filter(le, column = day)]
    pub day_until: Option<civil::Date>,
    #[filter(between, column = clock)]
    pub clock_between: Option<Between<civil::Time>>,
    #[filter(between, column = amount)]
    pub amount_between: Option<Between<Decimal>>,
    #[filter(ne, column = mood)]
    pub other_mood: Option<Mood>,
    #[filter(is_null, column = document)]
    pub without_document: Option<bool>,

    #[filter(contains, column = words)]
    pub part: Option<String>,
    #[filter(starts_with, column = words)]
    pub beginning: Option<String>,
}

#[repository(entity = Sample)]
pub trait FilteredSamples {
    #[query("SELECT id FROM samples WHERE {filters} ORDER BY id")]
    async fn filtered(&self, filters: &SampleFilters) -> Result<Vec<String>>;
}

fn sample(id: &str, nth: u8) -> anyhow::Result<Sample> {
    let positive = i64::from(nth);
    Ok(Sample {
        id: id.into(),
        flag: Some(nth == 1),
        small: Some(i16::from(nth) * -3),
        medium: Some(i32::MIN + i32::from(nth)),
        large: Some(i64::MAX - positive),
        single_float: Some(f32::from(nth) / 10.0),
        double_float: Some(f64::from(nth) / 10.0),
        words: Some(format!("word {nth}")),
        raw: Some(vec![0, 255, nth]),
        tag: Some(Tag(uuid::Uuid::from_u128(u128::MAX - u128::from(nth)))),
        moment: Some(format!("2021-09-25T14:03:00.00000{nth}Z").parse()?),
        day: Some(format!("0001-01-0{nth}").parse()?),
        clock: Some(format!("23:59:59.99999{nth}").parse()?),
        amount: Some(format!("{nth}0.50").parse()?),
        document: Some(Json(Document {
            name: "d".into(),
            pages: vec![nth.into()],
        })),
        mood: Some(if nth == 1 { Mood::Happy } else { Mood::VerySad }),
    })
}

on_every_engine! {
    async fn a_filter_takes_every_type_that_a_column_has(db) {
        let one = sample("one", 1)?;
        let two = sample("two", 2)?;
        for sample in [&one, &two, &Sample::empty("without")] {
            db.samples().insert(sample).await?;
        }
        let none = SampleFilters::default;
        let Sample { flag, small, medium, large, single_float, double_float, words, raw, tag, moment, day, clock, amount, mood, .. } = one;
        for (nth, filters) in [
            SampleFilters { flag, ..none() },
            SampleFilters { small, ..none() },
            SampleFilters { medium, ..none() },
            SampleFilters { large, ..none() },
            SampleFilters { single_float, ..none() },
            SampleFilters { double_float, ..none() },
            SampleFilters { words: words.clone(), ..none() },
            SampleFilters { raw: raw.clone(), ..none() },
            SampleFilters { tag: tag.clone(), ..none() },
            SampleFilters { moment, ..none() },
            SampleFilters { day, ..none() },
            SampleFilters { clock, ..none() },
            // By value, whatever the scale.
            SampleFilters { amount: Some("10.5".parse()?), ..none() },
            SampleFilters { mood, ..none() },
            SampleFilters { flags: vec![true], ..none() },
            SampleFilters { smalls: small.into_iter().collect(), ..none() },
            SampleFilters { mediums: medium.into_iter().collect(), ..none() },
            SampleFilters { larges: large.into_iter().collect(), ..none() },
            SampleFilters { single_floats: single_float.into_iter().collect(), ..none() },
            SampleFilters { double_floats: double_float.into_iter().collect(), ..none() },
            SampleFilters { raws: raw.into_iter().collect(), ..none() },
            SampleFilters { tags: tag.clone().into_iter().collect(), ..none() },
            SampleFilters { moments: moment.into_iter().collect(), ..none() },
            SampleFilters { days: day.into_iter().collect(), ..none() },
            SampleFilters { clocks: clock.into_iter().collect(), ..none() },
            SampleFilters { amounts: vec!["10.5000".parse()?], ..none() },
            SampleFilters { other_amounts: vec!["20.5".parse()?], ..none() },
            SampleFilters { moods: vec![Mood::Happy], ..none() },
            SampleFilters { day_until: day, ..none() },
            SampleFilters { clock_between: clock.map(|clock| Between(clock, clock)), ..none() },
            SampleFilters { amount_between: amount.map(|amount| Between("9.9".parse().unwrap_or(amount), amount)), ..none() },
            SampleFilters { other_mood: Some(Mood::VerySad), ..none() },
            SampleFilters { part: Some("d 1".into()), ..none() },
        ].into_iter().enumerate() {
            assert_eq!(db.filtered_samples().filtered(&filters).await?, ["one"], "the filter at {nth}");
        }
        for (nth, filters) in [
            SampleFilters { raw_above: Some(vec![0, 255, 1]), ..none() },
            SampleFilters { tag_below: tag, ..none() },
            SampleFilters { moment_from: Some("2021-09-25T14:03:00.0000015Z".parse()?), ..none() },
            SampleFilters { moment_from: two.moment, ..none() },
        ].into_iter().enumerate() {
            let found = db.filtered_samples().filtered(&filters).await?;
            // A moment between two microseconds is cut to the earlier one.
            let expected: &[&str] = if nth == 2 { &["one", "two"] } else { &["two"] };
            assert_eq!(found, expected, "the filter at {nth}");
        }
        assert_eq!(db.filtered_samples().filtered(&SampleFilters { without_document: Some(true), ..none() }).await?, ["without"]);
        assert_eq!(db.filtered_samples().filtered(&SampleFilters { without_document: Some(false), ..none() }).await?, ["one", "two"]);
    }

    async fn a_column_that_is_null_contains_nothing(db) {
        db.samples().insert(&Sample::empty("null")).await?;
        let any = SampleFilters { part: Some(String::new()), ..SampleFilters::default() };
        assert_eq!(db.filtered_samples().filtered(&any).await?, [""; 0]);
        let any = SampleFilters { beginning: Some(String::new()), ..SampleFilters::default() };
        assert_eq!(db.filtered_samples().filtered(&any).await?, [""; 0]);
    }
}
