//! The names PostgreSQL gives to constraints that have none.

use std::collections::BTreeSet;

/// The longest name PostgreSQL keeps: `NAMEDATALEN - 1`.
const MAX_NAME_BYTES: usize = 63;

/// Returns the name PostgreSQL chooses for an unnamed constraint of `table` on `columns`, where
/// `label` is `"pkey"`, `"key"`, `"fkey"` or `"check"`.
///
/// The columns of a primary key, and those of a check unless it is exactly one, are no part of
/// the name. A name that would be too long is shortened like PostgreSQL does: the longer of the
/// table's and the columns' part first, at a character's boundary. The names are taken as they
/// are; PostgreSQL keeps unquoted ones in lower case.
///
/// ```
/// use shelfmark_core::sql::default_constraint_name;
///
/// assert_eq!(default_constraint_name("shows", &["title", "year"], "key"), "shows_title_year_key");
/// assert_eq!(default_constraint_name("shows", &["show_id"], "pkey"), "shows_pkey");
/// ```
pub fn default_constraint_name(table: &str, columns: &[&str], label: &str) -> String {
    object_name(table, columns_part(columns, label).as_deref(), label)
}

fn columns_part(columns: &[&str], label: &str) -> Option<String> {
    let named = match label {
        "pkey" => false,
        "check" => columns.len() == 1,
        _ => !columns.is_empty(),
    };
    named.then(|| columns.join("_"))
}

/// PostgreSQL's `makeObjectName`: `{table}_{columns}_{label}` in at most 63 bytes.
fn object_name(table: &str, columns: Option<&str>, label: &str) -> String {
    let separators = 1 + usize::from(columns.is_some());
    let available = MAX_NAME_BYTES.saturating_sub(label.len() + separators);
    let mut table_bytes = table.len();
    let mut columns_bytes = columns.map_or(0, str::len);
    while table_bytes + columns_bytes > available {
        if table_bytes > columns_bytes {
            table_bytes -= 1;
        } else {
            columns_bytes -= 1;
        }
    }
    let table = clip(table, table_bytes);
    match columns {
        Some(columns) => format!("{table}_{}_{label}", clip(columns, columns_bytes)),
        None => format!("{table}_{label}"),
    }
}

fn clip(name: &str, bytes: usize) -> &str {
    name.get(..name.floor_char_boundary(bytes))
        .unwrap_or_default()
}

/// Returns a name as PostgreSQL keeps it: in lower case unless quoted, and cut at its limit.
pub(super) fn kept_name(name: &str, is_quoted: bool) -> String {
    let name = clip(name, MAX_NAME_BYTES);
    if is_quoted {
        name.to_owned()
    } else {
        name.to_ascii_lowercase()
    }
}

/// The names already used in a table.
#[derive(Debug)]
pub(super) struct Names {
    used: BTreeSet<String>,
}

impl Names {
    pub(super) fn taken(names: impl Iterator<Item = String>) -> Self {
        Self {
            used: names.collect(),
        }
    }

    /// Chooses the default name, or the first with a number behind its label that is not used.
    pub(super) fn choose(&mut self, table: &str, columns: &[&str], label: &str) -> String {
        let mut name = default_constraint_name(table, columns, label);
        let columns = columns_part(columns, label);
        let mut pass = 0;
        while self.used.contains(&name) {
            pass += 1;
            name = object_name(table, columns.as_deref(), &format!("{label}{pass}"));
        }
        self.used.insert(name.clone());
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The expected names are what PostgreSQL 15 answered.
    #[test]
    fn long_names_are_shortened_like_postgres_shortens_them() {
        let table = "Größe_eine_sehr_lange_Tabelle_mit_vielen_Zeichen_ü";
        let columns = [
            "spalte_ü_eins_mit_langem_namen",
            "spalte_zwei_ä_mit_langem_namen",
        ];
        assert_eq!(
            default_constraint_name(table, &columns[1..], "key"),
            "Größe_eine_sehr_lange_Tabel_spalte_zwei_ä_mit_langem_nam_key"
        );
        assert_eq!(
            default_constraint_name(table, &columns[1..], "check"),
            "Größe_eine_sehr_lange_Tabe_spalte_zwei_ä_mit_langem_na_check"
        );
        assert_eq!(
            default_constraint_name(table, &columns, "pkey"),
            "Größe_eine_sehr_lange_Tabelle_mit_vielen_Zeichen_ü_pkey"
        );
        let column = "a_column_with_a_name_of_some_length_aaaaaaaaaaaaaaaaaaaaaaaaaa";
        assert_eq!(
            default_constraint_name("t6", &[column], "key"),
            "t6_a_column_with_a_name_of_some_length_aaaaaaaaaaaaaaaaaaaa_key"
        );
    }

    #[test]
    fn the_label_decides_which_columns_are_named() {
        assert_eq!(default_constraint_name("t", &["a", "b"], "pkey"), "t_pkey");
        assert_eq!(
            default_constraint_name("t", &["a", "b"], "key"),
            "t_a_b_key"
        );
        assert_eq!(
            default_constraint_name("t", &["a", "b"], "fkey"),
            "t_a_b_fkey"
        );
        assert_eq!(default_constraint_name("t", &["a"], "check"), "t_a_check");
        assert_eq!(
            default_constraint_name("t", &["a", "b"], "check"),
            "t_check"
        );
        assert_eq!(default_constraint_name("t", &[], "check"), "t_check");
    }

    #[test]
    fn a_number_stands_behind_the_label_even_if_the_name_is_long() {
        let column = "a_column_with_a_name_of_some_length_aaaaaaaaaaaaaaaaaaaaaaaaac";
        let mut names = Names::taken(std::iter::empty());
        let first = names.choose("t6", &[column], "key");
        let second = names.choose("t6", &[column], "key");
        assert_eq!(
            first,
            "t6_a_column_with_a_name_of_some_length_aaaaaaaaaaaaaaaaaaaa_key"
        );
        assert_eq!(
            second,
            "t6_a_column_with_a_name_of_some_length_aaaaaaaaaaaaaaaaaaa_key1"
        );
        assert_eq!(names.choose("t", &[], "check"), "t_check");
        assert_eq!(names.choose("t", &[], "check"), "t_check1");
        assert_eq!(names.choose("t", &[], "check"), "t_check2");
    }
}
