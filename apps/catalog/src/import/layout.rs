//! Which column of the file is which column of ours.
//!
//! Columns may stand in any order and under the names people have given them; upper and lower case,
//! spaces, underscores and hyphens make no difference. `show_id`, `type`, `title` and
//! `release_year` must be there: without them a row is no show. Every other column may be missing,
//! and columns that are not in this list are ignored (and reported by [`Layout::ignored`]).

use std::fmt::{self, Display, Formatter};

/// A column of the layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each variant is the column of that name")]
pub enum Column {
    ShowId,
    Type,
    Title,
    Director,
    Cast,
    Country,
    DateAdded,
    ReleaseYear,
    Rating,
    Duration,
    ListedIn,
    Description,
}

impl Column {
    /// All columns, in the order of the published file.
    pub const ALL: [Self; 12] = [
        Self::ShowId,
        Self::Type,
        Self::Title,
        Self::Director,
        Self::Cast,
        Self::Country,
        Self::DateAdded,
        Self::ReleaseYear,
        Self::Rating,
        Self::Duration,
        Self::ListedIn,
        Self::Description,
    ];

    /// The names under which the column is known; the first is that of the published file.
    #[must_use]
    pub fn names(self) -> &'static [&'static str] {
        match self {
            Self::ShowId => &["show_id", "id", "title_id"],
            Self::Type => &[
                "type",
                "kind",
                "category",
                "content_type",
                "show_type",
                "title_type",
                "media_type",
            ],
            Self::Title => &["title", "name", "show_title", "show_name"],
            Self::Director => &["director", "directors", "directed_by"],
            Self::Cast => &[
                "cast",
                "casts",
                "cast_members",
                "actor",
                "actors",
                "starring",
            ],
            Self::Country => &[
                "country",
                "countries",
                "production_country",
                "production_countries",
                "country_of_origin",
            ],
            Self::DateAdded => &["date_added", "added", "added_on", "added_date"],
            Self::ReleaseYear => &[
                "release_year",
                "year",
                "released",
                "year_released",
                "release",
            ],
            Self::Rating => &["rating", "age_rating", "maturity_rating", "certificate"],
            Self::Duration => &["duration", "durations", "runtime", "running_time", "length"],
            Self::ListedIn => &["listed_in", "genre", "genres", "categories"],
            Self::Description => &["description", "summary", "plot", "synopsis", "overview"],
        }
    }

    /// The name in the published file.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.names().first().copied().unwrap_or_default()
    }

    /// Whether a file without this column is refused, and a row without a value in it rejected.
    #[must_use]
    pub fn is_required(self) -> bool {
        matches!(
            self,
            Self::ShowId | Self::Type | Self::Title | Self::ReleaseYear
        )
    }

    /// The column that goes by this name in a header.
    #[must_use]
    pub fn named(header: &str) -> Option<Self> {
        let wanted = fold(header);
        Self::ALL
            .into_iter()
            .find(|column| column.names().iter().any(|name| fold(name) == wanted))
    }
}

impl Display for Column {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What is left of a column name when case, spaces and punctuation are taken away.
fn fold(name: &str) -> String {
    name.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

/// Where each column stands in the rows of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    places: [Option<usize>; Column::ALL.len()],
    ignored: Vec<String>,
    width: usize,
}

impl Layout {
    /// Understands a header.
    ///
    /// # Errors
    ///
    /// [`LayoutError`] when required columns are missing, or when two columns mean the same.
    pub fn from_header<'h>(header: impl IntoIterator<Item = &'h str>) -> Result<Self, LayoutError> {
        let header: Vec<&str> = header.into_iter().collect();
        let mut layout = Self {
            places: [None; Column::ALL.len()],
            ignored: Vec::new(),
            width: header.len(),
        };
        let mut duplicates = Vec::new();
        for (place, name) in header.iter().copied().enumerate() {
            let Some(column) = Column::named(name) else {
                // The names of columns that are only delimiters at the end of each line.
                if !name.trim().is_empty() {
                    layout.ignored.push(shown(name));
                }
                continue;
            };
            let Some(slot) = layout.places.get_mut(column as usize) else {
                continue;
            };
            match *slot {
                None => *slot = Some(place),
                Some(first) => duplicates.push(Duplicate {
                    column,
                    first: (
                        first + 1,
                        header.get(first).map_or(String::new(), |name| shown(name)),
                    ),
                    second: (place + 1, shown(name)),
                }),
            }
        }
        let missing: Vec<Column> = Column::ALL
            .into_iter()
            .filter(|column| column.is_required() && layout.place(*column).is_none())
            .collect();
        if !missing.is_empty() {
            let found = header.iter().map(|name| shown(name)).collect();
            return Err(LayoutError::Missing { missing, found });
        }
        if !duplicates.is_empty() {
            return Err(LayoutError::Duplicate { duplicates });
        }
        Ok(layout)
    }

    /// Where the column stands in a row, counted from 0; `None` when the file does not have it.
    #[must_use]
    pub fn place(&self, column: Column) -> Option<usize> {
        self.places.get(column as usize).copied().flatten()
    }

    /// The names of the columns that are not read.
    #[must_use]
    pub fn ignored(&self) -> &[String] {
        &self.ignored
    }

    /// How many columns the header has.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// The column at this place of a row, counted from 0, if it is one of ours.
    #[must_use]
    pub fn column_at(&self, place: usize) -> Option<Column> {
        Column::ALL
            .into_iter()
            .find(|column| self.place(*column) == Some(place))
    }
}

/// A column name fit for a message, however long the file made it.
fn shown(name: &str) -> String {
    super::text::shortened(name.trim(), 40)
}

/// The header is not that of this layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LayoutError {
    /// Required columns are missing.
    Missing {
        /// The columns, all of them.
        missing: Vec<Column>,
        /// The names the header has instead.
        found: Vec<String>,
    },
    /// Two columns mean the same.
    Duplicate {
        /// Each second column of one meaning.
        duplicates: Vec<Duplicate>,
    },
}

/// Two columns of one meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Duplicate {
    /// What both mean.
    pub column: Column,
    /// Place (from 1) and name of the first.
    pub first: (usize, String),
    /// Place (from 1) and name of the second.
    pub second: (usize, String),
}

/// How many of the found names a message lists.
const FOUND_NAMES: usize = 20;

impl Display for LayoutError {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { missing, found } => {
                let plural = if missing.len() == 1 { "" } else { "s" };
                write!(f, "missing column{plural}: ")?;
                for (index, column) in missing.iter().enumerate() {
                    let others = column.names().get(1..).unwrap_or_default().join(", ");
                    let comma = if index == 0 { "" } else { "; " };
                    write!(f, "{comma}`{column}` (also accepted: {others})")?;
                }
                let listed = found.get(..FOUND_NAMES).unwrap_or(found);
                write!(f, "; found: `{}`", listed.join("`, `"))?;
                match found.len() - listed.len() {
                    0 => Ok(()),
                    more => write!(f, " and {more} more"),
                }
            }
            Self::Duplicate { duplicates } => {
                for (
                    index,
                    Duplicate {
                        column,
                        first,
                        second,
                    },
                ) in duplicates.iter().enumerate()
                {
                    let comma = if index == 0 { "" } else { "; " };
                    write!(
                        f,
                        "{comma}column {} `{}` and column {} `{}` are both read as `{column}`",
                        first.0, first.1, second.0, second.1
                    )?;
                }
                f.write_str("; rename or remove one of them")
            }
        }
    }
}

impl std::error::Error for LayoutError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(header: &str) -> Result<Layout, LayoutError> {
        Layout::from_header(header.split(','))
    }

    #[test]
    fn the_published_header_is_understood() {
        let layout = layout(
            "show_id,type,title,director,cast,country,date_added,release_year,rating,duration,\
             listed_in,description",
        )
        .unwrap();
        for (place, column) in Column::ALL.into_iter().enumerate() {
            assert_eq!(layout.place(column), Some(place), "{column}");
            assert_eq!(layout.column_at(place), Some(column));
        }
        assert_eq!((layout.width(), layout.ignored().len()), (12, 0));
    }

    #[test]
    fn order_case_spaces_and_hyphens_make_no_difference() {
        let layout = layout("Release-Year, TITLE ,Content Type,Show ID,\u{feff}Listed in").unwrap();
        assert_eq!(layout.place(Column::ReleaseYear), Some(0));
        assert_eq!(layout.place(Column::Title), Some(1));
        assert_eq!(layout.place(Column::Type), Some(2));
        assert_eq!(layout.place(Column::ShowId), Some(3));
        assert_eq!(layout.place(Column::ListedIn), Some(4));
        assert_eq!(layout.place(Column::Cast), None);
    }

    #[test]
    fn every_name_is_known_for_one_column_only() {
        for column in Column::ALL {
            for name in column.names() {
                assert_eq!(Column::named(name), Some(column), "{name}");
                assert_eq!(
                    Column::named(&name.to_uppercase().replace('_', " ")),
                    Some(column)
                );
            }
        }
    }

    #[test]
    fn other_columns_are_ignored_and_reported() {
        let layout = layout("show_id,type,title,release_year,imdb score,,line").unwrap();
        assert_eq!(layout.ignored(), ["imdb score", "line"]);
        assert_eq!(layout.width(), 7);
    }

    #[test]
    fn every_missing_column_is_named_with_what_would_do() {
        let error = layout("Titel,year,Land").unwrap_err();
        insta::assert_snapshot!(error, @"missing columns: `show_id` (also accepted: id, title_id); `type` (also accepted: kind, category, content_type, show_type, title_type, media_type); `title` (also accepted: name, show_title, show_name); found: `Titel`, `year`, `Land`");
        let error = layout("show_id,type,title").unwrap_err();
        insta::assert_snapshot!(error, @"missing column: `release_year` (also accepted: year, released, year_released, release); found: `show_id`, `type`, `title`");
    }

    #[test]
    fn a_header_of_hundreds_of_names_is_not_listed_whole() {
        let header: Vec<String> = (0..300)
            .map(|n| format!("{n}{}", "x".repeat(100)))
            .collect();
        let error = Layout::from_header(header.iter().map(String::as_str)).unwrap_err();
        assert!(error.to_string().ends_with(" and 280 more"), "{error}");
        assert!(error.to_string().len() < 2_000);
    }

    #[test]
    fn two_columns_of_one_meaning_are_both_named() {
        let error = layout("show_id,type,title,release_year,Cast,Name,actors").unwrap_err();
        insta::assert_snapshot!(error, @"column 3 `title` and column 6 `Name` are both read as `title`; column 5 `Cast` and column 7 `actors` are both read as `cast`; rename or remove one of them");
    }
}
