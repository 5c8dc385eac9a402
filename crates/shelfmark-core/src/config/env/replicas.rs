//! The variable that names the replicas: URLs with commas between them.

use super::super::limits::REPLICAS;
use super::super::problems::Problems;
use super::super::replicas::{ONE_SERVER, ONLY_POSTGRES, is_one_server};
use super::super::url;
use super::super::{PostgresTarget, Target};
use super::default_user;
use super::source::Source;

/// The variable.
pub(super) const URLS: &str = "DATABASE_REPLICA_URLS";
const EXAMPLE: &str = "DATABASE_REPLICA_URLS=postgres://user:password@replica1/app,postgres://user:password@replica2/app";

/// The replicas that are named. An entry that is wrong is told by its number, never by its text.
pub(super) fn read(source: &Source, problems: &mut Problems) -> Vec<PostgresTarget> {
    let Some(value) = source.trimmed(URLS, problems) else {
        return Vec::new();
    };
    let user = default_user(source);
    let mut replicas = Vec::new();
    for (index, entry) in value.split(',').map(str::trim).enumerate() {
        let number = index + 1;
        if !entry.contains("://") {
            let what = if entry.is_empty() {
                "is empty"
            } else {
                "is no URL; in one with several hosts, each replica gets a URL of its own, and a comma in a password \
                 is written as %2C"
            };
            problems.push(URLS, format_args!("entry {number} {what}"), EXAMPLE);
            continue;
        }
        match url::parse(entry, user.as_deref()) {
            Ok(Target::Postgres(target)) if is_one_server(&target) => replicas.push(target),
            Ok(Target::Postgres(_)) => {
                problems.push(URLS, format_args!("entry {number}: {ONE_SERVER}"), EXAMPLE);
            }
            Ok(_) => {
                let what = "names no PostgreSQL server, and only those can be replicas";
                problems.push(URLS, format_args!("entry {number} {what}"), EXAMPLE);
            }
            Err(refusal) => {
                problems.push(URLS, format_args!("entry {number}: {refusal}"), EXAMPLE);
            }
        }
    }
    if replicas.len() > REPLICAS {
        problems.push_plain(URLS, format_args!("there are more than {REPLICAS}"));
    }
    replicas
}

/// Reports replicas of a database that has none.
pub(super) fn check(target: &Target, problems: &mut Problems) {
    if !matches!(target, Target::Postgres(_)) {
        problems.push_plain(URLS, ONLY_POSTGRES);
    }
}
