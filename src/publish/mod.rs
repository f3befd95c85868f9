//! MQTT: facts and states out, commands in, and the embedded broker.
//!
//! Facts (events, alert changes, command results) come from the outbox through the trait `Source`, in commit order, and
//! are acknowledged there on PUBACK. States (health, node status) come from `States`, the latest-value map. Commands go
//! to whoever holds the receiver of `IncomingCommand`. The broker is embedded (`broker`) or external; the publisher
//! speaks MQTT 3.1.1 with QoS 1 to both and does not know which it is.
//!
//! This module never decides what is published, never reads a message's meaning, and keeps no fact in memory that is not
//! in the outbox too.

pub mod broker;
mod client;
mod backoff;
mod command;
mod gate;
pub mod homeassistant;
mod link;
mod retained;
pub mod schema;
mod source;
mod states;
pub mod tls;
pub mod topic;
mod wire;

pub use client::{Link, Publisher};
pub use link::{PublishError, PublishOptions};
pub use source::{Command, IncomingCommand, OpenAlerts, Row, Source, SourceError};
pub use states::States;
