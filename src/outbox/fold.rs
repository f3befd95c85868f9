//! What the ledger needs of the stage that folds events into alerts. `alert` stands above `outbox` on the way of the
//! data, so the ledger says what it needs and `alert::AlertBook` gives it.

use crate::types::{
    AlertId, EventId, Mono, Now, PositionId,
    alert::{ActRefused, Alert, AlertChange, By, EventRefused, Learnt, Wish},
    payload::EventPayload,
    position::{self, PositionState},
};

/// What came of an event.
#[derive(Debug, Clone)]
pub struct Folded {
    /// The alert that it belongs to, after it.
    pub own: AlertChange,
    /// Other alerts that it changed: a row that rises by it. Written in the same transaction, in this order.
    pub others: Vec<AlertChange>,
}

/// Folds events into alerts. Holds the alerts that a coming event may touch and knows which events are open. Pure: the
/// ledger writes down what comes out, and if that fails for good, begins again from what is written (`reset`, `admit`).
pub trait Fold: Send + Sync {
    /// Forgets everything.
    fn reset(&mut self);
    /// What came out of it since this was called last is on disk.
    fn written(&mut self);
    /// Takes up an alert as the store holds it. `open`: its events that have not ended.
    fn admit(&mut self, alert: Alert, open: &[EventId], now: Now);
    /// So long after its last event an alert that nothing else holds can still matter to a coming one.
    fn remembers_ms(&self) -> u64;
    /// The positions that there are: an alert of another one is taken up, so that it gets one of these.
    fn positions(&self) -> Vec<PositionId>;
    fn holds(&self, alert: AlertId) -> bool;
    /// The alert of an open event; `None` if the event is not open.
    fn alert_of(&self, event: EventId) -> Option<AlertId>;
    fn open_events(&self) -> usize;
    /// A start, update or end, and when it was: a disk that is slow makes a fact wait. Of the payload only the fact's own
    /// fields count, not its place in the order.
    fn on_event(
        &mut self,
        event: &EventPayload,
        channel_name: &str,
        at: Mono,
        now: Now,
    ) -> Result<Folded, EventRefused>;
    /// An action on an alert that is held. `Ok(None)`: it is so already.
    fn act(
        &mut self,
        alert: AlertId,
        wish: &Wish,
        by: By<'_>,
        rev: Option<u64>,
        now: Now,
    ) -> Result<Option<AlertChange>, ActRefused>;
    /// Takes up what was learnt of a source before the last stop.
    fn restore(&mut self, learnt: &Learnt, now: Now);
    /// Takes up how a position stood at the last commit, once the alerts are there.
    fn restore_position(&mut self, kept: &position::Kept, now: Now) -> serde_json::Result<()>;
    /// What happens by itself until now: what was held lasts, shelves end, nobody came.
    fn tick(&mut self, now: Now) -> Vec<AlertChange>;
    /// When `tick` has something to do.
    fn next_tick(&self) -> Option<Mono>;
    /// How every position stands, where that is other than it was told last.
    fn news(&mut self) -> Option<Vec<PositionState>>;
    /// What is to be written, with the facts since this was asked last, of the positions that they changed.
    fn keeps(&mut self) -> Vec<position::Kept>;
}
