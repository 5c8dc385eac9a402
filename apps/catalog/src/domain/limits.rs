//! How large a value may be, whoever brings it.
//!
//! Each limit is far above what occurs: beyond it stands something else than that value, in a file mostly because the
//! columns of the row are shifted.

use std::ops::RangeInclusive;

/// Characters of a show's id.
pub const SHOW_ID_CHARS: usize = 64;
/// Characters of a title.
pub const TITLE_CHARS: usize = 500;
/// Bytes of a folded title: the entries of an index are limited, and so are cursors, which hold it. Folding takes letters
/// apart, so few characters can become many bytes.
pub const TITLE_FOLDED_BYTES: usize = 1_000;
/// Characters of one name: a person, a country, a genre.
pub const NAME_CHARS: usize = 200;
/// Names in one field.
pub const NAMES: usize = 500;
/// Characters of a rating.
pub const RATING_CHARS: usize = 32;
/// Characters of a duration.
pub const DURATION_CHARS: usize = 64;
/// Characters of a description.
pub const DESCRIPTION_CHARS: usize = 10_000;
/// Characters of the text that a title is searched for.
pub const SEARCH_CHARS: usize = 200;
/// From the first film to those that are only announced.
pub const RELEASE_YEARS: RangeInclusive<i32> = 1888..=2100;

/// Whether a show cannot have this id, because it could not be reached: `/shows/recent` is a list, and clients take dots
/// out of an address.
#[must_use]
pub fn is_reserved_id(show_id: &str) -> bool {
    matches!(show_id, "recent" | "." | "..")
}
