//! The node itself: for people, for Prometheus, for whoever restarts it.

use axum::{
    Json,
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use schemars::JsonSchema;
use serde::Serialize;

use crate::web::{AppState, boxview::BoxView, ports::NodeView, session::Me};

/// Late channels that are named to one caller.
const NAMED: usize = 20;

/// Status, counts and rates.
#[utoipa::path(get, path = "/api/v1/node", tag = "node",
    responses((status = 200, description = "The node", body = ref("#/components/schemas/NodeView"))))]
pub async fn node(State(state): State<AppState>, Me(login): Me) -> Json<NodeView> {
    let mut view = state.ports().node.view().await;
    // Who is told what elsewhere is for those who configure it.
    if state.auth().manage(&login).is_err() {
        view.hooks.clear();
    }
    Json(view)
}

/// The box as it breathes: load, rates, ages, drops and budgets of the last minute, and their history. Made once a second.
#[utoipa::path(get, path = "/api/v1/box", operation_id = "get_box", tag = "node",
    responses((status = 200, description = "The box", body = ref("#/components/schemas/BoxView"))))]
pub async fn overview(State(state): State<AppState>, Me(login): Me) -> Json<BoxView> {
    let proof = login.lists();
    let mut view = state.ports().node.overview().as_ref().clone();
    // How many are late is everybody's business; which ones only of those who may see them.
    view.floors.latest.retain(|late| proof.covers(&late.area));
    view.floors.latest.truncate(NAMED);
    Json(view)
}

#[derive(Serialize, JsonSchema)]
pub struct Health {
    /// Always `ok`: the process answers.
    status: &'static str,
}

/// Liveness: the process answers. The only route of its kind without a login; it says nothing else.
#[utoipa::path(get, path = "/healthz", tag = "node",
    responses((status = 200, description = "Alive", body = ref("#/components/schemas/Health"))))]
pub async fn healthz() -> Json<Health> {
    Json(Health { status: "ok" })
}

#[derive(Serialize, JsonSchema)]
pub struct Readiness {
    ready: bool,
    /// What is missing, one sentence each.
    reasons: Vec<String>,
}

/// Readiness; with a login or `Authorization: Bearer` and the token of `web.metrics_token_file`.
#[utoipa::path(get, path = "/readyz", tag = "node",
    responses((status = 200, description = "Ready", body = ref("#/components/schemas/Readiness")),
        (status = 503, description = "Not ready", body = ref("#/components/schemas/Readiness"))))]
pub async fn readyz(State(state): State<AppState>) -> Response {
    let reasons = state.ports().node.not_ready().await;
    let status = if reasons.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Readiness { ready: reasons.is_empty(), reasons })).into_response()
}

/// Prometheus text; with a login or `Authorization: Bearer` and the token of `web.metrics_token_file`.
#[utoipa::path(get, path = "/metrics", tag = "node",
    responses((status = 200, description = "Metrics", content_type = "text/plain", body = String)))]
pub async fn metrics(State(state): State<AppState>) -> Response {
    let text = state.ports().node.metrics();
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}
