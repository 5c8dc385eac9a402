//! What the derives say about a table.

use shelfmark::__private::ColumnSpec;
use shelfmark::{Entity, FromRow, Insertable, Type};

use crate::catalogue::{Director, Extremes, NewDirector, NewShow, Show, ShowDirector, YearCount};

fn names(columns: &[ColumnSpec]) -> Vec<&str> {
    columns.iter().map(|column| column.name).collect()
}

#[test]
fn an_entity_knows_its_table_key_and_columns() {
    assert_eq!(<Show as Entity>::TABLE, "shows");
    assert_eq!(<Show as Entity>::KEY, ["show_id"]);
    assert_eq!(<ShowDirector as Entity>::KEY, ["show_id", "director_id"]);
    const { assert!(<Director as Entity>::GENERATED && !<Show as Entity>::GENERATED) };
    assert_eq!(
        names(<Show as FromRow>::COLUMNS),
        ["show_id", "title", "release_year", "type", "rating"]
    );
    let rating = <Show as FromRow>::COLUMNS.last().unwrap();
    assert_eq!((rating.ty, rating.nullable), (Type::Text, true));
}

#[test]
fn names_are_typed_and_constraints_are_called_as_postgresql_calls_them() {
    assert_eq!(Show::TITLE.name(), "title");
    assert_eq!(Show::KIND.name(), "type");
    assert_eq!(Show::PRIMARY_KEY.name(), "shows_pkey");
    assert_eq!(Show::UNIQUE_TITLE.name(), "shows_title_key");
    assert_eq!(
        Show::UNIQUE_TITLE_RELEASE_YEAR.name(),
        "shows_title_release_year_key"
    );
    assert_eq!(Director::UNIQUE_NAME.name(), "directors_name_key");
    // The schema is no part of the name.
    assert_eq!(ShowDirector::PRIMARY_KEY.name(), "show_directors_pkey");
    assert_eq!(
        ShowDirector::FOREIGN_KEY_DIRECTOR_ID.name(),
        "show_directors_director_id_fkey"
    );
}

#[test]
fn a_new_row_takes_the_columns_names_from_the_entity() {
    assert_eq!(
        names(<NewShow as Insertable>::COLUMNS),
        ["show_id", "title", "type"]
    );
    assert_eq!(names(<NewDirector as Insertable>::COLUMNS), ["name"]);
}

#[test]
fn a_row_is_read_by_name_or_by_position() {
    assert_eq!(
        names(<YearCount as FromRow>::COLUMNS),
        ["release_year", "shows"]
    );
    assert_eq!(names(<Extremes as FromRow>::COLUMNS), ["", ""]);
}
