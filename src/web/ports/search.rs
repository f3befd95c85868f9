//! Looking alerts up in all that is kept.

use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::Serialize;

use super::PortError;
use crate::{
    types::{
        AlertId, Wall,
        find::{CountBy, Find},
        payload::AlertPayload,
    },
    web::auth::ListProof,
};

/// Why a search gives nothing.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    #[error("the search took longer than {limit_s} s and was ended; narrow it by time, area, channel or text")]
    TooWide { limit_s: u64 },
    #[error(transparent)]
    Port(#[from] PortError),
}

/// A page of what was found, newest first.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct FoundList {
    pub alerts: Vec<AlertPayload>,
    /// Ids of those on this page whose record is damaged; they are left out of `alerts`. `skyeye store check` tells more.
    pub unreadable: Vec<AlertId>,
    /// `before` of the next page; null at the end.
    pub next: Option<i64>,
    /// After an upgrade old alerts are still being entered: words are found only in the newer ones.
    pub filling: bool,
}

/// An alert with what people wrote of it, oldest first.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct WrittenAlert {
    #[serde(flatten)]
    pub alert: AlertPayload,
    pub notes: Vec<String>,
}

/// A part of an export.
#[derive(Debug, Clone, Default)]
pub struct Written {
    pub alerts: Vec<WrittenAlert>,
    /// As in `FoundList`.
    pub unreadable: Vec<AlertId>,
    pub next: Option<i64>,
}

/// How many alerts there are of each kind.
#[derive(Debug, Clone, Default)]
pub struct Counted {
    pub groups: Vec<Group>,
    /// There are more groups than these.
    pub more: bool,
    pub filling: bool,
}

/// The alerts of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Group {
    /// Opened in the quarter of an hour that begins then.
    Quarter(Wall, u64),
    /// By what was counted by; an area path is its ids joined by '/'.
    Named(String, u64),
}

/// Only alerts that the proof covers, restricted where they are read: pages are full.
pub trait Search: Send + Sync {
    /// `before`: `next` of the page before.
    fn find<'a>(
        &'a self,
        proof: &'a ListProof,
        find: &'a Find,
        before: Option<i64>,
        limit: usize,
    ) -> BoxFuture<'a, Result<FoundList, SearchError>>;
    fn count<'a>(
        &'a self,
        proof: &'a ListProof,
        find: &'a Find,
        by: CountBy,
    ) -> BoxFuture<'a, Result<Counted, SearchError>>;
    /// As `find`, with the notes.
    fn written<'a>(
        &'a self,
        proof: &'a ListProof,
        find: &'a Find,
        before: Option<i64>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Written, SearchError>>;
}
