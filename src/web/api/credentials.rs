//! User names and passwords of cameras: set, counted, removed; a password goes in and never comes out.

use std::collections::{HashMap, HashSet};

use axum::{Json, http::StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::edit::{Author, From};
use crate::{
    inventory::{Op, Rev},
    types::{CredentialId, Secret},
    web::{
        error::{ApiError, Body, Ids},
        ports::Origin,
    },
};

#[derive(Serialize, JsonSchema)]
pub struct CredentialView {
    id: CredentialId,
    username: String,
    /// Channels that log in with it.
    channels: usize,
    origin: Origin,
    /// Why its password cannot be used; null where it can.
    problem: Option<String>,
    /// The revision that changed it last; null for one of the file.
    rev: Option<Rev>,
}

#[derive(Serialize, JsonSchema)]
pub struct CredentialList {
    credentials: Vec<CredentialView>,
}

/// All credentials, never a password. A login that is limited to areas sees those that its channels use.
#[utoipa::path(get, path = "/api/v1/credentials", operation_id = "list_credentials", tag = "credentials",
    responses((status = 200, description = "Credentials", body = ref("#/components/schemas/CredentialList")),
        (status = 403, description = "The login may not change the configuration", body = ref("#/components/schemas/ErrorBody"))))]
pub async fn list(author: Author) -> Result<Json<CredentialList>, ApiError> {
    let Author { state, login, .. } = author;
    let held = state.ports().configuration.in_force();
    let mut channels: HashMap<&CredentialId, usize> = HashMap::new();
    held.running
        .channel
        .iter()
        .filter_map(|c| c.credential.as_ref())
        .for_each(|id| *channels.entry(id).or_default() += 1);
    let of_file: HashSet<&CredentialId> = held.file.credential.iter().map(|c| &c.id).collect();
    let revs: HashMap<&CredentialId, Rev> = held.stored.credentials.iter().map(|c| (&c.id, c.rev)).collect();
    let seen = held.running.credential.iter().filter(|c| state.auth().sees_credential(&login, &c.id));
    let view = |c: &crate::config::Credential| {
        let origin = if of_file.contains(&c.id) { Origin::File } else { Origin::Inventory };
        CredentialView {
            id: c.id.clone(),
            username: c.username.clone(),
            channels: channels.get(&c.id).copied().unwrap_or(0),
            origin,
            problem: c.unreadable.clone(),
            rev: revs.get(&c.id).copied().filter(|_| origin == Origin::Inventory),
        }
    };
    Ok(Json(CredentialList { credentials: seen.map(view).collect() }))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CredentialRequest {
    username: String,
    /// May be left out to change the user name alone.
    #[schemars(with = "Option<String>")]
    password: Option<Secret>,
}

/// Adds or changes a credential. Only the channels that use it log in anew.
#[utoipa::path(put, path = "/api/v1/credentials/{id}", operation_id = "put_credential", tag = "credentials",
    params(("id" = String, Path, description = "Credential id")),
    request_body(content = ref("#/components/schemas/CredentialRequest"),
        example = json!({"username": "viewer", "password": "what the recorder knows"})),
    responses((status = 204, description = "It is in force"),
        (status = 422, description = "What is wrong, and what would be right", body = ref("#/components/schemas/ErrorBody"))))]
pub async fn put(
    author: Author,
    Ids(id): Ids<CredentialId>,
    Body(request): Body<CredentialRequest>,
) -> Result<StatusCode, ApiError> {
    let CredentialRequest { username, password } = request;
    let op = Op::PutCredential { id, username, password };
    author.make(From::Now, |_| Ok(vec![op.clone()])).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Removes a credential that no channel uses.
#[utoipa::path(delete, path = "/api/v1/credentials/{id}", operation_id = "remove_credential", tag = "credentials",
    params(("id" = String, Path, description = "Credential id")),
    responses((status = 204, description = "Gone"),
        (status = 404, description = "No such credential", body = ref("#/components/schemas/ErrorBody")),
        (status = 422, description = "Channels use it; how many", body = ref("#/components/schemas/ErrorBody"))))]
pub async fn remove(author: Author, Ids(id): Ids<CredentialId>) -> Result<StatusCode, ApiError> {
    author.make(From::Now, |_| Ok(vec![Op::RemoveCredential(id.clone())])).await?;
    Ok(StatusCode::NO_CONTENT)
}
