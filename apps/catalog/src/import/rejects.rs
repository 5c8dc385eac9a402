//! `FILE.rejects.csv`: the rows of `FILE` that could not be stored, to be corrected and imported.
//!
//! The columns are `line` and `reason`, then those of `FILE`, with the fields as they were found.
//! Since an import ignores columns it does not know, the corrected file can be imported as it is.
//!
//! While a run is going on the rejects stand in `FILE.rejects.csv.partial`; at its end that becomes
//! `FILE.rejects.csv`. So `FILE.rejects.csv` is always the whole account of the last run that came
//! to its end: replaced by the next one, and removed by it when nothing was rejected.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::reader::Reject;

/// The rejects of one run; the file is made when the first one comes.
#[derive(Debug)]
#[must_use = "the rejects are in place only after `finish`"]
pub struct RejectsFile {
    path: PathBuf,
    partial: PathBuf,
    header: Vec<String>,
    writer: Option<csv::Writer<File>>,
    written: u64,
}

/// A file of rejects could not be written or put in place.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot {action} {path}; rejected rows are written beside the imported file, so its folder must \
     be writable and have space"
)]
#[non_exhaustive]
pub struct RejectsError {
    /// What was being done: `write`, `replace`, `remove`.
    pub action: &'static str,
    /// The file.
    pub path: String,
    /// What the system says.
    #[source]
    pub source: io::Error,
}

impl RejectsFile {
    /// Prepares to write the rejects of `file`, whose column names are `header`. Touches nothing yet.
    pub fn new(file: impl AsRef<Path>, header: &[String]) -> Self {
        let with = |suffix: &str| {
            let mut name = OsString::from(file.as_ref().as_os_str());
            name.push(suffix);
            PathBuf::from(name)
        };
        Self {
            path: with(".rejects.csv"),
            partial: with(".rejects.csv.partial"),
            header: header.to_vec(),
            writer: None,
            written: 0,
        }
    }

    /// Where the rejects stand after [`RejectsFile::finish`].
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How many rejects have been written.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Adds one row.
    ///
    /// # Errors
    ///
    /// [`RejectsError`] when the file cannot be written.
    pub fn write(&mut self, reject: &Reject) -> Result<(), RejectsError> {
        let result = self.write_row(reject);
        result.map_err(|source| self.error("write", &self.partial, source))?;
        self.written += 1;
        Ok(())
    }

    fn write_row(&mut self, reject: &Reject) -> io::Result<()> {
        let writer = match &mut self.writer {
            Some(writer) => writer,
            none => {
                let file = File::create(&self.partial)?;
                // Rows with more fields than the header are among the reasons for this file.
                let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(file);
                let header = self.header.iter().map(String::as_str);
                writer.write_record(["line", "reason"].into_iter().chain(header))?;
                none.insert(writer)
            }
        };
        let line = reject.line.to_string();
        let fields = reject.fields.iter().map(String::as_str);
        writer.write_record(
            [line.as_str(), reject.reason.as_str()]
                .into_iter()
                .chain(fields),
        )?;
        Ok(())
    }

    /// Ends the run: puts the rejects in place of those of an earlier run, or removes those when
    /// there are none now. Returns where the rejects are, if there are any.
    ///
    /// # Errors
    ///
    /// [`RejectsError`] when what is still to be written cannot be, or the file cannot be put in
    /// place.
    pub fn finish(mut self) -> Result<Option<PathBuf>, RejectsError> {
        let Some(writer) = self.writer.take() else {
            for stale in [&self.path, &self.partial] {
                remove(stale).map_err(|source| self.error("remove", stale, source))?;
            }
            return Ok(None);
        };
        let written = writer.into_inner().map_err(csv::IntoInnerError::into_error);
        let placed = written.and_then(|file| file.sync_all());
        if let Err(source) = placed {
            remove(&self.partial).ok();
            return Err(self.error("write", &self.partial, source));
        }
        fs::rename(&self.partial, &self.path)
            .map_err(|source| self.error("replace", &self.path, source))?;
        Ok(Some(self.path.clone()))
    }

    fn error(&self, action: &'static str, path: &Path, source: io::Error) -> RejectsError {
        RejectsError {
            action,
            path: path.display().to_string(),
            source,
        }
    }
}

/// A run that is given up leaves the account of the run before it as it was.
impl Drop for RejectsFile {
    fn drop(&mut self) {
        if self.writer.take().is_some() {
            // Nobody is left to tell; the next run overwrites it.
            remove(&self.partial).ok();
        }
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Result<T = (), E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

    fn rejects(folder: &Path) -> RejectsFile {
        RejectsFile::new(
            folder.join("shows.csv"),
            &["show_id".into(), "title".into()],
        )
    }

    fn reject(line: u64, fields: &[&str]) -> Reject {
        let fields = fields.iter().map(ToString::to_string).collect();
        Reject {
            line,
            reason: "title is empty; say \"why\"".into(),
            fields,
        }
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    #[test]
    fn rejects_are_written_with_line_reason_and_fields() -> Result {
        let folder = tempfile::tempdir()?;
        let mut rejects = rejects(folder.path());
        rejects.write(&reject(3, &["s1", "é, \"x\"\r\n"]))?;
        rejects.write(&reject(9, &["s2", "", "more"]))?;
        rejects.write(&reject(12, &[]))?;
        assert_eq!(rejects.written(), 3);
        let path = rejects.finish()?.ok_or("no file")?;
        assert_eq!(path, folder.path().join("shows.csv.rejects.csv"));
        let text = fs::read_to_string(path)?;
        let reason = "\"title is empty; say \"\"why\"\"\"";
        assert_eq!(
            text,
            format!(
                "line,reason,show_id,title\n3,{reason},s1,\"é, \"\"x\"\"\r\n\"\n\
                 9,{reason},s2,,more\n12,{reason}\n"
            )
        );
        assert_eq!(names(folder.path()), ["shows.csv.rejects.csv"]);
        Ok(())
    }

    #[test]
    fn nothing_is_touched_before_the_first_reject() -> Result {
        let folder = tempfile::tempdir()?;
        let rejects = rejects(folder.path());
        assert_eq!(names(folder.path()), [""; 0]);
        assert_eq!(rejects.finish()?, None);
        assert_eq!(names(folder.path()), [""; 0]);
        Ok(())
    }

    #[test]
    fn a_run_without_rejects_removes_those_of_an_earlier_run() -> Result {
        let folder = tempfile::tempdir()?;
        for name in ["shows.csv.rejects.csv", "shows.csv.rejects.csv.partial"] {
            fs::write(folder.path().join(name), "stale")?;
        }
        assert_eq!(rejects(folder.path()).finish()?, None);
        assert_eq!(names(folder.path()), [""; 0]);
        Ok(())
    }

    #[test]
    fn a_run_that_is_given_up_leaves_the_earlier_account() -> Result {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("shows.csv.rejects.csv");
        fs::write(&path, "earlier")?;
        let mut given_up = rejects(folder.path());
        given_up.write(&reject(3, &["s1"]))?;
        assert_eq!(fs::read_to_string(&path)?, "earlier");
        drop(given_up);
        assert_eq!(names(folder.path()), ["shows.csv.rejects.csv"]);
        assert_eq!(fs::read_to_string(&path)?, "earlier");

        let mut next = rejects(folder.path());
        next.write(&reject(3, &["s1"]))?;
        next.finish()?;
        assert!(fs::read_to_string(&path)?.starts_with("line,reason,"));
        Ok(())
    }

    #[test]
    fn a_file_that_cannot_be_written_is_an_error() -> Result {
        let folder = tempfile::tempdir()?;
        let mut rejects = rejects(&folder.path().join("gone"));
        let error = rejects.write(&reject(3, &["s1"])).unwrap_err();
        assert_eq!(error.source.kind(), ErrorKind::NotFound);
        let shown = error
            .to_string()
            .replace(&*folder.path().to_string_lossy(), "[folder]");
        insta::assert_snapshot!(shown, @"cannot write [folder]/gone/shows.csv.rejects.csv.partial; rejected rows are written beside the imported file, so its folder must be writable and have space");
        assert_eq!(rejects.written(), 0);
        Ok(())
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_reported_at_the_end_at_the_latest() -> Result {
        let folder = tempfile::tempdir()?;
        std::os::unix::fs::symlink(
            "/dev/full",
            folder.path().join("shows.csv.rejects.csv.partial"),
        )?;
        let mut rejects = rejects(folder.path());
        rejects.write(&reject(3, &["s1"]))?;
        let error = rejects.finish().unwrap_err();
        assert_eq!(
            (error.action, error.source.kind()),
            ("write", ErrorKind::StorageFull)
        );
        Ok(())
    }
}
