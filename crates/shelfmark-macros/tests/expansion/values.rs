//! Newtypes and enums as columns and parameters.

use std::borrow::Cow;

use shelfmark::{FromRow, Param, Type, Value, ValueRef};

use crate::catalogue::{Kind, Rating};

fn text(text: &str) -> ValueRef<'_> {
    ValueRef::Text(Cow::Borrowed(text))
}

#[test]
fn an_enum_is_stored_as_the_word_of_its_variant() {
    assert_eq!(Kind::TvShow.encode().unwrap(), text("tv-show"));
    assert_eq!(Kind::Else.encode_param().unwrap(), text("other"));
    assert_eq!(Kind::decode(text("movie")).unwrap(), Kind::Movie);
    assert_eq!(<Kind as Value>::TYPE, Type::Text);
}

#[test]
fn a_word_of_no_variant_is_refused_without_repeating_it() {
    let error = Kind::decode(text("secret")).unwrap_err().to_string();
    assert_eq!(
        error,
        "the text is none of Kind's variants: movie, tv-show, other"
    );
}

#[test]
fn a_newtype_is_stored_as_what_it_wraps() {
    let rating = Rating("R".to_owned());
    assert_eq!(rating.encode().unwrap(), text("R"));
    assert_eq!(Rating::decode(text("R")).unwrap(), rating);
    assert!(Rating::decode(ValueRef::Null).is_err());
    assert_eq!(
        <Option<Rating> as Value>::decode(ValueRef::Null).unwrap(),
        None
    );
}

#[test]
fn both_are_a_row_of_one_column() {
    assert_eq!(<Rating as FromRow>::COLUMNS.len(), 1);
    assert_eq!(<Kind as FromRow>::COLUMNS[0].name, "");
}

#[test]
fn without_rename_all_the_variants_name_is_the_word() {
    #[derive(Value, Debug, PartialEq)]
    enum Rating {
        PG13,
        #[value("NC-17")]
        Nc17,
    }
    assert_eq!(Rating::PG13.encode().unwrap(), text("PG13"));
    assert_eq!(Rating::decode(text("NC-17")).unwrap(), Rating::Nc17);
}
