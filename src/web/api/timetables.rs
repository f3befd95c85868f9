//! Timetables: the hours in which rules are in force.

use std::collections::{HashMap, HashSet};

use axum::{Json, extract::State, http::StatusCode};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    edit::{Author, From, IN_FILE, chosen, expected, taken},
    fields::{self, Fields},
};
use crate::{
    config::{Timetable, timetable::Hours},
    inventory::{Ids, Op, Rev},
    types::{TimetableId, Wall},
    web::{
        AppState,
        error::{ApiError, Body, Ids as PathIds},
        ports::{Origin, configuration::Held},
        session::Me,
    },
};

/// A timetable as the console shows it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct TimetableView {
    #[serde(flatten)]
    timetable: Timetable,
    origin: Origin,
    /// The revision that changed it last; null for one of the file.
    rev: Option<Rev>,
    /// Rules that go by it.
    rules: usize,
    /// The time zone that it is read in.
    zone: String,
    /// Whether it is on now; null where it cannot be read.
    on: Option<bool>,
    /// When that changes; null where it does not within eight days.
    next: Option<Wall>,
}

#[derive(Serialize, JsonSchema)]
pub struct TimetableList {
    timetables: Vec<TimetableView>,
}

/// All timetables.
#[utoipa::path(get, path = "/api/v1/timetables", operation_id = "list_timetables", tag = "rules",
    responses((status = 200, description = "Timetables", body = ref("#/components/schemas/TimetableList"))))]
pub async fn list(State(state): State<AppState>, Me(_login): Me) -> Result<Json<TimetableList>, ApiError> {
    let held = state.ports().configuration.in_force();
    let now = state.auth().now();
    // When each changes next is looked for minute by minute.
    let made = tokio::task::spawn_blocking(move || views(&held, now));
    Ok(Json(TimetableList { timetables: made.await.map_err(|e| ApiError::unavailable(&e))? }))
}

fn views(held: &Held, now: Wall) -> Vec<TimetableView> {
    let of_file: HashSet<&TimetableId> = held.file.timetable.iter().map(|t| &t.id).collect();
    let mut rules: HashMap<&TimetableId, usize> = HashMap::new();
    held.running.rule.iter().filter_map(|r| r.timetable.as_ref()).for_each(|t| *rules.entry(t).or_default() += 1);
    let default = &held.running.node.time_zone;
    let view = |table: &Timetable| {
        let origin = if of_file.contains(&table.id) { Origin::File } else { Origin::Inventory };
        let hours = Hours::read(table, default).ok();
        TimetableView {
            origin,
            rev: held.stored.timetable(table.id.as_str()).map(|s| s.rev).filter(|_| origin == Origin::Inventory),
            rules: rules.get(&table.id).copied().unwrap_or(0),
            zone: table.time_zone.clone().unwrap_or_else(|| default.clone()),
            on: hours.as_ref().map(|h| h.on(now)),
            next: hours.as_ref().and_then(|h| h.next_change(now)),
            timetable: table.clone(),
        }
    };
    held.running.timetable.iter().map(view).collect()
}

/// Fields of a timetable as in the configuration; what is left out is usual.
#[derive(JsonSchema)]
#[allow(dead_code)] // the shape of a body that is read as fields
pub struct TimetableRequest {
    /// Made from the name if it is not given. Never changes.
    id: Option<String>,
    /// With a change: 409 if the timetable was changed after this revision.
    expect_rev: Option<Rev>,
    #[serde(flatten)]
    timetable: Timetable,
}

/// Adds a timetable to the inventory.
#[utoipa::path(post, path = "/api/v1/timetables", operation_id = "add_timetable", tag = "rules",
    request_body(content = ref("#/components/schemas/TimetableRequest"),
        example = json!({"name": "Nights", "weekly": ["mon-fri 18:00-08:00", "sat,sun 00:00-24:00"]})),
    responses((status = 201, description = "The timetable", body = ref("#/components/schemas/TimetableView")),
        (status = 409, description = "The id is taken", body = ref("#/components/schemas/ErrorBody")),
        (status = 422, description = "What is wrong, and what would be right", body = ref("#/components/schemas/ErrorBody"))))]
pub async fn add(author: Author, Body(mut body): Body<Fields>) -> Result<(StatusCode, Json<TimetableView>), ApiError> {
    let chosen = chosen(&mut body);
    let mut id = None;
    let wishes = |held: &Held| {
        let mut table: Timetable = fields::made(&body)?;
        if !chosen {
            let made = Ids::new(&held.stored, &held.file).timetable(&table.name);
            table.id = made.ok_or_else(|| ApiError::invalid("no id can be made of this name; give one with id"))?;
        }
        if held.file.timetable.iter().any(|t| t.id == table.id) || held.stored.timetable(table.id.as_str()).is_some() {
            return Err(taken(&table.id));
        }
        id = Some(table.id.clone());
        Ok(vec![Op::PutTimetable(table)])
    };
    author.make(From::Nothing, wishes).await?;
    let id = id.ok_or_else(|| ApiError::not_found("timetable"))?;
    Ok((StatusCode::CREATED, Json(one(&author, &id)?)))
}

/// Changes fields of a stored timetable.
#[utoipa::path(patch, path = "/api/v1/timetables/{id}", operation_id = "change_timetable", tag = "rules",
    params(("id" = String, Path, description = "Timetable id")),
    request_body(content = ref("#/components/schemas/TimetableRequest"), example = json!({"holidays": ["2026-10-01..2026-10-07"], "expect_rev": 12})),
    responses((status = 200, description = "The timetable as it is now", body = ref("#/components/schemas/TimetableView")),
        (status = 404, description = "No such timetable", body = ref("#/components/schemas/ErrorBody")),
        (status = 409, description = "Changed after `expect_rev`", body = ref("#/components/schemas/ErrorBody")),
        (status = 422, description = "What is wrong, and what would be right", body = ref("#/components/schemas/ErrorBody"))))]
pub async fn change(
    author: Author,
    PathIds(id): PathIds<TimetableId>,
    Body(mut body): Body<Fields>,
) -> Result<Json<TimetableView>, ApiError> {
    let from = expected(&mut body)?;
    let wishes = |held: &Held| Ok(vec![Op::PutTimetable(fields::changed(stored(held, &id)?, &body)?)]);
    author.make(from, wishes).await?;
    Ok(Json(one(&author, &id)?))
}

/// Removes a timetable that no rule goes by.
#[utoipa::path(delete, path = "/api/v1/timetables/{id}", operation_id = "remove_timetable", tag = "rules",
    params(("id" = String, Path, description = "Timetable id")),
    responses((status = 204, description = "Gone"),
        (status = 404, description = "No such timetable", body = ref("#/components/schemas/ErrorBody")),
        (status = 422, description = "Rules go by it; how many", body = ref("#/components/schemas/ErrorBody"))))]
pub async fn remove(author: Author, PathIds(id): PathIds<TimetableId>) -> Result<StatusCode, ApiError> {
    author.make(From::Now, |held| stored(held, &id).map(|_| vec![Op::RemoveTimetable(id.clone())])).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A timetable that may be changed here.
fn stored<'a>(held: &'a Held, id: &TimetableId) -> Result<&'a Timetable, ApiError> {
    if held.file.timetable.iter().any(|t| t.id == *id) {
        return Err(ApiError::invalid(format!("the timetable '{id}' {IN_FILE}")));
    }
    held.stored.timetable(id.as_str()).map(|t| &t.value).ok_or_else(|| ApiError::not_found("timetable"))
}

fn one(author: &Author, id: &TimetableId) -> Result<TimetableView, ApiError> {
    let held = author.state.ports().configuration.in_force();
    let found = views(&held, author.state.auth().now()).into_iter().find(|v| v.timetable.id == *id);
    found.ok_or_else(|| ApiError::unavailable(&"a timetable that was changed is not in force yet"))
}
