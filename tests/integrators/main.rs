//! What integrators get: signed deliveries over HTTP, copies of an area's facts, Home Assistant's discovery. Against a real
//! HTTP server that behaves badly, the real ledger and the embedded broker.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used)] // tests start processes and panic

#[path = "../support/mqtt.rs"]
mod mqtt;
#[path = "../outbox/support.rs"]
#[allow(dead_code)]
mod ledger;
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/gateway.rs"]
mod gateway;
mod copies;
mod discovery;
mod hooks;
mod killed;
mod receiver;
mod refusals;
