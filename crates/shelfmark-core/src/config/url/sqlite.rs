//! What stands after `sqlite:`.

use std::path::PathBuf;

use super::super::Target;
use super::{Refusal, percent};

const MEMORY: &str = ":memory:";

pub(super) fn parse(rest: &str) -> Result<Target, Refusal> {
    let path = rest.strip_prefix("//").unwrap_or(rest);
    if path.contains('#') {
        return Err(Refusal::Hash);
    }
    let (path, parameters) = path.split_once('?').unwrap_or((path, ""));
    let mut in_memory = false;
    for parameter in parameters.split('&').filter(|part| !part.is_empty()) {
        match parameter {
            // A missing file is always created, which is what other tools call this mode.
            "mode=rwc" => {}
            "mode=memory" => in_memory = true,
            _ => return Err(Refusal::SqliteParameter),
        }
    }
    // `sqlite:///:memory:` is how SQLAlchemy writes it; nobody means a file of that name in the root folder.
    if in_memory || path == MEMORY || path.strip_prefix('/') == Some(MEMORY) {
        return Ok(Target::Memory);
    }
    let path = percent::decode(path)?;
    if path.is_empty() || path.ends_with('/') {
        return Err(Refusal::NoFile);
    }
    Ok(Target::Sqlite {
        path: PathBuf::from(path),
    })
}
