//! Text to be looked for, as the patterns of each engine want it.
//!
//! PostgreSQL matches with `LIKE … ESCAPE '\'`, SQLite with `instr` and `GLOB`: its own LIKE takes ASCII letters in
//! either case for the same. All of these tell upper from lower case, so that both engines find the same rows.

use crate::dialect::Dialect;

/// How long a pattern of GLOB may be, in bytes: the bound with which SQLite is built.
pub(super) const LONGEST: usize = 50_000;

/// Whether SQLite refuses the pattern of [`beginning`]. No engine is asked then, so that all answer the same.
pub(super) fn is_too_long(text: &str) -> bool {
    text.len() >= LONGEST || beginning(Dialect::Sqlite, text).len() > LONGEST
}

/// The value with which the column is compared to find `text` anywhere in it.
pub(super) fn anywhere(dialect: Dialect, text: &str) -> String {
    match dialect {
        // instr() knows no wildcards.
        Dialect::Sqlite => text.to_owned(),
        Dialect::Postgres => format!("%{}%", like(text)),
    }
}

/// The value with which the column is compared to find `text` at its beginning.
pub(super) fn beginning(dialect: Dialect, text: &str) -> String {
    match dialect {
        Dialect::Sqlite => format!("{}*", glob(text)),
        Dialect::Postgres => format!("{}%", like(text)),
    }
}

fn like(text: &str) -> String {
    escaped(text, |letter, to| {
        if matches!(letter, '%' | '_' | '\\') {
            to.push('\\');
        }
        to.push(letter);
    })
}

fn glob(text: &str) -> String {
    escaped(text, |letter, to| match letter {
        '*' | '?' | '[' => {
            to.push('[');
            to.push(letter);
            to.push(']');
        }
        other => to.push(other),
    })
}

fn escaped(text: &str, mut letter: impl FnMut(char, &mut String)) -> String {
    let mut to = String::with_capacity(text.len() + 2);
    for next in text.chars() {
        letter(next, &mut to);
    }
    to
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_in_the_text_are_letters() {
        assert_eq!(anywhere(Dialect::Postgres, r"100%_\"), r"%100\%\_\\%");
        assert_eq!(anywhere(Dialect::Sqlite, "100%_*"), "100%_*");
        assert_eq!(beginning(Dialect::Postgres, "a%"), r"a\%%");
        assert_eq!(beginning(Dialect::Sqlite, "a*[b]?"), "a[*][[]b][?]*");
        assert_eq!(beginning(Dialect::Sqlite, ""), "*");
    }

    #[test]
    fn a_pattern_may_be_as_long_as_sqlite_takes_it() {
        assert!(!is_too_long(&"a".repeat(LONGEST - 1)));
        assert!(is_too_long(&"a".repeat(LONGEST)));
        assert!(is_too_long(&"*".repeat(LONGEST / 2)));
    }
}
