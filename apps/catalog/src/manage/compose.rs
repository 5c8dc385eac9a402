//! `catalog manage up`, `down`, `status` and `logs`: the container engine's own compose, in the folder of the deployment.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

/// The file that makes a folder a deployment.
const FILE: &str = "compose.yaml";
/// The settings that it needs, beside it.
const SETTINGS: &str = ".env";
/// Engines with a compose, the first that is there is used.
const ENGINES: [&str; 2] = ["docker", "podman"];

/// Why compose was not run.
#[derive(Debug, thiserror::Error)]
pub(super) enum ComposeError {
    #[error("there is no {FILE} in {}; name the folder of the deployment with --project", .0.display())]
    NoProject(PathBuf),
    #[error("there is no {SETTINGS} in {}; copy .env.example there and fill it in", .0.display())]
    NoSettings(PathBuf),
    #[error(
        "neither `docker compose` nor `podman compose` works on this machine; install one of them, or run the catalogue \
         without containers, with the systemd units in {}", .0.join("systemd").display()
    )]
    NoEngine(PathBuf),
    #[error("`{0} compose` could not be run")]
    Run(&'static str, #[source] std::io::Error),
}

/// The folder of the deployment: `said`, else `deploy`, else the current one when that is it.
pub(super) fn folder(said: Option<PathBuf>) -> PathBuf {
    said.unwrap_or_else(|| {
        let usual = PathBuf::from("deploy");
        let here = PathBuf::from(".");
        match !usual.join(FILE).is_file() && here.join(FILE).is_file() {
            true => here,
            false => usual,
        }
    })
}

/// Runs compose with `words` in the folder `project`, and answers the exit code that it had. What it says goes where ours
/// does.
pub(super) fn run(project: &Path, words: &[OsString]) -> Result<ExitCode, ComposeError> {
    if !project.join(FILE).is_file() {
        return Err(ComposeError::NoProject(project.to_owned()));
    }
    if !project.join(SETTINGS).is_file() {
        return Err(ComposeError::NoSettings(project.to_owned()));
    }
    let engine = ENGINES
        .into_iter()
        .find(|engine| has_compose(engine))
        .ok_or_else(|| ComposeError::NoEngine(project.to_owned()))?;
    let status = Command::new(engine)
        .args(["compose", "--file", FILE])
        .args(words)
        .current_dir(project)
        .status()
        .map_err(|source| ComposeError::Run(engine, source))?;
    // Ended by a signal: what a shell would say is not known here, and it is no success.
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

fn has_compose(engine: &str) -> bool {
    let asked = Command::new(engine)
        .args(["compose", "version"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    asked.is_ok_and(|status| status.success())
}
