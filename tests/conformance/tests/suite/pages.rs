//! Pages: what they hold, whichever way the list is written, and what is refused.

use conformance::{TestResult, on_every_engine};
use shelfmark::OffsetRequest;
use shelfmark::prelude::*;

use crate::filters::BookFilters;
use crate::library::*;

#[derive(SortBy, Clone, Copy, Debug, PartialEq)]
#[sort(Book)]
pub enum BookSort {
    Year,
    Title,
    #[sort(name = "id")]
    BookId,
    #[sort(name = "longest", sql = "length({table}.title)", ty = i64, column = length)]
    Length,
}

/// Books by year, which is no table.
#[derive(FromRow, Clone, Debug, PartialEq)]
pub struct YearShelf {
    pub year: i32,
    pub books: i64,
}

#[derive(SortBy)]
#[sort(YearShelf, unique = (year))]
pub enum YearSort {
    #[sort(sql = "count(*)", ty = i64)]
    Books,
    Year,
}

#[derive(SortBy)]
#[sort(YearShelf, unique = year)]
pub enum CountedSort {
    Books,
}

/// Two of a book's columns.
#[derive(FromRow, Clone, Debug, PartialEq)]
pub struct Label {
    pub book_id: String,
    pub title: String,
}

/// A book with its authors, in the order of the links' key.
#[derive(View, Clone, Debug, PartialEq)]
pub struct ByLine {
    #[view(root)]
    pub book: Book,
    #[view(many)]
    pub links: Vec<BookAuthor>,
}

#[repository(entity = Book)]
pub trait PagedBooks {
    #[query("SELECT {*} FROM books WHERE {after} ORDER BY {sort} {page}")]
    async fn by_lines(&self, sort: Sort<BookSort>, page: PageRequest) -> Result<Page<ByLine>>;

    #[query("SELECT {*} FROM books WHERE {filters} ORDER BY {sort} {page}")]
    async fn page(
        &self,
        filters: &BookFilters,
        sort: Sort<BookSort>,
        page: PageRequest,
    ) -> Result<Page<Book>>;

    #[query("SELECT {*} FROM books WHERE {filters} ORDER BY {sort} {page}")]
    async fn slice(
        &self,
        filters: &BookFilters,
        sort: Option<&Sort<BookSort>>,
        page: &PageRequest,
    ) -> Result<Slice<Book>>;

    #[query("SELECT {*} FROM books WHERE {filters} ORDER BY {sort} {page}")]
    async fn rows(
        &self,
        filters: &BookFilters,
        sort: Sort<BookSort>,
        page: PageRequest,
    ) -> Result<Vec<Book>>;

    #[query("SELECT {*} FROM books ORDER BY {sort}")]
    async fn sorted(&self, sort: Sort<BookSort>) -> Result<Vec<Book>>;

    #[query(
        "SELECT {b.*}, length(b.title) AS length FROM books b WHERE b.year >= :year AND {b.filters} ORDER BY {b.sort} {page} -- the end"
    )]
    async fn since(
        &self,
        year: i32,
        filters: &BookFilters,
        sort: Sort<BookSort>,
        page: PageRequest,
    ) -> Result<Page<Book>>;

    #[query("SELECT {*} FROM books WHERE {after} ORDER BY {sort} {page}")]
    async fn labels(&self, sort: Sort<BookSort>, page: PageRequest) -> Result<Slice<Label>>;

    #[query(
        "SELECT book_id, year FROM books WHERE NOT (FALSE OR NOT {after}) ORDER BY {sort} {page}"
    )]
    async fn pairs(&self, sort: Sort<BookSort>, page: PageRequest) -> Result<Slice<(String, i32)>>;

    #[query("SELECT title FROM books WHERE {after} ORDER BY {sort} {page}")]
    async fn titles(&self, sort: Sort<BookSort>, page: PageRequest) -> Result<Slice<String>>;

    #[query(
        "SELECT {b.*} FROM books b
         JOIN book_authors l ON l.book_id = b.book_id
         WHERE l.author_id = :author AND {b.filters} ORDER BY {b.sort} {page}"
    )]
    async fn of_author(
        &self,
        author: i64,
        filters: &BookFilters,
        sort: Sort<BookSort>,
        page: PageRequest,
    ) -> Result<Page<Book>>;

    #[query(
        "SELECT year, count(*) AS books FROM books WHERE {filters} GROUP BY year HAVING {after} ORDER BY {sort} {page}"
    )]
    async fn grouped(
        &self,
        filters: &BookFilters,
        sort: Sort<YearSort>,
        page: PageRequest,
    ) -> Result<Page<YearShelf>>;

    #[query(
        "SELECT {*} FROM (SELECT year, count(*) AS books FROM books WHERE {filters} GROUP BY year) AS shelf
         WHERE {after} ORDER BY {sort} {page}"
    )]
    async fn counted(
        &self,
        filters: &BookFilters,
        sort: Sort<CountedSort>,
        page: PageRequest,
    ) -> Result<Page<YearShelf>>;

    #[query(
        "WITH all_of_them AS (SELECT * FROM books WHERE {filters}) SELECT {*} FROM all_of_them WHERE {after} ORDER BY {sort} {page}"
    )]
    async fn listed(
        &self,
        filters: &BookFilters,
        sort: Sort<BookSort>,
        page: PageRequest,
    ) -> Result<Page<Book>>;

    #[query("SELECT {*} FROM books WHERE {filters} ORDER BY {sort} {page}")]
    async fn numbered(
        &self,
        filters: &BookFilters,
        sort: Sort<BookSort>,
        page: OffsetRequest,
    ) -> Result<Page<Book>>;

    #[query("SELECT {*} FROM books ORDER BY year, book_id {page}")]
    async fn numbered_slice(&self, page: &OffsetRequest) -> Result<Slice<Book>>;

    #[query("SELECT {*} FROM books ORDER BY year, book_id {page}")]
    async fn numbered_rows(&self, page: OffsetRequest) -> Result<Vec<Book>>;
}

pub fn ids(books: &[Book]) -> String {
    books.iter().map(|book| book.book_id.as_str()).collect()
}

pub fn none() -> BookFilters {
    BookFilters::default()
}

/// Seven books; by year they are b, (a, c), (d, f), e, g.
pub async fn shelf(db: &Db) -> TestResult {
    let rated = |id, title, year| NewBook {
        rating: Some("PG".into()),
        ..book(id, title, year)
    };
    let books = [
        book("a", "aaa", 1990),
        rated("b", "z", 1980),
        book("c", "cc", 1990),
        rated("d", "dddd", 2000),
        book("e", "eee", 2010),
        rated("f", "ff", 2000),
        book("g", "g", 2020),
    ];
    db.books().insert_many(&books).await?;
    Ok(())
}

/// The pages of a list from its first to its last, as `next` leads through them.
pub async fn walk<T, F: Future<Output = shelfmark::Result<Slice<T>>>>(
    limit: u16,
    page: impl Fn(PageRequest) -> F,
) -> shelfmark::Result<Vec<Vec<T>>> {
    let mut pages = Vec::new();
    let mut request = PageRequest::first(limit);
    loop {
        let found = page(request).await?;
        pages.push(found.items);
        match found.next {
            Some(next) => request = PageRequest::first(limit).after(next),
            None => return Ok(pages),
        }
    }
}

fn slice_of<T>(page: Page<T>) -> Slice<T> {
    Slice {
        items: page.items,
        next: page.next,
        prev: page.prev,
    }
}

fn joined(pages: &[Vec<Book>]) -> Vec<String> {
    pages.iter().map(|page| ids(page)).collect()
}

on_every_engine! {
    async fn a_list_is_sorted_by_its_keys_and_then_by_the_entitys_key(db) {
        shelf(db).await?;
        for (sort, expected) in [
            ("year", "bacdfeg"), ("-year", "gefdcab"), ("title", "acdefgb"), ("-title", "bgfedca"),
            ("year,-title", "bcafdeg"), ("-year,title", "gedfacb"), ("id", "abcdefg"), ("-id,year", "gfedcba"),
            ("longest", "bgcfaed"), ("-longest,-year", "deafcgb"),
        ] {
            assert_eq!(ids(&db.paged_books().sorted(sort.parse()?).await?), expected, "{sort}");
        }
    }

    async fn pages_follow_each_other_forward_and_back(db) {
        shelf(db).await?;
        let year = || Sort::by(BookSort::Year);
        let repository = db.paged_books();
        let first = repository.page(&none(), year(), PageRequest::first(3)).await?;
        assert_eq!((ids(&first.items).as_str(), first.prev.as_ref(), first.total), ("bac", None, 7));
        let second = repository.page(&none(), year(), PageRequest::first(3).after(first.next)).await?;
        assert_eq!((ids(&second.items).as_str(), second.total), ("dfe", 7));
        let third = repository.page(&none(), year(), PageRequest::first(3).after(second.next.clone())).await?;
        assert_eq!((ids(&third.items).as_str(), third.next, third.total), ("g", None, 7));
        let back = repository.page(&none(), year(), PageRequest::first(3).before(third.prev)).await?;
        assert_eq!((ids(&back.items).as_str(), &back.next, back.total), ("dfe", &second.next, 7));
        let start = repository.page(&none(), year(), PageRequest::first(3).before(back.prev)).await?;
        assert_eq!((ids(&start.items).as_str(), start.prev), ("bac", None));
        let again = repository.page(&none(), year(), PageRequest::first(3).after(start.next)).await?;
        assert_eq!(again, second);
    }

    async fn a_page_back_ends_where_the_later_one_begins(db) {
        shelf(db).await?;
        let slice = async |page| db.paged_books().slice(&none(), None, &page).await;
        let first = slice(PageRequest::first(5)).await?;
        let last = slice(PageRequest::first(5).after(first.next)).await?;
        assert_eq!(ids(&last.items), "fg");
        let back = slice(PageRequest::first(2).before(last.prev.clone())).await?;
        assert_eq!(ids(&back.items), "de");
        assert!(back.prev.is_some());
        let back = slice(PageRequest::first(5).before(last.prev)).await?;
        assert_eq!((ids(&back.items).as_str(), back.prev), ("abcde", None));
    }

    async fn a_page_may_hold_one_row(db) {
        shelf(db).await?;
        let sort = "-year,title".parse::<Sort<BookSort>>()?;
        let pages = walk(1, async |page| db.paged_books().slice(&none(), Some(&sort), &page).await).await?;
        assert_eq!(joined(&pages), ["g", "e", "d", "f", "a", "c", "b"]);
    }

    async fn an_empty_list_is_one_empty_page(db) {
        let page = db.paged_books().page(&none(), Sort::by(BookSort::Year), PageRequest::default()).await?;
        assert_eq!((page.items.len(), page.next, page.prev, page.total), (0, None, None, 0));
    }

    async fn a_last_page_that_is_full_has_no_next_one(db) {
        shelf(db).await?;
        let pages = walk(7, async |page| db.paged_books().slice(&none(), None, &page).await).await?;
        assert_eq!(joined(&pages), ["abcdefg"]);
        db.books().delete("g").await?;
        let pages = walk(3, async |page| db.paged_books().slice(&none(), None, &page).await).await?;
        assert_eq!(joined(&pages), ["abc", "def"]);
    }

    async fn a_page_has_the_number_of_all_rows_under_its_filters(db) {
        shelf(db).await?;
        let filters = BookFilters { rating: Some("PG".into()), ..none() };
        let first = db.paged_books().page(&filters, Sort::by(BookSort::Title).desc(), PageRequest::first(2)).await?;
        assert_eq!((ids(&first.items).as_str(), first.total), ("bf", 3));
        let second = db.paged_books().page(&filters, Sort::by(BookSort::Title).desc(), PageRequest::first(2).after(first.next)).await?;
        assert_eq!((ids(&second.items).as_str(), second.total, second.next), ("d", 3, None));
    }

    async fn a_limit_out_of_bounds_is_refused(db) {
        for limit in [0, 201, u16::MAX] {
            let error = db.paged_books().slice(&none(), None, &PageRequest::first(limit)).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert_eq!(error.to_string(), "PagedBooks::slice: the limit of a page must be a whole number from 1 to 200");
            let error = db.paged_books().numbered_rows(OffsetRequest::new(limit, 0)).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
        }
    }

    async fn a_page_of_rows_alone_is_as_long_as_its_limit(db) {
        shelf(db).await?;
        let rows = db.paged_books().rows(&none(), Sort::by(BookSort::Year), PageRequest::first(2)).await?;
        assert_eq!(ids(&rows), "ba");
        let rows = db.paged_books().rows(&none(), Sort::by(BookSort::Year), PageRequest::default()).await?;
        assert_eq!(rows.len(), 7);
    }

    async fn pages_stand_in_joins_with_arguments_beside(db) {
        shelf(db).await?;
        let author = db.authors().insert_for_id(&NewAuthor { name: "A".into(), born: None }).await?;
        for book_id in ["a", "c", "d", "g"] {
            db.book_authors().insert(&BookAuthor { book_id: book_id.into(), author_id: author, position: 1 }).await?;
        }
        let old = BookFilters { before: Some(2015), ..none() };
        let pages = walk(2, async |page| {
            let page = db.paged_books().of_author(author, &old, "-year,id".parse()?, page).await?;
            assert_eq!(page.total, 3);
            Ok(slice_of(page))
        }).await?;
        assert_eq!(joined(&pages), ["da", "c"]);
    }

    async fn pages_are_cut_by_an_expression_that_the_result_has(db) {
        shelf(db).await?;
        for (sort, expected) in [("longest", ["cf", "ae", "d"]), ("-longest,year", ["da", "ec", "f"])] {
            let pages = walk(2, async |page| {
                let page = db.paged_books().since(1990, &BookFilters { until: Some(2010), ..none() }, sort.parse()?, page).await?;
                assert_eq!(page.total, 5);
                Ok(slice_of(page))
            }).await?;
            assert_eq!(joined(&pages), expected, "{sort}");
        }
    }

    async fn a_sort_whose_value_the_result_lacks_is_an_error_that_names_it(db) {
        shelf(db).await?;
        let error = db.paged_books().page(&none(), Sort::by(BookSort::Length), PageRequest::first(2)).await.unwrap_err();
        insta::allow_duplicates! {
            insta::assert_snapshot!(error, @"PagedBooks::page: the page is sorted by `length`, which the result lacks; add it to the SELECT");
        }
        let error = db.paged_books().titles(Sort::by(BookSort::Title), PageRequest::first(2)).await.unwrap_err();
        insta::allow_duplicates! {
            insta::assert_snapshot!(error, @"PagedBooks::titles: the page is sorted by `book_id`, which the result lacks; add it to the SELECT");
        }
    }

    async fn a_page_holds_whatever_rows_become(db) {
        shelf(db).await?;
        let labels = walk(4, async |page| db.paged_books().labels(Sort::by(BookSort::Title).desc(), page).await).await?;
        let titles: Vec<_> = labels.iter().flatten().map(|label| label.title.as_str()).collect();
        assert_eq!(titles, ["z", "g", "ff", "eee", "dddd", "cc", "aaa"]);
        let pairs = walk(6, async |page| db.paged_books().pairs("year,-id".parse()?, page).await).await?;
        let pairs: Vec<_> = pairs.iter().flatten().map(|(id, _)| id.as_str()).collect();
        assert_eq!(pairs.concat(), "bcafdeg");
    }

    async fn a_page_holds_views(db) {
        shelf(db).await?;
        for (name, book_id, position) in [("A", "g", 1), ("B", "e", 1), ("C", "g", 2)] {
            let author_id = db.authors().insert_for_id(&NewAuthor { name: name.into(), born: None }).await?;
            db.book_authors().insert(&BookAuthor { book_id: book_id.into(), author_id, position }).await?;
        }
        let newest = || Sort::by(BookSort::Year).desc();
        let first = db.paged_books().by_lines(newest(), PageRequest::first(1)).await?;
        assert_eq!((first.items[0].book.book_id.as_str(), first.items[0].links.len(), first.total), ("g", 2, 7));
        let second = db.paged_books().by_lines(newest(), PageRequest::first(2).after(first.next)).await?;
        let found: Vec<_> = second.items.iter().map(|line| (line.book.book_id.as_str(), line.links.len())).collect();
        assert_eq!(found, [("e", 1), ("f", 0)]);
        let back = db.paged_books().by_lines(newest(), PageRequest::first(2).before(second.prev)).await?;
        assert_eq!(back.items, first.items);
    }

    async fn pages_of_groups_are_entered_in_having(db) {
        shelf(db).await?;
        for (sort, expected) in [
            ("-books,year", [1990, 2000, 1980, 2010, 2020]), ("books", [1980, 2010, 2020, 1990, 2000]),
            ("books,-year", [2020, 2010, 1980, 2000, 1990]), ("-year", [2020, 2010, 2000, 1990, 1980]),
        ] {
            for limit in [1, 2, 5] {
                let pages = walk(limit, async |page| {
                    let page = db.paged_books().grouped(&none(), sort.parse()?, page).await?;
                    assert_eq!(page.total, 5);
                    Ok(slice_of(page))
                }).await?;
                let years: Vec<_> = pages.iter().flatten().map(|shelf| shelf.year).collect();
                assert_eq!(years, expected, "{sort} by {limit}");
            }
        }
    }

    async fn pages_of_a_subquery_are_entered_outside_of_it(db) {
        shelf(db).await?;
        let rated = BookFilters { since: Some(1985), ..none() };
        let pages = walk(1, async |page| {
            let page = db.paged_books().counted(&rated, Sort::by(CountedSort::Books).desc(), page).await?;
            assert_eq!(page.total, 4);
            Ok(slice_of(page))
        }).await?;
        let found: Vec<_> = pages.iter().flatten().map(|shelf| (shelf.year, shelf.books)).collect();
        assert_eq!(found, [(2000, 2), (1990, 2), (2020, 1), (2010, 1)]);
        let pages = walk(3, async |page| {
            Ok(slice_of(db.paged_books().listed(&rated, Sort::by(BookSort::Year), page).await?))
        }).await?;
        assert_eq!(joined(&pages), ["acd", "feg"]);
    }

    async fn pages_inside_of_a_transaction_see_what_it_wrote(db) {
        shelf(db).await?;
        let (first, second) = db.transaction(async |tx| {
            let sort = || Sort::by(BookSort::Year);
            let first = tx.paged_books().page(&none(), sort(), PageRequest::first(3)).await?;
            tx.books().insert(&book("h", "new", 2005)).await?;
            tx.books().delete("d").await?;
            let second = tx.paged_books().page(&none(), sort(), PageRequest::first(3).after(first.next.clone())).await?;
            Ok::<_, Error>((first, second))
        }).await?;
        assert_eq!((ids(&first.items).as_str(), first.total), ("bac", 7));
        assert_eq!((ids(&second.items).as_str(), second.total), ("fhe", 7));
    }

    async fn rows_that_come_and_go_between_pages_repeat_and_hide_no_others(db) {
        shelf(db).await?;
        let sort = Sort::by(BookSort::Year);
        let slice = async |page| db.paged_books().slice(&none(), Some(&sort), &page).await;
        let first = slice(PageRequest::first(3)).await?;
        assert_eq!(ids(&first.items), "bac");
        // The row at the cursor goes, one comes before it and one behind it.
        db.books().delete("c").await?;
        db.books().insert(&book("0", "before", 1985)).await?;
        db.books().insert(&book("h", "behind", 1995)).await?;
        let second = slice(PageRequest::first(3).after(first.next)).await?;
        assert_eq!(ids(&second.items), "hdf");
        let third = slice(PageRequest::first(3).after(second.next)).await?;
        assert_eq!((ids(&third.items).as_str(), third.next), ("eg", None));
        let back = slice(PageRequest::first(9).before(second.prev)).await?;
        assert_eq!((ids(&back.items).as_str(), back.prev), ("b0a", None));
    }

    async fn a_page_behind_the_last_row_is_empty(db) {
        shelf(db).await?;
        let first = db.paged_books().slice(&none(), None, &PageRequest::first(3)).await?;
        db.execute(sql!("DELETE FROM books")).await?;
        let page = db.paged_books().slice(&none(), None, &PageRequest::first(3).after(first.next)).await?;
        assert_eq!((page.items.len(), page.next, page.prev), (0, None, None));
    }

    async fn numbered_pages_skip_what_is_before_them(db) {
        shelf(db).await?;
        let repository = db.paged_books();
        let second = repository.numbered(&none(), Sort::by(BookSort::Year), OffsetRequest::page(2, 3)).await?;
        assert_eq!((ids(&second.items).as_str(), second.total), ("dfe", 7));
        let third = repository.numbered(&none(), Sort::by(BookSort::Year), OffsetRequest::default().at(second.next)).await?;
        assert_eq!(ids(&third.items), "g");
        let first = repository.numbered(&none(), Sort::by(BookSort::Year), OffsetRequest::new(3, 0).at(second.prev)).await?;
        assert_eq!((ids(&first.items).as_str(), first.prev), ("bac", None));
        let behind = repository.numbered_slice(&OffsetRequest::new(3, 7)).await?;
        assert_eq!((behind.items.len(), behind.next), (0, None));
        assert_eq!(ids(&repository.numbered_rows(OffsetRequest::new(2, 5)).await?), "eg");
        assert_eq!(ids(&repository.numbered_slice(&OffsetRequest::new(7, 0)).await?.items), "bacdfeg");
    }

    async fn a_numbered_page_skips_no_more_than_the_bound(db) {
        shelf(db).await?;
        let repository = db.paged_books();
        let bound = OffsetRequest::MAX_OFFSET;
        assert_eq!(repository.numbered_rows(OffsetRequest::new(5, bound)).await?, []);
        let error = repository.numbered_rows(OffsetRequest::new(5, bound + 1)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let error = repository.numbered_rows(OffsetRequest::page(u64::MAX, 200)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }

    async fn a_sort_is_read_from_json_and_from_urls(db) {
        shelf(db).await?;
        let sort: Sort<BookSort> = serde_json::from_str("\"-longest,id\"")?;
        assert_eq!(serde_json::to_string(&sort)?, "\"-longest,id\"");
        assert_eq!(ids(&db.paged_books().sorted(sort).await?), "daecfbg");
        for attack in ["book_id", "year; DROP TABLE books", "length(title)", "1", "\"year\"", "year desc", "books.year"] {
            let error = attack.parse::<Sort<BookSort>>().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{attack}");
        }
    }
}
