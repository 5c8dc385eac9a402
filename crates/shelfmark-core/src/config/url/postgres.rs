//! What stands after `postgres://`: `user:password@host:port,host:port/database?parameter=value`.

use std::path::PathBuf;
use std::time::Duration;

use super::super::limits::CONNECT_TIMEOUT;
use super::super::{PostgresTarget, Secret, SslMode};
use super::{Refusal, hosts, percent, refusal};

/// The parameters a URL may carry.
pub(super) const PARAMETERS: &[&str] = &[
    "application_name",
    "connect_timeout",
    "dbname",
    "host",
    "options",
    "password",
    "port",
    "sslmode",
    "sslrootcert",
    "user",
];

/// What was found so far, before defaults.
#[derive(Default)]
struct Parts {
    user: Option<String>,
    password: Option<String>,
    hosts: Vec<String>,
    ports: Vec<Option<u16>>,
    database: Option<String>,
    ssl_mode: Option<SslMode>,
    ssl_root_cert: Option<PathBuf>,
    application_name: Option<String>,
    connect_timeout: Option<Duration>,
    options: Option<String>,
}

pub(super) fn parse(rest: &str, default_user: Option<&str>) -> Result<PostgresTarget, Refusal> {
    refuse_raw_reserved(rest)?;
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, database) = place.split_once('/').unwrap_or((place, ""));
    let (login, servers) = match authority.split_once('@') {
        Some((login, servers)) => (login, servers),
        None => ("", authority),
    };
    if database.contains('/') {
        return Err(Refusal::SlashInDatabase);
    }
    let mut parts = Parts {
        database: filled(percent::decode(database)?),
        ..Parts::default()
    };
    let (user, password) = login.split_once(':').unwrap_or((login, ""));
    parts.user = filled(percent::decode(user)?);
    parts.password = filled(percent::decode(password)?);
    parts.read_servers(servers)?;
    parts.read_parameters(query)?;
    parts.finish(default_user)
}

/// Refuses what would let a part of an unescaped password pass for a host, a database or a parameter.
fn refuse_raw_reserved(rest: &str) -> Result<(), Refusal> {
    if rest.contains('#') {
        return Err(Refusal::Hash);
    }
    match rest.matches('@').count() {
        0 => return Ok(()),
        1 => {}
        _ => return Err(Refusal::SeveralAts),
    }
    match (rest.find('@'), rest.find(['/', '?'])) {
        (Some(at), Some(end)) if end < at => Err(Refusal::AtTooLate),
        _ => Ok(()),
    }
}

impl Parts {
    fn read_servers(&mut self, servers: &str) -> Result<(), Refusal> {
        if servers.is_empty() {
            return Ok(());
        }
        for (index, server) in servers.split(',').enumerate() {
            let position = index + 1;
            let (host, port) = match server.rfind(']') {
                // Colons inside the brackets belong to the address.
                Some(end) => {
                    let (host, port) = server.split_at_checked(end + 1).unwrap_or((server, ""));
                    match port.strip_prefix(':') {
                        Some(port) => (host, port),
                        None if port.is_empty() => (host, ""),
                        None => return Err(Refusal::Brackets { position }),
                    }
                }
                None => match server.split_once(':') {
                    Some((_, port)) if port.contains(':') => {
                        return Err(Refusal::Brackets { position });
                    }
                    Some((host, port)) => (host, port),
                    None => (server, ""),
                },
            };
            self.ports.push(hosts::port_number(port, position)?);
            // `postgres://:5433/name` names a port alone.
            if !(host.is_empty() && servers == server) {
                let host = percent::decode(host)?;
                self.hosts.push(hosts::host_name(&host, position)?);
            }
        }
        Ok(())
    }

    fn read_parameters(&mut self, query: &str) -> Result<(), Refusal> {
        let mut seen = Vec::new();
        let given = query.split('&').filter(|parameter| !parameter.is_empty());
        for (index, parameter) in given.enumerate() {
            let position = index + 1;
            let (name, value) = parameter
                .split_once('=')
                .ok_or(Refusal::NoValue { position })?;
            let name = percent::decode(name)?;
            let Some(name) = PARAMETERS.iter().find(|known| **known == name) else {
                return Err(refusal::of_parameter(&name, position));
            };
            if seen.contains(name) {
                return Err(Refusal::Repeated { name });
            }
            seen.push(name);
            self.read_parameter(name, percent::decode(value)?)?;
        }
        Ok(())
    }

    fn read_parameter(&mut self, name: &'static str, value: String) -> Result<(), Refusal> {
        if value.is_empty() {
            return Err(Refusal::Parameter {
                name,
                what: "is empty",
            });
        }
        match name {
            "application_name" => self.application_name = Some(value),
            "connect_timeout" => self.connect_timeout = Some(connect_timeout(&value)?),
            "dbname" => self.database = Some(value),
            "host" => self.hosts = hosts::host_list(&value)?,
            "options" => self.options = Some(value),
            "password" => self.password = Some(value),
            "port" => self.ports = hosts::port_list(&value)?,
            "sslmode" => self.ssl_mode = Some(ssl_mode(&value)?),
            "sslrootcert" => self.ssl_root_cert = Some(PathBuf::from(value)),
            _ => self.user = Some(value),
        }
        Ok(())
    }

    fn finish(self, default_user: Option<&str>) -> Result<PostgresTarget, Refusal> {
        let user = self
            .user
            .or_else(|| default_user.map(str::to_owned))
            .ok_or(Refusal::NoUser)?;
        let database = self.database.unwrap_or_else(|| user.clone());
        let defaults = PostgresTarget::new("", 0, user, database);
        Ok(PostgresTarget {
            hosts: hosts::pair(self.hosts, &self.ports)?,
            password: self.password.map(Secret::new),
            ssl_mode: self.ssl_mode.unwrap_or(defaults.ssl_mode),
            ssl_root_cert: self.ssl_root_cert,
            application_name: self.application_name.unwrap_or(defaults.application_name),
            connect_timeout: self.connect_timeout.unwrap_or(defaults.connect_timeout),
            options: self.options,
            ..defaults
        })
    }
}

/// Reads libpq's `sslmode`.
pub(in crate::config) fn ssl_mode(value: &str) -> Result<SslMode, Refusal> {
    match value {
        "disable" => Ok(SslMode::Disable),
        "prefer" => Ok(SslMode::Prefer),
        "require" => Ok(SslMode::Require),
        "verify-ca" => Ok(SslMode::VerifyCa),
        "verify-full" => Ok(SslMode::VerifyFull),
        _ => Err(Refusal::Parameter {
            name: "sslmode",
            what: "is none of disable, prefer, require, verify-ca and verify-full",
        }),
    }
}

/// Reads libpq's `connect_timeout`, whole seconds; where libpq takes 0 for no limit, it is refused.
pub(in crate::config) fn connect_timeout(value: &str) -> Result<Duration, Refusal> {
    value
        .parse()
        .map(Duration::from_secs)
        .ok()
        .filter(|timeout| CONNECT_TIMEOUT.contains(*timeout))
        .ok_or(Refusal::Parameter {
            name: "connect_timeout",
            what: "is not a number of whole seconds from 1 to 3600",
        })
}

fn filled(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}
