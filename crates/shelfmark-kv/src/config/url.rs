//! URLs of Redis. What is wrong with one is told without showing it, since it may hold a password.

use std::fmt;
use std::path::PathBuf;

use percent_encoding::percent_decode_str;
use shelfmark_core::config::Secret;

use super::{KvTarget, RedisAddress, RedisLogin};

pub(super) const EXAMPLE: &str = "redis://:password@localhost:6379/0";

const PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;

/// Reads a URL; an error is the end of a sentence that begins with the URL's name.
pub(super) fn parse(url: &str) -> Result<KvTarget, &'static str> {
    let url = url.trim();
    let Some((scheme, rest)) = url.split_once(':') else {
        return Err("has no scheme such as redis://");
    };
    let scheme = scheme.to_ascii_lowercase().replace("valkey", "redis");
    if scheme == "memory" {
        return match rest.trim_start_matches('/') {
            "" => Ok(KvTarget::InProcess),
            _ => Err("is memory: with something behind it"),
        };
    }
    if matches!(scheme.as_str(), "unix" | "redis+unix") {
        return read_socket(rest);
    }
    let (tls, form) = match scheme.strip_prefix("rediss") {
        Some(form) => (true, form),
        None => match scheme.strip_prefix("redis") {
            Some(form) => (false, form),
            None => {
                return Err("has a scheme that is none of redis, rediss, redis+unix and memory");
            }
        },
    };
    if tls && !cfg!(feature = "tls") {
        return Err("asks for encryption, which needs the feature `tls` of shelfmark-kv");
    }
    let Some(rest) = rest.strip_prefix("//") else {
        return Err("has no // behind its scheme");
    };
    if rest.contains(['?', '#']) {
        return Err(
            "has a ? or #; settings have variables of their own, and in a password they are percent-encoded",
        );
    }
    let (account, rest) = match rest.rsplit_once('@') {
        Some((account, rest)) => (Some(account), rest),
        None => (None, rest),
    };
    let mut login = read_account(account)?;
    login.tls = tls;
    let (hosts, path) = rest.split_once('/').unwrap_or((rest, ""));
    match form {
        "" => {
            let hosts = read_hosts(hosts, PORT)?;
            login.database = read_database(path)?;
            let mut hosts = hosts.into_iter();
            match (hosts.next(), hosts.next()) {
                (Some((host, port)), None) => {
                    Ok(KvTarget::Server(RedisAddress::new(host, port, login)))
                }
                _ => Err("names several servers; say redis-cluster:// or redis-sentinel://"),
            }
        }
        "-sentinel" => {
            let sentinels = read_hosts(hosts, SENTINEL_PORT)?;
            let (master, database) = path.split_once('/').unwrap_or((path, ""));
            if master.is_empty() {
                return Err(
                    "does not name the master behind the sentinels, as in redis-sentinel://host/mymaster",
                );
            }
            login.database = read_database(database)?;
            Ok(KvTarget::Sentinel {
                sentinels,
                master: decoded(master)?,
                sentinel_login: RedisLogin {
                    tls,
                    ..RedisLogin::default()
                },
                login,
            })
        }
        "-cluster" => {
            if read_database(path)? != 0 {
                return Err("asks for a database, and a cluster has only number 0");
            }
            let nodes = read_hosts(hosts, PORT)?;
            Ok(KvTarget::Cluster { nodes, login })
        }
        _ => Err("has a scheme that is none of redis, redis-sentinel and redis-cluster"),
    }
}

/// Reads what is behind the scheme of a Unix socket, such as `//user:password@/run/redis.sock?db=1`. As other clients
/// write it, the login may also be behind the `?`.
fn read_socket(rest: &str) -> Result<KvTarget, &'static str> {
    if !cfg!(unix) {
        return Err("names a Unix socket, which this platform has not");
    }
    if rest.contains('#') {
        return Err("has a #, which is percent-encoded in a password");
    }
    let (place, query) = match rest.split_once('?') {
        Some((place, query)) => (place, Some(query)),
        None => (rest, None),
    };
    let place = place.strip_prefix("//").unwrap_or(place);
    let (account, path) = match place.find('/') {
        Some(0) => (None, place),
        Some(at) => match place.split_at(at) {
            (account, path) if account.ends_with('@') => (account.strip_suffix('@'), path),
            _ => return Err("names a host before the path of its socket"),
        },
        None => return Err("does not name its socket by a path from the root"),
    };
    let mut login = read_account(account)?;
    for setting in query.into_iter().flat_map(|query| query.split('&')) {
        let Some((name, value)) = setting.split_once('=') else {
            return Err("has a setting behind its ? that is not of the form name=value");
        };
        match name {
            "db" => login.database = read_database(value)?,
            "user" | "username" => login.user = Some(decoded(value)?),
            "pass" | "password" => login.password = Some(Secret::new(decoded(value)?)),
            _ => return Err("has a setting behind its ? that is none of db, user and pass"),
        }
    }
    Ok(KvTarget::Socket {
        path: PathBuf::from(decoded(path)?),
        login,
    })
}

fn decoded(text: &str) -> Result<String, &'static str> {
    let text = percent_decode_str(text).decode_utf8();
    text.map(|text| text.into_owned())
        .map_err(|_| "has percent-encoding that is not UTF-8")
}

fn read_account(account: Option<&str>) -> Result<RedisLogin, &'static str> {
    let mut login = RedisLogin::default();
    let Some(account) = account else {
        return Ok(login);
    };
    if account.contains(['/', '@']) {
        return Err("has a / or @ in its user or password, which must be percent-encoded");
    }
    let (user, password) = match account.split_once(':') {
        Some((user, password)) => (user, Some(password)),
        None => (account, None),
    };
    if !user.is_empty() {
        login.user = Some(decoded(user)?);
    }
    if let Some(password) = password.filter(|password| !password.is_empty()) {
        login.password = Some(Secret::new(decoded(password)?));
    }
    Ok(login)
}

fn read_database(path: &str) -> Result<u32, &'static str> {
    match path.trim_end_matches('/') {
        "" => Ok(0),
        number => number
            .parse()
            .map_err(|_| "has a database that is not a number"),
    }
}

fn read_hosts(hosts: &str, default_port: u16) -> Result<Vec<(String, u16)>, &'static str> {
    hosts
        .split(',')
        .map(|host| {
            // `[::1]:6379`
            let bracketed = host.strip_prefix('[').and_then(|rest| rest.split_once(']'));
            let (name, port) = match bracketed {
                Some((name, rest)) => (name, rest.strip_prefix(':')),
                None => match host.split_once(':') {
                    Some((name, port)) => (name, Some(port)),
                    None => (host, None),
                },
            };
            if name.is_empty() {
                return Err("names no host");
            }
            let port = match port {
                None => default_port,
                Some(port) => match port.parse() {
                    Ok(0) | Err(_) => return Err("has a port that is not between 1 and 65535"),
                    Ok(port) => port,
                },
            };
            Ok((name.to_owned(), port))
        })
        .collect()
}

/// Writes `host:port,[::1]:port`.
pub(super) fn write_hosts<'a>(
    f: &mut fmt::Formatter<'_>,
    hosts: impl IntoIterator<Item = (&'a String, u16)>,
) -> fmt::Result {
    for (number, (host, port)) in hosts.into_iter().enumerate() {
        if number > 0 {
            f.write_str(",")?;
        }
        match host.contains(':') {
            true => write!(f, "[{host}]:{port}")?,
            false => write!(f, "{host}:{port}")?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_url_is_read() -> Result<(), &'static str> {
        assert_eq!(parse("memory:")?, KvTarget::InProcess);
        for (url, shown) in [
            ("redis://localhost", "redis://localhost:6379"),
            ("valkey://u:p%40w@h:7000/3", "redis://h:7000"),
            ("redis://[::1]:7/", "redis://[::1]:7"),
            (
                "redis-sentinel://:pw@a,b:7/main/2",
                "redis-sentinel://a:26379,b:7/main",
            ),
            ("redis-cluster://a:1,b:2", "redis-cluster://a:1,b:2"),
            ("unix:/a.sock", "redis+unix:///a.sock"),
            ("valkey+unix:///a%20b.sock?db=1", "redis+unix:///a b.sock"),
        ] {
            assert_eq!(parse(url)?.to_string(), shown);
        }
        let KvTarget::Server(address) = parse("redis://u:p%40w@h:7000/3")? else {
            return Err("is no server");
        };
        assert_eq!(address.login.user.as_deref(), Some("u"));
        assert_eq!(address.login.password, Some(Secret::new("p@w")));
        assert_eq!(address.login.database, 3);
        Ok(())
    }

    #[test]
    fn the_login_of_a_socket_stands_before_it_or_behind() -> Result<(), &'static str> {
        for url in [
            "redis+unix://u:p%40w@/a.sock?db=3",
            "unix:///a.sock?db=3&user=u&pass=p%40w",
            "unix:/a.sock?username=u&password=p%40w&db=3",
        ] {
            let KvTarget::Socket { path, login } = parse(url)? else {
                return Err("is no socket");
            };
            assert_eq!(path, PathBuf::from("/a.sock"));
            assert_eq!(login.user.as_deref(), Some("u"));
            assert_eq!(login.password, Some(Secret::new("p@w")));
            assert_eq!(login.database, 3);
        }
        Ok(())
    }

    #[test]
    fn what_is_wrong_with_a_url_is_told() {
        for url in [
            "localhost",
            "http://h",
            "redis:h",
            "redis://",
            "redis://h:0",
            "redis://h:x",
            "redis://h/x",
            "redis://a,b",
            "redis://h?db=1",
            "redis-sentinel://h",
            "redis-cluster://h/1",
            "memory:x",
            "unix:a.sock",
            "unix://host/a.sock",
            "unix:///a.sock?db",
            "unix:///a.sock?timeout=1",
            "unix:///a.sock#1",
        ] {
            assert!(parse(url).is_err(), "{url}");
        }
    }
}
