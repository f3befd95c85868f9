//! Handing a position over to the next shift.

use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::numbers::position_of;
use crate::{
    types::{PositionId, Wall},
    web::{
        AppState,
        auth::Deed,
        error::{ApiError, Body, Ids, Params},
        ports::handover::{HandoverLine, HandoverNow, HandoverQuery, HandoverView, Write},
        session::{Me, Peer},
    },
};

const MAX_NOTES_CHARS: usize = 4000;
const MAX_REMARK_CHARS: usize = 2000;
const MAX_LIST: u32 = 100;

#[derive(Deserialize)]
pub struct ListParams {
    position: Option<String>,
    before: Option<i64>,
    limit: Option<u32>,
}

#[derive(Serialize, JsonSchema)]
pub struct HandoverList {
    handovers: Vec<HandoverLine>,
    /// `before` of the next page; null at the end.
    next: Option<i64>,
}

/// Handovers, newest first.
#[utoipa::path(get, path = "/api/v1/handovers", operation_id = "list_handovers", tag = "handovers",
    params(("position" = Option<String>, Query, description = "Only of this position"),
        ("before" = Option<i64>, Query, description = "`next` of the page before"),
        ("limit" = Option<u32>, Query, description = "1 to 100, 30 if not given")),
    responses((status = 200, description = "A page", body = ref("#/components/schemas/HandoverList"))))]
pub async fn list(
    State(state): State<AppState>,
    Me(login): Me,
    Params(params): Params<ListParams>,
) -> Result<Json<HandoverList>, ApiError> {
    let limit = params.limit.unwrap_or(30).clamp(1, MAX_LIST);
    let query = HandoverQuery { position: position_of(params.position)?, before: params.before, limit };
    let handovers = state.ports().handovers.list(&login.lists(), login.user(), query).await?;
    let full = u32::try_from(handovers.len()).is_ok_and(|n| n == limit);
    let next = handovers.last().map(|h| h.id).filter(|_| full);
    Ok(Json(HandoverList { handovers, next }))
}

#[derive(Deserialize)]
pub struct NowParams {
    position: Option<String>,
}

/// What would be handed over at this moment, the login's draft, and what waits to be accepted.
#[utoipa::path(get, path = "/api/v1/handovers/now", operation_id = "handover_now", tag = "handovers",
    params(("position" = String, Query, description = "Of which position")),
    responses((status = 200, description = "As it is now", body = ref("#/components/schemas/HandoverNow")),
        (status = 404, description = "No such position, or not all of it may be seen", body = ref("#/components/schemas/ErrorBody"))))]
pub async fn now(
    State(state): State<AppState>,
    Me(login): Me,
    Params(params): Params<NowParams>,
) -> Result<Json<HandoverNow>, ApiError> {
    let position = position_of(params.position)?.ok_or_else(|| ApiError::invalid("position: name one"))?;
    let proof = state.auth().position(&login, &position)?;
    Ok(Json(state.ports().handovers.now(&proof).await?))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WriteRequest {
    position: PositionId,
    /// What the next shift must know; at most 4000 characters.
    #[serde(default)]
    notes: String,
    /// Begin of the shift, at most two days ago; since the position was last handed over, or eight hours ago, if not given.
    #[serde(default)]
    from: Option<Wall>,
    /// Signs it: it waits to be accepted, and cannot be changed. Otherwise it is kept as the login's draft.
    #[serde(default)]
    offer: bool,
}

/// Keeps a draft, or signs the handover: what is open, shelved and counted at this moment is frozen in it.
#[utoipa::path(post, path = "/api/v1/handovers", operation_id = "write_handover", tag = "handovers",
    request_body = ref("#/components/schemas/WriteRequest"),
    responses((status = 200, description = "As it was written", body = ref("#/components/schemas/HandoverView")),
        (status = 403, description = "Not for this role; no token hands over", body = ref("#/components/schemas/ErrorBody")),
        (status = 404, description = "No such position, or not all of it may be seen", body = ref("#/components/schemas/ErrorBody")),
        (status = 409, description = "One of this position waits already", body = ref("#/components/schemas/ErrorBody"))))]
pub async fn write(
    State(state): State<AppState>,
    Me(login): Me,
    Peer(address): Peer,
    Body(request): Body<WriteRequest>,
) -> Result<Json<HandoverView>, ApiError> {
    bounded("notes", &request.notes, MAX_NOTES_CHARS)?;
    let proof = state.auth().hand_over(&login, &request.position)?;
    let WriteRequest { notes, from, offer, .. } = request;
    let view = state.ports().handovers.write(&proof, Write { notes: notes.trim().to_owned(), from, offer }).await?;
    let deed = if offer { "offer" } else { "draft" };
    state.auth().record(login.user(), Deed::Handover, &format!("{deed} {}", view.line.id), address).await;
    Ok(Json(view))
}

/// One handover.
#[utoipa::path(get, path = "/api/v1/handovers/{id}", operation_id = "get_handover", tag = "handovers",
    params(("id" = i64, Path, description = "Handover id")),
    responses((status = 200, description = "The handover", body = ref("#/components/schemas/HandoverView")),
        (status = 404, description = "No such handover", body = ref("#/components/schemas/ErrorBody"))))]
pub async fn get(
    State(state): State<AppState>,
    Me(login): Me,
    Ids(id): Ids<i64>,
) -> Result<Json<HandoverView>, ApiError> {
    let proof = state.auth().handover(&login, id).await?;
    Ok(Json(state.ports().handovers.get(&proof).await?))
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AcceptRequest {
    /// At most 2000 characters.
    remark: String,
}

/// Takes the shift over: another login signs.
#[utoipa::path(post, path = "/api/v1/handovers/{id}/accept", operation_id = "accept_handover", tag = "handovers",
    params(("id" = i64, Path, description = "Handover id")),
    request_body = ref("#/components/schemas/AcceptRequest"),
    responses((status = 200, description = "As it is now", body = ref("#/components/schemas/HandoverView")),
        (status = 409, description = "It is one's own, or it does not wait any more", body = ref("#/components/schemas/ErrorBody"))))]
pub async fn accept(
    State(state): State<AppState>,
    Me(login): Me,
    Peer(address): Peer,
    Ids(id): Ids<i64>,
    Body(request): Body<AcceptRequest>,
) -> Result<Json<HandoverView>, ApiError> {
    bounded("remark", &request.remark, MAX_REMARK_CHARS)?;
    let proof = state.auth().sign(&login, id).await?;
    let view = state.ports().handovers.accept(&proof, request.remark.trim().to_owned()).await?;
    state.auth().record(login.user(), Deed::Handover, &format!("accept {id}"), address).await;
    Ok(Json(view))
}

/// Takes a draft or an offer back; only who wrote it can.
#[utoipa::path(post, path = "/api/v1/handovers/{id}/withdraw", operation_id = "withdraw_handover", tag = "handovers",
    params(("id" = i64, Path, description = "Handover id")),
    responses((status = 200, description = "As it is now", body = ref("#/components/schemas/HandoverView")),
        (status = 409, description = "Another one wrote it, or it does not wait any more", body = ref("#/components/schemas/ErrorBody"))))]
pub async fn withdraw(
    State(state): State<AppState>,
    Me(login): Me,
    Peer(address): Peer,
    Ids(id): Ids<i64>,
) -> Result<Json<HandoverView>, ApiError> {
    let proof = state.auth().sign(&login, id).await?;
    let view = state.ports().handovers.withdraw(&proof).await?;
    state.auth().record(login.user(), Deed::Handover, &format!("withdraw {id}"), address).await;
    Ok(Json(view))
}

fn bounded(key: &str, text: &str, most: usize) -> Result<(), ApiError> {
    let count = text.chars().count();
    if count > most {
        return Err(ApiError::invalid(format!("{key} has {count} characters; at most {most} are kept")));
    }
    Ok(())
}
