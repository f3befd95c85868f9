//! The area tree: who sees which part of it, and changing it.

use std::collections::{HashMap, HashSet};

use axum::{Json, extract::State, http::StatusCode};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    edit::{Author, From, IN_FILE, chosen, expected, taken},
    fields::{self, Fields},
};
use crate::{
    config::Area,
    inventory::{Ids, Op, Rev},
    types::AreaId,
    web::{
        AppState,
        auth::Login,
        error::{ApiError, Body, Ids as PathIds},
        ports::{Origin, configuration::Held},
        session::Me,
    },
};

/// An area as the console shows it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct AreaView {
    #[serde(flatten)]
    area: Area,
    origin: Origin,
    /// Channels on it and below it, those that the login may see.
    channels: usize,
    /// The revision that changed it last; null for one of the file.
    rev: Option<Rev>,
}

#[derive(Serialize, JsonSchema)]
pub struct AreaList {
    areas: Vec<AreaView>,
}

/// The areas that the login may see, and those above them without their people and borders.
#[utoipa::path(get, path = "/api/v1/areas", operation_id = "list_areas", tag = "areas",
    responses((status = 200, description = "Areas", body = ref("#/components/schemas/AreaList"))))]
pub async fn list(State(state): State<AppState>, Me(login): Me) -> Result<Json<AreaList>, ApiError> {
    // Every channel is counted: no socket may wait for that.
    let made = tokio::task::spawn_blocking(move || views(&state.ports().configuration.in_force(), &login));
    Ok(Json(AreaList { areas: made.await.map_err(|e| ApiError::unavailable(&e))? }))
}

fn views(held: &Held, login: &Login) -> Vec<AreaView> {
    let (proof, paths) = (login.lists(), held.running.area_paths());
    let mut channels: HashMap<AreaId, usize> = HashMap::new();
    for channel in &held.running.channel {
        let path = paths.of(channel);
        if proof.covers(&path) {
            path.into_iter().for_each(|id| *channels.entry(id).or_default() += 1);
        }
    }
    let (mut own, mut above) = (HashSet::new(), HashSet::new());
    for area in &held.running.area {
        let path = paths.to(&area.id);
        if proof.covers(&path) {
            own.insert(area.id.clone());
            above.extend(path);
        }
    }
    let of_file: HashSet<&AreaId> = held.file.area.iter().map(|a| &a.id).collect();
    let revs: HashMap<&str, Rev> = held.stored.areas.iter().map(|a| (a.value.id.as_str(), a.rev)).collect();
    let view = |area: &Area| {
        let origin = if of_file.contains(&area.id) { Origin::File } else { Origin::Inventory };
        let shown = if own.contains(&area.id) {
            area.clone()
        } else {
            Area { people: Vec::new(), polygon: Vec::new(), ..area.clone() }
        };
        AreaView {
            origin,
            channels: channels.get(&area.id).copied().unwrap_or(0),
            rev: revs.get(area.id.as_str()).copied().filter(|_| origin == Origin::Inventory),
            area: shown,
        }
    };
    held.running.area.iter().filter(|a| above.contains(&a.id)).map(view).collect()
}

/// Fields of an area as in the configuration.
#[derive(JsonSchema)]
#[allow(dead_code)] // the shape of a body that is read as fields
pub struct AreaRequest {
    /// Made from the name if it is not given. Never changes.
    id: Option<String>,
    /// With a change: 409 if the area was changed after this revision.
    expect_rev: Option<Rev>,
    #[serde(flatten)]
    area: Area,
}

/// Adds an area to the inventory.
#[utoipa::path(post, path = "/api/v1/areas", operation_id = "add_area", tag = "areas",
    request_body(content = ref("#/components/schemas/AreaRequest"),
        example = json!({"name": "East street", "kind": "street", "parent": "d1", "people": [{"name": "Li Na", "phone": "0755 1234"}]})),
    responses((status = 201, description = "The area", body = ref("#/components/schemas/AreaView")),
        (status = 409, description = "The id is taken", body = ref("#/components/schemas/ErrorBody")),
        (status = 422, description = "What is wrong, and what would be right", body = ref("#/components/schemas/ErrorBody"))))]
pub async fn add(author: Author, Body(mut body): Body<Fields>) -> Result<(StatusCode, Json<AreaView>), ApiError> {
    let chosen = chosen(&mut body);
    let mut id = None;
    let wishes = |held: &Held| {
        let mut area: Area = fields::made(&body)?;
        if !chosen {
            let made = Ids::new(&held.stored, &held.file).area(&area.name, area.kind);
            area.id = made.ok_or_else(|| ApiError::invalid("no id can be made of this name; give one with id"))?;
        }
        if in_file(held, &area.id) || held.stored.area(area.id.as_str()).is_some() {
            return Err(taken(&area.id));
        }
        id = Some(area.id.clone());
        Ok(vec![Op::PutArea(area)])
    };
    author.make(From::Nothing, wishes).await?;
    let id = id.ok_or_else(|| ApiError::not_found("area"))?;
    Ok((StatusCode::CREATED, Json(one(&author, &id)?)))
}

/// Changes fields of a stored area.
#[utoipa::path(patch, path = "/api/v1/areas/{id}", operation_id = "change_area", tag = "areas",
    params(("id" = String, Path, description = "Area id")),
    request_body(content = ref("#/components/schemas/AreaRequest"), example = json!({"name": "East", "expect_rev": 12})),
    responses((status = 200, description = "The area as it is now", body = ref("#/components/schemas/AreaView")),
        (status = 404, description = "No such area", body = ref("#/components/schemas/ErrorBody")),
        (status = 409, description = "Changed after `expect_rev`", body = ref("#/components/schemas/ErrorBody"))))]
pub async fn change(
    author: Author,
    PathIds(id): PathIds<AreaId>,
    Body(mut body): Body<Fields>,
) -> Result<Json<AreaView>, ApiError> {
    let from = expected(&mut body)?;
    let wishes = |held: &Held| Ok(vec![Op::PutArea(fields::changed(stored(held, &author.login, &id)?, &body)?)]);
    author.make(from, wishes).await?;
    Ok(Json(one(&author, &id)?))
}

/// Removes an area on which nothing hangs any more.
#[utoipa::path(delete, path = "/api/v1/areas/{id}", operation_id = "remove_area", tag = "areas",
    params(("id" = String, Path, description = "Area id")),
    responses((status = 204, description = "Gone"),
        (status = 404, description = "No such area", body = ref("#/components/schemas/ErrorBody")),
        (status = 422, description = "Something hangs on it; how much", body = ref("#/components/schemas/ErrorBody"))))]
pub async fn remove(author: Author, PathIds(id): PathIds<AreaId>) -> Result<StatusCode, ApiError> {
    let wishes = |held: &Held| stored(held, &author.login, &id).map(|_| vec![Op::RemoveArea(id.clone())]);
    author.make(From::Now, wishes).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn in_file(held: &Held, id: &AreaId) -> bool {
    held.file.area.iter().any(|a| a.id == *id)
}

/// An area that the login may see and that may be changed here.
fn stored<'a>(held: &'a Held, login: &Login, id: &AreaId) -> Result<&'a Area, ApiError> {
    let covered = login.lists().covers(&held.running.area_paths().to(id));
    if covered && in_file(held, id) {
        return Err(ApiError::invalid(format!("the area '{id}' {IN_FILE}")));
    }
    let found = held.stored.area(id.as_str()).filter(|_| covered);
    found.map(|a| &a.value).ok_or_else(|| ApiError::not_found("area"))
}

fn one(author: &Author, id: &AreaId) -> Result<AreaView, ApiError> {
    let held = author.state.ports().configuration.in_force();
    let found = views(&held, &author.login).into_iter().find(|v| v.area.id == *id);
    found.ok_or_else(|| ApiError::unavailable(&"an area that was changed is not in force yet"))
}
