//! How the engines answer statements with slots: what is left out costs nothing, and a page deep in a list is entered
//! by its index.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking; their names say what they hold"
)]

use std::cell::RefCell;

use conformance::{Engine, Ground, TestResult};
use shelfmark::__private::{Access, Args, Query, Rendered, STATEMENTS, Statement};
use shelfmark::Dialect;
use shelfmark::prelude::*;

#[derive(Entity, Debug)]
#[entity(table = "entries")]
pub struct Entry {
    #[id]
    pub entry_id: String,
    pub year: i32,
    pub title: String,
}

#[derive(Filters, Default, Debug)]
#[filters(Entry)]
pub struct EntryFilters {
    #[filter(eq)]
    pub title: Option<String>,
}

#[derive(SortBy, Debug)]
#[sort(Entry)]
pub enum EntrySort {
    Year,
    Title,
}

/// Whose key is another name of SQLite's row number.
#[derive(Entity, Debug)]
#[entity(table = "numbered")]
pub struct Numbered {
    #[id(generated)]
    pub id: i64,
    pub year: i32,
    pub month: i32,
}

#[derive(SortBy, Debug)]
#[sort(Numbered)]
pub enum NumberedSort {
    Year,
    Month,
}

#[repository(entity = Numbered)]
pub trait ManyNumbered {
    #[query("SELECT {*} FROM numbered WHERE {after} ORDER BY {sort} {page}")]
    async fn paged(&self, sort: Sort<NumberedSort>, page: PageRequest) -> Result<Slice<Numbered>>;
}

#[repository(entity = Entry)]
pub trait Entries {
    #[query("SELECT {*} FROM entries WHERE {filters} ORDER BY {sort} {page}")]
    async fn filtered(
        &self,
        filters: &EntryFilters,
        sort: Sort<EntrySort>,
        page: PageRequest,
    ) -> Result<Vec<Entry>>;
    #[query("SELECT entry_id, year, title FROM entries ORDER BY year, entry_id LIMIT :limit")]
    async fn plain(&self, limit: i64) -> Result<Vec<Entry>>;
    #[query("SELECT {*} FROM entries WHERE {after} ORDER BY {sort} {page}")]
    async fn paged(&self, sort: Sort<EntrySort>, page: PageRequest) -> Result<Slice<Entry>>;
}

const ROWS: i64 = 20_000;

async fn entries(engine: Engine) -> anyhow::Result<Ground> {
    let db = Ground::bare(engine).await?;
    db.execute(sql!(
        postgres = r#"CREATE TABLE entries (entry_id text COLLATE "C" PRIMARY KEY, year integer NOT NULL, title text COLLATE "C" NOT NULL)"#,
        sqlite = "CREATE TABLE entries (entry_id TEXT PRIMARY KEY NOT NULL, year INTEGER NOT NULL, title TEXT NOT NULL) STRICT"
    ))
    .await?;
    let rows = sql!(
        postgres = "INSERT INTO entries SELECT 'e' || lpad(n::text, 6, '0'), n / 10, 'title ' || (n % 1000) FROM generate_series(1, :rows) AS n",
        sqlite = "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :rows)
                  INSERT INTO entries SELECT printf('e%06d', n), n / 10, 'title ' || (n % 1000) FROM numbers",
        rows = ROWS
    );
    db.execute(rows).await?;
    db.execute(sql!(
        "CREATE INDEX entries_year ON entries (year, entry_id)"
    ))
    .await?;
    db.execute(sql!(
        "CREATE INDEX entries_title ON entries (title, entry_id)"
    ))
    .await?;
    db.execute(sql!("ANALYZE entries")).await?;
    Ok(db)
}

/// The texts that a method can become, as `verify` prepares them.
fn texts(method: &str, dialect: Dialect) -> Vec<String> {
    let statement = STATEMENTS
        .iter()
        .find(|statement| statement.method == method)
        .unwrap();
    let samples = statement.samples(dialect).unwrap();
    samples
        .iter()
        .map(|sample| sample.sql.to_string())
        .collect()
}

/// The one of the texts whose end begins so.
fn ordered_by<'t>(texts: &'t [String], order: &str) -> &'t str {
    let wanted = format!("ORDER BY {order} LIMIT");
    texts
        .iter()
        .rev()
        .find(|text| text.contains(&wanted))
        .unwrap_or_else(|| panic!("{order} in {texts:?}"))
}

thread_local! {
    /// The statement that is explained next.
    static EXPLAINED: RefCell<String> = const { RefCell::new(String::new()) };
}

/// A statement whose text is known when it is run only.
static EXPLAIN: Statement = Statement {
    method: "explain",
    file: file!(),
    line: line!(),
    render: |_| Ok(EXPLAINED.with_borrow(Clone::clone)),
    params: Vec::new,
    columns: || None,
    not_null: &[],
    access: Access::Read,
    slots: None,
    written: None,
    rendered: Rendered::new(),
};

/// The plan of a text, one line for each step.
async fn plan<'a>(
    db: &Db,
    sql: &str,
    bind: impl FnOnce(Args<'a>) -> Args<'a>,
) -> anyhow::Result<String> {
    let explain = match db.dialect() {
        Dialect::Sqlite => "EXPLAIN QUERY PLAN ",
        Dialect::Postgres => "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) ",
    };
    EXPLAINED.set(format!("{explain}{sql}"));
    let query = Query {
        statement: &EXPLAIN,
        render: |dialect, _| (EXPLAIN.render)(dialect),
        args: bind(Args::with_capacity(4)),
    };
    let lines: Vec<String> = match db.dialect() {
        Dialect::Sqlite => {
            let steps: Vec<(i64, i64, i64, String)> = db.fetch_all(query).await?;
            steps.into_iter().map(|(.., step)| step).collect()
        }
        Dialect::Postgres => db.fetch_all(query).await?,
    };
    Ok(lines.join("\n"))
}

fn on_both(case: impl AsyncFn(Ground) -> TestResult) -> TestResult {
    conformance::run(async || {
        for engine in [Engine::Sqlite, Engine::Postgres] {
            case(entries(engine).await?).await?;
        }
        Ok(())
    })
}

#[test]
fn a_filter_that_is_left_out_costs_nothing() -> TestResult {
    on_both(async |db| {
        let limit = 10_i64;
        let texts = texts("Entries::filtered", db.dialect());
        let slots = plan(&db, &texts[0], |args| args.bind("limit", &limit)).await?;
        let plain = match db.dialect() {
            Dialect::Sqlite => {
                "SELECT entry_id, year, title FROM entries ORDER BY year, entry_id LIMIT ?1"
            }
            Dialect::Postgres => {
                "SELECT entry_id, year, title FROM entries ORDER BY year, entry_id LIMIT $1"
            }
        };
        assert!(texts[0].contains("WHERE TRUE"), "{}", texts[0]);
        assert_eq!(
            slots,
            plan(&db, plain, |args| args.bind("limit", &limit)).await?
        );
        assert!(slots.contains("entries_year"), "{slots}");
        Ok(())
    })
}

#[test]
fn a_page_deep_in_a_list_is_entered_by_its_index() -> TestResult {
    on_both(async |db| {
        let texts = texts("Entries::paged", db.dialect());
        let (year, id, limit) = (1_900_i32, "e019005", 11_i64);
        let found = plan(&db, ordered_by(&texts, r#""year", "entry_id""#), |args| {
            args.bind("year", &year)
                .bind("entry_id", id)
                .bind("limit", &limit)
        })
        .await?;
        let index = match db.dialect() {
            Dialect::Sqlite => "USING INDEX entries_year ((year,entry_id)>(?,?))",
            Dialect::Postgres => "Index Cond: (ROW(year, entry_id) > ROW(1900, 'e019005'::text))",
        };
        assert!(found.contains(index), "{found}");
        // Rows before the page are neither read nor sorted.
        for work in ["Sort", "TEMP B-TREE", "Rows Removed", "SCAN", "Seq Scan"] {
            assert!(!found.contains(work), "{found}");
        }
        if db.dialect() == Dialect::Postgres {
            assert!(found.contains("(actual rows=11"), "{found}");
        }
        Ok(())
    })
}

#[test]
fn a_page_of_mixed_directions_is_entered_by_its_leading_column() -> TestResult {
    on_both(async |db| {
        let texts = texts("Entries::paged", db.dialect());
        let (year, title, id, limit) = (100_i32, "title 5", "e001005", 11_i64);
        let found = plan(
            &db,
            ordered_by(&texts, r#""year" DESC, "title", "entry_id""#),
            |args| {
                args.bind("year", &year)
                    .bind("title", title)
                    .bind("entry_id", id)
                    .bind("limit", &limit)
            },
        )
        .await?;
        let index = match db.dialect() {
            Dialect::Sqlite => "USING INDEX entries_year (year<?)",
            Dialect::Postgres => "Index Cond: (year <= 100)",
        };
        assert!(found.contains(index), "{found}");
        assert!(!found.contains("Seq Scan"), "{found}");
        Ok(())
    })
}

/// SQLite takes no INTEGER PRIMARY KEY into the bounds of a comparison of rows, so that rows before the page which are
/// equal in all keys of the sort are read. PORTABILITY.md says so.
#[test]
fn a_page_is_entered_by_its_sort_alone_where_the_key_is_the_row_number() -> TestResult {
    on_both(async |db| {
        db.execute(sql!(
            postgres = "CREATE TABLE numbered (id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, year integer NOT NULL, month integer NOT NULL)",
            sqlite = "CREATE TABLE numbered (id INTEGER PRIMARY KEY, year INTEGER NOT NULL, month INTEGER NOT NULL) STRICT"
        ))
        .await?;
        db.execute(sql!(
            "INSERT INTO numbered (year, month) SELECT year, year % 12 FROM entries"
        ))
        .await?;
        db.execute(sql!("CREATE INDEX numbered_year ON numbered (year, id)"))
            .await?;
        db.execute(sql!("ANALYZE numbered")).await?;
        let texts = texts("ManyNumbered::paged", db.dialect());
        let (year, id, limit) = (1_900_i32, 19_005_i64, 11_i64);
        let found = plan(&db, ordered_by(&texts, r#""year", "id""#), |args| {
            args.bind("year", &year)
                .bind("id", &id)
                .bind("limit", &limit)
        })
        .await?;
        let index = match db.dialect() {
            Dialect::Sqlite => "SEARCH numbered USING INDEX numbered_year (year>?)",
            Dialect::Postgres => "Index Cond: (ROW(year, id) > ROW(1900, '19005'::bigint))",
        };
        assert!(found.contains(index), "{found}");
        Ok(())
    })
}

#[test]
fn a_list_is_read_from_either_end_by_the_same_index() -> TestResult {
    on_both(async |db| {
        let slice = async |sort: &str, page| db.entries().paged(sort.parse()?, page).await;
        let first = slice("year", PageRequest::first(10)).await?;
        let second = slice("year", PageRequest::first(10).after(first.next)).await?;
        let back = slice("year", PageRequest::first(10).before(second.prev)).await?;
        assert_eq!(back.items.len(), 10);
        let descending = match db.dialect() {
            Dialect::Sqlite => {
                "SELECT entry_id FROM entries WHERE (year, entry_id) < (?1, ?2) ORDER BY year DESC, entry_id DESC LIMIT ?3"
            }
            Dialect::Postgres => {
                "SELECT entry_id FROM entries WHERE (year, entry_id) < ($1, $2) ORDER BY year DESC, entry_id DESC LIMIT $3"
            }
        };
        let (year, id, limit) = (1_900_i32, "e019005", 11_i64);
        let found = plan(&db, descending, |args| {
            args.bind("year", &year)
                .bind("entry_id", id)
                .bind("limit", &limit)
        })
        .await?;
        let index = match db.dialect() {
            Dialect::Sqlite => "USING COVERING INDEX entries_year ((year,entry_id)<(?,?))",
            Dialect::Postgres => "Index Only Scan Backward using entries_year",
        };
        assert!(found.contains(index), "{found}");
        Ok(())
    })
}

#[test]
fn a_combination_of_filters_is_prepared_once_on_a_connection() -> TestResult {
    conformance::run(async || {
        let db = entries(Engine::Postgres).await?;
        let prepared = db
            .transaction(async |tx| {
                for title in ["title 1", "title 2", "title 3"] {
                    for title in [None, Some(title.to_owned())] {
                        let filters = EntryFilters { title };
                        tx.entries().filtered(&filters, Sort::by(EntrySort::Year), PageRequest::first(2)).await?;
                    }
                }
                tx.fetch_one::<i64>(sql!(
                    "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE 'SELECT _entry%'"
                ))
                .await
            })
            .await?;
        assert_eq!(prepared, 2);
        Ok(())
    })
}
