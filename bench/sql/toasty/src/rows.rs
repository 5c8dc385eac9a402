//! The models as rows that can be checked; apart from them, since toasty's traits have an `id` too.

use contestant::catalogue::{AuthorRow, BookRow};

use crate::models::{Author, Book};

impl AuthorRow for Author {
    fn id(&self) -> i64 {
        self.id
    }
    fn name(&self) -> &str {
        &self.name
    }
    fn country(&self) -> Option<&str> {
        self.country.as_deref()
    }
    fn born(&self) -> i64 {
        self.born
    }
}

impl BookRow for Book {
    fn id(&self) -> i64 {
        self.id
    }
    fn author_id(&self) -> i64 {
        self.author_id
    }
    fn title(&self) -> &str {
        &self.title
    }
    fn year(&self) -> i64 {
        self.year
    }
}
