//! The compose file of `deploy/`, held against what it must have: no engine of containers runs in tests.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context as _, Result};
use serde_norway::Value;

use crate::files::{compose, deploy};

/// Services that run as long as the deployment does.
const LASTING: [&str; 7] = [
    "nginx",
    "catalog-1",
    "catalog-2",
    "pgbouncer",
    "postgres",
    "replica",
    "redis",
];

pub(crate) fn read(name: &str) -> Result<String> {
    let path = deploy().join(name);
    fs::read_to_string(&path).with_context(|| path.display().to_string())
}

pub(crate) fn services() -> Result<Vec<(String, Value)>> {
    let compose = compose()?;
    let services = compose["services"].as_mapping().context("no services")?;
    let named = services.iter().map(|(name, service)| {
        (
            name.as_str().unwrap_or_default().to_owned(),
            service.clone(),
        )
    });
    Ok(named.collect())
}

/// The variables that a text takes from outside; `$$` is a sign of its own.
fn variables(text: &str) -> BTreeSet<String> {
    let text = text.replace("$$", "");
    let parts = text.split("${").skip(1);
    let names = parts.map(|part| {
        let end = part.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        part[..end.unwrap_or(part.len())].to_owned()
    });
    names.collect()
}

#[test]
fn every_service_is_looked_after_and_none_has_rights_that_it_does_not_need() -> Result<()> {
    let services = services()?;
    for name in LASTING {
        assert!(services.iter().any(|(known, _)| known == name), "no {name}");
    }
    for (name, service) in &services {
        let lasting = LASTING.contains(&name.as_str());
        let restart = if lasting { "unless-stopped" } else { "no" };
        assert_eq!(service["restart"].as_str(), Some(restart), "{name}");
        let user = service["user"].as_str().unwrap_or_default();
        assert!(
            !["", "root", "0", "0:0"].contains(&user),
            "{name} runs as `{user}`"
        );
        assert_eq!(
            service["security_opt"][0].as_str(),
            Some("no-new-privileges:true"),
            "{name}"
        );
        assert!(
            service["privileged"].is_null() && service["cap_add"].is_null(),
            "{name}"
        );
        assert!(
            service["logging"]["options"]["max-size"].is_string(),
            "{name}"
        );
        // What nobody published cannot be reached, whatever it does.
        assert_eq!(service["ports"].is_null(), name != "nginx", "{name}");
        // The catalogue's image asks itself; the others are asked here.
        let is_catalog = service["image"]
            .as_str()
            .is_some_and(|image| image.starts_with("catalog:"));
        let health = &service["healthcheck"];
        if lasting && !is_catalog {
            for setting in ["test", "interval", "timeout", "retries", "start_period"] {
                assert!(!health[setting].is_null(), "{name} has no {setting}");
            }
        }
        assert_eq!(
            health["disable"].as_bool().unwrap_or(false),
            !lasting,
            "{name}"
        );
    }
    Ok(())
}

#[test]
fn every_image_has_a_version() -> Result<()> {
    for (name, service) in services()? {
        let image = service["image"].as_str().with_context(|| name.clone())?;
        assert_version(image);
    }
    Ok(())
}

pub(crate) fn assert_version(image: &str) {
    let (_, tag) = image.rsplit_once(':').unwrap_or((image, ""));
    assert!(
        tag.starts_with(|c: char| c.is_ascii_digit()) && tag.contains('.'),
        "{image}"
    );
}

#[test]
fn services_wait_for_what_they_need_and_for_nothing_that_is_not_there() -> Result<()> {
    let services = services()?;
    let mut waits = BTreeSet::new();
    for (name, service) in &services {
        let Some(needed) = service["depends_on"].as_mapping() else {
            continue;
        };
        for (other, how) in needed {
            let other = other.as_str().context("no name")?;
            assert!(
                services.iter().any(|(known, _)| known == other),
                "{name} waits for {other}"
            );
            let once = other == "init";
            let expected = if once {
                "service_completed_successfully"
            } else {
                "service_healthy"
            };
            assert_eq!(
                how["condition"].as_str(),
                Some(expected),
                "{name} waits for {other}"
            );
            waits.insert(format!("{name} {other}"));
        }
    }
    for wait in [
        "nginx catalog-1",
        "nginx catalog-2",
        "catalog-1 init",
        "catalog-2 init",
        "catalog-1 redis",
        "init pgbouncer",
    ] {
        assert!(waits.contains(wait), "{wait}");
    }
    Ok(())
}

#[test]
fn volumes_and_files_that_are_mounted_are_there() -> Result<()> {
    let all = compose()?;
    for (name, service) in services()? {
        for volume in service["volumes"].as_sequence().into_iter().flatten() {
            // Backups stand beside the deployment: `down --volumes` leaves them, and compose does not make the folder.
            if volume["source"].as_str() == Some("${BACKUP_FOLDER:?}") {
                let made = &volume["bind"]["create_host_path"];
                assert_eq!(made.as_bool(), Some(false), "{name}");
                continue;
            }
            let volume = volume.as_str().with_context(|| name.clone())?;
            let source = volume.split(':').next().unwrap_or_default();
            if source.starts_with("./") {
                let file = deploy().join(source);
                assert!(
                    file.is_file() && volume.ends_with(":ro"),
                    "{name}: {volume}"
                );
                let is_script = source.ends_with(".sh");
                let mode = std::os::unix::fs::PermissionsExt::mode(&file.metadata()?.permissions());
                assert!(
                    !is_script || mode & 0o111 == 0o111,
                    "{name}: {volume} cannot be run"
                );
            } else {
                assert!(
                    all["volumes"]
                        .as_mapping()
                        .context("no volumes")?
                        .contains_key(source),
                    "{name}: {source}"
                );
            }
        }
        for network in service["networks"]
            .as_sequence()
            .with_context(|| name.clone())?
        {
            let network = network.as_str().context("no name")?;
            assert!(
                all["networks"]
                    .as_mapping()
                    .context("no networks")?
                    .contains_key(network),
                "{name}: {network}"
            );
        }
        // Data is nowhere but in volumes.
        if ["postgres", "replica", "redis"].contains(&name.as_str()) {
            assert!(
                service["volumes"]
                    .as_sequence()
                    .is_some_and(|all| all.len() >= 2),
                "{name}"
            );
        }
    }
    assert_eq!(all["networks"]["back"]["internal"].as_bool(), Some(true));
    Ok(())
}

#[test]
fn every_setting_stands_in_the_example_and_each_secret_is_left_to_be_filled_in() -> Result<()> {
    let example = read(".env.example")?;
    let set: Vec<(&str, &str)> = example
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .filter_map(|line| line.split_once('='))
        .collect();
    let known: BTreeSet<String> = set.iter().map(|(name, _)| (*name).to_owned()).collect();
    let text = read("compose.yaml")?;
    assert_eq!(variables(&text), known);
    // One that is forgotten stops compose with its name: none has a default.
    assert_eq!(
        text.replace("$$", "").matches('$').count(),
        text.matches(":?}").count()
    );
    for (name, value) in set {
        let secret = name.ends_with("PASSWORD");
        assert_eq!(secret, value.is_empty(), "{name}");
        assert!(!secret || !text.contains(&format!("{name}: \"")), "{name}");
    }
    Ok(())
}

#[test]
fn one_service_builds_the_image_that_several_run() -> Result<()> {
    let mut built = Vec::new();
    for (name, service) in services()? {
        if !service["build"].is_null() {
            built.push((name, service["image"].as_str().map(str::to_owned)));
        } else if service["image"]
            .as_str()
            .is_some_and(|image| image.starts_with("catalog:"))
        {
            assert_eq!(service["pull_policy"].as_str(), Some("never"), "{name}");
        }
    }
    let images: BTreeSet<_> = built.iter().map(|(_, image)| image.clone()).collect();
    assert_eq!(images.len(), built.len(), "{built:?}");
    assert!(built.iter().any(|(name, _)| name == "init"), "{built:?}");
    Ok(())
}

#[test]
fn either_server_may_be_the_primary_and_nothing_waits_for_one_of_them() -> Result<()> {
    let services = services()?;
    let of = |wanted: &str| {
        let found = services.iter().find(|(name, _)| name == wanted);
        found.map(|(_, service)| service).context("no such server")
    };
    let (one, other) = (of("postgres")?, of("replica")?);
    for same in ["image", "entrypoint", "command", "healthcheck"] {
        assert!(!one[same].is_null(), "{same}");
        assert_eq!(one[same], other[same], "{same}");
    }
    for (name, server) in [("postgres", one), ("replica", other)] {
        let environment = &server["environment"];
        assert_eq!(environment["NODE"].as_str(), Some(name));
        assert_eq!(
            environment["PRIMARY_HOST"].as_str(),
            Some("${PRIMARY_HOST:?}"),
            "{name}"
        );
    }
    for (name, service) in &services {
        let needed = &service["depends_on"];
        assert!(
            needed["postgres"].is_null() && needed["replica"].is_null(),
            "{name} starts a server that may have been taken out"
        );
        // Nobody names the primary but by PRIMARY_HOST.
        for (setting, value) in service["environment"].as_mapping().into_iter().flatten() {
            let value = value.as_str().unwrap_or_default();
            assert!(
                !value.contains("@postgres:") && !value.contains("@replica:"),
                "{name}: {setting:?}"
            );
        }
    }
    Ok(())
}

#[test]
fn nginx_believes_the_gateway_of_its_own_network_alone() -> Result<()> {
    let all = compose()?;
    let front = &all["networks"]["front"]["ipam"]["config"][0];
    let gateway = front["gateway"].as_str().context("no gateway")?;
    let conf = read("nginx.conf")?;
    let believed: Vec<&str> = conf
        .lines()
        .filter_map(|line| line.trim().strip_prefix("set_real_ip_from "))
        .collect();
    assert_eq!(believed, [format!("{gateway};")]);
    Ok(())
}
