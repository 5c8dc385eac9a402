//! The files of `deploy/`, as the test needs them: the same but for places.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde_norway::Value;

pub fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy")
}

/// A file whose places are filled in.
pub struct Filled(String);

impl Filled {
    pub fn read(name: &str) -> Result<Filled> {
        let path = deploy().join(name);
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        Ok(Filled(text))
    }

    /// With `to` wherever there was `from`, which must be there.
    pub fn with(self, from: &str, to: &str) -> Result<Filled> {
        ensure!(self.0.contains(from), "there is no `{from}` any more");
        Ok(Filled(self.0.replace(from, to)))
    }

    pub fn write(&self, path: &Path) -> Result<()> {
        Ok(fs::write(path, &self.0)?)
    }
}

/// compose.yaml with its anchors and merges resolved.
pub fn compose() -> Result<Value> {
    let mut compose: Value = serde_norway::from_str(&Filled::read("compose.yaml")?.0)?;
    // One level of merges at a time; three are used.
    for _ in 0..3 {
        compose.apply_merge()?;
    }
    Ok(compose)
}

/// What a service has in its environment, with `${NAME:?}` of `values` filled in, and `places` instead of those of the
/// containers' network. Every variable has to be among `values`.
pub fn environment(
    service: &str,
    values: &[(&str, &str)],
    places: &[(&str, &str)],
) -> Result<Vec<(String, String)>> {
    let compose = compose()?;
    let environment = compose["services"][service]["environment"]
        .as_mapping()
        .context("the service has no environment")?;
    let mut settings = Vec::new();
    for (name, value) in environment {
        let name = name.as_str().context("a name that is no text")?;
        let mut value = value
            .as_str()
            .context("a value that is no text")?
            .to_owned();
        for (variable, filled) in values {
            value = value.replace(&format!("${{{variable}:?}}"), filled);
        }
        ensure!(!value.contains("${"), "{name}={value} is not filled in");
        for (from, to) in places {
            value = value.replace(from, to);
        }
        settings.push((name.to_owned(), value));
    }
    Ok(settings)
}

/// The settings of redis.conf, without those that the test's own server has.
pub fn redis() -> Result<Vec<(String, String)>> {
    let text = Filled::read("redis.conf")?.0;
    let lines = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let settings = lines.map(|line| line.split_once(' ').context("a setting without a value"));
    let settings =
        settings.map(|setting| setting.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let settings: Vec<_> = settings.collect::<Result<_>>()?;
    // Its folder is its own, and `save ""` it has already.
    Ok(settings
        .into_iter()
        .filter(|(name, _)| name != "dir" && name != "save")
        .collect())
}
