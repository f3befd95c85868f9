//! The command line, one file a command.

pub mod models;
pub mod probe;
pub mod simulate;
pub mod store;
