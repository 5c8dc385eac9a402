//! The servers, each started when the first part needs it, and ended with the driver.

use std::env;

use contestant::Order;

use crate::parts::{Ground, Part, Size};

/// What has been started so far.
#[derive(Default)]
pub(crate) struct Grounds {
    redis: Option<Redis>,
}

/// A server, ours or a given one.
pub(crate) struct Redis {
    pub(crate) url: String,
    pid: Option<u32>,
    pub(crate) version: String,
    /// Ended when it is dropped.
    _server: Option<test_redis::Server>,
}

impl Grounds {
    /// Starts what `part` needs.
    pub(crate) fn prepare(&mut self, part: &Part) -> anyhow::Result<()> {
        if part.ground == Ground::Redis && self.redis.is_none() {
            self.redis = Some(Redis::start()?);
        }
        Ok(())
    }

    /// The order for one turn, without its setting.
    pub(crate) fn order(&self, part: &Part, size: Size, seconds: f64) -> Order {
        let (url, server_pid) = match (part.ground, &self.redis) {
            (Ground::Redis, Some(redis)) => (redis.url.clone(), redis.pid),
            _ => (String::new(), None),
        };
        Order {
            case: part.case.to_owned(),
            setting: String::new(),
            url,
            tasks: size.tasks,
            seconds,
            rows: size.rows,
            server_pid,
        }
    }

    /// The servers with their versions.
    pub(crate) fn versions(&self) -> Vec<String> {
        self.redis
            .iter()
            .map(|redis| redis.version.clone())
            .collect()
    }
}

impl Redis {
    fn start() -> anyhow::Result<Redis> {
        if let Some(url) = env::var(test_redis::VARIABLE)
            .ok()
            .filter(|url| !url.is_empty())
        {
            return Ok(Redis {
                url,
                pid: None,
                version: format!("Redis of {}", test_redis::VARIABLE),
                _server: None,
            });
        }
        let server = test_redis::Server::start()?;
        Ok(Redis {
            url: server.url(),
            pid: server
                .pid()
                .and_then(|pid| u32::try_from(pid.as_raw_nonzero().get()).ok()),
            version: format!("Redis {} (nothing on disk)", server.version()),
            _server: Some(server),
        })
    }
}
