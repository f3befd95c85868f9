//! Written plans of what is to be done about an alert. They stand in the configuration; ticks are notes of the alert.

use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    config::{Procedure, procedure},
    types::AlertId,
    web::{
        AppState,
        error::{ApiError, Params},
        session::Me,
    },
};

#[derive(Deserialize)]
pub struct ListParams {
    alert: Option<AlertId>,
}

#[derive(Serialize, JsonSchema)]
pub struct ProcedureList {
    /// With `alert`: that of the nearest area first.
    procedures: Vec<Procedure>,
}

/// All procedures of what the login may see, or those for one alert.
#[utoipa::path(get, path = "/api/v1/procedures", operation_id = "list_procedures", tag = "alerts",
    params(("alert" = Option<String>, Query, description = "Only those for this alert, that of the nearest area first")),
    responses((status = 200, description = "Procedures", body = ref("#/components/schemas/ProcedureList")),
        (status = 404, description = "No such alert", body = ref("#/components/schemas/ErrorBody"))))]
pub async fn list(
    State(state): State<AppState>,
    Me(login): Me,
    Params(params): Params<ListParams>,
) -> Result<Json<ProcedureList>, ApiError> {
    let running = state.ports().configuration.in_force().running;
    let Some(id) = params.alert else {
        let proof = login.lists();
        let places = &state.ports().places;
        let covered = |p: &&Procedure| {
            let seen = |area| places.area(area).is_some_and(|path| proof.covers(&path));
            proof.areas().is_none() || p.areas.is_empty() || p.areas.iter().any(seen)
        };
        return Ok(Json(ProcedureList { procedures: running.procedure.iter().filter(covered).cloned().collect() }));
    };
    let proof = state.auth().alert(&login, id).await?;
    if running.procedure.is_empty() {
        return Ok(Json(ProcedureList { procedures: Vec::new() }));
    }
    let alert = state.ports().alerts.get(&proof).await?.ok_or_else(|| ApiError::not_found("alert"))?.alert;
    let found = procedure::of_alert(&running.procedure, &alert.kind, &alert.area);
    Ok(Json(ProcedureList { procedures: found.into_iter().cloned().collect() }))
}
