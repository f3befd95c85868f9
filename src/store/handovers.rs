//! Handovers from one shift to the next: draft, offered, and then accepted or withdrawn.
//!
//! In: what a person signs, frozen by the caller as JSON. Out: rows. It knows the order of the states and who may do what
//! within them, and a refusal says in a sentence why; whose position it is, `web::auth` has decided before. What is signed
//! never changes, which the table itself enforces.

use sqlx::{Connection, FromRow, Sqlite, SqliteConnection, SqlitePool, pool::PoolConnection};

use super::{Store, StoreError};
use crate::types::{AreaId, PositionId, UserId, Wall};

/// How far a handover is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Draft,
    Offered,
    Accepted,
    Withdrawn,
}

impl State {
    pub fn as_str(self) -> &'static str {
        match self {
            State::Draft => "draft",
            State::Offered => "offered",
            State::Accepted => "accepted",
            State::Withdrawn => "withdrawn",
        }
    }
    fn parse(text: &str) -> Option<Self> {
        [State::Draft, State::Offered, State::Accepted, State::Withdrawn].into_iter().find(|s| s.as_str() == text)
    }
}

/// What one writes and, with `offer`, signs.
#[derive(Debug, Clone)]
pub struct Written {
    pub position: PositionId,
    /// Paths of the areas that the position answers for; `None`: more than any subtree.
    pub areas: Option<Vec<Vec<AreaId>>>,
    pub from: Wall,
    pub to: Wall,
    pub outgoing: UserId,
    pub notes: String,
    pub offer: bool,
    pub open: u32,
    pub shelved: u32,
    /// JSON, as it is at this moment.
    pub rows: String,
    pub numbers: String,
}

/// A handover without what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub id: i64,
    pub position: PositionId,
    pub state: State,
    pub from: Wall,
    pub to: Wall,
    pub outgoing: UserId,
    pub written: Wall,
    pub offered: Option<Wall>,
    pub incoming: Option<UserId>,
    pub ended: Option<Wall>,
    pub open: u32,
    pub shelved: u32,
}

/// A handover whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handover {
    pub line: Line,
    pub notes: String,
    pub remark: String,
    pub rows: String,
    pub numbers: String,
}

/// Where a handover hangs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hangs {
    pub position: PositionId,
    pub areas: Option<Vec<Vec<AreaId>>>,
    /// A draft is its author's alone.
    pub draft_of: Option<UserId>,
}

/// Why something is not done with a handover; the sentences are for people.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    #[error("there is no handover {0}")]
    NotFound(i64),
    #[error(
        "{outgoing} has signed handover {id} of this position already; accept it, or let {outgoing} withdraw it first"
    )]
    Offered { id: i64, outgoing: UserId },
    #[error("you have signed handover {0} yourself; another login must accept it")]
    Own(i64),
    #[error("handover {id} is {}; only one that is offered can be accepted", .state.as_str())]
    NotOffered { id: i64, state: State },
    #[error("handover {id} was accepted by {incoming} already")]
    Accepted { id: i64, incoming: UserId },
    #[error("handover {id} was withdrawn already")]
    Withdrawn { id: i64 },
    #[error("{outgoing} has written handover {id}; only {outgoing} or a supervisor can withdraw it")]
    NotYours { id: i64, outgoing: UserId },
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for Refused {
    fn from(e: sqlx::Error) -> Self {
        Refused::Store(e.into())
    }
}

#[derive(FromRow)]
struct LineRow {
    id: i64,
    position: String,
    state: String,
    from_ms: i64,
    to_ms: i64,
    outgoing: String,
    written_ms: i64,
    offered_ms: Option<i64>,
    incoming: Option<String>,
    ended_ms: Option<i64>,
    open_rows: i64,
    shelved_rows: i64,
}

fn bad(what: String) -> StoreError {
    StoreError::Record { what: format!("a handover: {what}") }
}

fn user(text: &str) -> Result<UserId, StoreError> {
    UserId::new(text).map_err(|e| bad(e.to_string()))
}

impl TryFrom<LineRow> for Line {
    type Error = StoreError;

    fn try_from(row: LineRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id,
            position: PositionId::new(&row.position).map_err(|e| bad(e.to_string()))?,
            state: State::parse(&row.state).ok_or_else(|| bad(format!("state '{}'", row.state)))?,
            from: Wall(row.from_ms),
            to: Wall(row.to_ms),
            outgoing: user(&row.outgoing)?,
            written: Wall(row.written_ms),
            offered: row.offered_ms.map(Wall),
            incoming: row.incoming.as_deref().map(user).transpose()?,
            ended: row.ended_ms.map(Wall),
            open: u32::try_from(row.open_rows).unwrap_or(0),
            shelved: u32::try_from(row.shelved_rows).unwrap_or(0),
        })
    }
}

/// The columns of a line.
macro_rules! line {
    ($rest:literal) => {
        concat!(
            "SELECT id, position, state, from_ms, to_ms, outgoing, written_ms, offered_ms, incoming, ended_ms, open_rows,
                    shelved_rows ",
            $rest
        )
    };
}

fn paths(areas: &[Vec<AreaId>]) -> String {
    let list: Vec<String> = areas.iter().map(|p| p.iter().map(AreaId::as_str).collect::<Vec<_>>().join("/")).collect();
    serde_json::to_string(&list).unwrap_or_else(|_| "[]".into())
}

/// Cheap to clone.
#[derive(Debug, Clone)]
pub struct Handovers {
    writer: SqlitePool,
    reader: SqlitePool,
}

impl Handovers {
    pub fn new(store: &Store) -> Self {
        Self { writer: store.writer().clone(), reader: store.reader().clone() }
    }

    async fn write(&self) -> sqlx::Result<PoolConnection<Sqlite>> {
        self.writer.acquire().await
    }

    /// Writes a draft anew, or signs it; gives its id.
    pub async fn make(&self, w: &Written, now: Wall) -> Result<i64, Refused> {
        let mut conn = self.write().await?;
        let mut tx = conn.begin_with("BEGIN IMMEDIATE").await?;
        if w.offer {
            let offered: Option<(i64, String)> =
                sqlx::query_as("SELECT id, outgoing FROM handover WHERE position = ? AND state = 'offered'")
                    .bind(w.position.as_str())
                    .fetch_optional(&mut *tx)
                    .await?;
            if let Some((id, outgoing)) = offered {
                return Err(Refused::Offered { id, outgoing: user(&outgoing)? });
            }
        }
        let id: i64 = sqlx::query_scalar(
            "INSERT INTO handover (position, areas, state, from_ms, to_ms, outgoing, notes, written_ms, offered_ms,
                                   open_rows, shelved_rows, rows, numbers)
             VALUES (?1, ?2, 'draft', ?3, ?4, ?5, ?6, ?7, NULL, ?8, ?9, ?10, ?11)
             ON CONFLICT (position, outgoing) WHERE state = 'draft' DO UPDATE SET areas = excluded.areas,
                 from_ms = excluded.from_ms, to_ms = excluded.to_ms, notes = excluded.notes,
                 written_ms = excluded.written_ms, open_rows = excluded.open_rows,
                 shelved_rows = excluded.shelved_rows, rows = excluded.rows, numbers = excluded.numbers
             RETURNING id",
        )
        .bind(w.position.as_str())
        .bind(w.areas.as_deref().map(paths))
        .bind(w.from.0)
        .bind(w.to.0)
        .bind(w.outgoing.as_str())
        .bind(&w.notes)
        .bind(now.0)
        .bind(w.open)
        .bind(w.shelved)
        .bind(&w.rows)
        .bind(&w.numbers)
        .fetch_one(&mut *tx)
        .await?;
        if w.offer {
            sqlx::query("UPDATE handover SET state = 'offered', offered_ms = ? WHERE id = ?")
                .bind(now.0)
                .bind(id)
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        Ok(id)
    }

    /// Takes the shift over.
    pub async fn accept(&self, id: i64, incoming: &UserId, remark: &str, now: Wall) -> Result<(), Refused> {
        let mut conn = self.write().await?;
        let mut tx = conn.begin_with("BEGIN IMMEDIATE").await?;
        let line = line_of(&mut tx, id).await?.ok_or(Refused::NotFound(id))?;
        match (line.state, line.incoming) {
            (State::Accepted, Some(incoming)) => return Err(Refused::Accepted { id, incoming }),
            (State::Offered, _) if line.outgoing == *incoming => return Err(Refused::Own(id)),
            (State::Offered, _) => {}
            (state, _) => return Err(Refused::NotOffered { id, state }),
        }
        sqlx::query("UPDATE handover SET state = 'accepted', incoming = ?, remark = ?, ended_ms = ? WHERE id = ?")
            .bind(incoming.as_str())
            .bind(remark)
            .bind(now.0)
            .bind(id)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Takes a draft or an offer back; only who wrote it may, or who signs `for_others`, too.
    pub async fn withdraw(&self, id: i64, author: &UserId, for_others: bool, now: Wall) -> Result<(), Refused> {
        let mut conn = self.write().await?;
        let mut tx = conn.begin_with("BEGIN IMMEDIATE").await?;
        let line = line_of(&mut tx, id).await?.ok_or(Refused::NotFound(id))?;
        match (line.state, line.incoming) {
            (State::Accepted, Some(incoming)) => return Err(Refused::Accepted { id, incoming }),
            (State::Accepted | State::Withdrawn, _) => return Err(Refused::Withdrawn { id }),
            (State::Draft | State::Offered, _) if line.outgoing != *author && !for_others => {
                return Err(Refused::NotYours { id, outgoing: line.outgoing });
            }
            (State::Draft | State::Offered, _) => {}
        }
        sqlx::query("UPDATE handover SET state = 'withdrawn', ended_ms = ? WHERE id = ?")
            .bind(now.0)
            .bind(id)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }

    pub async fn get(&self, id: i64) -> Result<Option<Handover>, StoreError> {
        let mut conn = self.reader.acquire().await?;
        let Some(line) = line_of(&mut conn, id).await? else { return Ok(None) };
        let held: Option<(String, String, String, String)> =
            sqlx::query_as("SELECT notes, remark, rows, numbers FROM handover WHERE id = ?")
                .bind(id)
                .fetch_optional(&mut *conn)
                .await?;
        Ok(held.map(|(notes, remark, rows, numbers)| Handover { line, notes, remark, rows, numbers }))
    }

    /// Whose it is.
    pub async fn hangs(&self, id: i64) -> Result<Option<Hangs>, StoreError> {
        let row: Option<(String, Option<String>, Option<i64>, String)> =
            sqlx::query_as("SELECT position, areas, offered_ms, outgoing FROM handover WHERE id = ?")
                .bind(id)
                .fetch_optional(&self.reader)
                .await?;
        let Some((position, areas, offered, outgoing)) = row else { return Ok(None) };
        let areas: Option<Vec<String>> =
            areas.map(|a| serde_json::from_str(&a)).transpose().map_err(|e| bad(e.to_string()))?;
        let path = |p: &String| p.split('/').map(AreaId::new).collect::<Result<Vec<_>, _>>();
        let areas = areas.map(|list| list.iter().map(path).collect::<Result<Vec<_>, _>>()).transpose();
        Ok(Some(Hangs {
            position: PositionId::new(&position).map_err(|e| bad(e.to_string()))?,
            areas: areas.map_err(|e| bad(e.to_string()))?,
            // What was taken back before it was signed stays its author's.
            draft_of: offered.is_none().then(|| user(&outgoing)).transpose()?,
        }))
    }

    /// Newest first: those that hang wholly below the roots (`None`: all), of drafts only the reader's own.
    pub async fn list(
        &self,
        roots: Option<&[AreaId]>,
        reader: &UserId,
        position: Option<&PositionId>,
        before: i64,
        limit: u32,
    ) -> Result<Vec<Line>, StoreError> {
        let text = line!(
            "FROM handover WHERE id < ?1 AND (?2 IS NULL OR position = ?2) AND (offered_ms IS NOT NULL OR outgoing = ?3)
             AND (?4 IS NULL OR (areas IS NOT NULL AND NOT EXISTS (
                 SELECT 1 FROM json_each(areas) AS path WHERE NOT EXISTS (
                     SELECT 1 FROM json_each(?4) AS root WHERE instr('/' || path.value || '/', '/' || root.value || '/') > 0))))
             ORDER BY id DESC LIMIT ?5"
        );
        let rows: Vec<LineRow> = sqlx::query_as(text)
            .bind(before)
            .bind(position.map(PositionId::as_str))
            .bind(reader.as_str())
            .bind(roots.map(|r| serde_json::to_string(r).unwrap_or_else(|_| "[]".into())))
            .bind(i64::from(limit))
            .fetch_all(&self.reader)
            .await?;
        rows.into_iter().map(Line::try_from).collect()
    }

    /// The position's last one that was signed and not withdrawn: with it the present shift began.
    pub async fn last(&self, position: &PositionId) -> Result<Option<Line>, StoreError> {
        let row: Option<LineRow> = sqlx::query_as(line!(
            "FROM handover INDEXED BY handover_position WHERE position = ? AND state IN ('offered', 'accepted')
             ORDER BY id DESC LIMIT 1"
        ))
        .bind(position.as_str())
        .fetch_optional(&self.reader)
        .await?;
        row.map(Line::try_from).transpose()
    }

    /// The reader's own draft of a position.
    pub async fn draft(&self, position: &PositionId, of: &UserId) -> Result<Option<i64>, StoreError> {
        let id = sqlx::query_scalar("SELECT id FROM handover WHERE position = ? AND outgoing = ? AND state = 'draft'")
            .bind(position.as_str())
            .bind(of.as_str())
            .fetch_optional(&self.reader)
            .await?;
        Ok(id)
    }
}

async fn line_of(conn: &mut SqliteConnection, id: i64) -> Result<Option<Line>, StoreError> {
    let row: Option<LineRow> =
        sqlx::query_as(line!("FROM handover WHERE id = ?")).bind(id).fetch_optional(conn).await?;
    row.map(Line::try_from).transpose()
}

/// Deletes what was last written before; handovers are kept as long as the history that they tell of.
pub async fn prune(conn: &mut SqliteConnection, before: Wall) -> sqlx::Result<()> {
    sqlx::query("DELETE FROM handover WHERE written_ms < ?").bind(before.0).execute(conn).await?;
    Ok(())
}
