//! What a server does that is short of room, and what is refused because of it.
//!
//! A server with a limit and a policy other than `noeviction` deletes keys that nobody told it to: an item that somebody
//! has taken, a lock that somebody holds, a limit that was reached. Those say more than a cache does, so they are
//! refused there unless somebody has allowed it.

use std::time::Duration;

use redis::Value;
use shelfmark_core::{Error, ErrorKind, Result};
use tokio::sync::OnceCell;

use super::Redis;
use super::error::{Failure, Intent};
use super::nodes::Nodes;

/// What was asked of the server once: its policy, if it deletes keys by it.
#[derive(Debug)]
pub(super) struct Eviction {
    policy: OnceCell<Option<String>>,
    is_allowed: bool,
}

impl Eviction {
    pub(super) fn new(is_allowed: bool) -> Self {
        Eviction {
            policy: OnceCell::new(),
            is_allowed,
        }
    }

    /// The policy by which the server deletes keys. A server that gave no answer is asked again by the next call, and
    /// one that this user may not ask counts as one that keeps everything.
    pub(super) async fn policy(&self, nodes: &Nodes, timeout: Duration) -> Option<&str> {
        let asked = self.policy.get_or_try_init(|| async {
            let mut question = redis::cmd("INFO");
            question.arg("memory");
            match nodes.call("", &question, Intent::Read, timeout).await {
                Ok(info) => {
                    let policy = deleting(&info);
                    if let Some(policy) = &policy {
                        tracing::warn!(
                            policy,
                            "this Redis makes room by deleting keys, which may be counters, lists, limits and locks; \
                             give them a server with maxmemory-policy noeviction"
                        );
                    }
                    Ok(policy)
                }
                Err(Failure::Server(refused)) if refused.code() == "NOPERM" => Ok(None),
                Err(other) => Err(other),
            }
        });
        asked.await.ok()?.as_deref()
    }
}

/// The policy that `INFO memory` speaks of, where there is a limit and keys are deleted at it.
fn deleting(info: &Value) -> Option<String> {
    let text = match info {
        Value::VerbatimString { text, .. } | Value::SimpleString(text) => text.as_str(),
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok()?,
        _ => return None,
    };
    let says = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
    let policy = says("maxmemory_policy:")?;
    let has_limit = says("maxmemory:").is_some_and(|limit| limit != "0");
    (has_limit && policy != "noeviction").then(|| policy.to_owned())
}

impl Redis {
    /// Refuses `what` on a server that may delete it.
    pub(crate) async fn keeps(&self, what: &str) -> Result<()> {
        if self.eviction.is_allowed {
            return Ok(());
        }
        match self.eviction.policy(&self.nodes, self.timeout).await {
            None => Ok(()),
            Some(policy) => Err(Error::new(ErrorKind::Unsupported).with_detail(format!(
                "this Redis deletes keys to make room (maxmemory-policy {policy}), and {what} may be among them: \
                 set its maxmemory-policy to noeviction, or KV_ALLOW_EVICTION=on to risk it"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_matters_where_there_is_a_limit() {
        let policy = |limit: &str, policy: &str| {
            let text = format!("# Memory\r\nmaxmemory:{limit}\r\nmaxmemory_policy:{policy}\r\n");
            deleting(&Value::BulkString(text.into_bytes()))
        };
        assert_eq!(policy("0", "allkeys-lru"), None);
        assert_eq!(policy("1048576", "noeviction"), None);
        let volatile = policy("1048576", "volatile-ttl");
        assert_eq!(volatile.as_deref(), Some("volatile-ttl"));
        assert_eq!(deleting(&Value::Nil), None);
    }
}
