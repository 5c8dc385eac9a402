//! A configuration from variables: of the process, of a `.env` file, or of any other source.
//!
//! This is the only place of the library that reads the environment, and it never changes it.

mod dotenv;
mod family;
mod replicas;
mod settings;
mod source;
mod variables;

#[cfg(test)]
mod tests;

pub use self::variables::Variables;

use self::settings::Settings;
use self::source::Source;
use super::problems::Problems;
use super::{DatabaseConfig, url};
use crate::error::Result;

impl DatabaseConfig {
    /// Reads the variables of the process and of the nearest `.env` file: see the
    /// [tables of variables](crate::config#which-database).
    ///
    /// The `.env` file is looked for in the current folder, then in the folders above it. A variable of the process
    /// wins over the file's.
    ///
    /// # Errors
    /// `InvalidConfig`, with everything that is wrong at once: each variable, its problem and an example. A URL or a
    /// password is never shown. When no variable names a database, the error says which to set.
    pub fn from_env() -> Result<Self> {
        read_process(None)
    }

    /// As [`from_env`](Self::from_env), but opens `default_url` when no variable names a database.
    ///
    /// Settings such as `DATABASE_POOL_MAX` apply to the default too. A wrong variable is an error, not a reason to
    /// take the default.
    ///
    /// # Errors
    /// `InvalidConfig`, as `from_env`.
    ///
    /// # Examples
    /// ```no_run
    /// use shelfmark_core::config::DatabaseConfig;
    ///
    /// let config = DatabaseConfig::from_env_or("sqlite://data/catalog.db")?;
    /// # Ok::<(), shelfmark_core::Error>(())
    /// ```
    pub fn from_env_or(default_url: &str) -> Result<Self> {
        read_process(Some(default_url))
    }

    /// Reads the same variables from `vars` alone, for tests and for other sources of configuration. Neither the
    /// environment nor a `.env` file is read.
    ///
    /// # Errors
    /// `InvalidConfig`, as `from_env`.
    ///
    /// # Examples
    /// ```
    /// use shelfmark_core::config::DatabaseConfig;
    ///
    /// let config = DatabaseConfig::from_vars([
    ///     ("DATABASE_URL".to_owned(), "memory:".to_owned()),
    ///     ("DATABASE_POOL_MAX".to_owned(), "8".to_owned()),
    /// ])?;
    /// assert_eq!(config.pool.max, 8);
    /// # Ok::<(), shelfmark_core::Error>(())
    /// ```
    pub fn from_vars(vars: impl IntoIterator<Item = (String, String)>) -> Result<Self> {
        build(&Source::from_pairs(vars), None)
    }

    /// The database of `url` (see [`Target::parse`](super::Target::parse)) with every setting at its default.
    ///
    /// # Errors
    /// `InvalidConfig`, as `Target::parse`.
    pub fn from_url(url: &str) -> Result<Self> {
        super::Target::parse(url).map(DatabaseConfig::new)
    }
}

/// Who asks when a URL names no user.
pub(super) fn process_user() -> Option<String> {
    default_user(&Source::process())
}

fn default_user(source: &Source) -> Option<String> {
    source
        .plain("PGUSER")
        .or_else(|| source.plain("USER"))
        .map(str::to_owned)
}

fn read_process(default_url: Option<&str>) -> Result<DatabaseConfig> {
    let mut source = Source::process();
    let mut problems = Problems::default();
    dotenv::add_nearest(&mut source, &mut problems);
    // A file that was read in part would make its other variables look missing.
    problems.into_result()?;
    build(&source, default_url)
}

fn build(source: &Source, default_url: Option<&str>) -> Result<DatabaseConfig> {
    let mut problems = source.problems();
    let target = match family::target(source, &mut problems) {
        family::Found::Target(target) => Some(target),
        family::Found::Faulty => None,
        family::Found::Nothing => {
            let user = default_user(source);
            match default_url.map(|url| (url, url::parse(url, user.as_deref()))) {
                // Somebody who wrote `DATABASE_URI` did not mean the default.
                _ if family::report_slip(source, &mut problems) => None,
                Some((_, Ok(target))) => Some(target),
                Some((url, Err(refusal))) => {
                    problems.push("the default URL", refusal, refusal.example(url));
                    None
                }
                None => {
                    family::report_missing(&mut problems);
                    None
                }
            }
        }
    };
    let settings = Settings::read(source, &mut problems);
    let config = target.map(DatabaseConfig::new);
    settings.check_pool(config.as_ref().map(|config| config.pool.max), &mut problems);
    settings.check_replicas(config.as_ref().map(|config| &config.target), &mut problems);
    match (config, problems.is_empty()) {
        (Some(config), true) => Ok(settings.apply(config)),
        _ => Err(problems.into_error()),
    }
}
