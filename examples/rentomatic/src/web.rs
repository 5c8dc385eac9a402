//! The web layer: from requests to the use case, and from its answers to JSON. No business, no SQL.

use axum::extract::{Query, State};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use shelfmark::Db;

use crate::domain::Room;
use crate::list_rooms::{ListError, list_rooms};
use crate::repository::RoomsExt as _;

/// What stands before the name of a filter in an address.
const FILTER: &str = "filter_";

/// `GET /rooms` on `db`.
pub fn router(db: Db) -> Router {
    Router::new()
        .route("/rooms", get(rooms))
        .fallback(nowhere)
        .with_state(db)
}

async fn rooms(
    State(db): State<Db>,
    parameters: Result<Query<Vec<(String, String)>>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<Vec<Room>>, Failure> {
    let Ok(Query(parameters)) = parameters else {
        let message = "filters: The address is not readable".to_owned();
        return Err(Failure::Parameters(message));
    };
    let filters: Vec<_> = parameters
        .into_iter()
        .filter_map(|(name, value)| Some((name.strip_prefix(FILTER)?.to_owned(), value)))
        .collect();
    Ok(Json(list_rooms(db.rooms(), &filters).await?))
}

async fn nowhere(address: Uri) -> Failure {
    Failure::Resource(format!("there is nothing at {}", address.path()))
}

/// Why a request has no answer, as clients are told.
#[derive(Debug, Serialize)]
#[serde(tag = "type", content = "message")]
enum Failure {
    #[serde(rename = "ParametersError")]
    Parameters(String),
    #[serde(rename = "ResourceError")]
    Resource(String),
    #[serde(rename = "SystemError")]
    System(&'static str),
}

impl From<ListError> for Failure {
    fn from(error: ListError) -> Failure {
        match error {
            ListError::Parameters(_) => Failure::Parameters(error.to_string()),
            // A value that no column can hold is the client's, too.
            ListError::Repository(error) if error.kind() == shelfmark::ErrorKind::Encode => {
                Failure::Parameters("filters: A value cannot be searched for".to_owned())
            }
            ListError::Repository(error) if error.is_not_found() => {
                Failure::Resource("there is no such room".to_owned())
            }
            ListError::Repository(error) => {
                tracing::error!(%error, "a request failed");
                Failure::System("something went wrong on our side")
            }
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = match self {
            Failure::Parameters(_) => StatusCode::BAD_REQUEST,
            Failure::Resource(_) => StatusCode::NOT_FOUND,
            Failure::System(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        (status, Json(self)).into_response()
    }
}
