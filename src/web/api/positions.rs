//! Positions: which desks there are, and how each stands.

use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::Serialize;

use crate::web::{AppState, error::ApiError, ports::PositionView, session::Me};

#[derive(Serialize, JsonSchema)]
pub struct PositionList {
    /// In the order of the configuration; without any configured there is one, `desk`.
    positions: Vec<PositionView>,
}

/// Every position with its flood, the digest of its last one and its open rows. How much comes is everybody's business;
/// rows are counted and named only for those who may see them.
#[utoipa::path(get, path = "/api/v1/positions", operation_id = "list_positions", tag = "alerts",
    responses((status = 200, description = "Positions", body = ref("#/components/schemas/PositionList"))))]
pub async fn list(State(state): State<AppState>, Me(login): Me) -> Result<Json<PositionList>, ApiError> {
    let proof = login.lists();
    let mut positions = state.ports().alerts.positions(&proof).await?;
    for digest in positions.iter_mut().filter_map(|p| p.digest.as_mut()) {
        digest.leads.retain(|lead| proof.covers(&lead.area));
    }
    Ok(Json(PositionList { positions }))
}
