//! Walks through lists of any rows, in any order, by pages of any length: forward and back each row is seen once, in
//! its place.

use std::cmp::Ordering;

use conformance::{Engine, Ground, TestResult};
use jiff::{Timestamp, civil};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use rust_decimal::Decimal;
use shelfmark::Direction;
use shelfmark::prelude::*;
use uuid::Uuid;

/// One column of every type that can be sorted by.
#[derive(Entity, Insert, Clone, Debug, PartialEq)]
#[entity(table = "sortable")]
#[insert(Sortable)]
pub struct Sortable {
    #[id]
    pub id: i64,
    pub flag: bool,
    pub small: i16,
    pub medium: i32,
    pub large: i64,
    pub single: f32,
    pub double: f64,
    pub words: String,
    pub raw: Vec<u8>,
    pub tag: Uuid,
    pub moment: Timestamp,
    pub day: civil::Date,
    pub clock: civil::Time,
    pub amount: Decimal,
}

#[derive(SortBy, Clone, Copy, Debug)]
#[sort(Sortable)]
pub enum SortableBy {
    Id,
    Flag,
    Small,
    Medium,
    Large,
    Single,
    Double,
    Words,
    Raw,
    Tag,
    Moment,
    Day,
    Clock,
    Amount,
    #[sort(sql = "length({table}.words)", ty = i64)]
    Length,
}

#[repository(entity = Sortable)]
pub trait Sortables {
    #[insert_many]
    async fn insert_many(&self, rows: &[Sortable]) -> Result<u64>;
    #[exec("DELETE FROM sortable")]
    async fn clear(&self) -> Result<u64>;
    #[query(
        "SELECT {s.*}, length(s.words) AS length FROM sortable s WHERE {after} ORDER BY {s.sort} {page}"
    )]
    async fn page(&self, sort: &Sort<SortableBy>, page: PageRequest) -> Result<Slice<Sortable>>;
}

async fn table(db: &Db) -> shelfmark::Result<()> {
    db.execute(sql!(
        postgres = r#"CREATE TABLE sortable (
            id bigint PRIMARY KEY, flag boolean NOT NULL, small smallint NOT NULL, medium integer NOT NULL,
            large bigint NOT NULL, single real NOT NULL, double double precision NOT NULL,
            words text COLLATE "C" NOT NULL, raw bytea NOT NULL, tag uuid NOT NULL, moment timestamptz NOT NULL,
            day date NOT NULL, clock time NOT NULL, amount numeric NOT NULL
        )"#,
        sqlite = "CREATE TABLE sortable (
            id INTEGER PRIMARY KEY, flag INTEGER NOT NULL, small INTEGER NOT NULL, medium INTEGER NOT NULL,
            large INTEGER NOT NULL, single REAL NOT NULL, double REAL NOT NULL,
            words TEXT NOT NULL, raw BLOB NOT NULL, tag TEXT NOT NULL, moment TEXT NOT NULL,
            day TEXT NOT NULL, clock TEXT NOT NULL, amount TEXT COLLATE DECIMAL NOT NULL
        ) STRICT"
    ))
    .await
    .map(drop)
}

impl SortableBy {
    fn compare(self, left: &Sortable, right: &Sortable) -> Ordering {
        // Zero has two signs, which are equal for databases.
        let floats = |left: f64, right: f64| left.partial_cmp(&right).unwrap_or(Ordering::Equal);
        match self {
            SortableBy::Id => left.id.cmp(&right.id),
            SortableBy::Flag => left.flag.cmp(&right.flag),
            SortableBy::Small => left.small.cmp(&right.small),
            SortableBy::Medium => left.medium.cmp(&right.medium),
            SortableBy::Large => left.large.cmp(&right.large),
            SortableBy::Single => floats(left.single.into(), right.single.into()),
            SortableBy::Double => floats(left.double, right.double),
            SortableBy::Words => left.words.cmp(&right.words),
            SortableBy::Raw => left.raw.cmp(&right.raw),
            SortableBy::Tag => left.tag.cmp(&right.tag),
            SortableBy::Moment => left.moment.cmp(&right.moment),
            SortableBy::Day => left.day.cmp(&right.day),
            SortableBy::Clock => left.clock.cmp(&right.clock),
            SortableBy::Amount => left.amount.cmp(&right.amount),
            SortableBy::Length => left.words.chars().count().cmp(&right.words.chars().count()),
        }
    }
}

/// The rows as the list has them: by the keys of the sort, then by the entity's key in the direction of the last one.
fn in_order(rows: &[Sortable], sort: &Sort<SortableBy>) -> Vec<i64> {
    let mut keys: Vec<(SortableBy, Direction)> = sort.keys().to_vec();
    let last = keys.last().map_or(Direction::Ascending, |(_, last)| *last);
    keys.push((SortableBy::Id, last));
    let mut rows = rows.to_vec();
    rows.sort_by(|left, right| {
        keys.iter()
            .fold(Ordering::Equal, |order, (key, direction)| {
                order.then_with(|| match direction {
                    Direction::Ascending => key.compare(left, right),
                    Direction::Descending => key.compare(right, left),
                })
            })
    });
    rows.iter().map(|row| row.id).collect()
}

/// Few values of each type, so that there are many ties, and those at the ends among them.
fn row() -> impl Strategy<Value = Sortable> {
    let of = |texts: &'static [&'static str]| prop::sample::select(texts);
    let numbers = (
        any::<bool>(),
        prop::sample::select(vec![i16::MIN, -1, 0, 1, i16::MAX]),
        prop::sample::select(vec![i32::MIN, -7, 0, 7, i32::MAX]),
        prop::sample::select(vec![
            i64::MIN,
            i64::MIN + 1,
            -1,
            0,
            1,
            (1 << 53) + 1,
            i64::MAX - 1,
            i64::MAX,
        ]),
        prop::sample::select(vec![
            f32::NEG_INFINITY,
            f32::MIN,
            -0.1,
            0.0,
            0.1,
            0.3,
            f32::MAX,
            f32::INFINITY,
        ]),
        prop::sample::select(vec![
            f64::NEG_INFINITY,
            -1.5,
            0.0,
            -0.0,
            0.1,
            f64::MIN_POSITIVE,
            1e300,
            f64::INFINITY,
        ]),
    );
    let texts = (
        of(&[
            "",
            " ",
            "A",
            "Z",
            "a",
            "a'b",
            "ab",
            "e\u{301}",
            "z",
            "\u{e9}",
            "\u{434}\u{430}",
            "\u{fffd}",
            "\u{1f980}",
            "\u{1f980}a",
        ]),
        prop::sample::select(vec![
            vec![],
            vec![0],
            vec![0, 0],
            vec![0, 255],
            vec![127],
            vec![128],
            vec![255],
        ]),
        of(&[
            "00000000-0000-0000-0000-000000000000",
            "0a000000-0000-0000-0000-00000000000f",
            "a0000000-0000-0000-0000-000000000001",
            "ffffffff-ffff-ffff-ffff-ffffffffffff",
        ]),
        of(&[
            "0001-01-01T00:00:00Z",
            "1969-12-31T23:59:59.999999Z",
            "1970-01-01T00:00:00Z",
            "2021-09-25T14:03:00.000001Z",
            "2021-09-25T14:03:00.000002Z",
            "9999-12-30T22:00:00Z",
        ]),
        of(&["0001-01-01", "1582-10-15", "2024-02-29", "9999-12-31"]),
        of(&["00:00:00", "00:00:00.000001", "12:00:00", "23:59:59.999999"]),
        of(&[
            "-79228162514264337593543950335",
            "-1.50",
            "-1.5",
            "0",
            "0.00",
            "0.0000000000000000000000000001",
            "9",
            "10",
            "10.0",
            "79228162514264337593543950335",
        ]),
    );
    (numbers, texts).prop_map(|(numbers, texts)| {
        let (flag, small, medium, large, single, double) = numbers;
        let (words, raw, tag, moment, day, clock, amount) = texts;
        Sortable {
            id: 0,
            flag,
            small,
            medium,
            large,
            single,
            double,
            words: words.to_owned(),
            raw,
            tag: tag.parse().unwrap(),
            moment: moment.parse().unwrap(),
            day: day.parse().unwrap(),
            clock: clock.parse().unwrap(),
            amount: amount.parse().unwrap(),
        }
    })
}

fn rows() -> impl Strategy<Value = Vec<Sortable>> {
    let ids = prop::sample::subsequence((-30..30_i64).collect::<Vec<_>>(), 0..24).prop_shuffle();
    (ids, prop::collection::vec(row(), 24)).prop_map(|(ids, rows)| {
        let numbered = ids.into_iter().zip(rows);
        numbered.map(|(id, row)| Sortable { id, ..row }).collect()
    })
}

fn sort() -> impl Strategy<Value = Sort<SortableBy>> {
    let names = <SortableBy as shelfmark::SortKey>::names().to_vec();
    let keys = prop::sample::subsequence(names, 1..=4).prop_shuffle();
    (keys, any::<[bool; 4]>()).prop_map(|(keys, descending)| {
        let keys: Vec<String> = keys
            .iter()
            .zip(descending)
            .map(|(key, descending)| format!("{}{key}", if descending { "-" } else { "" }))
            .collect();
        keys.join(",").parse().unwrap()
    })
}

/// Walks to the end and back to the start.
async fn both_ways(db: &Db, rows: &[Sortable], sort: &Sort<SortableBy>, limit: u16) -> TestResult {
    db.sortables().clear().await?;
    db.sortables().insert_many(rows).await?;
    let expected = in_order(rows, sort);
    let ids = |page: &Slice<Sortable>| page.items.iter().map(|row| row.id).collect::<Vec<_>>();
    let request = || PageRequest::first(limit);

    let mut page = db.sortables().page(sort, request()).await?;
    anyhow::ensure!(
        page.prev.is_none(),
        "there is nothing before the first page"
    );
    let mut forward = vec![ids(&page)];
    while let Some(next) = page.next {
        anyhow::ensure!(forward.len() <= rows.len(), "the pages have no end");
        page = db.sortables().page(sort, request().after(next)).await?;
        forward.push(ids(&page));
    }
    anyhow::ensure!(
        forward.concat() == expected,
        "forward {:?}, expected {expected:?}",
        forward.concat()
    );
    let (last, full) = forward.split_last().unwrap();
    anyhow::ensure!(
        full.iter().all(|page| page.len() == usize::from(limit)),
        "a page before the last is full"
    );
    anyhow::ensure!(
        rows.is_empty() || !last.is_empty(),
        "the last page is not empty"
    );

    let mut back = vec![ids(&page)];
    while let Some(prev) = page.prev {
        anyhow::ensure!(back.len() <= rows.len(), "the pages back have no end");
        page = db.sortables().page(sort, request().before(prev)).await?;
        back.push(ids(&page));
    }
    back.reverse();
    anyhow::ensure!(back == forward, "back {back:?}, forward {forward:?}");
    anyhow::ensure!(
        page.next.is_some() == (forward.len() > 1),
        "the first page leads forward again"
    );
    Ok(())
}

fn every_walk_sees_each_row_once_and_in_order(engine: Engine, cases: u32) -> TestResult {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let ground = runtime.block_on(async {
        let ground = Ground::bare(engine).await?;
        table(&ground).await?;
        anyhow::Ok(ground)
    })?;
    let mut runner = TestRunner::new(Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 200,
        ..Config::default()
    });
    runner
        .run(&(rows(), sort(), 1..9_u16), |(rows, sort, limit)| {
            runtime
                .block_on(both_ways(&ground, &rows, &sort, limit))
                .map_err(|error| TestCaseError::fail(format!("{error:#}")))
        })
        .map_err(|error| anyhow::anyhow!("{error}"))?;
    // Each key by itself, so that none is left to chance.
    let mut sample = TestRunner::deterministic();
    let rows = prop::collection::vec(row(), 40)
        .new_tree(&mut sample)
        .unwrap()
        .current();
    let rows: Vec<_> = rows
        .into_iter()
        .zip(0..)
        .map(|(row, id)| Sortable { id, ..row })
        .collect();
    for key in <SortableBy as shelfmark::SortKey>::names() {
        for sort in [(*key).to_owned(), format!("-{key}")] {
            runtime
                .block_on(both_ways(&ground, &rows, &sort.parse()?, 7))
                .map_err(|error| error.context(sort))?;
        }
    }
    drop(ground);
    Ok(())
}

mod walks {
    use super::*;

    #[test]
    fn on_memory() -> TestResult {
        every_walk_sees_each_row_once_and_in_order(Engine::Memory, 128)
    }

    #[test]
    fn on_sqlite() -> TestResult {
        every_walk_sees_each_row_once_and_in_order(Engine::Sqlite, 48)
    }

    #[test]
    fn on_postgres() -> TestResult {
        every_walk_sees_each_row_once_and_in_order(Engine::Postgres, 24)
    }
}
