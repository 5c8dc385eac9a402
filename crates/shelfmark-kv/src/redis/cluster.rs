//! A cluster: which slots are on which server, learned from its servers and from where they send us.
//!
//! A server that sends us elsewhere (`MOVED`, `ASK`, `TRYAGAIN`, `CLUSTERDOWN`) has not done the command, so it is sent
//! again within its deadline. One whose answer was lost is not.

mod map;
mod slots;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use redis::{Cmd, Pipeline, ServerError, Value};
use shelfmark_core::Result;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use self::map::{Address, Map, scout};
use self::slots::slot;
use super::at_once::join_all;
use super::dial::{Dial, Manner};
use super::error::{Failure, Intent, unreachable};
use super::link::{Request, only};

/// How often one command follows servers that send it elsewhere.
const MOST_REDIRECTS: usize = 8;
/// Pause before a server that is not ready is asked again.
const PAUSE: Duration = Duration::from_millis(20);

#[derive(Debug)]
pub(super) struct Cluster {
    map: Arc<Map>,
    scout: JoinHandle<()>,
}

/// Where a server sends us.
enum Redirect {
    Moved(Address),
    Ask(Address),
    Later,
}

impl Redirect {
    /// `asked` is the server that sends us away.
    fn of(error: &ServerError, asked: &Address) -> Option<Redirect> {
        let target = || {
            let (_, address) = error.details()?.rsplit_once(' ')?;
            let (host, port) = address.rsplit_once(':')?;
            // A server that does not know its host leaves it out: it is that of the one that we ask.
            let host = if host.is_empty() { &asked.0 } else { host };
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
    pub(super) fn start(seeds: Vec<Address>, manner: Manner) -> Cluster {
        let map = Arc::new(Map::new(seeds, manner));
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
        let mut redirects = 0;
        while redirects <= MOST_REDIRECTS {
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
            redirects += 1;
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
            match Redirect::of(&error, &address) {
                None => return Err(Failure::Server(error)),
                Some(Redirect::Moved(address)) => {
                    self.map.lock().moved.insert(slot, address);
                    self.look_again();
                }
                Some(Redirect::Ask(address)) => asked = Some(address),
                Some(Redirect::Later) => {
                    // Only the deadline ends this: a server that is not ready sends nobody in circles.
                    redirects = 0;
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
                let sent = match &owner {
                    None => None,
                    Some(owner) => {
                        let mut pipeline = Pipeline::with_capacity(numbers.len());
                        for (_, command) in numbers.iter().filter_map(|at| commands.get(*at)) {
                            pipeline.add_command(command.clone());
                        }
                        let link = self.map.link(owner);
                        let request = Request::Many(&pipeline, numbers.len());
                        Some(link.call(request, intent, timeout).await?)
                    }
                };
                let mut sent = sent.into_iter().flatten();
                for number in numbers {
                    let redirected = |error: &ServerError| {
                        let owner = owner.as_ref();
                        owner.is_some_and(|owner| Redirect::of(error, owner).is_some())
                    };
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

impl Drop for Cluster {
    fn drop(&mut self) {
        self.scout.abort();
    }
}
