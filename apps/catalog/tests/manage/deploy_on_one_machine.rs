//! What `deploy/systemd/configs.sh` writes for a machine without containers, read by the programs themselves.

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use crate::files::deploy;

/// Runs the script, and answers the folder with what it wrote.
fn configs() -> Result<tempfile::TempDir> {
    let folder = tempfile::tempdir()?;
    let made = Command::new("/bin/sh")
        .arg(deploy().join("systemd/configs.sh"))
        .arg(folder.path())
        .env("POSTGRES_USER", "catalog")
        .env("POSTGRES_PASSWORD", "one\"two")
        .env("REDIS_PASSWORD", "three")
        .output()?;
    ensure!(
        made.status.success() && made.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    Ok(folder)
}

fn text(folder: &Path, name: &str) -> Result<String> {
    fs::read_to_string(folder.join(name)).with_context(|| name.to_owned())
}

#[test]
fn without_containers_nothing_listens_but_on_this_machine_and_no_place_of_a_container_is_left()
-> Result<()> {
    let folder = configs()?;
    for (name, line) in [
        ("nginx.conf", "listen 127.0.0.1:8080;"),
        (
            "nginx.conf",
            "server 127.0.0.1:8081 max_fails=1 fail_timeout=2s;",
        ),
        (
            "nginx.conf",
            "server 127.0.0.1:8082 max_fails=1 fail_timeout=2s;",
        ),
        // Which the package's unit waits for.
        ("nginx.conf", "pid /run/nginx.pid;"),
        ("pgbouncer.ini", "listen_addr = 127.0.0.1"),
        ("pgbouncer.ini", "* = host=127.0.0.1 port=5432"),
        ("pgbouncer.ini", "auth_file = /etc/pgbouncer/userlist.txt"),
        ("userlist.txt", "\"catalog\" \"one\"\"two\""),
        ("redis.conf", "bind 127.0.0.1"),
        ("redis.conf", "dir /var/lib/redis"),
        ("redis.conf", "requirepass three"),
    ] {
        let text = text(folder.path(), name)?;
        assert!(
            text.lines().any(|known| known.trim() == line),
            "{name} has no `{line}`:\n{text}"
        );
    }
    for name in ["nginx.conf", "pgbouncer.ini", "redis.conf"] {
        let text = text(folder.path(), name)?;
        for place in [
            "catalog-1",
            "catalog-2",
            "172.31",
            "127.0.0.11",
            "0.0.0.0",
            "/tmp",
            "/dev/stdout",
            "/run/pgbouncer",
            "dir /data",
        ] {
            assert!(!text.contains(place), "{name} has {place}");
        }
    }
    Ok(())
}

#[test]
fn nginx_takes_what_is_written_for_a_machine_with_a_socket_as_its_output() -> Result<()> {
    let folder = configs()?;
    // Only what the test itself may write to is elsewhere.
    let conf = text(folder.path(), "nginx.conf")?;
    let place = folder.path().display();
    let conf = conf
        .replace("/var/log/nginx/", &format!("{place}/"))
        .replace("/run/nginx.pid", &format!("{place}/pid"));
    let file = folder.path().join("nginx.conf");
    fs::write(&file, conf)?;
    let program = ["/usr/sbin/nginx", "/usr/bin/nginx", "/usr/local/sbin/nginx"];
    let program = program.iter().find(|path| Path::new(path).is_file());
    let program =
        program.context("nginx is not on this machine; `cargo xtask test` installs it")?;
    // As under journald.
    let (output, _journal) = UnixStream::pair()?;
    let tested = Command::new(program)
        .args(["-t", "-q", "-e", "stderr", "-c"])
        .arg(&file)
        .stdout(Stdio::from(std::os::fd::OwnedFd::from(output)))
        .output()?;
    let said = String::from_utf8_lossy(&tested.stderr).into_owned();
    // Who is not root cannot become www-data, and is warned of it.
    let ours: Vec<&str> = said
        .lines()
        .filter(|line| !line.contains("\"user\" directive makes sense only"))
        .collect();
    assert!(tested.status.success() && ours.is_empty(), "{said}");
    Ok(())
}
