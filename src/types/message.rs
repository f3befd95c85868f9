//! A message on its way to subscribers, and who may see it.

use bytes::Bytes;

use super::{AreaId, ChannelId, UserId};

/// What a message is about; the authorisation module decides by it who may read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// About one channel, hung on an area (path of ids from the root; empty if on none).
    Channel { channel: ChannelId, area: Vec<AreaId> },
    /// About the node itself.
    Node,
    /// For one user only.
    User(UserId),
}

/// One MQTT message.
#[derive(Debug, Clone)]
pub struct Message {
    pub topic: String,
    /// JSON; empty clears a retained message.
    pub payload: Bytes,
    pub retain: bool,
    pub scope: Scope,
    /// Commit order for facts, `None` for states.
    pub cursor: Option<i64>,
}
