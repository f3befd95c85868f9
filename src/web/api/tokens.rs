//! Tokens for programs: made, listed, revoked. For administrators who see everything.

use axum::{Json, http::StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    registrar::Registrar,
    users::{RoleView, once, roles},
};
use crate::{
    store::tokens::TokenRow,
    types::{AreaId, Wall},
    web::{
        auth::{Left, NewToken, Role},
        error::{ApiError, Body, Ids},
    },
};

/// A token; never the token itself.
#[derive(Serialize, JsonSchema)]
pub struct TokenView {
    name: String,
    /// `read`, `act`, `feedback` or `configure`.
    scope: String,
    /// Roots of the subtrees that it is for; null: everything.
    areas: Option<Vec<AreaId>>,
    created_by: String,
    created: Wall,
    expires: Wall,
    /// It holds no longer.
    expired: bool,
    /// A token never has more than the one who made it has now: `all` that it was made with, `part` of it, or `nothing`, as
    /// while he is switched off. Those of a user who is removed are revoked.
    left: Left,
    /// The last use, to the minute; null: never.
    last: Option<Wall>,
    /// Where it was last used from.
    address: String,
}

impl TokenView {
    fn of(row: TokenRow, left: Left, now: Wall) -> Self {
        let TokenRow { name, scope, areas, created_by, created, expires, last, address } = row;
        Self { name, scope, areas, created_by, created, expires, expired: expires.0 <= now.0, left, last, address }
    }
}

#[derive(Serialize, JsonSchema)]
pub struct TokenList {
    /// The newest first.
    tokens: Vec<TokenView>,
    /// The scopes that there are.
    scopes: Vec<RoleView>,
}

/// All tokens that were not revoked.
#[utoipa::path(get, path = "/api/v1/tokens", operation_id = "list_tokens", tag = "people",
    responses((status = 200, description = "Tokens", body = ref("#/components/schemas/TokenList")),
        (status = 403, description = "Which role may", body = ref("#/components/schemas/ErrorBody"))))]
pub async fn list(by: Registrar) -> Result<Json<TokenList>, ApiError> {
    let now = by.state.auth().now();
    let tokens = by.state.auth().tokens(&by.proof).await?;
    let tokens = tokens.into_iter().map(|(row, left)| TokenView::of(row, left, now)).collect();
    Ok(Json(TokenList { tokens, scopes: roles(&Role::TOKENS) }))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenRequest {
    /// 1 to 58 of a-z, 0-9, '.', '_' and '-'. What is done with the token stands on record as `token.NAME`.
    name: String,
    /// `read`, `act`, `feedback` (notes and feedback on alerts, and nothing else) or `configure`.
    scope: String,
    /// Roots of the subtrees that it is for; null or left out: everything.
    #[serde(default)]
    areas: Option<Vec<AreaId>>,
    /// How long it holds, 1 to 366.
    days: u32,
}

/// A token. It is in this answer and nowhere else.
#[derive(Serialize, JsonSchema)]
pub struct Made {
    /// Goes into the header `Authorization: Bearer TOKEN`.
    token: String,
    made: TokenView,
}

/// Makes a token for a program.
#[utoipa::path(post, path = "/api/v1/tokens", operation_id = "make_token", tag = "people",
    request_body(content = ref("#/components/schemas/TokenRequest"),
        example = json!({"name": "patrol-app", "scope": "feedback", "areas": ["north"], "days": 90})),
    responses((status = 201, description = "The token", body = ref("#/components/schemas/Made")),
        (status = 409, description = "The name is taken", body = ref("#/components/schemas/ErrorBody")),
        (status = 422, description = "What is wrong, and what would be right", body = ref("#/components/schemas/ErrorBody"))))]
pub async fn make(
    by: Registrar,
    Body(request): Body<TokenRequest>,
) -> Result<impl axum::response::IntoResponse, ApiError> {
    let TokenRequest { name, scope, areas, days } = request;
    let scope = Role::of_token(&scope).ok_or_else(|| {
        let all: Vec<_> = Role::TOKENS.iter().map(|r| r.as_str()).collect();
        ApiError::invalid(format!("scope: must be one of {}", all.join(", ")))
    })?;
    let (secret, row) =
        by.state.auth().make_token(&by.proof, NewToken { name, scope, areas, days }, by.address).await?;
    let made = TokenView::of(row, Left::All, by.state.auth().now());
    Ok(once(StatusCode::CREATED, Made { token: secret.expose().to_owned(), made }))
}

/// Revokes a token: its next request is refused, its live feeds end.
#[utoipa::path(delete, path = "/api/v1/tokens/{name}", operation_id = "revoke_token", tag = "people",
    params(("name" = String, Path, description = "Name of the token")),
    responses((status = 204, description = "Revoked"),
        (status = 404, description = "No such token", body = ref("#/components/schemas/ErrorBody"))))]
pub async fn revoke(by: Registrar, Ids(name): Ids<String>) -> Result<StatusCode, ApiError> {
    by.state.auth().revoke_token(&by.proof, &name, by.address).await?;
    Ok(StatusCode::NO_CONTENT)
}
