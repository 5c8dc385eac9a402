//! Cursors: what they belong to, and what is refused.

use conformance::on_every_engine;
use shelfmark::OffsetRequest;
use shelfmark::prelude::*;

use crate::filters::BookFilters;
use crate::pages::{BookSort, PagedBooks as _, PagedBooksExt as _, ids, none, shelf};

#[repository(entity = crate::library::Book)]
trait BooksBesideThemselves {
    /// The condition of the cursor goes into the ON of the outer join, where it bounds nothing.
    #[query(
        "SELECT {b.*} FROM books AS b LEFT JOIN books AS o ON o.book_id = b.book_id AND {o.filters} ORDER BY {b.sort} {page}"
    )]
    async fn without_a_place(
        &self,
        filters: &BookFilters,
        sort: Sort<BookSort>,
        page: PageRequest,
    ) -> Result<Slice<crate::library::Book>>;

    #[query(
        "SELECT {b.*} FROM books AS b LEFT JOIN books AS o ON o.book_id = b.book_id AND {o.filters}
         WHERE {after} ORDER BY {b.sort} {page}"
    )]
    async fn with_a_place(
        &self,
        filters: &BookFilters,
        sort: Sort<BookSort>,
        page: PageRequest,
    ) -> Result<Slice<crate::library::Book>>;
}

fn year() -> Sort<BookSort> {
    Sort::by(BookSort::Year)
}

/// Asserts that a cursor is refused, as one of another list.
fn belongs_to_another<T: std::fmt::Debug>(answer: shelfmark::Result<T>) {
    let error = answer.expect_err("a cursor of something else");
    assert_eq!(error.kind(), ErrorKind::InvalidCursor, "{error}");
    let said = "the cursor belongs to another sort or other filters; start again without a cursor";
    assert!(error.to_string().ends_with(said), "{error}");
}

on_every_engine! {
    /// Once the same page came for ever.
    async fn a_cursor_whose_condition_bounds_nothing_is_refused(db) {
        shelf(db).await?;
        let repository = db.books_beside_themselves();
        let first = PageRequest::first(2);
        let page = repository.without_a_place(&none(), year(), first.clone()).await?;
        let error = repository.without_a_place(&none(), year(), first.clone().after(page.next)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
        assert!(error.to_string().contains("`{after}`"), "{error}");
        let page = repository.with_a_place(&none(), year(), first.clone()).await?;
        let next = repository.with_a_place(&none(), year(), first.after(page.next)).await?;
        assert!(!next.items.is_empty() && next.items != page.items);
    }

    async fn a_cursor_belongs_to_its_sort(db) {
        shelf(db).await?;
        let repository = db.paged_books();
        let page = async |sort, after: Option<Cursor>| {
            repository.page(&none(), sort, PageRequest::first(2).after(after)).await
        };
        let cursor = page(year(), None).await?.next;
        assert!(cursor.is_some());
        assert_eq!(ids(&page(year(), cursor.clone()).await?.items), "cd");
        for other in ["-year", "title", "year,title", "year,id", "id", "id,year"] {
            belongs_to_another(page(other.parse()?, cursor.clone()).await);
        }
    }

    async fn a_cursor_belongs_to_its_filters(db) {
        shelf(db).await?;
        let page = async |filters: BookFilters, after: Option<Cursor>| {
            db.paged_books().page(&filters, year(), PageRequest::first(2).after(after)).await
        };
        let filters = BookFilters { since: Some(1985), any_rating: vec!["PG".into(), "R".into()], ..none() };
        let cursor = page(BookFilters { since: Some(1985), ..none() }, None).await?.next;
        assert!(cursor.is_some());
        for other in [
            none(),
            BookFilters { since: Some(1986), ..none() },
            BookFilters { after: Some(1985), ..none() },
            BookFilters { until: Some(1985), ..none() },
            BookFilters { since: Some(1985), old: true, ..none() },
            BookFilters { unrated: Some(true), since: Some(1985), ..none() },
            filters,
        ] {
            belongs_to_another(page(other, cursor.clone()).await);
        }
        let unrated = page(BookFilters { unrated: Some(true), ..none() }, None).await?.next;
        belongs_to_another(page(BookFilters { unrated: Some(false), ..none() }, unrated).await);
    }

    async fn a_cursor_belongs_to_its_method_and_its_arguments(db) {
        shelf(db).await?;
        let repository = db.paged_books();
        let since = async |year, after: Option<Cursor>| {
            repository.since(year, &none(), Sort::by(BookSort::Title), PageRequest::first(2).after(after)).await
        };
        let cursor = since(1985, None).await?.next;
        assert!(cursor.is_some());
        assert_eq!(ids(&since(1985, cursor.clone()).await?.items), "de");
        belongs_to_another(since(1986, cursor.clone()).await);
        let title = Sort::by(BookSort::Title);
        belongs_to_another(repository.page(&none(), title.clone(), PageRequest::first(2).after(cursor.clone())).await);
        belongs_to_another(repository.slice(&none(), Some(&title), &PageRequest::first(2).before(cursor.clone())).await);
        belongs_to_another(repository.rows(&none(), title, PageRequest::first(2).after(cursor.clone())).await);
        belongs_to_another(repository.numbered_slice(&OffsetRequest::default().at(cursor)).await);
    }

    async fn a_cursor_outlives_limit_and_direction(db) {
        shelf(db).await?;
        let repository = db.paged_books();
        let cursor = repository.page(&none(), year(), PageRequest::first(2)).await?.next;
        let longer = repository.page(&none(), year(), PageRequest::first(200).after(cursor.clone())).await?;
        assert_eq!(ids(&longer.items), "cdfeg");
        let before = repository.page(&none(), year(), PageRequest::first(200).before(cursor)).await?;
        assert_eq!(ids(&before.items), "b");
    }

    async fn a_cursor_of_a_numbered_page_is_none_of_a_key(db) {
        shelf(db).await?;
        let repository = db.paged_books();
        let numbered = repository.numbered(&none(), year(), OffsetRequest::new(2, 0)).await?.next;
        assert!(numbered.is_some());
        belongs_to_another(repository.page(&none(), year(), PageRequest::first(2).after(numbered.clone())).await);
        belongs_to_another(repository.numbered(&none(), year().desc(), OffsetRequest::new(2, 0).at(numbered)).await);
    }

    async fn a_cursor_goes_one_way(db) {
        shelf(db).await?;
        let cursor = db.paged_books().slice(&none(), None, &PageRequest::first(2)).await?.next;
        let both = PageRequest::first(2).after(cursor.clone()).before(cursor.clone());
        let error = db.paged_books().slice(&none(), None, &both).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        insta::allow_duplicates! {
            insta::assert_snapshot!(error, @"PagedBooks::slice: a page is either `after` a cursor or `before` one, not both");
        }
        let error = db.paged_books().numbered_slice(&OffsetRequest::new(2, 4).at(cursor)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }

    async fn a_damaged_cursor_is_refused(db) {
        shelf(db).await?;
        let cursor = db.paged_books().slice(&none(), None, &PageRequest::first(2)).await?.next;
        let text = cursor.map(|cursor| cursor.to_string()).unwrap_or_default();
        assert!(text.len() > 20);
        for damaged in [&text[1..], &text[..text.len() - 1], &text.to_lowercase(), &format!("{text}="), &format!("{text}A"), ""] {
            let error = damaged.parse::<Cursor>().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidCursor, "{damaged}");
        }
    }

    async fn a_forged_cursor_is_of_another_list(db) {
        shelf(db).await?;
        for binding in ["", "PagedBooks::slice", "[\"PagedBooks::slice\",[],[],[]]"] {
            let forged = Cursor::encode(binding, &["' OR 1=1 --".into()])?;
            belongs_to_another(db.paged_books().slice(&none(), None, &PageRequest::first(2).after(forged)).await);
        }
    }

    async fn a_cursor_travels_as_text(db) {
        shelf(db).await?;
        let first = db.paged_books().page(&none(), year(), PageRequest::first(3)).await?;
        let json = serde_json::to_string(&first.next)?;
        let request: PageRequest = serde_json::from_str(&format!(r#"{{"limit": 3, "after": {json}}}"#))?;
        let second = db.paged_books().page(&none(), year(), request).await?;
        assert_eq!(ids(&second.items), "dfe");
    }
}
