//! The deployment of `deploy/`, on loopback ports: its own files, with other places in them.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Context as _, Result, ensure};

use crate::daemon::{Account, Daemon, free_port, program};
use crate::files::{self, Filled};

/// The database that the settings name.
const DATABASE: &str = "catalog";

/// Everything that runs. Fields are ended in their order: clients before what they need.
pub struct Deployment {
    pub nginx: Daemon,
    pub instances: Vec<Option<Daemon>>,
    pub pgbouncer: Daemon,
    pub replica: test_postgres::Server,
    pub primary: test_postgres::Server,
    pub redis: test_redis::Server,
    /// Where users find it.
    pub url: String,
    ports: Vec<u16>,
    settings: Vec<(String, String)>,
    folder: tempfile::TempDir,
}

impl Deployment {
    pub fn start() -> Result<Deployment> {
        let folder = tempfile::tempdir()?;
        // Programs of other accounts have to get there.
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(folder.path(), open)?;
        // As in production, and unlike other tests: what is acknowledged has to survive a crash.
        let durable = ["fsync", "synchronous_commit", "full_page_writes"].map(|name| (name, "on"));
        let primary = test_postgres::Server::start_with(&durable)?;
        let replica = primary.replica()?;
        let redis_settings = files::redis()?;
        let redis_settings: Vec<(&str, &str)> = redis_settings
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let redis = test_redis::Server::start_with(&redis_settings)?;

        let (user, encoded) = primary
            .url()
            .strip_prefix("postgres://")
            .and_then(|rest| rest.split_once('@')?.0.split_once(':').map(owned))
            .context("no password in the server's URL")?;
        let password = encoded.replace("%40", "@");
        let pooler = free_port()?;
        let pgbouncer = start_pgbouncer(
            &folder.path().join("pgbouncer"),
            ("127.0.0.1", primary.port()),
            pooler,
            &user,
            &password,
        )?;

        let redis_place = format!("127.0.0.1:{}", redis.port());
        let redis_password = redis.password().replace('@', "%40");
        let settings = files::environment(
            "catalog-1",
            &[
                ("POSTGRES_USER", user.as_str()),
                ("POSTGRES_PASSWORD", encoded.as_str()),
                ("POSTGRES_DB", DATABASE),
                ("REDIS_PASSWORD", redis_password.as_str()),
                ("CATALOG_RATE_LIMIT", "1000000/1s"),
                ("RUST_LOG", "warn,catalog=info"),
                ("PRIMARY_HOST", "postgres"),
                ("REPLICA_HOST", "replica"),
            ],
            &[
                ("pgbouncer:6432", &format!("127.0.0.1:{pooler}")),
                ("postgres:5432", &format!("127.0.0.1:{}", primary.port())),
                ("replica:5432", &format!("127.0.0.1:{}", replica.port())),
                ("redis:6379", &redis_place),
            ],
        )?;
        let ports = vec![free_port()?, free_port()?];
        // As the service `init` does, before there is any instance; the server comes without the database.
        let made = catalog(&settings, &["manage", "init-db"], folder.path())
            .env("DATABASE_URL", direct(&primary))
            .output()?;
        ensure!(
            made.status.success(),
            "{}",
            String::from_utf8_lossy(&made.stderr)
        );

        let instances = ports
            .iter()
            .map(|&port| start_instance(folder.path(), &settings, port).map(Some))
            .collect::<Result<Vec<_>>>()?;
        let published = free_port()?;
        let nginx = start_nginx(&folder.path().join("nginx"), &ports, published)?;
        Ok(Deployment {
            nginx,
            instances,
            pgbouncer,
            replica,
            primary,
            redis,
            url: format!("http://127.0.0.1:{published}"),
            ports,
            settings,
            folder,
        })
    }

    /// Runs the program with what an instance has in its environment.
    pub fn run(&self, arguments: &[&str]) -> Result<Output> {
        Ok(catalog(&self.settings, arguments, self.folder.path()).output()?)
    }

    /// Ends an instance as the system does when memory runs out.
    pub fn kill(&self, instance: usize) -> Result<()> {
        self.instances[instance]
            .as_ref()
            .context("it does not run")?
            .kill()
    }

    /// Starts an instance that was killed.
    pub fn start_again(&mut self, instance: usize) -> Result<()> {
        drop(self.instances[instance].take());
        let port = self.ports[instance];
        self.instances[instance] = Some(start_instance(self.folder.path(), &self.settings, port)?);
        Ok(())
    }

    /// Where an instance listens, as nginx says it.
    pub fn address(&self, instance: usize) -> String {
        format!("127.0.0.1:{}", self.ports[instance])
    }

    /// The address of the database on the primary itself, past the pooler.
    pub fn direct(&self) -> String {
        direct(&self.primary)
    }
}

fn direct(primary: &test_postgres::Server) -> String {
    format!("{}/{DATABASE}", primary.url().trim_end_matches("/postgres"))
}

fn owned((user, password): (&str, &str)) -> (String, String) {
    (user.to_owned(), password.to_owned())
}

fn catalog(settings: &[(String, String)], arguments: &[&str], folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_catalog"));
    command
        .env_clear()
        .envs(settings.iter().map(|(name, value)| (name, value)))
        .current_dir(folder)
        .args(arguments);
    command
}

fn start_instance(folder: &Path, settings: &[(String, String)], port: u16) -> Result<Daemon> {
    let mut command = catalog(settings, &["serve"], folder);
    command.env("CATALOG_ADDR", format!("127.0.0.1:{port}"));
    let daemon = Daemon::start(&folder.join(port.to_string()), &command, None, port)?;
    // It listens before it has looked at its database, so the first answer comes when it is ready.
    ureq::get(format!("http://127.0.0.1:{port}/readyz"))
        .call()
        .with_context(|| daemon.log())?;
    Ok(daemon)
}

/// PgBouncer as its container starts it.
pub fn start_pgbouncer(
    folder: &Path,
    (host, primary): (&str, u16),
    port: u16,
    user: &str,
    password: &str,
) -> Result<Daemon> {
    fs::create_dir_all(folder)?;
    let place = folder.display();
    Filled::read("pgbouncer.ini")?
        .with("listen_addr = 0.0.0.0", "listen_addr = 127.0.0.1")?
        .with("listen_port = 6432", &format!("listen_port = {port}"))?
        .with("/run/pgbouncer/", &format!("{place}/"))?
        .write(&folder.join("pgbouncer.ini"))?;
    Filled::read("pgbouncer/start.sh")?
        .with("/etc/pgbouncer/", &format!("{place}/"))?
        .with("/run/pgbouncer/", &format!("{place}/"))?
        .with(
            "exec pgbouncer",
            &format!("exec {}", program("pgbouncer")?.display()),
        )?
        .write(&folder.join("start.sh"))?;
    let mut command = Command::new("/bin/sh");
    command
        .arg(folder.join("start.sh"))
        .env("POSTGRES_USER", user)
        .env("POSTGRES_PASSWORD", password)
        .env("PRIMARY_HOST", host)
        .env("PRIMARY_PORT", primary.to_string());
    Daemon::start(folder, &command, Account::unprivileged()?, port)
}

/// nginx before instances on `ports`, published on another one.
pub fn start_nginx(folder: &Path, ports: &[u16], published: u16) -> Result<Daemon> {
    fs::create_dir_all(folder)?;
    let mut conf = Filled::read("nginx.conf")?
        .with("listen 8080;", &format!("listen 127.0.0.1:{published};"))?
        .with("/tmp/", &format!("{}/", folder.display()))?;
    for (number, port) in (1..).zip(ports) {
        conf = conf.with(
            &format!("catalog-{number}:8080 resolve"),
            &format!("127.0.0.1:{port}"),
        )?;
    }
    conf.write(&folder.join("nginx.conf"))?;
    let mut command = Command::new(program("nginx")?);
    command
        .args(["-e", "stderr", "-g", "daemon off;", "-p"])
        .arg(folder)
        .arg("-c")
        .arg(folder.join("nginx.conf"));
    Daemon::start(folder, &command, None, published)
}
