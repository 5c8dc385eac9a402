//! Finding PostgreSQL's programs on this machine.

use std::env;
use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The oldest major version that can be used: `CREATE DATABASE … STRATEGY` came with it.
const OLDEST: u32 = 15;

/// Where packages put PostgreSQL when it isn't on the `PATH`: a folder, the start of the names of
/// the folders in it that carry a version, and the way from there to the programs.
const PACKAGES: [(&str, &str, &str); 4] = [
    ("/usr/lib/postgresql", "", "bin"),
    ("/usr", "pgsql-", "bin"),
    ("/opt/homebrew/opt", "postgresql@", "bin"),
    ("/usr/local/opt", "postgresql@", "bin"),
];

/// One installation of PostgreSQL: the folder that holds `initdb` and `postgres`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Programs {
    folder: PathBuf,
    version: String,
}

impl Programs {
    /// Finds `initdb` and `postgres`, version 15 or newer: in `$PG_BINDIR` and nowhere else when
    /// that is set, otherwise on the `PATH`, otherwise where packages put them, the newest first.
    ///
    /// # Errors
    /// [`ProgramsError`] says whether installing a package would help.
    pub fn find() -> Result<Programs, ProgramsError> {
        let chosen = env::var_os("PG_BINDIR").filter(|folder| !folder.is_empty());
        find_among(chosen.as_deref(), env::var_os("PATH").as_deref())
    }

    /// The version as the server says it, such as `15.13`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The folder that holds the programs.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn initdb(&self) -> PathBuf {
        self.folder.join("initdb")
    }

    pub(crate) fn postgres(&self) -> PathBuf {
        self.folder.join("postgres")
    }

    /// Which a folder of links may lack: then it stands where the link to `postgres` leads.
    pub(crate) fn pg_basebackup(&self) -> PathBuf {
        const NAME: &str = "pg_basebackup";
        let here = self.folder.join(NAME);
        if here.exists() {
            return here;
        }
        let linked = self.postgres().canonicalize();
        linked.map_or(here, |postgres| postgres.with_file_name(NAME))
    }
}

/// Why PostgreSQL's programs can't be used.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProgramsError {
    /// `PG_BINDIR` is set, and what it names can't be used; a package wouldn't help.
    Chosen {
        /// The value of `PG_BINDIR`.
        folder: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Installed, but every installation is older than version 15.
    TooOld {
        /// Each installation that was found: its folder and its version.
        found: Vec<(PathBuf, String)>,
    },
    /// Not installed.
    Missing,
}

impl fmt::Display for ProgramsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProgramsError::Chosen { folder, reason } => write!(
                f,
                "PG_BINDIR={} can't be used: {reason}; name the folder that holds initdb and \
                 postgres, such as /usr/lib/postgresql/15/bin, or unset it to search for them",
                folder.display()
            ),
            ProgramsError::TooOld { found } => {
                f.write_str("PostgreSQL 15 or newer is needed, found only")?;
                for (folder, version) in found {
                    write!(f, " {version} in {};", folder.display())?;
                }
                f.write_str(" install a newer one, or name its folder in PG_BINDIR")
            }
            ProgramsError::Missing => f.write_str(
                "PostgreSQL's programs initdb and postgres are not on this machine; install its \
                 server package, as `cargo xtask test` does, or name their folder in PG_BINDIR, or a \
                 running server in TEST_DATABASE_URL",
            ),
        }
    }
}

impl std::error::Error for ProgramsError {}

fn find_among(chosen: Option<&OsStr>, path: Option<&OsStr>) -> Result<Programs, ProgramsError> {
    if let Some(folder) = chosen {
        let folder = PathBuf::from(folder);
        return match version_in(&folder) {
            Ok(version) if is_new_enough(&version) => Ok(Programs { folder, version }),
            Ok(version) => {
                let reason = format!("it holds version {version}, 15 or newer is needed");
                Err(ProgramsError::Chosen { folder, reason })
            }
            Err(reason) => Err(ProgramsError::Chosen { folder, reason }),
        };
    }
    let on_path = path.map(env::split_paths).into_iter().flatten();
    let mut found = Vec::new();
    for folder in on_path.chain(package_folders()) {
        match version_in(&folder) {
            Ok(version) if is_new_enough(&version) => return Ok(Programs { folder, version }),
            Ok(version) => found.push((folder, version)),
            Err(_) => {}
        }
    }
    if found.is_empty() {
        Err(ProgramsError::Missing)
    } else {
        Err(ProgramsError::TooOld { found })
    }
}

/// The version of the installation in `folder`, or what keeps it from being one.
fn version_in(folder: &Path) -> Result<String, String> {
    for name in ["initdb", "postgres"] {
        if !folder.join(name).is_file() {
            return Err(format!("there is no {name} in it"));
        }
    }
    let output = Command::new(folder.join("postgres"))
        .arg("--version")
        .output()
        .map_err(|error| format!("its postgres can't be run: {error}"))?;
    let line = String::from_utf8_lossy(&output.stdout);
    parse_version(&line)
        .map(str::to_owned)
        .ok_or_else(|| format!("its postgres answered --version with {:?}", line.trim()))
}

/// `15.13` of `postgres (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)`.
fn parse_version(line: &str) -> Option<&str> {
    let (_, version) = line.split_once("(PostgreSQL) ")?;
    version.split_whitespace().next()
}

fn major(version: &str) -> Option<u32> {
    let digits = version.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

fn is_new_enough(version: &str) -> bool {
    major(version).is_some_and(|major| major >= OLDEST)
}

fn package_folders() -> Vec<PathBuf> {
    let mut folders = Vec::new();
    for (root, start, rest) in PACKAGES {
        let Ok(entries) = std::fs::read_dir(root) else {
            continue;
        };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let version = name
                .to_str()
                .and_then(|name| name.strip_prefix(start))
                .and_then(major);
            if let Some(version) = version {
                folders.push((version, entry.path().join(rest)));
            }
        }
    }
    folders.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    folders.into_iter().map(|(_, folder)| folder).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    /// A folder whose `postgres` answers `--version` as that version would.
    fn installation(version: &str) -> anyhow::Result<tempfile::TempDir> {
        let folder = tempfile::tempdir()?;
        for name in ["initdb", "postgres"] {
            let program = folder.path().join(name);
            std::fs::write(
                &program,
                format!("#!/bin/sh\necho 'postgres (PostgreSQL) {version}'\n"),
            )?;
            std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755))?;
        }
        Ok(folder)
    }

    #[test]
    fn version_is_read_from_releases_and_betas() {
        let debian = "postgres (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)\n";
        assert_eq!(parse_version(debian), Some("15.13"));
        assert_eq!(major("15.13"), Some(15));
        assert_eq!(major("18beta1"), Some(18));
        assert_eq!(parse_version("something else"), None);
    }

    #[test]
    fn chosen_folder_wins_over_the_path() -> anyhow::Result<()> {
        let (chosen, other) = (installation("16.2")?, installation("17.1")?);
        let found = find_among(
            Some(chosen.path().as_os_str()),
            Some(other.path().as_os_str()),
        )?;
        assert_eq!(found.folder(), chosen.path());
        assert_eq!(found.version(), "16.2");
        Ok(())
    }

    #[test]
    fn chosen_folder_without_the_programs_is_an_error_even_when_they_are_elsewhere()
    -> anyhow::Result<()> {
        let other = installation("17.1")?;
        let nowhere = OsStr::new("/nowhere/bin");
        let error = find_among(Some(nowhere), Some(other.path().as_os_str())).unwrap_err();
        assert_eq!(
            error.to_string(),
            "PG_BINDIR=/nowhere/bin can't be used: there is no initdb in it; name the folder that \
             holds initdb and postgres, such as /usr/lib/postgresql/15/bin, or unset it to search \
             for them"
        );
        Ok(())
    }

    #[test]
    fn chosen_folder_with_an_old_version_is_an_error() -> anyhow::Result<()> {
        let old = installation("13.9")?;
        let error = find_among(Some(old.path().as_os_str()), None).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("it holds version 13.9, 15 or newer is needed")
        );
        Ok(())
    }

    #[test]
    fn old_version_on_the_path_is_passed_over() -> anyhow::Result<()> {
        let (old, new) = (installation("13.9")?, installation("17.1")?);
        let path = env::join_paths([old.path(), new.path()])?;
        assert_eq!(find_among(None, Some(&path))?.version(), "17.1");
        Ok(())
    }
}
