//! Counters, hashes, lists, sets, strings, messages, rate limits and locks: in process or on Redis.

mod config;
mod counters;
mod failure;
mod gcra;
mod glob;
mod hashes;
mod inbox;
mod keys;
mod kv;
mod limits;
mod lists;
mod locks;
mod memory;
mod pub_sub;
mod rate_limiter;
mod redis;
mod reliable_lists;
mod sets;
mod strings;

pub use config::{KvConfig, KvTarget, RedisAddress, RedisLogin};
pub use counters::Counters;
pub use failure::OutcomeUnknown;
pub use gcra::{Decision, Quota};
pub use hashes::Hashes;
pub use keys::{Keys, TimeLeft};
pub use kv::Kv;
pub use limits::{MAX_CALL_BYTES, MAX_ITEMS, MAX_KEY_BYTES, MAX_TTL};
pub use lists::Lists;
pub use locks::{Lock, Locks};
pub use pub_sub::{Event, PubSub, Subscription};
pub use rate_limiter::RateLimiter;
pub use reliable_lists::{ReliableLists, Taken};
pub use sets::Sets;
pub use strings::Strings;
