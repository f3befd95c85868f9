//! What a client is told when something is refused or fails: one JSON shape, one table from kinds to status codes.
//!
//! Sentences for the client never hold what came from below (SQL, paths): that goes to the log.

use axum::{
    Json,
    extract::{
        FromRequest, FromRequestParts, Path, Query, Request,
        rejection::{JsonRejection, QueryRejection},
    },
    http::{HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};

use super::{
    auth::{AuthError, password::PasswordError},
    ports::{ActError, ChangesError, PortError, handover::HandoverError, numbers::NumbersError, search::SearchError},
};
use crate::{inventory::InventoryError, types::payload::AlertPayload};

/// Body of every error.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ErrorBody {
    pub error: ErrorView,
    /// With kind `conflict`: the alert as it is now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alert: Option<Box<AlertPayload>>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct ErrorView {
    /// `unauthenticated`, `password_change_required`, `forbidden`, `not_found`, `conflict`, `invalid`, ...
    pub kind: &'static str,
    /// One sentence.
    pub message: String,
}

/// An answer that is not what was asked for.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    kind: &'static str,
    message: String,
    retry_s: Option<u32>,
    alert: Option<Box<AlertPayload>>,
}

impl ApiError {
    pub fn new(status: StatusCode, kind: &'static str, message: impl Into<String>) -> Self {
        Self { status, kind, message: message.into(), retry_s: None, alert: None }
    }
    pub fn unauthenticated() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", "no login; log in first")
    }
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", message)
    }
    pub fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", format!("no such {what}"))
    }
    /// Without the thing that the refusal is about: for those who may not see it.
    pub fn blind(self) -> Self {
        Self { alert: None, ..self }
    }
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", message)
    }
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", message)
    }
    pub fn too_many(retry_s: u32, message: impl Into<String>) -> Self {
        Self { retry_s: Some(retry_s), ..Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many", message) }
    }
    pub fn unavailable(why: &dyn std::fmt::Display) -> Self {
        tracing::warn!("a request failed: {why}");
        metrics::counter!("skyeye_web_failed_total").increment(1);
        let message = "the gateway cannot answer this at the moment; try again, and see its log";
        Self { retry_s: Some(2), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message) }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = ErrorBody { error: ErrorView { kind: self.kind, message: self.message }, alert: self.alert };
        let mut response = (self.status, Json(body)).into_response();
        if let Some(s) = self.retry_s {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(s.max(1)));
        }
        response
    }
}

impl From<AuthError> for ApiError {
    fn from(e: AuthError) -> Self {
        match e {
            AuthError::Wrong => Self::new(StatusCode::UNAUTHORIZED, "wrong_password", "user or password is wrong"),
            AuthError::Token => Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", e.to_string()),
            AuthError::Conflict(message) => Self::new(StatusCode::CONFLICT, "conflict", message),
            AuthError::TooMany { retry_s } => Self::too_many(retry_s, e.to_string()),
            AuthError::NotFound(what) => Self::not_found(what),
            AuthError::Forbidden(why) => Self::forbidden(why),
            AuthError::Invalid(message) => Self::invalid(message),
            AuthError::Password(PasswordError::Busy) => Self::too_many(5, PasswordError::Busy.to_string()),
            AuthError::Password(_) | AuthError::Store(_) | AuthError::Below(_) | AuthError::File { .. } => {
                Self::unavailable(&e)
            }
        }
    }
}

impl From<PortError> for ApiError {
    fn from(e: PortError) -> Self {
        Self::unavailable(&e)
    }
}

impl From<ActError> for ApiError {
    fn from(e: ActError) -> Self {
        match e {
            ActError::NotFound => Self::not_found("alert"),
            ActError::Conflict { message, alert } => {
                Self { alert: Some(alert), ..Self::new(StatusCode::CONFLICT, "conflict", message) }
            }
            ActError::Invalid(message) => Self::invalid(message),
            ActError::Forbidden(message) => Self::forbidden(message),
            ActError::Port(e) => e.into(),
        }
    }
}

impl From<NumbersError> for ApiError {
    fn from(e: NumbersError) -> Self {
        match e {
            NumbersError::Invalid(message) => Self::invalid(message),
            NumbersError::Port(e) => e.into(),
        }
    }
}

impl From<HandoverError> for ApiError {
    fn from(e: HandoverError) -> Self {
        match e {
            HandoverError::NotFound => Self::not_found("handover"),
            HandoverError::Conflict(message) => Self::new(StatusCode::CONFLICT, "conflict", message),
            HandoverError::Invalid(message) => Self::invalid(message),
            HandoverError::Port(e) => e.into(),
        }
    }
}

impl From<InventoryError> for ApiError {
    fn from(e: InventoryError) -> Self {
        match e {
            InventoryError::Conflict { sentence, .. } => Self::new(StatusCode::CONFLICT, "conflict", sentence),
            InventoryError::NotFound(sentence) => Self::new(StatusCode::NOT_FOUND, "not_found", sentence),
            InventoryError::Refused(_) | InventoryError::BadFile(_) => Self::invalid(e.to_string()),
            e => Self::unavailable(&e),
        }
    }
}

impl From<ChangesError> for ApiError {
    fn from(e: ChangesError) -> Self {
        match e {
            ChangesError::Gone => Self::new(
                StatusCode::GONE,
                "gone",
                "changes after this cursor cannot be told: it is older than what is kept, or was never given out; load the lists anew",
            ),
            ChangesError::Port(e) => e.into(),
        }
    }
}

impl From<SearchError> for ApiError {
    fn from(e: SearchError) -> Self {
        match e {
            // Once more would take as long again.
            SearchError::TooWide { .. } => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "too_wide", e.to_string()),
            SearchError::Port(e) => e.into(),
        }
    }
}

/// A JSON body; what does not fit is said in our shape.
pub struct Body<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        match Json::<T>::from_request(request, state).await {
            Ok(Json(value)) => Ok(Self(value)),
            Err(JsonRejection::MissingJsonContentType(_)) => Err(ApiError::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "invalid",
                "the body must be JSON with Content-Type: application/json",
            )),
            Err(e) if e.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                Err(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "the body is too large"))
            }
            // The library's sentence may repeat what was sent, and what was sent may be a password.
            Err(JsonRejection::JsonDataError(_)) => Err(ApiError::invalid("the body lacks a field or has a wrong one")),
            Err(_) => Err(ApiError::bad_request("the body is not JSON")),
        }
    }
}

/// Query parameters.
pub struct Params<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let query: Result<Query<T>, QueryRejection> = Query::from_request_parts(parts, state).await;
        query.map(|Query(value)| Self(value)).map_err(|e| ApiError::invalid(e.body_text()))
    }
}

/// Ids in the path; a text that is no id names nothing.
pub struct Ids<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Ids<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match Path::<T>::from_request_parts(parts, state).await {
            Ok(Path(ids)) => Ok(Self(ids)),
            Err(_) => Err(ApiError::not_found("thing")),
        }
    }
}
