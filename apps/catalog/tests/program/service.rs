//! The program as a process, ended with its test.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

const START: Duration = Duration::from_secs(60);

/// The engines that the program runs on.
#[derive(Clone, Copy, Debug)]
pub enum Engine {
    Sqlite,
    Postgres,
}

/// A database of the test's own, by its URL, and a folder for files.
pub struct Place {
    pub folder: tempfile::TempDir,
    pub url: String,
    _database: Option<test_postgres::TestDatabase>,
}

impl Place {
    pub fn new(engine: Engine) -> Result<Place> {
        let folder = tempfile::tempdir()?;
        let (url, database) = match engine {
            Engine::Sqlite => (
                format!(
                    "sqlite://{}",
                    folder.path().join("data/catalog.db").display()
                ),
                None,
            ),
            Engine::Postgres => {
                let database = test_postgres::TestDatabase::create()?;
                (database.url().to_owned(), Some(database))
            }
        };
        Ok(Place {
            folder,
            url,
            _database: database,
        })
    }

    /// The program with this database and nothing else in its environment.
    pub fn program(&self, arguments: &[&str]) -> Command {
        program(&self.url, self.folder.path(), arguments)
    }

    pub fn run(&self, arguments: &[&str]) -> Result<Output> {
        Ok(self.program(arguments).output()?)
    }
}

pub fn program(url: &str, folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_catalog"));
    command
        .env_clear()
        .env("DATABASE_URL", url)
        .current_dir(folder)
        .args(arguments);
    command
}

/// A running service; killed when dropped.
pub struct Service {
    child: Child,
    base: String,
    agent: ureq::Agent,
}

/// What the service answered.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub kind: String,
    pub location: Option<String>,
    pub headers: Vec<(String, String)>,
    pub text: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// The detail of the problem that it is, with the status it must have.
    pub fn problem(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.kind, "application/problem+json", "{self:?}");
        let problem = self.json();
        assert_eq!(problem["status"], status, "{self:?}");
        assert!(
            problem["title"].is_string() && problem["type"].is_string(),
            "{self:?}"
        );
        problem["detail"].as_str().unwrap_or_default().to_owned()
    }
}

impl Service {
    pub fn start(place: &Place) -> Result<Service> {
        Service::spawn(place.program(&["serve", "--addr", "127.0.0.1:0"]))
    }

    pub fn spawn(mut command: Command) -> Result<Service> {
        let mut child = command
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()?;
        let stderr = child.stderr.take().context("no stderr")?;
        let (found, address) = mpsc::channel();
        std::thread::spawn(move || {
            let mut said = String::new();
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if let Some((_, rest)) = line.split_once("http://") {
                    let end = rest.find('/').unwrap_or(rest.len());
                    let _ = found.send(Ok(rest[..end].to_owned()));
                }
                said.push_str(&line);
                said.push('\n');
            }
            let _ = found.send(Err(said));
        });
        let address = address
            .recv_timeout(START)
            .context("the service did not start in time")?;
        let address = match address {
            Ok(address) => address,
            Err(said) => bail!("the service ended: {said}"),
        };
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(30)))
            .build()
            .into();
        Ok(Service {
            child,
            base: format!("http://{address}"),
            agent,
        })
    }

    /// Where it listens.
    #[allow(dead_code, reason = "who looks after a service asks for it")]
    pub fn address(&self) -> &str {
        self.base.trim_start_matches("http://")
    }

    pub fn get(&self, path: &str) -> Result<Answer> {
        answer(self.agent.get(format!("{}{path}", self.base)).call()?)
    }

    pub fn delete(&self, path: &str) -> Result<Answer> {
        answer(self.agent.delete(format!("{}{path}", self.base)).call()?)
    }

    pub fn post(&self, path: &str, kind: &str, body: &str) -> Result<Answer> {
        let request = self
            .agent
            .post(format!("{}{path}", self.base))
            .header("content-type", kind);
        answer(request.send(body)?)
    }

    pub fn put(&self, path: &str, body: &Value) -> Result<Answer> {
        let request = self
            .agent
            .put(format!("{}{path}", self.base))
            .header("content-type", "application/json");
        answer(request.send(body.to_string())?)
    }

    pub fn patch(&self, path: &str, body: &Value) -> Result<Answer> {
        let request = self
            .agent
            .patch(format!("{}{path}", self.base))
            .header("content-type", "application/json");
        answer(request.send(body.to_string())?)
    }

    /// Asks it to end, as a service manager does, and gives its exit code.
    pub fn terminate(mut self) -> Result<Option<i32>> {
        signal(&self.child, "TERM")?;
        ended_within(&mut self.child, START)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The exit code of a process, which is killed when it takes longer.
pub fn ended_within(child: &mut Child, time: Duration) -> Result<Option<i32>> {
    let until = Instant::now() + time;
    while Instant::now() < until {
        if let Some(status) = child.try_wait()? {
            return Ok(status.code());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    child.kill()?;
    child.wait()?;
    bail!("the program did not end within {time:?}")
}

/// A server that takes connections and says nothing.
pub struct SilentServer {
    pub url: String,
    listener: TcpListener,
}

impl SilentServer {
    pub fn start() -> Result<SilentServer> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("postgres://nobody@{}/none", listener.local_addr()?);
        Ok(SilentServer { url, listener })
    }

    /// Waits until somebody connects.
    pub fn wait(&self) -> Result<TcpStream> {
        Ok(self.listener.accept()?.0)
    }
}

/// Sends a signal to a process that the test started.
pub fn signal(child: &Child, name: &str) -> Result<()> {
    let sent = Command::new("kill")
        .args([&format!("-{name}"), &child.id().to_string()])
        .status()?;
    anyhow::ensure!(sent.success(), "kill -{name} failed");
    Ok(())
}

fn answer(response: ureq::http::Response<ureq::Body>) -> Result<Answer> {
    let header = |name: &str| {
        response
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned)
    };
    let headers = response.headers().iter().map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes());
        (name.to_string(), value.into_owned())
    });
    let headers = headers.collect();
    let (status, kind, location) = (
        response.status().as_u16(),
        header("content-type").unwrap_or_default(),
        header("location"),
    );
    let mut text = String::new();
    response
        .into_body()
        .into_reader()
        .read_to_string(&mut text)?;
    Ok(Answer {
        status,
        kind,
        location,
        headers,
        text,
    })
}

/// Makes of each `fn rule(place: &Place) -> Result<()>` a test on each engine.
#[macro_export]
macro_rules! on_both_engines {
    ($($(#[$doc:meta])* fn $rule:ident($place:ident) $body:block)*) => {$(
        mod $rule {
            #[allow(unused_imports, reason = "what the case uses differs")]
            use super::*;
            fn case($place: &$crate::service::Place) -> anyhow::Result<()> {
                $body
                Ok(())
            }
            #[test]
            fn on_sqlite() -> anyhow::Result<()> {
                case(&$crate::service::Place::new($crate::service::Engine::Sqlite)?)
            }
            #[test]
            fn on_postgres() -> anyhow::Result<()> {
                case(&$crate::service::Place::new($crate::service::Engine::Postgres)?)
            }
        }
    )*};
}
