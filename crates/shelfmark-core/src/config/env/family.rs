//! The variables that name the database: one URL, or the parts in one of three families.
//!
//! The families are tried in order and never mixed: a password of one is not sent to the server of another.

use std::path::PathBuf;

use super::super::nearest::nearest;
use super::super::problems::{Problems, shown};
use super::super::url::{self, Refusal};
use super::super::{PostgresTarget, Secret, Target};
use super::default_user;
use super::source::Source;

/// The variable that names the database by its URL.
pub(super) const URL: &str = "DATABASE_URL";

/// One family of variables. It counts when its host or its database is set.
struct Family {
    host: &'static str,
    port: &'static str,
    database: &'static str,
    user: &'static str,
    password: &'static str,
}

/// Those whose host, database and user must be given.
const FAMILIES: &[Family] = &[
    Family {
        host: "DB_HOST",
        port: "DB_PORT",
        database: "DB_NAME",
        user: "DB_USER",
        password: "DB_PASSWORD",
    },
    Family {
        host: "POSTGRES_HOSTNAME",
        port: "POSTGRES_PORT",
        database: "APPLICATION_DB",
        user: "POSTGRES_USER",
        password: "POSTGRES_PASSWORD",
    },
];

/// libpq's, which has a default for each and some members more.
const LIBPQ: Family = Family {
    host: "PGHOST",
    port: "PGPORT",
    database: "PGDATABASE",
    user: "PGUSER",
    password: "PGPASSWORD",
};

/// The members that only libpq's family has.
const LIBPQ_MORE: &[&str] = &[
    "PGSSLMODE",
    "PGSSLROOTCERT",
    "PGAPPNAME",
    "PGCONNECT_TIMEOUT",
    "PGOPTIONS",
];

/// What the variables name.
pub(super) enum Found {
    Target(Target),
    /// Something, but not rightly; the problems are reported.
    Faulty,
    Nothing,
}

/// The database that the variables name.
pub(super) fn target(source: &Source, problems: &mut Problems) -> Found {
    let found = if source.is_set(URL) {
        by_url(source, problems)
    } else if let Some(family) = FAMILIES.iter().find(|family| family.counts(source)) {
        family.required(source, problems)
    } else if LIBPQ.counts(source) {
        libpq(source, problems)
    } else {
        return Found::Nothing;
    };
    found.map_or(Found::Faulty, Found::Target)
}

/// Whether the variable is read as a part of a database's name.
pub(super) fn is_member(name: &str) -> bool {
    let is_in = |family: &Family| {
        let members = [
            family.host,
            family.port,
            family.database,
            family.user,
            family.password,
        ];
        members.contains(&name)
    };
    FAMILIES.iter().any(is_in) || is_in(&LIBPQ) || LIBPQ_MORE.contains(&name)
}

/// Reports that nothing names a database.
pub(super) fn report_missing(problems: &mut Problems) {
    problems.push_plain(
        URL,
        "no database is named; set DATABASE_URL=sqlite://app.db, \
         DATABASE_URL=postgres://user:password@localhost:5432/app or DATABASE_URL=memory:, or the parts DB_HOST, \
         DB_PORT, DB_NAME, DB_USER and DB_PASSWORD",
    );
}

/// Reports a variable that was probably meant to be `DATABASE_URL`.
pub(super) fn report_slip(source: &Source, problems: &mut Problems) -> bool {
    match source.names().find(|name| nearest(name, &[URL]).is_some()) {
        Some(name) => {
            problems.push(
                name,
                "is not read; did you mean DATABASE_URL?",
                "DATABASE_URL=sqlite://app.db",
            );
            true
        }
        None => false,
    }
}

fn by_url(source: &Source, problems: &mut Problems) -> Option<Target> {
    let value = source.trimmed(URL, problems)?;
    match url::parse(value, default_user(source).as_deref()) {
        Ok(target) => Some(target),
        Err(refusal) => {
            let example = refusal.example(value);
            problems.push(URL, refusal, format_args!("{URL}={example}"));
            None
        }
    }
}

fn libpq(source: &Source, problems: &mut Problems) -> Option<Target> {
    let hosts = LIBPQ.hosts(source, problems);
    let user = match LIBPQ.text(LIBPQ.user, source, problems) {
        Some(user) => Some(user),
        None if source.is_set(LIBPQ.user) => None,
        None => default_user(source).or_else(|| {
            let what = "is not set, and neither is USER";
            problems.push(LIBPQ.user, what, format_args!("{}=app", LIBPQ.user));
            None
        }),
    };
    let database = LIBPQ.text(LIBPQ.database, source, problems);
    let password = LIBPQ.password(source, problems);
    let ssl_mode = parameter(source, problems, "PGSSLMODE", "require", url::ssl_mode);
    let connect_timeout = parameter(
        source,
        problems,
        "PGCONNECT_TIMEOUT",
        "10",
        url::connect_timeout,
    );
    let ssl_root_cert = source.trimmed("PGSSLROOTCERT", problems).map(PathBuf::from);
    let application_name = source.trimmed("PGAPPNAME", problems).map(str::to_owned);
    let options = source.trimmed("PGOPTIONS", problems).map(str::to_owned);

    let user = user?;
    let database = database.unwrap_or_else(|| user.clone());
    let defaults = PostgresTarget::new("", 0, user, database);
    Some(Target::Postgres(PostgresTarget {
        hosts: hosts?,
        password,
        ssl_mode: ssl_mode.unwrap_or(defaults.ssl_mode),
        ssl_root_cert,
        application_name: application_name.unwrap_or(defaults.application_name),
        connect_timeout: connect_timeout.unwrap_or(defaults.connect_timeout),
        options,
        ..defaults
    }))
}

/// A variable of libpq that means the same as a parameter of a URL.
fn parameter<T>(
    source: &Source,
    problems: &mut Problems,
    name: &'static str,
    example: &str,
    read: fn(&str) -> Result<T, Refusal>,
) -> Option<T> {
    let value = source.trimmed(name, problems)?;
    match read(value) {
        Ok(value) => Some(value),
        Err(refusal) => {
            let what = match refusal {
                Refusal::Parameter { what, .. } => what.to_owned(),
                other => other.to_string(),
            };
            problems.push(
                name,
                format_args!("{} {what}", shown(value)),
                format_args!("{name}={example}"),
            );
            None
        }
    }
}

impl Family {
    fn counts(&self, source: &Source) -> bool {
        source.is_set(self.host) || source.is_set(self.database)
    }

    fn required(&self, source: &Source, problems: &mut Problems) -> Option<Target> {
        self.require(self.host, "localhost", source, problems);
        let hosts = self.hosts(source, problems);
        self.require(self.database, "app", source, problems);
        let database = self.text(self.database, source, problems);
        self.require(self.user, "app", source, problems);
        let user = self.text(self.user, source, problems);
        let password = self.password(source, problems);
        let mut target = PostgresTarget::new("", 0, user?, database?);
        target.hosts = hosts?;
        target.password = password;
        Some(Target::Postgres(target))
    }

    fn require(&self, name: &str, example: &str, source: &Source, problems: &mut Problems) {
        if !source.is_set(name) {
            let present = if source.is_set(self.host) {
                self.host
            } else {
                self.database
            };
            problems.push(
                name,
                format_args!("is not set, but {present} is"),
                format_args!("{name}={example}"),
            );
        }
    }

    fn text(&self, name: &str, source: &Source, problems: &mut Problems) -> Option<String> {
        source.trimmed(name, problems).map(str::to_owned)
    }

    /// The password to the letter, with the spaces around it.
    fn password(&self, source: &Source, problems: &mut Problems) -> Option<Secret> {
        source.exact(self.password, problems).map(Secret::new)
    }

    fn hosts(&self, source: &Source, problems: &mut Problems) -> Option<Vec<(String, u16)>> {
        let hosts = match source.trimmed(self.host, problems) {
            None if source.is_set(self.host) => None,
            None => Some(Vec::new()),
            // The value stays out of the message: a whole URL with its password may have strayed here.
            Some(value) => match url::host_list(value) {
                Ok(hosts) => Some(hosts),
                Err(Refusal::HostName { position }) => {
                    let what = format_args!(
                        "host {position} contains a character that no name of a host has; a port belongs in {}",
                        self.port
                    );
                    problems.push(self.host, what, format_args!("{}=localhost", self.host));
                    None
                }
                Err(refusal) => {
                    let example = format_args!("{}=localhost", self.host);
                    problems.push(self.host, refusal, example);
                    None
                }
            },
        };
        let ports = match source.trimmed(self.port, problems) {
            None if source.is_set(self.port) => None,
            None => Some(Vec::new()),
            Some(value) => match url::port_list(value) {
                Ok(ports) => Some(ports),
                Err(_) => {
                    let what = format_args!("{} is not a number from 1 to 65535", shown(value));
                    problems.push(self.port, what, format_args!("{}=5432", self.port));
                    None
                }
            },
        };
        match url::pair(hosts?, &ports?) {
            Ok(pairs) => Some(pairs),
            Err(refusal) => {
                problems.push(self.port, refusal, format_args!("{}=5432", self.port));
                None
            }
        }
    }
}
