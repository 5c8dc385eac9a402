//! `order = "title, -release_year"`: the columns that the rows of an edge are put in order by.

use proc_macro2::Span;
use syn::{Error, LitStr, Result};

/// Whose column a name is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Either,
    Target,
    Link,
}

/// One column of an order.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) side: Side,
    pub(super) name: String,
    pub(super) descending: bool,
}

pub(super) struct Order {
    pub(super) columns: Vec<Column>,
    pub(super) span: Span,
}

impl Order {
    pub(super) fn parse(text: &LitStr) -> Result<Self> {
        let span = text.span();
        let mut columns: Vec<Column> = Vec::new();
        for item in text.value().split(',') {
            let column = Column::parse(item.trim()).map_err(|wrong| Error::new(span, wrong))?;
            let same = |other: &Column| other.side == column.side && other.name == column.name;
            if columns.iter().any(same) {
                return Err(Error::new(
                    span,
                    format!("`{}` stands twice in this order", column.name),
                ));
            }
            columns.push(column);
        }
        Ok(Order { columns, span })
    }
}

impl Column {
    fn parse(item: &str) -> std::result::Result<Self, String> {
        let (descending, path) = match item.strip_prefix('-') {
            Some(rest) => (true, rest.trim_start()),
            None => (false, item),
        };
        let (side, name) = match path.split_once('.') {
            None => (Side::Either, path),
            Some(("target", name)) => (Side::Target, name),
            Some(("link", name)) => (Side::Link, name),
            Some((other, name)) => {
                return Err(format!(
                    "`{other}.` is not known here; write `target.{name}` or `link.{name}`, or only \
                     `{name}`"
                ));
            }
        };
        if name.is_empty() {
            return Err("write columns with commas between them: \"title, -release_year\"".into());
        }
        if let Some((column, direction)) = name.split_once(char::is_whitespace) {
            return Err(match direction.trim().to_ascii_lowercase().as_str() {
                "asc" => format!("`{column}` alone is ascending; leave out `{direction}`"),
                "desc" => format!("write `-{column}` for descending order"),
                _ => "write columns with commas between them: \"title, -release_year\"".into(),
            });
        }
        Ok(Column {
            side,
            name: name.to_owned(),
            descending,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(text: &str) -> std::result::Result<Vec<Column>, String> {
        Order::parse(&LitStr::new(text, Span::call_site()))
            .map(|order| order.columns)
            .map_err(|error| error.to_string())
    }

    fn column(side: Side, name: &str, descending: bool) -> Column {
        Column {
            side,
            name: name.into(),
            descending,
        }
    }

    #[test]
    fn a_minus_is_descending_and_a_prefix_says_whose_column_it_is() {
        assert_eq!(
            order("title, -release_year,link.position , -target.id"),
            Ok(vec![
                column(Side::Either, "title", false),
                column(Side::Either, "release_year", true),
                column(Side::Link, "position", false),
                column(Side::Target, "id", true),
            ])
        );
    }

    #[test]
    fn what_is_no_order_is_refused() {
        for (text, wrong) in [
            ("", "with commas"),
            ("a,", "with commas"),
            ("a b", "with commas"),
            ("a desc", "write `-a`"),
            ("a ASC", "leave out `ASC`"),
            ("shows.a", "`target.a` or `link.a`"),
            ("a, -a", "stands twice"),
        ] {
            let error = order(text).unwrap_err();
            assert!(error.contains(wrong), "{text}: {error}");
        }
        assert_eq!(
            order("link.a, target.a").map(|columns| columns.len()),
            Ok(2)
        );
    }
}
