//! A server ends with the process that owns it, however that process ends.
//!
//! Each test runs itself again as a second process, the owner, which finds `OWNER` in its
//! environment. All of the owner's files are in a temporary folder of the test.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process_group};
use test_postgres::{Server, processes};

const OWNER: &str = "TEST_POSTGRES_OWNER";
const LIMIT: Duration = Duration::from_secs(60);

/// Whether this process is the owner that a test has started.
fn is_owner() -> bool {
    env::var_os(OWNER).is_some()
}

/// A temporary folder that PostgreSQL's account can enter, for the owner's `TMPDIR`.
fn open_folder() -> anyhow::Result<tempfile::TempDir> {
    let folder = tempfile::tempdir()?;
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
    Ok(folder)
}

/// Runs the test `name` again, as the owner, in a process group of its own.
fn start_owner(name: &str, folder: &Path) -> anyhow::Result<Child> {
    Ok(Command::new(env::current_exe()?)
        .args(["--exact", name, "--nocapture"])
        .env(OWNER, "1")
        .env("TMPDIR", folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .process_group(0)
        .spawn()?)
}

fn wait_for<T>(
    what: &str,
    mut look: impl FnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let deadline = Instant::now() + LIMIT;
    while Instant::now() < deadline {
        if let Some(found) = look()? {
            return Ok(found);
        }
        thread::sleep(Duration::from_millis(5));
    }
    bail!("waited in vain for {what}")
}

/// The folder of the server, once a program has been started in it, and that program's id.
fn wait_for_program(folder: &Path) -> anyhow::Result<(PathBuf, Pid)> {
    wait_for("a program of the server", || {
        for entry in fs::read_dir(folder)?.flatten() {
            let noted = fs::read_to_string(entry.path().join("run/pid")).unwrap_or_default();
            if let Some(pid) = first_word(&noted).and_then(Pid::from_raw) {
                return Ok(Some((entry.path(), pid)));
            }
        }
        Ok(None)
    })
}

fn first_word(text: &str) -> Option<i32> {
    text.split_whitespace().next()?.parse().ok()
}

/// Waits for the line with which the owner says that its server runs, and its postmaster's id.
fn wait_for_server(owner: &mut Child) -> anyhow::Result<Pid> {
    // Borrowed, not taken: the owner writes more later and must not find the pipe closed.
    let output = owner
        .stdout
        .as_mut()
        .context("the owner's output is a pipe")?;
    for line in BufReader::new(output).lines() {
        if let Some((_, pid)) = line?.split_once("postmaster ") {
            return Pid::from_raw(pid.parse()?).context("a process id is not zero");
        }
    }
    bail!("the owner has ended without starting a server")
}

fn say_that_it_runs(server: &Server) {
    println!("postmaster {}", server.pid().unwrap_or_default());
}

/// All processes that have `ancestor` among theirs, and itself.
fn family_of(ancestor: Pid) -> anyhow::Result<Vec<Pid>> {
    let all = processes()?;
    let mut family = vec![ancestor];
    let mut next = 0;
    while let Some(&parent) = family.get(next) {
        family.extend(
            all.iter()
                .filter(|p| p.parent == Some(parent))
                .map(|p| p.pid),
        );
        next += 1;
    }
    Ok(family)
}

fn wait_until_nothing_is_left(folder: &Path, family: &[Pid]) -> anyhow::Result<()> {
    wait_for("the server's folder to go", || {
        Ok(fs::read_dir(folder)?.next().is_none().then_some(()))
    })?;
    wait_for("the server's processes to go", || {
        let are_left = processes()?
            .iter()
            .any(|process| family.contains(&process.pid));
        Ok((!are_left).then_some(()))
    })
}

/// Waits until somebody kills this process. When the test itself is killed, the pipe to it ends,
/// and the owner with it.
fn wait_for_the_end() {
    let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
}

#[test]
fn killed_owner_leaves_no_server_behind() -> anyhow::Result<()> {
    if is_owner() {
        let server = Server::start()?;
        say_that_it_runs(&server);
        wait_for_the_end();
        return Ok(());
    }
    let folder = open_folder()?;
    let mut owner = start_owner("killed_owner_leaves_no_server_behind", folder.path())?;
    let postmaster = wait_for_server(&mut owner)?;
    let family = family_of(postmaster)?;
    assert!(family.len() > 3, "{family:?}");
    // With its whole process group, as test runners and terminals do it.
    kill_process_group(Pid::from_child(&owner), Signal::KILL)?;
    owner.wait()?;
    wait_until_nothing_is_left(folder.path(), &family)
}

#[test]
fn killed_owner_of_a_frozen_server_leaves_nothing_behind() -> anyhow::Result<()> {
    if is_owner() {
        let server = Server::start()?;
        server.freeze()?;
        say_that_it_runs(&server);
        wait_for_the_end();
        return Ok(());
    }
    let folder = open_folder()?;
    let name = "killed_owner_of_a_frozen_server_leaves_nothing_behind";
    let mut owner = start_owner(name, folder.path())?;
    let postmaster = wait_for_server(&mut owner)?;
    let family = family_of(postmaster)?;
    owner.kill()?;
    owner.wait()?;
    wait_until_nothing_is_left(folder.path(), &family)
}

#[test]
fn owner_killed_while_its_server_starts_leaves_nothing_behind() -> anyhow::Result<()> {
    if is_owner() {
        let _server = Server::start()?;
        wait_for_the_end();
        return Ok(());
    }
    let folder = open_folder()?;
    let name = "owner_killed_while_its_server_starts_leaves_nothing_behind";
    let mut owner = start_owner(name, folder.path())?;
    let (_, program) = wait_for_program(folder.path())?;
    let family = family_of(program)?;
    owner.kill()?;
    owner.wait()?;
    wait_until_nothing_is_left(folder.path(), &family)
}

#[test]
fn server_in_a_static_ends_with_its_process() -> anyhow::Result<()> {
    static SERVER: OnceLock<Server> = OnceLock::new();
    if is_owner() {
        let server = SERVER.get_or_init(|| Server::start().unwrap());
        say_that_it_runs(server);
        return Ok(());
    }
    let folder = open_folder()?;
    let mut owner = start_owner("server_in_a_static_ends_with_its_process", folder.path())?;
    let postmaster = wait_for_server(&mut owner)?;
    let family = family_of(postmaster).unwrap_or_default();
    assert!(owner.wait()?.success());
    wait_until_nothing_is_left(folder.path(), &family)
}

#[test]
fn failed_start_leaves_nothing_behind() -> anyhow::Result<()> {
    if is_owner() {
        assert!(Server::start_with(&[("no_such_setting", "1")]).is_err());
        let left = fs::read_dir(env::temp_dir())?.count();
        assert_eq!(left, 0);
        return Ok(());
    }
    let folder = open_folder()?;
    let mut owner = start_owner("failed_start_leaves_nothing_behind", folder.path())?;
    assert!(owner.wait()?.success());
    Ok(())
}
