//! The program as people start it: from memory to PostgreSQL by its environment alone.
#![allow(
    missing_docs,
    clippy::panic,
    reason = "tests fail by panicking; the names say what they hold"
)]

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use shelfmark::{DatabaseConfig, Target};

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

/// The program in an empty folder, with nothing but `settings` in its environment.
fn program(folder: &tempfile::TempDir, settings: &[(&str, String)], arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rentomatic"));
    command
        .env_clear()
        .envs(settings.iter().map(|(name, value)| (name, value)))
        .current_dir(folder.path())
        .args(arguments);
    command
}

/// A running service; killed when dropped.
struct Service(Child, String);

impl Service {
    fn start(mut command: Command) -> Result<Service> {
        let mut child = command.stderr(Stdio::piped()).spawn()?;
        let stderr = child.stderr.take().ok_or("no stderr")?;
        let mut lines = BufReader::new(stderr).lines();
        let mut service = Service(child, String::new());
        for line in lines.by_ref() {
            if let Some((_, address)) = line?.split_once("http://") {
                service.1 = format!("http://{address}");
                // What it says later has to go somewhere.
                std::thread::spawn(move || lines.for_each(drop));
                return Ok(service);
            }
        }
        Err("the service ended".into())
    }

    fn rooms(&self) -> Result<Vec<Value>> {
        let text = ureq::get(&self.1).call()?.body_mut().read_to_string()?;
        Ok(serde_json::from_str(&text)?)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&*output.stdout, &*output.stderr].concat()).into_owned()
}

const SERVE: [&str; 3] = ["serve", "--addr", "127.0.0.1:0"];

#[test]
fn without_settings_it_serves_four_rooms_from_memory() -> Result {
    let folder = tempfile::tempdir()?;
    let service = Service::start(program(&folder, &[], &SERVE))?;
    assert_eq!(service.rooms()?.len(), 4);
    assert_eq!(
        std::fs::read_dir(folder.path())?.count(),
        0,
        "nothing is left behind"
    );
    Ok(())
}

#[test]
fn five_variables_move_it_to_postgres_and_init_creates_the_database() -> Result {
    let server = test_postgres::Server::start()?;
    let config = DatabaseConfig::from_url(&server.url())?;
    let Target::Postgres(target) = config.target else {
        return Err("the server is no PostgreSQL".into());
    };
    let (host, port) = target.hosts.first().ok_or("no host")?;
    let password = target.password.as_ref();
    let settings = [
        ("POSTGRES_USER", target.user.clone()),
        (
            "POSTGRES_PASSWORD",
            password.map_or("", |secret| secret.reveal()).to_owned(),
        ),
        ("POSTGRES_HOSTNAME", host.clone()),
        ("POSTGRES_PORT", port.to_string()),
        ("APPLICATION_DB", "rentomatic \"test\"".to_owned()),
    ];
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("rooms.json"), rentomatic::FOUR_ROOMS)?;

    let too_early = program(&folder, &settings, &["load", "rooms.json"]).output()?;
    assert!(!too_early.status.success(), "{}", said(&too_early));
    for _ in 0..2 {
        let created = program(&folder, &settings, &["init"]).output()?;
        assert!(created.status.success(), "{}", said(&created));
    }
    let service = Service::start(program(&folder, &settings, &SERVE))?;
    assert_eq!(service.rooms()?.len(), 0);
    let loaded = program(&folder, &settings, &["load", "rooms.json"]).output()?;
    assert!(
        said(&loaded).starts_with("4 rooms are in postgres://"),
        "{}",
        said(&loaded)
    );
    assert_eq!(service.rooms()?.len(), 4);
    Ok(())
}

#[test]
fn a_file_that_is_no_list_of_rooms_is_refused_and_nothing_of_it_kept() -> Result {
    let folder = tempfile::tempdir()?;
    let settings = [("DATABASE_URL", "sqlite://rooms.db".to_owned())];
    let good = r#"{"code": "a", "size": 1, "price": 1, "longitude": 0, "latitude": 0}"#;
    for (text, reason) in [
        (format!("[{good}, {{}}]"), "missing field `code`"),
        (
            format!("[{good}, {}]", good.replace("\"size\"", "\"sise\"")),
            "unknown field `sise`",
        ),
        (
            format!("[{good}, {}]", good.replace("\"size\": 1", "\"size\": 0")),
            "check violation",
        ),
        ("no JSON".to_owned(), "is not a list of rooms"),
    ] {
        std::fs::write(folder.path().join("rooms.json"), text)?;
        let refused = program(&folder, &settings, &["load", "rooms.json"]).output()?;
        assert!(!refused.status.success());
        assert!(
            said(&refused).contains(reason),
            "{reason}: {}",
            said(&refused)
        );
    }
    let service = Service::start(program(&folder, &settings, &SERVE))?;
    assert_eq!(service.rooms()?.len(), 0);
    Ok(())
}
