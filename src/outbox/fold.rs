//! What the ledger needs of the stage that folds events into alerts. `alert` stands above `outbox` on the way of the
//! data, so the ledger says what it needs and `alert::AlertBook` gives it.

use crate::types::{
    AlertId, EventId, Now,
    alert::{ActRefused, Alert, AlertChange, By, EventRefused},
    payload::{AlertAction, EventPayload},
};

/// Folds events into alerts. Holds the alerts that a coming event may touch and knows which events are open. Pure: the
/// ledger writes down what comes out, and if that fails for good, begins again from what is written (`reset`, `admit`).
pub trait Fold: Send + Sync {
    /// Forgets everything.
    fn reset(&mut self);
    /// Takes up an alert as the store holds it. `open`: its events that have not ended.
    fn admit(&mut self, alert: Alert, open: &[EventId], now: Now);
    fn holds(&self, alert: AlertId) -> bool;
    /// The alert of an open event; `None` if the event is not open.
    fn alert_of(&self, event: EventId) -> Option<AlertId>;
    fn open_events(&self) -> usize;
    /// A start, update or end. Of the payload only the fact's own fields count, not its place in the order.
    fn on_event(&mut self, event: &EventPayload, channel_name: &str, now: Now) -> Result<AlertChange, EventRefused>;
    /// An action on an alert that is held. `Ok(None)`: it is so already.
    fn act(
        &mut self,
        alert: AlertId,
        action: AlertAction,
        by: By<'_>,
        rev: Option<u64>,
        note: Option<String>,
        now: Now,
    ) -> Result<Option<AlertChange>, ActRefused>;
}
