//! Who takes part in what.

use crate::parts::Ground;

/// A contestant in one of its settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entrant {
    /// What the tables call it.
    pub(crate) label: &'static str,
    /// Its folder below `bench/`; empty for a program of the machine's packages.
    pub(crate) folder: &'static str,
    pub(crate) setting: &'static str,
    pub(crate) role: Role,
}

/// What a contestant's figures are held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Ours,
    Peer,
    /// What the protocol or the engine gives at all; no one uses it like that.
    Limit,
}

const fn ours(label: &'static str, folder: &'static str, setting: &'static str) -> Entrant {
    entrant(label, folder, setting, Role::Ours)
}

const fn peer(label: &'static str, folder: &'static str, setting: &'static str) -> Entrant {
    entrant(label, folder, setting, Role::Peer)
}

const fn limit(label: &'static str, folder: &'static str, setting: &'static str) -> Entrant {
    entrant(label, folder, setting, Role::Limit)
}

const fn entrant(
    label: &'static str,
    folder: &'static str,
    setting: &'static str,
    role: Role,
) -> Entrant {
    Entrant {
        label,
        folder,
        setting,
        role,
    }
}

const REDIS: [Entrant; 7] = [
    ours("shelfmark-kv", "kv/shelfmark", "defaults"),
    peer("redis, ConnectionManager", "kv/redis", "defaults"),
    peer(
        "deadpool-redis, its defaults",
        "kv/deadpool-redis",
        "defaults",
    ),
    peer(
        "deadpool-redis, a connection per task",
        "kv/deadpool-redis",
        "large",
    ),
    peer("fred, one client", "kv/fred", "defaults"),
    limit("redis-benchmark, one request at once", "", "plain"),
    limit("redis-benchmark, pipelined", "", "pipelined"),
];

const PROCESS: [Entrant; 3] = [
    ours("shelfmark-kv, Kv::in_process", "kv/shelfmark", "kv"),
    peer("moka, future", "kv/moka", "future"),
    peer("moka, sync", "kv/moka", "sync"),
];

const CACHE: [Entrant; 3] = [
    ours("shelfmark-kv, Cache::in_process", "kv/shelfmark", "cache"),
    peer("moka, future", "kv/moka", "future"),
    peer("moka, sync", "kv/moka", "sync"),
];

const POSTGRES: [Entrant; 9] = [
    ours("Shelfmark", "sql/shelfmark", "defaults"),
    peer("sqlx, its defaults", "sql/sqlx", "defaults"),
    peer("sqlx, no pre-ping, 16 connections", "sql/sqlx", "best"),
    peer("sea-orm, its defaults", "sql/sea-orm", "defaults"),
    peer("diesel-async, 16 connections", "sql/diesel-async", "best"),
    peer("toasty, its defaults", "sql/toasty", "defaults"),
    peer(
        "deadpool-postgres, its defaults",
        "sql/deadpool-postgres",
        "defaults",
    ),
    peer(
        "deadpool-postgres, 16 connections",
        "sql/deadpool-postgres",
        "large",
    ),
    limit(
        "tokio-postgres, pipelined",
        "sql/tokio-postgres",
        "pipelined",
    ),
];

const SQLITE: [Entrant; 7] = [
    ours("Shelfmark", "sql/shelfmark", "defaults"),
    peer("sqlx, its defaults", "sql/sqlx", "defaults"),
    peer("sqlx, no pre-ping, 16 connections", "sql/sqlx", "best"),
    peer("sea-orm, its defaults", "sql/sea-orm", "defaults"),
    peer("diesel, a thread per task", "sql/diesel", "threads"),
    peer("toasty, its defaults", "sql/toasty", "defaults"),
    limit("rusqlite, a thread per task", "sql/rusqlite", "threads"),
];

/// Those that stand on a ground, in the order of their turns.
pub(crate) fn entrants(ground: Ground) -> &'static [Entrant] {
    match ground {
        Ground::Postgres => &POSTGRES,
        Ground::Sqlite => &SQLITE,
        Ground::Redis => &REDIS,
        Ground::Process => &PROCESS,
        Ground::Cache => &CACHE,
    }
}
