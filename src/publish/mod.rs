//! MQTT: topics and payloads out, commands in, and the embedded broker.

mod source;
pub mod topic;

pub use source::{IncomingCommand, Row, Source, SourceError};
