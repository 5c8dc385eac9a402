//! Asking a running catalogue from outside, as its users and its supervisors do.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use serde_json::Value;

/// How long one request may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// The most that is read of an answer, in bytes.
const LONGEST_ANSWER: u64 = 4 * 1024 * 1024;

/// A catalogue at an address.
#[derive(Debug)]
pub(super) struct Site {
    base: String,
    agent: ureq::Agent,
}

/// What it answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// Which instance the proxy in front got it from, if that says so.
    pub(super) served_by: Option<String>,
    pub(super) text: String,
}

impl Site {
    /// The catalogue at `url`; nothing is asked yet.
    ///
    /// # Errors
    /// What is wrong with the URL.
    pub(super) fn at(url: &str) -> Result<Site, String> {
        let base = url.trim_end_matches('/');
        if !is_plain(base) {
            return Err(format!(
                "`{url}` is not asked: write an address such as http://127.0.0.1:8080; where only https:// is open, ask behind it"
            ));
        }
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(ANSWER_WITHIN));
        Ok(Site {
            base: base.to_owned(),
            // Each request on a connection of its own, as from different users.
            agent: config.max_idle_connections(0).build().into(),
        })
    }

    /// The instance that listens on `address`, from the same machine.
    ///
    /// # Errors
    /// None today; as [`at`](Self::at).
    pub(super) fn on(address: SocketAddr) -> Result<Site, String> {
        let ip = match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        Site::at(&format!("http://{}", SocketAddr::new(ip, address.port())))
    }

    /// Asks for `path`.
    ///
    /// # Errors
    /// Why there is no answer.
    pub(super) fn get(&self, path: &str) -> Result<Answer, String> {
        let mut response = self
            .agent
            .get(format!("{}{path}", self.base))
            .call()
            .map_err(|error| format!("no answer from {self}: {error}"))?;
        // After a failed attempt a proxy names each instance that it has tried; the last one has answered.
        let served_by = response
            .headers()
            .get("x-served-by")
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.rsplit(',').next())
            .map(|name| name.trim().to_owned());
        let status = response.status().as_u16();
        let body = response.body_mut().with_config().limit(LONGEST_ANSWER);
        let text = body
            .read_to_string()
            .map_err(|error| format!("the answer broke off: {error}"))?;
        Ok(Answer {
            status,
            served_by,
            text,
        })
    }

    /// The text of `path`, which has to be there.
    ///
    /// # Errors
    /// Why it is not.
    pub(super) fn text(&self, path: &str) -> Result<String, String> {
        let answer = self.get(path)?;
        match answer.status {
            200 => Ok(answer.text),
            status => Err(format!("{path} answers {status}{}", Detail(&answer.text))),
        }
    }

    /// The JSON at `path`.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) fn json(&self, path: &str) -> Result<Value, String> {
        serde_json::from_str(&self.text(path)?).map_err(|_| format!("{path} answers no JSON"))
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.base)
    }
}

/// Whether it is `http://` with a host and, if any, a port.
fn is_plain(url: &str) -> bool {
    let Ok(uri) = url.parse::<ureq::http::Uri>() else {
        return false;
    };
    let is_whole = uri.authority().is_some_and(|authority| {
        let host = authority.host();
        !host.is_empty() && (authority.port().is_some() || authority.as_str().ends_with(host))
    });
    uri.scheme_str() == Some("http") && is_whole
}

/// What a problem response says of itself.
struct Detail<'a>(&'a str);

impl fmt::Display for Detail<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let problem: Option<Value> = serde_json::from_str(self.0).ok();
        let detail = problem.as_ref().and_then(|problem| problem.get("detail"));
        match detail.and_then(Value::as_str) {
            Some(detail) => write!(f, ": {detail}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_that_listens_everywhere_is_asked_at_home() -> Result<(), String> {
        for (listens, asked) in [
            ("0.0.0.0:8080", "http://127.0.0.1:8080"),
            ("[::]:80", "http://[::1]:80"),
            ("192.0.2.1:8080", "http://192.0.2.1:8080"),
        ] {
            let address = listens.parse().map_err(|_| listens.to_owned())?;
            assert_eq!(Site::on(address)?.to_string(), asked);
        }
        Ok(())
    }

    #[test]
    fn what_is_no_plain_address_is_refused_with_an_example() {
        for url in [
            "https://films.example",
            "films.example:8080",
            "http://127.0.0.1:8001x",
            "http://:80",
            "http://",
            "",
        ] {
            let refused = Site::at(url).err().unwrap_or_default();
            assert!(
                refused.contains("such as http://127.0.0.1:8080"),
                "{refused}"
            );
        }
    }
}
