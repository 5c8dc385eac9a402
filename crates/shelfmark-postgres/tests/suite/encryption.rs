//! Encrypted connections, by libpq's rules.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use shelfmark_core::config::{PostgresTarget, SslMode};
use shelfmark_core::{ErrorKind, Result, ValueRef};
use shelfmark_postgres::PostgresEngine;
use test_postgres::Server;

use crate::support::{Observer, one, pool_of, read, rows, target};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/suite/certificates")
        .join(name)
}

/// A server with a certificate for `localhost`, and its address under that name.
async fn server() -> anyhow::Result<(Arc<Server>, PostgresTarget)> {
    let server = Arc::new(tokio::task::spawn_blocking(Server::start).await??);
    // The server wants a key that is its own and nobody else's.
    let folder = server.folder().to_owned();
    let owner = std::fs::metadata(&folder)?;
    for name in ["server.pem", "server.key"] {
        let copy = folder.join(name);
        std::fs::copy(fixture(name), &copy)?;
        std::fs::set_permissions(&copy, std::fs::Permissions::from_mode(0o600))?;
        std::os::unix::fs::chown(&copy, Some(owner.uid()), Some(owner.gid()))?;
    }
    let observer = Observer::connect(&server.url()).await?;
    for (setting, value) in [
        (
            "ssl_cert_file",
            folder.join("server.pem").display().to_string(),
        ),
        (
            "ssl_key_file",
            folder.join("server.key").display().to_string(),
        ),
        ("ssl", "on".to_owned()),
    ] {
        observer
            .run(&format!("ALTER SYSTEM SET {setting} = '{value}'"))
            .await?;
    }
    observer.run("SELECT pg_reload_conf()").await?;
    while observer.text("SHOW ssl").await? != "on" {
        tokio::task::yield_now().await;
    }
    let mut target = target(&server.url())?;
    target.hosts = vec![("localhost".to_owned(), server.port())];
    Ok((server, target))
}

async fn open(target: &PostgresTarget) -> Result<PostgresEngine> {
    PostgresEngine::open(target, &pool_of(1), Duration::from_secs(10)).await
}

const ENCRYPTED: &str = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";

#[tokio::test]
async fn certificates_are_believed_by_the_rules_of_libpq() -> anyhow::Result<()> {
    let (_server, target) = server().await?;
    let authority = Some(fixture("authority.pem"));
    let stranger = Some(fixture("stranger.pem"));
    let by_address = ("127.0.0.1".to_owned(), target.hosts[0].1);
    for (mode, root, by_name, expected) in [
        (SslMode::Disable, None, true, Some(false)),
        (SslMode::Prefer, None, true, Some(true)),
        (SslMode::Require, None, false, Some(true)),
        (SslMode::Require, authority.clone(), false, Some(true)),
        (SslMode::Require, stranger.clone(), true, None),
        (SslMode::VerifyCa, authority.clone(), false, Some(true)),
        (SslMode::VerifyCa, stranger.clone(), true, None),
        (SslMode::VerifyCa, None, true, None),
        (SslMode::VerifyFull, authority.clone(), true, Some(true)),
        (SslMode::VerifyFull, authority, false, None),
        (SslMode::VerifyFull, stranger, true, None),
    ] {
        let mut target = target.clone();
        target.ssl_mode = mode;
        target.ssl_root_cert = root;
        if !by_name {
            target.hosts = vec![by_address.clone()];
        }
        let case = format!("{mode:?} {:?} by name: {by_name}", target.ssl_root_cert);
        match (open(&target).await, expected) {
            (Ok(engine), Some(encrypted)) => {
                assert_eq!(
                    one(&engine, ENCRYPTED).await?,
                    ValueRef::Bool(encrypted),
                    "{case}"
                );
            }
            (Err(error), None) => {
                let text = error.to_string();
                let certificate = text.contains("certificate") || text.contains("authorities");
                assert!(certificate, "{case}: {error}");
            }
            (Ok(_), None) => panic!("{case}: was believed"),
            (Err(error), Some(_)) => panic!("{case}: {error:?}"),
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_dropped_query_is_stopped_over_tls_as_well() -> anyhow::Result<()> {
    let (server, mut target) = server().await?;
    target.ssl_mode = SslMode::VerifyFull;
    target.ssl_root_cert = Some(fixture("authority.pem"));
    let engine = open(&target).await?;
    let pid = one(&engine, "SELECT pg_backend_pid()").await?;
    let slow = rows(&engine, read("SELECT pg_sleep(60)", Vec::new()));
    assert!(
        tokio::time::timeout(Duration::from_millis(200), slow)
            .await
            .is_err()
    );
    // The same connection again, so it was proven idle.
    assert_eq!(one(&engine, "SELECT pg_backend_pid()").await?, pid);
    let observer = Observer::connect(&server.url()).await?;
    let active = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'shelfmark' AND state = 'active'";
    assert_eq!(observer.text(active).await?, "0");
    Ok(())
}

#[tokio::test]
async fn a_server_without_tls_is_refused_where_tls_is_asked_for() -> anyhow::Result<()> {
    let server = Arc::new(tokio::task::spawn_blocking(Server::start).await??);
    let mut target = target(&server.url())?;
    target.ssl_mode = SslMode::Prefer;
    let engine = open(&target).await?;
    assert_eq!(one(&engine, ENCRYPTED).await?, ValueRef::Bool(false));
    target.ssl_mode = SslMode::Require;
    let Err(error) = open(&target).await else {
        anyhow::bail!("a plain connection was taken")
    };
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    let place = format!("127.0.0.1:{}/postgres", server.port());
    assert_eq!(
        error.to_string(),
        format!("the server of {place} offers no TLS, and sslmode asks for it")
    );
    Ok(())
}

#[tokio::test]
async fn a_file_of_authorities_that_cannot_be_used_is_told_by_name() -> anyhow::Result<()> {
    let mut target = PostgresTarget::new("localhost", 1, "user", "films");
    target.ssl_mode = SslMode::VerifyFull;
    for (file, message) in [
        (
            "no-such-file.pem",
            "no-such-file.pem of sslrootcert cannot be read",
        ),
        (
            "README.md",
            "README.md of sslrootcert has no certificates; name a PEM file with sslrootcert",
        ),
    ] {
        target.ssl_root_cert = Some(fixture(file));
        let Err(error) = open(&target).await else {
            anyhow::bail!("{file} was taken")
        };
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        assert!(error.to_string().ends_with(message), "{error}");
    }
    Ok(())
}
