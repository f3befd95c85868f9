//! Alerts, their evidence, and what changed since.

use std::{net::IpAddr, sync::Arc};

use axum::{
    Json,
    body::Bytes,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    types::{
        AlertId, ChannelId, EventId, IncidentId, PositionId, Severity, alert::Wish, handling::ResultCode,
        payload::AlertAction,
    },
    web::{
        AppState,
        auth::{Deed, Login, Right, acted},
        error::{ApiError, Ids, Params},
        ports::{Act, AlertDetail, AlertList, AlertQuery, Kin, StateFilter},
        session::{Me, Peer},
    },
};

const MAX_NOTE_CHARS: usize = 2000;
const MAX_LIST: usize = 500;
const MAX_CHANGES: usize = 1000;

#[derive(Deserialize)]
pub struct ListParams {
    #[serde(default)]
    state: StateFilter,
    channel: Option<String>,
    /// Only what is before somebody as a row of its own.
    #[serde(default)]
    rows: bool,
    position: Option<String>,
    incident: Option<IncidentId>,
    under: Option<AlertId>,
    before: Option<i64>,
    limit: Option<usize>,
}

/// Newest first.
#[utoipa::path(get, path = "/api/v1/alerts", operation_id = "list_alerts", tag = "alerts",
    params(("state" = Option<String>, Query, description = "open (default), new, acknowledged, dispatched, resolved, closed or all"),
        ("channel" = Option<String>, Query, description = "Only of this channel"),
        ("rows" = Option<bool>, Query, description = "Only rows: not what is held, brief or counted under another row"),
        ("position" = Option<String>, Query, description = "Only rows of this position, and those that were escalated to it until somebody takes them; implies rows"),
        ("incident" = Option<String>, Query, description = "Only what is of this incident, in whatever state; goes with before and limit only"),
        ("under" = Option<String>, Query, description = "Only what is counted under this alert's row; goes with before and limit only"),
        ("before" = Option<i64>, Query, description = "`next` of the page before"),
        ("limit" = Option<usize>, Query, description = "1 to 500, 100 if not given")),
    responses((status = 200, description = "A page", body = ref("#/components/schemas/AlertList"))))]
pub async fn list(
    State(state): State<AppState>,
    Me(login): Me,
    Params(params): Params<ListParams>,
) -> Result<Json<AlertList>, ApiError> {
    // The console's form sends an empty value for "any".
    let channel = params.channel.filter(|c| !c.is_empty()).map(|c| ChannelId::new(&c)).transpose();
    let channel = channel.map_err(|e| ApiError::invalid(e.to_string()))?;
    let limit = params.limit.unwrap_or(100).clamp(1, MAX_LIST);
    let proof = login.lists();
    let kin = match (params.incident, params.under) {
        (Some(_), Some(_)) => return Err(ApiError::invalid("incident and under: give one of them")),
        (Some(incident), None) => Some(Kin::Incident(incident)),
        (None, Some(alert)) => Some(Kin::Under(alert)),
        (None, None) => None,
    };
    if let Some(kin) = kin {
        let mut list = state.ports().alerts.members(&proof, kin, params.before, limit).await?;
        list.alerts.retain(|a| proof.covers(&a.area));
        return Ok(Json(list));
    }
    let position = params.position.filter(|p| !p.is_empty()).map(|p| PositionId::new(&p)).transpose();
    let position = position.map_err(|e| ApiError::invalid(e.to_string()))?;
    let rows = params.rows || position.is_some();
    let query = AlertQuery { state: params.state, channel, rows, position, before: params.before, limit };
    let mut list = state.ports().alerts.list(&proof, query).await?;
    list.alerts.retain(|a| proof.covers(&a.area));
    Ok(Json(list))
}

/// An alert with its history and latest events.
#[utoipa::path(get, path = "/api/v1/alerts/{id}", operation_id = "get_alert", tag = "alerts",
    params(("id" = String, Path, description = "Alert id")),
    responses((status = 200, description = "The alert", body = ref("#/components/schemas/AlertDetail")),
        (status = 404, description = "No such alert", body = ref("#/components/schemas/ErrorBody"))))]
pub async fn get(
    State(state): State<AppState>,
    Me(login): Me,
    Ids(id): Ids<AlertId>,
) -> Result<([(header::HeaderName, String); 1], Json<AlertDetail>), ApiError> {
    let proof = state.auth().alert(&login, id).await?;
    let detail = state.ports().alerts.get(&proof).await?.ok_or_else(|| ApiError::not_found("alert"))?;
    Ok(([(header::ETAG, format!("\"{}\"", detail.alert.rev))], Json(detail)))
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ActRequest {
    /// The `rev` that was seen; a later change makes this fail with 409 instead of overwriting it. Without it what another
    /// has taken, shelved or priced is refused the same way.
    rev: Option<u64>,
    /// At most 2000 characters.
    note: Option<String>,
    /// With `resolve`: what it turned out to be.
    result: Option<ResultCode>,
    /// With `priority`: the new one.
    priority: Option<Severity>,
    /// With `shelve`: for how long, 1 to 10080.
    minutes: Option<u32>,
    /// With `dispatch`: whom it goes to, at most 200 characters.
    to: Option<String>,
}

/// The `rev` in `If-Match`, as `GET` gave it in `ETag`; `*` is any.
fn if_match(headers: &HeaderMap) -> Result<Option<u64>, ApiError> {
    let Some(value) = headers.get(header::IF_MATCH) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(None);
    }
    let rev = text.strip_prefix('"').and_then(|t| t.strip_suffix('"')).and_then(|t| t.parse().ok());
    rev.map(Some).ok_or_else(|| ApiError::invalid("If-Match is not the alert's rev in quotes, e.g. \"7\""))
}

/// Acts on an alert: its state, its shelf, its priority, or a note.
#[utoipa::path(post, path = "/api/v1/alerts/{id}/{action}", operation_id = "act_on_alert", tag = "alerts",
    params(("id" = String, Path, description = "Alert id"),
        ("action" = AlertAction, Path, description = "What to do"),
        ("If-Match" = Option<String>, Header, description = "The `rev` that was seen, in quotes; as `rev` in the body")),
    request_body = ref("#/components/schemas/ActRequest"),
    responses((status = 200, description = "The alert as it is now", body = ref("#/components/schemas/AlertPayload")),
        (status = 204, description = "Done, by a token that may see no alert"),
        (status = 403, description = "Which role may", body = ref("#/components/schemas/ErrorBody")),
        (status = 409, description = "Somebody was quicker; with the alert as it is now", body = ref("#/components/schemas/ErrorBody"))))]
pub async fn act(
    State(state): State<AppState>,
    Me(login): Me,
    Peer(address): Peer,
    Ids((id, action)): Ids<(AlertId, AlertAction)>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    let request: ActRequest = if body.is_empty() {
        ActRequest::default()
    } else {
        serde_json::from_slice(&body).map_err(|e| ApiError::invalid(format!("the body does not fit: {e}")))?
    };
    if request.note.as_ref().is_some_and(|n| n.chars().count() > MAX_NOTE_CHARS) {
        return Err(ApiError::invalid(format!("the note is over {MAX_NOTE_CHARS} characters")));
    }
    let rev = if_match(&headers)?;
    if rev.is_some() && request.rev.is_some() && rev != request.rev {
        return Err(ApiError::invalid("If-Match and rev differ; send one of them"));
    }
    let proof = state.auth().act(&login, id, action).await?;
    let ActRequest { note, result, priority, minutes, to, .. } = request;
    let note = note.filter(|n| !n.trim().is_empty());
    let act = Act { wish: Wish { action, note, result, priority, minutes, to }, rev: rev.or(request.rev) };
    let sees = login.may(Right::See);
    let done = state.ports().alerts.act(&proof, act).await.map_err(ApiError::from);
    let alert = done.map_err(|e| if sees { e } else { e.blind() })?;
    let said = state.ports().alerts.said(&proof, alert.rev).await.unwrap_or_else(|e| {
        // It is done whatever can be read of it.
        tracing::warn!("what was said to alert {id} is not on record: {e}");
        None
    });
    state.auth().record(login.user(), Deed::AlertAction, &acted(action, id, said), address).await;
    Ok(if sees { Json(alert).into_response() } else { StatusCode::NO_CONTENT.into_response() })
}

/// The event's picture, without boxes burnt in. Who looked is on record.
#[utoipa::path(get, path = "/api/v1/events/{id}/snapshot", operation_id = "get_snapshot", tag = "alerts",
    params(("id" = String, Path, description = "Event id")),
    responses((status = 200, description = "JPEG", content_type = "image/jpeg", body = Vec<u8>),
        (status = 404, description = "No such event, or it has no picture", body = ref("#/components/schemas/ErrorBody"))))]
pub async fn snapshot(
    State(state): State<AppState>,
    Me(login): Me,
    Peer(address): Peer,
    Ids(id): Ids<EventId>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    picture(state, login, (id, 0), address, &headers).await
}

/// A further picture of the event, as its `media` names them: its best moment, and how it went on. Who looked is on record.
#[utoipa::path(get, path = "/api/v1/events/{id}/pictures/{number}", operation_id = "get_event_picture", tag = "alerts",
    params(("id" = String, Path, description = "Event id"), ("number" = u8, Path, description = "From 1")),
    responses((status = 200, description = "JPEG", content_type = "image/jpeg", body = Vec<u8>),
        (status = 404, description = "No such event, or no such picture", body = ref("#/components/schemas/ErrorBody"))))]
pub async fn event_picture(
    State(state): State<AppState>,
    Me(login): Me,
    Peer(address): Peer,
    Ids(asked): Ids<(EventId, u8)>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    picture(state, login, asked, address, &headers).await
}

async fn picture(
    state: AppState,
    login: Arc<Login>,
    (id, number): (EventId, u8),
    address: IpAddr,
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    let proof = state.auth().snapshot(&login, id).await?;
    // A picture never changes: its event's id and its number are tag enough. The browser asks each time all the same,
    // because rights and logins end, and the next person may sit at the same desk.
    let tag = if number == 0 { format!("\"{id}\"") } else { format!("\"{id}-{number}\"") };
    let caching = [
        (header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache")),
        (header::ETAG, HeaderValue::from_str(&tag).map_err(|e| ApiError::unavailable(&e))?),
    ];
    if headers.get(header::IF_NONE_MATCH).is_some_and(|v| v.as_bytes() == tag.as_bytes()) {
        return Ok((StatusCode::NOT_MODIFIED, caching).into_response());
    }
    let jpeg = state.ports().snapshots.read(&proof, number).await?.ok_or_else(|| ApiError::not_found("snapshot"))?;
    state.auth().record(login.user(), Deed::SnapshotViewed, &id.to_string(), address).await;
    Ok((caching, [(header::CONTENT_TYPE, HeaderValue::from_static("image/jpeg"))], jpeg).into_response())
}

#[derive(Deserialize)]
pub struct ChangesParams {
    after: i64,
    limit: Option<usize>,
}

#[derive(Serialize, JsonSchema)]
pub struct Change {
    cursor: i64,
    topic: String,
    payload: serde_json::Value,
}

#[derive(Serialize, JsonSchema)]
pub struct ChangesView {
    /// In commit order, only what the login may see.
    changes: Vec<Change>,
    /// `after` of the next request.
    cursor: i64,
    /// There is more after `cursor`.
    more: bool,
}

/// What was committed since a cursor.
#[utoipa::path(get, path = "/api/v1/changes", operation_id = "list_changes", tag = "alerts",
    params(("after" = i64, Query, description = "The last cursor that was seen"),
        ("limit" = Option<usize>, Query, description = "1 to 1000, 500 if not given")),
    responses((status = 200, description = "Changes", body = ref("#/components/schemas/ChangesView")),
        (status = 410, description = "Older than what is kept", body = ref("#/components/schemas/ErrorBody"))))]
pub async fn changes(
    State(state): State<AppState>,
    Me(login): Me,
    Params(params): Params<ChangesParams>,
) -> Result<Json<ChangesView>, ApiError> {
    if params.after < 0 {
        return Err(ApiError::invalid("after is negative; begin with the cursor of a list"));
    }
    let limit = params.limit.unwrap_or(500).clamp(1, MAX_CHANGES);
    let found = state.ports().alerts.changes(&login.lists(), params.after, limit).await?;
    let changes = found
        .messages
        .iter()
        // An empty payload only clears a retained message at the broker; it says nothing new.
        .filter(|m| !m.payload.is_empty() && login.may_read(&m.scope))
        .filter_map(|m| {
            let payload = serde_json::from_slice(&m.payload).ok()?;
            Some(Change { cursor: m.cursor?, topic: m.topic.clone(), payload })
        })
        .collect();
    Ok(Json(ChangesView { changes, cursor: found.cursor.max(params.after), more: found.more }))
}
