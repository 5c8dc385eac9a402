//! Clients who read and write through nginx, and note what became of each request.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde_json::json;

const CLIENTS: usize = 8;
/// How long a client waits after a request that failed, as a patient one does.
const PAUSE: Duration = Duration::from_millis(20);

/// What a request was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Read,
    Write,
}

/// A request that did not go well.
#[derive(Clone, Debug)]
pub struct Failure {
    pub kind: Kind,
    pub begun: Instant,
    pub ended: Instant,
    pub what: String,
}

/// What became of all requests.
#[derive(Debug, Default)]
pub struct Notes {
    pub reads: u64,
    /// The ids of shows that were said to be added.
    pub acknowledged: Vec<String>,
    /// Those of which nobody knows.
    pub unknown: Vec<String>,
    pub failures: Vec<Failure>,
    /// Pages that said something else than the show that was written.
    pub wrong: Vec<String>,
}

/// Clients at work.
pub struct Load {
    stop: Arc<AtomicBool>,
    notes: Arc<Mutex<Notes>>,
    clients: Vec<JoinHandle<()>>,
}

impl Load {
    pub fn start(url: &str) -> Load {
        let (stop, notes) = (
            Arc::new(AtomicBool::new(false)),
            Arc::<Mutex<Notes>>::default(),
        );
        let clients = (0..CLIENTS).map(|client| {
            let (stop, notes, url) = (Arc::clone(&stop), Arc::clone(&notes), url.to_owned());
            std::thread::spawn(move || work(client, &url, &stop, &notes))
        });
        let clients = clients.collect();
        Load {
            stop,
            notes,
            clients,
        }
    }

    /// Lets them work until each kind of request has gone well `times` more times.
    pub fn go_on(&self, times: u64) -> Result<()> {
        let count = || {
            let notes = self.notes.lock().expect("notes");
            (notes.reads, notes.acknowledged.len() as u64)
        };
        let (reads, writes) = count();
        let until = Instant::now() + Duration::from_secs(60);
        while count().0 < reads + times || count().1 < writes + times {
            anyhow::ensure!(
                Instant::now() < until,
                "the clients do not get on: {:?}",
                self.last()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// The failure that came last.
    fn last(&self) -> Option<Failure> {
        self.notes.lock().expect("notes").failures.last().cloned()
    }

    /// Lets them end, and gives what they have noted.
    pub fn end(mut self) -> Result<Notes> {
        self.stop.store(true, Ordering::Relaxed);
        for client in self.clients.drain(..) {
            client.join().ok().context("a client panicked")?;
        }
        Ok(std::mem::take(&mut *self.notes.lock().expect("notes")))
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn work(client: usize, url: &str, stop: &AtomicBool, notes: &Mutex<Notes>) {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(40)))
        .build()
        .into();
    let mut mine: Vec<String> = Vec::new();
    for n in 0.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let begun = Instant::now();
        let id = format!("load-{client}-{n}");
        let (kind, outcome) = match n % 4 {
            0 => (Kind::Write, write(&agent, url, &id)),
            1 => (Kind::Read, read_own(&agent, url, &mine, notes)),
            2 => (
                Kind::Read,
                read(&agent, &format!("{url}/shows?limit=5&sort=-release_year")),
            ),
            _ => (
                Kind::Read,
                read(&agent, &format!("{url}/search?q=load+{client}")),
            ),
        };
        let mut notes = notes.lock().expect("notes");
        match (kind, outcome) {
            (Kind::Write, Ok(())) => {
                notes.acknowledged.push(id.clone());
                mine.push(id);
            }
            (Kind::Read, Ok(())) => notes.reads += 1,
            (kind, Err(what)) => {
                if kind == Kind::Write {
                    notes.unknown.push(id);
                }
                let ended = Instant::now();
                notes.failures.push(Failure {
                    kind,
                    begun,
                    ended,
                    what,
                });
                drop(notes);
                std::thread::sleep(PAUSE);
            }
        }
    }
}

fn title(id: &str) -> String {
    format!("Load {}", id.replace('-', " "))
}

fn write(agent: &ureq::Agent, url: &str, id: &str) -> Result<(), String> {
    let body = json!({
        "show_id": id, "type": "Movie", "title": title(id), "release_year": 2026,
        "directors": [format!("Director {id}")], "genres": ["Dramas"],
    });
    let asked = agent
        .post(format!("{url}/shows"))
        .header("content-type", "application/json")
        .send(body.to_string());
    answer(asked, 201).map(drop)
}

fn read(agent: &ureq::Agent, url: &str) -> Result<(), String> {
    answer(agent.get(url).call(), 200).map(drop)
}

/// Looks at the show that this client has added last, whichever instance answers: it is there, and what was written.
fn read_own(
    agent: &ureq::Agent,
    url: &str,
    mine: &[String],
    notes: &Mutex<Notes>,
) -> Result<(), String> {
    let Some(id) = mine.last() else {
        return read(agent, &format!("{url}/genres"));
    };
    let text = match answer(agent.get(format!("{url}/shows/{id}")).call(), 200) {
        Err(why) if why.starts_with("404") => {
            let wrong = format!("{id} was acknowledged and is not there");
            notes.lock().expect("notes").wrong.push(wrong);
            return Err(why);
        }
        other => other?,
    };
    let page: serde_json::Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    if page["title"] != title(id) || page["directors"][0]["name"] != format!("Director {id}") {
        notes
            .lock()
            .expect("notes")
            .wrong
            .push(format!("{id}: {text}"));
    }
    Ok(())
}

fn answer(
    asked: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    expected: u16,
) -> Result<String, String> {
    let mut response = asked.map_err(|error| error.to_string())?;
    let status = response.status().as_u16();
    let text = response
        .body_mut()
        .read_to_string()
        .map_err(|error| error.to_string())?;
    if status == expected {
        Ok(text)
    } else {
        Err(format!("{status}: {text}"))
    }
}
