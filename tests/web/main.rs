//! The web stage over a real database and, for the feed, real sockets: who gets in, what he gets, what he is refused.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

mod discover;
mod configuration;
mod desk;
mod feed;
mod http;
mod login;
mod map;
mod rights;
mod rules;
mod search;
mod shifts;
mod sockets;
mod support;
