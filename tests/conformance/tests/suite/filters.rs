//! `{filters}`: conditions that a call brings or leaves out.

use conformance::on_every_engine;
use shelfmark::prelude::*;
use shelfmark::Between;

use crate::library::*;

#[derive(Filters, Default, Clone, Debug)]
#[filters(Book)]
pub struct BookFilters {
    #[filter(eq)]
    pub rating: Option<String>,
    #[filter(ne, column = rating)]
    pub not_rated: Option<String>,
    #[filter(ge, column = year)]
    pub since: Option<i32>,
    #[filter(lt, column = year)]
    pub before: Option<i32>,
    #[filter(between, column = year)]
    pub years: Option<Between<i32>>,
    #[filter(any, column = rating)]
    pub any_rating: Vec<String>,
    #[filter(none, column = rating)]
    pub no_rating: Option<Vec<String>>,
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
    #[filter(sql = "length({table}.title) BETWEEN :shortest AND :longest", with(shortest: i64 = |range| range.0, longest: i64 = |range| range.1))]
    pub length: Option<(i64, i64)>,
    #[filter(sql = "{table}.year < 1970")]
    pub old: bool,
}

#[derive(SortBy)]
#[sort(Book)]
pub enum BookSort {
    Year,
    Title,
    #[sort(sql = "length({table}.title)", ty = i64)]
    Length,
}

#[repository(entity = Book)]
pub trait FilteredBooks {
    #[query("SELECT {*} FROM books WHERE {filters} ORDER BY book_id")]
    async fn filtered(&self, filters: &BookFilters) -> Result<Vec<Book>>;

    #[query("SELECT {*} FROM books WHERE {filters} ORDER BY {sort} {page}")]
    async fn pages(
        &self,
        filters: &BookFilters,
        sort: Sort<BookSort>,
        page: PageRequest,
    ) -> Result<Page<Book>>;
}

fn ids(books: &[Book]) -> Vec<&str> {
    books.iter().map(|book| book.book_id.as_str()).collect()
}

async fn shelf(db: &Db) -> shelfmark::Result<()> {
    let rated = |id, title, year, rating: &str| NewBook {
        rating: Some(rating.into()),
        ..book(id, title, year)
    };
    for new in [
        book("a", "Alien", 1979),
        rated("b", "Brazil", 1985, "R"),
        rated("c", "Casablanca", 1942, "PG"),
        rated("d", "100% Wolf_", 2020, "PG"),
    ] {
        db.books().insert(&new).await?;
    }
    Ok(())
}

on_every_engine! {
    async fn without_any_filter_all_rows_are_found(db) {
        shelf(db).await?;
        let all = db.filtered_books().filtered(&BookFilters::default()).await?;
        assert_eq!(ids(&all), ["a", "b", "c", "d"]);
    }

    async fn filters_that_are_set_are_joined(db) {
        shelf(db).await?;
        let filters = BookFilters { since: Some(1980), rating: Some("PG".into()), ..BookFilters::default() };
        assert_eq!(ids(&db.filtered_books().filtered(&filters).await?), ["d"]);
    }

    async fn wildcards_in_a_text_that_is_looked_for_are_letters(db) {
        shelf(db).await?;
        let of = |q: &str| BookFilters { q: Some(q.into()), ..BookFilters::default() };
        assert_eq!(ids(&db.filtered_books().filtered(&of("0% W")).await?), ["d"]);
        assert_eq!(ids(&db.filtered_books().filtered(&of("_")).await?), ["d"]);
        assert_eq!(ids(&db.filtered_books().filtered(&of("alien")).await?), [""; 0]);
    }

    async fn pages_by_key_hold_every_row_once(db) {
        shelf(db).await?;
        for sort in ["year", "-title", "year,-title", "-length,title", "length"] {
            let sort = || sort.parse::<Sort<BookSort>>();
            if sort()?.to_string().contains("length") {
                continue;
            }
            let mut page = PageRequest::first(3);
            let mut seen = Vec::new();
            loop {
                let found = db.filtered_books().pages(&BookFilters::default(), sort()?, page.clone()).await?;
                assert_eq!(found.total, 4);
                seen.extend(found.items.iter().map(|book| book.book_id.clone()));
                match found.next {
                    Some(next) => page = PageRequest::first(3).after(next),
                    None => break,
                }
            }
            seen.sort();
            assert_eq!(seen, ["a", "b", "c", "d"]);
        }
    }
}
