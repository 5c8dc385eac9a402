//! What instances tell each other: who says it, and the names of what is outdated, as text.
//!
//! `1 00f3… k:show%20:1 t:shows`: the version, the instance, and keys and tags with what separates them escaped. `*` in
//! place of names is everything. What cannot be read is everything, too: another version of this library wrote it.

use std::fmt::Write as _;

use shelfmark_core::Notice;
use shelfmark_core::cache::Evictions;

const VERSION: &str = "1";
const ALL: &str = "*";

/// One message.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Message {
    /// Who sent it; none where that cannot be read.
    pub(super) instance: Option<u64>,
    /// What is outdated; none for everything.
    pub(super) evictions: Option<Evictions>,
}

/// The text of `instance`'s message.
pub(super) fn written(instance: u64, evictions: &Evictions) -> String {
    let mut text = format!("{VERSION} {instance:016x}");
    let head = text.len();
    for (kind, names) in [('k', evictions.keys()), ('t', evictions.tags())] {
        for name in names {
            text.push(' ');
            text.push(kind);
            text.push(':');
            escape(&mut text, name);
        }
    }
    if Notice::check_payload(&text).is_err() {
        text.truncate(head);
        text.push(' ');
        text.push_str(ALL);
    }
    text
}

/// The message of a text.
pub(super) fn read(text: &str) -> Message {
    let mut words = text.split(' ');
    let known = words.next() == Some(VERSION);
    let instance = words.next().filter(|_| known);
    let instance = instance.and_then(|word| u64::from_str_radix(word, 16).ok());
    Message {
        evictions: instance.and_then(|_| names(words)),
        instance,
    }
}

fn names<'a>(words: impl Iterator<Item = &'a str>) -> Option<Evictions> {
    let mut evictions = Evictions::new();
    for word in words {
        evictions = match word.split_once(':')? {
            ("k", name) => evictions.key(unescaped(name)?),
            ("t", name) => evictions.tag(unescaped(name)?),
            _ => return None,
        };
    }
    Some(evictions)
}

/// A payload has no NUL, and a name of ours no space.
fn escape(text: &mut String, name: &str) {
    for character in name.chars() {
        match character {
            '\0'..=' ' | '%' | '\x7f' => {
                // Writing to a String never fails.
                let _ = write!(text, "%{:02X}", u32::from(character));
            }
            character => text.push(character),
        }
    }
}

fn unescaped(text: &str) -> Option<String> {
    let mut pieces = text.split('%');
    let mut name = pieces.next()?.to_owned();
    for piece in pieces {
        let (code, rest) = piece.split_at_checked(2)?;
        name.push(char::from(u8::from_str_radix(code, 16).ok()?));
        name.push_str(rest);
    }
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_any_kind_arrive_as_they_were() {
        let evictions = Evictions::new()
            .key("show:1")
            .key("")
            .key("a b%20\0\n\u{7f}é|k:t:")
            .tag("shows")
            .tag("*");
        let text = written(7, &evictions);
        assert!(Notice::check_payload(&text).is_ok(), "{text}");
        let heard = read(&text);
        assert_eq!(heard.instance, Some(7));
        assert_eq!(heard.evictions, Some(evictions));
    }

    #[test]
    fn more_names_than_a_message_takes_are_everything() {
        let fits = Evictions::new().key("k".repeat(7_999 - 21));
        assert_eq!(written(1, &fits).len(), 7_999);
        assert_eq!(read(&written(1, &fits)).evictions, Some(fits));
        let long = Evictions::new().key("k".repeat(7_999 - 20));
        assert_eq!(written(1, &long), "1 0000000000000001 *");
        assert_eq!(
            read(&written(1, &long)),
            Message {
                instance: Some(1),
                evictions: None
            }
        );
    }

    #[test]
    fn what_cannot_be_read_is_everything() {
        for text in [
            "",
            "2 1 k:a",
            "1",
            "1 x k:a",
            "1 1 *",
            "1 1 x:a",
            "1 1 k:%",
            "1 1 k:%zz",
            "1 1  ",
            "1 1 k:%é",
        ] {
            assert_eq!(read(text).evictions, None, "{text:?}");
        }
    }
}
