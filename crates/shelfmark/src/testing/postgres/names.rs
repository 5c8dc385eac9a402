//! How test databases are called: their names say whose they are and what is in them.
//!
//! `shelfmark_test_<project>_<random>` is the database of one test, `shelfmark_template_<project>_<migrations>` what it is
//! copied from. Only names of exactly this shape, with the project's own number, are ever removed.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};
use shelfmark_core::Dialect;
use shelfmark_core::config::PostgresTarget;

use crate::Migration;
use crate::testing::ground::Project;

/// Belongs to every number, so that a version that makes templates otherwise finds none of these.
const FORMAT: &str = "1";
const TEST: &str = "shelfmark_test";
const TEMPLATE: &str = "shelfmark_template";

/// The names of one project on one server.
#[derive(Clone, Debug)]
pub(super) struct Names {
    project: String,
}

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The database of a test.
    Test,
    /// What tests are copied from.
    Template,
}

impl Names {
    /// The project is the package in its folder, asking as one user: another user could neither copy nor remove what
    /// is ours.
    pub(super) fn new(project: Project, server: &PostgresTarget) -> Self {
        let parts = [FORMAT, project.folder, project.package, &server.user];
        let mut project = fingerprint(parts);
        project.truncate(12);
        Names { project }
    }

    /// A name that nobody has used.
    pub(super) fn test(&self) -> String {
        format!("{TEST}_{}_{:016x}", self.project, fastrand::u64(..))
    }

    /// The name that belongs to the texts of `migrations`.
    pub(super) fn template(&self, migrations: &[Migration]) -> String {
        let mut parts = Vec::new();
        for migration in migrations {
            parts.push(migration.version().to_string());
            parts.push(migration.name().to_owned());
            parts.push(migration.sql(Dialect::Postgres).unwrap_or("").to_owned());
        }
        let mut migrations = fingerprint(parts.iter().map(String::as_str));
        migrations.truncate(16);
        format!("{TEMPLATE}_{}_{migrations}", self.project)
    }

    /// What `name` is to this project; `None` when it is none of its databases.
    pub(super) fn kind(&self, name: &str) -> Option<Kind> {
        [(TEST, Kind::Test), (TEMPLATE, Kind::Template)]
            .into_iter()
            .find(|(prefix, _)| {
                let number = name
                    .strip_prefix(prefix)
                    .and_then(|rest| rest.strip_prefix('_'))
                    .and_then(|rest| rest.strip_prefix(self.project.as_str()))
                    .and_then(|rest| rest.strip_prefix('_'));
                number.is_some_and(|number| {
                    number.len() == 16 && number.bytes().all(|byte| byte.is_ascii_hexdigit())
                })
            })
            .map(|(_, kind)| kind)
    }
}

/// SHA-256 in hexadecimal; the parts are told apart.
fn fingerprint<'p>(parts: impl IntoIterator<Item = &'p str>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_be_bytes());
        hash.update(part.as_bytes());
    }
    let digest = hash.finalize();
    digest.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &'static str, user: &str) -> Names {
        let package = "films";
        let server = PostgresTarget::new("localhost", 5432, user, "postgres");
        Names::new(Project { folder, package }, &server)
    }

    fn migration(version: i64, name: &'static str, sql: &'static str) -> Migration {
        Migration::new(version, name, None, Some(sql))
    }

    #[test]
    fn only_the_projects_own_databases_are_known() {
        let own = names("/films", "ann");
        assert_eq!(own.kind(&own.test()), Some(Kind::Test));
        assert_eq!(own.kind(&own.template(&[])), Some(Kind::Template));
        for other in [names("/other", "ann"), names("/films", "bob")] {
            assert_eq!(own.kind(&other.test()), None);
            assert_eq!(own.kind(&other.template(&[])), None);
        }
        let longer = format!("{}_backup", own.test());
        for name in ["postgres", "shelfmark_test", "shelfmark_test_x_y", &longer] {
            assert_eq!(own.kind(name), None, "{name}");
        }
    }

    #[test]
    fn changed_migrations_have_another_template() {
        let names = names("/films", "ann");
        let variants = [
            vec![],
            vec![migration(1, "a", "SELECT 1")],
            vec![migration(1, "a", "SELECT 2")],
            vec![migration(1, "b", "SELECT 1")],
            vec![migration(2, "a", "SELECT 1")],
            vec![migration(1, "a", "SELECT 1"), migration(2, "b", "")],
        ];
        let mut templates: Vec<_> = variants.iter().map(|all| names.template(all)).collect();
        templates.sort();
        templates.dedup();
        assert_eq!(templates.len(), variants.len());
    }

    #[test]
    fn names_fit_into_postgres() {
        let names = names("/films", "ann");
        assert!(names.test().len() <= 63);
        assert!(names.template(&[]).len() <= 63);
        assert_ne!(names.test(), names.test());
    }
}
