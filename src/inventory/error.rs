//! Why the inventory could not be read or an edit was not made.

use schemars::JsonSchema;
use serde::Serialize;

use super::{Kind, Rev};

/// One thing that an edit may not do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Refusal {
    pub kind: Kind,
    pub id: String,
    /// Key of the object; empty where it is about the whole.
    pub field: String,
    /// What is wrong and what would be right.
    pub reason: String,
}

#[derive(Debug, thiserror::Error)]
pub enum InventoryError {
    #[error(
        "the inventory {file} was written by a newer skyeye (its table version {version} is unknown here); \
         run that version or newer"
    )]
    Newer { file: String, version: i64 },
    #[error("the inventory {file} cannot be opened: {source}")]
    Open { file: String, source: sqlx::Error },
    #[error("the tables of the inventory {file} cannot be brought up to date: {source}")]
    Migrate { file: String, source: sqlx::migrate::MigrateError },
    #[error("{what} {path}: {source}")]
    Io { what: &'static str, path: String, source: std::io::Error },
    #[error("another process is writing the inventory and did not end within {wait_s} s; try again")]
    Busy { wait_s: u64 },
    #[error("the inventory cannot be read or written: {0}")]
    Database(sqlx::Error),
    /// The key of the passwords.
    #[error("{0}")]
    Key(String),
    /// What the caller knew is no longer so.
    #[error("{sentence}")]
    Conflict { sentence: String, rev: Rev },
    #[error("{0}")]
    NotFound(String),
    /// Nothing was changed.
    #[error("{}", sentences(.0))]
    Refused(Vec<Refusal>),
    /// The file as a whole cannot be read.
    #[error("{0}")]
    BadFile(String),
}

fn sentences(refusals: &[Refusal]) -> String {
    let mut text = String::new();
    for (i, r) in refusals.iter().take(5).enumerate() {
        if i > 0 {
            text.push_str("; ");
        }
        text.push_str(&format!("{} '{}'", r.kind, r.id));
        if !r.field.is_empty() {
            text.push_str(&format!(", {}", r.field));
        }
        text.push_str(&format!(": {}", r.reason));
    }
    if refusals.len() > 5 {
        text.push_str(&format!("; and {} more", refusals.len() - 5));
    }
    text
}

/// SQLite's primary result codes.
const SQLITE_BUSY: i32 = 5;

impl From<sqlx::Error> for InventoryError {
    fn from(error: sqlx::Error) -> Self {
        let code = match &error {
            sqlx::Error::Database(db) => db.code().and_then(|c| c.parse::<i32>().ok()).map(|c| c & 0xff),
            _ => None,
        };
        if code == Some(SQLITE_BUSY) {
            return InventoryError::Busy { wait_s: super::open::BUSY.as_secs() };
        }
        InventoryError::Database(error)
    }
}
