//! The web stage over a real database and, for the feed, real sockets: who gets in, what he gets, what he is refused.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

mod audit;
mod configuration;
mod desk;
mod discover;
mod feed;
mod http;
mod login;
mod map;
mod matrix;
mod people;
mod rights;
mod rules;
mod search;
mod shifts;
mod sockets;
mod support;
mod tokens;
