//! skyeye, a video-surveillance gateway. The map of the house; ARCHITECTURE.md tells the way of the data.

// The way of the data, in order.
pub mod ingest;
pub mod media;
pub mod sample;
pub mod schedule;
pub mod decode;
pub mod infer;
pub mod track;
pub mod rule;
pub mod alert;
pub mod evidence;
pub mod outbox;
pub mod publish;
pub mod hook;
pub mod web;

// Beside the way, known by all.
pub mod channel;
pub mod config;
pub mod discover;
pub mod inventory;
pub mod store;
pub mod telemetry;
pub mod trust;
pub mod types;

// On top, known by none.
pub mod cli;
pub mod node;
pub mod simulate;
