//! The ledger against a real file: what it reported committed is there after kill -9, once, and ends once; the outbox
//! keeps its order, gives up the least important first, and sends again what a crash may have taken from the broker.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

mod bounds;
mod crash;
mod desk;
mod facts;
mod people;
mod search;
mod support;
