//! The servers' own scripts of `deploy/`: the replica is made, promoted, and the old primary becomes its replica.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};

use crate::daemon::{Account, Daemon, free_port, program};
use crate::deployment::start_pgbouncer;
use crate::files::{Filled, deploy};

const USER: &str = "catalog";
const PASSWORD: &str = "a5c0ffee";
/// Two names of this machine, as the two servers have two names among the containers.
const ONE: &str = "127.0.0.1";
const OTHER: &str = "localhost";

/// What the image's own entry point does, in short: makes the folder, runs primary.sh, and becomes the server.
const ENTRY_POINT: &str = r#"#!/bin/sh
set -eu
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    printf '%s' "$POSTGRES_PASSWORD" >password
    initdb --username="$POSTGRES_USER" --pwfile=password --auth-local=trust --auth-host=scram-sha-256 >/dev/null
    echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
    pg_ctl --wait --options="-c listen_addresses= -c unix_socket_directories=$PWD" --log=init.log start
    export PGHOST="$PWD"
    createdb --username="$POSTGRES_USER" "$POSTGRES_DB"
    sh primary.sh
    unset PGHOST
    pg_ctl --wait --mode=fast stop
fi
exec "$@"
"#;

/// One of the two servers, with its folder.
struct Node {
    name: &'static str,
    port: u16,
    folder: PathBuf,
}

impl Node {
    fn new(root: &Path, name: &'static str) -> Result<Node> {
        let folder = root.join(name);
        fs::create_dir_all(folder.join("data"))?;
        fs::set_permissions(folder.join("data"), fs::Permissions::from_mode(0o700))?;
        fs::write(folder.join("docker-entrypoint.sh"), ENTRY_POINT)?;
        fs::set_permissions(
            folder.join("docker-entrypoint.sh"),
            fs::Permissions::from_mode(0o755),
        )?;
        for script in ["primary.sh", "start.sh", "health.sh"] {
            Filled::read(&format!("postgres/{script}"))?.write(&folder.join(script))?;
        }
        Ok(Node {
            name,
            port: free_port()?,
            folder,
        })
    }

    /// The script with what compose.yaml gives it, told that `primary` is the primary.
    fn script(&self, script: &str, primary: &Node) -> Result<Command> {
        let programs = test_postgres::Programs::find()?;
        let path = format!(
            "{}:{}:/usr/local/bin:/usr/bin:/bin",
            self.folder.display(),
            programs.folder().display()
        );
        let mut command = Command::new("/bin/sh");
        command
            .arg(self.folder.join(script))
            .env_clear()
            .env("PATH", path)
            .env("PGDATA", self.folder.join("data"))
            .env("PGPORT", self.port.to_string())
            .env("NODE", self.name)
            .env("PRIMARY_HOST", primary.name)
            .env("PRIMARY_PORT", primary.port.to_string())
            .env("POSTGRES_USER", USER)
            .env("POSTGRES_PASSWORD", PASSWORD)
            .env("POSTGRES_DB", "catalog")
            .env("REPLICATION_USER", "replication")
            .env("REPLICATION_PASSWORD", "b0bbed");
        Ok(command)
    }

    fn start(&self, primary: &Node) -> Result<Daemon> {
        let mut command = self.script("start.sh", primary)?;
        for setting in [
            "listen_addresses=127.0.0.1".to_owned(),
            format!("unix_socket_directories={}", self.folder.display()),
            "wal_level=replica".to_owned(),
            "max_wal_senders=5".to_owned(),
            "max_slot_wal_keep_size=4GB".to_owned(),
        ] {
            command.args(["-c", &setting]);
        }
        if let Some(account) = Account::unprivileged()? {
            account.give(&self.folder.join("data"))?;
        }
        Daemon::start(&self.folder, &command, Account::unprivileged()?, self.port)
    }

    fn is_well(&self, primary: &Node) -> Result<bool> {
        Ok(self
            .script("health.sh", primary)?
            .output()?
            .status
            .success())
    }

    fn query(&self, port: u16, statement: &str) -> Result<String> {
        let asked = Command::new(program("psql")?)
            .args([
                "--no-psqlrc",
                "--quiet",
                "--no-align",
                "--tuples-only",
                "--host=127.0.0.1",
                "--dbname=catalog",
            ])
            .args([
                format!("--port={port}"),
                format!("--username={USER}"),
                format!("--command={statement}"),
            ])
            .env("PGPASSWORD", PASSWORD)
            .env("PGCONNECT_TIMEOUT", "5")
            .output()?;
        said(&asked)
    }

    /// `pg_ctl` as the user of the server, as the README says it.
    fn control(&self, words: &[&str]) -> Result<()> {
        let programs = test_postgres::Programs::find()?;
        let mut command = Command::new(programs.folder().join("pg_ctl"));
        command
            .args(words)
            .arg("-D")
            .arg(self.folder.join("data"))
            .current_dir(&self.folder);
        if let Some(account) = Account::unprivileged()? {
            account.take(&mut command);
        }
        said(&command.output()?)?;
        Ok(())
    }

    fn stop(&self, mode: &str) -> Result<()> {
        self.control(&["stop", "-m", mode])
    }

    fn ask(&self, statement: &str) -> Result<String> {
        self.query(self.port, statement)
    }
}

fn said(output: &Output) -> Result<String> {
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn until(what: &str, mut is_so: impl FnMut() -> Result<bool>) -> Result<()> {
    let end = Instant::now() + Duration::from_secs(30);
    while !is_so()? {
        ensure!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

#[test]
fn a_replica_is_promoted_and_the_old_primary_comes_back_as_nothing_but_its_replica() -> Result<()> {
    let root = tempfile::tempdir()?;
    fs::set_permissions(root.path(), fs::Permissions::from_mode(0o755))?;
    let (one, other) = (Node::new(root.path(), ONE)?, Node::new(root.path(), OTHER)?);
    let first = one.start(&one)?;
    let second = other.start(&one)?;
    until("the replica is not well", || other.is_well(&one))?;
    assert!(one.is_well(&one)?);
    let pooler = free_port()?;
    let place = root.path().join("pgbouncer");
    let pgbouncer = start_pgbouncer(&place, (ONE, one.port), pooler, USER, PASSWORD)?;
    assert!(answers_through(pooler)?);
    one.query(
        pooler,
        "CREATE TABLE kept (id integer); INSERT INTO kept VALUES (1)",
    )?;
    until("the replica does not follow", || {
        Ok(
            other.ask("SELECT count(*) FROM pg_tables WHERE tablename = 'kept'")? == "1"
                && other.ask("SELECT count(*) FROM kept")? == "1",
        )
    })?;

    // The primary is lost. A replica that follows nobody answers, and is not well.
    one.stop("immediate")?;
    drop(first);
    until("a replica without a primary looks well", || {
        Ok(!other.is_well(&one)?)
    })?;
    assert_eq!(other.ask("SELECT count(*) FROM kept")?, "1");
    assert!(!answers_through(pooler)?);

    // Promoted, it is the primary for the pooler as soon as that knows its name.
    other.control(&["promote"])?;
    assert!(other.is_well(&one)?);
    drop(pgbouncer);
    let pgbouncer = start_pgbouncer(&place, (OTHER, other.port), pooler, USER, PASSWORD)?;
    assert!(answers_through(pooler)?);
    other.query(pooler, "INSERT INTO kept VALUES (2)")?;

    // It stays the primary when its container is made anew, and the old one does not come back beside it.
    other.stop("fast")?;
    drop(second);
    let _second = other.start(&other)?;
    match one.start(&other) {
        Ok(_) => bail!("there are two primaries"),
        Err(error) => assert!(
            error
                .to_string()
                .contains("was a primary, and localhost is it now"),
            "{error}"
        ),
    }
    fs::remove_dir_all(one.folder.join("data"))?;
    fs::create_dir(one.folder.join("data"))?;
    fs::set_permissions(one.folder.join("data"), fs::Permissions::from_mode(0o700))?;
    let first = one.start(&other)?;
    until("the old primary does not follow", || one.is_well(&other))?;
    other.query(pooler, "INSERT INTO kept VALUES (3)")?;
    until("the new replica does not follow", || {
        Ok(one.ask("SELECT count(*) FROM kept")? == "3")
    })?;

    // A replica that is begun anew gets a slot of its own, also where that of an earlier copy is.
    one.stop("fast")?;
    drop(first);
    fs::remove_dir_all(one.folder.join("data"))?;
    fs::create_dir(one.folder.join("data"))?;
    fs::set_permissions(one.folder.join("data"), fs::Permissions::from_mode(0o700))?;
    let _first = one.start(&other)?;
    until("the replica that was made anew does not follow", || {
        one.is_well(&other)
    })?;
    assert_eq!(
        other.ask("SELECT count(*) FROM pg_replication_slots WHERE active")?,
        "1"
    );
    drop(pgbouncer);
    Ok(())
}

/// What the container of PgBouncer asks itself.
fn answers_through(port: u16) -> Result<bool> {
    let programs = test_postgres::Programs::find()?;
    let asked = Command::new("/bin/sh")
        .arg(deploy().join("pgbouncer/health.sh"))
        .env_clear()
        .env(
            "PATH",
            format!("{}:/usr/bin:/bin", programs.folder().display()),
        )
        .env("LISTEN_PORT", port.to_string())
        .env("POSTGRES_USER", USER)
        .env("POSTGRES_PASSWORD", PASSWORD)
        .env("POSTGRES_DB", "catalog")
        .output()?;
    Ok(asked.status.success())
}
