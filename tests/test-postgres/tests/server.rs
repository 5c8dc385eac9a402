//! What a server does while it lives: answer, stop, freeze, come back.

use std::net::TcpStream;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use test_postgres::{Server, processes};
use tokio_postgres::{Client, NoTls};

/// Runs `work` with a session at `url`, on a runtime of its own.
fn with_session<T>(
    url: &str,
    work: impl AsyncFnOnce(&Client) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
        tokio::spawn(connection);
        work(&client).await
    })
}

fn query_text(url: &str, sql: &str) -> anyhow::Result<String> {
    with_session(url, async |client| {
        Ok(client.query_one(sql, &[]).await?.get(0))
    })
}

#[test]
fn server_answers_to_its_password_only_and_does_not_show_it() -> anyhow::Result<()> {
    let server = Server::start()?;
    assert_eq!(
        query_text(&server.url(), "SELECT current_user::text")?,
        "postgres"
    );
    let wrong = server.url().replace("%40", "%41");
    let error = query_text(&wrong, "SELECT ''").unwrap_err();
    assert!(
        format!("{error:#}").contains("password authentication failed"),
        "{error:#}"
    );
    let url = server.url();
    let (_, from_password) = url
        .rsplit_once("postgres:")
        .context("the URL names an account")?;
    let (password, _) = from_password
        .split_once("%40")
        .context("the password has an `@`")?;
    assert!(!format!("{server:?}").contains(password));
    Ok(())
}

#[test]
fn given_settings_win_over_those_for_tests() -> anyhow::Result<()> {
    let server = Server::start_with(&[("fsync", "on"), ("search_path", "it's, public")])?;
    assert_eq!(query_text(&server.url(), "SHOW fsync")?, "on");
    assert_eq!(query_text(&server.url(), "SHOW synchronous_commit")?, "off");
    assert_eq!(
        query_text(&server.url(), "SHOW search_path")?,
        "it's, public"
    );
    Ok(())
}

#[test]
fn unknown_setting_is_an_error_with_the_log() {
    let error = Server::start_with(&[("no_such_setting", "1")]).unwrap_err();
    assert!(error.to_string().contains("no_such_setting"), "{error:#}");
}

#[test]
fn text_sorts_by_code_point_and_knows_the_case_of_all_letters() -> anyhow::Result<()> {
    let server = Server::start()?;
    let sorted = "SELECT string_agg(t, '' ORDER BY t) FROM unnest(ARRAY['a', 'B', 'é', 'z']) t";
    assert_eq!(query_text(&server.url(), sorted)?, "Bazé");
    if cfg!(target_os = "linux") {
        assert_eq!(query_text(&server.url(), "SELECT upper('é')")?, "É");
    }
    Ok(())
}

#[test]
fn servers_live_side_by_side() -> anyhow::Result<()> {
    let starts: Vec<_> = (0..2).map(|_| thread::spawn(Server::start)).collect();
    let mut servers = Vec::new();
    for start in starts {
        servers.push(
            start
                .join()
                .map_err(|_| anyhow::anyhow!("a start has panicked"))??,
        );
    }
    for server in &servers {
        let port = query_text(&server.url(), "SELECT inet_server_port()::text")?;
        assert_eq!(port, server.port().to_string());
    }
    assert_ne!(servers[0].port(), servers[1].port());
    Ok(())
}

#[test]
fn restarted_server_has_its_data_and_its_address() -> anyhow::Result<()> {
    let server = Server::start()?;
    let (url, first) = (server.url(), server.pid());
    with_session(&url, async |client| {
        Ok(client
            .batch_execute("CREATE TABLE kept AS SELECT 'yes'::text AS word")
            .await?)
    })?;
    server.restart()?;
    assert_ne!(server.pid(), first);
    assert_eq!(server.url(), url);
    assert_eq!(query_text(&url, "SELECT word FROM kept")?, "yes");
    Ok(())
}

#[test]
fn stopped_server_refuses_connections_until_it_is_restarted() -> anyhow::Result<()> {
    let server = Server::start()?;
    server.stop();
    assert_eq!(server.pid(), None);
    assert_eq!(
        server.freeze().unwrap_err().to_string(),
        "a stopped server can't be frozen"
    );
    let refused = TcpStream::connect(("127.0.0.1", server.port())).unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    server.stop();
    server.restart()?;
    assert_eq!(query_text(&server.url(), "SELECT 'back'")?, "back");
    Ok(())
}

#[test]
fn crashed_server_recovers_what_was_committed_durably() -> anyhow::Result<()> {
    let server = Server::start_with(&[("synchronous_commit", "on")])?;
    with_session(&server.url(), async |client| {
        client
            .batch_execute("CREATE TABLE kept AS SELECT 'yes'::text AS word")
            .await?;
        client
            .batch_execute("BEGIN; UPDATE kept SET word = 'open'")
            .await?;
        server.crash();
        assert!(client.batch_execute("COMMIT").await.is_err());
        Ok(())
    })?;
    server.restart()?;
    assert_eq!(query_text(&server.url(), "SELECT word FROM kept")?, "yes");
    Ok(())
}

#[test]
fn frozen_server_keeps_connections_and_answers_only_when_thawed() -> anyhow::Result<()> {
    let server = Server::start()?;
    let (ask, asked) = mpsc::channel();
    let (answer, answered) = mpsc::channel();
    let url = server.url();
    let session = thread::spawn(move || {
        with_session(&url, async |client| {
            while asked.recv().is_ok() {
                client.batch_execute("SELECT 1").await?;
                answer.send(())?;
            }
            Ok(())
        })
    });
    let patience = Duration::from_secs(30);
    ask.send(())?;
    answered
        .recv_timeout(patience)
        .context("the server answers before it is frozen")?;

    server.freeze()?;
    ask.send(())?;
    assert!(answered.recv_timeout(Duration::from_millis(200)).is_err());
    // The operating system still takes connections on behalf of the frozen server.
    TcpStream::connect(("127.0.0.1", server.port()))?;

    server.thaw()?;
    answered
        .recv_timeout(patience)
        .context("the same session goes on after the thaw")?;
    drop(ask);
    session
        .join()
        .map_err(|_| anyhow::anyhow!("the session has panicked"))?
}

#[test]
fn frozen_server_with_open_sessions_is_dropped_without_delay_or_remains() -> anyhow::Result<()> {
    let server = Server::start()?;
    let folder = server.folder().to_owned();
    let postmaster = server.pid().context("the server runs")?;
    let family: Vec<_> = with_session(&server.url(), async |client| {
        client.batch_execute("BEGIN").await?;
        server.freeze()?;
        let all = processes()?.into_iter();
        let family = all.filter(|process| {
            let is_postmaster = process.pid.as_raw_nonzero().get().unsigned_abs() == postmaster;
            let parent = process
                .parent
                .map(|parent| parent.as_raw_nonzero().get().unsigned_abs());
            is_postmaster || parent == Some(postmaster)
        });
        Ok(family
            .map(|process| (process.pid, process.is_stopped))
            .collect())
    })?;
    // The postmaster, the session, and the background processes.
    assert!(family.len() > 4, "{family:?}");
    assert!(
        family.iter().all(|(_, is_stopped)| *is_stopped),
        "{family:?}"
    );

    let start = Instant::now();
    drop(server);
    assert!(
        start.elapsed() < Duration::from_secs(4),
        "dropping took {:?}",
        start.elapsed()
    );
    assert!(!folder.exists());
    let left: Vec<_> = processes()?
        .into_iter()
        .filter(|process| family.iter().any(|(pid, _)| *pid == process.pid))
        .collect();
    assert!(left.is_empty(), "{left:?}");
    Ok(())
}
