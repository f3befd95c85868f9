//! Who changed what when, and taking it back.

use axum::Json;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::edit::Author;
use crate::{
    inventory::{ChangeView, Kind, Rev, Revision},
    web::{
        auth::Deed,
        error::{ApiError, Ids, Params},
    },
};

const LIMIT: u32 = 50;
const MAX_LIMIT: u32 = 500;

#[derive(Deserialize)]
pub struct ListParams {
    before: Option<Rev>,
    limit: Option<u32>,
    kind: Option<String>,
    id: Option<String>,
    /// Short for the kind `channel` and its id.
    channel: Option<String>,
}

#[derive(Serialize, JsonSchema)]
pub struct RevisionList {
    /// Newest first.
    revisions: Vec<Listed>,
    /// The newest of all.
    rev: Rev,
}

#[derive(Serialize, JsonSchema)]
pub struct Listed {
    #[serde(flatten)]
    revision: Revision,
    /// What it did to the thing that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    changes: Option<Vec<ChangeView>>,
}

/// Revisions of the inventory, newest first; with `kind` and `id` those of one thing.
#[utoipa::path(get, path = "/api/v1/inventory/revisions", operation_id = "list_revisions", tag = "inventory",
    params(("before" = Option<u64>, Query, description = "Only older ones"),
        ("limit" = Option<u32>, Query, description = "1 to 500, 50 if not given"),
        ("kind" = Option<String>, Query, description = "channel, area, credential, rule or timetable; goes with id"),
        ("id" = Option<String>, Query, description = "Of which thing"),
        ("channel" = Option<String>, Query, description = "Short for kind=channel and its id")),
    responses((status = 200, description = "A page", body = ref("#/components/schemas/RevisionList")),
        (status = 403, description = "The login is limited to areas", body = ref("#/components/schemas/ErrorBody"))))]
pub async fn list(author: Author, Params(params): Params<ListParams>) -> Result<Json<RevisionList>, ApiError> {
    let proof = author.state.auth().manage(&author.login)?;
    let configuration = &author.state.ports().configuration;
    let limit = params.limit.unwrap_or(LIMIT).clamp(1, MAX_LIMIT);
    let asked = match params.channel {
        Some(_) if params.kind.is_some() || params.id.is_some() => {
            return Err(ApiError::invalid("channel: is short for kind and id; give one or the other"));
        }
        Some(channel) => (Some("channel".to_owned()), Some(channel)),
        None => (params.kind, params.id),
    };
    let revisions = match asked {
        (None, None) => {
            let all = configuration.revisions(&proof, params.before, limit).await?;
            all.into_iter().map(|revision| Listed { revision, changes: None }).collect()
        }
        (Some(kind), Some(id)) => {
            let kind: Kind = kind.parse().map_err(|e| ApiError::invalid(format!("kind: {e}")))?;
            let of = configuration.revisions_of(&proof, kind, &id, params.before, limit).await?;
            of.into_iter().map(|(revision, change)| Listed { revision, changes: Some(vec![change]) }).collect()
        }
        _ => return Err(ApiError::invalid("kind and id: give both of them or none")),
    };
    let rev = configuration.newest().await?.stored.rev;
    Ok(Json(RevisionList { revisions, rev }))
}

#[derive(Serialize, JsonSchema)]
pub struct RevisionDetail {
    #[serde(flatten)]
    revision: Revision,
    /// Passwords stand as `[changed]`.
    changes: Vec<ChangeView>,
}

/// One revision with what it changed, field by field.
#[utoipa::path(get, path = "/api/v1/inventory/revisions/{rev}", operation_id = "get_revision", tag = "inventory",
    params(("rev" = u64, Path, description = "Number of the revision")),
    responses((status = 200, description = "The revision", body = ref("#/components/schemas/RevisionDetail")),
        (status = 404, description = "No such revision", body = ref("#/components/schemas/ErrorBody"))))]
pub async fn get(author: Author, Ids(rev): Ids<Rev>) -> Result<Json<RevisionDetail>, ApiError> {
    let proof = author.state.auth().manage(&author.login)?;
    let (revision, changes) = author.state.ports().configuration.revision(&proof, rev).await?;
    Ok(Json(RevisionDetail { revision, changes }))
}

#[derive(Serialize, JsonSchema)]
pub struct Undone {
    /// The revision that took it back.
    rev: Rev,
}

/// Takes a revision back, where nothing has touched since what it changed.
#[utoipa::path(post, path = "/api/v1/inventory/revisions/{rev}/undo", operation_id = "undo_revision", tag = "inventory",
    params(("rev" = u64, Path, description = "Number of the revision")),
    responses((status = 200, description = "Taken back, and in force", body = ref("#/components/schemas/Undone")),
        (status = 404, description = "No such revision", body = ref("#/components/schemas/ErrorBody")),
        (status = 409, description = "What was changed since, and by which revision", body = ref("#/components/schemas/ErrorBody"))))]
pub async fn undo(author: Author, Ids(rev): Ids<Rev>) -> Result<Json<Undone>, ApiError> {
    let proof = author.state.auth().manage(&author.login)?;
    let done = author.state.ports().configuration.undo(&proof, rev, author.source).await?;
    let what = format!("revision {}: revision {rev} taken back", done.rev);
    author.record_as(Deed::ConfigurationChanged, &what).await;
    Ok(Json(Undone { rev: done.rev }))
}
