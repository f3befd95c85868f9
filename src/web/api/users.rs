//! Users: who may log in, with which role, where; their passwords and sessions. For administrators who see everything.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::registrar::{Registrar, given};
use crate::{
    store::users::{SessionEntry, UserEntry},
    types::{AreaId, Secret, UserId, Wall},
    web::{
        auth::{NewUser, Right, Rights, Role, session_name},
        error::{ApiError, Body, Ids},
    },
};

/// One who may log in.
#[derive(Serialize, JsonSchema)]
pub struct UserView {
    user: UserId,
    /// `viewer`, `operator`, `supervisor`, `engineer` or `administrator`.
    role: String,
    /// Roots of the subtrees that he is limited to; null: he sees everything.
    areas: Option<Vec<AreaId>>,
    /// May not log in.
    disabled: bool,
    /// Has a one-time password that he has not changed yet.
    must_change_password: bool,
    created: Wall,
    changed: Wall,
    sessions: u32,
    /// The last use of a session that is still there.
    last: Option<Wall>,
}

impl From<UserEntry> for UserView {
    fn from(entry: UserEntry) -> Self {
        let UserEntry { user, created, changed, sessions, last } = entry;
        Self {
            user: user.name,
            role: user.role,
            areas: user.areas,
            disabled: user.disabled,
            must_change_password: user.must_change,
            created,
            changed,
            sessions,
            last,
        }
    }
}

/// What a role may.
#[derive(Serialize, JsonSchema)]
pub struct RoleView {
    role: &'static str,
    rights: Vec<Right>,
}

pub fn roles(of: &[Role]) -> Vec<RoleView> {
    of.iter().map(|role| RoleView { role: role.as_str(), rights: role.rights() }).collect()
}

#[derive(Serialize, JsonSchema)]
pub struct UserList {
    /// By name.
    users: Vec<UserView>,
    /// The roles that there are, from the least to the most.
    roles: Vec<RoleView>,
}

/// All users.
#[utoipa::path(get, path = "/api/v1/users", operation_id = "list_users", tag = "people",
    responses((status = 200, description = "Users", body = ref("#/components/schemas/UserList")),
        (status = 403, description = "Which role may", body = ref("#/components/schemas/ErrorBody"))))]
pub async fn list(by: Registrar) -> Result<Json<UserList>, ApiError> {
    let users = by.state.auth().users(&by.proof).await?;
    Ok(Json(UserList { users: users.into_iter().map(UserView::from).collect(), roles: roles(&Role::PEOPLE) }))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UserRequest {
    user: UserId,
    /// `viewer`, `operator`, `supervisor`, `engineer` or `administrator`.
    role: String,
    /// Roots of the subtrees to limit him to; null or left out: he sees everything.
    #[serde(default)]
    areas: Option<Vec<AreaId>>,
}

/// A one-time password. It is in this answer and nowhere else.
#[derive(Serialize, JsonSchema)]
pub struct OneTime {
    user: UserView,
    password: String,
}

type Once<T> = (StatusCode, [(header::HeaderName, HeaderValue); 1], Json<T>);

/// An answer that holds a secret: no cache keeps it.
pub fn once<T>(status: StatusCode, body: T) -> Once<T> {
    (status, [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))], Json(body))
}

async fn one_time(by: &Registrar, name: &UserId, secret: &Secret) -> Result<OneTime, ApiError> {
    let user = by.state.auth().user(&by.proof, name).await?.into();
    Ok(OneTime { user, password: secret.expose().to_owned() })
}

/// Adds a user with a one-time password: whoever logs in with it must set another first.
#[utoipa::path(post, path = "/api/v1/users", operation_id = "add_user", tag = "people",
    request_body(content = ref("#/components/schemas/UserRequest"),
        example = json!({"user": "li.na", "role": "operator", "areas": ["north"]})),
    responses((status = 201, description = "The user and his one-time password", body = ref("#/components/schemas/OneTime")),
        (status = 409, description = "The name is taken", body = ref("#/components/schemas/ErrorBody")),
        (status = 422, description = "What is wrong, and what would be right", body = ref("#/components/schemas/ErrorBody"))))]
pub async fn add(by: Registrar, Body(request): Body<UserRequest>) -> Result<Once<OneTime>, ApiError> {
    let UserRequest { user, role, areas } = request;
    let new = NewUser { name: user.clone(), role: role_of(&role)?, areas };
    let secret = by.state.auth().add(&by.proof, new, by.address).await?;
    Ok(once(StatusCode::CREATED, one_time(&by, &user, &secret).await?))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
pub struct RightsRequest {
    role: Option<String>,
    /// null: he sees everything; left out: as it is.
    #[serde(deserialize_with = "given")]
    #[schemars(with = "Option<Vec<AreaId>>")]
    areas: Option<Option<Vec<AreaId>>>,
    /// true: may not log in, and his sessions end.
    disabled: Option<bool>,
}

/// Changes role, areas, or whether a user may log in. In force at once, also for the tokens that he made; live feeds end and
/// come back with the new rights.
#[utoipa::path(patch, path = "/api/v1/users/{user}", operation_id = "change_user", tag = "people",
    params(("user" = String, Path, description = "Name of the user")),
    request_body(content = ref("#/components/schemas/RightsRequest"), example = json!({"role": "supervisor", "areas": null})),
    responses((status = 200, description = "The user as he is now", body = ref("#/components/schemas/UserView")),
        (status = 404, description = "No such user", body = ref("#/components/schemas/ErrorBody")),
        (status = 409, description = "He is the last administrator", body = ref("#/components/schemas/ErrorBody")),
        (status = 422, description = "What is wrong; nobody changes his own rights", body = ref("#/components/schemas/ErrorBody"))))]
pub async fn change(
    by: Registrar,
    Ids(user): Ids<UserId>,
    Body(request): Body<RightsRequest>,
) -> Result<Json<UserView>, ApiError> {
    let RightsRequest { role, areas, disabled } = request;
    let rights = Rights { role: role.as_deref().map(role_of).transpose()?, areas, disabled };
    by.state.auth().change(&by.proof, &user, rights, by.address).await?;
    Ok(Json(by.state.auth().user(&by.proof, &user).await?.into()))
}

/// Removes a user, ends his sessions and revokes the tokens that he made. What he did stays on record under his name.
#[utoipa::path(delete, path = "/api/v1/users/{user}", operation_id = "remove_user", tag = "people",
    params(("user" = String, Path, description = "Name of the user")),
    responses((status = 204, description = "Gone"),
        (status = 404, description = "No such user", body = ref("#/components/schemas/ErrorBody")),
        (status = 409, description = "He is the last administrator", body = ref("#/components/schemas/ErrorBody"))))]
pub async fn remove(by: Registrar, Ids(user): Ids<UserId>) -> Result<StatusCode, ApiError> {
    by.state.auth().remove(&by.proof, &user, by.address).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Gives a user a new one-time password and ends his sessions.
#[utoipa::path(post, path = "/api/v1/users/{user}/reset", operation_id = "reset_password", tag = "people",
    params(("user" = String, Path, description = "Name of the user")),
    responses((status = 200, description = "The one-time password", body = ref("#/components/schemas/OneTime")),
        (status = 404, description = "No such user", body = ref("#/components/schemas/ErrorBody"))))]
pub async fn reset(by: Registrar, Ids(user): Ids<UserId>) -> Result<Once<OneTime>, ApiError> {
    let secret = by.state.auth().reset_password(&by.proof, &user, by.address).await?;
    Ok(once(StatusCode::OK, one_time(&by, &user, &secret).await?))
}

#[derive(Serialize, JsonSchema)]
pub struct SessionView {
    /// Names it for `DELETE`; no session can be opened with it.
    id: String,
    created: Wall,
    last: Wall,
    /// Where it was begun from; empty: before this was kept.
    address: String,
    /// The one that asks.
    own: bool,
}

#[derive(Serialize, JsonSchema)]
pub struct SessionList {
    /// The one used last first.
    sessions: Vec<SessionView>,
}

/// A user's sessions.
#[utoipa::path(get, path = "/api/v1/users/{user}/sessions", operation_id = "list_sessions", tag = "people",
    params(("user" = String, Path, description = "Name of the user")),
    responses((status = 200, description = "Sessions", body = ref("#/components/schemas/SessionList")),
        (status = 404, description = "No such user", body = ref("#/components/schemas/ErrorBody"))))]
pub async fn sessions(by: Registrar, Ids(user): Ids<UserId>) -> Result<Json<SessionList>, ApiError> {
    let all = by.state.auth().sessions(&by.proof, &user).await?;
    let view = |s: SessionEntry| SessionView {
        id: session_name(&s.token_sha256),
        created: s.created,
        last: s.last,
        address: s.address,
        own: s.token_sha256 == by.session,
    };
    Ok(Json(SessionList { sessions: all.into_iter().map(view).collect() }))
}

/// Ends all sessions of a user and his live feeds.
#[utoipa::path(delete, path = "/api/v1/users/{user}/sessions", operation_id = "end_sessions", tag = "people",
    params(("user" = String, Path, description = "Name of the user")),
    responses((status = 204, description = "Ended"),
        (status = 404, description = "No such user", body = ref("#/components/schemas/ErrorBody"))))]
pub async fn end_sessions(by: Registrar, Ids(user): Ids<UserId>) -> Result<StatusCode, ApiError> {
    by.state.auth().end_sessions(&by.proof, &user, by.address).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends one session and its live feeds.
#[utoipa::path(delete, path = "/api/v1/users/{user}/sessions/{id}", operation_id = "end_session", tag = "people",
    params(("user" = String, Path, description = "Name of the user"), ("id" = String, Path, description = "Id of the session")),
    responses((status = 204, description = "Ended"),
        (status = 404, description = "No such session", body = ref("#/components/schemas/ErrorBody"))))]
pub async fn end_session(by: Registrar, Ids((user, id)): Ids<(UserId, String)>) -> Result<StatusCode, ApiError> {
    by.state.auth().end_session(&by.proof, &user, &id, by.address).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn role_of(text: &str) -> Result<Role, ApiError> {
    Role::of_person(text).ok_or_else(|| {
        let all: Vec<_> = Role::PEOPLE.iter().map(|r| r.as_str()).collect();
        ApiError::invalid(format!("role: must be one of {}", all.join(", ")))
    })
}
