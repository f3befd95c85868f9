//! The console's files, embedded into the binary at build time from `console/dist`. A path that is no file is a view of
//! the console and gets its page. Names of built files carry a hash of their content, so they never change.

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use rust_embed::{EmbeddedFile, RustEmbed};

use super::{error::ApiError, guard};

#[derive(RustEmbed)]
#[folder = "console/dist"]
#[allow_missing = true]
struct Console;

/// Shown where the gateway was built without the console.
const NOT_BUILT: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>skyeye</title>\
<h1>skyeye runs, its console was not built</h1>\
<p>Run <code>npm ci &amp;&amp; npm run build</code> in <code>console/</code>, then build skyeye again; \
<code>make demo</code> does both.</p></html>";

/// Everything that no route knows.
pub async fn fallback(request: Request) -> Response {
    let path = request.uri().path();
    if !guard::is_asset(path) {
        return ApiError::not_found("route").into_response();
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method", "this is read only").into_response();
    }
    let name = path.trim_start_matches('/');
    if !name.is_empty()
        && let Some(file) = Console::get(name)
    {
        return answer(name, file, request.headers());
    }
    // A missing file must not look like one that is there; but the id at the end of a view may hold a dot.
    let view = name.starts_with("channels/") || name.starts_with("alerts/");
    if !view && name.rsplit('/').next().is_some_and(|last| last.contains('.')) {
        return ApiError::not_found("file").into_response();
    }
    match Console::get("index.html") {
        Some(page) => answer("index.html", page, request.headers()),
        None => ([(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CACHE_CONTROL, "no-cache")], NOT_BUILT)
            .into_response(),
    }
}

fn answer(name: &str, file: EmbeddedFile, headers: &HeaderMap) -> Response {
    let hash = file.metadata.sha256_hash();
    let tag = format!("\"{}\"", hex::encode(&hash[..16]));
    // What Vite puts into `assets/` has a hash in its name; the page and the rest are asked for anew each time.
    let caching = if name.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    let known = headers
        .get(header::IF_NONE_MATCH)
        .and_then(|v| v.to_str().ok())
        .is_some_and(|v| v.split(',').any(|t| t.trim().trim_start_matches("W/") == tag));
    let body = match file.data {
        _ if known => Body::empty(),
        std::borrow::Cow::Borrowed(data) => Body::from(Bytes::from_static(data)),
        std::borrow::Cow::Owned(data) => Body::from(data),
    };
    let mut response = Response::new(body);
    if known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let out = response.headers_mut();
    let kind = HeaderValue::from_str(file.metadata.mimetype());
    out.insert(header::CONTENT_TYPE, kind.unwrap_or(HeaderValue::from_static("application/octet-stream")));
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        out.insert(header::ETAG, tag);
    }
    response
}
