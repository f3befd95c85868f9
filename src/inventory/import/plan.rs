//! What an import would do, or did, as it is shown.

use schemars::JsonSchema;
use serde::Serialize;

use super::Column;
use crate::config::AreaKind;
use crate::inventory::{FieldChange, Format, Kind, Rev};
use crate::types::{AreaId, CredentialId};

/// Lists are whole, but for the refusals of a file that is nearly all wrong.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Plan {
    pub kind: Kind,
    pub format: Format,
    /// `utf-8`, `gb18030` or `utf-16`.
    pub encoding: &'static str,
    /// Between cells; empty where the format has none.
    pub delimiter: String,
    pub mapping: Vec<Column>,
    /// Rows with something in them, the headings not counted.
    pub rows: u64,
    /// The revision that it was made from.
    pub base_rev: Rev,
    pub unchanged: u64,
    pub added: Vec<Planned>,
    pub changed: Vec<Planned>,
    pub removed: Vec<Named>,
    /// Stored ones that the file does not have; with `remove_missing` they are in `removed`.
    pub missing: u64,
    /// Made because rows want them.
    pub areas_added: Vec<MadeArea>,
    pub credentials_added: Vec<MadeCredential>,
    pub refused: Vec<Refused>,
    /// What is worth knowing and stands against nothing.
    pub notes: Vec<String>,
    pub applied: bool,
    /// The revision that it made; null where nothing was or had to be changed.
    pub rev: Option<Rev>,
    /// Something is refused that cannot be skipped.
    #[serde(skip)]
    pub(super) blocked: bool,
}

impl Plan {
    /// Whether what is refused keeps it from being applied.
    pub fn stands_against(&self, skip_refused: bool) -> bool {
        self.blocked || (!self.refused.is_empty() && !skip_refused)
    }
}

/// Refusals that a plan lists; a file of nonsense has millions.
const MAX_REFUSED: usize = 5_000;
/// Of one row.
const MAX_OF_ROW: usize = 20;

/// What is refused: the first of it is listed, the rest counted.
#[derive(Debug, Default)]
pub struct Refusals {
    list: Vec<Refused>,
    more: usize,
}

impl Refusals {
    /// Those of one row.
    pub fn add(&mut self, of_row: &mut Vec<Refused>) {
        let room = MAX_REFUSED.saturating_sub(self.list.len()).min(MAX_OF_ROW);
        self.more += of_row.len().saturating_sub(room);
        self.list.extend(of_row.drain(..).take(room));
    }

    /// The list, and a sentence about what is not in it.
    pub fn told(self) -> (Vec<Refused>, Vec<String>) {
        let more = (self.more > 0).then(|| format!("{} more cells are refused and not listed", self.more));
        (self.list, more.into_iter().collect())
    }
}

/// One that would come or change.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Planned {
    /// As the spreadsheet counts; of TOML and JSON the n-th table.
    pub row: u64,
    pub id: String,
    pub name: String,
    pub fields: Vec<FieldChange>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Named {
    pub id: String,
    pub name: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct MadeArea {
    pub id: AreaId,
    pub name: String,
    pub kind: AreaKind,
    pub parent: Option<AreaId>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct MadeCredential {
    pub id: CredentialId,
    pub username: String,
}

/// One cell that is not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Refused {
    /// 0 where it is about the whole.
    pub row: u64,
    /// The heading or key.
    pub column: String,
    /// Shortened; nothing where it may hold a password.
    pub value: String,
    pub reason: String,
}
