//! Logging in and out, and setting a password.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    types::{AreaId, NodeId, Secret, SiteId, UserId},
    web::{
        AppState,
        auth::{Areas, AuthError, Issued, Login, Right},
        error::{ApiError, Body},
        session::{Me, Peer, cookie, cookie_end},
    },
};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LoginRequest {
    user: String,
    #[schemars(with = "String")]
    password: Secret,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordRequest {
    #[schemars(with = "String")]
    old: Secret,
    /// At least 10 characters.
    #[schemars(with = "String")]
    new: Secret,
}

/// Who is logged in, and where.
#[derive(Serialize, JsonSchema)]
pub struct Session {
    user: UserId,
    /// `viewer`, `operator`, `supervisor`, `engineer` or `administrator`; of a token its scope: `read`, `act`, `feedback` or
    /// `configure`.
    role: &'static str,
    /// What the role may.
    rights: Vec<Right>,
    /// Roots of the subtrees that the login is limited to; null: it sees everything.
    areas: Option<Vec<AreaId>>,
    /// Goes into the header `X-CSRF-Token` of every request that changes something; empty with a token, which needs none.
    csrf: String,
    /// Every other route answers 403 `password_change_required` until a new password is set.
    must_change_password: bool,
    site: SiteId,
    site_name: String,
    node: NodeId,
    version: &'static str,
    time_zone: String,
}

fn view(state: &AppState, login: &Login) -> Session {
    let site = state.site();
    Session {
        user: login.user().clone(),
        role: login.role().as_str(),
        rights: login.rights(),
        areas: match login.areas() {
            Areas::All => None,
            Areas::Subtrees(roots) => Some(roots.clone()),
        },
        csrf: login.csrf().map(|csrf| csrf.expose().to_owned()).unwrap_or_default(),
        must_change_password: login.must_change(),
        site: site.site.clone(),
        site_name: site.site_name.clone(),
        node: site.node.clone(),
        version: site.version,
        time_zone: site.time_zone.clone(),
    }
}

fn with_cookie(state: &AppState, issued: &Issued, headers: &HeaderMap) -> Result<Response, ApiError> {
    // Behind a proxy that terminates TLS only the browser knows that the way is encrypted.
    let over_tls = headers.get(header::ORIGIN).is_some_and(|o| o.as_bytes().starts_with(b"https://"));
    let cookie = cookie(&issued.token, state.tls() || over_tls).ok_or_else(|| ApiError::unavailable(&"no cookie"))?;
    Ok(([(header::SET_COOKIE, cookie)], Json(view(state, &issued.login))).into_response())
}

/// Begins a session and sets its cookie.
#[utoipa::path(post, path = "/api/v1/login", tag = "login",
    request_body = ref("#/components/schemas/LoginRequest"),
    responses((status = 200, description = "Logged in", body = ref("#/components/schemas/Session")),
        (status = 401, description = "User or password is wrong", body = ref("#/components/schemas/ErrorBody")),
        (status = 429, description = "Too many tries; see Retry-After", body = ref("#/components/schemas/ErrorBody"))))]
pub async fn login(
    State(state): State<AppState>,
    Peer(address): Peer,
    headers: HeaderMap,
    Body(body): Body<LoginRequest>,
) -> Result<Response, ApiError> {
    let issued = state.auth().login(&body.user, body.password, address).await?;
    with_cookie(&state, &issued, &headers)
}

/// The present session.
#[utoipa::path(get, path = "/api/v1/session", tag = "login",
    responses((status = 200, description = "The session", body = ref("#/components/schemas/Session"))))]
pub async fn session(State(state): State<AppState>, Me(login): Me) -> Json<Session> {
    Json(view(&state, &login))
}

/// Sets a new password; all other sessions of the user end.
#[utoipa::path(post, path = "/api/v1/password", tag = "login",
    request_body = ref("#/components/schemas/PasswordRequest"),
    responses((status = 200, description = "A new session", body = ref("#/components/schemas/Session")),
        (status = 422, description = "The old password is wrong, or the new one no good", body = ref("#/components/schemas/ErrorBody"))))]
pub async fn password(
    State(state): State<AppState>,
    Me(login): Me,
    Peer(address): Peer,
    headers: HeaderMap,
    Body(body): Body<PasswordRequest>,
) -> Result<Response, ApiError> {
    let changed = state.auth().change_password(&login, body.old, body.new, address).await;
    let issued = changed.map_err(|e| match e {
        // Not 401: the session holds, and a console that hears 401 shows the login.
        AuthError::Wrong => ApiError::invalid("the old password is wrong"),
        e => e.into(),
    })?;
    with_cookie(&state, &issued, &headers)
}

/// Ends the session and its live feeds.
#[utoipa::path(post, path = "/api/v1/logout", tag = "login", responses((status = 204, description = "Logged out")))]
pub async fn logout(State(state): State<AppState>, Me(login): Me, Peer(address): Peer) -> Result<Response, ApiError> {
    state.auth().logout(&login, address).await?;
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie_end())]).into_response())
}
