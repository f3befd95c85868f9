//! A list of channels or areas, from a file as spreadsheets save it to a plan, and from a plan to a revision.
//!
//! In goes a file (CSV, TOML, JSON); out comes a `Plan`: what would be added, changed and removed, and each cell that is
//! refused with its row, column and reason. Nothing is applied by halves: with a refused row nothing is, unless the caller
//! says that the others shall. What a column says holds, an empty cell too; what has no column stays as it is. A row is
//! matched by id, else by external number, else by address; what is not matched is new and gets an id. Areas and
//! credentials that are not there are made with the rows that want them.
//!
//! Whatever the bytes are, memory stays bounded: the file, its rows, a row's cells and a cell have limits, and a row is
//! reduced to its channel or area before the next is read.

mod areas;
mod channels;
mod field;
mod headings;
mod logins;
mod objects;
mod plan;
mod rows;
mod table;
#[cfg(test)]
mod tests;
mod toml_tables;
mod tree;

use std::{collections::BTreeMap, fmt, sync::Arc};

use bytes::Bytes;

pub use field::{Field, cell_of, csv_fields, fields_of, set_fields};
pub use headings::Column;
pub use plan::{MadeArea, MadeCredential, Named, Plan, Planned, Refused};

use super::{Coordinates, Inventory, InventoryError, Kind, Rev, Snapshot, Source, check, edit, write::Meta};
use crate::config::Config;

/// A larger file is refused.
pub const MAX_BYTES: usize = 32 << 20;
/// Rows of one file.
pub const MAX_ROWS: u64 = 100_000;

/// What to import and how.
#[derive(Clone)]
pub struct Import {
    /// Channels or areas.
    pub kind: Kind,
    pub bytes: Bytes,
    /// Its end says what it is; shown in the history.
    pub filename: String,
    /// Heading to field name, or to nothing, before all guesses.
    pub map: BTreeMap<String, String>,
    pub coordinates: Coordinates,
    /// Retire what the file does not have.
    pub remove_missing: bool,
    /// Without it nothing is changed.
    pub apply: bool,
    /// Apply the good rows although others are refused.
    pub skip_refused: bool,
    /// The revision that the caller's plan was made from.
    pub expect_rev: Option<Rev>,
    pub author: String,
    pub source: Source,
}

/// The file may hold passwords.
impl fmt::Debug for Import {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.bytes.len();
        f.debug_struct("Import").field("filename", &self.filename).field("bytes", &bytes).finish_non_exhaustive()
    }
}

impl Inventory {
    /// Plans an import, and applies it where that is asked and nothing stands against it.
    pub async fn import(&self, file: &Config, import: Import) -> Result<Plan, InventoryError> {
        let (file, import) = (Arc::new(file.clone()), Arc::new(import));
        for _ in 0..edit::TRIES {
            let snapshot = self.snapshot().await?;
            if let Some(knew) = import.expect_rev.filter(|r| *r != snapshot.rev) {
                let sentence = format!(
                    "the inventory is at revision {} by now, and the plan was made from {knew}; make it again",
                    snapshot.rev
                );
                return Err(InventoryError::Conflict { sentence, rev: snapshot.rev });
            }
            let (mut plan, ops) = plan_in_background(&snapshot, &file, &import).await?;
            if !import.apply || plan.stands_against(import.skip_refused) {
                return Ok(plan);
            }
            let changes = self.changes(&snapshot, &ops).await?;
            if changes.is_empty() {
                plan.applied = true;
                return Ok(plan);
            }
            let refused = check::changes(&snapshot, &file, &changes);
            if !refused.is_empty() {
                return Err(InventoryError::Refused(refused));
            }
            let summary = format!("{}: {}", import.filename, super::write::summary(&changes));
            let meta = Meta { author: import.author.clone(), source: import.source, summary, undoes: None };
            if let Some(rev) = self.commit(snapshot.rev, &changes, &meta).await? {
                plan.applied = true;
                plan.rev = Some(rev);
                return Ok(plan);
            }
        }
        Err(InventoryError::Busy { wait_s: 0 })
    }
}

async fn plan_in_background(
    snapshot: &Arc<Snapshot>,
    file: &Arc<Config>,
    import: &Arc<Import>,
) -> Result<(Plan, Vec<edit::Op>), InventoryError> {
    let (snapshot, file, import) = (snapshot.clone(), file.clone(), import.clone());
    tokio::task::spawn_blocking(move || plan(&snapshot, &file, &import))
        .await
        .map_err(|e| InventoryError::BadFile(format!("the file could not be read to its end: {e}")))?
}

/// What an import would do. Pure but for the password files of the configuration, which tell which logins are there already.
pub fn plan(snapshot: &Snapshot, file: &Config, import: &Import) -> Result<(Plan, Vec<edit::Op>), InventoryError> {
    let (mut plan, ops, rows_of) = match import.kind {
        Kind::Channel => channels::plan(snapshot, file, import)?,
        Kind::Area => areas::plan(snapshot, file, import)?,
        Kind::Credential | Kind::Rule | Kind::Timetable => {
            return Err(InventoryError::BadFile(format!("{}s are set one by one, not imported", import.kind)));
        }
    };
    // Whatever a row's own checks did not see, such as an area that others hang on, is said before it is asked for.
    let changes = edit::compare(snapshot, &ops, &mut |_, _| Ok(String::new()))?;
    for r in check::changes(snapshot, file, &changes) {
        plan.blocked = true;
        plan.refused.push(Refused {
            row: rows_of.get(&r.id).copied().unwrap_or(0),
            column: r.field,
            value: r.id,
            reason: r.reason,
        });
    }
    if import.remove_missing && !plan.refused.is_empty() {
        plan.blocked = true;
        plan.notes.push(
            "rows are refused, so it is not known what is missing: nothing is applied together with remove_missing"
                .into(),
        );
    }
    plan.refused.sort_by_key(|r| r.row);
    Ok((plan, ops))
}
