//! Who has which slots, as the servers tell it, and the connections to them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::Value;
use shelfmark_core::{Error, Result};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout_at};

use super::super::answer;
use super::super::at_once::first_of;
use super::super::dial::{Dial, Manner, Place};
use super::super::error::{Intent, unreachable};
use super::super::link::{Backoff, Link, Request, only, unexpected};
use super::PAUSE;

/// How long one server may take to tell the map, before the next one is asked as well.
const NEXT: Duration = Duration::from_millis(100);

pub(super) type Address = (String, u16);
/// First and last slot, and who has them.
type Range = (u16, u16, Address);

#[derive(Debug)]
pub(super) struct Map {
    seeds: Vec<Address>,
    manner: Manner,
    state: Mutex<State>,
    /// Whether a map was ever read.
    is_known: watch::Sender<bool>,
    /// Rung when the map may be wrong.
    pub(super) stale: Notify,
}

#[derive(Debug, Default)]
pub(super) struct State {
    ranges: Vec<Range>,
    /// All masters and replicas that were told: when a master is gone, any other knows who has taken its place.
    servers: Vec<Address>,
    /// Slots that moved since the ranges were read.
    pub(super) moved: HashMap<u16, Address>,
    links: HashMap<Address, Arc<Link>>,
}

impl State {
    pub(super) fn owner(&self, slot: u16) -> Option<&Address> {
        let in_ranges = || {
            let mut ranges = self.ranges.iter();
            let range = ranges.find(|(first, last, _)| (*first..=*last).contains(&slot));
            range.map(|(_, _, address)| address)
        };
        self.moved.get(&slot).or_else(in_ranges)
    }
}

impl Map {
    pub(super) fn new(seeds: Vec<Address>, manner: Manner) -> Map {
        Map {
            seeds,
            manner,
            state: Mutex::default(),
            is_known: watch::Sender::new(false),
            stale: Notify::new(),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn dial(&self, (host, port): Address) -> Dial {
        Dial::new(Place::Server(host, port), self.manner.clone())
    }

    /// The shared connection to a server, made when it is first needed.
    pub(super) fn link(&self, address: &Address) -> Arc<Link> {
        let mut state = self.lock();
        if let Some(link) = state.links.get(address) {
            return link.clone();
        }
        let link = Link::start(self.dial(address.clone()));
        state.links.insert(address.clone(), link.clone());
        link
    }

    pub(super) async fn known(&self, deadline: Instant, timeout: Duration) -> Result<()> {
        if *self.is_known.borrow() {
            return Ok(());
        }
        let mut known = self.is_known.subscribe();
        let known = timeout_at(deadline, known.wait_for(|known| *known)).await;
        match known {
            Ok(Ok(_)) => Ok(()),
            _ => Err(unreachable(
                "the cluster",
                timeout,
                Some("none of its servers has told who has which slots"),
            )),
        }
    }

    /// Asks the servers for the map, and keeps the first that comes. One that is slow, or gone, holds up nobody: soon
    /// the next one is asked as well.
    async fn read(&self) -> bool {
        let mut addresses = self.lock().servers.clone();
        fastrand::shuffle(&mut addresses);
        for seed in &self.seeds {
            if !addresses.contains(seed) {
                addresses.push(seed.clone());
            }
        }
        let mut question = redis::cmd("CLUSTER");
        question.arg("SLOTS");
        let question = &question;
        let ask = |(number, address): (usize, Address)| async move {
            sleep(NEXT.saturating_mul(u32::try_from(number).unwrap_or(u32::MAX))).await;
            let link = self.link(&address);
            let request = Request::One(question);
            let answer = link.call(request, Intent::Read, self.manner.timeout).await;
            let answer = answer.and_then(only).map_err(Error::from);
            let view = answer.and_then(|value| View::of(value, &address.0)).ok()?;
            (!view.ranges.is_empty()).then_some(view)
        };
        let questions = addresses.into_iter().enumerate().map(ask);
        match first_of(questions.collect()).await {
            Some(view) => {
                self.keep(view);
                true
            }
            None => false,
        }
    }

    fn keep(&self, view: View) {
        let mut state = self.lock();
        state.moved.clear();
        // Servers that left the cluster, or are none that is asked; the seeds may come back.
        let is_there = |one: &Address| {
            view.ranges.iter().any(|(_, _, owner)| owner == one) || self.seeds.contains(one)
        };
        state.links.retain(|one, _| is_there(one));
        state.ranges = view.ranges;
        state.servers = view.servers;
    }
}

/// Reads the map when it is not known or may be wrong: one task, with pauses.
pub(super) async fn scout(map: Arc<Map>) {
    let mut backoff = Backoff::default();
    loop {
        if map.read().await {
            map.is_known.send_replace(true);
            backoff.reset();
            // Many callers notice the same at once.
            sleep(PAUSE * 5).await;
            map.stale.notified().await;
        } else {
            backoff.pause().await;
        }
    }
}

/// What a server tells of its cluster.
struct View {
    ranges: Vec<Range>,
    servers: Vec<Address>,
}

impl View {
    /// Reads the answer of `CLUSTER SLOTS`: ranges, each with its master first and then its replicas.
    fn of(value: Value, asked: &str) -> Result<View> {
        let mut view = View {
            ranges: Vec::new(),
            servers: Vec::new(),
        };
        for range in answer::all(value)? {
            let mut parts = answer::all(range)?.into_iter();
            let mut slot = || -> Result<u16> {
                let slot = answer::int(parts.next().ok_or_else(unexpected)?)?;
                u16::try_from(slot).map_err(|_| unexpected())
            };
            let (first, last) = (slot()?, slot()?);
            let mut master = None;
            for server in parts {
                let server = address(server, asked)?;
                master.get_or_insert_with(|| server.clone());
                if !view.servers.contains(&server) {
                    view.servers.push(server);
                }
            }
            let master = master.ok_or_else(unexpected)?;
            view.ranges.push((first, last, master));
        }
        Ok(view)
    }
}

/// One server of the answer. One that does not know its own host says nothing: it is the one that was asked.
fn address(value: Value, asked: &str) -> Result<Address> {
    let mut parts = answer::all(value)?.into_iter();
    let mut next = || parts.next().ok_or_else(unexpected);
    let host = answer::bytes(next()?)?.unwrap_or_default();
    let host = match String::from_utf8_lossy(&host) {
        host if host.is_empty() => asked.to_owned(),
        host => host.into_owned(),
    };
    let port = u16::try_from(answer::int(next()?)?).map_err(|_| unexpected())?;
    Ok((host, port))
}
