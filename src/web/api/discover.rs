//! Discovery, probes and the table of brands: how a channel is found before it is one.

use axum::{
    Json,
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    discover::{DiscoverView, ProbeView, brands},
    web::{
        AppState,
        auth::Deed,
        error::{ApiError, Body, Ids, Params},
        ports::discover::{DiscoverKind, DiscoverRequest, ProbeRequest, StartError, Started},
        session::{Me, Peer},
    },
};

impl From<StartError> for ApiError {
    fn from(e: StartError) -> Self {
        match e {
            StartError::Invalid(message) => Self::invalid(message),
            StartError::Busy(message) => Self::too_many(10, message),
        }
    }
}

#[derive(Serialize, JsonSchema)]
pub struct BrandList {
    brands: Vec<brands::Brand>,
}

/// The stream paths of common makers; `{channel}` is the channel number, from 1.
#[utoipa::path(get, path = "/api/v1/brands", operation_id = "list_brands", tag = "discovery",
    responses((status = 200, description = "Brands", body = ref("#/components/schemas/BrandList"))))]
pub async fn brand_list() -> Json<BrandList> {
    Json(BrandList { brands: brands::all().to_vec() })
}

/// Begins a probe: asks a device who it is and which streams it has, looks at them, and makes a picture of each.
/// Nothing is saved.
#[utoipa::path(post, path = "/api/v1/probe", operation_id = "start_probe", tag = "discovery",
    request_body = ref("#/components/schemas/ProbeRequest"),
    responses((status = 202, description = "Begun; watch it by its id", body = ref("#/components/schemas/Started")),
        (status = 403, description = "The login may not change the configuration", body = ref("#/components/schemas/ErrorBody")),
        (status = 422, description = "The address or the login is no good", body = ref("#/components/schemas/ErrorBody")),
        (status = 429, description = "Too many probes at once; see Retry-After", body = ref("#/components/schemas/ErrorBody"))))]
pub async fn probe(
    State(state): State<AppState>,
    Me(login): Me,
    Peer(address): Peer,
    Body(request): Body<ProbeRequest>,
) -> Result<Response, ApiError> {
    let proof = state.auth().discovery(&login)?;
    // Of a URL only the host is put on record: the rest may be anything.
    let url_host = request.url.as_ref().and_then(|u| url::Url::parse(u).ok()?.host_str().map(str::to_owned));
    let whom = named(url_host.as_deref().or(request.host.as_deref()));
    let started = state.ports().discovery.probe(&proof, request).await?;
    state.auth().record(login.user(), Deed::Probe, &whom, address).await;
    Ok((StatusCode::ACCEPTED, Json(started)).into_response())
}

/// How far a probe is, and what it found.
#[utoipa::path(get, path = "/api/v1/probe/{id}", operation_id = "get_probe", tag = "discovery",
    params(("id" = String, Path, description = "Id of the probe")),
    responses((status = 200, description = "The probe", body = ref("#/components/schemas/ProbeView")),
        (status = 404, description = "No such probe of this login", body = ref("#/components/schemas/ErrorBody"))))]
pub async fn probed(
    State(state): State<AppState>,
    Me(login): Me,
    Ids(id): Ids<Uuid>,
) -> Result<Json<ProbeView>, ApiError> {
    let proof = state.auth().discovery(&login)?;
    state.ports().discovery.probed(&proof, id).map(Json).ok_or_else(|| ApiError::not_found("probe"))
}

#[derive(Deserialize)]
pub struct PictureParams {
    #[serde(default)]
    stream: usize,
}

/// A picture of a probed stream: its decoded key frame.
#[utoipa::path(get, path = "/api/v1/probe/{id}/picture", operation_id = "get_probe_picture", tag = "discovery",
    params(("id" = String, Path, description = "Id of the probe"),
        ("stream" = Option<usize>, Query, description = "Index in the probe's streams, 0 if not given")),
    responses((status = 200, description = "JPEG", content_type = "image/jpeg", body = Vec<u8>),
        (status = 404, description = "No such probe, or no picture of this stream", body = ref("#/components/schemas/ErrorBody"))))]
pub async fn picture(
    State(state): State<AppState>,
    Me(login): Me,
    Ids(id): Ids<Uuid>,
    Params(params): Params<PictureParams>,
) -> Result<Response, ApiError> {
    let proof = state.auth().discovery(&login)?;
    let jpeg = state.ports().discovery.picture(&proof, id, params.stream);
    let jpeg = jpeg.ok_or_else(|| ApiError::not_found("picture of this probe"))?;
    Ok(([(header::CONTENT_TYPE, HeaderValue::from_static("image/jpeg"))], jpeg).into_response())
}

/// Begins a search for devices: by WS-Discovery in the gateway's networks, or over a list of addresses.
#[utoipa::path(post, path = "/api/v1/discover", operation_id = "start_discovery", tag = "discovery",
    request_body = ref("#/components/schemas/DiscoverRequest"),
    responses((status = 202, description = "Begun; watch it by its id", body = ref("#/components/schemas/Started")),
        (status = 403, description = "The login may not change the configuration", body = ref("#/components/schemas/ErrorBody")),
        (status = 422, description = "The list or the login is no good", body = ref("#/components/schemas/ErrorBody")),
        (status = 429, description = "A search is under way; see Retry-After", body = ref("#/components/schemas/ErrorBody"))))]
pub async fn discover(
    State(state): State<AppState>,
    Me(login): Me,
    Peer(address): Peer,
    Body(request): Body<DiscoverRequest>,
) -> Result<Response, ApiError> {
    let proof = state.auth().discovery(&login)?;
    let whom = match request.kind {
        DiscoverKind::Ws => "the gateway's networks".to_owned(),
        DiscoverKind::List => named(request.addresses.as_deref()),
    };
    let started: Started = state.ports().discovery.discover(&proof, request).await?;
    state.auth().record(login.user(), Deed::Discovery, &whom, address).await;
    Ok((StatusCode::ACCEPTED, Json(started)).into_response())
}

/// How far a search is, and who was found.
#[utoipa::path(get, path = "/api/v1/discover/{id}", operation_id = "get_discovery", tag = "discovery",
    params(("id" = String, Path, description = "Id of the search")),
    responses((status = 200, description = "The search", body = ref("#/components/schemas/DiscoverView")),
        (status = 404, description = "No such search of this login", body = ref("#/components/schemas/ErrorBody"))))]
pub async fn discovered(
    State(state): State<AppState>,
    Me(login): Me,
    Ids(id): Ids<Uuid>,
) -> Result<Json<DiscoverView>, ApiError> {
    let proof = state.auth().discovery(&login)?;
    state.ports().discovery.discovered(&proof, id).map(Json).ok_or_else(|| ApiError::not_found("search"))
}

/// Foreign text for the record, short.
fn named(text: Option<&str>) -> String {
    text.unwrap_or_default().chars().filter(|c| !c.is_control()).take(120).collect()
}
