//! Statements over many rows at once. Each statement is a hop to SQLite's thread and back, which costs more than the
//! row that it writes; so a batch goes in groups of fixed sizes, whose texts are made once and stay prepared.

use std::sync::Arc;

use sqlx::{AssertSqlSafe, Sqlite, SqliteConnection, sqlite::SqliteArguments};

/// Rows of one statement; a batch is cut greedily.
const SIZES: [usize; 5] = [32, 8, 4, 2, 1];

pub type Query<'q> = sqlx::query::Query<'q, Sqlite, SqliteArguments>;

/// One statement in the text for each size. Only constants go into the text, never data.
pub struct Many([Arc<str>; SIZES.len()]);

impl Many {
    /// `{head} (?, ..), (?, ..) {tail}` with so many columns a row; the head ends with `VALUES`.
    pub fn new(head: &str, columns: usize, tail: &str) -> Self {
        let row = format!("({})", vec!["?"; columns].join(", "));
        Self(SIZES.map(|rows| format!("{head} {} {tail}", vec![row.as_str(); rows].join(", ")).into()))
    }

    /// The rows in groups, each with the statement of its size.
    pub fn groups<'a, T>(&'a self, rows: &'a [T]) -> impl Iterator<Item = (Arc<str>, &'a [T])> {
        let mut rest = rows;
        std::iter::from_fn(move || {
            let (size, text) = SIZES.iter().zip(&self.0).find(|(size, _)| **size <= rest.len())?;
            let (group, behind) = rest.split_at(*size);
            rest = behind;
            Some((text.clone(), group))
        })
    }

    /// The statement for exactly so many rows, empty for none; `None` where that takes several.
    pub fn whole(&self, rows: usize) -> Option<&str> {
        if rows == 0 {
            return Some("");
        }
        SIZES.iter().zip(&self.0).find(|(size, _)| **size == rows).map(|(_, text)| &**text)
    }

    /// Writes the rows group by group; gives how many were written.
    pub async fn run<T>(
        &self,
        conn: &mut SqliteConnection,
        rows: &[T],
        bind: impl for<'q> Fn(Query<'q>, &'q [T]) -> Query<'q>,
    ) -> sqlx::Result<u64> {
        let mut written = 0;
        for (text, group) in self.groups(rows) {
            written += bind(sqlx::query(AssertSqlSafe(text)), group).execute(&mut *conn).await?.rows_affected();
        }
        Ok(written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_stands_in_one_group_in_order() {
        let many = Many::new("INSERT INTO t (a, b) VALUES", 2, "ON CONFLICT DO NOTHING");
        for count in [0usize, 1, 2, 3, 31, 32, 43, 100] {
            let rows: Vec<usize> = (0..count).collect();
            let mut seen = Vec::new();
            for (text, group) in many.groups(&rows) {
                assert_eq!(text.matches("(?, ?)").count(), group.len(), "{text}");
                seen.extend_from_slice(group);
            }
            assert_eq!(seen, rows);
        }
        let text = many.groups(&[1, 2]).next().map(|(text, _)| text);
        assert_eq!(text.as_deref(), Some("INSERT INTO t (a, b) VALUES (?, ?), (?, ?) ON CONFLICT DO NOTHING"));
    }
}
