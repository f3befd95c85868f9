//! Whole lists: in as a spreadsheet saves them, out as an import takes them.

use std::collections::BTreeMap;

use axum::{
    Json,
    body::{Body, to_bytes},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;

use super::edit::Author;
use crate::{
    inventory::{Coordinates, Format, Import, Kind, MAX_BYTES, Plan, Rev, Source, export},
    web::{
        auth::Deed,
        error::{ApiError, Params},
    },
};

/// Longest name of a file that is taken over.
const MAX_NAME: usize = 120;

#[derive(Deserialize)]
pub struct ImportParams {
    kind: String,
    #[serde(default)]
    filename: String,
    #[serde(default)]
    apply: bool,
    #[serde(default)]
    remove_missing: bool,
    #[serde(default)]
    skip_refused: bool,
    expect_rev: Option<Rev>,
    map: Option<String>,
    #[serde(default)]
    coordinates: Coordinates,
}

/// Says what a file of channels or areas would change, and with `apply=true` changes it, in one revision. The body is the
/// file: CSV (UTF-8 or GB18030), JSON or TOML, at most 32 MiB. One import at a time.
#[utoipa::path(post, path = "/api/v1/inventory/import", operation_id = "import_inventory", tag = "inventory",
    params(("kind" = String, Query, description = "channels or areas"),
        ("filename" = Option<String>, Query, description = "Its end says the format; shown in the history"),
        ("apply" = Option<bool>, Query, description = "false (default): nothing is changed"),
        ("remove_missing" = Option<bool>, Query, description = "Retire what the file does not have"),
        ("skip_refused" = Option<bool>, Query, description = "Apply the good rows although others are refused"),
        ("expect_rev" = Option<u64>, Query, description = "`base_rev` of the plan that was looked at; 409 if there is a newer one"),
        ("map" = Option<String>, Query, description = "JSON object: heading to field, or to \"\" for none", example = json!("{\"Point\":\"name\"}")),
        ("coordinates" = Option<String>, Query, description = "wgs84 (default) or gcj02")),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 200, description = "The plan, and whether it was applied", body = ref("#/components/schemas/Plan")),
        (status = 403, description = "The login is limited to areas", body = ref("#/components/schemas/ErrorBody")),
        (status = 409, description = "The inventory has changed since `expect_rev`", body = ref("#/components/schemas/ErrorBody")),
        (status = 413, description = "Over 32 MiB", body = ref("#/components/schemas/ErrorBody")),
        (status = 422, description = "The file as a whole cannot be read", body = ref("#/components/schemas/ErrorBody")),
        (status = 429, description = "Another import is under way; see Retry-After", body = ref("#/components/schemas/ErrorBody"))))]
pub async fn import(author: Author, Params(params): Params<ImportParams>, body: Body) -> Result<Json<Plan>, ApiError> {
    // Rights and a place first: what is not wanted is not read.
    let proof = author.state.auth().manage(&author.login)?;
    let place = author
        .state
        .imports()
        .try_acquire_owned()
        .map_err(|_| ApiError::too_many(5, "another import is under way; try again in some seconds"))?;
    let kind = listed(&params.kind)?;
    let map: BTreeMap<String, String> = match &params.map {
        None => BTreeMap::new(),
        Some(text) => serde_json::from_str(text)
            .map_err(|_| ApiError::invalid("map: must be a JSON object of headings and field names"))?,
    };
    let bytes = to_bytes(body, MAX_BYTES).await.map_err(|_| {
        let limit = MAX_BYTES >> 20;
        ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", format!("the file is over {limit} MiB, or broke off"))
    })?;
    let filename: String = params.filename.chars().filter(|c| !c.is_control()).take(MAX_NAME).collect();
    let import = Import {
        kind,
        bytes,
        filename,
        map,
        coordinates: params.coordinates,
        remove_missing: params.remove_missing,
        apply: params.apply,
        skip_refused: params.skip_refused,
        expect_rev: params.expect_rev,
        author: author.login.user().to_string(),
        source: Source::Import,
    };
    // On its own: a client that leaves ends neither the work nor its place, and what was done is on record all the same.
    let running = tokio::spawn(async move {
        let _place = place;
        let plan = author.state.ports().configuration.import(&proof, import).await?;
        if let Some(rev) = plan.rev {
            let (added, changed, removed) = (plan.added.len(), plan.changed.len(), plan.removed.len());
            let what = format!("revision {rev}: {kind}s imported, {added} added, {changed} changed, {removed} removed");
            author.record_as(Deed::ConfigurationChanged, &what).await;
        }
        Ok(Json(plan))
    });
    running.await.map_err(|e| ApiError::unavailable(&e))?
}

#[derive(Deserialize)]
pub struct ExportParams {
    kind: String,
    #[serde(default = "csv")]
    format: Format,
}

fn csv() -> Format {
    Format::Csv
}

/// The inventory's channels or areas as a file that an import takes. A login that is limited to areas gets what is its own.
#[utoipa::path(get, path = "/api/v1/inventory/export", operation_id = "export_inventory", tag = "inventory",
    params(("kind" = String, Query, description = "channels or areas"),
        ("format" = Option<String>, Query, description = "csv (default), json or toml")),
    responses((status = 200, description = "The file; never a password", content_type = "text/csv", body = String)))]
pub async fn export_file(author: Author, Params(params): Params<ExportParams>) -> Result<Response, ApiError> {
    let kind = listed(&params.kind)?;
    let held = author.state.ports().configuration.in_force();
    let proof = author.login.lists();
    let made = tokio::task::spawn_blocking(move || {
        let mut stored = held.stored.as_ref().clone();
        let paths = held.running.area_paths();
        stored.channels.retain(|c| proof.covers(&paths.of(&c.value)));
        stored.areas.retain(|a| proof.covers(&paths.to(&a.value.id)));
        export(&stored, kind, params.format)
    });
    let bytes = made.await.map_err(|e| ApiError::unavailable(&e))?;
    author.record_as(Deed::ConfigurationExported, &format!("{kind}s")).await;
    let (content_type, end) = match params.format {
        Format::Csv => ("text/csv; charset=utf-8", "csv"),
        Format::Json => ("application/json", "json"),
        Format::Toml => ("application/toml", "toml"),
    };
    let name = format!("attachment; filename=\"{kind}s.{end}\"");
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(content_type)),
        (header::CONTENT_DISPOSITION, HeaderValue::from_str(&name).map_err(|e| ApiError::unavailable(&e))?),
    ];
    Ok((headers, bytes).into_response())
}

/// What there are lists of.
fn listed(kind: &str) -> Result<Kind, ApiError> {
    match kind {
        "channels" | "channel" => Ok(Kind::Channel),
        "areas" | "area" => Ok(Kind::Area),
        _ => Err(ApiError::invalid("kind: must be channels or areas")),
    }
}
