//! A cluster: which slots are on which server, learned from its servers and from where they send us.
//!
//! A server that sends us elsewhere (`MOVED`, `ASK`, `TRYAGAIN`, `CLUSTERDOWN`) has not done the command, so it is sent
//! again within its deadline. One whose answer was lost is not.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::{Cmd, Pipeline, ServerError, Value};
use shelfmark_core::Result;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout_at};

use super::answer;
use super::dial::{Dial, Place};
use super::error::{Failure, Intent, unreachable};
use super::link::{Backoff, Link, Request, only};
use crate::config::RedisLogin;
use crate::limits::hash_tag;

const SLOTS: u16 = 16_384;
/// How often one command follows a server that sends it elsewhere.
const MOST_REDIRECTS: usize = 8;
/// Pause before a server that is not ready is asked again.
const PAUSE: Duration = Duration::from_millis(20);

type Address = (String, u16);

#[derive(Debug)]
pub(super) struct Cluster {
    map: Arc<Map>,
    scout: JoinHandle<()>,
}

#[derive(Debug)]
struct Map {
    seeds: Vec<Address>,
    login: RedisLogin,
    connect_timeout: Duration,
    state: Mutex<State>,
    /// Whether a map was ever read.
    is_known: watch::Sender<bool>,
    /// Rung when the map may be wrong.
    stale: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// First and last slot of each range, and who has it.
    ranges: Vec<(u16, u16, Address)>,
    /// Slots that moved since the ranges were read.
    moved: HashMap<u16, Address>,
    links: HashMap<Address, Arc<Link>>,
}

impl State {
    fn owner(&self, slot: u16) -> Option<&Address> {
        let in_ranges = || {
            let mut ranges = self.ranges.iter();
            let range = ranges.find(|(first, last, _)| (*first..=*last).contains(&slot));
            range.map(|(_, _, address)| address)
        };
        self.moved.get(&slot).or_else(in_ranges)
    }
}

/// Where a server sends us.
enum Redirect {
    Moved(Address),
    Ask(Address),
    Later,
}

impl Redirect {
    fn of(error: &ServerError) -> Option<Redirect> {
        let target = || {
            let (_, address) = error.details()?.rsplit_once(' ')?;
            let (host, port) = address.rsplit_once(':')?;
            Some((host.to_owned(), port.parse().ok()?))
        };
        match error.code() {
            "MOVED" => target().map(Redirect::Moved),
            "ASK" => target().map(Redirect::Ask),
            "TRYAGAIN" | "CLUSTERDOWN" | "READONLY" | "MASTERDOWN" => Some(Redirect::Later),
            _ => None,
        }
    }
}

impl Cluster {
    pub(super) fn start(
        seeds: Vec<Address>,
        login: RedisLogin,
        connect_timeout: Duration,
    ) -> Cluster {
        let map = Arc::new(Map {
            seeds,
            login,
            connect_timeout,
            state: Mutex::default(),
            is_known: watch::Sender::new(false),
            stale: Notify::new(),
        });
        let scout = tokio::spawn(scout(map.clone()));
        Cluster { map, scout }
    }

    pub(super) async fn ready(&self, timeout: Duration) -> Result<()> {
        self.map.known(Instant::now() + timeout, timeout).await
    }

    pub(super) fn look_again(&self) {
        self.map.stale.notify_one();
    }

    pub(super) fn dial(&self, key: &str) -> Option<Dial> {
        let address = self.map.lock().owner(slot(key))?.clone();
        Some(self.map.dial(address))
    }

    pub(super) async fn call(
        &self,
        key: &str,
        command: &Cmd,
        intent: Intent,
        timeout: Duration,
    ) -> Result<Value, Failure> {
        let deadline = Instant::now() + timeout;
        self.map.known(deadline, timeout).await?;
        let slot = slot(key);
        let mut last = None;
        let mut asked: Option<Address> = None;
        for _ in 0..MOST_REDIRECTS {
            let left = deadline.saturating_duration_since(Instant::now());
            let owner = || self.map.lock().owner(slot).cloned();
            let is_asked = asked.is_some();
            let Some(address) = asked.take().or_else(owner) else {
                self.look_again();
                if left < PAUSE {
                    break;
                }
                sleep(PAUSE).await;
                continue;
            };
            let link = self.map.link(&address);
            let answer = if is_asked {
                let mut pipeline = Pipeline::new();
                pipeline.cmd("ASKING").add_command(command.clone());
                let answers = link.call(Request::Many(&pipeline, 2), intent, left).await;
                answers.and_then(|answers| only(answers.into_iter().skip(1).collect()))
            } else {
                let answer = link.call(Request::One(command), intent, left).await;
                answer.and_then(only)
            };
            let error = match answer {
                Err(Failure::Server(error)) => error,
                Err(failure) => {
                    // The server may be gone for good, and another one in its place.
                    self.look_again();
                    return Err(failure);
                }
                ok => return ok,
            };
            match Redirect::of(&error) {
                None => return Err(Failure::Server(error)),
                Some(Redirect::Moved(address)) => {
                    self.map.lock().moved.insert(slot, address);
                    self.look_again();
                }
                Some(Redirect::Ask(address)) => asked = Some(address),
                Some(Redirect::Later) => {
                    self.look_again();
                    if left < PAUSE {
                        return Err(Failure::Server(error));
                    }
                    sleep(PAUSE).await;
                }
            }
            last = Some(Failure::Server(error));
        }
        Err(last.unwrap_or_else(|| {
            unreachable(
                "the server of the key's slot",
                timeout,
                Some("nobody has the slot"),
            )
            .into()
        }))
    }

    pub(super) async fn call_each(
        &self,
        commands: Vec<(&str, Cmd)>,
        intent: Intent,
        timeout: Duration,
    ) -> Result<Vec<Value>, Failure> {
        self.map.known(Instant::now() + timeout, timeout).await?;
        let mut by_owner: HashMap<Option<Address>, Vec<usize>> = HashMap::new();
        {
            let state = self.map.lock();
            for (number, (key, _)) in commands.iter().enumerate() {
                let owner = state.owner(slot(key)).cloned();
                by_owner.entry(owner).or_default().push(number);
            }
        }
        let batches = by_owner.into_iter().map(|(owner, numbers)| {
            let commands = &commands;
            async move {
                let mut answers = Vec::with_capacity(numbers.len());
                let sent = match owner {
                    None => None,
                    Some(owner) => {
                        let mut pipeline = Pipeline::with_capacity(numbers.len());
                        for (_, command) in numbers.iter().filter_map(|at| commands.get(*at)) {
                            pipeline.add_command(command.clone());
                        }
                        let link = self.map.link(&owner);
                        let request = Request::Many(&pipeline, numbers.len());
                        Some(link.call(request, intent, timeout).await?)
                    }
                };
                let mut sent = sent.into_iter().flatten();
                for number in numbers {
                    let redirected = |error: &ServerError| Redirect::of(error).is_some();
                    let answer = match (sent.next(), commands.get(number)) {
                        (Some(Value::ServerError(error)), Some((key, command)))
                            if redirected(&error) =>
                        {
                            self.call(key, command, intent, timeout).await?
                        }
                        (Some(answer), _) => answer,
                        (None, Some((key, command))) => {
                            self.call(key, command, intent, timeout).await?
                        }
                        (None, None) => continue,
                    };
                    answers.push((number, answer));
                }
                Ok::<_, Failure>(answers)
            }
        });
        let mut answers = Vec::with_capacity(commands.len());
        for batch in join_all(batches.collect()).await {
            answers.extend(batch?);
        }
        answers.sort_by_key(|(number, _)| *number);
        Ok(answers.into_iter().map(|(_, answer)| answer).collect())
    }
}

/// Runs all futures at once and answers what each answered.
async fn join_all<F: Future>(futures: Vec<F>) -> Vec<F::Output> {
    let mut running: Vec<_> = futures.into_iter().map(|f| (Box::pin(f), None)).collect();
    std::future::poll_fn(|cx| {
        let mut is_done = true;
        for (future, output) in &mut running {
            if output.is_none() {
                match future.as_mut().poll(cx) {
                    std::task::Poll::Ready(value) => *output = Some(value),
                    std::task::Poll::Pending => is_done = false,
                }
            }
        }
        match is_done {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        }
    })
    .await;
    running
        .into_iter()
        .filter_map(|(_, output)| output)
        .collect()
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.scout.abort();
    }
}

impl Map {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn dial(&self, (host, port): Address) -> Dial {
        Dial {
            place: Place::Server(host, port),
            login: self.login.clone(),
            timeout: self.connect_timeout,
        }
    }

    /// The shared connection to a server, made when it is first needed.
    fn link(&self, address: &Address) -> Arc<Link> {
        let mut state = self.lock();
        if let Some(link) = state.links.get(address) {
            return link.clone();
        }
        let link = Link::start(self.dial(address.clone()));
        state.links.insert(address.clone(), link.clone());
        link
    }

    async fn known(&self, deadline: Instant, timeout: Duration) -> Result<()> {
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

    /// Asks one server after the other for the map, and keeps the first.
    async fn read(&self) -> bool {
        let mut addresses: Vec<Address> = self.lock().links.keys().cloned().collect();
        fastrand::shuffle(&mut addresses);
        for seed in &self.seeds {
            if !addresses.contains(seed) {
                addresses.push(seed.clone());
            }
        }
        let mut question = redis::cmd("CLUSTER");
        question.arg("SLOTS");
        for address in addresses {
            let link = self.link(&address);
            let request = Request::One(&question);
            let answer = link.call(request, Intent::Read, self.connect_timeout).await;
            let ranges = answer
                .and_then(only)
                .map_err(Into::into)
                .and_then(|value| ranges(value, &address.0));
            if let Ok(ranges) = ranges
                && !ranges.is_empty()
            {
                let mut state = self.lock();
                state.moved.clear();
                // Servers that left the cluster; the seeds may come back.
                let is_there = |one: &Address| {
                    ranges.iter().any(|(_, _, owner)| owner == one) || self.seeds.contains(one)
                };
                state.links.retain(|one, _| is_there(one));
                state.ranges = ranges;
                return true;
            }
        }
        false
    }
}

/// Reads the map when it is not known or may be wrong: one task, with pauses.
async fn scout(map: Arc<Map>) {
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

/// The answer of `CLUSTER SLOTS`: ranges with their master first. A server that does not know its own host says nothing.
fn ranges(value: Value, asked: &str) -> Result<Vec<(u16, u16, Address)>> {
    let mut ranges = Vec::new();
    for range in answer::all(value)? {
        let mut parts = answer::all(range)?.into_iter();
        let mut next = || parts.next().ok_or_else(super::link::unexpected);
        let (first, last, master) = (next()?, next()?, next()?);
        let mut master = answer::all(master)?.into_iter();
        let mut next = || master.next().ok_or_else(super::link::unexpected);
        let host = answer::bytes(next()?)?.unwrap_or_default();
        let host = String::from_utf8_lossy(&host).into_owned();
        let host = if host.is_empty() {
            asked.to_owned()
        } else {
            host
        };
        let number =
            |value| u16::try_from(answer::int(value)?).map_err(|_| super::link::unexpected());
        ranges.push((number(first)?, number(last)?, (host, number(next()?)?)));
    }
    Ok(ranges)
}

/// The slot of a key: of its hash tag, if it has one.
fn slot(key: &str) -> u16 {
    crc16(hash_tag(key).unwrap_or(key).as_bytes()) % SLOTS
}

/// CRC-16/XMODEM.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(*byte) << 8), |crc, _| {
            let shifted = crc << 1;
            if crc & 0x8000 == 0 {
                shifted
            } else {
                shifted ^ 0x1021
            }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_those_of_the_cluster_specification() {
        assert_eq!(crc16(b"123456789"), 0x31C3);
        assert_eq!(slot("foo"), 12_182);
        assert_eq!(slot("{user1000}.following"), slot("{user1000}.followers"));
        assert_eq!(slot("foo{}{bar}"), crc16(b"foo{}{bar}") % SLOTS);
        assert_eq!(slot("foo{{bar}}zap"), crc16(b"{bar") % SLOTS);
        assert_eq!(slot("foo{bar}{zap}"), slot("bar"));
    }
}
