//! Which address is answered by what.

use axum::Router;
use axum::middleware::{from_extractor, from_fn_with_state};
use axum::routing::get;
use shelfmark_axum::{Query, RequestLimits, guarded, health_router};

use super::service::Service;
use super::{change, clients, list, page, search, shows};

/// The whole service.
///
/// | address | answers |
/// |---|---|
/// | `GET /` | the page |
/// | `GET /shows` | a page of shows by filters, sort, limit and cursor |
/// | `POST /shows` | adds a show |
/// | `GET`, `PUT`, `PATCH`, `DELETE /shows/{id}` | one show, its replacement, a change of it, its removal |
/// | `GET /shows/recent?year=` | the newest shows released in that year or later |
/// | `GET /search?q=` | the shows that a person means who types that, the best matches first |
/// | `GET /genres` | every genre with the number of its shows |
/// | `GET /directors/{id}/shows` | a director's shows, newest first |
/// | `GET /stats/years` | how many shows came out in each year |
/// | `GET /healthz`, `GET /readyz` | whether the process lives, and whether the database answers |
///
/// On each of them but the page, a parameter that it does not know is a 400. A client who asks more often than the
/// service's limit allows gets a 429; health is answered always.
pub fn router(service: Service) -> Router {
    let db = service.db.clone();
    let limit = service.limit.map(|limit| (service.kv.clone(), limit));
    let mut routes = Router::new()
        .route("/", get(page::index))
        .route("/assets/catalog.css", get(page::style))
        .route("/assets/catalog.js", get(page::script))
        .route("/shows", get(list::shows).post(change::add))
        .route("/shows/recent", get(shows::recent))
        .route(
            "/shows/{id}",
            get(shows::details)
                .put(change::replace)
                .patch(change::change)
                .delete(change::remove),
        )
        .route("/search", get(search::search))
        .route("/genres", get(shows::genres))
        .route("/directors/{id}/shows", get(shows::of_director))
        .route("/stats/years", get(shows::years))
        .with_state(service);
    if let Some(limit) = limit {
        routes = routes.layer(from_fn_with_state(limit, clients::limited));
    }
    let health = health_router(db).route_layer(from_extractor::<Query<()>>());
    guarded(routes.merge(health), RequestLimits::default())
}
