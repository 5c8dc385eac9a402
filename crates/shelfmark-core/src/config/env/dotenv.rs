//! The `.env` file: found as dotenvy finds it, parsed by dotenvy, never written into the process environment.
//!
//! Two things are added. A malformed line is named by its number, for the text of the line may hold a password. And a
//! `$` that would silently vanish from a value of ours is refused.

use std::cell::Cell;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::super::problems::Problems;
use super::source::Source;
use super::{family, settings};

/// Adds the variables of the nearest `.env` file, from the current folder upwards.
pub(super) fn add_nearest(source: &mut Source, problems: &mut Problems) {
    match std::env::current_dir() {
        Ok(folder) => add_from(&folder, source, problems),
        // A folder that is gone has no file.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => problems.push_plain("the current folder", error),
    }
}

/// Adds the variables of the nearest `.env` file from `folder` upwards, if there is one.
pub(super) fn add_from(folder: &Path, source: &mut Source, problems: &mut Problems) {
    let text = match find(folder) {
        Ok(None) => return,
        Ok(Some(path)) => std::fs::read(&path)
            .map(|bytes| (path.clone(), bytes))
            .map_err(|error| (path, error)),
        Err(failure) => Err(failure),
    };
    match text {
        Ok((path, bytes)) => match String::from_utf8(bytes) {
            Ok(text) => add_text(&path, &text, source, problems),
            Err(error) => {
                let valid = error.as_bytes().get(..error.utf8_error().valid_up_to());
                let line = valid.map_or(1, |valid| 1 + newlines(valid));
                problems.push_plain(place(&path, line), "is not UTF-8");
            }
        },
        Err((path, error)) => {
            problems.push_plain(path.display(), format_args!("cannot be read: {error}"));
        }
    }
}

fn find(folder: &Path) -> Result<Option<PathBuf>, (PathBuf, io::Error)> {
    for folder in folder.ancestors() {
        let candidate = folder.join(".env");
        match std::fs::metadata(&candidate) {
            // A folder of that name is somebody's virtual environment.
            Ok(metadata) if !metadata.is_file() => {}
            Ok(_) => return Ok(Some(candidate)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err((candidate, error)),
        }
    }
    Ok(None)
}

fn add_text(path: &Path, text: &str, source: &mut Source, problems: &mut Problems) {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines: Vec<&str> = text.lines().collect();
    let read = Cell::new(0);
    let mut done = 0;
    for item in dotenvy::from_read_iter(LineReader::new(&lines, &read)) {
        let first = done;
        done = read.get();
        let raw = lines.get(first..done).unwrap_or_default();
        match item {
            Ok((name, value)) => {
                let place = place(path, first_line(first, raw));
                if is_ours(&name) {
                    report_lost_dollars(&place, &name, raw, source, problems);
                }
                source.add(name, value, place);
            }
            Err(_) => problems.push(
                place(path, first_line(first, raw)),
                "is not of the form NAME=value; a value with spaces, quotation marks, \\ or $ stands in single quotes",
                "NAME='a value'",
            ),
        }
    }
}

/// The number of the first line of an entry, after the blank lines and comments that dotenvy read on the way.
fn first_line(before: usize, raw: &[&str]) -> usize {
    let skipped = raw
        .iter()
        .take_while(|line| line.trim().is_empty() || line.trim_start().starts_with('#'))
        .count();
    before + skipped.min(raw.len().saturating_sub(1)) + 1
}

fn place(path: &Path, line: usize) -> String {
    format!("{} line {line}", path.display())
}

fn newlines(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte == b'\n').count()
}

fn is_ours(name: &str) -> bool {
    name == family::URL || settings::NAMES.contains(&name) || family::is_member(name)
}

/// Refuses a `$` that dotenvy would take for a reference to nothing and drop.
fn report_lost_dollars(
    place: &str,
    name: &str,
    raw: &[&str],
    source: &Source,
    problems: &mut Problems,
) {
    let lost = references(&raw.join("\n")).any(|reference| match reference {
        // dotenvy would read `$DB_USER` as `$DB` and `_USER`.
        Reference::Bare => true,
        Reference::Braced(other) => !source.has(&other),
    });
    if lost {
        problems.push_plain(
            place,
            format_args!(
                "a $ in {name} would be replaced by nothing; write the value in single quotes, or ${{OTHER}} for a \
                 variable that stands above"
            ),
        );
    }
}

/// A `$` outside of single quotes and without a backslash.
enum Reference {
    Bare,
    Braced(String),
}

fn references(entry: &str) -> impl Iterator<Item = Reference> {
    let mut found = Vec::new();
    let mut letters = entry.chars().peekable();
    let (mut single, mut double, mut after_space) = (false, false, true);
    while let Some(letter) = letters.next() {
        match letter {
            '\'' if !double => single = !single,
            _ if single => {}
            '"' => double = !double,
            '\\' => {
                letters.next();
            }
            '#' if after_space && !double => {
                // A comment, up to the end of its line.
                letters.by_ref().find(|letter| *letter == '\n');
                after_space = true;
                continue;
            }
            '$' if letters.next_if_eq(&'{').is_some() => {
                let name = letters.by_ref().take_while(|letter| *letter != '}');
                found.push(Reference::Braced(name.collect()));
            }
            '$' => found.push(Reference::Bare),
            _ => {}
        }
        after_space = letter.is_whitespace();
    }
    found.into_iter()
}

/// Hands out one line per read and counts them, so that an entry's lines are known when dotenvy answers it.
struct LineReader<'a> {
    /// What is left of the line begun last, with its line break.
    rest: Vec<u8>,
    lines: std::slice::Iter<'a, &'a str>,
    read: &'a Cell<usize>,
}

impl<'a> LineReader<'a> {
    fn new(lines: &'a [&'a str], read: &'a Cell<usize>) -> Self {
        LineReader {
            rest: Vec::new(),
            lines: lines.iter(),
            read,
        }
    }
}

impl Read for LineReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.rest.is_empty() {
            let Some(line) = self.lines.next() else {
                return Ok(0);
            };
            self.read.set(self.read.get() + 1);
            self.rest = format!("{line}\n").into_bytes();
        }
        let length = self.rest.as_slice().read(buffer)?;
        self.rest.drain(..length);
        Ok(length)
    }
}
