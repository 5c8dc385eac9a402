//! The web layer, over HTTP.
#![allow(
    missing_docs,
    clippy::panic,
    reason = "tests fail by panicking; the names say what they hold"
)]

use axum::body::Body;
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use rentomatic::repository::{Rooms as _, RoomsExt as _};
use rentomatic::{FOUR_ROOMS, MIGRATIONS, web};
use serde_json::{Value, json};
use shelfmark::Db;
use tower::ServiceExt as _;

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

async fn four_rooms() -> Result<Db> {
    let db = Db::memory().await?;
    db.migrate(MIGRATIONS).await?;
    let rooms: Vec<_> = serde_json::from_str(FOUR_ROOMS)?;
    db.rooms().save(&rooms).await?;
    Ok(db)
}

async fn get(db: &Db, path: &str) -> Result<(StatusCode, Value)> {
    let request = Request::get(path).body(Body::empty())?;
    let answer = web::router(db.clone()).oneshot(request).await?;
    let status = answer.status();
    let body = answer.into_body().collect().await?.to_bytes();
    Ok((status, serde_json::from_slice(&body)?))
}

#[tokio::test]
async fn rooms_have_exactly_five_fields() -> Result {
    let (status, rooms) = get(
        &four_rooms().await?,
        "/rooms?filter_code__eq=f853578c-fc0f-4e65-81b8-566c5dffa35a",
    )
    .await?;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(
        rooms,
        json!([{
            "code": "f853578c-fc0f-4e65-81b8-566c5dffa35a", "size": 215, "price": 39,
            "longitude": -0.09998975, "latitude": 51.75436293
        }])
    );
    Ok(())
}

#[tokio::test]
async fn filters_combine_and_other_parameters_are_ignored() -> Result {
    let db = four_rooms().await?;
    for (query, prices) in [
        ("", vec![60, 48, 39, 66]),
        ("?filter_price__gt=39&filter_price__lt=66", vec![60, 48]),
        ("?filter_price__eq=48&sort=price&price__lt=1", vec![48]),
        ("?filter_price__lt=39", vec![]),
    ] {
        let (status, rooms) = get(&db, &format!("/rooms{query}")).await?;
        assert_eq!(status, StatusCode::OK, "{query}");
        let found = rooms
            .as_array()
            .map(|rooms| rooms.iter().map(|room| room["price"].clone()));
        let found: Vec<Value> = found.into_iter().flatten().collect();
        assert_eq!(json!(found), json!(prices), "{query}");
    }
    Ok(())
}

#[tokio::test]
async fn a_filter_that_is_not_accepted_is_a_400_that_names_it() -> Result {
    let db = four_rooms().await?;
    for (query, message) in [
        ("filter_code__lt=x", "filters: Key code__lt cannot be used"),
        (
            "filter_price__eq=ten",
            "filters: Key price__eq needs a whole number",
        ),
        (
            "filter_a=1&filter_price__eq=1&filter_b=2",
            "filters: Key a cannot be used\nfilters: Key b cannot be used",
        ),
        ("filter_=1", "filters: Key  cannot be used"),
        (
            "filter_code__eq=%00",
            "filters: A value cannot be searched for",
        ),
    ] {
        let (status, failure) = get(&db, &format!("/rooms?{query}")).await?;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{query}");
        assert_eq!(
            failure,
            json!({"type": "ParametersError", "message": message}),
            "{query}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn what_is_not_there_is_a_404_and_a_failure_a_500_without_internals() -> Result {
    let db = four_rooms().await?;
    let (status, failure) = get(&db, "/flats").await?;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert_eq!(failure["type"], "ResourceError");
    db.execute(shelfmark::sql!("DROP TABLE rooms")).await?;
    let (status, failure) = get(&db, "/rooms").await?;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(
        failure,
        json!({"type": "SystemError", "message": "something went wrong on our side"})
    );
    Ok(())
}
