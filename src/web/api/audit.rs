//! Who viewed, changed and exported what: searched a page at a time, or taken along as a table.

use axum::{
    Json,
    body::Body,
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::stream;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    store::{
        audit::{AuditKey, AuditQuery},
        users::AuditRow,
    },
    types::Wall,
    web::{
        AppState,
        auth::{AuditProof, AuthError, Deed},
        csv::cell,
        error::{ApiError, Params},
        session::{Me, Peer},
    },
};

const LIMIT: u32 = 100;
const MAX_LIMIT: u32 = 500;
/// Rows that an export reads at a time.
const PAGE: u32 = 1000;
/// Longest text that is searched for.
const MAX_TEXT: usize = 200;

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct AuditParams {
    user: Option<String>,
    action: Option<String>,
    from: Option<String>,
    to: Option<String>,
    text: Option<String>,
    before: Option<String>,
    limit: Option<u32>,
}

impl AuditParams {
    /// The console's form sends an empty value for "any".
    fn query(self) -> Result<AuditQuery, ApiError> {
        let set = |text: Option<String>| text.map(|t| t.trim().to_owned()).filter(|t| !t.is_empty());
        let action = set(self.action);
        if let Some(unknown) = action.as_ref().filter(|a| Deed::ALL.iter().all(|d| d.as_str() != **a)) {
            let unknown: String = unknown.chars().take(40).collect();
            return Err(ApiError::invalid(format!("action: '{unknown}' is none; GET /api/v1/audit lists them")));
        }
        let text = set(self.text);
        if text.as_ref().is_some_and(|t| t.chars().count() > MAX_TEXT) {
            return Err(ApiError::invalid(format!("text: is over {MAX_TEXT} characters")));
        }
        Ok(AuditQuery {
            user: set(self.user),
            action,
            from: set(self.from).map(|t| moment("from", &t)).transpose()?,
            to: set(self.to).map(|t| moment("to", &t)).transpose()?,
            text,
            before: set(self.before).map(|t| key_of(&t)).transpose()?,
            limit: self.limit.unwrap_or(LIMIT).clamp(1, MAX_LIMIT),
        })
    }
}

fn moment(name: &str, text: &str) -> Result<Wall, ApiError> {
    let at: jiff::Timestamp =
        text.parse().map_err(|_| ApiError::invalid(format!("{name}: must be a time as 2026-11-22T08:00:00Z")))?;
    Ok(Wall(at.as_millisecond()))
}

fn key_of(text: &str) -> Result<AuditKey, ApiError> {
    let key =
        text.split_once('.').and_then(|(at, id)| Some(AuditKey { at: Wall(at.parse().ok()?), id: id.parse().ok()? }));
    key.ok_or_else(|| ApiError::invalid("before: must be `next` of the page before"))
}

/// Who did what.
#[derive(Serialize, JsonSchema)]
pub struct AuditView {
    id: i64,
    at: Wall,
    /// A user, `token.NAME`, the name that was tried, or `(file)` for a changed configuration file.
    user: String,
    action: String,
    /// What was acted on; empty where there is nothing to name.
    what: String,
    /// Where from; empty where it was not by the network.
    address: String,
}

#[derive(Serialize, JsonSchema)]
pub struct AuditList {
    /// Newest first.
    records: Vec<AuditView>,
    /// `before` of the next page; null at the end.
    next: Option<String>,
    /// All actions that there are.
    actions: Vec<&'static str>,
}

/// The record of who did what, newest first. Kept for 180 days.
#[utoipa::path(get, path = "/api/v1/audit", operation_id = "list_audit", tag = "people",
    params(("user" = Option<String>, Query, description = "By whom; `token.NAME` for a token"),
        ("action" = Option<String>, Query, description = "One of `actions`"),
        ("from" = Option<String>, Query, description = "At or after this time, RFC 3339"),
        ("to" = Option<String>, Query, description = "Before this time"),
        ("text" = Option<String>, Query, description = "Somewhere in user, object or address"),
        ("before" = Option<String>, Query, description = "`next` of the page before"),
        ("limit" = Option<u32>, Query, description = "1 to 500, 100 if not given")),
    responses((status = 200, description = "A page", body = ref("#/components/schemas/AuditList")),
        (status = 403, description = "Which role may", body = ref("#/components/schemas/ErrorBody"))))]
pub async fn list(
    State(state): State<AppState>,
    Me(login): Me,
    Params(params): Params<AuditParams>,
) -> Result<Json<AuditList>, ApiError> {
    let proof = state.auth().audits(&login)?;
    let query = params.query()?;
    let rows = state.auth().audited(&proof, &query).await?;
    let full = rows.len() >= query.limit as usize;
    let next = rows.last().filter(|_| full).map(|(key, _)| format!("{}.{}", key.at.0, key.id));
    let view = |(key, row): (AuditKey, AuditRow)| {
        let AuditRow { at, user, action, what, address } = row;
        AuditView { id: key.id, at, user, action, what, address }
    };
    let actions = Deed::ALL.iter().map(|d| d.as_str()).collect();
    Ok(Json(AuditList { records: rows.into_iter().map(view).collect(), next, actions }))
}

/// The record as CSV, newest first: everything that the filters leave. That it was taken along is on record, too.
#[utoipa::path(get, path = "/api/v1/audit/export", operation_id = "export_audit", tag = "people",
    params(("user" = Option<String>, Query, description = "As in the list"),
        ("action" = Option<String>, Query, description = "As in the list"),
        ("from" = Option<String>, Query, description = "As in the list"),
        ("to" = Option<String>, Query, description = "As in the list"),
        ("text" = Option<String>, Query, description = "As in the list")),
    responses((status = 200, description = "The table", content_type = "text/csv", body = String),
        (status = 403, description = "Which role may", body = ref("#/components/schemas/ErrorBody"))))]
pub async fn export(
    State(state): State<AppState>,
    Me(login): Me,
    Peer(address): Peer,
    Params(params): Params<AuditParams>,
) -> Result<Response, ApiError> {
    let proof = state.auth().audits(&login)?;
    let query = AuditQuery { limit: PAGE, before: None, ..params.query()? };
    // The first page is read before anything is said, so that a bad answer has its status.
    let (first, rest) = page(&state, &proof, query.clone()).await?;
    state.auth().record(login.user(), Deed::AuditExported, &filters(&query), address).await;
    // A byte-order mark, so that spreadsheets show Chinese.
    let head = Bytes::from_static("\u{feff}time,user,action,object,address\r\n".as_bytes());
    let pages = stream::try_unfold(rest, move |rest| {
        let (state, proof, login) = (state.clone(), proof.clone(), login.clone());
        async move {
            let Some(query) = rest else { return Ok(None) };
            if !state.auth().still_holds(&login).await? {
                return Err(AuthError::Forbidden("the login has other rights than when the table began".into()));
            }
            // Broken off rather than ended early where the database fails.
            page(&state, &proof, query).await.map(Some)
        }
    });
    let body = Body::from_stream(stream_of(head, first, pages));
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8")),
        (header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment; filename=\"audit.csv\"")),
    ];
    Ok((headers, body).into_response())
}

fn stream_of(
    head: Bytes,
    first: Bytes,
    pages: impl stream::Stream<Item = Result<Bytes, AuthError>>,
) -> impl stream::Stream<Item = Result<Bytes, AuthError>> {
    use futures_util::StreamExt;
    stream::iter([Ok(head), Ok(first)]).chain(pages)
}

/// A page as lines, and where to go on.
async fn page(
    state: &AppState,
    proof: &AuditProof,
    query: AuditQuery,
) -> Result<(Bytes, Option<AuditQuery>), AuthError> {
    let rows = state.auth().audited(proof, &query).await?;
    let last = rows.last().map(|(key, _)| *key).filter(|_| rows.len() >= query.limit as usize);
    let mut lines = String::new();
    for (_, row) in rows {
        let cells = [row.at.to_rfc3339(), row.user, row.action, row.what, row.address];
        lines.push_str(&cells.map(|c| cell(&c)).join(","));
        lines.push_str("\r\n");
    }
    Ok((lines.into(), last.map(|key| AuditQuery { before: Some(key), ..query })))
}

/// For the record: what was asked for.
fn filters(query: &AuditQuery) -> String {
    let parts = [
        query.user.as_ref().map(|v| format!("user {v}")),
        query.action.as_ref().map(|v| format!("action {v}")),
        query.from.map(|v| format!("from {}", v.to_rfc3339())),
        query.to.map(|v| format!("to {}", v.to_rfc3339())),
        query.text.as_ref().map(|v| format!("text {v}")),
    ];
    let words: Vec<_> = parts.into_iter().flatten().collect();
    let all: String = words.join(", ").chars().filter(|c| !c.is_control()).take(200).collect();
    if all.is_empty() { "everything".into() } else { all }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_quoted_and_no_formula() {
        for (text, want) in [
            ("li", "li"),
            ("revision 3: a, b", "\"revision 3: a, b\""),
            ("say \"x\"", "\"say \"\"x\"\"\""),
            ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
            ("@x,y", "\"'@x,y\""),
            ("", ""),
        ] {
            assert_eq!(cell(text), want);
        }
    }

    #[test]
    fn a_page_is_named_by_time_and_number() {
        assert_eq!(key_of("1795335330123.7").unwrap(), AuditKey { at: Wall(1_795_335_330_123), id: 7 });
        for bad in ["", "7", "a.b", "1.2.3"] {
            assert!(key_of(bad).is_err(), "{bad}");
        }
    }
}
