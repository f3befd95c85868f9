//! Handing over: what is open and the numbers of the shift are read, frozen and written down.

use futures_util::future::{BoxFuture, FutureExt};
use sqlx::Connection;

use super::shifts::Shifts;
use crate::{
    store::{
        StoreError,
        handovers::{Handover, Line, Refused, State, Written},
        numbers as counted,
    },
    types::{AreaId, UserId, Wall, payload::AlertPayload},
    web::{
        auth::{HandoverProof, ListProof, PositionProof, SignProof},
        ports::{
            Handovers, PortError, Reach,
            handover::{
                HandoverError, HandoverLine, HandoverNow, HandoverQuery, HandoverRow, HandoverState, HandoverView,
                LastNote, Shelved, Write,
            },
            numbers::Numbers,
        },
    },
};

/// Rows that a handover lists.
const MAX_ROWS: u32 = 300;
/// Characters of a row's note in it; the alert has the whole.
const MAX_NOTE: usize = 500;
/// A shift that began longer ago than this is a slip of the pen.
const MAX_SHIFT_MS: i64 = 2 * 86_400_000;

/// What would be signed.
struct Frozen {
    /// Of all, also where not all are among the rows.
    open: u32,
    shelved: u32,
    rows: Vec<HandoverRow>,
    numbers: Numbers,
}

fn failed(e: StoreError) -> HandoverError {
    PortError(e.to_string()).into()
}

fn refused(e: Refused) -> HandoverError {
    match e {
        Refused::NotFound(_) => HandoverError::NotFound,
        Refused::Store(e) => failed(e),
        e => HandoverError::Conflict(e.to_string()),
    }
}

impl Shifts {
    /// Of the position's areas alone: whoever sees all of those reads it, and rows of an area that was the position's once
    /// are another's by now.
    async fn frozen(&self, proof: &PositionProof, from: Option<Wall>) -> Result<Frozen, HandoverError> {
        let position = proof.position();
        let roots: Option<Vec<AreaId>> = match proof.reach() {
            Reach::Rest => None,
            Reach::Areas(paths) => Some(paths.iter().filter_map(|path| path.last().cloned()).collect()),
        };
        let lies = self.lies(Some(position), from, None).await.map_err(failed)?;
        if lies.from >= lies.to || lies.to.0.saturating_sub(lies.from.0) > MAX_SHIFT_MS {
            return Err(HandoverError::Invalid("from: a shift begins before now, and at most two days ago".into()));
        }
        let config = self.config();
        let numbers = self.count(&config, Some(position), 1, roots.as_deref(), lies).await.map_err(failed)?;
        let mut conn = self.reader().await.map_err(failed)?;
        let mut tx = conn.begin().await.map_err(|e| failed(self.store.read_error(e)))?;
        let found = counted::unfinished(&mut tx, position, roots.as_deref(), MAX_ROWS).await.map_err(failed)?;
        Ok(Frozen {
            open: u32::try_from(found.all).unwrap_or(u32::MAX),
            shelved: u32::try_from(found.shelved).unwrap_or(u32::MAX),
            rows: found.list.into_iter().map(|(alert, said)| row(alert, said)).collect(),
            numbers,
        })
    }

    async fn view(&self, id: i64) -> Result<HandoverView, HandoverError> {
        let found = self.handovers.get(id).await.map_err(failed)?;
        view(found.ok_or(HandoverError::NotFound)?)
    }
}

/// How many of the open ones are not among the rows.
fn unlisted(open: u32, rows: &[HandoverRow]) -> u32 {
    open.saturating_sub(u32::try_from(rows.len()).unwrap_or(u32::MAX))
}

fn short(text: &str) -> String {
    text.chars().take(MAX_NOTE).collect()
}

fn row(a: AlertPayload, said: Option<counted::Said>) -> HandoverRow {
    let h = a.handling;
    HandoverRow {
        id: a.id,
        rev: a.rev,
        kind: a.kind,
        rule: a.rule.id,
        channel: a.channel,
        channel_name: a.channel_name,
        area: a.area,
        state: a.state,
        priority: h.priority.unwrap_or(a.severity),
        opened: a.opened,
        since: h.showing.since.unwrap_or(a.opened),
        owner: a.owner,
        dispatched_to: h.dispatched_to,
        shelved: h.shelved.map(|s| Shelved { by: s.by, reason: short(&s.reason), until: s.until }),
        note: said.map(|s| LastNote { by: s.by, at: Wall(s.at_ms), text: short(&s.text) }),
    }
}

fn line(l: Line) -> HandoverLine {
    HandoverLine {
        id: l.id,
        position: l.position,
        state: match l.state {
            State::Draft => HandoverState::Draft,
            State::Offered => HandoverState::Offered,
            State::Accepted => HandoverState::Accepted,
            State::Withdrawn => HandoverState::Withdrawn,
        },
        from: l.from,
        to: l.to,
        outgoing: l.outgoing,
        written: l.written,
        offered: l.offered,
        incoming: l.incoming,
        ended: l.ended,
        open: l.open,
        shelved: l.shelved,
    }
}

fn view(h: Handover) -> Result<HandoverView, HandoverError> {
    let id = h.line.id;
    let rows: Vec<HandoverRow> = serde_json::from_str(&h.rows)
        .map_err(|e| failed(StoreError::Record { what: format!("the rows of handover {id}: {e}") }))?;
    Ok(HandoverView {
        unlisted: unlisted(h.line.open, &rows),
        line: line(h.line),
        notes: h.notes,
        remark: h.remark,
        rows,
        numbers: serde_json::from_str(&h.numbers).ok(),
    })
}

impl Handovers for Shifts {
    fn now<'a>(&'a self, proof: &'a PositionProof) -> BoxFuture<'a, Result<HandoverNow, HandoverError>> {
        async move {
            let position = proof.position();
            let Frozen { open, shelved, rows, numbers } = self.frozen(proof, None).await?;
            let draft = match self.handovers.draft(position, proof.author()).await.map_err(failed)? {
                Some(id) => Some(self.view(id).await?),
                None => None,
            };
            let last = self.handovers.last(position).await.map_err(failed)?;
            let offered = last.filter(|l| l.state == State::Offered).map(line);
            let unlisted = unlisted(open, &rows);
            Ok(HandoverNow { position: position.clone(), open, shelved, unlisted, rows, numbers, draft, offered })
        }
        .boxed()
    }

    fn write<'a>(
        &'a self,
        proof: &'a PositionProof,
        write: Write,
    ) -> BoxFuture<'a, Result<HandoverView, HandoverError>> {
        async move {
            let Frozen { open, shelved, rows, numbers } = self.frozen(proof, write.from).await?;
            let text = |e: serde_json::Error| HandoverError::from(PortError(e.to_string()));
            let written = Written {
                position: proof.position().clone(),
                areas: match proof.reach() {
                    Reach::Rest => None,
                    Reach::Areas(paths) => Some(paths.clone()),
                },
                from: numbers.from,
                to: numbers.to,
                outgoing: proof.author().clone(),
                notes: write.notes,
                offer: write.offer,
                open,
                shelved,
                rows: serde_json::to_string(&rows).map_err(text)?,
                numbers: serde_json::to_string(&numbers).map_err(text)?,
            };
            let id = self.handovers.make(&written, self.clock.wall()).await.map_err(refused)?;
            self.view(id).await
        }
        .boxed()
    }

    fn get<'a>(&'a self, proof: &'a HandoverProof) -> BoxFuture<'a, Result<HandoverView, HandoverError>> {
        self.view(proof.handover()).boxed()
    }

    fn accept<'a>(
        &'a self,
        proof: &'a SignProof,
        remark: String,
    ) -> BoxFuture<'a, Result<HandoverView, HandoverError>> {
        async move {
            let done = self.handovers.accept(proof.handover(), proof.author(), &remark, self.clock.wall());
            done.await.map_err(refused)?;
            self.view(proof.handover()).await
        }
        .boxed()
    }

    fn withdraw<'a>(&'a self, proof: &'a SignProof) -> BoxFuture<'a, Result<HandoverView, HandoverError>> {
        async move {
            let done = self.handovers.withdraw(proof.handover(), proof.author(), proof.for_others(), self.clock.wall());
            done.await.map_err(refused)?;
            self.view(proof.handover()).await
        }
        .boxed()
    }

    fn list<'a>(
        &'a self,
        proof: &'a ListProof,
        reader: &'a UserId,
        query: HandoverQuery,
    ) -> BoxFuture<'a, Result<Vec<HandoverLine>, PortError>> {
        async move {
            let before = query.before.unwrap_or(i64::MAX);
            let found = self.handovers.list(proof.areas(), reader, query.position.as_ref(), before, query.limit);
            let found = found.await.map_err(|e| PortError(e.to_string()))?;
            Ok(found.into_iter().map(line).collect())
        }
        .boxed()
    }
}
