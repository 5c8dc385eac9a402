//! `{filters}`: conditions that a call brings or leaves out.

use conformance::{TestResult, on_every_engine};
use futures_util::TryStreamExt as _;
use serde::Deserialize;
use shelfmark::prelude::*;
use shelfmark::{Between, Stream};

use crate::library::*;

#[derive(Value, Clone, Debug, PartialEq)]
pub struct Title(pub String);

#[derive(Filters, Default, Clone, Debug, Deserialize)]
#[filters(Book)]
#[serde(default, deny_unknown_fields)]
pub struct BookFilters {
    #[filter(eq)]
    pub rating: Option<String>,
    #[filter(ne, column = rating)]
    pub not_rated: Option<String>,
    #[filter(ge, column = year)]
    pub since: Option<i32>,
    #[filter(gt, column = year)]
    pub after: Option<i32>,
    #[filter(le, column = year)]
    pub until: Option<i32>,
    #[filter(lt, column = year)]
    pub before: Option<i32>,
    #[filter(between, column = year)]
    pub years: Option<Between<i32>>,
    #[filter(any, column = rating)]
    pub any_rating: Vec<String>,
    #[filter(any, column = rating)]
    pub one_of: Option<Vec<String>>,
    #[filter(none, column = rating)]
    pub no_rating: Option<Vec<String>>,
    #[filter(none, column = rating)]
    pub none_of: Vec<String>,
    #[filter(contains, column = title)]
    pub q: Option<String>,
    #[filter(starts_with, column = title)]
    pub begins: Option<String>,
    #[filter(is_null, column = rating)]
    pub unrated: Option<bool>,
    #[filter(
        sql = "EXISTS (SELECT 1 FROM book_authors l JOIN authors a ON a.id = l.author_id
               WHERE l.book_id = {table}.book_id AND a.name = :author)"
    )]
    pub author: Option<String>,
    #[filter(
        sql = "length({table}.title) BETWEEN :shortest AND :longest",
        with(shortest: i64 = |range| range.0, longest: i64 = |range| range.1)
    )]
    pub length: Option<(i64, i64)>,
    #[filter(
        sql = "{table}.title IN (:titles) AND {table}.title NOT IN (:titles) OR {table}.title IN (:titles)"
    )]
    pub titles: Vec<String>,
    #[filter(
        sqlite = "{table}.title = :folded COLLATE NOCASE",
        postgres = "lower({table}.title) = lower(:folded)"
    )]
    pub folded: Option<String>,
    #[filter(sql = "{table}.year < 1970")]
    pub old: bool,
}

/// What looks for text is a value of any type that is stored as text.
#[derive(Filters, Default)]
#[filters(Book)]
pub struct TitleFilters {
    #[filter(eq)]
    pub title: Option<Title>,
    #[filter(contains, column = title)]
    pub part: Option<Title>,
    #[filter(between, column = year)]
    pub pair: Option<(i32, i32)>,
    #[filter(between, column = year)]
    pub range: Option<std::ops::RangeInclusive<i32>>,
}

#[repository(entity = Book)]
pub trait FilteredBooks {
    #[query("SELECT {*} FROM books WHERE {filters} ORDER BY book_id")]
    async fn filtered(&self, filters: &BookFilters) -> Result<Vec<Book>>;

    #[query("SELECT {*} FROM books WHERE {filters} ORDER BY book_id")]
    async fn perhaps(&self, filters: Option<&BookFilters>) -> Result<Vec<Book>>;

    #[query("SELECT {*} FROM books WHERE {filters} ORDER BY book_id")]
    async fn titled(&self, filters: &TitleFilters) -> Result<Vec<Book>>;

    #[query("SELECT {*} FROM books WHERE book_id = :id OR {filters} ORDER BY book_id")]
    async fn this_or(&self, id: &str, filters: &BookFilters) -> Result<Vec<Book>>;

    #[query(
        "SELECT {*} FROM books WHERE year > :year AND NOT {filters} AND year < :end ORDER BY book_id"
    )]
    async fn not(&self, year: i32, filters: &BookFilters, end: i32) -> Result<Vec<Book>>;

    #[query(
        "SELECT {b.*} FROM books b
         JOIN book_authors l ON l.book_id = b.book_id
         JOIN authors a ON a.id = l.author_id
         WHERE a.name = :author AND {b.filters}
         ORDER BY b.book_id"
    )]
    async fn of_author(&self, author: &str, filters: &BookFilters) -> Result<Vec<Book>>;

    #[query(
        "SELECT count(*) FROM books WHERE book_id IN (SELECT b.book_id FROM books b WHERE {b.filters})"
    )]
    async fn count_in_subquery(&self, filters: &BookFilters) -> Result<i64>;

    #[query(
        "WITH found AS (SELECT * FROM books WHERE {filters})
         SELECT {f.*} FROM found f WHERE {f.filters} ORDER BY f.book_id"
    )]
    async fn twice(&self, filters: &BookFilters) -> Result<Vec<Book>>;

    #[query("SELECT {*} FROM books WHERE {filters} ORDER BY book_id")]
    fn streamed(&self, filters: &BookFilters) -> impl Stream<Item = Result<Book>> + Send;

    #[exec("DELETE FROM books WHERE {filters}")]
    async fn delete_where(&self, filters: &BookFilters) -> Result<u64>;

    #[exec("UPDATE books SET rating = :rating WHERE {filters}")]
    async fn rate_where(&self, rating: &str, filters: &BookFilters) -> Result<u64>;
}

fn ids(books: &[Book]) -> String {
    books.iter().map(|book| book.book_id.as_str()).collect()
}

async fn shelf(db: &Db) -> TestResult {
    let rated = |id, title, year, rating: &str| NewBook {
        rating: Some(rating.into()),
        ..book(id, title, year)
    };
    let books = [
        book("a", "Alien", 1979),
        rated("b", "Brazil", 1985, "R"),
        rated("c", "Casablanca", 1942, "PG"),
        rated("d", "100% Wolf_", 2020, "PG"),
    ];
    db.books().insert_many(&books).await?;
    for (name, book) in [("Ridley", "a"), ("Terry", "b")] {
        let new = NewAuthor {
            name: name.into(),
            born: None,
        };
        let author_id = db.authors().insert_for_id(&new).await?;
        db.book_authors()
            .insert(&BookAuthor {
                book_id: book.into(),
                author_id,
                position: 1,
            })
            .await?;
    }
    Ok(())
}

/// Asserts which books of the shelf these filters find.
async fn finds(db: &Db, filters: BookFilters, expected: &str) -> TestResult {
    let found = db.filtered_books().filtered(&filters).await?;
    assert_eq!(ids(&found), expected, "{filters:?}");
    Ok(())
}

fn none() -> BookFilters {
    BookFilters::default()
}

fn texts(all: &[&str]) -> Vec<String> {
    all.iter().map(|&text| text.into()).collect()
}

/// Stores these titles, and asserts which of them contain, and which begin with, the text.
async fn looks_for(
    db: &Db,
    titles: &[&str],
    text: &str,
    within: &[&str],
    beginning: &[&str],
) -> TestResult {
    db.filtered_books().delete_where(&none()).await?;
    let books: Vec<_> = titles
        .iter()
        .enumerate()
        .map(|(nth, title)| book(&format!("{nth:03}"), title, 2000))
        .collect();
    db.books().insert_many(&books).await?;
    let titles = |found: Vec<Book>| found.into_iter().map(|book| book.title).collect::<Vec<_>>();
    let contains = BookFilters {
        q: Some(text.into()),
        ..none()
    };
    assert_eq!(
        titles(db.filtered_books().filtered(&contains).await?),
        within,
        "containing {text:?}"
    );
    let starts = BookFilters {
        begins: Some(text.into()),
        ..none()
    };
    assert_eq!(
        titles(db.filtered_books().filtered(&starts).await?),
        beginning,
        "beginning with {text:?}"
    );
    Ok(())
}

on_every_engine! {
    async fn without_any_filter_all_rows_are_found(db) {
        shelf(db).await?;
        finds(db, none(), "abcd").await?;
    }

    async fn filters_that_are_set_are_joined(db) {
        shelf(db).await?;
        finds(db, BookFilters { since: Some(1980), rating: Some("PG".into()), ..none() }, "d").await?;
        finds(db, BookFilters { since: Some(1980), rating: Some("G".into()), ..none() }, "").await?;
    }

    async fn bounds_include_what_they_say(db) {
        shelf(db).await?;
        finds(db, BookFilters { since: Some(1979), ..none() }, "abd").await?;
        finds(db, BookFilters { after: Some(1979), ..none() }, "bd").await?;
        finds(db, BookFilters { until: Some(1979), ..none() }, "ac").await?;
        finds(db, BookFilters { before: Some(1979), ..none() }, "c").await?;
        finds(db, BookFilters { years: Some(Between(1979, 1985)), ..none() }, "ab").await?;
        finds(db, BookFilters { years: Some(Between(1985, 1979)), ..none() }, "").await?;
    }

    async fn several_filters_stand_on_one_column(db) {
        shelf(db).await?;
        finds(db, BookFilters { since: Some(1942), before: Some(1985), years: Some(Between(1950, 2000)), ..none() }, "a").await?;
    }

    async fn a_column_that_is_null_is_neither_equal_nor_unequal(db) {
        shelf(db).await?;
        finds(db, BookFilters { rating: Some("R".into()), ..none() }, "b").await?;
        finds(db, BookFilters { not_rated: Some("R".into()), ..none() }, "cd").await?;
        finds(db, BookFilters { no_rating: Some(texts(&["R"])), ..none() }, "cd").await?;
        finds(db, BookFilters { none_of: texts(&["R", "G"]), ..none() }, "cd").await?;
    }

    async fn null_is_asked_for_by_itself(db) {
        shelf(db).await?;
        finds(db, BookFilters { unrated: Some(true), ..none() }, "a").await?;
        finds(db, BookFilters { unrated: Some(false), ..none() }, "bcd").await?;
    }

    async fn an_empty_list_is_a_condition_only_when_it_was_set(db) {
        shelf(db).await?;
        finds(db, BookFilters { any_rating: Vec::new(), none_of: Vec::new(), titles: Vec::new(), ..none() }, "abcd").await?;
        finds(db, BookFilters { one_of: Some(Vec::new()), ..none() }, "").await?;
        finds(db, BookFilters { no_rating: Some(Vec::new()), ..none() }, "abcd").await?;
    }

    async fn lists_find_each_of_their_members(db) {
        shelf(db).await?;
        finds(db, BookFilters { any_rating: texts(&["R", "PG", "R"]), ..none() }, "bcd").await?;
        finds(db, BookFilters { one_of: Some(texts(&["R"])), any_rating: texts(&["R", "PG"]), ..none() }, "b").await?;
        let many = (0..10_000).map(|nth| format!("r{nth}")).chain(["PG".into()]).collect();
        finds(db, BookFilters { any_rating: many, ..none() }, "cd").await?;
    }

    async fn a_flag_is_a_condition_when_it_is_true(db) {
        shelf(db).await?;
        finds(db, BookFilters { old: true, ..none() }, "c").await?;
        finds(db, BookFilters { old: false, ..none() }, "abcd").await?;
    }

    async fn written_conditions_have_parameters_of_their_own(db) {
        shelf(db).await?;
        finds(db, BookFilters { author: Some("Terry".into()), ..none() }, "b").await?;
        finds(db, BookFilters { length: Some((5, 6)), ..none() }, "ab").await?;
        finds(db, BookFilters { titles: texts(&["Alien", "Brazil"]), before: Some(1980), ..none() }, "a").await?;
        finds(db, BookFilters { author: Some("Ridley".into()), length: Some((1, 5)), since: Some(1979), old: false, ..none() }, "a").await?;
    }

    async fn a_written_condition_may_differ_between_engines(db) {
        shelf(db).await?;
        finds(db, BookFilters { folded: Some("BRAZIL".into()), ..none() }, "b").await?;
    }

    async fn values_are_of_any_type_that_fits_the_column(db) {
        shelf(db).await?;
        let found = async |filters: TitleFilters| Ok::<_, Error>(ids(&db.filtered_books().titled(&filters).await?));
        assert_eq!(found(TitleFilters { title: Some(Title("Alien".into())), ..Default::default() }).await?, "a");
        assert_eq!(found(TitleFilters { part: Some(Title("% W".into())), ..Default::default() }).await?, "d");
        assert_eq!(found(TitleFilters { pair: Some((1942, 1979)), ..Default::default() }).await?, "ac");
        assert_eq!(found(TitleFilters { range: Some(1942..=1979), ..Default::default() }).await?, "ac");
    }

    async fn filters_may_be_left_out_as_a_whole(db) {
        shelf(db).await?;
        assert_eq!(ids(&db.filtered_books().perhaps(None).await?), "abcd");
        assert_eq!(ids(&db.filtered_books().perhaps(Some(&none())).await?), "abcd");
        let old = BookFilters { old: true, ..none() };
        assert_eq!(ids(&db.filtered_books().perhaps(Some(&old)).await?), "c");
    }

    async fn filters_stand_beside_other_conditions_as_one(db) {
        shelf(db).await?;
        let both = BookFilters { since: Some(1980), rating: Some("PG".into()), ..none() };
        assert_eq!(ids(&db.filtered_books().this_or("a", &both).await?), "ad");
        assert_eq!(ids(&db.filtered_books().not(1950, &both, 3000).await?), "ab");
        assert_eq!(ids(&db.filtered_books().not(1950, &none(), 3000).await?), "");
    }

    async fn filters_behind_an_alias_stand_in_joins(db) {
        shelf(db).await?;
        let of = async |filters: BookFilters| Ok::<_, Error>(ids(&db.filtered_books().of_author("Terry", &filters).await?));
        assert_eq!(of(none()).await?, "b");
        assert_eq!(of(BookFilters { rating: Some("R".into()), ..none() }).await?, "b");
        assert_eq!(of(BookFilters { author: Some("Terry".into()), length: Some((6, 6)), ..none() }).await?, "b");
        assert_eq!(of(BookFilters { old: true, ..none() }).await?, "");
    }

    async fn filters_stand_in_subqueries_and_more_than_once(db) {
        shelf(db).await?;
        let pg = BookFilters { rating: Some("PG".into()), since: Some(1900), ..none() };
        assert_eq!(db.filtered_books().count_in_subquery(&pg).await?, 2);
        assert_eq!(ids(&db.filtered_books().twice(&pg).await?), "cd");
        assert_eq!(ids(&db.filtered_books().twice(&none()).await?), "abcd");
    }

    async fn a_stream_takes_filters(db) {
        shelf(db).await?;
        let stream = {
            let filters = BookFilters { any_rating: texts(&["PG"]), ..none() };
            db.filtered_books().streamed(&filters).try_collect::<Vec<_>>().await?
        };
        assert_eq!(ids(&stream), "cd");
    }

    async fn what_is_changed_and_deleted_is_filtered(db) {
        shelf(db).await?;
        let repository = db.filtered_books();
        assert_eq!(repository.rate_where("X", &BookFilters { unrated: Some(true), ..none() }).await?, 1);
        finds(db, BookFilters { rating: Some("X".into()), ..none() }, "a").await?;
        assert_eq!(repository.delete_where(&BookFilters { rating: Some("PG".into()), old: true, ..none() }).await?, 1);
        finds(db, none(), "abd").await?;
        assert_eq!(repository.delete_where(&none()).await?, 3);
    }

    async fn filters_work_inside_of_a_transaction(db) {
        shelf(db).await?;
        let seen = db.transaction(async |tx| {
            tx.filtered_books().delete_where(&BookFilters { old: true, ..none() }).await?;
            tx.filtered_books().filtered(&none()).await
        }).await?;
        assert_eq!(ids(&seen), "abd");
    }

    async fn wildcards_in_a_text_that_is_looked_for_are_letters(db) {
        let titles = ["%", "%a", "*", "*a", "?", "?a", "[", "[a]", "]", "^", "_", "_a", "a%", "a_", "aa", "b[a-z]", "\\", "\\%", "\\\\"];
        for wildcard in ["%", "_", "*", "?", "[", "]", "[a]", "[a-z]", "\\", "\\%", "\\\\", "^", "%a", "_a"] {
            let within: Vec<_> = titles.iter().copied().filter(|title| title.contains(wildcard)).collect();
            let beginning: Vec<_> = titles.iter().copied().filter(|title| title.starts_with(wildcard)).collect();
            looks_for(db, &titles, wildcard, &within, &beginning).await?;
        }
    }

    async fn text_is_looked_for_letter_by_letter(db) {
        let titles = ["", "A", "a", "ab", "ABC", "caf\u{e9}", "cafe\u{301}", "\u{1f980}", "x\u{1f980}y", "\u{e4}", "\u{c4}", "it's", "say \"no\"", "two\nlines"];
        for text in ["", "a", "A", "bc", "\u{e9}", "e", "\u{301}", "\u{1f980}", "\u{e4}", "'", "\"", "\n", "two\nl"] {
            let within: Vec<_> = titles.iter().copied().filter(|title| title.contains(text)).collect();
            let beginning: Vec<_> = titles.iter().copied().filter(|title| title.starts_with(text)).collect();
            looks_for(db, &titles, text, &within, &beginning).await?;
        }
    }

    async fn a_text_too_long_for_a_pattern_is_refused_everywhere(db) {
        shelf(db).await?;
        let long = "a".repeat(50_000);
        finds(db, BookFilters { q: Some(long.clone()), ..none() }, "").await?;
        let error = db.filtered_books().filtered(&BookFilters { begins: Some(long), ..none() }).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        insta::allow_duplicates! {
            insta::assert_snapshot!(error, @"FilteredBooks::filtered: filter `begins`: a text of that length cannot be looked for at the beginning of a column; as a pattern it may have 50000 bytes");
        }
        finds(db, BookFilters { begins: Some("a".repeat(49_999)), ..none() }, "").await?;
    }

    async fn a_value_that_cannot_be_sent_names_its_filter(db) {
        let error = db.filtered_books().filtered(&BookFilters { q: Some("a\0b".into()), ..none() }).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Encode);
        assert!(error.to_string().starts_with("FilteredBooks::filtered: filter `q`: "), "{error}");
        assert!(!format!("{error:?}").contains("a\\0b"));
    }

    async fn values_are_never_read_as_sql(db) {
        shelf(db).await?;
        for attack in [
            "' OR 1=1 --", "'; DROP TABLE books; --", "\" OR \"\"=\"", "\\' OR 1=1 --", "') OR TRUE OR ('", "%' OR '1'='1",
            ":rating", "$1", "?1", "{filters}", "{table}", "NULL", "TRUE", "/*", "--", ";",
        ] {
            let text = || Some(attack.to_owned());
            finds(db, BookFilters { rating: text(), ..none() }, "").await?;
            finds(db, BookFilters { any_rating: vec![attack.into()], ..none() }, "").await?;
            finds(db, BookFilters { q: text(), ..none() }, "").await?;
            finds(db, BookFilters { begins: text(), ..none() }, "").await?;
            finds(db, BookFilters { author: text(), ..none() }, "").await?;
            finds(db, BookFilters { folded: text(), ..none() }, "").await?;
            finds(db, BookFilters { titles: vec![attack.into()], ..none() }, "").await?;
        }
        finds(db, none(), "abcd").await?;
    }

    async fn a_request_names_filters_and_never_columns(db) {
        shelf(db).await?;
        let read: BookFilters = serde_json::from_str(r#"{"since": 1980, "any_rating": ["PG"], "years": "1900..2030", "old": false}"#)?;
        finds(db, read, "d").await?;
        for attack in [
            r#"{"book_id": "a"}"#, r#"{"year": 1979}"#, r#"{"1=1 OR rating": "x"}"#, r#"{"rating\" = 'x' OR \"rating": "x"}"#,
        ] {
            assert!(serde_json::from_str::<BookFilters>(attack).is_err(), "{attack}");
        }
    }
}
