//! Lists of hosts and ports, as libpq reads them: `a,b` with `5432,5433`, or with one port for all.

use std::net::Ipv6Addr;

use super::Refusal;

/// The port of a server that says nothing else.
const DEFAULT_PORT: u16 = 5432;
/// The host of a URL that names none.
const DEFAULT_HOST: &str = "localhost";

/// The hosts in a comma-separated list of names, addresses and folders of sockets.
pub(in crate::config) fn host_list(text: &str) -> Result<Vec<String>, Refusal> {
    text.split(',')
        .enumerate()
        .map(|(index, host)| host_name(host.trim(), index + 1))
        .collect()
}

/// The ports in a comma-separated list; an empty one is the default.
pub(in crate::config) fn port_list(text: &str) -> Result<Vec<Option<u16>>, Refusal> {
    text.split(',')
        .enumerate()
        .map(|(index, port)| port_number(port.trim(), index + 1))
        .collect()
}

/// Gives every host its port: one for each, or one for all.
pub(in crate::config) fn pair(
    hosts: Vec<String>,
    ports: &[Option<u16>],
) -> Result<Vec<(String, u16)>, Refusal> {
    let hosts = if hosts.is_empty() {
        vec![DEFAULT_HOST.to_owned()]
    } else {
        hosts
    };
    let all = match ports {
        [] => Some(DEFAULT_PORT),
        [one] => Some(one.unwrap_or(DEFAULT_PORT)),
        _ if ports.iter().all(Option::is_none) => Some(DEFAULT_PORT),
        _ => None,
    };
    match all {
        Some(port) => Ok(hosts.into_iter().map(|host| (host, port)).collect()),
        None if ports.len() == hosts.len() => Ok(hosts
            .into_iter()
            .zip(ports)
            .map(|(host, port)| (host, port.unwrap_or(DEFAULT_PORT)))
            .collect()),
        None => Err(Refusal::PortCount {
            hosts: hosts.len(),
            ports: ports.len(),
        }),
    }
}

/// One decoded host; `position` counts from 1.
pub(super) fn host_name(host: &str, position: usize) -> Result<String, Refusal> {
    if host.is_empty() {
        return Err(Refusal::HostEmpty { position });
    }
    if host.starts_with('/') {
        return Ok(host.to_owned());
    }
    let (address, bracketed) = match host.strip_prefix('[') {
        Some(inner) => match inner.strip_suffix(']') {
            Some(address) => (address, true),
            None => return Err(Refusal::Address { position }),
        },
        None => (host, false),
    };
    if bracketed || address.contains(':') {
        // A zone, as in fe80::1%eth0, names the network card and is no part of the address.
        let number = address.split('%').next().unwrap_or(address);
        return match number.parse::<Ipv6Addr>() {
            Ok(_) => Ok(address.to_owned()),
            Err(_) if bracketed => Err(Refusal::Address { position }),
            Err(_) => Err(Refusal::HostName { position }),
        };
    }
    let allowed = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    if address.chars().all(allowed) {
        Ok(address.to_owned())
    } else {
        Err(Refusal::HostName { position })
    }
}

/// One port; `position` counts from 1.
pub(super) fn port_number(port: &str, position: usize) -> Result<Option<u16>, Refusal> {
    if port.is_empty() {
        return Ok(None);
    }
    match port.parse::<u16>() {
        // `parse` would take a sign, which no port has.
        Ok(number) if number > 0 && port.bytes().all(|byte| byte.is_ascii_digit()) => {
            Ok(Some(number))
        }
        _ => Err(Refusal::Port { position }),
    }
}
