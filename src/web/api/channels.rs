//! Channels and their latest pictures.

use axum::{
    Json,
    extract::State,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    config::Channel,
    inventory::Rev,
    types::{ChannelId, ChannelState, Wall},
    web::{
        AppState,
        auth::{Login, MediaProof},
        error::{ApiError, Ids},
        ports::{ChannelView, Origin},
        session::{Me, Peer},
    },
};

#[derive(Serialize, JsonSchema)]
pub struct ChannelList {
    channels: Vec<ChannelView>,
}

/// All channels that the login may see, in the order of the configuration.
#[utoipa::path(get, path = "/api/v1/channels", operation_id = "list_channels", tag = "channels",
    responses((status = 200, description = "Channels", body = ref("#/components/schemas/ChannelList"))))]
pub async fn list(State(state): State<AppState>, Me(login): Me) -> Result<Response, ApiError> {
    // Ten thousand of them take tens of milliseconds, in which no socket may wait.
    let made = tokio::task::spawn_blocking(move || {
        let proof = login.lists();
        let mut channels = state.ports().channels.list(&proof);
        channels.retain(|c| proof.covers(&c.area));
        serde_json::to_vec(&ChannelList { channels })
    });
    let json = made.await.map_err(|e| ApiError::unavailable(&e))?.map_err(|e| ApiError::unavailable(&e))?;
    Ok(([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], json).into_response())
}

/// A channel with what may be changed of it.
#[derive(Serialize, JsonSchema)]
pub struct ChannelDetail {
    #[serde(flatten)]
    view: ChannelView,
    /// As it is configured; only for a login that may change it.
    #[serde(skip_serializing_if = "Option::is_none")]
    config: Option<ChannelConfig>,
}

#[derive(Serialize, JsonSchema)]
pub struct ChannelConfig {
    #[serde(flatten)]
    channel: Channel,
    /// The revision that changed it last; null for one of the configuration file.
    rev: Option<Rev>,
}

impl ChannelDetail {
    pub fn of(state: &AppState, login: &Login, proof: &MediaProof) -> Result<Self, ApiError> {
        let view = state.ports().channels.get(proof).ok_or_else(|| ApiError::not_found("channel"))?;
        let mut config = None;
        if login.may_configure() {
            let held = state.ports().configuration.in_force();
            let stored = held.stored.channel(view.id.as_str()).filter(|_| view.origin == Origin::Inventory);
            let running = held.running.channel.iter().find(|c| c.id == view.id);
            let channel = stored.map(|s| &s.value).or(running).cloned();
            config = channel.map(|channel| ChannelConfig { channel, rev: stored.map(|s| s.rev) });
        }
        Ok(Self { view, config })
    }
}

#[utoipa::path(get, path = "/api/v1/channels/{id}", operation_id = "get_channel", tag = "channels",
    params(("id" = String, Path, description = "Channel id")),
    responses((status = 200, description = "The channel", body = ref("#/components/schemas/ChannelDetail")),
        (status = 404, description = "No such channel", body = ref("#/components/schemas/ErrorBody"))))]
pub async fn get(
    State(state): State<AppState>,
    Me(login): Me,
    Ids(id): Ids<ChannelId>,
) -> Result<Json<ChannelDetail>, ApiError> {
    let proof = state.auth().media(&login, &id)?;
    ChannelDetail::of(&state, &login, &proof).map(Json)
}

/// The state from a moment on.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct StateView {
    pub at: Wall,
    pub state: ChannelState,
    pub reason: String,
}

#[derive(Serialize, JsonSchema)]
pub struct StateList {
    /// Newest first: the latest hundred changes since the gateway started.
    states: Vec<StateView>,
}

/// How the channel fared: its latest changes of state.
#[utoipa::path(get, path = "/api/v1/channels/{id}/states", operation_id = "list_states", tag = "channels",
    params(("id" = String, Path, description = "Channel id")),
    responses((status = 200, description = "Changes of state", body = ref("#/components/schemas/StateList")),
        (status = 404, description = "No such channel", body = ref("#/components/schemas/ErrorBody"))))]
pub async fn states(
    State(state): State<AppState>,
    Me(login): Me,
    Ids(id): Ids<ChannelId>,
) -> Result<Json<StateList>, ApiError> {
    let proof = state.auth().media(&login, &id)?;
    let states = state.ports().channels.states(&proof).ok_or_else(|| ApiError::not_found("channel"))?;
    let view = |c: crate::channel::StateChange| StateView { at: c.at, state: c.state, reason: c.reason.to_string() };
    Ok(Json(StateList { states: states.into_iter().map(view).collect() }))
}

/// The latest key frame, masks burnt in. That a login begins to look at a channel stands on record.
#[utoipa::path(get, path = "/api/v1/channels/{id}/picture", operation_id = "get_picture", tag = "channels",
    params(("id" = String, Path, description = "Channel id")),
    responses((status = 200, description = "JPEG", content_type = "image/jpeg", body = Vec<u8>,
            headers(("X-Skyeye-Seen" = String, description = "When it was taken, RFC 3339"),
                ("X-Skyeye-Age-Ms" = u64, description = "How old it is"))),
        (status = 404, description = "No such channel, or kind no_picture", body = ref("#/components/schemas/ErrorBody")),
        (status = 429, description = "Too many pictures; see Retry-After", body = ref("#/components/schemas/ErrorBody"))))]
pub async fn picture(
    State(state): State<AppState>,
    Me(login): Me,
    Peer(address): Peer,
    Ids(id): Ids<ChannelId>,
) -> Result<Response, ApiError> {
    let proof = state.auth().media(&login, &id)?;
    if !state.auth().picture_allowed(&login) {
        metrics::counter!("skyeye_web_pictures_limited_total").increment(1);
        return Err(ApiError::too_many(1, "too many pictures at once; ask for fewer"));
    }
    let picture = state.ports().pictures.latest(&proof).await.ok_or_else(|| {
        ApiError::new(StatusCode::NOT_FOUND, "no_picture", "the channel has no picture yet; see its health")
    })?;
    state.auth().looks(&login, &proof, address).await;
    let seen = HeaderValue::from_str(&picture.seen.to_rfc3339()).map_err(|e| ApiError::unavailable(&e))?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("image/jpeg")),
        (header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=1")),
        (HeaderName::from_static("x-skyeye-seen"), seen),
        (HeaderName::from_static("x-skyeye-age-ms"), HeaderValue::from(picture.age_ms)),
    ];
    Ok((headers, picture.jpeg).into_response())
}
