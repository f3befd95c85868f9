//! The words of the project, as types: what one module hands to the next.
//!
//! Every stage of the way of the data knows these and as little as possible of any other stage. Nothing here does
//! I/O, holds a lock or reads a clock; units stand in names (`_ms`, `_bytes`, `_90k`).

pub mod ages;
pub mod buckets;
pub mod alert;
pub mod clock;
pub mod condition;
pub mod detection;
pub mod fact;
pub mod find;
pub mod frame;
pub mod geometry;
pub mod handling;
pub mod hook;
mod id;
pub mod message;
pub mod pace;
pub mod payload;
pub mod position;
pub mod secret;
pub mod state;
pub mod trace;
pub mod unit;

pub use ages::Ages;
pub use buckets::Buckets;
pub use clock::{Clock, Mono, Now, Past, Wall};
pub use condition::{Condition, ConditionKind, ConditionSet};
pub use detection::{Detection, Look, ModelRef, Track};
pub use fact::{Counts, Details, Event, EventEnd, HealthFact, Phase, RuleRef, Severity, Subjects, Way};
pub use frame::{Frame, PixelFormat, Planes};
pub use geometry::{BBox, Point, Polygon};
pub use hook::{HookState, HookView};
pub use id::{
    AlertId, AreaId, ChannelId, CredentialId, EventId, FeedId, HookId, IdError, IncidentId, LineId, ModelName, NodeId,
    PlanId, PositionId, ProcedureId, RuleId, SiteId, TimetableId, UserId, ZoneId,
};
pub use message::{Message, Scope};
pub use pace::Pace;
pub use secret::Secret;
pub use state::{Activity, ChannelHealth, ChannelState};
pub use trace::{Heat, Path, Traces};
pub use unit::{AccessUnit, Codec};
