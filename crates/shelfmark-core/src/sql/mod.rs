//! The text of SQL statements: what stands where, and nothing about what it means to a server.
//!
//! [`tokenize`] cuts text into tokens under the rules of SQLite and PostgreSQL at once; everything
//! else stands on it. The macros use this at compile time to find parameters and slots, and the
//! engines at run time to route, split and explain statements. Nothing here rewrites SQL.

mod class;
mod constraint_name;
mod constraints;
mod mention;
mod outer_join;
mod scanner;
mod script;
mod significant;
mod target;
mod template;
mod token;

pub use class::{Class, classify};
pub use constraint_name::default_constraint_name;
pub use constraints::{ConstraintKind, TableConstraint, constraint_names};
pub use mention::{Mention, mentioned_tables, names_column};
pub use outer_join::outer_joined_tables;
pub use script::split_statements;
pub use target::target_table;
pub use template::{Piece, Template};
pub use token::{SqlError, Token, TokenKind, tokenize};

#[cfg(test)]
mod properties;
