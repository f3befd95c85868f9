//! Who changed what when, and taking it back.

use axum::Json;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::edit::Author;
use crate::{
    inventory::{ChangeView, Rev, Revision},
    types::ChannelId,
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
    channel: Option<ChannelId>,
}

#[derive(Serialize, JsonSchema)]
pub struct ListedRevision {
    #[serde(flatten)]
    revision: Revision,
    /// Of the channel that was asked for, and only then.
    #[serde(skip_serializing_if = "Option::is_none")]
    changes: Option<Vec<ChangeView>>,
}

#[derive(Serialize, JsonSchema)]
pub struct RevisionList {
    /// Newest first.
    revisions: Vec<ListedRevision>,
    /// The newest of all.
    rev: Rev,
}

/// Revisions of the inventory, newest first; of one channel with what each changed of it.
#[utoipa::path(get, path = "/api/v1/inventory/revisions", operation_id = "list_revisions", tag = "inventory",
    params(("channel" = Option<String>, Query, description = "Only those that changed this channel"),
        ("before" = Option<u64>, Query, description = "Only older ones"),
        ("limit" = Option<u32>, Query, description = "1 to 500, 50 if not given")),
    responses((status = 200, description = "A page", body = ref("#/components/schemas/RevisionList")),
        (status = 403, description = "The login is limited to areas", body = ref("#/components/schemas/ErrorBody"))))]
pub async fn list(author: Author, Params(params): Params<ListParams>) -> Result<Json<RevisionList>, ApiError> {
    let proof = author.state.auth().manage(&author.login)?;
    let configuration = &author.state.ports().configuration;
    let limit = params.limit.unwrap_or(LIMIT).clamp(1, MAX_LIMIT);
    let revisions = match &params.channel {
        None => {
            let all = configuration.revisions(&proof, params.before, limit).await?;
            all.into_iter().map(|revision| ListedRevision { revision, changes: None }).collect()
        }
        Some(channel) => {
            let all = configuration.revisions_of(&proof, channel, params.before, limit).await?;
            all.into_iter().map(|(revision, changes)| ListedRevision { revision, changes: Some(changes) }).collect()
        }
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
