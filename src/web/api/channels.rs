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
    types::ChannelId,
    web::{
        AppState,
        error::{ApiError, Ids},
        ports::ChannelView,
        session::Me,
    },
};

#[derive(Serialize, JsonSchema)]
pub struct ChannelList {
    channels: Vec<ChannelView>,
}

/// All channels that the login may see, in the order of the configuration.
#[utoipa::path(get, path = "/api/v1/channels", operation_id = "list_channels", tag = "channels",
    responses((status = 200, description = "Channels", body = ref("#/components/schemas/ChannelList"))))]
pub async fn list(State(state): State<AppState>, Me(login): Me) -> Json<ChannelList> {
    let proof = login.lists();
    let mut channels = state.ports().channels.list(&proof);
    channels.retain(|c| proof.covers(&c.area));
    Json(ChannelList { channels })
}

#[utoipa::path(get, path = "/api/v1/channels/{id}", operation_id = "get_channel", tag = "channels",
    params(("id" = String, Path, description = "Channel id")),
    responses((status = 200, description = "The channel", body = ref("#/components/schemas/ChannelView")),
        (status = 404, description = "No such channel", body = ref("#/components/schemas/ErrorBody"))))]
pub async fn get(
    State(state): State<AppState>,
    Me(login): Me,
    Ids(id): Ids<ChannelId>,
) -> Result<Json<ChannelView>, ApiError> {
    let proof = state.auth().media(&login, &id)?;
    state.ports().channels.get(&proof).map(Json).ok_or_else(|| ApiError::not_found("channel"))
}

/// The latest key frame, masks burnt in.
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
    let seen = HeaderValue::from_str(&picture.seen.to_rfc3339()).map_err(|e| ApiError::unavailable(&e))?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("image/jpeg")),
        (header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=1")),
        (HeaderName::from_static("x-skyeye-seen"), seen),
        (HeaderName::from_static("x-skyeye-age-ms"), HeaderValue::from(picture.age_ms)),
    ];
    Ok((headers, picture.jpeg).into_response())
}
