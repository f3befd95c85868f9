//! Who sits at the positions: one at each, who takes the most urgent row, looks, writes down what it was, and closes it.

use std::collections::BTreeMap;

use rand::{Rng, SeedableRng, rngs::StdRng};

use super::script::SECOND;
use crate::types::{AlertId, PositionId, Severity, UserId, alert::Wish, handling::ResultCode, payload::AlertAction};

#[derive(Debug, Default)]
struct Desk {
    /// Rows that nobody took.
    waiting: Vec<(AlertId, Severity, u64)>,
    free_at: u64,
    at_work: Option<(AlertId, AlertAction)>,
}

impl Desk {
    fn next(&self) -> Option<u64> {
        let first = self.waiting.iter().map(|(.., at)| *at).min();
        match self.at_work {
            Some(_) => Some(self.free_at),
            None => first.map(|at| at.max(self.free_at)),
        }
    }
}

#[derive(Debug)]
pub struct People {
    pub user: UserId,
    desks: BTreeMap<PositionId, Desk>,
    rng: StdRng,
}

impl People {
    pub fn new() -> anyhow::Result<Self> {
        // How long somebody takes is the same on every day.
        Ok(Self { user: UserId::new("operator")?, desks: BTreeMap::new(), rng: StdRng::seed_from_u64(0) })
    }

    /// A position was told of a row, or that it rose.
    pub fn told(&mut self, position: &PositionId, id: AlertId, priority: Severity, at_ms: u64) {
        let sees_it = at_ms + self.rng.random_range(5 * SECOND..20 * SECOND);
        let desk = self.desks.entry(position.clone()).or_default();
        if desk.at_work.is_some_and(|(at, _)| at == id) {
            return;
        }
        desk.waiting.retain(|(waits, ..)| *waits != id);
        desk.waiting.push((id, priority, sees_it));
    }

    /// When somebody does something next.
    pub fn next(&self) -> Option<u64> {
        self.desks.values().filter_map(Desk::next).min()
    }

    /// What somebody does at this moment.
    pub fn step(&mut self, at_ms: u64, is_true: impl Fn(AlertId) -> bool) -> Option<(AlertId, Wish)> {
        let desk = self.desks.values_mut().find(|d| d.next() == Some(at_ms))?;
        let (id, action) = match desk.at_work.take() {
            Some(work) => work,
            None => {
                let seen = desk.waiting.iter().enumerate().filter(|(_, (.., at))| *at <= at_ms);
                let (n, _) = seen.max_by_key(|(_, (_, priority, at))| (*priority, std::cmp::Reverse(*at)))?;
                (desk.waiting.swap_remove(n).0, AlertAction::Acknowledge)
            }
        };
        let mut wish = Wish::from(action);
        let (takes_s, then) = match action {
            AlertAction::Acknowledge => (self.rng.random_range(20..120), Some(AlertAction::Resolve)),
            AlertAction::Resolve => {
                wish.result = Some(if is_true(id) { ResultCode::True } else { ResultCode::False });
                (self.rng.random_range(2..10), Some(AlertAction::Close))
            }
            _ => (1, None),
        };
        desk.at_work = then.map(|then| (id, then));
        desk.free_at = at_ms + takes_s * SECOND;
        Some((id, wish))
    }
}
