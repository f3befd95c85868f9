//! Small named values of the database itself: whether the last stop was clean, counters that outlive a process.

use sqlx::SqliteConnection;

/// By which time things were old, milliseconds since 1970, as it was written last (`types::ages`).
pub const TIME: &str = "time";

/// The value, if it was ever set.
pub async fn get(conn: &mut SqliteConnection, key: &'static str) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar("SELECT value FROM meta WHERE key = ?").bind(key).fetch_optional(conn).await
}

/// The value as a number; 0 if it was never set.
pub async fn number(conn: &mut SqliteConnection, key: &'static str) -> sqlx::Result<i64> {
    Ok(get(conn, key).await?.and_then(|v| v.parse().ok()).unwrap_or(0))
}

pub async fn set(conn: &mut SqliteConnection, key: &'static str, value: &str) -> sqlx::Result<()> {
    sqlx::query("INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value")
        .bind(key)
        .bind(value)
        .execute(conn)
        .await?;
    Ok(())
}
