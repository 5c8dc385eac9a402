//! The program as people use it, in a folder of its own.
#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests fail by panicking; the names say what they hold"
)]

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

struct Folder(TempDir);

impl Folder {
    fn new() -> Result<Self> {
        Ok(Folder(tempfile::tempdir()?))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tasks"));
        command
            .env_clear()
            .env("TASKS_FILE", "list.db")
            .current_dir(&self.0)
            .args(arguments);
        command
    }

    /// What it writes when all is well.
    #[track_caller]
    fn ok(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().expect("it starts");
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {output:?}");
        assert_eq!(stderr(&output), "");
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// What it complains about, and writes nothing else.
    #[track_caller]
    fn refused(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().expect("it starts");
        assert_eq!(
            output.status.code(),
            Some(code),
            "{arguments:?}: {output:?}"
        );
        assert!(output.stdout.is_empty(), "{output:?}");
        stderr(&output)
    }

    #[track_caller]
    fn json(&self, arguments: &[&str]) -> Value {
        let text = self.ok(&[&["--json"], arguments].concat());
        serde_json::from_str(&text).expect("JSON")
    }

    fn write(&self, name: &str, text: &str) -> Result {
        Ok(std::fs::write(self.path(name), text)?)
    }
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Text, due and done_at of each: what an import keeps.
fn kept(tasks: &Value) -> Vec<[&Value; 3]> {
    let tasks = tasks.as_array().expect("a list");
    let kept = tasks
        .iter()
        .map(|task| ["text", "due", "done_at"].map(|name| &task[name]));
    kept.collect()
}

#[test]
fn a_task_is_added_listed_changed_done_and_deleted() -> Result {
    let folder = Folder::new()?;
    assert_eq!(folder.ok(&["list"]), "nothing to do\n");
    assert_eq!(folder.ok(&["add", "buy", "milk"]), "added 1 [ ] buy milk\n");
    assert_eq!(
        folder.ok(&["add", "call Ann", "--due", "2030-12-24"]),
        "added 2 [ ] call Ann  due 2030-12-24\n"
    );
    assert_eq!(
        folder.ok(&["list"]),
        "   2 [ ] call Ann  due 2030-12-24\n   1 [ ] buy milk\n"
    );
    assert_eq!(
        folder.ok(&["list", "--until", "2030-12-23"]),
        "nothing to do\n"
    );
    assert_eq!(
        folder.ok(&["edit", "2", "--no-due", "call", "Bob"]),
        "changed 2 [ ] call Bob\n"
    );
    assert_eq!(
        folder.ok(&["edit", "1", "--due", "2030-01-02"]),
        "changed 1 [ ] buy milk  due 2030-01-02\n"
    );
    assert_eq!(folder.ok(&["done", "2"]), "done 2 [x] call Bob\n");
    assert_eq!(folder.ok(&["list"]), "   1 [ ] buy milk  due 2030-01-02\n");
    assert_eq!(
        folder.ok(&["list", "--all"]),
        "   1 [ ] buy milk  due 2030-01-02\n   2 [x] call Bob\n"
    );
    assert_eq!(folder.ok(&["search", "BOB"]), "   2 [x] call Bob\n");
    assert_eq!(
        folder.ok(&["done", "--undo", "2"]),
        "to do again 2 [ ] call Bob\n"
    );
    assert_eq!(
        folder.ok(&["delete", "2", "1", "2"]),
        "deleted 1 [ ] buy milk  due 2030-01-02\ndeleted 2 [ ] call Bob\n"
    );
    assert_eq!(folder.ok(&["list", "--all"]), "nothing to do\n");
    Ok(())
}

#[test]
fn several_tasks_are_changed_all_or_none() -> Result {
    let folder = Folder::new()?;
    folder.ok(&["add", "one"]);
    folder.ok(&["add", "two"]);
    let before = folder.ok(&["export"]);
    for arguments in [
        &["done", "1", "2", "7"][..],
        &["delete", "1", "2", "7"],
        &["edit", "7", "other"],
        &["--json", "delete", "7"],
    ] {
        assert_eq!(folder.refused(1, arguments), "there is no task 7\n");
        assert_eq!(folder.ok(&["export"]), before);
    }
    Ok(())
}

#[test]
fn a_search_without_a_find_ends_with_1_and_wrong_use_with_2() -> Result {
    let folder = Folder::new()?;
    folder.ok(&["add", "Öl"]);
    assert_eq!(folder.ok(&["search", "öL"]), "   1 [ ] Öl\n");
    assert_eq!(folder.refused(1, &["search", "milk"]), "");
    for text in ["", "  ", "\n\t"] {
        assert_eq!(
            folder.refused(2, &["add", text]),
            "error: a task needs a text\n"
        );
        assert_eq!(
            folder.refused(2, &["edit", "1", text]),
            "error: a task needs a text\n"
        );
    }
    let wrong_day = folder.refused(2, &["add", "x", "--due", "someday"]);
    assert!(
        wrong_day.contains("`someday` is no day; write 2026-12-24, today"),
        "{wrong_day}"
    );
    for arguments in [
        &[][..],
        &["add"],
        &["done"],
        &["done", "one"],
        &["edit", "1"],
        &["edit", "1", "--no-due", "--due", "today"],
        &["lsit"],
    ] {
        assert!(
            folder.refused(2, arguments).contains("--help"),
            "{arguments:?}"
        );
    }
    folder.write(
        "text.db",
        "no database, but a text that is long enough to be read as one",
    )?;
    let no_database = folder.refused(2, &["--file", "text.db", "list"]);
    assert!(no_database.starts_with("error: "), "{no_database}");
    assert_eq!(folder.json(&["list"]).as_array().map(Vec::len), Some(1));
    Ok(())
}

#[test]
fn with_json_each_answer_is_one_json_value() -> Result {
    let folder = Folder::new()?;
    assert_eq!(folder.json(&["list"]), json!([]));
    let added = folder.json(&["add", "milk", "--due", "2030-01-02"]);
    let expected = json!({
        "id": 1, "text": "milk", "due": "2030-01-02", "created_at": added["created_at"], "done_at": null
    });
    assert_eq!(added, expected);
    assert!(added["created_at"].is_string());
    assert_eq!(folder.json(&["list"]), json!([expected]));
    assert_eq!(folder.json(&["edit", "1", "--no-due"])["due"], Value::Null);
    let done = folder.json(&["done", "1"]);
    assert!(done[0]["done_at"].is_string(), "{done}");
    assert_eq!(folder.json(&["search", "MILK"]), done);
    assert_eq!(folder.json(&["delete", "1"]), done);
    let nothing = folder.command(&["--json", "search", "milk"]).output()?;
    assert_eq!(
        (nothing.status.code(), &*nothing.stdout),
        (Some(1), &b"[]\n"[..])
    );
    folder.write("new.json", r#"[{"text": "a"}, {"text": "b"}]"#)?;
    assert_eq!(folder.json(&["import", "new.json"]), json!({"added": 2}));
    Ok(())
}

#[test]
fn colours_are_for_terminals_unless_they_are_asked_for() -> Result {
    let folder = Folder::new()?;
    folder.ok(&["add", "late", "--due", "2000-01-01"]);
    let plain = "   1 [ ] late  due 2000-01-01\n";
    let red = "   1 [ ] late  \u{1b}[1m\u{1b}[31mdue 2000-01-01\u{1b}[0m\n";
    assert_eq!(folder.ok(&["list"]), plain);
    assert_eq!(folder.ok(&["list", "--color", "never"]), plain);
    assert_eq!(folder.ok(&["list", "--color", "always"]), red);
    let asked = ["list", "--color", "always", "--json"];
    assert!(!folder.ok(&asked).contains('\u{1b}'));
    let output = folder.command(&["list"]).env("NO_COLOR", "1").output()?;
    assert_eq!(String::from_utf8(output.stdout)?, plain);
    Ok(())
}

#[test]
fn a_text_does_not_steer_the_terminal() -> Result {
    let folder = Folder::new()?;
    let wild = "a\u{1b}[2J\u{9b}31m\u{7f}\r\nb";
    folder.ok(&["add", wild]);
    assert_eq!(folder.ok(&["list"]), "   1 [ ] a [2J 31m   b\n");
    for arguments in [&["list", "--json"][..], &["export"]] {
        let text = folder.ok(arguments);
        assert!(
            !text.contains(|c: char| c.is_control() && c != '\n'),
            "{text:?}"
        );
        assert_eq!(serde_json::from_str::<Value>(&text)?[0]["text"], wild);
    }
    folder.write(
        "wild.json",
        "[{\"text\": \"x\", \"due\": \"\\u001b[2J\\u009b\"}]",
    )?;
    let refused = folder.refused(2, &["import", "wild.json"]);
    assert!(
        !refused.trim_end().contains(char::is_control),
        "{refused:?}"
    );
    Ok(())
}

#[test]
fn what_is_exported_can_be_imported() -> Result {
    let from = Folder::new()?;
    from.ok(&[
        "add",
        "comma, \"quote\"\nand a second line",
        "--due",
        "2030-01-02",
    ]);
    from.ok(&["add", "=öl"]);
    from.ok(&["add", "done"]);
    from.ok(&["done", "3"]);
    let all = from.json(&["list", "--all"]);
    assert_eq!(kept(&all).len(), 3);
    for name in ["all.json", "all.csv", "ALL.CSV"] {
        assert_eq!(from.ok(&["export", name]), "");
        let to = Folder::new()?;
        std::fs::copy(from.path(name), to.path(name))?;
        assert_eq!(to.ok(&["import", name]), "added 3 tasks\n");
        assert_eq!(kept(&to.json(&["list", "--all"])), kept(&all), "{name}");
        assert!(!from.path(&format!("{name}.partial")).exists());
    }
    let piped = Folder::new()?;
    let mut import = piped.command(&["import", "-"]);
    import.stdin(std::fs::File::open(from.path("all.json"))?);
    assert!(import.status()?.success());
    assert_eq!(kept(&piped.json(&["export", "-"])), kept(&all));
    let csv = std::fs::read_to_string(from.path("all.csv"))?;
    assert!(csv.starts_with("id,text,due,created_at,done_at\n"), "{csv}");
    Ok(())
}

#[test]
fn a_wrong_file_leaves_the_list_as_it_was() -> Result {
    let folder = Folder::new()?;
    folder.ok(&["add", "milk"]);
    let before = folder.ok(&["export"]);
    for (name, text, reason) in [
        ("a.json", "no JSON", "a.json is not a list of tasks"),
        (
            "b.json",
            r#"[{"text": "a"}, {"text": " "}]"#,
            "a task needs a text at line 1",
        ),
        (
            "c.json",
            r#"[{"text": "a"}, {"due": "2030-01-02"}]"#,
            "missing field `text`",
        ),
        (
            "d.json",
            r#"[{"text": "a"}, {"text": "b", "due": "2030-02-30"}]"#,
            "day",
        ),
        ("e.csv", "text,due\na,\nb,soon\n", "record 2"),
        ("f.csv", "text,due\na,\n ,\n", "a task needs a text"),
        ("g.csv", "due\n2030-01-02\n", "missing field `text`"),
    ] {
        folder.write(name, text)?;
        let refused = folder.refused(2, &["import", name]);
        assert!(refused.starts_with("error: "), "{refused}");
        assert!(refused.contains(reason), "{reason}: {refused}");
        assert_eq!(folder.ok(&["export"]), before);
    }
    let missing = folder.refused(2, &["import", "none.json"]);
    assert!(
        missing.starts_with("error: cannot read none.json: "),
        "{missing}"
    );
    let nowhere = folder.refused(2, &["export", "none/all.json"]);
    assert!(
        nowhere.starts_with("error: cannot write none/all.json: "),
        "{nowhere}"
    );
    Ok(())
}

#[test]
fn completion_is_there_for_each_shell_and_needs_no_list() -> Result {
    let folder = Folder::new()?;
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = folder.ok(&["completion", shell]);
        assert!(script.contains("search"), "{shell}: {script}");
    }
    assert!(!folder.path("list.db").exists());
    Ok(())
}

#[test]
fn nobody_need_read_to_the_end() -> Result {
    let folder = Folder::new()?;
    folder.ok(&["add", "milk"]);
    for arguments in [
        &["list"][..],
        &["list", "--json"],
        &["export"],
        &["completion", "bash"],
        &["add", "more"],
    ] {
        let (reader, writer) = std::io::pipe()?;
        drop(reader);
        let mut command = folder.command(arguments);
        let child = command.stdout(writer).stderr(Stdio::piped()).spawn()?;
        let output = child.wait_with_output()?;
        assert_eq!(
            (output.status.code(), stderr(&output)),
            (Some(0), String::new())
        );
    }
    assert_eq!(folder.ok(&["search", "more"]), "   2 [ ] more\n");
    Ok(())
}

#[cfg(target_os = "linux")]
#[test]
fn without_a_file_the_list_is_in_the_users_data_folder() -> Result {
    let folder = Folder::new()?;
    let mut command = folder.command(&["add", "milk"]);
    let output = command
        .env_remove("TASKS_FILE")
        .env("HOME", folder.0.path())
        .output()?;
    assert!(output.status.success(), "{output:?}");
    let file = ".local/share/tasks/tasks.db";
    assert_eq!(folder.ok(&["--file", file, "list"]), "   1 [ ] milk\n");
    Ok(())
}

#[test]
fn eight_at_once_add_two_hundred_tasks_and_nobody_sees_a_locked_database() -> Result {
    let folder = Folder::new()?;
    std::thread::scope(|scope| {
        for process in 0..8 {
            let folder = &folder;
            scope.spawn(move || {
                for task in 0..25 {
                    folder.ok(&["add", &format!("{process}/{task}")]);
                }
            });
        }
    });
    let all = folder.json(&["list"]);
    let texts: BTreeSet<_> = kept(&all)
        .into_iter()
        .map(|[text, ..]| text.to_string())
        .collect();
    assert_eq!((kept(&all).len(), texts.len()), (200, 200));
    Ok(())
}
