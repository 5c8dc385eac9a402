//! What the catalogue does, in terms of its repositories. Nothing in here knows of HTTP or SQL.

mod change_shows;
mod list_shows;
mod save_shows;
mod show_details;

pub use change_shows::{ChangeError, add_show, replace_show};
pub use list_shows::{After, ListShows, ShowOrder, list_shows};
pub use save_shows::save_shows;
pub use show_details::show_details;
