//! What the console draws a map from: tiles and plans, read from this machine's own files. A file's place is made from
//! numbers and from the configuration, never from a text of a request.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, Read},
    path::PathBuf,
    time::UNIX_EPOCH,
};

use axum::{
    Json,
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
use bytes::Bytes;
use parking_lot::Mutex;
use schemars::JsonSchema;
use serde::Serialize;
use tokio::sync::Semaphore;

use crate::{
    config::{
        self, Degrees,
        map::{MAX_PLAN_BYTES, Raster},
    },
    types::{AreaId, PlanId},
    web::{
        AppState,
        auth::ListProof,
        error::{ApiError, Ids},
        session::Me,
    },
};

/// A tile of 512 pixels, uncompressed, is one.
const MAX_TILE_BYTES: u64 = 1 << 20;
/// Files being read at one time.
const READS: usize = 16;
const ENDINGS: [&str; 4] = ["png", "jpg", "webp", "jpeg"];
/// Tiles change rarely, and an old one for an hour harms nobody.
const CACHING: HeaderValue = HeaderValue::from_static("private, max-age=3600");
/// A plan is for those who may see its area, and the next person at the same desk may not: the browser asks each time.
const ASKING: HeaderValue = HeaderValue::from_static("private, no-cache");

/// The map as it was configured at the start.
pub struct Maps {
    config: config::Map,
    reads: Semaphore,
    /// Plans as they were read last: clients that take one slowly share it. As many as are configured.
    plans: Mutex<HashMap<PlanId, (String, Bytes)>>,
}

impl Maps {
    pub fn new(config: &config::Map) -> Self {
        Self { config: config.clone(), reads: Semaphore::new(READS), plans: Mutex::default() }
    }

    /// The same plan as before, if its file is the same.
    fn shared(&self, id: &PlanId, found: Found) -> Found {
        let mut plans = self.plans.lock();
        match plans.get(id).filter(|(tag, _)| *tag == found.tag) {
            Some((_, bytes)) => Found { bytes: bytes.clone(), ..found },
            None => {
                plans.insert(id.clone(), (found.tag.clone(), found.bytes.clone()));
                found
            }
        }
    }

    /// The first of these files that is there.
    async fn read(&self, paths: Vec<PathBuf>, most: u64) -> Result<Option<Found>, ApiError> {
        let _turn = self.reads.acquire().await.map_err(|e| ApiError::unavailable(&e))?;
        let found = tokio::task::spawn_blocking(move || first_of(&paths, most)).await;
        found.map_err(|e| ApiError::unavailable(&e))?.map_err(|e| ApiError::unavailable(&e))
    }
}

/// What there is to draw a map from, as far as the login may see it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct MapView {
    /// Null: channels stand on a plain background.
    tiles: Option<TilesView>,
    /// What the map shows first: south, west, north, east in WGS-84 degrees; null: where areas and channels are.
    bounds: Option<[f64; 4]>,
    plans: Vec<PlanView>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct TilesView {
    /// With `{z}`, `{x}` and `{y}` to be filled in.
    url: &'static str,
    attribution: String,
    min_zoom: u8,
    max_zoom: u8,
}

/// A picture that is laid on the map.
#[derive(Debug, Serialize, JsonSchema)]
pub struct PlanView {
    id: PlanId,
    name: String,
    area: AreaId,
    image: String,
    /// Top left, top right, bottom right, bottom left; each latitude and longitude.
    corners: [Degrees; 4],
}

/// What the console can draw a map from.
#[utoipa::path(get, path = "/api/v1/map", operation_id = "get_map", tag = "map",
    responses((status = 200, description = "Tiles and plans", body = ref("#/components/schemas/MapView"))))]
pub async fn get(State(state): State<AppState>, Me(login): Me) -> Json<MapView> {
    let map = &state.maps().config;
    let proof = login.lists();
    let tiles = map.tiles.as_ref().map(|_| TilesView {
        url: "/api/v1/map/tiles/{z}/{x}/{y}",
        attribution: map.attribution.clone(),
        min_zoom: map.min_zoom,
        max_zoom: map.max_zoom,
    });
    let view = |plan: &config::Plan| {
        let (id, image) = (plan.id.clone(), format!("/api/v1/map/plans/{}/image", plan.id));
        Some(PlanView { id, name: plan.name.clone(), area: plan.area.clone(), image, corners: plan.four()? })
    };
    let plans = map.plan.iter().filter(|p| may_see(&state, &proof, p)).filter_map(view).collect();
    Json(MapView { tiles, bounds: map.bounds, plans })
}

/// One tile of the map, zoom, column and row as in most tile servers: row 0 is in the north.
#[utoipa::path(get, path = "/api/v1/map/tiles/{z}/{x}/{y}", operation_id = "get_tile", tag = "map",
    params(("z" = u8, Path, description = "Zoom"), ("x" = u32, Path, description = "Column"), ("y" = u32, Path, description = "Row")),
    responses((status = 200, description = "PNG, JPEG or WebP", content_type = "image/png", body = Vec<u8>),
        (status = 304, description = "As `If-None-Match` has it"),
        (status = 404, description = "No such tile", body = ref("#/components/schemas/ErrorBody"))))]
pub async fn tile(
    State(state): State<AppState>,
    headers: HeaderMap,
    Ids((z, x, y)): Ids<(u8, u32, u32)>,
) -> Result<Response, ApiError> {
    let map = &state.maps().config;
    let known = (map.min_zoom..=map.max_zoom).contains(&z) && x >> z == 0 && y >> z == 0;
    let Some(dir) = map.tiles.as_ref().filter(|_| known) else { return Err(ApiError::not_found("tile")) };
    let column = dir.join(z.to_string()).join(x.to_string());
    let paths = ENDINGS.map(|ending| column.join(format!("{y}.{ending}"))).into();
    let found = state.maps().read(paths, MAX_TILE_BYTES).await?;
    found.ok_or_else(|| ApiError::not_found("tile"))?.answer(&headers, CACHING)
}

/// The picture of a plan.
#[utoipa::path(get, path = "/api/v1/map/plans/{id}/image", operation_id = "get_plan_image", tag = "map",
    params(("id" = String, Path, description = "Plan id")),
    responses((status = 200, description = "PNG, JPEG or WebP", content_type = "image/png", body = Vec<u8>),
        (status = 304, description = "As `If-None-Match` has it"),
        (status = 404, description = "No such plan", body = ref("#/components/schemas/ErrorBody"))))]
pub async fn plan(
    State(state): State<AppState>,
    Me(login): Me,
    headers: HeaderMap,
    Ids(id): Ids<PlanId>,
) -> Result<Response, ApiError> {
    let proof = login.lists();
    let plans = &state.maps().config.plan;
    let plan = plans.iter().find(|p| p.id == id && may_see(&state, &proof, p));
    let plan = plan.ok_or_else(|| ApiError::not_found("plan"))?;
    let found = state.maps().read(vec![plan.image.clone()], MAX_PLAN_BYTES).await?;
    let found = found.ok_or_else(|| ApiError::not_found("plan"))?;
    state.maps().shared(&plan.id, found).answer(&headers, ASKING)
}

fn may_see(state: &AppState, proof: &ListProof, plan: &config::Plan) -> bool {
    state.ports().places.area(&plan.area).is_some_and(|path| proof.covers(&path))
}

struct Found {
    kind: Raster,
    /// Of size and time of change: another file has another one.
    tag: String,
    bytes: Bytes,
}

impl Found {
    fn answer(self, headers: &HeaderMap, caching: HeaderValue) -> Result<Response, ApiError> {
        let asked = headers.get(header::IF_NONE_MATCH).and_then(|v| v.to_str().ok());
        let known = asked.is_some_and(|v| v.split(',').any(|t| t.trim().trim_start_matches("W/") == self.tag));
        let mut response = Response::new(if known { Body::empty() } else { Body::from(self.bytes) });
        if known {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        }
        let out = response.headers_mut();
        out.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.kind.content_type()));
        out.insert(header::CACHE_CONTROL, caching);
        out.insert(header::ETAG, HeaderValue::from_str(&self.tag).map_err(|e| ApiError::unavailable(&e))?);
        Ok(response)
    }
}

/// Blocking.
fn first_of(paths: &[PathBuf], most: u64) -> io::Result<Option<Found>> {
    for path in paths {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => continue,
            Err(e) => return Err(e),
        };
        let meta = file.metadata()?;
        if !meta.is_file() {
            continue;
        }
        let mut bytes = Vec::new();
        file.take(most + 1).read_to_end(&mut bytes)?;
        // What lies there and is no picture is nothing that a browser may get from here.
        let kind = Raster::of(&bytes).filter(|_| bytes.len() as u64 <= most);
        let Some(kind) = kind else {
            tracing::warn!(file = %path.display(), "is no PNG, JPEG or WebP picture, or larger than {most} bytes");
            return Ok(None);
        };
        let changed = meta.modified()?.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis());
        return Ok(Some(Found { kind, tag: format!("\"{:x}-{changed:x}\"", meta.len()), bytes: bytes.into() }));
    }
    Ok(None)
}
