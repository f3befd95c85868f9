//! How a receiver stands, for people and for metrics.

use parking_lot::Mutex;

use crate::types::{Clock, HookId, HookState as Step, HookView, Wall};

/// From this attempt on the node's status names the receiver: one that only restarts is no news.
const NAMED_FROM: u32 = 4;

/// Written by the receiver's task, read by everybody.
pub(super) struct Shared {
    clock: Clock,
    id: String,
    now: Mutex<Now>,
}

struct Now {
    view: HookView,
    attempt: u32,
    /// What was refused for good since the last delivery.
    refused: u64,
    /// How it stood, and why, before the database failed.
    before: Option<(Step, String)>,
}

impl Shared {
    pub fn new(id: &HookId, host: String, state: Step, reason: String, clock: Clock) -> Self {
        let view = HookView {
            id: id.clone(),
            host,
            state,
            reason,
            since: clock.wall(),
            delivered: 0,
            failed: 0,
            given_up: 0,
            missed: 0,
            cursor: 0,
            lag: 0,
            last_delivered: None,
        };
        let shared =
            Self { clock, id: id.to_string(), now: Mutex::new(Now { view, attempt: 0, refused: 0, before: None }) };
        shared.gauges(state, 0);
        shared
    }

    pub fn view(&self) -> HookView {
        self.now.lock().view.clone()
    }

    /// What does not work, for the node's status.
    pub fn degraded(&self) -> Option<String> {
        let now = self.now.lock();
        let (id, reason) = (&now.view.id, &now.view.reason);
        match now.view.state {
            Step::Paused => {
                Some(format!("the webhook '{id}' is paused, {reason}; change it in the configuration to begin again"))
            }
            Step::Unusable => Some(format!("the webhook '{id}' cannot be used: {reason}")),
            Step::Retrying if now.attempt >= NAMED_FROM => {
                Some(format!("the webhook '{id}' is not delivered to: the receiver {reason}; it is tried again"))
            }
            Step::Good if now.refused > 0 => Some(format!(
                "the webhook '{id}' refuses what it is sent: the receiver {reason}; {} deliveries are given up",
                now.refused
            )),
            _ => None,
        }
    }

    pub fn say(&self, state: Step, reason: String) {
        let mut now = self.now.lock();
        Self::to(&mut now, self.clock, state, reason);
        self.gauges(state, now.view.lag);
    }

    /// The database cannot be used, which says nothing of the receiver.
    pub fn rests(&self, why: String) {
        let mut now = self.now.lock();
        if now.before.is_none() {
            now.before = Some((now.view.state, now.view.reason.clone()));
        }
        Self::to(&mut now, self.clock, Step::Retrying, why);
        self.gauges(Step::Retrying, now.view.lag);
    }

    /// It can be used again: all is as it was before.
    pub fn rested(&self) {
        let mut now = self.now.lock();
        if let Some((state, reason)) = now.before.take() {
            Self::to(&mut now, self.clock, state, reason);
            self.gauges(state, now.view.lag);
        }
    }

    fn to(now: &mut Now, clock: Clock, state: Step, reason: String) {
        if now.view.state != state {
            now.view.state = state;
            now.view.since = clock.wall();
        }
        now.view.reason = reason;
    }

    fn gauges(&self, state: Step, lag: i64) {
        let stands = matches!(state, Step::Paused | Step::Unusable | Step::Retrying);
        metrics::gauge!("skyeye_hook_failing", "hook" => self.id.clone()).set(if stands { 1.0 } else { 0.0 });
        #[allow(clippy::cast_precision_loss)] // gauges are floating point
        metrics::gauge!("skyeye_hook_lag_messages", "hook" => self.id.clone()).set(lag as f64);
    }

    pub fn at(&self, cursor: i64, newest: i64) {
        let mut now = self.now.lock();
        now.view.cursor = cursor;
        now.view.lag = newest.saturating_sub(cursor).max(0);
        self.gauges(now.view.state, now.view.lag);
    }

    pub fn delivered(&self, at: Wall) {
        metrics::counter!("skyeye_hook_delivered_total", "hook" => self.id.clone()).increment(1);
        let mut now = self.now.lock();
        Self::to(&mut now, self.clock, Step::Good, String::new());
        (now.attempt, now.refused) = (0, 0);
        now.view.delivered += 1;
        now.view.last_delivered = Some(at);
        self.gauges(Step::Good, now.view.lag);
    }

    pub fn failed(&self, attempt: u32, why: String) {
        metrics::counter!("skyeye_hook_failed_total", "hook" => self.id.clone()).increment(1);
        let mut now = self.now.lock();
        Self::to(&mut now, self.clock, Step::Retrying, why);
        now.attempt = attempt;
        now.view.failed += 1;
        self.gauges(Step::Retrying, now.view.lag);
    }

    /// One delivery is over without being taken; the receiver is there.
    pub fn given_up(&self, why: String) {
        metrics::counter!("skyeye_hook_given_up_total", "hook" => self.id.clone()).increment(1);
        let mut now = self.now.lock();
        Self::to(&mut now, self.clock, Step::Good, why);
        now.attempt = 0;
        now.refused += 1;
        now.view.given_up += 1;
        self.gauges(Step::Good, now.view.lag);
    }

    pub fn missed(&self, count: u64) {
        metrics::counter!("skyeye_hook_missed_total", "hook" => self.id.clone()).increment(count);
        self.now.lock().view.missed += count;
    }

    /// Nothing is told any more: what the gauges say would stay for ever.
    pub fn ended(&self) {
        self.gauges(Step::Off, 0);
    }
}
