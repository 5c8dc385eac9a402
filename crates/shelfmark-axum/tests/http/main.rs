//! What a caller sees, asked through a router.

mod answer;
mod guard;
mod health;
mod json;
mod list_pages;
mod lists;
mod log;
mod parameters;
mod problems;
mod serve;
