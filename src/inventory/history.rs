//! Revisions: who changed what and when, and taking one back.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use sqlx::{Row, sqlite::SqliteRow};

use super::{
    Change, ChangeView, Done, Inventory, InventoryError, Kind, Rev, Snapshot, Source, check,
    edit::TRIES,
    open::number,
    record::{self, Fields},
    write::Meta,
};
use crate::{config::Config, types::Wall};

/// Revisions given at one time.
const MAX_PAGE: u32 = 500;

/// One revision.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Revision {
    pub rev: Rev,
    pub at: Wall,
    pub author: String,
    pub source: Source,
    pub summary: String,
    pub added: u64,
    pub changed: u64,
    pub removed: u64,
    /// The revision that this one took back.
    pub undoes: Option<Rev>,
    /// The revision that took this one back.
    pub undone_by: Option<Rev>,
}

fn revision_of(row: &SqliteRow) -> sqlx::Result<Revision> {
    let source: &str = row.try_get("source")?;
    Ok(Revision {
        rev: number(row.try_get("rev")?),
        at: Wall(row.try_get("at_ms")?),
        author: row.try_get("author")?,
        source: Source::of(source).unwrap_or(Source::Api),
        summary: row.try_get("summary")?,
        added: number(row.try_get("added")?),
        changed: number(row.try_get("changed")?),
        removed: number(row.try_get("removed")?),
        undoes: row.try_get::<Option<i64>, _>("undoes")?.map(number),
        undone_by: row.try_get::<Option<i64>, _>("undone_by")?.map(number),
    })
}

impl Inventory {
    /// Newest first, those before `before`; at most 500 at one time.
    pub async fn revisions(&self, before: Option<Rev>, limit: u32) -> Result<Vec<Revision>, InventoryError> {
        let before = before.and_then(|r| i64::try_from(r).ok()).unwrap_or(i64::MAX);
        let rows = sqlx::query("SELECT * FROM revisions WHERE rev < ? ORDER BY rev DESC LIMIT ?")
            .bind(before)
            .bind(i64::from(limit.min(MAX_PAGE)))
            .fetch_all(&self.pool)
            .await?;
        Ok(rows.iter().map(revision_of).collect::<sqlx::Result<_>>()?)
    }

    /// Those that changed one thing, newest first, each with what it did to that thing.
    pub async fn revisions_of(
        &self,
        kind: Kind,
        id: &str,
        before: Option<Rev>,
        limit: u32,
    ) -> Result<Vec<(Revision, ChangeView)>, InventoryError> {
        let before = before.and_then(|r| i64::try_from(r).ok()).unwrap_or(i64::MAX);
        let rows = sqlx::query(
            "SELECT r.*, c.before, c.after FROM changes c JOIN revisions r ON r.rev = c.rev
             WHERE c.kind = ? AND c.id = ? AND c.rev < ? ORDER BY c.rev DESC LIMIT ?",
        )
        .bind(kind.as_str())
        .bind(id)
        .bind(before)
        .bind(i64::from(limit.min(MAX_PAGE)))
        .fetch_all(&self.pool)
        .await?;
        let view = |row: &SqliteRow| -> sqlx::Result<(Revision, ChangeView)> {
            let (before, after) = (fields(row, "before")?, fields(row, "after")?);
            Ok((revision_of(row)?, Change { kind, id: id.to_owned(), before, after }.view()))
        };
        Ok(rows.iter().map(view).collect::<sqlx::Result<_>>()?)
    }

    /// One with what it changed; never a password.
    pub async fn revision(&self, rev: Rev) -> Result<(Revision, Vec<ChangeView>), InventoryError> {
        let (revision, changes) = self.recorded(rev).await?;
        Ok((revision, changes.iter().map(Change::view).collect()))
    }

    async fn recorded(&self, rev: Rev) -> Result<(Revision, Vec<Change>), InventoryError> {
        let number = i64::try_from(rev).unwrap_or(i64::MAX);
        let row = sqlx::query("SELECT * FROM revisions WHERE rev = ?").bind(number).fetch_optional(&self.pool).await?;
        let row = row.ok_or_else(|| InventoryError::NotFound(format!("there is no revision {rev}")))?;
        let rows = sqlx::query("SELECT kind, id, before, after FROM changes WHERE rev = ? ORDER BY n")
            .bind(number)
            .fetch_all(&self.pool)
            .await?;
        let mut changes = Vec::with_capacity(rows.len());
        for row in &rows {
            let kind: Kind = row
                .try_get::<&str, _>("kind")?
                .parse()
                .map_err(|e: String| InventoryError::Database(sqlx::Error::Decode(e.into())))?;
            let (before, after) = (fields(row, "before")?, fields(row, "after")?);
            changes.push(Change { kind, id: row.try_get("id")?, before, after });
        }
        Ok((revision_of(&row)?, changes))
    }

    /// Takes a revision back, where nothing has touched since what it changed.
    pub async fn undo(&self, file: &Config, rev: Rev, author: &str, source: Source) -> Result<Done, InventoryError> {
        for _ in 0..TRIES {
            let snapshot = self.snapshot().await?;
            let (revision, recorded) = self.recorded(rev).await?;
            let conflict = |why: String| InventoryError::Conflict {
                sentence: format!("revision {rev} cannot be taken back: {why}"),
                rev: snapshot.rev,
            };
            if let Some(by) = revision.undone_by {
                return Err(conflict(format!("revision {by} has done so already")));
            }
            let present = present(&snapshot);
            let touched: Vec<&Change> =
                recorded.iter().filter(|c| present.get(&(c.kind, c.id.as_str())) != c.after.as_ref()).collect();
            if let Some(first) = touched.first() {
                let by = self.last_touch(first.kind, &first.id).await?;
                let more = match touched.len() - 1 {
                    0 => String::new(),
                    n => format!(" (and {n} more)"),
                };
                return Err(conflict(format!(
                    "the {} '{}' was changed since, by revision {by}{more}; take that back first",
                    first.kind, first.id
                )));
            }
            let changes: Vec<Change> =
                recorded.into_iter().rev().map(|c| Change { before: c.after, after: c.before, ..c }).collect();
            let refused = check::changes(&snapshot, file, &changes);
            if let Some(first) = refused.first() {
                return Err(conflict(format!("{} '{}' {}", first.kind, first.id, first.reason)));
            }
            let meta = Meta {
                author: author.to_owned(),
                source,
                summary: format!("revision {rev} taken back: {}", revision.summary),
                undoes: Some(rev),
            };
            if let Some(rev) = self.commit(snapshot.rev, &changes, &meta).await? {
                return Ok(Done { rev, changes });
            }
        }
        Err(InventoryError::Busy { wait_s: 0 })
    }

    async fn last_touch(&self, kind: Kind, id: &str) -> Result<Rev, InventoryError> {
        let rev: Option<i64> = sqlx::query_scalar("SELECT max(rev) FROM changes WHERE kind = ? AND id = ?")
            .bind(kind.as_str())
            .bind(id)
            .fetch_one(&self.pool)
            .await?;
        Ok(number(rev.unwrap_or(0)))
    }
}

/// An object before or after.
fn fields(row: &SqliteRow, name: &str) -> sqlx::Result<Option<Fields>> {
    let text: Option<&str> = row.try_get(name)?;
    text.map(|t| serde_json::from_str(t).map_err(|e| sqlx::Error::Decode(e.into()))).transpose()
}

fn present(snapshot: &Snapshot) -> BTreeMap<(Kind, &str), Fields> {
    let channels =
        snapshot.channels.iter().map(|c| ((Kind::Channel, c.value.id.as_str()), record::channel_fields(&c.value)));
    let areas = snapshot.areas.iter().map(|a| ((Kind::Area, a.value.id.as_str()), record::area_fields(&a.value)));
    let credentials = snapshot.credentials.iter().map(|c| ((Kind::Credential, c.id.as_str()), c.fields()));
    let rules = snapshot.rules.iter().map(|r| ((Kind::Rule, r.value.id.as_str()), record::rule_fields(&r.value)));
    let timetables = snapshot
        .timetables
        .iter()
        .map(|t| ((Kind::Timetable, t.value.id.as_str()), record::timetable_fields(&t.value)));
    channels.chain(areas).chain(credentials).chain(rules).chain(timetables).collect()
}
