//! Proofs: values that say "this was allowed". They have private fields and no constructor outside `auth`, so a handler
//! can only come by one through `Auth`, which has looked up where the thing hangs and compared it with the login's areas.
//!
//! ```compile_fail,E0451
//! // Forging a proof does not compile.
//! use skyeye::{types::ChannelId, web::auth::MediaProof};
//! let forged = MediaProof { channel: ChannelId::new("gate").unwrap() };
//! ```
//!
//! ```compile_fail,E0451
//! use skyeye::{types::{AlertId, UserId}, web::auth::ActProof};
//! let forged = ActProof { alert: AlertId::at(0), author: UserId::new("admin").unwrap() };
//! ```
//!
//! ```compile_fail,E0451
//! use skyeye::{types::UserId, web::auth::PeopleProof};
//! let forged = PeopleProof { author: UserId::new("admin").unwrap() };
//! ```

use super::Areas;
use crate::{
    inventory::Op,
    types::{AlertId, AreaId, ChannelId, EventId, PositionId, UserId, payload::AlertAction},
    web::ports::Reach,
};

/// May see pictures and details of one channel.
#[derive(Debug, Clone)]
pub struct MediaProof {
    channel: ChannelId,
}

/// May see the evidence of one event.
#[derive(Debug, Clone)]
pub struct SnapshotProof {
    event: EventId,
    channel: ChannelId,
}

/// May read one alert.
#[derive(Debug, Clone)]
pub struct AlertProof {
    alert: AlertId,
}

/// May do this to one alert, under this name.
#[derive(Debug, Clone)]
pub struct ActProof {
    alert: AlertId,
    action: AlertAction,
    author: UserId,
    over_others: bool,
}

/// May look for devices and probe them, under this name.
#[derive(Debug, Clone)]
pub struct DiscoveryProof {
    author: UserId,
}

/// May make these very changes of the configuration, under this name.
#[derive(Debug, Clone)]
pub struct EditProof {
    author: UserId,
    ops: Vec<Op>,
}

/// May change everything that is configured, under this name, and see who changed what.
#[derive(Debug, Clone)]
pub struct ManageProof {
    author: UserId,
}

/// May hand over one position, under this name.
#[derive(Debug, Clone)]
pub struct PositionProof {
    position: PositionId,
    reach: Reach,
    author: UserId,
}

/// May read one handover.
#[derive(Debug, Clone)]
pub struct HandoverProof {
    handover: i64,
}

/// May take one handover over or back, under this name.
#[derive(Debug, Clone)]
pub struct SignProof {
    handover: i64,
    author: UserId,
    for_others: bool,
}

/// May say who may log in and with which rights, under this name.
#[derive(Debug, Clone)]
pub struct PeopleProof {
    author: UserId,
}

/// May read who did what.
#[derive(Debug, Clone)]
pub struct AuditProof {
    author: UserId,
}

/// May read lists, restricted to areas.
#[derive(Debug, Clone)]
pub struct ListProof {
    areas: Areas,
}

impl MediaProof {
    pub(super) fn new(channel: ChannelId) -> Self {
        Self { channel }
    }
    pub fn channel(&self) -> &ChannelId {
        &self.channel
    }
}

impl SnapshotProof {
    pub(super) fn new(event: EventId, channel: ChannelId) -> Self {
        Self { event, channel }
    }
    pub fn event(&self) -> EventId {
        self.event
    }
    pub fn channel(&self) -> &ChannelId {
        &self.channel
    }
}

impl AlertProof {
    pub(super) fn new(alert: AlertId) -> Self {
        Self { alert }
    }
    pub fn alert(&self) -> AlertId {
        self.alert
    }
}

impl ActProof {
    pub(super) fn new(alert: AlertId, action: AlertAction, author: UserId, over_others: bool) -> Self {
        Self { alert, action, author, over_others }
    }
    pub fn alert(&self) -> AlertId {
        self.alert
    }
    /// What it is for: a right to give feedback is none to resolve.
    pub fn action(&self) -> AlertAction {
        self.action
    }
    /// Also where another holds the alert or has put it aside.
    pub fn over_others(&self) -> bool {
        self.over_others
    }
    pub fn author(&self) -> &UserId {
        &self.author
    }
}

impl DiscoveryProof {
    pub(super) fn new(author: UserId) -> Self {
        Self { author }
    }
    pub fn author(&self) -> &UserId {
        &self.author
    }
}

impl EditProof {
    pub(super) fn new(author: UserId, ops: Vec<Op>) -> Self {
        Self { author, ops }
    }
    pub fn author(&self) -> &UserId {
        &self.author
    }
    pub fn ops(&self) -> &[Op] {
        &self.ops
    }
}

impl ManageProof {
    pub(super) fn new(author: UserId) -> Self {
        Self { author }
    }
    pub fn author(&self) -> &UserId {
        &self.author
    }
}

impl PositionProof {
    pub(super) fn new(position: PositionId, reach: Reach, author: UserId) -> Self {
        Self { position, reach, author }
    }
    pub fn position(&self) -> &PositionId {
        &self.position
    }
    /// What it answers for.
    pub fn reach(&self) -> &Reach {
        &self.reach
    }
    pub fn author(&self) -> &UserId {
        &self.author
    }
}

impl HandoverProof {
    pub(super) fn new(handover: i64) -> Self {
        Self { handover }
    }
    pub fn handover(&self) -> i64 {
        self.handover
    }
}

impl SignProof {
    pub(super) fn new(handover: i64, author: UserId, for_others: bool) -> Self {
        Self { handover, author, for_others }
    }
    /// May take back what another has offered.
    pub fn for_others(&self) -> bool {
        self.for_others
    }
    pub fn handover(&self) -> i64 {
        self.handover
    }
    pub fn author(&self) -> &UserId {
        &self.author
    }
}

impl PeopleProof {
    pub(super) fn new(author: UserId) -> Self {
        Self { author }
    }
    pub fn author(&self) -> &UserId {
        &self.author
    }
}

impl AuditProof {
    pub(super) fn new(author: UserId) -> Self {
        Self { author }
    }
    pub fn author(&self) -> &UserId {
        &self.author
    }
}

impl ListProof {
    pub(super) fn new(areas: Areas) -> Self {
        Self { areas }
    }
    /// Whether something that hangs at this path may be listed.
    pub fn covers(&self, path: &[AreaId]) -> bool {
        self.areas.cover(path)
    }
    /// Roots of the subtrees to restrict a query to; `None`: no restriction.
    pub fn areas(&self) -> Option<&[AreaId]> {
        match &self.areas {
            Areas::All => None,
            Areas::Subtrees(roots) => Some(roots),
        }
    }
}
