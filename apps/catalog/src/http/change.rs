//! `POST /shows`, `PUT` and `DELETE /shows/{id}`.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use jiff::civil::Date;
use serde::Deserialize;
use shelfmark::{Change, Db};
use shelfmark_axum::{Json, Path, Problem, Query};
use shelfmark_kv::Kv;

use super::shows::no_show;
use super::views::forgotten;
use crate::domain::{
    NewShow, ShowKind, ShowPage, ShowPatch, ShowRecord, fold, limits, same_name, tidy, tidy_lines,
};
use crate::repositories::{
    ActorsExt as _, CountriesExt as _, DirectorsExt as _, GenresExt as _, Shows as _,
    ShowsExt as _, TitlesExt as _,
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
    Query(()): Query<()>,
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
            add_show(
                tx.shows(),
                tx.titles(),
                names.0,
                names.1,
                names.2,
                names.3,
                &record,
            )
            .await
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
    Query(()): Query<()>,
    Json(body): Json<ShowBody>,
) -> Result<Json<ShowPage>, Problem> {
    let given = body.show_id.as_deref().map(tidy);
    if given.is_some_and(|given| given != show_id) {
        return Err(invalid("show_id", "differs from the id in the address"));
    }
    let record = body.into_record(show_id)?;
    let replacing = db.tx().retry(5);
    replacing
        .run(async |tx| {
            let names = (tx.directors(), tx.actors(), tx.genres(), tx.countries());
            replace_show(
                tx.shows(),
                tx.titles(),
                names.0,
                names.1,
                names.2,
                names.3,
                &record,
            )
            .await
        })
        .await?;
    Ok(Json(stored(&db, &record.show.show_id).await?))
}

pub(super) async fn change(
    State(db): State<Db>,
    Path(show_id): Path<String>,
    Query(()): Query<()>,
    Json(patch): Json<ShowPatch>,
) -> Result<Json<ShowPage>, Problem> {
    let patch = ShowPatch {
        date_added: patch.date_added,
        rating: changed("rating", patch.rating, tidy, limits::RATING_CHARS)?,
        duration: changed("duration", patch.duration, tidy, limits::DURATION_CHARS)?,
        description: changed(
            "description",
            patch.description,
            tidy_lines,
            limits::DESCRIPTION_CHARS,
        )?,
    };
    if !db.shows().change(&show_id, &patch).await? {
        return Err(no_show(&show_id));
    }
    Ok(Json(stored(&db, &show_id).await?))
}

/// The change with its text, if it sets one, as [`filled`] gives it.
fn changed(
    field: &str,
    change: Change<Option<String>>,
    tidy: fn(&str) -> String,
    longest: usize,
) -> Result<Change<Option<String>>, Problem> {
    match change {
        Change::Set(Some(text)) => Ok(Change::Set(Some(filled(field, &text, tidy, longest)?))),
        other => Ok(other),
    }
}

pub(super) async fn remove(
    State(db): State<Db>,
    State(kv): State<Kv>,
    Path(show_id): Path<String>,
    Query(()): Query<()>,
) -> Result<StatusCode, Problem> {
    if db.shows().delete(&show_id).await? {
        forgotten(&kv, &show_id).await;
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(no_show(&show_id))
    }
}

async fn stored(db: &Db, show_id: &str) -> Result<ShowPage, Problem> {
    // Somebody may have removed it since the commit.
    // It was just written, and a replica may not have it yet.
    let stored = db.primary().shows().details(show_id).await?;
    stored.map(ShowPage::from).ok_or_else(|| no_show(show_id))
}

/// 422: the body is JSON of the right shape, but `field` holds what no show can have.
fn invalid(field: &str, reason: &str) -> Problem {
    Problem::unprocessable(format!("`{field}` {reason}")).with("field", field)
}

impl ShowBody {
    /// The show as it is stored: its texts tidied as those of a file are, and none beyond the limits.
    fn into_record(self, show_id: String) -> Result<ShowRecord, Problem> {
        let show_id = filled("show_id", &show_id, tidy, limits::SHOW_ID_CHARS)?;
        if limits::is_reserved_id(&show_id) {
            return Err(invalid("show_id", "is reserved and can be no id"));
        }
        let title = filled("title", &self.title, tidy, limits::TITLE_CHARS)?;
        let title_folded = fold(&title);
        if title_folded.len() > limits::TITLE_FOLDED_BYTES {
            let most = limits::TITLE_FOLDED_BYTES;
            let reason = format!("takes more than {most} bytes as it is sorted");
            return Err(invalid("title", &reason));
        }
        if !limits::RELEASE_YEARS.contains(&self.release_year) {
            let (first, last) = (limits::RELEASE_YEARS.start(), limits::RELEASE_YEARS.end());
            let reason = format!("must be from {first} to {last}");
            return Err(invalid("release_year", &reason));
        }
        let optional = |field, text: Option<String>, tidy, longest| {
            text.map(|text| filled(field, &text, tidy, longest))
                .transpose()
        };
        Ok(ShowRecord {
            show: NewShow {
                show_id,
                kind: self.kind,
                title_folded,
                title,
                date_added: self.date_added,
                release_year: self.release_year,
                rating: optional("rating", self.rating, tidy, limits::RATING_CHARS)?,
                duration: optional("duration", self.duration, tidy, limits::DURATION_CHARS)?,
                description: optional(
                    "description",
                    self.description,
                    tidy_lines,
                    limits::DESCRIPTION_CHARS,
                )?,
            },
            directors: names("directors", &self.directors)?,
            actors: names("actors", &self.actors)?,
            genres: names("genres", &self.genres)?,
            countries: names("countries", &self.countries)?,
        })
    }
}

/// The names in their order, tidied, each once.
fn names(field: &str, given: &[String]) -> Result<Vec<String>, Problem> {
    if given.len() > limits::NAMES {
        let reason = format!("has more than {} names", limits::NAMES);
        return Err(invalid(field, &reason));
    }
    let mut names: Vec<String> = Vec::new();
    for name in given {
        let name = filled(field, name, tidy, limits::NAME_CHARS)?;
        if !names.iter().any(|known| same_name(known, &name)) {
            names.push(name);
        }
    }
    Ok(names)
}

/// The text tidied; refused when it is empty then, longer than `longest` characters, or holds a NUL byte.
fn filled(
    field: &str,
    text: &str,
    tidy: fn(&str) -> String,
    longest: usize,
) -> Result<String, Problem> {
    if text.contains('\0') {
        return Err(invalid(field, "contains a NUL byte"));
    }
    let text = tidy(text);
    if text.is_empty() {
        return Err(invalid(field, "must not be empty"));
    }
    if text.chars().count() > longest {
        let reason = format!("is longer than {longest} characters");
        return Err(invalid(field, &reason));
    }
    Ok(text)
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
