//! What fills the slots of a statement, as a part of a key: filters, the order, and the page.
//!
//! It is written in braces, which no other argument is written with: `{release_year.Ge:2000,;}`, `{-title,}`, `{50}`.

use super::key::Key;
use crate::dialect::Dialect;
use crate::filter::{Filters, Present, Test};
use crate::page::{Direction, Paged, Paging, SortKey as _, Sorted};
use crate::value::ValueRef;

impl Key {
    /// Adds the conditions that are there, with their values.
    #[must_use]
    pub fn filters<F: Filters>(self, filters: &F) -> Self {
        self.part(|key| {
            // Engines differ in how they escape what is looked for, and one key serves all.
            let mut present = Present::new(Dialect::Sqlite, F::CONDITIONS);
            filters.present(&mut present);
            if let Some(refused) = present.refused {
                return Err(refused);
            }
            key.mark('{');
            let ends = present.found.iter().skip(1).map(|(_, start)| *start);
            let ends = ends.chain([present.values.len()]);
            for ((nth, start), end) in present.found.iter().zip(ends) {
                if let Some(condition) = F::CONDITIONS.get(*nth as usize) {
                    key.escaped(condition.field);
                    if let Test::Column { comparison, .. } = condition.test {
                        key.mark('.');
                        key.escaped(&format!("{comparison:?}"));
                    }
                }
                key.mark(':');
                for value in present.values.get(*start..end).unwrap_or_default() {
                    key.value(value);
                    key.mark(',');
                }
                key.mark(';');
            }
            key.mark('}');
            Ok(())
        })
    }

    /// Adds the keys of an order.
    #[must_use]
    pub fn sorted<S: Sorted>(self, sort: &S) -> Self {
        self.part(|key| {
            key.mark('{');
            for (sort, direction) in sort.keys() {
                if *direction == Direction::Descending {
                    key.mark('-');
                }
                key.escaped(sort.name());
                key.mark(',');
            }
            key.mark('}');
            Ok(())
        })
    }

    /// Adds which page is wanted.
    #[must_use]
    pub fn page<P: Paging>(self, page: &P) -> Self {
        self.part(|key| {
            let (limit, from) = match page.paged()? {
                Paged::Keyset { limit, from } => {
                    let from = from.map(|(cursor, before)| {
                        let way = if before { "before" } else { "after" };
                        (way, cursor.as_str().to_owned())
                    });
                    (limit, from)
                }
                Paged::Offset {
                    limit,
                    at: Some(cursor),
                    ..
                } => (limit, Some(("at", cursor.as_str().to_owned()))),
                Paged::Offset { limit, offset, .. } => (limit, Some(("skip", offset.to_string()))),
            };
            key.mark('{');
            key.value(&ValueRef::I64(limit.into()));
            if let Some((way, place)) = from {
                key.mark(':');
                key.escaped(way);
                key.mark(':');
                key.escaped(&place);
            }
            key.mark('}');
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{ErrorKind, Result};
    use crate::filter::{Comparison, Condition};
    use crate::page::{Cursor, OffsetRequest, PageRequest};
    use crate::value::{ParamSpec, Type};

    #[derive(Default)]
    struct ShowFilters {
        year: Option<i64>,
        countries: Vec<String>,
        title: Option<String>,
        near: Option<i64>,
    }

    const fn column(field: &'static str, ty: Type, comparison: Comparison) -> Condition {
        Condition {
            field,
            test: Test::Column {
                column: field,
                ty,
                comparison,
            },
        }
    }

    impl Filters for ShowFilters {
        const CONDITIONS: &'static [Condition] = &[
            column("year", Type::I64, Comparison::Ge),
            column("countries", Type::Text, Comparison::Any),
            column("title", Type::Text, Comparison::StartsWith),
            Condition {
                field: "near",
                test: Test::Written {
                    sqlite: &[],
                    postgres: &[],
                    params: &[ParamSpec::of::<i64>("near"), ParamSpec::of::<i64>("far")],
                },
            },
        ];

        fn present<'a>(&'a self, present: &mut Present<'a>) {
            if let Some(year) = &self.year {
                present.compare(0, year);
            }
            if !self.countries.is_empty() {
                present.compare(1, &self.countries);
            }
            if let Some(title) = &self.title {
                present.compare(2, title);
            }
            if let Some(near) = &self.near {
                present.condition(3);
                present.value(near);
                present.made(near + 1);
            }
        }
    }

    fn key(filters: &ShowFilters) -> Result<String> {
        Key::new().filters(&filters).finish()
    }

    #[test]
    fn filters_are_written_with_what_is_there_alone() -> Result<()> {
        assert_eq!(key(&ShowFilters::default())?, "{}");
        let all = ShowFilters {
            year: Some(2000),
            countries: vec!["a,b".to_owned(), "c".to_owned()],
            title: None,
            near: Some(1),
        };
        assert_eq!(
            key(&all)?,
            "{year.Ge:2000,;countries.Any:[a%2Cb,c,],;near:1,2,;}"
        );
        assert_eq!(Key::new().filters(&None::<ShowFilters>).finish()?, "{}");
        Ok(())
    }

    #[test]
    fn what_a_statement_would_refuse_is_refused_with_its_own_words() {
        let title = Some("%".repeat(1_000_000));
        let refused = key(&ShowFilters {
            title,
            ..ShowFilters::default()
        });
        let error = refused.expect_err("too long");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().starts_with("filter `title`: "), "{error}");
        let none = Key::new().page(&PageRequest::first(0)).finish();
        assert_eq!(none.expect_err("no rows").kind(), ErrorKind::InvalidInput);
    }

    #[test]
    fn pages_are_written_with_their_limit_and_place() -> Result<()> {
        let cursor = Cursor::encode("", &[])?;
        let page = |request: &dyn Fn(Key) -> Key| request(Key::new()).finish();
        let first = page(&|key| key.page(&PageRequest::default()))?;
        assert_eq!(first, "{50}");
        let after = page(&|key| key.page(&PageRequest::first(7).after(cursor.clone())))?;
        assert_eq!(after, format!("{{7:after:{cursor}}}"));
        let before = page(&|key| key.page(&PageRequest::first(7).before(cursor.clone())))?;
        assert_eq!(before, format!("{{7:before:{cursor}}}"));
        let third = page(&|key| key.page(&OffsetRequest::page(3, 20)))?;
        assert_eq!(third, "{20:skip:40}");
        let at = page(&|key| key.page(&OffsetRequest::page(1, 20).at(cursor.clone())))?;
        assert_eq!(at, format!("{{20:at:{cursor}}}"));
        Ok(())
    }
}
