//! Reading the record of who did what: a page at a time, newest first, by whom, what and when.
//!
//! The order is (time, id), so that a page begins where the one before ended, whatever is written meanwhile. One statement
//! for each index that can lead; the rest is looked at row by row, within the reader's time limit.

use sqlx::Row;

use super::{
    StoreError,
    users::{AuditRow, Users},
};
use crate::types::Wall;

/// Where a page ends; the next begins behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct AuditKey {
    pub at: Wall,
    pub id: i64,
}

/// Which records.
#[derive(Debug, Clone, Default)]
pub struct AuditQuery {
    pub user: Option<String>,
    pub action: Option<String>,
    /// At or after.
    pub from: Option<Wall>,
    /// Before.
    pub to: Option<Wall>,
    /// Somewhere in user, object or address; ASCII letters in either case.
    pub text: Option<String>,
    /// Only what is behind this in the order.
    pub before: Option<AuditKey>,
    pub limit: u32,
}

const BY_USER: &str = "SELECT id, at_ms, user, action, what, address FROM audit
    WHERE user = ?1 AND (?2 IS NULL OR action = ?2) AND at_ms >= ?3 AND (at_ms, id) < (?4, ?5)
    AND (?6 IS NULL OR instr(lower(user || ' ' || what || ' ' || address), ?6) > 0)
    ORDER BY at_ms DESC, id DESC LIMIT ?7";
const BY_ACTION: &str = "SELECT id, at_ms, user, action, what, address FROM audit
    WHERE (?1 IS NULL OR user = ?1) AND action = ?2 AND at_ms >= ?3 AND (at_ms, id) < (?4, ?5)
    AND (?6 IS NULL OR instr(lower(user || ' ' || what || ' ' || address), ?6) > 0)
    ORDER BY at_ms DESC, id DESC LIMIT ?7";
const BY_TIME: &str = "SELECT id, at_ms, user, action, what, address FROM audit
    WHERE (?1 IS NULL OR user = ?1) AND (?2 IS NULL OR action = ?2) AND at_ms >= ?3 AND (at_ms, id) < (?4, ?5)
    AND (?6 IS NULL OR instr(lower(user || ' ' || what || ' ' || address), ?6) > 0)
    ORDER BY at_ms DESC, id DESC LIMIT ?7";

impl Users {
    pub async fn audit_page(&self, query: &AuditQuery) -> Result<Vec<(AuditKey, AuditRow)>, StoreError> {
        let newest = AuditKey { at: Wall(i64::MAX), id: i64::MAX };
        // What is before a moment is before everything of it.
        let to = query.to.map(|at| AuditKey { at, id: i64::MIN });
        let before = [query.before, to].into_iter().flatten().min().unwrap_or(newest);
        let sql = match (&query.user, &query.action) {
            (Some(_), _) => BY_USER,
            (None, Some(_)) => BY_ACTION,
            (None, None) => BY_TIME,
        };
        let rows = sqlx::query(sql)
            .bind(&query.user)
            .bind(&query.action)
            .bind(query.from.map_or(i64::MIN, |at| at.0))
            .bind(before.at.0)
            .bind(before.id)
            .bind(query.text.as_ref().map(|t| t.to_ascii_lowercase()))
            .bind(i64::from(query.limit))
            .fetch_all(self.reader())
            .await?;
        rows.into_iter()
            .map(|row| {
                let at = Wall(row.try_get("at_ms")?);
                let record = AuditRow {
                    at,
                    user: row.try_get("user")?,
                    action: row.try_get("action")?,
                    what: row.try_get("what")?,
                    address: row.try_get("address")?,
                };
                Ok((AuditKey { at, id: row.try_get("id")? }, record))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config, store::Store, types::Clock};

    #[tokio::test]
    async fn pages_go_on_where_the_last_ended_and_each_filter_has_its_index() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), &config::Store::default(), Clock::start()).await.unwrap();
        let users = Users::new(&store);
        let row = |n: i64| AuditRow {
            // Three records of each moment, so that a page ends within one.
            at: Wall(n / 3),
            user: if n % 2 == 0 { "li" } else { "wang" }.into(),
            action: if n % 5 == 0 { "login" } else { "alert_action" }.into(),
            what: format!("Alert-{n}"),
            address: "10.0.0.1".into(),
        };
        users.audit(&(0..100).map(row).collect::<Vec<_>>()).await.unwrap();
        let read = async |mut query: AuditQuery| {
            let mut all = Vec::new();
            loop {
                query.limit = 7;
                let page = users.audit_page(&query).await.unwrap();
                let Some((last, _)) = page.last() else { return all };
                query.before = Some(*last);
                all.extend(page.into_iter().map(|(_, r)| r.what));
            }
        };
        let want = |keep: &dyn Fn(i64) -> bool| -> Vec<String> {
            (0..100).rev().filter(|n| keep(*n)).map(|n| format!("Alert-{n}")).collect()
        };
        let all = AuditQuery::default;
        assert_eq!(read(all()).await, want(&|_| true));
        assert_eq!(read(AuditQuery { user: Some("li".into()), ..all() }).await, want(&|n| n % 2 == 0));
        let both = AuditQuery { user: Some("li".into()), action: Some("login".into()), ..all() };
        assert_eq!(read(both).await, want(&|n| n % 10 == 0));
        let between = AuditQuery { from: Some(Wall(10)), to: Some(Wall(20)), ..all() };
        assert_eq!(read(between).await, want(&|n| (30..60).contains(&n)));
        let text = AuditQuery { text: Some("ALERT-9".into()), action: Some("alert_action".into()), ..all() };
        assert_eq!(read(text).await, want(&|n| n % 5 != 0 && (n == 9 || n >= 90)));

        for (sql, index) in [(BY_USER, "audit_by_user"), (BY_ACTION, "audit_by_action"), (BY_TIME, "audit_by_age")] {
            // `EXPLAIN` takes the statement as it stands.
            let plan = sqlx::query(sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}")));
            let plan = plan.fetch_all(users.reader()).await.unwrap();
            let plan: Vec<String> = plan.iter().map(|r| r.try_get("detail").unwrap()).collect();
            assert!(plan[0].contains(index) && plan.iter().all(|l| !l.contains("TEMP B-TREE")), "{plan:?}");
        }
    }
}
