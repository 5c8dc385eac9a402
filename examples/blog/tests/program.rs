//! The program as people start it: with a file `.env`, with variables, with neither.
#![allow(
    missing_docs,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking; the names say what they hold"
)]

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

/// The program in a folder, with nothing but `settings` in its environment.
fn program(folder: &TempDir, settings: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_blog"));
    command
        .env_clear()
        .envs(settings.iter().copied())
        .current_dir(folder.path());
    command
}

/// A folder with a file `.env`.
fn folder(dotenv: &str) -> Result<TempDir> {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join(".env"), dotenv)?;
    Ok(folder)
}

/// A running blog; killed when dropped.
struct Blog {
    process: Child,
    address: String,
    /// What it said until it listened.
    said: String,
}

impl Blog {
    fn start(mut command: Command) -> Result<Blog> {
        let mut process = command.stderr(Stdio::piped()).spawn()?;
        let stderr = process.stderr.take().ok_or("no stderr")?;
        let mut blog = Blog {
            process,
            address: String::new(),
            said: String::new(),
        };
        let mut lines = BufReader::new(stderr).lines();
        for line in lines.by_ref() {
            let line = line?;
            if let Some((_, address)) = line.split_once("http://") {
                blog.address = format!("http://{}", address.trim_end_matches("/feed"));
                // What it says later has to go somewhere.
                std::thread::spawn(move || lines.for_each(drop));
                return Ok(blog);
            }
            blog.said.push_str(&line);
        }
        Err(format!("the blog ended: {}", blog.said).into())
    }

    fn get(&self, path: &str) -> Result<Value> {
        let mut answer = ureq::get(format!("{}{path}", self.address)).call()?;
        Ok(serde_json::from_str(&answer.body_mut().read_to_string()?)?)
    }

    fn post(&self, path: &str, body: &Value) -> Result<Value> {
        let request = ureq::post(format!("{}{path}", self.address));
        let request = request.header("content-type", "application/json");
        let mut answer = request.send(body.to_string())?;
        Ok(serde_json::from_str(&answer.body_mut().read_to_string()?)?)
    }

    /// Publishes a post of a user who is registered for it.
    fn publish(&self, title: &str) -> Result {
        let user = json!({"email": format!("{title}@example.org"), "name": title});
        let user = self.post("/users", &user)?;
        let post = json!({"user_id": user["id"], "title": title, "body": "…", "tags": ["sea"]});
        self.post("/posts", &post).map(drop)
    }

    fn feed(&self) -> Result<Vec<Value>> {
        let feed = self.get("/feed")?;
        let lines = feed.as_array().ok_or("no list")?;
        Ok(lines.iter().map(|line| line["title"].clone()).collect())
    }
}

impl Drop for Blog {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn without_a_database_named_it_keeps_posts_in_a_file() -> Result {
    let folder = folder("BLOG_ADDR=127.0.0.1:0\n")?;
    let blog = Blog::start(program(&folder, &[]))?;
    assert!(blog.said.contains("sqlite://data/blog.db"), "{}", blog.said);
    blog.publish("kept")?;
    assert_eq!(blog.feed()?, ["kept"]);
    drop(blog);
    assert!(folder.path().join("data/blog.db").exists());
    let again = Blog::start(program(&folder, &[]))?;
    assert_eq!(again.feed()?, ["kept"]);
    Ok(())
}

#[test]
fn the_file_names_the_database_and_the_environment_goes_before_it() -> Result {
    let folder = folder(
        "# where it all is\nexport BLOG_ADDR='127.0.0.1:0'\nDATABASE_URL=\"sqlite://of-the-file.db\"\n",
    )?;
    let blog = Blog::start(program(&folder, &[]))?;
    blog.publish("of-the-file")?;
    let other = [("DATABASE_URL", "sqlite://of-the-environment.db")];
    let other = Blog::start(program(&folder, &other))?;
    assert_eq!(other.feed()?.len(), 0);
    assert_eq!(blog.feed()?, ["of-the-file"]);
    for name in ["of-the-file.db", "of-the-environment.db"] {
        assert!(folder.path().join(name).exists(), "{name}");
    }
    Ok(())
}

#[test]
fn the_example_of_a_file_is_one() -> Result {
    let folder = folder(include_str!("../.env.example"))?;
    let blog = Blog::start(program(&folder, &[("BLOG_ADDR", "127.0.0.1:0")]))?;
    assert!(blog.said.contains("sqlite://data/blog.db"), "{}", blog.said);
    Ok(())
}

#[test]
fn what_is_wrong_in_the_file_is_told_with_its_line_and_never_a_secret() -> Result {
    for (text, told) in [
        (
            "\nDATABASE_URL sqlite://a.db\n",
            ".env line 2: is not of the form NAME=value",
        ),
        (
            "A=1\nDATABASE_URL=postgres://ann:hunter2@host:many/db\n",
            "DATABASE_URL (FOLDER/.env line 2): ",
        ),
        (
            "DATABASE_POOL_MAX=0\n",
            "DATABASE_POOL_MAX (FOLDER/.env line 1): ",
        ),
        (
            "DATABASE_URI=sqlite://a.db\n",
            "DATABASE_URI (FOLDER/.env line 1): ",
        ),
        (
            "\n\nBLOG_ADDR=localhost\n",
            "BLOG_ADDR (FOLDER/.env line 3): is not an address with a port",
        ),
        (
            "REDIS_URL=redis://:hunter2@host:99999\n",
            "REDIS_URL (FOLDER/.env line 1): ",
        ),
        ("CACHE_WAIT=soon\n", "CACHE_WAIT (FOLDER/.env line 1): "),
        ("DB_PASSWORD=hunter2$1\n", ".env line 1: a $ in DB_PASSWORD"),
    ] {
        let folder = folder(text)?;
        let ended = program(&folder, &[]).output()?;
        assert_eq!(ended.status.code(), Some(1), "{text}: {ended:?}");
        let path = folder.path().canonicalize()?.display().to_string();
        let said = String::from_utf8(ended.stderr)?.replace(&path, "FOLDER");
        assert!(said.contains(told), "{text}: {said}");
        assert!(!said.contains("hunter2"), "{said}");
        assert_eq!(std::fs::read_dir(&folder)?.count(), 1, "nothing was begun");
    }
    Ok(())
}

#[test]
fn two_variables_move_it_to_postgres_and_redis_where_instances_agree() -> Result {
    let (postgres, redis) = (
        test_postgres::Server::start()?,
        test_redis::Server::start()?,
    );
    let (tables, beside) = (postgres.url(), redis.url());
    let folder = tempfile::tempdir()?;
    let address = ("BLOG_ADDR", "127.0.0.1:0");
    let settings = [address, ("DATABASE_URL", &*tables), ("REDIS_URL", &*beside)];
    let one = Blog::start(program(&folder, &settings))?;
    let other = Blog::start(program(&folder, &settings))?;
    for blog in [&one, &other] {
        assert!(blog.said.contains("are in postgres://"), "{}", blog.said);
        assert!(blog.said.contains("is in redis://"), "{}", blog.said);
    }
    one.publish("first")?;
    assert_eq!(one.feed()?, ["first"]);
    assert_eq!(other.feed()?, ["first"]);
    let counts = other.get("/cache")?;
    assert_eq!((&counts["hits"], &counts["misses"]), (&json!(1), &json!(0)));
    other.publish("second")?;
    assert_eq!(one.feed()?, ["second", "first"]);
    assert_eq!(
        std::fs::read_dir(&folder)?.count(),
        0,
        "nothing is in files"
    );
    Ok(())
}
