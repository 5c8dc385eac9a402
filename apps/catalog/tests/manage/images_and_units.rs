//! The other files of `deploy/`, read by those that will read them, or by parsers where none of them runs in tests.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};
use parse_dockerfile::{HealthcheckArguments, Instruction};
use serde_norway::Value;

use crate::deploy::{assert_version, read, services};
use crate::files::deploy;

/// The instructions of a Dockerfile.
fn instructions(text: &str) -> Result<Vec<Instruction<'_>>> {
    let parsed = parse_dockerfile::parse(text).map_err(|error| anyhow::anyhow!("{error}"))?;
    Ok(parsed.instructions)
}

#[test]
fn images_are_built_on_pinned_bases_for_users_without_rights_and_say_how_they_are() -> Result<()> {
    for name in ["Dockerfile", "pgbouncer/Dockerfile"] {
        let text = read(name)?;
        let instructions = instructions(&text)?;
        let mut user = None;
        let mut health = None;
        for instruction in &instructions {
            match instruction {
                Instruction::From(from) => {
                    assert_version(&from.image.value);
                    // What follows belongs to the image that is kept.
                    (user, health) = (None, None);
                }
                Instruction::User(set) => user = Some(set.arguments.value.to_string()),
                Instruction::Healthcheck(check) => health = Some(check),
                Instruction::Add(_) => panic!("{name}: COPY does the same and fetches nothing"),
                _ => {}
            }
        }
        let user = user.context("no USER")?;
        assert!(
            !["root", "0"].contains(&user.split(':').next().unwrap_or_default()),
            "{name}: {user}"
        );
        let health = health.context("no HEALTHCHECK")?;
        let options: Vec<&str> = health
            .options
            .iter()
            .map(|option| option.name.value.as_ref())
            .collect();
        assert!(
            options.contains(&"timeout") && options.contains(&"interval"),
            "{name}: {options:?}"
        );
        let asks = matches!(
            &health.arguments,
            HealthcheckArguments::Cmd {
                arguments: parse_dockerfile::Command::Exec(_),
                ..
            }
        );
        assert!(asks, "{name} asks by a shell, which its image may not have");
    }
    Ok(())
}

#[test]
fn the_image_asks_itself_with_a_command_that_the_program_has() -> Result<()> {
    let text = read("Dockerfile")?;
    let line = text
        .lines()
        .find(|line| line.starts_with("HEALTHCHECK"))
        .context("no HEALTHCHECK")?;
    let (_, command) = line.split_once("CMD ").context("no CMD")?;
    let words: Vec<String> = serde_json::from_str(command)?;
    assert_eq!(words[0], "catalog");
    let asked = Command::new(env!("CARGO_BIN_EXE_catalog"))
        .args(&words[1..])
        .arg("--help")
        .output()?;
    assert!(asked.status.success(), "{words:?}");
    // And so do the commands of compose.
    for (name, service) in services()? {
        if !service["image"]
            .as_str()
            .is_some_and(|image| image.starts_with("catalog:"))
        {
            continue;
        }
        let words = service["command"].as_sequence().into_iter().flatten();
        let words: Vec<&str> = words.filter_map(Value::as_str).collect();
        let asked = Command::new(env!("CARGO_BIN_EXE_catalog"))
            .args(&words)
            .arg("--help")
            .output()?;
        assert!(asked.status.success(), "{name}: {words:?}");
    }
    Ok(())
}

#[test]
fn nginx_takes_its_configuration() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let conf = read("nginx.conf")?;
    // Names of containers are known among them alone.
    let conf = ["catalog-1:", "catalog-2:"]
        .iter()
        .fold(conf, |conf, name| conf.replace(name, "127.0.0.1:"))
        // Which Debian's nginx does not know yet; the image's, 1.28, does.
        .replace(" resolve ", " ");
    let conf = conf.replace("/tmp/", &format!("{}/", folder.path().display()));
    let file = folder.path().join("nginx.conf");
    fs::write(&file, conf)?;
    let program = [
        "/usr/sbin/nginx",
        "/usr/bin/nginx",
        "/usr/local/sbin/nginx",
        "/opt/homebrew/bin/nginx",
    ];
    let program = program.iter().find(|path| Path::new(path).is_file());
    let program =
        program.context("nginx is not on this machine; `cargo xtask test` installs it")?;
    let tested = Command::new(program)
        .args(["-t", "-q", "-e", "stderr", "-p"])
        .arg(folder.path())
        .arg("-c")
        .arg(&file)
        .output()?;
    let said = String::from_utf8_lossy(&tested.stderr).into_owned();
    assert!(tested.status.success() && said.is_empty(), "{said}");
    Ok(())
}

/// The units with programs that are on this machine, in a folder of their own.
fn units(folder: &Path) -> Result<Vec<std::path::PathBuf>> {
    let mut units = Vec::new();
    for (name, installed) in [
        ("catalog@.service", "catalog@8081.service"),
        ("catalog-backup.service", "catalog-backup.service"),
        ("catalog-backup.timer", "catalog-backup.timer"),
    ] {
        let unit = read(&format!("systemd/{name}"))?.replace("/usr/local/bin/catalog", "/bin/true");
        let path = folder.join(installed);
        fs::write(&path, unit)?;
        units.push(path);
    }
    Ok(units)
}

#[test]
fn systemd_takes_the_units_and_finds_little_that_they_could_do_harm_with() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let units = units(folder.path())?;
    let Ok(verified) = Command::new("systemd-analyze")
        .arg("verify")
        .args(&units)
        .output()
    else {
        // A machine without systemd: what a unit needs is looked for by hand in the next test.
        return Ok(());
    };
    let said = String::from_utf8_lossy(&verified.stderr).into_owned();
    let ours: Vec<&str> = said
        .lines()
        .filter(|line| line.contains("catalog"))
        .collect();
    assert_eq!(ours, Vec::<&str>::new());
    for unit in &units[..2] {
        let mut judge = Command::new("systemd-analyze");
        judge
            .args(["security", "--offline=yes", "--no-pager", "--threshold=20"])
            .arg(unit);
        let judged = judge.output()?;
        let said = String::from_utf8_lossy(&judged.stdout).into_owned()
            + &String::from_utf8_lossy(&judged.stderr);
        assert!(judged.status.success(), "{said}");
    }
    Ok(())
}

#[test]
fn units_run_as_nobody_in_particular_and_commands_that_the_program_has() -> Result<()> {
    for name in ["catalog@.service", "catalog-backup.service"] {
        let unit = read(&format!("systemd/{name}"))?;
        for line in [
            "DynamicUser=yes",
            "NoNewPrivileges=yes",
            "ProtectSystem=strict",
            "ProtectHome=yes",
            "PrivateTmp=yes",
            "CapabilityBoundingSet=",
            "EnvironmentFile=/etc/catalog/catalog.env",
        ] {
            assert!(unit.lines().any(|known| known == line), "{name}: no {line}");
        }
        for line in unit
            .lines()
            .filter_map(|line| line.strip_prefix("ExecStart="))
        {
            let (_, words) = line
                .split_once("/usr/local/bin/catalog ")
                .context("another program")?;
            let words = words
                .split(' ')
                .take_while(|word| !word.starts_with(['"', '-']));
            let asked = Command::new(env!("CARGO_BIN_EXE_catalog"))
                .args(words)
                .arg("--help")
                .output()?;
            assert!(asked.status.success(), "{name}: {line}");
        }
    }
    let unit = read("systemd/catalog@.service")?;
    for line in ["Restart=always", "TimeoutStopSec=25"] {
        assert!(unit.lines().any(|known| known == line), "no {line}");
    }
    Ok(())
}

#[test]
fn scripts_are_whole() -> Result<()> {
    for name in [
        "pgbouncer/start.sh",
        "pgbouncer/health.sh",
        "postgres/primary.sh",
        "postgres/start.sh",
        "postgres/health.sh",
        "systemd/configs.sh",
    ] {
        let checked = Command::new("/bin/sh")
            .arg("-n")
            .arg(deploy().join(name))
            .output()?;
        assert!(
            checked.status.success(),
            "{name}: {}",
            String::from_utf8_lossy(&checked.stderr)
        );
        assert!(
            read(name)?.contains("\nset -eu\n"),
            "{name} goes on after a failure"
        );
    }
    Ok(())
}
