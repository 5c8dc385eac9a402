//! Compile errors are part of the product: each is short, on the right token, and says what to do.
//!
//! After a change of wording: `TRYBUILD=overwrite cargo test -p shelfmark-macros --test ui`, then read the difference.

#[test]
fn mistakes_are_explained_where_they_are_made() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/ui/*.rs");
}
