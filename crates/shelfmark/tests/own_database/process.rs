//! This program once more, as another process that runs one of its ignored tests.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::project::Project;

const FOLDER: &str = "OWN_DATABASE_FOLDER";
const SQL: &str = "OWN_DATABASE_SQL";
/// Begins the line with which a process tells something.
const TOLD: &str = "told: ";

/// A process that runs a test, ended with its handle.
pub(crate) struct Process {
    child: Child,
    output: BufReader<ChildStdout>,
    line: String,
}

impl Process {
    /// Starts the ignored test `name` for a project and its migrations.
    pub(crate) fn start(name: &str, project: &Project, sql: &str) -> Process {
        let mut child = command(name)
            .env(FOLDER, &project.folder)
            .env(SQL, sql)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Process {
            child,
            output,
            line: String::new(),
        }
    }

    /// Whether the ignored test `name` passes where no server is named.
    pub(crate) fn without_server(name: &str, ci: bool) -> bool {
        let mut command = command(name);
        command.env_remove("TEST_DATABASE_URL").env_remove("CI");
        if ci {
            command.env("CI", "true");
        }
        let output = command.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(text.contains("running 1 test"), "{text}");
        output.status.success()
    }

    /// Waits until the process tells something.
    pub(crate) fn begun(mut self) -> Self {
        for line in self.output.by_ref().lines() {
            if let Some((_, told)) = line.unwrap().split_once(TOLD) {
                told.clone_into(&mut self.line);
                return self;
            }
        }
        panic!("the process ended without a word");
    }

    /// What it told.
    pub(crate) fn line(&self) -> &str {
        &self.line
    }

    /// Waits for what the process tells, and for its end.
    pub(crate) fn told(self) -> String {
        let told = self.begun();
        let line = told.line.clone();
        told.ends_well();
        line
    }

    /// Lets the process go on, and waits for its end.
    pub(crate) fn ends_well(mut self) {
        drop(self.child.stdin.take());
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).unwrap();
        assert!(self.child.wait().unwrap().success(), "{rest}");
    }

    /// Ends the process where it stands.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // A process that has ended already cannot be killed, which is as well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(name: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", name, "--ignored", "--nocapture"])
        .stderr(Stdio::inherit());
    command
}

/// What the process was started for.
pub(crate) fn given() -> (Project, String) {
    let folder = std::env::var(FOLDER).unwrap();
    (Project::of(folder), std::env::var(SQL).unwrap())
}

/// Tells the process that waits for it.
pub(crate) fn tell(what: &str) {
    println!("\n{TOLD}{what}");
}

/// Waits until the process that started this one lets it go on.
pub(crate) fn wait() {
    let mut input = Vec::new();
    std::io::stdin().read_to_end(&mut input).unwrap();
}
