//! A program of the machine that runs as long as its owner, with a folder and a log of its own.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

const START: Duration = Duration::from_secs(30);

/// A running program; ended when dropped, and by a script when this process dies.
#[derive(Debug)]
pub struct Daemon {
    script: Child,
    folder: PathBuf,
}

/// Whom programs run as that refuse root.
#[derive(Clone, Copy, Debug)]
pub struct Account(u32, u32);

impl Account {
    /// `postgres` or `nobody`; only root needs and may use another account.
    pub fn unprivileged() -> Result<Option<Account>> {
        let id = Command::new("id").arg("-u").output()?;
        if id.stdout != b"0\n" {
            return Ok(None);
        }
        let accounts = fs::read_to_string("/etc/passwd")?;
        let found = ["postgres", "nobody"].into_iter().find_map(|name| {
            let line = accounts
                .lines()
                .find(|line| line.split(':').next() == Some(name))?;
            let mut ids = line.split(':').skip(2);
            Some(Account(
                ids.next()?.parse().ok()?,
                ids.next()?.parse().ok()?,
            ))
        });
        Ok(Some(found.context(
            "neither postgres nor nobody is an account here",
        )?))
    }

    /// Makes the account the owner of a folder.
    pub fn give(self, folder: &Path) -> Result<()> {
        Ok(chown(folder, Some(self.0), Some(self.1))?)
    }

    /// Lets a command run as the account.
    pub fn take(self, command: &mut Command) {
        command.uid(self.0).gid(self.1);
    }
}

impl Daemon {
    /// Runs `command` in `folder`, which becomes that of `account`, and waits until somebody listens on `port`.
    pub fn start(
        folder: &Path,
        command: &Command,
        account: Option<Account>,
        port: u16,
    ) -> Result<Daemon> {
        fs::create_dir_all(folder)?;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
        let _ = fs::remove_file(folder.join("pid"));
        let mut script = Command::new("/bin/sh");
        script
            .args(["-c", include_str!("owner.sh"), "topology-owner"])
            .arg(folder)
            .arg(command.get_program())
            .args(command.get_args())
            .env_clear()
            .env(
                "PATH",
                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/homebrew/bin",
            )
            .envs(
                command
                    .get_envs()
                    .filter_map(|(name, value)| Some((name, value?))),
            )
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0);
        if let Some(Account(uid, gid)) = account {
            chown(folder, Some(uid), Some(gid))?;
            for file in fs::read_dir(folder)? {
                chown(file?.path(), Some(uid), Some(gid))?;
            }
            script.uid(uid).gid(gid);
        }
        let daemon = Daemon {
            script: script.spawn()?,
            folder: folder.to_owned(),
        };
        let until = Instant::now() + START;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if Instant::now() > until || daemon.is_gone() {
                bail!(
                    "{command:?} does not listen on port {port}:\n{}",
                    daemon.log()
                );
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(daemon)
    }

    /// The id of the program.
    pub fn pid(&self) -> Result<u32> {
        let pid = fs::read_to_string(self.folder.join("pid"))?;
        Ok(pid.trim().parse()?)
    }

    /// Ends the program at once, as the system does when memory runs out.
    pub fn kill(&self) -> Result<()> {
        let sent = Command::new("kill")
            .args(["-KILL", &self.pid()?.to_string()])
            .status()?;
        anyhow::ensure!(sent.success(), "kill failed");
        Ok(())
    }

    /// The end of what the program has said.
    pub fn log(&self) -> String {
        let log = fs::read(self.folder.join("log")).unwrap_or_default();
        let start = log.len().saturating_sub(4_000);
        String::from_utf8_lossy(&log[start..]).into_owned()
    }

    /// Whether the program has ended by itself.
    fn is_gone(&self) -> bool {
        let Ok(pid) = self.pid() else {
            return false;
        };
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"));
        match stat {
            Ok(stat) => stat.contains(") Z "),
            // Where there is no /proc, the time decides.
            Err(_) => Path::new("/proc/self/stat").exists(),
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.script.stdin.take());
        let _ = self.script.wait();
        if std::thread::panicking() {
            eprintln!("the end of {}/log:\n{}", self.folder.display(), self.log());
        }
    }
}

/// A port of 127.0.0.1 that is free now, below those that systems hand out by themselves.
pub fn free_port() -> Result<u16> {
    let mut tried = std::process::id() as u16;
    for _ in 0..1_000 {
        let random = tempfile::Builder::new().tempdir()?;
        // A name nobody else has is as random as a number.
        for byte in random.path().to_string_lossy().bytes() {
            tried = tried.wrapping_mul(31).wrapping_add(u16::from(byte));
        }
        let port = 15_000 + tried % 17_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no port of 127.0.0.1 is free")
}

/// A program on the PATH, or where packages put what only administrators call.
pub fn program(name: &str) -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(
        [
            "/usr/sbin",
            "/usr/local/sbin",
            "/usr/bin",
            "/opt/homebrew/bin",
        ]
        .map(PathBuf::from),
    );
    let found = folders
        .map(|folder| folder.join(name))
        .find(|path| path.is_file());
    found.with_context(|| format!("{name} is not on this machine; `cargo xtask test` installs it"))
}
