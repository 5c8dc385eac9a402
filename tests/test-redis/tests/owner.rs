//! Servers end with their owner, and do what tests ask of them.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, io, path::PathBuf, thread};

use test_redis::{Cluster, Sentinel, Server};

#[test]
fn a_dropped_server_is_gone_with_its_folder() -> anyhow::Result<()> {
    let server = Server::start()?;
    assert_eq!(server.ask(&["ECHO", "a"])?, "$1\r\na\r\n");
    let (port, folder) = (server.port(), server.folder().to_owned());
    drop(server);
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err());
    assert!(!folder.exists());
    Ok(())
}

#[test]
fn a_crashed_server_comes_back_on_its_port_without_its_data() -> anyhow::Result<()> {
    let server = Server::start()?;
    server.ask(&["SET", "a", "1"])?;
    server.crash();
    assert!(server.ask(&["PING"]).is_err());
    server.restart()?;
    assert!(server.ask(&["GET", "a"])?.starts_with("$-1"));
    Ok(())
}

#[test]
fn an_unknown_setting_is_an_error_with_the_log() {
    let error = Server::start_with(&[("no-such-setting", "1")]).unwrap_err();
    assert!(error.to_string().contains("no-such-setting"), "{error}");
}

#[test]
fn three_masters_become_a_cluster_and_a_sentinel_fails_over() -> anyhow::Result<()> {
    let cluster = Cluster::start()?;
    assert_eq!(cluster.servers().len(), 3);
    drop(cluster);
    let sentinel = Sentinel::start()?;
    sentinel.fail_over()
}

/// Run by the next test in a process of its own.
#[test]
fn owner_that_waits_to_be_killed() -> anyhow::Result<()> {
    let Some(note) = env::var_os("TEST_REDIS_NOTE") else {
        return Ok(());
    };
    let server = Server::start()?;
    let note = PathBuf::from(note);
    fs::write(
        note.with_extension("new"),
        format!("{}\n{}", server.port(), server.folder().display()),
    )?;
    fs::rename(note.with_extension("new"), &note)?;
    // Ends when the test that started us kills us, or goes away.
    io::copy(&mut io::stdin(), &mut io::sink())?;
    Ok(())
}

#[test]
fn a_server_ends_when_its_owner_is_killed() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let note = folder.path().join("note");
    let mut owner = Command::new(env::current_exe()?)
        .args(["--exact", "owner_that_waits_to_be_killed", "--nocapture"])
        .env("TEST_REDIS_NOTE", &note)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let noted = wait_for(|| fs::read_to_string(&note).ok());
    owner.kill()?;
    owner.wait()?;
    let noted = noted?;
    let (port, place) = noted.split_once('\n').unwrap();
    let (port, place): (u16, PathBuf) = (port.parse()?, place.into());
    wait_for(|| {
        let is_gone = std::net::TcpStream::connect(("127.0.0.1", port)).is_err();
        (is_gone && !place.exists()).then_some(())
    })
}

fn wait_for<T>(what: impl Fn() -> Option<T>) -> anyhow::Result<T> {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(found) = what() {
            return Ok(found);
        }
        anyhow::ensure!(Instant::now() < deadline, "it did not come to pass");
        thread::sleep(Duration::from_millis(5));
    }
}
