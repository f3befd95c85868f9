//! The description of the API, OpenAPI 3.1; the console has the page to read it.
//!
//! Routes describe themselves where they are written; the shapes of bodies are generated from the same types that are
//! serialised, so the description cannot fall behind.

use axum::{
    Extension,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::{
    api::{
        alerts, areas, audit, channel_edit, channels, credentials, discover, handover, history, login, map, node,
        numbers, positions, procedures, rules, search, timetables, tokens, users,
    },
    boxview,
    error::ErrorBody,
    ports,
};
use crate::{
    discover::{DiscoverView, ProbeView},
    inventory,
    types::{Traces, payload},
};

/// The document as text, made once.
#[derive(Clone)]
pub struct Description(Bytes);

impl Description {
    pub fn new(document: &Value) -> Self {
        Self(document.to_string().into())
    }
}

/// This document.
#[utoipa::path(get, path = "/api/v1/openapi.json", operation_id = "openapi", tag = "description",
    responses((status = 200, description = "OpenAPI 3.1", content_type = "application/json", body = String)))]
pub async fn document(Extension(description): Extension<Description>) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], description.0).into_response()
}

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
                send the csrf value of its answer as X-CSRF-Token with every request that changes something. Programs send \
                a token of POST /api/v1/tokens as Authorization: Bearer instead. Live: \
                WebSocket /mqtt with subprotocol mqtt (MQTT 3.1.1).",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        }),
    );
    root.insert("security".into(), json!([{ "session": [] }, { "token": [] }]));
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
    add::<ports::search::FoundList>(&mut generator);
    add::<search::Summary>(&mut generator);
    add::<positions::PositionList>(&mut generator);
    add::<procedures::ProcedureList>(&mut generator);
    add::<ports::ChannelView>(&mut generator);
    add::<ports::NodeView>(&mut generator);
    add::<boxview::BoxView>(&mut generator);
    add::<alerts::ActRequest>(&mut generator);
    add::<alerts::ChangesView>(&mut generator);
    add::<ports::numbers::Numbers>(&mut generator);
    add::<numbers::JudgedPositionList>(&mut generator);
    add::<handover::HandoverList>(&mut generator);
    add::<handover::WriteRequest>(&mut generator);
    add::<handover::AcceptRequest>(&mut generator);
    add::<ports::handover::HandoverView>(&mut generator);
    add::<ports::handover::HandoverNow>(&mut generator);
    add::<channels::ChannelList>(&mut generator);
    add::<discover::BrandList>(&mut generator);
    add::<ports::discover::ProbeRequest>(&mut generator);
    add::<ports::discover::DiscoverRequest>(&mut generator);
    add::<ports::discover::Started>(&mut generator);
    add::<ProbeView>(&mut generator);
    add::<DiscoverView>(&mut generator);
    add::<channels::ChannelDetail>(&mut generator);
    add::<channels::StateList>(&mut generator);
    add::<channel_edit::ChannelRequest>(&mut generator);
    add::<channel_edit::BulkRequest>(&mut generator);
    add::<channel_edit::BulkAnswer>(&mut generator);
    add::<areas::AreaList>(&mut generator);
    add::<map::MapView>(&mut generator);
    add::<areas::AreaRequest>(&mut generator);
    add::<credentials::CredentialList>(&mut generator);
    add::<credentials::CredentialRequest>(&mut generator);
    add::<inventory::Plan>(&mut generator);
    add::<history::RevisionList>(&mut generator);
    add::<history::RevisionDetail>(&mut generator);
    add::<history::Undone>(&mut generator);
    add::<rules::RuleList>(&mut generator);
    add::<rules::RuleDetail>(&mut generator);
    add::<rules::RuleRequest>(&mut generator);
    add::<rules::ArmRequest>(&mut generator);
    add::<rules::DryRunRequest>(&mut generator);
    add::<ports::rules::DryRun>(&mut generator);
    add::<Traces>(&mut generator);
    add::<timetables::TimetableList>(&mut generator);
    add::<timetables::TimetableView>(&mut generator);
    add::<timetables::TimetableRequest>(&mut generator);
    add::<users::UserList>(&mut generator);
    add::<users::UserRequest>(&mut generator);
    add::<users::RightsRequest>(&mut generator);
    add::<users::OneTime>(&mut generator);
    add::<users::SessionList>(&mut generator);
    add::<tokens::TokenList>(&mut generator);
    add::<tokens::TokenRequest>(&mut generator);
    add::<tokens::Made>(&mut generator);
    add::<audit::AuditList>(&mut generator);
    add::<node::Health>(&mut generator);
    add::<node::Readiness>(&mut generator);
    add::<payload::AlertPayload>(&mut generator);
    add::<payload::CommandPayload>(&mut generator);
    add::<payload::ResultPayload>(&mut generator);
    generator.take_definitions(true)
}
