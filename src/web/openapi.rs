//! The description of the API: OpenAPI 3.1 for programs, a plain page for people.
//!
//! Routes describe themselves where they are written; the shapes of bodies are generated from the same types that are
//! serialised. The page is made of escaped text and needs no script.

use std::fmt::Write;

use axum::{
    Extension,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::{
    api::{alerts, channels, login, node},
    error::ErrorBody,
    ports,
};
use crate::types::payload;

/// Both forms, made once.
#[derive(Clone)]
pub struct Description {
    json: Bytes,
    html: Bytes,
}

impl Description {
    pub fn new(document: &Value) -> Self {
        Self { json: document.to_string().into(), html: page(document).into() }
    }
}

/// This document.
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "description",
    responses((status = 200, description = "OpenAPI 3.1", content_type = "application/json", body = String)))]
pub async fn document(Extension(description): Extension<Description>) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], description.json).into_response()
}

/// The same to read.
#[utoipa::path(get, path = "/api/v1/docs", tag = "description",
    responses((status = 200, description = "HTML", content_type = "text/html", body = String)))]
pub async fn docs(Extension(description): Extension<Description>) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"))], description.html).into_response()
}

/// The style of the page; the policy allows none inside it.
#[utoipa::path(get, path = "/api/v1/docs.css", tag = "description",
    responses((status = 200, description = "CSS", content_type = "text/css", body = String)))]
pub async fn docs_css() -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("text/css; charset=utf-8"))], CSS).into_response()
}

const CSS: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b2430}\
code,pre{font:13px/1.45 ui-monospace,monospace}pre{background:#f3f5f8;padding:.8rem;overflow:auto}\
h2{margin-top:2.2rem;border-bottom:1px solid #d5dbe3}h3 code{background:#e6eefb;padding:.15rem .4rem;border-radius:.2rem}\
table{border-collapse:collapse}td,th{border:1px solid #d5dbe3;padding:.25rem .6rem;text-align:left;vertical-align:top}";

/// Adds what the routes only name: the shapes, the error and how one logs in.
pub fn complete(openapi: &utoipa::openapi::OpenApi) -> Value {
    let mut document = serde_json::to_value(openapi).unwrap_or_else(|_| json!({}));
    let schemas = schemas();
    let Some(root) = document.as_object_mut() else { return document };
    root.insert("openapi".into(), json!("3.1.0"));
    root.insert(
        "info".into(),
        json!({
            "title": "skyeye",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Alerts, channels and pictures of one skyeye node. Log in with POST /api/v1/login, which sets a cookie; \
                send the csrf value of its answer as X-CSRF-Token with every request that changes something. Live: \
                WebSocket /mqtt with subprotocol mqtt (MQTT 3.1.1).",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        }),
    );
    root.insert("security".into(), json!([{ "session": [] }]));
    let components = root.entry("components").or_insert_with(|| json!({}));
    if let Some(components) = components.as_object_mut() {
        let into = components.entry("schemas").or_insert_with(|| json!({}));
        if let Some(into) = into.as_object_mut() {
            into.extend(schemas);
        }
        components.insert(
            "securitySchemes".into(),
            json!({
                "session": { "type": "apiKey", "in": "cookie", "name": super::session::COOKIE },
                "token": { "type": "http", "scheme": "bearer" },
            }),
        );
    }
    for (path, security) in [
        ("/api/v1/login", json!([])),
        ("/healthz", json!([])),
        ("/readyz", json!([{ "session": [] }, { "token": [] }])),
        ("/metrics", json!([{ "session": [] }, { "token": [] }])),
    ] {
        let Some(item) = root["paths"].get_mut(path).and_then(Value::as_object_mut) else { continue };
        for operation in item.values_mut().filter_map(Value::as_object_mut) {
            operation.insert("security".into(), security.clone());
        }
    }
    document
}

fn schemas() -> Map<String, Value> {
    let settings = SchemaSettings::draft2020_12().with(|s| s.definitions_path = "/components/schemas".into());
    let mut generator = settings.into_generator();
    fn add<T: JsonSchema>(generator: &mut SchemaGenerator) {
        generator.subschema_for::<T>();
    }
    add::<ErrorBody>(&mut generator);
    add::<login::LoginRequest>(&mut generator);
    add::<login::PasswordRequest>(&mut generator);
    add::<login::Session>(&mut generator);
    add::<ports::AlertList>(&mut generator);
    add::<ports::AlertDetail>(&mut generator);
    add::<ports::ChannelView>(&mut generator);
    add::<ports::NodeView>(&mut generator);
    add::<alerts::ActRequest>(&mut generator);
    add::<alerts::ChangesView>(&mut generator);
    add::<channels::ChannelList>(&mut generator);
    add::<node::Health>(&mut generator);
    add::<node::Readiness>(&mut generator);
    add::<payload::AlertPayload>(&mut generator);
    add::<payload::CommandPayload>(&mut generator);
    add::<payload::ResultPayload>(&mut generator);
    generator.take_definitions(true)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn page(document: &Value) -> String {
    let mut html = String::from(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>skyeye API</title>\
         <link rel=\"stylesheet\" href=\"/api/v1/docs.css\"></head><body><h1>skyeye API</h1>",
    );
    let info = &document["info"];
    // Writing to a string cannot fail.
    write!(
        html,
        "<p>{} Version {}. <a href=\"/api/v1/openapi.json\">OpenAPI document</a></p><h2>Routes</h2>",
        escape(text(info, "description")),
        escape(text(info, "version"))
    )
    .ok();
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in item.as_object().into_iter().flatten() {
            route(&mut html, path, method, operation);
        }
    }
    html.push_str("<h2>Shapes</h2>");
    for (name, schema) in document["components"]["schemas"].as_object().into_iter().flatten() {
        let body = serde_json::to_string_pretty(schema).unwrap_or_default();
        let name = escape(name);
        write!(html, "<h3 id=\"{name}\"><code>{name}</code></h3><pre>{}</pre>", escape(&body)).ok();
    }
    html.push_str("</body></html>");
    html
}

fn route(html: &mut String, path: &str, method: &str, operation: &Value) {
    let title = [text(operation, "summary"), text(operation, "description")].join(" ");
    write!(html, "<h3><code>{} {}</code></h3><p>{}</p>", method.to_uppercase(), escape(path), escape(title.trim()))
        .ok();
    let parameters = operation["parameters"].as_array().map_or(&[][..], Vec::as_slice);
    if !parameters.is_empty() {
        html.push_str("<table><tr><th>parameter</th><th>in</th><th></th></tr>");
        for p in parameters {
            let (name, place, what) = (text(p, "name"), text(p, "in"), text(p, "description"));
            write!(html, "<tr><td><code>{}</code></td><td>{place}</td><td>{}</td></tr>", escape(name), escape(what))
                .ok();
        }
        html.push_str("</table>");
    }
    if let Some(name) = shape(&operation["requestBody"]) {
        write!(html, "<p>Body: <a href=\"#{name}\"><code>{name}</code></a></p>").ok();
    }
    html.push_str("<table><tr><th>status</th><th></th><th>shape</th></tr>");
    for (status, response) in operation["responses"].as_object().into_iter().flatten() {
        let shape = shape(response).map(|n| format!("<a href=\"#{n}\"><code>{n}</code></a>")).unwrap_or_default();
        write!(html, "<tr><td>{status}</td><td>{}</td><td>{shape}</td></tr>", escape(text(response, "description")))
            .ok();
    }
    html.push_str("</table>");
}

/// The name of the shape that a body refers to.
fn shape(body: &Value) -> Option<String> {
    let reference = body["content"]["application/json"]["schema"]["$ref"].as_str()?;
    Some(escape(reference.strip_prefix("#/components/schemas/")?))
}
