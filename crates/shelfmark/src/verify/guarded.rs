//! SQL written by hand on tables of which it must not see every row: those deleted softly, and those of other tenants.

use shelfmark_core::sql::{Class, Mention, classify, mentioned_tables, names_column};
use shelfmark_core::{Dialect, GUARDED, Guarded, Statement, Written};

/// What is to be said of one statement.
#[derive(Debug, Default)]
pub(super) struct Concerns {
    /// What is wrong.
    pub(super) problems: Vec<String>,
    /// What may be meant, but mostly is not.
    pub(super) warnings: Vec<String>,
}

/// Looks whether `statement`, as it was written, keeps to the rows that it may see.
pub(super) fn concerns(statement: &Statement, dialect: Dialect) -> Concerns {
    let mut concerns = Concerns::default();
    let Some(written) = &statement.written else {
        return concerns;
    };
    let Some(sql) = (written.text)(dialect) else {
        return concerns;
    };
    if classify(sql) == Class::Definition {
        return concerns;
    }
    look_at(sql, written, &mut concerns);
    if let Some(slots) = statement.slots {
        for fragment in slots.written(dialect) {
            look_at(&fragment, written, &mut concerns);
        }
    }
    concerns
}

/// Adds what is to be said of one text: the statement, or what a filter or a sort key puts into its slots.
fn look_at(sql: &str, written: &Written, concerns: &mut Concerns) {
    let mentions = mentioned_tables(sql);
    let mut tables: Vec<&Guarded> = GUARDED.iter().collect();
    tables.sort_by_key(|guarded| guarded.table);
    // Two entities may be of one table.
    tables.dedup();
    for guarded in tables {
        let table = guarded.table.rsplit('.').next().unwrap_or(guarded.table);
        let of_table = |mention: &&Mention| mention.table.eq_ignore_ascii_case(table);
        let mut here = mentions.iter().filter(of_table).peekable();
        if here.peek().is_none() {
            continue;
        }
        if let Some(tenant) = guarded.tenant
            && !written.across_tenants
            && !names_column(sql, tenant, Some("tenant"))
        {
            concerns.problems.push(format!(
                "names the table `{table}`, whose rows belong to tenants, and nowhere `{tenant}`: add \
                 `{tenant} = {{tenant}}`, or say that it sees the rows of all of them: `across_tenants`"
            ));
        }
        // A new row is not deleted, so what only inserts sees none that is.
        if let Some(deleted_at) = guarded.deleted_at
            && !written.with_deleted
            && here.any(|mention| !mention.into)
            && !names_column(sql, deleted_at, None)
        {
            concerns.warnings.push(format!(
                "names the table `{table}`, whose rows are deleted softly, and nowhere `{deleted_at}`: add \
                 `{deleted_at} IS NULL`, or say that it sees deleted rows as well: `with_deleted`"
            ));
        }
    }
}
