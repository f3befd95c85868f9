//! skyeye, a video-surveillance gateway. The map of the house; ARCHITECTURE.md tells the way of the data.

pub mod alert;
pub mod channel;
pub mod cli;
pub mod config;
pub mod decode;
pub mod evidence;
pub mod infer;
pub mod ingest;
pub mod media;
pub mod outbox;
pub mod publish;
pub mod rule;
pub mod sample;
pub mod schedule;
pub mod simulate;
pub mod store;
pub mod track;
pub mod types;
pub mod web;
