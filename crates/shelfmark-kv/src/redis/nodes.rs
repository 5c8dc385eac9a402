//! Which server a key is on: the only one, or one of a cluster.

use std::sync::Arc;
use std::time::Duration;

use redis::{Cmd, Pipeline, Value};
use shelfmark_core::Result;

use super::cluster::Cluster;
use super::dial::{Dial, Manner};
use super::error::{Failure, Intent};
use super::link::{Link, Request, only};

#[derive(Debug)]
pub(super) enum Nodes {
    One(Arc<Link>),
    Cluster(Cluster),
}

impl Nodes {
    pub(super) fn one(dial: Dial) -> Nodes {
        Nodes::One(Link::start(dial))
    }

    pub(super) fn cluster(seeds: Vec<(String, u16)>, manner: Manner) -> Nodes {
        Nodes::Cluster(Cluster::start(seeds, manner))
    }

    /// Waits until the server, or the cluster's map, is there.
    pub(super) async fn ready(&self, timeout: Duration) -> Result<()> {
        match self {
            Nodes::One(link) => link.ready(timeout).await,
            Nodes::Cluster(cluster) => cluster.ready(timeout).await,
        }
    }

    /// How a connection of its own to the server of `key` is opened; for a channel any server will do.
    pub(super) fn dial(&self, key: &str) -> Option<Dial> {
        match self {
            Nodes::One(link) => Some(link.dial().clone()),
            Nodes::Cluster(cluster) => cluster.dial(key),
        }
    }

    /// A server has answered that it is not the one for a key: look again where it is, in a cluster.
    pub(super) fn look_again(&self) {
        match self {
            Nodes::One(_) => {}
            Nodes::Cluster(cluster) => cluster.look_again(),
        }
    }

    pub(super) async fn call(
        &self,
        key: &str,
        command: &Cmd,
        intent: Intent,
        timeout: Duration,
    ) -> Result<Value, Failure> {
        match self {
            Nodes::One(link) => {
                let answer = link.call(Request::One(command), intent, timeout).await;
                let answer = answer.and_then(only);
                if let Err(Failure::Server(error)) = &answer
                    && error.code() == "READONLY"
                {
                    link.renew();
                }
                answer
            }
            Nodes::Cluster(cluster) => cluster.call(key, command, intent, timeout).await,
        }
    }

    /// Sends many commands of one key each together, and answers what each got. Not one step.
    pub(super) async fn call_each(
        &self,
        commands: Vec<(&str, Cmd)>,
        intent: Intent,
        timeout: Duration,
    ) -> Result<Vec<Value>, Failure> {
        if commands.is_empty() {
            return Ok(Vec::new());
        }
        match self {
            Nodes::One(link) => {
                let mut pipeline = Pipeline::with_capacity(commands.len());
                let count = commands.len();
                for (_, command) in commands {
                    pipeline.add_command(command);
                }
                link.call(Request::Many(&pipeline, count), intent, timeout)
                    .await
            }
            Nodes::Cluster(cluster) => cluster.call_each(commands, intent, timeout).await,
        }
    }
}
