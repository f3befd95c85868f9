//! What `hook` needs from the ledger: a seam, so that this module knows no transactions. `outbox` implements it.

use std::future::Future;

use tokio::sync::watch;

pub use crate::store::hooks::Place;
use crate::types::{AlertId, HookId, Message, Wall};

/// The ledger could not be read or written; the sentence is for the log and the receiver's state.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the database cannot be used: {0}")]
pub struct SourceError(pub String);

/// What was committed behind a cursor.
#[derive(Debug, Clone)]
pub enum Behind {
    Here {
        /// Each with the time of its commit.
        messages: Vec<(Message, Wall)>,
        /// All up to this is contained.
        cursor: i64,
    },
    /// Something behind the cursor is deleted already; what is left begins behind `floor`.
    Gone { floor: i64 },
}

/// What is committed, and how far receivers have been told. Calls may be slow and hold nobody else up.
pub trait Source: Send + Sync + 'static {
    /// Messages with a cursor above `after`, lowest first, at most `limit`.
    fn behind(&self, after: i64, limit: usize) -> impl Future<Output = Result<Behind, SourceError>> + Send;
    /// Changes whenever something was committed; the value is the newest cursor.
    fn wake(&self) -> watch::Receiver<i64>;
    /// Whether this change of an alert is the one that sent somebody.
    fn was_dispatch(&self, alert: AlertId, rev: u64) -> impl Future<Output = Result<bool, SourceError>> + Send;
    fn place(&self, hook: &HookId) -> impl Future<Output = Result<Option<Place>, SourceError>> + Send;
    fn set_place(&self, hook: &HookId, place: &Place) -> impl Future<Output = Result<(), SourceError>> + Send;
    /// Forgets the places of all others.
    fn keep_only(&self, hooks: &[HookId]) -> impl Future<Output = Result<(), SourceError>> + Send;
}
