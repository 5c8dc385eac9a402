//! How names are written: accessors, constants, and the words enums are stored as.

use proc_macro2::{Ident, Span};
use syn::ext::IdentExt as _;

/// How the words of a name are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Case {
    Snake,
    Kebab,
    ScreamingSnake,
    Lower,
    Upper,
    Camel,
    Pascal,
}

impl Case {
    /// What `rename_all` takes.
    pub(crate) const NAMES: [(&'static str, Case); 7] = [
        ("snake_case", Case::Snake),
        ("kebab-case", Case::Kebab),
        ("SCREAMING_SNAKE_CASE", Case::ScreamingSnake),
        ("lowercase", Case::Lower),
        ("UPPERCASE", Case::Upper),
        ("camelCase", Case::Camel),
        ("PascalCase", Case::Pascal),
    ];

    pub(crate) fn apply(self, name: &str) -> String {
        let words = words(name);
        let lower = |word: &String| word.to_lowercase();
        let upper = |word: &String| word.to_uppercase();
        match self {
            Case::Snake => join(words.iter().map(lower), "_"),
            Case::Kebab => join(words.iter().map(lower), "-"),
            Case::ScreamingSnake => join(words.iter().map(upper), "_"),
            Case::Lower => join(words.iter().map(lower), ""),
            Case::Upper => join(words.iter().map(upper), ""),
            Case::Camel => join(
                words.iter().enumerate().map(|(nth, word)| {
                    if nth == 0 {
                        lower(word)
                    } else {
                        capitalized(word)
                    }
                }),
                "",
            ),
            Case::Pascal => join(words.iter().map(|word| capitalized(word)), ""),
        }
    }
}

fn join(words: impl Iterator<Item = String>, separator: &str) -> String {
    words.collect::<Vec<_>>().join(separator)
}

fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| {
        first
            .to_uppercase()
            .chain(letters.flat_map(char::to_lowercase))
            .collect()
    })
}

/// `HTTPLogs2` is `HTTP`, `Logs2`: a capital begins a word unless it stands among capitals.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut previous: Option<char> = None;
    let mut letters = name.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter == '_' {
            previous = None;
            continue;
        }
        let begins = match previous {
            None => true,
            Some(before) if letter.is_uppercase() => {
                !before.is_uppercase() || letters.peek().is_some_and(|next| next.is_lowercase())
            }
            Some(_) => false,
        };
        if begins {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut() {
            word.push(letter);
        }
        previous = Some(letter);
    }
    words
}

/// The identifier's text without `r#`.
pub(crate) fn plain(ident: &Ident) -> String {
    ident.unraw().to_string()
}

/// `ShowDirectors` gives the accessor `show_directors`.
pub(crate) fn accessor(name: &Ident) -> Ident {
    let text = Case::Snake.apply(&plain(name));
    let span = generated_at(name.span());
    syn::parse_str::<Ident>(&text).map_or_else(
        |_| Ident::new_raw(&text, span),
        |mut ident| {
            ident.set_span(span);
            ident
        },
    )
}

/// The constant named after a field or several: `release_year` gives `RELEASE_YEAR`.
pub(crate) fn constant<'i>(prefix: &str, fields: impl IntoIterator<Item = &'i Ident>) -> Ident {
    let mut text = String::from(prefix);
    let mut span = None;
    for field in fields {
        if !text.is_empty() {
            text.push('_');
        }
        text.push_str(&Case::ScreamingSnake.apply(&plain(field)));
        span.get_or_insert(field.span());
    }
    Ident::new(&text, generated_at(span.unwrap_or_else(Span::call_site)))
}

/// The place of `span`, but marked as generated, so that lints do not blame the user for it.
pub(crate) fn generated_at(span: Span) -> Span {
    Span::call_site().located_at(span)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_joins_the_same_words() {
        let all = Case::NAMES.map(|(_, case)| case.apply("TvShow"));
        assert_eq!(
            all,
            [
                "tv_show", "tv-show", "TV_SHOW", "tvshow", "TVSHOW", "tvShow", "TvShow"
            ]
        );
    }

    #[test]
    fn capitals_in_a_row_are_one_word() {
        assert_eq!(words("HTTPLogs2"), ["HTTP", "Logs2"]);
        assert_eq!(words("release_year"), ["release", "year"]);
        assert_eq!(words("Pg13"), ["Pg13"]);
        assert_eq!(words("showId"), ["show", "Id"]);
    }

    #[test]
    fn an_accessor_that_is_a_keyword_is_written_raw() {
        let name = |text: &str| accessor(&Ident::new(text, Span::call_site())).to_string();
        assert_eq!(name("ShowDirectors"), "show_directors");
        assert_eq!(name("Type"), "r#type");
    }

    #[test]
    fn constants_carry_their_fields() {
        let fields = ["show_id", "r#type"].map(|text| syn::parse_str::<Ident>(text).unwrap());
        assert_eq!(constant("", &fields[..1]).to_string(), "SHOW_ID");
        assert_eq!(
            constant("UNIQUE", &fields).to_string(),
            "UNIQUE_SHOW_ID_TYPE"
        );
    }
}
