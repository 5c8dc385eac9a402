//! Who a client is, behind nginx: who connects, whatever is said in headers.

use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::daemon::{Daemon, free_port};
use crate::deployment::start_nginx;

/// One request from `from`, with what the client says of itself; the status of the answer.
async fn ask(from: &str, nginx: u16, said: &str) -> Result<u16> {
    let socket = tokio::net::TcpSocket::new_v4()?;
    socket.bind(SocketAddr::new(from.parse()?, 0))?;
    let stream = socket
        .connect(SocketAddr::new("127.0.0.1".parse()?, nginx))
        .await?;
    let mut stream = stream.into_std()?;
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let request = format!(
        "GET /genres HTTP/1.1\r\nhost: films\r\nx-forwarded-for: {said}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let status = answer.split(' ').nth(1).context("no answer")?;
    Ok(status.parse()?)
}

#[tokio::test]
async fn a_client_is_who_connects_to_nginx_whatever_it_says() -> Result<()> {
    let folder = tempfile::tempdir()?;
    std::fs::set_permissions(
        folder.path(),
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )?;
    let (instance, published) = (free_port()?, free_port()?);
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_catalog"));
    command
        .args(["serve", "--behind-proxy", "--rate-limit", "3/1h", "--addr"])
        .arg(format!("127.0.0.1:{instance}"))
        .env(
            "DATABASE_URL",
            format!("sqlite://{}/films.db", folder.path().display()),
        );
    let _instance = Daemon::start(&folder.path().join("instance"), &command, None, instance)?;
    let _nginx = start_nginx(
        &folder.path().join("nginx"),
        &[instance, free_port()?],
        published,
    )?;

    for (said, expected) in [
        ("192.0.2.1", 200),
        ("192.0.2.2", 200),
        ("10.0.0.1, 192.0.2.3", 200),
        ("192.0.2.4", 429),
    ] {
        assert_eq!(ask("127.0.0.1", published, said).await?, expected, "{said}");
    }
    // Somebody else is somebody else, whoever it says it is.
    assert_eq!(ask("127.0.0.2", published, "127.0.0.1").await?, 200);
    Ok(())
}
