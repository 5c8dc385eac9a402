//! Rooms for rent, in four layers: [`domain`], the use case [`list_rooms`], the [`repository`] and the [`web`]. Each
//! knows those before it alone; `main.rs` puts them together.

pub mod domain;
pub mod list_rooms;
pub mod repository;
pub mod web;

/// The tables.
pub const MIGRATIONS: &[shelfmark::Migration] = shelfmark::migrations!();

/// The rooms that a database in memory begins with.
pub const FOUR_ROOMS: &str = include_str!("../rooms.json");

shelfmark::verify_queries!(crate::MIGRATIONS);
