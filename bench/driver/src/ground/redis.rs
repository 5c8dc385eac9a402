//! The Redis: ours, or that of TEST_REDIS_URL.

use std::env;

/// A running server.
pub(crate) struct Redis {
    pub(crate) url: String,
    pub(crate) pid: Option<u32>,
    pub(crate) version: String,
    /// Ended when it is dropped.
    _server: Option<test_redis::Server>,
}

impl Redis {
    pub(crate) fn start() -> anyhow::Result<Redis> {
        let given = env::var(test_redis::VARIABLE).ok();
        if let Some(url) = given.filter(|url| !url.is_empty()) {
            return Ok(Redis {
                url,
                pid: None,
                version: format!("the Redis of {}", test_redis::VARIABLE),
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
