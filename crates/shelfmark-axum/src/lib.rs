//! Shelfmark beside axum: what every HTTP service on a database needs, and nothing about any one of them.
//!
//! * [`Problem`]: error responses as RFC 9457 has them; an error of the data layer becomes the right one with `?`.
//! * [`ListQuery`], [`Query`], [`Path`], [`Json`]: extractors that refuse with a problem naming what is wrong.
//! * [`health_router`]: `/healthz` and `/readyz`.
//! * [`guarded`]: body limit, deadline, panics and unknown addresses, all answered with problems; or each on its own.
//! * [`serve`]: runs a router until it is asked to stop, and then lets requests finish within a bounded time.
//!
//! ```no_run
//! use axum::{Router, extract::State, routing::get};
//! use serde::{Deserialize, Serialize};
//! use shelfmark::prelude::*;
//! use shelfmark_axum::{Json, ListQuery, Problem, RequestLimits, Shutdown, guarded, health_router, serve};
//!
//! #[derive(Entity, Serialize)]
//! #[entity(table = "shows")]
//! struct Show {
//!     #[id]
//!     show_id: String,
//!     title: String,
//!     release_year: i32,
//! }
//!
//! #[derive(Filters, Default, Deserialize)]
//! #[filters(Show)]
//! #[serde(default)]
//! struct ShowFilters {
//!     #[filter(ge, column = release_year)]
//!     since: Option<i32>,
//! }
//!
//! #[derive(SortBy)]
//! #[sort(Show)]
//! enum ShowSort {
//!     ReleaseYear,
//!     Title,
//! }
//!
//! #[repository(entity = Show)]
//! trait Shows {
//!     #[query("SELECT {*} FROM shows WHERE {filters} ORDER BY {sort} {page}")]
//!     async fn list(
//!         &self,
//!         filters: &ShowFilters,
//!         sort: Option<Sort<ShowSort>>,
//!         page: PageRequest,
//!     ) -> Result<Slice<Show>>;
//! }
//!
//! /// GET /shows?since=2000&sort=-release_year,title&limit=20&after=…
//! async fn shows(
//!     State(db): State<Db>,
//!     list: ListQuery<ShowFilters, ShowSort>,
//! ) -> Result<Json<Slice<Show>>, Problem> {
//!     Ok(Json(db.shows().list(&list.filters, list.sort, list.page).await?))
//! }
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let db = Db::from_env().await?;
//! let router = Router::new()
//!     .route("/shows", get(shows))
//!     .merge(health_router(db.clone()))
//!     .with_state(db);
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
//! serve(listener, guarded(router, RequestLimits::default()), Shutdown::on_signals()?).await;
//! # Ok(()) }
//! ```

mod body_limit;
mod deadline;
mod fallback;
mod guard;
mod health;
mod json;
mod layers;
mod list_query;
mod page_parameters;
mod panic;
mod parameters;
mod path;
mod problem;
mod query;
mod serve;
mod shutdown;
mod unread;
mod wording;

pub use body_limit::body_limit;
pub use deadline::request_deadline;
pub use fallback::{method_not_allowed, not_found};
pub use guard::{RequestLimits, guarded};
pub use health::health_router;
pub use json::Json;
pub use layers::RouterLayer;
pub use list_query::{ListQuery, Unsorted};
pub use page_parameters::PageParameters;
pub use panic::catch_panic;
pub use path::Path;
pub use problem::Problem;
pub use query::Query;
pub use serve::{Ended, serve};
pub use shutdown::Shutdown;
