//! Films and series, by whatever name a source calls them.

use serde::{Deserialize, Serialize};
use shelfmark::prelude::*;

/// Whether a show is one film or has episodes.
#[derive(Value, Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ShowKind {
    /// A film.
    Movie,
    /// A series.
    #[value("TV Show")]
    #[serde(rename = "TV Show")]
    TvShow,
}

impl ShowKind {
    /// The name under which it is stored, which is that of the published file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Movie => "Movie",
            Self::TvShow => "TV Show",
        }
    }

    /// Reads a kind by any of its names, such as `Film` or `Mini Series`; case, spaces and hyphens make no difference.
    #[must_use]
    pub fn named(text: &str) -> Option<Self> {
        let letters = text.chars().filter(|c| c.is_alphanumeric());
        match letters
            .flat_map(char::to_lowercase)
            .collect::<String>()
            .as_str()
        {
            "movie" | "movies" | "film" | "films" | "feature" | "featurefilm" => Some(Self::Movie),
            "tvshow" | "tvshows" | "show" | "shows" | "series" | "tvseries" | "tv" | "serie"
            | "miniseries" | "tvminiseries" | "limitedseries" => Some(Self::TvShow),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_for_a_kind_is_read() {
        for name in ["Movie", "movie", "FILM", "Feature Film"] {
            assert_eq!(ShowKind::named(name), Some(ShowKind::Movie), "{name}");
        }
        for name in [
            "TV Show",
            "tv-show",
            "Series",
            "TV",
            "mini series",
            "tvSeries",
        ] {
            assert_eq!(ShowKind::named(name), Some(ShowKind::TvShow), "{name}");
        }
        assert_eq!(ShowKind::named("Podcast"), None);
        for kind in [ShowKind::Movie, ShowKind::TvShow] {
            assert_eq!(ShowKind::named(kind.as_str()), Some(kind));
        }
    }
}
