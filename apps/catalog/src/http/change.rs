//! `POST /shows`, `PUT` and `DELETE /shows/{id}`.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use jiff::civil::Date;
use serde::Deserialize;
use shelfmark::Db;
use shelfmark_axum::{Json, Path, Problem};

use super::shows::{no_show, read};
use crate::domain::{NewShow, ShowDetails, ShowKind, ShowRecord, fold};
use crate::import::limits;
use crate::repositories::{
    ActorsExt as _, CountriesExt as _, DirectorsExt as _, GenresExt as _, Shows as _, ShowsExt as _,
};
use crate::use_cases::{ChangeError, add_show, replace_show};

/// A show as a client sends it. Names are given whole and in order; those that are not known yet are added.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ShowBody {
    /// Needed by POST; with PUT it stands in the address and may be left out.
    show_id: Option<String>,
    #[serde(rename = "type")]
    kind: ShowKind,
    title: String,
    date_added: Option<Date>,
    release_year: i32,
    rating: Option<String>,
    duration: Option<String>,
    description: Option<String>,
    #[serde(default)]
    directors: Vec<String>,
    #[serde(default)]
    actors: Vec<String>,
    #[serde(default)]
    genres: Vec<String>,
    #[serde(default)]
    countries: Vec<String>,
}

impl From<ChangeError> for Problem {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Taken(_) => Problem::conflict(error.to_string()),
            ChangeError::Unknown(_) => Problem::not_found(error.to_string()),
            ChangeError::Database(error) => error.into(),
        }
    }
}

pub(super) async fn add(
    State(db): State<Db>,
    Json(body): Json<ShowBody>,
) -> Result<impl IntoResponse, Problem> {
    let Some(show_id) = body.show_id.clone() else {
        return Err(invalid("show_id", "is missing"));
    };
    let record = body.into_record(show_id)?;
    let adding = db.tx().retry(5);
    adding
        .run(async |tx| {
            let names = (tx.directors(), tx.actors(), tx.genres(), tx.countries());
            add_show(tx.shows(), names.0, names.1, names.2, names.3, &record).await
        })
        .await?;
    let show_id = &record.show.show_id;
    let details = stored(&db, show_id).await?;
    let place = [(header::LOCATION, format!("/shows/{}", encoded(show_id)))];
    Ok((StatusCode::CREATED, place, Json(details)))
}

pub(super) async fn replace(
    State(db): State<Db>,
    Path(show_id): Path<String>,
    Json(body): Json<ShowBody>,
) -> Result<Json<ShowDetails>, Problem> {
    if body.show_id.as_ref().is_some_and(|given| *given != show_id) {
        return Err(invalid("show_id", "differs from the id in the address"));
    }
    let record = body.into_record(show_id)?;
    let replacing = db.tx().retry(5);
    replacing
        .run(async |tx| {
            let names = (tx.directors(), tx.actors(), tx.genres(), tx.countries());
            replace_show(tx.shows(), names.0, names.1, names.2, names.3, &record).await
        })
        .await?;
    Ok(Json(stored(&db, &record.show.show_id).await?))
}

pub(super) async fn remove(
    State(db): State<Db>,
    Path(show_id): Path<String>,
) -> Result<StatusCode, Problem> {
    if db.shows().delete(&show_id).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(no_show(&show_id))
    }
}

async fn stored(db: &Db, show_id: &str) -> Result<ShowDetails, Problem> {
    // Somebody may have removed it since the commit.
    read(db, show_id).await?.ok_or_else(|| no_show(show_id))
}

/// 422: the body is JSON of the right shape, but `field` holds what no show can have.
fn invalid(field: &str, reason: &str) -> Problem {
    Problem::unprocessable(format!("`{field}` {reason}")).with("field", field)
}

impl ShowBody {
    fn into_record(self, show_id: String) -> Result<ShowRecord, Problem> {
        filled("show_id", &show_id, limits::SHOW_ID_CHARS)?;
        filled("title", &self.title, limits::TITLE_CHARS)?;
        if !limits::RELEASE_YEARS.contains(&self.release_year) {
            let (first, last) = (limits::RELEASE_YEARS.start(), limits::RELEASE_YEARS.end());
            return Err(invalid(
                "release_year",
                &format!("must be from {first} to {last}"),
            ));
        }
        for (field, text, longest) in [
            ("rating", &self.rating, limits::RATING_CHARS),
            ("duration", &self.duration, limits::DURATION_CHARS),
            ("description", &self.description, limits::DESCRIPTION_CHARS),
        ] {
            if let Some(text) = text {
                filled(field, text, longest)?;
            }
        }
        for (field, names) in [
            ("directors", &self.directors),
            ("actors", &self.actors),
            ("genres", &self.genres),
            ("countries", &self.countries),
        ] {
            if names.len() > limits::NAMES {
                return Err(invalid(
                    field,
                    &format!("has more than {} names", limits::NAMES),
                ));
            }
            for name in names {
                filled(field, name, limits::NAME_CHARS)?;
            }
        }
        Ok(ShowRecord {
            show: NewShow {
                show_id,
                kind: self.kind,
                title_folded: fold(&self.title),
                title: self.title,
                date_added: self.date_added,
                release_year: self.release_year,
                rating: self.rating,
                duration: self.duration,
                description: self.description,
            },
            directors: self.directors,
            actors: self.actors,
            genres: self.genres,
            countries: self.countries,
        })
    }
}

/// Refuses text that is empty, longer than `longest` characters, or holds control characters other than line breaks.
fn filled(field: &str, text: &str, longest: usize) -> Result<(), Problem> {
    if text.trim().is_empty() {
        return Err(invalid(field, "must not be empty"));
    }
    if text.chars().count() > longest {
        return Err(invalid(
            field,
            &format!("is longer than {longest} characters"),
        ));
    }
    if text
        .chars()
        .any(|letter| letter.is_control() && !matches!(letter, '\n' | '\t'))
    {
        return Err(invalid(field, "holds a control character"));
    }
    Ok(())
}

/// The id as a segment of an address.
fn encoded(show_id: &str) -> String {
    show_id
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect()
}
