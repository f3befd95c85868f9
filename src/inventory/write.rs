//! Writing a revision: all of it in one transaction, or nothing.

use serde_json::json;

use super::{
    Change, ChangeOp, Inventory, InventoryError, Rev, Source,
    record::{Fields, Kind},
};

/// Older revisions are forgotten; what they brought stays.
const KEEP: i64 = 10_000;
/// What is said of an author and of a revision is one line.
const MAX_TEXT: usize = 200;

/// What is written of a revision besides its changes.
pub struct Meta {
    pub author: String,
    pub source: Source,
    /// Empty: made from the counts.
    pub summary: String,
    pub undoes: Option<Rev>,
}

impl Inventory {
    /// Writes changes that were made from the revision `base`; `None` if there is a newer one by now.
    pub(super) async fn commit(
        &self,
        base: Rev,
        changes: &[Change],
        meta: &Meta,
    ) -> Result<Option<Rev>, InventoryError> {
        let rows = rows(changes);
        let count = |op| i64::try_from(changes.iter().filter(|c| c.op() == op).count()).unwrap_or(i64::MAX);
        let (added, changed, removed) = (count(ChangeOp::Add), count(ChangeOp::Change), count(ChangeOp::Remove));
        let mut tx = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        let now: i64 = sqlx::query_scalar("SELECT coalesce(max(rev), 0) FROM revisions").fetch_one(&mut *tx).await?;
        if super::open::number(now) != base {
            return Ok(None);
        }
        let rev = now + 1;
        let undoes = meta.undoes.and_then(|r| i64::try_from(r).ok());
        sqlx::query(
            "INSERT INTO revisions (rev, at_ms, author, source, summary, added, changed, removed, undoes)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(rev)
        .bind(self.clock.wall().0)
        .bind(one_line(&meta.author))
        .bind(meta.source.as_str())
        .bind(if meta.summary.is_empty() { summary(changes) } else { one_line(&meta.summary) })
        .bind(added)
        .bind(changed)
        .bind(removed)
        .bind(undoes)
        .execute(&mut *tx)
        .await?;
        if let Some(undone) = undoes {
            sqlx::query("UPDATE revisions SET undone_by = ? WHERE rev = ?")
                .bind(rev)
                .bind(undone)
                .execute(&mut *tx)
                .await?;
        }
        sqlx::query(
            "INSERT INTO changes (rev, n, kind, id, before, after)
             SELECT ?1, key, value ->> 'kind', value ->> 'id', value ->> 'before', value ->> 'after' FROM json_each(?2)",
        )
        .bind(rev)
        .bind(&rows)
        .execute(&mut *tx)
        .await?;
        sqlx::query(
            "DELETE FROM objects WHERE (kind, id) IN
             (SELECT kind, id FROM changes WHERE rev = ?1 AND after IS NULL)",
        )
        .bind(rev)
        .execute(&mut *tx)
        .await?;
        sqlx::query(
            "INSERT INTO objects (kind, id, record, rev)
             SELECT kind, id, after, rev FROM changes WHERE rev = ?1 AND after IS NOT NULL ORDER BY n
             ON CONFLICT (kind, id) DO UPDATE SET record = excluded.record, rev = excluded.rev",
        )
        .bind(rev)
        .execute(&mut *tx)
        .await?;
        sqlx::query("INSERT OR IGNORE INTO used_ids (kind, id) SELECT kind, id FROM changes WHERE rev = ?1")
            .bind(rev)
            .execute(&mut *tx)
            .await?;
        sqlx::query("DELETE FROM revisions WHERE rev <= ?").bind(rev - KEEP).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(Some(super::open::number(rev)))
    }
}

/// As one JSON text for `json_each`; objects are texts in it, so that they are stored as they are.
fn rows(changes: &[Change]) -> String {
    let text = |f: &Option<Fields>| f.as_ref().and_then(|f| serde_json::to_string(f).ok());
    let rows: Vec<_> = changes
        .iter()
        .map(|c| json!({ "kind": c.kind, "id": c.id, "before": text(&c.before), "after": text(&c.after) }))
        .collect();
    serde_json::Value::Array(rows).to_string()
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_TEXT).collect()
}

/// "2 channels added, 1 area changed"; of a single thing its id.
pub fn summary(changes: &[Change]) -> String {
    let word = |op| match op {
        ChangeOp::Add => "added",
        ChangeOp::Change => "changed",
        ChangeOp::Remove => "removed",
    };
    if let [one] = changes {
        return format!("{} '{}' {}", one.kind, one.id, word(one.op()));
    }
    let mut parts = Vec::new();
    for kind in Kind::ALL {
        for op in [ChangeOp::Add, ChangeOp::Change, ChangeOp::Remove] {
            let n = changes.iter().filter(|c| c.kind == kind && c.op() == op).count();
            if n > 0 {
                parts.push(format!("{n} {kind}{} {}", if n == 1 { "" } else { "s" }, word(op)));
            }
        }
    }
    parts.join(", ")
}
