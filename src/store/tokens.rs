//! Tokens for programs: name, scope, areas, end. Of the token itself only the sha256 is here.

use sqlx::{Row, sqlite::SqliteRow};

use super::{
    StoreError,
    users::{Users, areas_of, areas_text, broken_record},
};
use crate::types::{AreaId, UserId, Wall};

/// A token as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRow {
    pub name: String,
    pub scope: String,
    /// Roots of the area subtrees that it is for; `None`: everything.
    pub areas: Option<Vec<AreaId>>,
    pub created_by: String,
    pub created: Wall,
    pub expires: Wall,
    pub last: Option<Wall>,
    /// Where it was last used from.
    pub address: String,
}

fn token_of(row: &SqliteRow) -> Result<TokenRow, StoreError> {
    let name: String = row.try_get("name")?;
    let areas: Option<String> = row.try_get("areas")?;
    Ok(TokenRow {
        areas: areas_of(areas).ok_or_else(|| broken_record(&name, "list of areas"))?,
        scope: row.try_get("scope")?,
        created_by: row.try_get("created_by")?,
        created: Wall(row.try_get("created_ms")?),
        expires: Wall(row.try_get("expires_ms")?),
        last: row.try_get::<Option<i64>, _>("last_ms")?.map(Wall),
        address: row.try_get("address")?,
        name,
    })
}

impl Users {
    /// Adds a token; `false` if the name is taken.
    pub async fn insert_token(&self, token: &TokenRow, sha256: &[u8; 32]) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "INSERT INTO tokens (name, token_sha256, scope, areas, created_by, created_ms, expires_ms)
             VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO NOTHING",
        )
        .bind(&token.name)
        .bind(sha256.as_slice())
        .bind(&token.scope)
        .bind(areas_text(&token.name, token.areas.as_deref())?)
        .bind(&token.created_by)
        .bind(token.created.0)
        .bind(token.expires.0)
        .execute(self.writer())
        .await?;
        Ok(done.rows_affected() == 1)
    }

    pub async fn token(&self, sha256: &[u8; 32]) -> Result<Option<TokenRow>, StoreError> {
        let row = sqlx::query(
            "SELECT name, scope, areas, created_by, created_ms, expires_ms, last_ms, address
             FROM tokens WHERE token_sha256 = ?",
        )
        .bind(sha256.as_slice())
        .fetch_optional(self.reader())
        .await?;
        row.as_ref().map(token_of).transpose()
    }

    /// All tokens, the newest first; at most `limit`.
    pub async fn tokens(&self, limit: u32) -> Result<Vec<TokenRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT name, scope, areas, created_by, created_ms, expires_ms, last_ms, address
             FROM tokens ORDER BY created_ms DESC, name LIMIT ?",
        )
        .bind(i64::from(limit))
        .fetch_all(self.reader())
        .await?;
        rows.iter().map(token_of).collect()
    }

    /// Names of the tokens that a user made.
    pub async fn tokens_of(&self, maker: &UserId) -> Result<Vec<String>, StoreError> {
        let names = sqlx::query_scalar("SELECT name FROM tokens WHERE created_by = ? ORDER BY name")
            .bind(maker.as_str())
            .fetch_all(self.reader())
            .await?;
        Ok(names)
    }

    pub async fn touch_token(&self, sha256: &[u8; 32], at: Wall, address: &str) -> Result<(), StoreError> {
        sqlx::query("UPDATE tokens SET last_ms = ?, address = ? WHERE token_sha256 = ?")
            .bind(at.0)
            .bind(address)
            .bind(sha256.as_slice())
            .execute(self.writer())
            .await?;
        Ok(())
    }

    /// `false` if there is none of this name.
    pub async fn delete_token(&self, name: &str) -> Result<bool, StoreError> {
        let done = sqlx::query("DELETE FROM tokens WHERE name = ?").bind(name).execute(self.writer()).await?;
        Ok(done.rows_affected() == 1)
    }
}
