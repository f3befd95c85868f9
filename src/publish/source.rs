//! What `publish` needs from the durable queue, and what it hands upward: two seams, so that this module knows neither
//! the database nor who carries a command out. `node` ties both ends.

use std::future::Future;

use bytes::Bytes;
use tokio::sync::watch;

use crate::types::{
    Message, UserId,
    payload::{CommandPayload, RuleCommandPayload},
};

/// One message of the outbox.
#[derive(Debug, Clone)]
pub struct Row {
    /// Unique, and growing in commit order. The same number line as `Message::cursor` of `open_alerts`: an alert whose
    /// latest change is still waiting here has a cursor that is not below the first pending row's.
    pub cursor: i64,
    pub topic: String,
    /// JSON; empty clears a retained message.
    pub payload: Bytes,
    pub retain: bool,
}

/// The queue could not be read or written; the sentence is for the log.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the outbox cannot be used: {0}")]
pub struct SourceError(pub String);

/// Some of the alerts that are not closed, as retained messages.
#[derive(Debug, Clone, Default)]
pub struct OpenAlerts {
    pub messages: Vec<Message>,
    /// The place behind which there may be more; `None` after the last.
    pub next: Option<i64>,
}

/// The durable queue, as `publish` sees it. Calls may be slow: they never hold up the connection to the broker.
pub trait Source: Send + Sync + 'static {
    /// Unacknowledged rows with a cursor above `after`, lowest first, at most `limit`; fewer: there are no more.
    fn pending(&self, after: i64, limit: usize) -> impl Future<Output = Result<Vec<Row>, SourceError>> + Send;
    /// The broker took these rows: each has had its PUBACK, and so has every row before it.
    fn acked(&self, cursors: Vec<i64>) -> impl Future<Output = Result<(), SourceError>> + Send;
    /// Changes whenever rows were committed; the value is the newest cursor.
    fn wake(&self) -> watch::Receiver<i64>;
    /// The retained messages of some alerts that are not closed, behind a place; `i64::MIN` is before the first.
    fn open_alerts(&self, behind: i64) -> impl Future<Output = Result<OpenAlerts, SourceError>> + Send;
}

/// A command as it came from the broker. The broker's ACL ties `user` to the login, so the author is known.
#[derive(Debug, Clone)]
pub struct IncomingCommand {
    pub user: UserId,
    /// Last level of the command's topic; the result goes to `Topics::result(user, request)`. A client that saw no
    /// result may send the same request again, and the broker may deliver one twice.
    pub request: String,
    /// What is asked for, or a sentence that says what is wrong with the payload; that too deserves a result.
    pub command: Result<Command, String>,
}

/// What is asked for.
#[derive(Debug, Clone)]
pub enum Command {
    Alert(CommandPayload),
    Rule(RuleCommandPayload),
}
