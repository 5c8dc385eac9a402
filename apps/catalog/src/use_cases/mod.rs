//! What the catalogue does, in terms of its repositories. Nothing in here knows of HTTP or SQL.

mod change_shows;
mod list_shows;
mod look_at_show;
mod refresh_search;
mod rename_person;
mod save_shows;
mod search_shows;

pub use change_shows::{ChangeError, add_show, replace_show};
pub use list_shows::list_shows;
pub use look_at_show::look_at_show;
pub use refresh_search::refresh_search;
pub use rename_person::{rename_actor, rename_director};
pub use save_shows::save_shows;
pub use search_shows::{Found, FoundShow, search_shows};
