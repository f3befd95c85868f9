//! What a search finds as a file: read page by page while the client takes it, so that neither memory nor a reading
//! connection is held for it; for as long as it is the client's turn, and his login has the rights that it began with.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::stream;
use jiff::tz::TimeZone;
use serde::Deserialize;

use super::{
    search::FindParams,
    turn::{Lost, Turn},
};
use crate::{
    types::{AlertId, AreaId, PositionId, UserId, Wall, find::Find, handling::ResultCode, payload::AlertPayload},
    web::{
        AppState,
        auth::{AuthError, Deed, ListProof, Login},
        csv::cell,
        error::{ApiError, Params},
        ports::search::{SearchError, Written, WrittenAlert},
        session::{Me, Peer},
    },
};

const MAX_ROWS: usize = 100_000;
const PAGE: usize = 500;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    Csv,
    Json,
}

#[derive(Deserialize)]
pub struct ExportParams {
    #[serde(flatten)]
    find: FindParams,
    #[serde(default = "csv")]
    format: Format,
}

fn csv() -> Format {
    Format::Csv
}

/// What a search finds, newest first, as a file of at most 100,000 alerts; a file that was cut, or that lacks alerts whose
/// record is damaged, says so at its end. Who exported what is on record.
#[utoipa::path(get, path = "/api/v1/alerts/export", operation_id = "export_alerts", tag = "alerts",
    params(("format" = Option<String>, Query, description = "csv (default; UTF-8, for a spreadsheet) or json (the alerts with their notes)"),
        ("from" = Option<String>, Query, description = "This and the other filters as in a search"),
        ("to" = Option<String>, Query, description = "Opened before"),
        ("area" = Option<String>, Query), ("channel" = Option<String>, Query), ("type" = Option<String>, Query),
        ("priority" = Option<String>, Query), ("state" = Option<String>, Query), ("result" = Option<String>, Query),
        ("owner" = Option<String>, Query), ("rule" = Option<String>, Query), ("position" = Option<String>, Query),
        ("text" = Option<String>, Query)),
    responses((status = 200, description = "The file", content_type = "text/csv", body = String),
        (status = 429, description = "Two others are under way; one of whose file nothing is taken for 30 s, or that takes over ten minutes, is broken off", body = ref("#/components/schemas/ErrorBody"))))]
pub async fn export(
    State(state): State<AppState>,
    Me(login): Me,
    Peer(address): Peer,
    Params(params): Params<ExportParams>,
) -> Result<Response, ApiError> {
    let find = params.find.find()?;
    let place = state
        .exports()
        .try_acquire_owned()
        .map_err(|_| ApiError::too_many(10, "other exports are under way; try again in some seconds"))?;
    let turn = Turn::begin(place);
    let zone = TimeZone::get(&state.site().time_zone).unwrap_or(TimeZone::UTC);
    let file = File { format: params.format, zone };
    let (content_type, name) = match params.format {
        Format::Csv => ("text/csv; charset=utf-8", "attachment; filename=\"alerts.csv\""),
        Format::Json => ("application/json", "attachment; filename=\"alerts.json\""),
    };
    let mut pages = Pages {
        state,
        proof: login.lists(),
        login: Arc::clone(&login),
        find,
        file,
        before: None,
        read: 0,
        unreadable: Vec::new(),
        step: Step::Head,
        turn: Some(turn),
    };
    // The first page now: what cannot be answered is said as every other error is.
    let first = pages.page().await?;
    pages.gave();
    let what = format!("{}: {}", if params.format == Format::Csv { "csv" } else { "json" }, params.find.told());
    pages.state.auth().record(login.user(), Deed::AlertsExported, &what, address).await;
    pages.step = Step::First(first);
    let body = Body::from_stream(stream::try_unfold(pages, Pages::next));
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(content_type)),
        (header::CONTENT_DISPOSITION, HeaderValue::from_static(name)),
    ];
    Ok((headers, body).into_response())
}

enum Step {
    Head,
    First(Written),
    More,
    Over,
}

/// An export under way.
struct Pages {
    state: AppState,
    proof: ListProof,
    /// Whose proof it is.
    login: Arc<Login>,
    find: Find,
    file: File,
    before: Option<i64>,
    /// Alerts that were read, and those of them that could not be.
    read: usize,
    unreadable: Vec<AlertId>,
    step: Step,
    /// Until the file is written or the client is gone.
    turn: Option<Turn>,
}

/// Why a file ends before its end.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error(transparent)]
    Lost(#[from] Lost),
    #[error(transparent)]
    Search(#[from] SearchError),
    #[error(transparent)]
    Auth(#[from] AuthError),
    #[error("the login is over, or has other rights than when the file began")]
    Rights,
}

impl Pages {
    async fn page(&mut self) -> Result<Written, SearchError> {
        let limit = PAGE.min(MAX_ROWS - self.read);
        let mut page = self.state.ports().search.written(&self.proof, &self.find, self.before, limit).await?;
        page.alerts.retain(|w| self.proof.covers(&w.alert.area));
        Ok(page)
    }

    /// The next piece of the file, for a login that still has its rights. An error breaks the answer off, so that no client
    /// takes a part for the whole.
    async fn next(mut self) -> Result<Option<(Bytes, Self)>, Broken> {
        if let Some(turn) = &self.turn {
            turn.asked()?;
        }
        if !self.state.auth().still_holds(&self.login).await? {
            return Err(Broken::Rights);
        }
        let mut text = String::new();
        let page = match std::mem::replace(&mut self.step, Step::More) {
            Step::Over => return Ok(None),
            Step::First(page) => {
                text.push_str(self.file.head());
                page
            }
            Step::Head | Step::More => self.page().await?,
        };
        let given = self.read - self.unreadable.len();
        for (n, written) in page.alerts.iter().enumerate() {
            self.file.add(&mut text, written, given + n == 0);
        }
        self.read += page.alerts.len() + page.unreadable.len();
        self.unreadable.extend(page.unreadable);
        self.before = page.next;
        let cut = page.next.is_some() && self.read >= MAX_ROWS;
        if cut || page.next.is_none() {
            self.file.end(&mut text, cut, &self.unreadable);
            self.step = Step::Over;
            self.turn = None;
        }
        self.gave();
        Ok(Some((text.into(), self)))
    }

    /// From here on we wait for the client.
    fn gave(&self) {
        if let Some(turn) = &self.turn {
            turn.gave();
        }
    }
}

/// How alerts are written down.
struct File {
    format: Format,
    zone: TimeZone,
}

const COLUMNS: [&str; 17] = [
    "id",
    "opened",
    "updated",
    "channel",
    "channel_name",
    "area",
    "type",
    "rule",
    "priority",
    "severity",
    "state",
    "result",
    "owner",
    "position",
    "dispatched_to",
    "events",
    "notes",
];
const CUT: &str = "cut after 100,000 alerts; narrow the search for the rest";

impl File {
    fn head(&self) -> &'static str {
        match self.format {
            // The mark by which spreadsheets know UTF-8.
            Format::Csv => {
                "\u{feff}id,opened,updated,channel,channel_name,area,type,rule,priority,severity,state,result,\
                owner,position,dispatched_to,events,notes\r\n"
            }
            Format::Json => "{\"alerts\":[",
        }
    }

    fn add(&self, text: &mut String, written: &WrittenAlert, first: bool) {
        match self.format {
            Format::Csv => {
                let cells = self.cells(&written.alert, &written.notes);
                text.push_str(&cells.map(|c| cell(&c)).join(","));
                text.push_str("\r\n");
            }
            Format::Json => {
                text.push_str(if first { "\n" } else { ",\n" });
                text.push_str(&serde_json::to_string(written).unwrap_or_else(|_| "null".into()));
            }
        }
    }

    fn end(&self, text: &mut String, cut: bool, unreadable: &[AlertId]) {
        match self.format {
            Format::Csv => {
                if !unreadable.is_empty() {
                    let ids: Vec<String> = unreadable.iter().map(AlertId::to_string).collect();
                    let left_out = format!("{} alerts cannot be read and are left out: {}", ids.len(), ids.join(" "));
                    text.push_str(&cell(&left_out));
                    text.push_str("\r\n");
                }
                if cut {
                    text.push_str(&cell(CUT));
                    text.push_str("\r\n");
                }
            }
            Format::Json => {
                let unreadable = serde_json::to_string(unreadable).unwrap_or_else(|_| "[]".into());
                text.push_str(&format!("\n],\"cut\":{cut},\"unreadable\":{unreadable}}}\n"));
            }
        }
    }

    /// Local time without a letter in it, as spreadsheets take it.
    fn time(&self, at: Wall) -> String {
        let at = jiff::Timestamp::from_millisecond(at.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        at.to_zoned(self.zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string()
    }

    fn cells(&self, a: &AlertPayload, notes: &[String]) -> [String; COLUMNS.len()] {
        let h = &a.handling;
        [
            a.id.to_string(),
            self.time(a.opened),
            self.time(a.updated),
            a.channel.to_string(),
            a.channel_name.clone(),
            a.area.iter().map(AreaId::as_str).collect::<Vec<_>>().join("/"),
            a.kind.clone(),
            a.rule.id.to_string(),
            h.priority.unwrap_or(a.severity).as_str().into(),
            a.severity.as_str().into(),
            a.state.as_str().into(),
            h.result.map_or("", ResultCode::as_str).into(),
            a.owner.as_ref().map_or("", UserId::as_str).into(),
            h.position.as_ref().map_or("", PositionId::as_str).into(),
            h.dispatched_to.clone().unwrap_or_default(),
            a.events.to_string(),
            notes.join("\n"),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_begins_with_its_mark_and_headings() {
        let file = File { format: Format::Csv, zone: TimeZone::UTC };
        assert_eq!(file.head(), format!("\u{feff}{}\r\n", COLUMNS.join(",")));
    }
}
