//! The routes of `/api/v1`, and those for machines. Handlers are thin: they take a login, ask `auth` for a proof, hand
//! the proof to a port and shape the answer. They hold no rules of their own.

pub mod alerts;
pub mod alertsfile;
pub mod areas;
pub mod audit;
pub mod channel_edit;
pub mod channels;
pub mod discover;
pub mod credentials;
mod edit;
mod fields;
pub mod handover;
pub mod history;
pub mod inventory;
pub mod login;
pub mod map;
pub mod node;
pub mod numbers;
pub mod positions;
pub mod procedures;
mod registrar;
pub mod rules;
pub mod search;
pub mod timetables;
pub mod tokens;
mod turn;
pub mod users;
