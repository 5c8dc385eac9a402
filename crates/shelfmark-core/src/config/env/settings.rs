//! The variables that tune the pool, the deadlines and the log.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::super::duration::{self, NotADuration};
use super::super::limits::{
    ACQUIRE_TIMEOUT, Bounds, LANES, LIFETIME, MAX_LAG, POOL_EXTRA, POOL_MAX, RUN_TIMEOUT, SLOW,
};
use super::super::nearest::nearest;
use super::super::problems::{Problems, shown};
use super::super::{DatabaseConfig, Misuse, Pooler, PostgresTarget, Target, url};
use super::replicas;
use super::source::Source;
use super::{default_user, family};

/// Every variable of this file, for the search of slips.
pub(super) const NAMES: &[&str] = &[
    "DATABASE_ACQUIRE_TIMEOUT",
    "DATABASE_CACHE_NOTIFY",
    "DATABASE_DIRECT_URL",
    "DATABASE_ECHO",
    "DATABASE_IDLE_TIMEOUT",
    "DATABASE_LANES",
    "DATABASE_MAX_LIFETIME",
    "DATABASE_MAX_OVERFLOW",
    "DATABASE_MISUSE",
    "DATABASE_POOLER",
    "DATABASE_POOL_MAX",
    "DATABASE_POOL_MIN",
    "DATABASE_PRE_PING",
    "DATABASE_REPLICA_MAX_LAG",
    replicas::URLS,
    "DATABASE_SLOW",
    "DATABASE_STATEMENT_TIMEOUT",
    "DATABASE_TRANSACTION_TIMEOUT",
];

/// What the variables set; what they do not set keeps its default.
#[derive(Debug, Default)]
pub(super) struct Settings {
    pool_min: Option<usize>,
    pool_max: Option<usize>,
    max_overflow: Option<usize>,
    acquire_timeout: Option<Duration>,
    statement_timeout: Option<Duration>,
    transaction_timeout: Option<Duration>,
    max_lifetime: Option<Duration>,
    idle_timeout: Option<Duration>,
    pre_ping: Option<bool>,
    lanes: Option<usize>,
    slow: Option<Option<Duration>>,
    echo: Option<bool>,
    misuse: Option<Misuse>,
    cache_notify: Option<bool>,
    pooler: Option<Pooler>,
    direct: Option<PostgresTarget>,
    replicas: Vec<PostgresTarget>,
    replica_max_lag: Option<Duration>,
    /// Whether the maximum is given wrongly, so that nothing can be compared with it.
    pool_max_is_faulty: bool,
}

impl Settings {
    /// Reads them all and reports what is wrong.
    pub(super) fn read(source: &Source, problems: &mut Problems) -> Self {
        report_slips(source, problems);
        let mut read = Reader { source, problems };
        let pool_max = read.count("DATABASE_POOL_MAX", "10", POOL_MAX);
        Settings {
            pool_min: read.count("DATABASE_POOL_MIN", "2", POOL_EXTRA),
            pool_max_is_faulty: pool_max.is_none() && source.is_set("DATABASE_POOL_MAX"),
            pool_max,
            max_overflow: read.count("DATABASE_MAX_OVERFLOW", "5", POOL_EXTRA),
            acquire_timeout: read.duration("DATABASE_ACQUIRE_TIMEOUT", "5s", ACQUIRE_TIMEOUT),
            statement_timeout: read.duration("DATABASE_STATEMENT_TIMEOUT", "30s", RUN_TIMEOUT),
            transaction_timeout: read.duration("DATABASE_TRANSACTION_TIMEOUT", "60s", RUN_TIMEOUT),
            max_lifetime: read.duration("DATABASE_MAX_LIFETIME", "30m", LIFETIME),
            idle_timeout: read.duration("DATABASE_IDLE_TIMEOUT", "10m", LIFETIME),
            pre_ping: read.switch("DATABASE_PRE_PING"),
            lanes: read.count("DATABASE_LANES", "2", LANES),
            slow: read.slow("DATABASE_SLOW"),
            echo: read.switch("DATABASE_ECHO"),
            misuse: read.misuse("DATABASE_MISUSE"),
            cache_notify: read.switch("DATABASE_CACHE_NOTIFY"),
            pooler: read.pooler("DATABASE_POOLER"),
            direct: read.server("DATABASE_DIRECT_URL"),
            replica_max_lag: read.duration("DATABASE_REPLICA_MAX_LAG", "10s", MAX_LAG),
            replicas: replicas::read(source, problems),
        }
    }

    /// Reports a minimum above the maximum, be that given or the default of the database, if one was found.
    pub(super) fn check_pool(&self, default_max: Option<usize>, problems: &mut Problems) {
        let max = match self.pool_max {
            Some(max) => max,
            None if self.pool_max_is_faulty => return,
            None => match default_max {
                Some(max) => max,
                None => return,
            },
        };
        if let Some(min) = self.pool_min.filter(|min| *min > max) {
            let whence = if self.pool_max.is_some() {
                "DATABASE_POOL_MAX"
            } else {
                "the default maximum"
            };
            problems.push(
                "DATABASE_POOL_MIN",
                format_args!("{min} is more than {whence}, {max}"),
                format_args!("DATABASE_POOL_MIN={max}"),
            );
        }
    }

    /// Reports replicas of a database that can have none.
    pub(super) fn check_replicas(&self, target: Option<&Target>, problems: &mut Problems) {
        match target {
            Some(target) if !self.replicas.is_empty() => {
                replicas::check(target, problems);
            }
            _ => {}
        }
    }

    /// `config` with the settings that are given.
    pub(super) fn apply(self, mut config: DatabaseConfig) -> DatabaseConfig {
        let pool = &mut config.pool;
        pool.min = self.pool_min.unwrap_or(pool.min);
        pool.max = self.pool_max.unwrap_or(pool.max);
        pool.max_overflow = self.max_overflow.unwrap_or(pool.max_overflow);
        pool.acquire_timeout = self.acquire_timeout.unwrap_or(pool.acquire_timeout);
        pool.max_lifetime = self.max_lifetime.unwrap_or(pool.max_lifetime);
        pool.idle_timeout = self.idle_timeout.unwrap_or(pool.idle_timeout);
        pool.pre_ping = self.pre_ping.unwrap_or(pool.pre_ping);
        pool.lanes = self.lanes.or(pool.lanes);
        config.statement_timeout = self.statement_timeout.unwrap_or(config.statement_timeout);
        config.transaction_timeout = self
            .transaction_timeout
            .unwrap_or(config.transaction_timeout);
        config.slow = self.slow.unwrap_or(config.slow);
        config.echo = self.echo.unwrap_or(config.echo);
        config.misuse = self.misuse.unwrap_or(config.misuse);
        config.cache_notify = self.cache_notify.unwrap_or(config.cache_notify);
        if let Target::Postgres(target) = &mut config.target {
            target.pooler = self.pooler.unwrap_or(target.pooler);
            target.direct = self.direct.map(Box::new).or(target.direct.take());
        }
        config.replicas = self.replicas;
        config.replica_max_lag = self.replica_max_lag.unwrap_or(config.replica_max_lag);
        config
    }
}

/// Reports variables that look like one of ours and are none: a setting that is silently ignored is found under load.
fn report_slips(source: &Source, problems: &mut Problems) {
    for name in source.names() {
        if name == family::URL || NAMES.contains(&name) || !name.starts_with("DATABASE_") {
            continue;
        }
        if let Some(meant) = nearest(name, NAMES) {
            problems.push_plain(name, format_args!("is no setting; did you mean {meant}?"));
        } else if name.starts_with("DATABASE_POOL_") {
            problems.push_plain(
                name,
                "is no setting; those of the pool are DATABASE_POOL_MIN, DATABASE_POOL_MAX, DATABASE_MAX_OVERFLOW, \
                 DATABASE_ACQUIRE_TIMEOUT, DATABASE_MAX_LIFETIME, DATABASE_IDLE_TIMEOUT and DATABASE_PRE_PING",
            );
        }
    }
}

/// Reads values of the kinds that settings have.
struct Reader<'a> {
    source: &'a Source,
    problems: &'a mut Problems,
}

impl<'a> Reader<'a> {
    fn value(&mut self, name: &str) -> Option<&'a str> {
        self.source.trimmed(name, self.problems)
    }

    fn wrong<T>(&mut self, name: &str, value: &str, what: &str, example: &str) -> Option<T> {
        self.problems.push(
            name,
            format_args!("{} {what}", shown(value)),
            format_args!("{name}={example}"),
        );
        None
    }

    fn count(&mut self, name: &str, example: &str, bounds: RangeInclusive<usize>) -> Option<usize> {
        let value = self.value(name)?;
        let what = match value.parse::<usize>() {
            Ok(count) if bounds.contains(&count) => return Some(count),
            Ok(count) if count < *bounds.start() => format!("is less than {}", bounds.start()),
            Ok(_) => format!("is more than {}", bounds.end()),
            Err(_) if is_digits(value) => format!("is more than {}", bounds.end()),
            Err(_) if value.strip_prefix('-').is_some_and(is_digits) => "is negative".to_owned(),
            Err(_)
                if value
                    .split_once('.')
                    .is_some_and(|(a, b)| is_digits(a) && is_digits(b)) =>
            {
                "is not a whole number".to_owned()
            }
            Err(_) => "is not a number".to_owned(),
        };
        self.wrong(name, value, &what, example)
    }

    fn duration(&mut self, name: &str, example: &str, bounds: Bounds) -> Option<Duration> {
        let value = self.value(name)?;
        let what = match duration::parse(value) {
            Ok(duration) if bounds.is_too_short(duration) => {
                format!("is less than {}", bounds.min_text)
            }
            Ok(duration) if bounds.is_too_long(duration) => {
                format!("is more than {}", bounds.max_text)
            }
            Ok(duration) => return Some(duration),
            Err(NotADuration::TooLong) => format!("is more than {}", bounds.max_text),
            Err(NotADuration::Negative) => "is negative".to_owned(),
            Err(NotADuration::Malformed) => {
                "is not a duration in ms, s, m or h (a plain number is seconds)".to_owned()
            }
        };
        self.wrong(name, value, &what, example)
    }

    fn slow(&mut self, name: &str) -> Option<Option<Duration>> {
        let value = self.value(name)?;
        if value.eq_ignore_ascii_case("off") {
            return Some(None);
        }
        if duration::parse(value).is_ok_and(|duration| duration.is_zero()) {
            let what =
                "calls every statement slow; write off, or DATABASE_ECHO=true to log them all";
            return self.wrong(name, value, what, "off");
        }
        self.duration(name, "500ms", SLOW).map(Some)
    }

    fn switch(&mut self, name: &str) -> Option<bool> {
        let value = self.value(name)?;
        match value.to_ascii_lowercase().as_str() {
            "true" | "on" | "yes" | "1" => Some(true),
            "false" | "off" | "no" | "0" => Some(false),
            _ => self.wrong(name, value, "is neither true nor false", "true"),
        }
    }

    fn misuse(&mut self, name: &str) -> Option<Misuse> {
        let value = self.value(name)?;
        match value.to_ascii_lowercase().as_str() {
            "warn" => Some(Misuse::Warn),
            "error" => Some(Misuse::Error),
            _ => self.wrong(name, value, "is neither warn nor error", "error"),
        }
    }

    fn pooler(&mut self, name: &str) -> Option<Pooler> {
        let value = self.value(name)?;
        match value.to_ascii_lowercase().as_str() {
            "none" | "session" => Some(Pooler::None),
            "transaction" => Some(Pooler::Transaction),
            _ => {
                let what = "is no mode of a pooler: none, session or transaction";
                self.wrong(name, value, what, "transaction")
            }
        }
    }

    /// The URL of a PostgreSQL server; a refusal shows nothing of it.
    fn server(&mut self, name: &str) -> Option<PostgresTarget> {
        const EXAMPLE: &str = "postgres://user:password@host:5432/name";
        let value = self.value(name)?;
        match url::parse(value, default_user(self.source).as_deref()) {
            Ok(Target::Postgres(target)) => return Some(target),
            Ok(_) => self.problems.push(
                name,
                "is no URL of a PostgreSQL server",
                format_args!("{name}={EXAMPLE}"),
            ),
            Err(refusal) => self
                .problems
                .push(name, refusal, format_args!("{name}={EXAMPLE}")),
        }
        None
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
