//! What every request passes before a handler sees it: the shape of its path, where it comes from, how long it may take;
//! and the headers that every answer carries.

use std::time::Duration;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{AppState, error::ApiError};

/// Longest path with query; the mapping of an import stands in one.
const MAX_URI: usize = 16 << 10;
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

const CSP: &str = "default-src 'self'; script-src 'self'; worker-src 'self'; style-src 'self'; img-src 'self' blob: data:; \
    connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; object-src 'none'";

/// Headers of every answer, errors and assets included.
const HEADERS: [(HeaderName, &str); 7] = [
    (header::CONTENT_SECURITY_POLICY, CSP),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), microphone=(), geolocation=(), payment=(), usb=(), interest-cohort=()",
    ),
];

/// Why a path is refused: it could be read in two ways, by a proxy in front of us and by us.
fn path_problem(path: &str) -> Option<&'static str> {
    let lower = path.to_ascii_lowercase();
    if !path.starts_with('/') {
        return Some("does not begin with '/'");
    }
    if ["%2f", "%5c", "%00", "%2e", "%25"].iter().any(|x| lower.contains(x)) {
        return Some("holds an encoded '/', '\\', '.', '%' or NUL");
    }
    if path.contains("//") || path.contains('\\') {
        return Some("holds '//' or '\\'");
    }
    if path.split('/').any(|s| s == "." || s == "..") {
        return Some("holds '.' or '..'");
    }
    None
}

/// Outermost: refuses odd paths, bounds the time, sets the headers.
pub async fn envelope(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let api = !is_asset(request.uri().path());
    let uri = request.uri();
    let problem = if uri.path_and_query().is_some_and(|p| p.as_str().len() > MAX_URI) {
        Some("is too long")
    } else {
        path_problem(uri.path())
    };
    let mut response = if let Some(problem) = problem {
        metrics::counter!("skyeye_web_refused_total", "why" => "path").increment(1);
        ApiError::bad_request(format!("the path {problem}")).into_response()
    } else if let Err(e) = same_origin(&state, request.method(), request.headers(), uri.authority().map(|a| a.as_str()))
    {
        metrics::counter!("skyeye_web_refused_total", "why" => "origin").increment(1);
        e.into_response()
    } else {
        match tokio::time::timeout(REQUEST_TIMEOUT, next.run(request)).await {
            Ok(response) => response,
            Err(_) => ApiError::unavailable(&"it took over 30 s").into_response(),
        }
    };
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if state.tls() {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    if api && !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

/// What the console's files are served under, as opposed to answers made on request.
pub fn is_asset(path: &str) -> bool {
    let made = ["/api/", "/mqtt", "/healthz", "/readyz", "/metrics"];
    path != "/api" && !made.iter().any(|p| path.starts_with(p))
}

/// Refuses state-changing requests that another site's page makes.
fn same_origin(
    state: &AppState,
    method: &Method,
    headers: &HeaderMap,
    authority: Option<&str>,
) -> Result<(), ApiError> {
    if matches!(*method, Method::GET | Method::HEAD) {
        return Ok(());
    }
    let foreign = match headers.get(header::ORIGIN) {
        Some(origin) => !origin_allowed(state, origin, headers, authority),
        // No browser: browsers send it with every such request. They also send this one.
        None => headers.get("sec-fetch-site").is_some_and(|v| v != "same-origin" && v != "none"),
    };
    if foreign { Err(ApiError::forbidden("the request comes from another site's page")) } else { Ok(()) }
}

/// Whether an `Origin` is the gateway's own address or one of `web.origins`.
pub fn origin_allowed(state: &AppState, origin: &HeaderValue, headers: &HeaderMap, authority: Option<&str>) -> bool {
    let Ok(origin) = origin.to_str() else { return false };
    let origin = origin.to_ascii_lowercase();
    let host = headers.get(header::HOST).and_then(|h| h.to_str().ok()).or(authority);
    let scheme = if state.tls() { "https" } else { "http" };
    host.is_some_and(|h| origin == format!("{scheme}://{}", h.to_ascii_lowercase()))
        || state.is_configured_origin(&origin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_can_be_read_in_two_ways_are_refused() {
        for good in ["/", "/api/v1/alerts", "/assets/index-Bx9.js", "/api/v1/channels/gate-1.a/picture", "/a...b"] {
            assert_eq!(path_problem(good), None, "{good}");
        }
        let bad = [
            "/api/v1/channels/..%2fgate",
            "/api%2Fv1/alerts",
            "//api/v1/alerts",
            "/api//v1",
            "/api/../metrics",
            "/api/v1/..",
            "/./api",
            "/%2e%2e/metrics",
            "/%252e%252e/metrics",
            "/a%5cb",
            "/a\\b",
            "/a%00",
            "*",
            "",
        ];
        for path in bad {
            assert!(path_problem(path).is_some(), "{path} must be refused");
        }
    }

    #[test]
    fn assets_are_told_from_answers() {
        assert!(is_asset("/") && is_asset("/assets/a.js") && is_asset("/alerts/1") && is_asset("/apiary"));
        for path in ["/api", "/api/v1/session", "/mqtt", "/healthz", "/metrics"] {
            assert!(!is_asset(path), "{path}");
        }
    }
}
