//! `catalog manage test`: whether a deployment does its work, seen from outside.

use std::collections::BTreeSet;
use std::io::Write as _;

use serde_json::Value;

use super::probe::Site;

/// Requests that are sent until each instance has answered one, for each of them.
const TRIES_PER_INSTANCE: usize = 25;

/// What the page of the catalogue has, and hardly another one.
const TITLE: &str = "<title>Film catalogue</title>";

/// Runs every check, with a line for each on standard output, and answers whether all went well. Where nobody answers at
/// all, one line says so.
pub(super) fn test(site: &Site, instances: usize) -> bool {
    type Check<'a> = Box<dyn Fn() -> Result<String, String> + 'a>;
    let checks: [(&str, Check<'_>); 6] = [
        ("health", Box::new(|| health(site))),
        ("readiness", Box::new(|| readiness(site))),
        ("page", Box::new(|| page(site))),
        ("list", Box::new(|| list(site))),
        ("search", Box::new(|| search(site))),
        ("instances", Box::new(|| all_instances(site, instances))),
    ];
    if let Err(why) = site.get("/healthz") {
        say("failed", "health", &why);
        return false;
    }
    let mut all_well = true;
    for (name, check) in checks {
        let (verdict, what) = match check() {
            Ok(what) => ("ok", what),
            Err(why) => ("failed", why),
        };
        all_well &= verdict == "ok";
        say(verdict, name, &what);
    }
    all_well
}

fn say(verdict: &str, name: &str, what: &str) {
    // A closed standard output is no failure.
    writeln!(std::io::stdout().lock(), "{verdict:<7} {name}: {what}").ok();
}

fn health(site: &Site) -> Result<String, String> {
    site.text("/healthz").map(|_| format!("{site} answers"))
}

fn readiness(site: &Site) -> Result<String, String> {
    site.text("/readyz")
        .map(|_| "the database answers".to_owned())
}

fn page(site: &Site) -> Result<String, String> {
    let page = site.text("/")?;
    if page.contains(TITLE) {
        Ok("the page is there".to_owned())
    } else {
        Err("/ is not the page of the catalogue; something else answers there".to_owned())
    }
}

fn list(site: &Site) -> Result<String, String> {
    title(site).map(|title| format!("the first show is `{title}`"))
}

/// The title of the first show.
fn title(site: &Site) -> Result<String, String> {
    let list = site.json("/shows?limit=1")?;
    let title = list.pointer("/items/0/title").and_then(Value::as_str);
    title
        .map(str::to_owned)
        .ok_or_else(|| "there are no shows; import some, or restore a backup".to_owned())
}

/// Searches for the longest word of a title that is there.
fn search(site: &Site) -> Result<String, String> {
    let title = title(site)?;
    let words = title.split(|c: char| !c.is_ascii_alphanumeric());
    let Some(word) = words
        .max_by_key(|word| word.len())
        .filter(|word| !word.is_empty())
    else {
        return site
            .json("/search?q=a")
            .map(|_| "a search is answered".to_owned());
    };
    let found = site.json(&format!("/search?q={word}"))?;
    let found = found
        .get("items")
        .and_then(Value::as_array)
        .map_or(0, Vec::len);
    if found == 0 {
        return Err(format!("`{word}` stands in a title and finds nothing"));
    }
    Ok(format!("`{word}` finds {found}"))
}

/// Asks until `expected` instances have answered.
fn all_instances(site: &Site, expected: usize) -> Result<String, String> {
    if expected <= 1 {
        return Ok("one is enough".to_owned());
    }
    let mut seen = BTreeSet::new();
    for _ in 0..expected * TRIES_PER_INSTANCE {
        let answer = site.get("/healthz")?;
        let Some(name) = answer.served_by else {
            return Err(
                "nothing in front says which instance answers (x-served-by), as deploy/nginx.conf does; with a single \
                 instance, say --instances 1"
                    .to_owned(),
            );
        };
        if answer.status == 200 {
            seen.insert(name);
        }
        if seen.len() >= expected {
            break;
        }
    }
    let names: Vec<&str> = seen.iter().map(String::as_str).collect();
    let names = names.join(", ");
    if seen.len() >= expected {
        Ok(format!("{} answer: {names}", seen.len()))
    } else {
        Err(format!("only {} of {expected} answer: {names}", seen.len()))
    }
}
