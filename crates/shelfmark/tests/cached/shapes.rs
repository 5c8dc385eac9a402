//! Another form of a type is another shape, and the same form is the same.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use shelfmark::Shape;

/// The type `Note` in one form, so that forms differ in what is said here and not in their names.
macro_rules! form {
    ($name:ident: $($definition:tt)*) => {
        mod $name {
            #[allow(unused_imports, reason = "what a form needs differs")]
            use super::*;
            #[derive(Shape, Serialize, Deserialize)]
            $($definition)*
        }
    };
}

form!(first: pub(super) struct Note { pub(super) id: i64, pub(super) text: String });
form!(again: pub(super) struct Note { pub(super) id: i64, pub(super) text: String });
form!(field_renamed: pub(super) struct Note { pub(super) id: i64, pub(super) body: String });
form!(field_added: pub(super) struct Note { pub(super) id: i64, pub(super) text: String, pub(super) by: String });
form!(other_type: pub(super) struct Note { pub(super) id: i32, pub(super) text: String });
form!(optional: pub(super) struct Note { pub(super) id: i64, pub(super) text: Option<String> });
form!(other_order: pub(super) struct Note { pub(super) text: String, pub(super) id: i64 });
form!(renamed_for_serde: pub(super) struct Note { pub(super) id: i64, #[serde(rename = "t")] pub(super) text: String });
form!(tuple: pub(super) struct Note(pub(super) i64, pub(super) String););
form!(variants: pub(super) enum Note { Text(String), Link { to: String } });
form!(other_variants: pub(super) enum Note { Text(String), Link { to: i64 } });
form!(nested: pub(super) struct Note { pub(super) id: i64, pub(super) text: first::Note });
form!(nested_otherwise: pub(super) struct Note { pub(super) id: i64, pub(super) text: other_type::Note });
form!(recursive: pub(super) struct Note { pub(super) id: i64, pub(super) answers: Vec<Note> });

#[derive(Shape, Serialize, Deserialize)]
struct Of<T> {
    inner: T,
}

#[test]
fn another_form_is_another_shape_and_the_same_form_the_same() {
    assert_eq!(first::Note::SHAPE, again::Note::SHAPE);
    let forms = [
        first::Note::SHAPE,
        field_renamed::Note::SHAPE,
        field_added::Note::SHAPE,
        other_type::Note::SHAPE,
        optional::Note::SHAPE,
        other_order::Note::SHAPE,
        renamed_for_serde::Note::SHAPE,
        tuple::Note::SHAPE,
        variants::Note::SHAPE,
        other_variants::Note::SHAPE,
        nested::Note::SHAPE,
        nested_otherwise::Note::SHAPE,
        recursive::Note::SHAPE,
        Of::<first::Note>::SHAPE,
        Of::<other_type::Note>::SHAPE,
    ];
    let distinct: HashSet<u64> = forms.into_iter().collect();
    assert_eq!(distinct.len(), forms.len());
}
