//! What positions are judged by.

use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    types::{PositionId, Wall},
    web::{
        AppState,
        auth::Right,
        error::{ApiError, Params},
        ports::numbers::{JudgedPosition, Numbers, NumbersAsk},
        session::Me,
    },
};

#[derive(Deserialize)]
pub struct NumbersParams {
    position: Option<String>,
    from: Option<String>,
    to: Option<String>,
}

pub(super) fn position_of(text: Option<String>) -> Result<Option<PositionId>, ApiError> {
    // The console's form sends an empty value for "any".
    let position = text.filter(|p| !p.is_empty()).map(|p| PositionId::new(&p)).transpose();
    position.map_err(|e| ApiError::invalid(format!("position: {e}")))
}

fn time_of(key: &str, text: Option<String>) -> Result<Option<Wall>, ApiError> {
    let Some(text) = text.filter(|t| !t.is_empty()) else { return Ok(None) };
    let time = serde_json::from_value(serde_json::Value::String(text));
    let time = time.map_err(|_| ApiError::invalid(format!("{key} is no time; e.g. 2026-11-22T08:00:00Z")))?;
    Ok(Some(time))
}

/// Rows before people in a span of time, each figure beside its target.
#[utoipa::path(get, path = "/api/v1/numbers", operation_id = "get_numbers", tag = "numbers",
    params(("position" = Option<String>, Query, description = "Only of this position"),
        ("from" = Option<String>, Query, description = "RFC 3339; since the position was last handed over, or the last 8 hours, if not given"),
        ("to" = Option<String>, Query, description = "RFC 3339; now if not given, at most 31 days after from")),
    responses((status = 200, description = "The numbers", body = ref("#/components/schemas/Numbers"))))]
pub async fn numbers(
    State(state): State<AppState>,
    Me(login): Me,
    Params(params): Params<NumbersParams>,
) -> Result<Json<Numbers>, ApiError> {
    login.needs(Right::Numbers)?;
    let ask = NumbersAsk {
        position: position_of(params.position)?,
        from: time_of("from", params.from)?,
        to: time_of("to", params.to)?,
    };
    Ok(Json(state.ports().figures.numbers(&login.lists(), ask).await?))
}

#[derive(Serialize, JsonSchema)]
pub struct JudgedPositionList {
    positions: Vec<JudgedPosition>,
}

/// Positions that answer for something that the login may see.
#[utoipa::path(get, path = "/api/v1/numbers/positions", operation_id = "list_judged_positions", tag = "numbers",
    responses((status = 200, description = "All of them", body = ref("#/components/schemas/JudgedPositionList"))))]
pub async fn positions(State(state): State<AppState>, Me(login): Me) -> Json<JudgedPositionList> {
    let mut positions = state.ports().figures.positions(&login.lists());
    for position in &mut positions {
        position.whole = state.auth().position(&login, &position.id).is_ok();
    }
    Json(JudgedPositionList { positions })
}
