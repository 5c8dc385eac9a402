//! Beside the tables: counters, hashes, lists, sets, strings, messages, rate limits and locks, in process or on Redis.
//!
//! [`Kv::from_env`] opens what `REDIS_URL` names, and a store in this process where it is not set. What can be done with
//! it is a trait each, implemented on [`Kv`], so that business code says what it needs, `&impl Counters`, and a test can
//! write a fake of that by hand or use [`Kv::in_process`].
//!
//! | trait | for |
//! |---|---|
//! | [`Strings`] | bytes with or without a time to live, many at once, compare and set |
//! | [`Counters`] | numbers counted up in one step, with a time to live from the first count |
//! | [`Hashes`], [`Sets`] | named fields below one key; sets of names such as the keys that carry a tag |
//! | [`Lists`] | queues and stacks, with a pop that waits: at most once |
//! | [`ReliableLists`] | items that are kept until they are acknowledged: at least once |
//! | [`PubSub`] | messages to whoever listens, by channel or pattern |
//! | [`RateLimiter`] | how often something may happen, one clock for all processes |
//! | [`Locks`] | locks with an end, renewal and a fencing token |
//! | [`Keys`] | what can be done with any key: delete, time to live |
//!
//! ```
//! use std::time::Duration;
//! use shelfmark_kv::{Counters, Kv};
//!
//! /// Counts a view, and answers how many there were today.
//! async fn viewed(counters: &impl Counters, show: &str) -> shelfmark_core::Result<i64> {
//!     counters.incr_within(&format!("views:{show}"), 1, Duration::from_secs(24 * 60 * 60)).await
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> shelfmark_core::Result<()> {
//! let kv = Kv::from_env().await?.prefixed("catalog:");
//! assert_eq!(viewed(&kv, "s1").await?, 1);
//! # Ok(())
//! # }
//! ```
//!
//! # What holds on both engines
//!
//! One suite of cases, each written once, runs in process, on a Redis server and on a cluster of three.
//!
//! * Every call ends by its deadline ([`KvConfig::timeout`], 250 ms), whatever the server does; calls that wait have
//!   their own.
//! * What changes something is never sent again by itself. When its answer was lost, the error's cause is
//!   [`OutcomeUnknown`]; any other error says that nothing was done.
//! * Names, values and counts have limits, checked before anything is sent. No value is in an error.
//! * A call that is dropped is done as a whole or not at all, and what it was about to get goes back.
//!
//! # What differs
//!
//! | | in process | on Redis |
//! |---|---|---|
//! | who shares it | one process | all that use the server |
//! | when it ends | with the last handle | as the server's persistence says |
//! | room | `KV_MAX_KEYS`, `KV_MAX_BYTES`; only strings that were stored with a time to live make way | `maxmemory` and its policy; anything but `noeviction` may drop counters and lists, and items are not taken, locks not given and limits not counted there unless `KV_ALLOW_EVICTION=on` |
//! | time | this process' monotonic clock | the server's clock |
//! | many keys at once ([`Strings::set_many`] and its like) | key by key | key by key |
//! | failover | none | Redis answers before its replicas have a write: one that was answered may be lost, a lock handed out twice with a bigger token |
//!
//! Redis is needed in version 6.2 or newer. A read whose connection was lost is sent once more.

mod cache;
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

pub use cache::{Cache, CacheConfig, CacheStats};
pub use config::{KvConfig, KvTarget, RedisAddress, RedisLogin, RedisTls};
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
