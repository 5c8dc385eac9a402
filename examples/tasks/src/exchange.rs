//! Tasks from files and to files: JSON, or CSV where the file's name says so.

use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::show;
use crate::store::{NewTask, Task};

/// What a file is called that is none, but what the program is piped to or from.
const PIPE: &str = "-";

/// The tasks of a file; `-` is standard input, as JSON.
///
/// # Errors
/// That the file cannot be read, or what is wrong with which of its tasks.
pub(crate) fn read(file: &Path) -> Result<Vec<NewTask>> {
    let name = file.display();
    let mut bytes = Vec::new();
    if file == Path::new(PIPE) {
        std::io::stdin().read_to_end(&mut bytes)?;
    } else {
        bytes = std::fs::read(file).with_context(|| format!("cannot read {name}"))?;
    }
    if is_csv(file) {
        let rows = csv::Reader::from_reader(&*bytes).into_deserialize();
        rows.collect::<csv::Result<_>>()
            .with_context(|| format!("{name} is not a list of tasks"))
    } else {
        serde_json::from_slice(&bytes).with_context(|| format!("{name} is not a list of tasks"))
    }
}

/// Writes tasks to a file, which is replaced as a whole; without one, to standard output as JSON.
///
/// # Errors
/// That the file cannot be written.
pub(crate) fn write(tasks: &[Task], file: Option<&Path>) -> Result<()> {
    let Some(file) = file.filter(|file| *file != Path::new(PIPE)) else {
        return Ok(show::print(&show::json(&tasks)?)?);
    };
    let bytes = if is_csv(file) {
        let mut rows = csv::Writer::from_writer(Vec::new());
        tasks.iter().try_for_each(|task| rows.serialize(task))?;
        rows.into_inner()?
    } else {
        show::json(&tasks)?.into_bytes()
    };
    // Beside it first, so that a full disk does not cost the file that was there.
    let mut beside = file.as_os_str().to_owned();
    beside.push(".partial");
    std::fs::write(&beside, bytes)
        .and_then(|()| std::fs::rename(&beside, file))
        .inspect_err(|_| drop(std::fs::remove_file(&beside)))
        .with_context(|| format!("cannot write {}", file.display()))
}

fn is_csv(file: &Path) -> bool {
    file.extension()
        .is_some_and(|end| end.eq_ignore_ascii_case("csv"))
}
