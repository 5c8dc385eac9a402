//! The list of tasks, and all of its SQL.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use shelfmark::prelude::*;

/// Something to do.
#[derive(Entity, Clone, Debug, PartialEq, Serialize)]
#[entity(table = "tasks")]
pub(crate) struct Task {
    /// What it is called on the command line. A number is never used again.
    #[id(generated)]
    pub(crate) id: i64,
    /// What there is to do.
    pub(crate) text: String,
    /// The text to search in.
    #[serde(skip)]
    pub(crate) folded: String,
    /// The last day for it.
    pub(crate) due: Option<Date>,
    /// When it was added.
    #[created_at]
    pub(crate) created_at: Timestamp,
    /// When it was done.
    pub(crate) done_at: Option<Timestamp>,
}

/// A task to be added.
#[derive(Insert, Clone, Debug, Deserialize)]
#[insert(Task)]
#[serde(try_from = "Written")]
pub(crate) struct NewTask {
    text: String,
    folded: String,
    due: Option<Date>,
    done_at: Option<Timestamp>,
}

impl NewTask {
    /// A task that is not done.
    ///
    /// # Errors
    /// [`NoText`].
    pub(crate) fn new(text: &str, due: Option<Date>) -> std::result::Result<Self, NoText> {
        let text = said(text)?;
        Ok(NewTask {
            folded: folded(&text),
            text,
            due,
            done_at: None,
        })
    }
}

/// A task as a file has it; what else an export says of one is new at each import.
#[derive(Deserialize)]
struct Written {
    text: String,
    due: Option<Date>,
    done_at: Option<Timestamp>,
}

impl TryFrom<Written> for NewTask {
    type Error = NoText;

    fn try_from(written: Written) -> std::result::Result<Self, NoText> {
        Ok(NewTask {
            done_at: written.done_at,
            ..NewTask::new(&written.text, written.due)?
        })
    }
}

/// A change to a task.
#[derive(Patch, Clone, Debug, Default)]
#[patch(Task)]
pub(crate) struct TaskPatch {
    text: Change<String>,
    folded: Change<String>,
    /// The last day for it.
    pub(crate) due: Change<Option<Date>>,
    /// When it was done.
    done_at: Change<Option<Timestamp>>,
}

impl TaskPatch {
    /// It is done since then, or is not.
    #[must_use]
    pub(crate) fn done(done_at: Option<Timestamp>) -> Self {
        TaskPatch {
            done_at: Change::Set(done_at),
            ..TaskPatch::default()
        }
    }

    /// What there is to do from now on.
    ///
    /// # Errors
    /// [`NoText`].
    pub(crate) fn set_text(&mut self, text: &str) -> std::result::Result<(), NoText> {
        let text = said(text)?;
        self.folded = Change::Set(folded(&text));
        self.text = Change::Set(text);
        Ok(())
    }
}

/// Which tasks are wanted.
#[derive(Filters, Clone, Debug, Default)]
#[filters(Task)]
pub(crate) struct TaskFilters {
    /// Those that are done, or those that are not.
    #[filter(sql = "({table}.done_at IS NOT NULL) = :done")]
    done: Option<bool>,
    /// Those that are due on this day or before it.
    #[filter(le, column = due)]
    until: Option<Date>,
    #[filter(contains)]
    folded: Option<String>,
}

impl TaskFilters {
    /// Those that are done, those that are not, or both; until a day, where there is one.
    #[must_use]
    pub(crate) fn by_day(done: Option<bool>, until: Option<Date>) -> Self {
        TaskFilters {
            done,
            until,
            ..TaskFilters::default()
        }
    }

    /// Those whose text contains this, in upper or lower case.
    #[must_use]
    pub(crate) fn containing(text: &str) -> Self {
        TaskFilters {
            folded: Some(folded(text)),
            ..TaskFilters::default()
        }
    }
}

/// A task without text.
#[derive(Debug, thiserror::Error)]
#[error("a task needs a text")]
pub(crate) struct NoText;

fn said(text: &str) -> std::result::Result<String, NoText> {
    let text = text.trim();
    if text.is_empty() {
        Err(NoText)
    } else {
        Ok(text.to_owned())
    }
}

/// Letter by letter: `str::to_lowercase` looks at what is around a letter, and a part of a text would not be found in it.
fn folded(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

/// The tasks.
#[repository(entity = Task)]
pub(crate) trait Tasks {
    /// Adds one.
    #[insert]
    async fn add(&self, new: &NewTask) -> Result<Task>;

    /// Adds many: all or none.
    #[insert_many]
    async fn add_many(&self, new: &[NewTask]) -> Result<u64>;

    /// Changes one, and answers how it is then.
    #[patch]
    async fn change(&self, id: i64, patch: &TaskPatch) -> Result<Option<Task>>;

    /// Removes one, and answers how it was.
    #[delete]
    async fn delete(&self, id: i64) -> Result<Option<Task>>;

    /// Those that fit: what is to be done first comes first, what is done comes last.
    #[query(
        "SELECT {t.*} FROM tasks AS t WHERE {t.filters}
         ORDER BY t.done_at IS NOT NULL, t.due IS NULL, t.due, t.id"
    )]
    async fn list(&self, filters: &TaskFilters) -> Result<Vec<Task>>;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MIGRATIONS;

    async fn texts(db: &Db, filters: &TaskFilters) -> Result<Vec<String>> {
        let found = db.tasks().list(filters).await?;
        Ok(found.into_iter().map(|task| task.text).collect())
    }

    fn new(text: &str, due: Option<&str>) -> NewTask {
        let due = due.map(|due| due.parse().expect("a day"));
        NewTask::new(text, due).expect("a text")
    }

    #[shelfmark::test(migrations = MIGRATIONS)]
    async fn what_is_due_first_comes_first_and_what_is_done_comes_last(db: Db) -> Result<()> {
        let list = [
            new("some day", None),
            new("later", Some("2026-12-02")),
            new("done", Some("2026-11-01")),
            new("soon", Some("2026-12-01")),
        ];
        assert_eq!(db.tasks().add_many(&list).await?, 4);
        let all = db.tasks().list(&TaskFilters::default()).await?;
        let done = all
            .iter()
            .find(|task| task.text == "done")
            .expect("it was added");
        let patch = TaskPatch::done(Some(done.created_at));
        let changed = db
            .tasks()
            .change(done.id, &patch)
            .await?
            .expect("it is there");
        assert_eq!(
            changed,
            Task {
                done_at: Some(done.created_at),
                ..done.clone()
            }
        );
        assert_eq!(
            texts(&db, &TaskFilters::default()).await?,
            ["soon", "later", "some day", "done"]
        );
        let filters = TaskFilters::by_day(Some(false), "2026-12-01".parse().ok());
        assert_eq!(texts(&db, &filters).await?, ["soon"]);
        let filters = TaskFilters::by_day(Some(true), None);
        assert_eq!(texts(&db, &filters).await?, ["done"]);
        Ok(())
    }

    #[shelfmark::test(migrations = MIGRATIONS)]
    async fn a_search_takes_upper_and_lower_case_for_the_same_and_knows_no_wildcards(
        db: Db,
    ) -> Result<()> {
        let added = db.tasks().add(&new("ÖL kaufen, 50 %", None)).await?;
        db.tasks().add(&new("ΟΔΟΣ", None)).await?;
        for (text, found) in [
            ("öl", 1),
            ("öL KAUFEN", 1),
            ("50 %", 1),
            ("5% %", 0),
            ("_L", 0),
            ("οδοσ", 1),
            ("", 2),
        ] {
            assert_eq!(
                texts(&db, &TaskFilters::containing(text)).await?.len(),
                found,
                "{text}"
            );
        }
        let mut patch = TaskPatch::default();
        patch.set_text("Brot").expect("a text");
        db.tasks().change(added.id, &patch).await?;
        assert_eq!(texts(&db, &TaskFilters::containing("öl")).await?.len(), 0);
        assert_eq!(
            texts(&db, &TaskFilters::containing("bRoT")).await?,
            ["Brot"]
        );
        Ok(())
    }

    #[shelfmark::test(migrations = MIGRATIONS)]
    async fn a_number_is_never_used_again(db: Db) -> Result<()> {
        let first = db.tasks().add(&new("first", None)).await?;
        assert_eq!(db.tasks().delete(first.id).await?, Some(first.clone()));
        assert_eq!(db.tasks().delete(first.id).await?, None);
        assert_eq!(
            db.tasks().change(first.id, &TaskPatch::default()).await?,
            None
        );
        assert!(db.tasks().add(&new("second", None)).await?.id > first.id);
        Ok(())
    }
}
