//! Pictures that belong to events: made with the privacy masks burnt in, stored, read back, and deleted in time.
//!
//! In goes a decoded frame with the channel's masks; out come JPEG bytes (`encode_jpeg`, pure) and, for an event, a file
//! below `{data_dir}/evidence` with its checksum and address (`Files`). File names are made from the event's id alone.
//! This module never stores or returns a picture without the masks it was given, never leaves half a file under a final
//! name, and never writes when the disk's reserve, which belongs to the outbox, is all that is left.

mod files;
mod picture;

use std::path::PathBuf;

pub use files::{Files, Swept};
pub use picture::{Jpeg, encode_jpeg};

use crate::types::EventId;

#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    /// A frame whose planes do not fit its size: a fault of the decoder.
    #[error("the frame cannot be encoded: {0}")]
    Frame(String),
    /// A mask that cannot be drawn; the picture is withheld rather than shown unmasked.
    #[error("a mask cannot be drawn, so the picture is withheld: {0}")]
    Mask(String),
    #[error("the picture cannot be encoded: {0}")]
    Encode(String),
    #[error("'{0}' is not the id of an event of this gateway (UUIDv7)")]
    NotAnEvent(EventId),
    /// No space beyond the reserve; the event itself is not affected.
    #[error("no space for evidence in {}: free space, or lower evidence.quota_bytes", .0.display())]
    Full(PathBuf),
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: std::io::Error },
    /// The runtime is ending.
    #[error("the file work was cancelled")]
    Cancelled,
}

impl EvidenceError {
    /// For metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            EvidenceError::Frame(_) => "frame",
            EvidenceError::Mask(_) => "mask",
            EvidenceError::Encode(_) => "encode",
            EvidenceError::NotAnEvent(_) => "id",
            EvidenceError::Full(_) => "full",
            EvidenceError::Io { .. } => "io",
            EvidenceError::Cancelled => "cancelled",
        }
    }
}
