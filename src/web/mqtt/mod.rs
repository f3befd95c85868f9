//! `/mqtt`: the console's live feed, MQTT 3.1.1 over a WebSocket.
//!
//! The gateway itself answers the packets; no byte reaches the broker. In: the login of the upgrade request, subscriptions
//! and commands. Out: what is committed and what changes, each message checked against the login's rights. The number
//! of feeds, their filters, queues and packets are bounded; a slow client is told what it lost and, if it does not read
//! at all, let go.

mod client;
mod filter;
mod pump;

use axum::{
    extract::{State, WebSocketUpgrade, ws::rejection::WebSocketUpgradeRejection},
    http::{HeaderMap, StatusCode, Uri, header},
    response::Response,
};

use super::{
    AppState,
    error::ApiError,
    guard::origin_allowed,
    session::{Me, Peer},
};

/// Upgrades to a WebSocket with subprotocol `mqtt`; the request's Origin must be the gateway's own or a configured one.
#[utoipa::path(get, path = "/mqtt", operation_id = "feed", tag = "feed",
    responses((status = 101, description = "MQTT 3.1.1 in binary frames"),
        (status = 403, description = "Foreign origin", body = ref("#/components/schemas/ErrorBody"))))]
pub async fn upgrade(
    State(state): State<AppState>,
    Me(login): Me,
    Peer(address): Peer,
    headers: HeaderMap,
    uri: Uri,
    ws: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, ApiError> {
    // A browser sends the cookie with a WebSocket that any page opens; only the Origin tells whose page it is. A program
    // has no page, and no page has its token.
    let authority = uri.authority().map(|a| a.as_str());
    let pageless = login.is_token() && !headers.contains_key(header::ORIGIN);
    if !pageless && !headers.get(header::ORIGIN).is_some_and(|o| origin_allowed(&state, o, &headers, authority)) {
        metrics::counter!("skyeye_web_refused_total", "why" => "origin").increment(1);
        return Err(ApiError::forbidden("the WebSocket comes from another site's page"));
    }
    let ws = ws.map_err(|e| ApiError::new(StatusCode::UPGRADE_REQUIRED, "upgrade_required", e.body_text()))?;
    let ws = ws.protocols(["mqtt"]);
    if ws.selected_protocol().is_none() {
        return Err(ApiError::bad_request("the WebSocket must offer the subprotocol mqtt"));
    }
    let Some(place) = state.auth().feeds().open(&login) else {
        return Err(ApiError::too_many(10, "too many live feeds; close a tab"));
    };
    Ok(ws
        .max_message_size(2 * client::MAX_PACKET)
        .max_frame_size(2 * client::MAX_PACKET)
        .on_upgrade(move |socket| client::run(socket, state, login, address, place)))
}
