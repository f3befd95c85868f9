//! The inventory: areas, credentials and channels that are not in the configuration file but stored, as a spreadsheet,
//! the console or a command brought them in, and the history of their changes.
//!
//! In go edits and imports, each with an author; out comes a `Snapshot`, which `merged` puts together with the file into
//! the one configuration that a gateway runs on. Its file `inventory.db` lies beside the facts' database and is its own,
//! so that a command may write while a gateway runs and the writer of facts is never held up; whoever runs on it asks
//! for `Inventory::rev` now and then. What is in the file of the configuration is read-only here and wins.
//!
//! An edit is whole or not at all, a revision says who changed which field, and it can be taken back while nothing else
//! has touched the same things. Ids never change, and one that was used is never made again. Passwords are sealed under a
//! key file and never leave but into the merged configuration. Nothing is deleted that others hang on.

pub mod arm;
mod check;
mod coordinates;
mod edit;
mod error;
mod export;
mod history;
mod ids;
mod import;
mod merge;
mod open;
mod record;
mod seal;
mod snapshot;
#[cfg(test)]
mod tests;
mod write;

pub use coordinates::{Coordinates, gcj02_to_wgs84};
pub use edit::{Done, Edit, Expect, Op};
pub use error::{InventoryError, Refusal};
pub use export::{Format, export};
pub use history::Revision;
pub use ids::Ids;
pub use import::{
    Column, Field, Import, MAX_BYTES, MadeArea, MadeCredential, Named, Plan, Planned, Refused, fields_of, plan,
    set_fields,
};
pub use merge::{Merged, merged};
pub use open::Inventory;
pub use record::{Change, ChangeOp, ChangeView, FieldChange, Kind, Source};
pub use snapshot::{Snapshot, Stored, StoredCredential};
pub use write::summary;

/// The number of a revision, from 1; 0 is the inventory before its first.
pub type Rev = u64;
