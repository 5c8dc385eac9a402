use shelfmark::prelude::*;

#[derive(Value)]
#[value(rename_all = "snake-case")]
pub enum UnknownCase {
    A,
}

#[derive(Value)]
pub enum SameWord {
    A,
    #[value("A")]
    B,
}

#[derive(Value)]
pub enum WithFields {
    A(i64),
}

#[derive(Value)]
pub struct Pair(i64, i64);

#[derive(Value)]
pub enum Never {}

fn main() {}

