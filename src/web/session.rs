//! Between HTTP and `auth`: the session cookie, the token against cross-site requests, the tokens of programs, and the
//! doors in front of the routes. A door is a layer of a whole group of routes, so that a new route is behind one or does
//! not exist.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

use axum::{
    extract::{ConnectInfo, FromRequestParts, Request, State},
    http::{Extensions, HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use axum_extra::extract::CookieJar;
use subtle::ConstantTimeEq;

use super::{
    AppState,
    auth::{Login, Right, TOKEN_PREFIX},
    error::ApiError,
};
use crate::{inventory::Source, types::Secret};

pub const COOKIE: &str = "skyeye_session";
pub const CSRF_HEADER: &str = "x-csrf-token";

/// The login of a request that came through a door.
#[derive(Clone)]
pub struct Me(pub Arc<Login>);

impl<S: Send + Sync> FromRequestParts<S> for Me {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        parts.extensions.get::<Me>().cloned().ok_or_else(ApiError::unauthenticated)
    }
}

/// The address of the caller, that of the proxy where there is one.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub IpAddr);

impl<S: Send + Sync> FromRequestParts<S> for Peer {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(address_of(&parts.extensions)))
    }
}

fn address_of(extensions: &Extensions) -> IpAddr {
    let info = extensions.get::<ConnectInfo<SocketAddr>>();
    // All callers without an address share one limit.
    info.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |c| c.0.ip())
}

/// By which way a request came: browsers say where their page is from.
#[derive(Debug, Clone, Copy)]
pub struct Via(pub Source);

impl<S: Send + Sync> FromRequestParts<S> for Via {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let browser = parts.headers.contains_key("sec-fetch-site");
        Ok(Self(if browser { Source::Console } else { Source::Api }))
    }
}

/// What is sent as `Authorization: Bearer`.
fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(header::AUTHORIZATION)?.as_bytes();
    let (scheme, sent) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then(|| sent.trim_ascii())
}

/// The login that the request's token or cookie stands for. Bearers of another make are a proxy's own business.
async fn login_of(state: &AppState, headers: &HeaderMap, address: IpAddr) -> Result<Option<Login>, ApiError> {
    if let Some(sent) = bearer(headers).filter(|sent| sent.starts_with(TOKEN_PREFIX.as_bytes())) {
        return Ok(Some(state.auth().authenticate_token(sent, address).await?));
    }
    let jar = CookieJar::from_headers(headers);
    match jar.get(COOKIE) {
        Some(cookie) => Ok(state.auth().authenticate(cookie.value()).await?),
        None => Ok(None),
    }
}

async fn enter(state: &AppState, request: &mut Request) -> Result<Arc<Login>, ApiError> {
    let address = address_of(request.extensions());
    let login = login_of(state, request.headers(), address).await?.ok_or_else(ApiError::unauthenticated)?;
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let sent = request.headers().get(CSRF_HEADER).map_or(&b""[..], HeaderValue::as_bytes);
        if !login.csrf_fits(sent) {
            metrics::counter!("skyeye_web_refused_total", "why" => "csrf").increment(1);
            return Err(ApiError::forbidden("the header X-CSRF-Token is missing or not that of the session"));
        }
    }
    let login = Arc::new(login);
    request.extensions_mut().insert(Me(Arc::clone(&login)));
    Ok(login)
}

/// Door of what a login may do even with a one-time password: see that it must set a new one, set it, leave.
pub async fn any_login(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    match enter(&state, &mut request).await {
        Ok(_) => next.run(request).await,
        Err(e) => e.into_response(),
    }
}

/// Door of everything else: for those who may see.
pub async fn full_login(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    match seeing(&state, &mut request).await {
        Ok(()) => next.run(request).await,
        Err(e) => e.into_response(),
    }
}

/// Door of what those may do, too, who may see nothing: their rights are asked for behind it.
pub async fn acting_login(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    match enter(&state, &mut request).await {
        Ok(login) if login.must_change() => password_due().into_response(),
        Ok(_) => next.run(request).await,
        Err(e) => e.into_response(),
    }
}

async fn seeing(state: &AppState, request: &mut Request) -> Result<(), ApiError> {
    let login = enter(state, request).await?;
    if login.must_change() {
        return Err(password_due());
    }
    Ok(login.needs(Right::See)?)
}

/// Door of what machines ask: a login, or the token from `web.metrics_token_file`.
pub async fn login_or_token(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    if bearer(request.headers()).is_some_and(|sent| state.metrics_token().expose().as_bytes().ct_eq(sent).into()) {
        return next.run(request).await;
    }
    match seeing(&state, &mut request).await {
        Ok(()) => next.run(request).await,
        Err(e) => e.into_response(),
    }
}

fn password_due() -> ApiError {
    ApiError::new(StatusCode::FORBIDDEN, "password_change_required", "set a new password first")
}

/// `Set-Cookie` that begins a session. `secure`: the browser reached us over TLS.
pub fn cookie(token: &Secret, secure: bool) -> Option<HeaderValue> {
    let secure = if secure { "; Secure" } else { "" };
    let text = format!("{COOKIE}={}; Path=/; HttpOnly; SameSite=Strict{secure}", token.expose());
    let mut value = HeaderValue::from_str(&text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// `Set-Cookie` that ends it.
pub fn cookie_end() -> HeaderValue {
    HeaderValue::from_static("skyeye_session=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0")
}
