//! Limits on how often one client may ask.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use jiff::SignedDuration;
use shelfmark_axum::Problem;
use shelfmark_kv::{Decision, Kv, Quota, RateLimiter as _};

/// How often one client may ask, and how clients are told apart.
#[derive(Clone, Copy, Debug)]
pub struct ClientLimit {
    /// How often.
    pub quota: Quota,
    /// Whether a proxy in front says in `x-forwarded-for` who the client is. Without one, clients could say they are
    /// somebody else with every request.
    pub behind_proxy: bool,
}

/// A limit as the command line has it: `100/1m`.
#[derive(Clone, Copy, Debug)]
pub struct Rate(pub Quota);

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!("`{text}` is no limit; write how many requests per time, for example 100/1m")
        };
        let (count, per) = text.split_once('/').ok_or_else(wrong)?;
        let count: u32 = count.trim().parse().map_err(|_| wrong())?;
        let per: SignedDuration = per.trim().parse().map_err(|_| wrong())?;
        let per = per.try_into().map_err(|_| wrong())?;
        let quota = Quota::new(count, per);
        quota.check().map_err(|error| error.to_string())?;
        Ok(Rate(quota))
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{:?}", self.0.burst, self.0.per)
    }
}

/// Refuses a request of a client who has asked too often. While the store is away nobody is refused: reading a catalogue
/// matters more than counting its readers.
pub(super) async fn limited(
    State((kv, limit)): State<(Kv, ClientLimit)>,
    request: Request,
    next: Next,
) -> Response {
    let peer = request
        .extensions()
        .get::<ConnectInfo<SocketAddr>>()
        .map(|ConnectInfo(address)| address.ip());
    let Some(client) = client(peer, request.headers(), limit.behind_proxy) else {
        return next.run(request).await;
    };
    match kv.check(&format!("clients:{client}"), limit.quota).await {
        Ok(decision) if decision.allowed => {
            let response = next.run(request).await;
            (told(limit.quota, decision), response).into_response()
        }
        Ok(decision) => {
            let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS)
                .with_detail(format!(
                    "a client may ask {} times in {:?}; try again in {:.1} s",
                    limit.quota.burst,
                    limit.quota.per,
                    decision.retry_after.as_secs_f64()
                ))
                .with_retry_after(decision.retry_after);
            (told(limit.quota, decision), problem).into_response()
        }
        Err(error) => {
            tracing::warn!(%error, "a client is not limited");
            next.run(request).await
        }
    }
}

/// The headers of draft-ietf-httpapi-ratelimit-headers-06: the limit, what is left of it, and the seconds until all of it
/// is there again.
fn told(quota: Quota, decision: Decision) -> [(&'static str, String); 3] {
    let reset = decision.reset_after.as_secs_f64().ceil();
    [
        ("ratelimit-limit", quota.burst.to_string()),
        ("ratelimit-remaining", decision.remaining.to_string()),
        ("ratelimit-reset", format!("{reset:.0}")),
    ]
}

/// Who asks. Of the addresses that proxies have noted only the last one is by our own, all others are the client's word.
fn client(peer: Option<IpAddr>, headers: &HeaderMap, behind_proxy: bool) -> Option<IpAddr> {
    if !behind_proxy {
        return peer;
    }
    let noted = headers.get_all("x-forwarded-for").iter().next_back();
    let noted = noted.and_then(|noted| noted.to_str().ok());
    noted
        .and_then(|noted| noted.rsplit(',').next())
        .and_then(|last| last.trim().parse().ok())
        .or(peer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_number_of_requests_per_time() {
        for (text, burst, seconds) in [
            ("100/1m", 100, 60.0),
            ("5/1s", 5, 1.0),
            ("1/250ms", 1, 0.25),
            ("2 / 1h", 2, 3600.0),
        ] {
            let Rate(quota) = text.parse().unwrap_or_else(|why| panic!("{text}: {why}"));
            assert_eq!((quota.burst, quota.per.as_secs_f64()), (burst, seconds));
        }
        for text in [
            "", "100", "100/", "/1m", "0/1m", "1/0s", "1/-1s", "x/1m", "1/1x",
        ] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_client_cannot_say_that_it_is_somebody_else() {
        let peer: Option<IpAddr> = "192.0.2.1".parse().ok();
        let mut headers = HeaderMap::new();
        let noted = |text: &'static str| text.parse().unwrap_or_else(|_| panic!("{text}"));
        headers.append("x-forwarded-for", noted("203.0.113.9, 198.51.100.7"));
        assert_eq!(client(peer, &headers, false), peer);
        assert_eq!(client(peer, &headers, true), "198.51.100.7".parse().ok());
        headers.append("x-forwarded-for", noted("somebody"));
        assert_eq!(client(peer, &headers, true), peer);
    }
}
