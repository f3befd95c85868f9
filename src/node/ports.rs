//! What `web` needs from the other stages, given by the node. Rights were checked where the proofs were made.

use std::sync::{Arc, atomic::Ordering};

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt};

use crate::{
    channel::StateChange,
    node::{Inner, positions, source::alert_command, tick},
    outbox::{
        ActionError, AlertCommand, AlertFilter, AlertQuery as LedgerQuery, Changes as LedgerChanges, Kin as LedgerKin,
        LedgerError,
    },
    types::{
        AlertId, AreaId, ChannelId, CredentialId, EventId, PositionId, UserId,
        alert::{AlertHistory, Wish},
        payload::{AlertAction, AlertPayload, AlertState, CommandPayload},
    },
    web::{
        auth::{ActProof, AlertProof, ListProof, MediaProof, SnapshotProof},
        boxview::BoxView,
        ports::{
            Act, ActError, AlertChange, AlertDetail, AlertList, AlertQuery, Alerts, Changes, ChangesError, ChannelView,
            Channels, Commands, HandoverPlace, Kin, NodeInfo, NodeView, OutboxView, Picture, Pictures, Place, Places,
            PortError, PositionView, Reach, Shown, Snapshots, StateFilter,
        },
    },
};

/// Pages of alerts that are read for one answer.
const MAX_PAGES: u32 = 20;

/// The node behind the web stage.
#[derive(Clone)]
pub struct WebPorts(pub Arc<Inner>);

fn failed(e: LedgerError) -> PortError {
    PortError(e.to_string())
}

fn filter(state: StateFilter) -> AlertFilter {
    match state {
        StateFilter::Open => AlertFilter::Open,
        StateFilter::All => AlertFilter::All,
        StateFilter::New => AlertFilter::State(AlertState::New),
        StateFilter::Acknowledged => AlertFilter::State(AlertState::Acknowledged),
        StateFilter::Dispatched => AlertFilter::State(AlertState::Dispatched),
        StateFilter::Resolved => AlertFilter::State(AlertState::Resolved),
        StateFilter::Closed => AlertFilter::State(AlertState::Closed),
    }
}

fn change(h: AlertHistory) -> AlertChange {
    AlertChange { rev: h.rev, at: h.at, author: h.author, action: h.action, from: h.from, to: h.to, note: h.note }
}

async fn said(
    inner: &Inner,
    alert: AlertId,
    action: AlertAction,
    rev: Option<u64>,
) -> Result<Option<String>, PortError> {
    match (action, rev) {
        (AlertAction::Dispatch | AlertAction::Priority, Some(rev)) => {
            inner.ledger.said(alert, rev).await.map_err(failed)
        }
        _ => Ok(None),
    }
}

impl Alerts for WebPorts {
    fn list<'a>(&'a self, proof: &'a ListProof, query: AlertQuery) -> BoxFuture<'a, Result<AlertList, PortError>> {
        async move {
            let limit = query.limit;
            let mut before = query.before;
            let mut alerts: Vec<AlertPayload> = Vec::new();
            let mut first_cursor = None;
            let mut pages = 0;
            // A login with few areas may see none of a whole page of alerts: read on until the page is full, but not
            // through the whole history for one request; `next` says where to go on.
            loop {
                pages += 1;
                let page = self
                    .0
                    .ledger
                    .alerts(LedgerQuery {
                        filter: filter(query.state),
                        channel: query.channel.clone(),
                        severity: None,
                        rows: query.rows,
                        position: query.position.clone(),
                        before,
                        limit,
                    })
                    .await
                    .map_err(failed)?;
                let cursor = *first_cursor.get_or_insert(page.cursor);
                alerts.extend(page.alerts.into_iter().filter(|a| proof.covers(&a.area)));
                before = page.next;
                if before.is_none() || alerts.len() >= limit || pages >= MAX_PAGES {
                    return Ok(AlertList { alerts, cursor, next: before });
                }
            }
        }
        .boxed()
    }

    fn members<'a>(
        &'a self,
        proof: &'a ListProof,
        of: Kin,
        mut before: Option<i64>,
        limit: usize,
    ) -> BoxFuture<'a, Result<AlertList, PortError>> {
        async move {
            let of = match of {
                Kin::Incident(id) => LedgerKin::Incident(id),
                Kin::Under(id) => LedgerKin::Under(id),
            };
            let mut alerts: Vec<AlertPayload> = Vec::new();
            let mut first_cursor = None;
            let mut pages = 0;
            loop {
                pages += 1;
                let page = self.0.ledger.members(of, before, limit).await.map_err(failed)?;
                let cursor = *first_cursor.get_or_insert(page.cursor);
                alerts.extend(page.alerts.into_iter().filter(|a| proof.covers(&a.area)));
                before = page.next;
                if before.is_none() || alerts.len() >= limit || pages >= MAX_PAGES {
                    return Ok(AlertList { alerts, cursor, next: before });
                }
            }
        }
        .boxed()
    }

    fn positions<'a>(&'a self, proof: &'a ListProof) -> BoxFuture<'a, Result<Vec<PositionView>, PortError>> {
        async move {
            let rows = self.0.ledger.open_rows().await.map_err(failed)?;
            Ok(positions::views(&self.0.config.load(), self.0.ledger.positions(), &rows, proof))
        }
        .boxed()
    }

    fn get<'a>(&'a self, proof: &'a AlertProof) -> BoxFuture<'a, Result<Option<AlertDetail>, PortError>> {
        async move {
            let detail = self.0.ledger.alert(proof.alert()).await.map_err(failed)?;
            Ok(detail.map(|d| AlertDetail {
                alert: d.alert,
                history: d.history.into_iter().map(change).collect(),
                events: d.events,
            }))
        }
        .boxed()
    }

    fn act<'a>(&'a self, proof: &'a ActProof, act: Act) -> BoxFuture<'a, Result<AlertPayload, ActError>> {
        async move {
            let command = AlertCommand {
                alert: proof.alert(),
                // What was allowed is what is done.
                wish: Wish { action: proof.action(), ..act.wish },
                author: proof.author().clone(),
                rev: act.rev,
                over_others: proof.over_others(),
            };
            self.0.ledger.act(command).await.map_err(|e| match e {
                ActionError::NotFound(_) => ActError::NotFound,
                ActionError::Conflict { why, alert } => ActError::Conflict { message: why.to_string(), alert },
                ActionError::Invalid(why) => ActError::Invalid(why.to_string()),
                ActionError::Forbidden(why) => ActError::Forbidden(why.to_string()),
                ActionError::Ledger(e) => ActError::Port(failed(e)),
            })
        }
        .boxed()
    }

    fn said<'a>(&'a self, proof: &'a ActProof, rev: u64) -> BoxFuture<'a, Result<Option<String>, PortError>> {
        said(&self.0, proof.alert(), proof.action(), Some(rev)).boxed()
    }

    fn changes<'a>(
        &'a self,
        _proof: &'a ListProof,
        after: i64,
        limit: usize,
    ) -> BoxFuture<'a, Result<Changes, ChangesError>> {
        async move {
            match self.0.ledger.changes(after, limit).await.map_err(failed)? {
                LedgerChanges::Here { messages, cursor, more } => Ok(Changes { messages, cursor, more }),
                LedgerChanges::Gone => Err(ChangesError::Gone),
            }
        }
        .boxed()
    }
}

impl Places for WebPorts {
    fn channel(&self, id: &ChannelId) -> Option<Vec<AreaId>> {
        self.0.registry.get(id).map(|e| e.area.clone())
    }

    fn area(&self, id: &AreaId) -> Option<Vec<AreaId>> {
        let running = self.0.config.load();
        Some(running.area_paths().to(id)).filter(|path| !path.is_empty())
    }

    fn users_of(&self, id: &CredentialId) -> Vec<Vec<AreaId>> {
        let entries = self.0.registry.channels();
        entries.iter().filter(|e| e.config.credential.as_ref() == Some(id)).map(|e| e.area.clone()).collect()
    }

    fn position(&self, id: &PositionId) -> Option<Reach> {
        self.0.shifts().reach(id)
    }

    fn handover(&self, id: i64) -> BoxFuture<'_, Result<Option<HandoverPlace>, PortError>> {
        async move { self.0.shifts().place(id).await }.boxed()
    }

    fn alert(&self, id: AlertId) -> BoxFuture<'_, Result<Option<Vec<AreaId>>, PortError>> {
        async move { Ok(self.0.ledger.alert(id).await.map_err(failed)?.map(|d| d.alert.area)) }.boxed()
    }

    fn event(&self, id: EventId) -> BoxFuture<'_, Result<Option<Place>, PortError>> {
        async move {
            let event = self.0.ledger.event_by_id(id).await.map_err(failed)?;
            Ok(event.map(|e| Place { channel: e.channel, area: e.area }))
        }
        .boxed()
    }
}

impl Pictures for WebPorts {
    fn latest<'a>(&'a self, proof: &'a MediaProof) -> BoxFuture<'a, Option<Picture>> {
        async move {
            let picture = self.0.pictures.latest(proof.channel()).await?;
            let age_ms = self.0.clock.mono().since_ms(picture.ingested);
            Some(Picture { jpeg: picture.jpeg, seen: picture.seen, age_ms })
        }
        .boxed()
    }
}

impl Snapshots for WebPorts {
    fn read<'a>(&'a self, proof: &'a SnapshotProof, number: u8) -> BoxFuture<'a, Result<Option<Bytes>, PortError>> {
        async move { self.0.files.read_snapshot(proof.event(), number).await.map_err(|e| PortError(e.to_string())) }
            .boxed()
    }
}

impl Channels for WebPorts {
    fn list(&self, _proof: &ListProof) -> Vec<ChannelView> {
        let (running, file) = (self.0.config.load(), self.0.stored.file());
        let shown = Shown::new(&running, &file);
        self.0.registry.channels().iter().map(|entry| shown.view(&entry.config, self.0.health(entry))).collect()
    }

    fn get(&self, proof: &MediaProof) -> Option<ChannelView> {
        let (running, file) = (self.0.config.load(), self.0.stored.file());
        let entry = self.0.registry.get(proof.channel())?;
        Some(Shown::new(&running, &file).view(&entry.config, self.0.health(&entry)))
    }

    fn states(&self, proof: &MediaProof) -> Option<Vec<StateChange>> {
        self.0.registry.get(proof.channel()).map(|entry| entry.states())
    }
}

impl NodeInfo for WebPorts {
    fn view(&self) -> BoxFuture<'_, NodeView> {
        async move {
            let inner = &self.0;
            let stats = inner.ledger.stats();
            let now = inner.clock.mono();
            NodeView {
                node: inner.node_payload(),
                uptime_s: now.0 / 1000,
                channels: tick::count_states(&inner.registry),
                outbox: OutboxView {
                    rows: u64::try_from(stats.outbox_rows).unwrap_or(0),
                    bytes: u64::try_from(stats.outbox_bytes).unwrap_or(0),
                },
                looks_per_s: tick::looks_per_s(&inner.watches.all(), now),
                hooks: inner.hooks.views(),
            }
        }
        .boxed()
    }

    fn not_ready(&self) -> BoxFuture<'_, Vec<String>> {
        async move {
            if self.0.up.load(Ordering::Relaxed) { Vec::new() } else { vec!["the node is starting or stopping".into()] }
        }
        .boxed()
    }

    fn overview(&self) -> Arc<BoxView> {
        self.0.breath.load_full()
    }

    fn metrics(&self) -> String {
        self.0.metrics.render()
    }
}

impl Commands for WebPorts {
    fn run<'a>(
        &'a self,
        user: &'a UserId,
        request: &'a str,
        command: Result<(ActProof, CommandPayload), String>,
    ) -> BoxFuture<'a, Result<Option<String>, PortError>> {
        async move {
            let of = command.as_ref().ok().map(|(proof, _)| (proof.alert(), proof.action()));
            let command = command.map(|(proof, command)| Some(alert_command(&proof, command)));
            let result = self.0.ledger.command(user, request, command).await.map_err(failed)?;
            let Some((alert, action)) = of.filter(|_| result.ok) else { return Ok(None) };
            // It is done whatever can be read of it.
            Ok(said(&self.0, alert, action, result.rev).await.unwrap_or_else(|e| {
                tracing::warn!("what was said to alert {alert} is not on record: {e}");
                None
            }))
        }
        .boxed()
    }
}
