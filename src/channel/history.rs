//! The latest changes of a channel's state, in memory: what an operator asks when a camera comes and goes.
//!
//! Takes each change once; gives them newest first. Bounded a channel: the oldest goes. A quiet channel holds one or two,
//! and a sentence that comes again and again is held once. Nothing is stored: it begins with the process.

use std::{collections::VecDeque, sync::Arc};

use crate::types::{ChannelState, Wall};

/// Changes kept a channel.
pub const KEPT: usize = 100;
/// So far back the same sentence is looked for.
const SAME: usize = 8;

/// One change: the state from `at` on, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateChange {
    pub at: Wall,
    pub state: ChannelState,
    pub reason: Arc<str>,
}

#[derive(Debug, Clone, Default)]
pub struct History(VecDeque<StateChange>);

impl History {
    pub fn push(&mut self, at: Wall, state: ChannelState, reason: &str) {
        let known = self.0.iter().rev().take(SAME).find(|c| *c.reason == *reason).map(|c| c.reason.clone());
        while self.0.len() >= KEPT {
            self.0.pop_front();
        }
        self.0.push_back(StateChange { at, state, reason: known.unwrap_or_else(|| reason.into()) });
    }

    /// Newest first.
    pub fn newest_first(&self) -> Vec<StateChange> {
        self.0.iter().rev().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_goes_and_a_sentence_is_held_once() {
        let mut history = History::default();
        for i in 0..250 {
            let (state, reason) = match i % 2 {
                0 => (ChannelState::Running, "runs"),
                _ => (ChannelState::Offline, "the camera closed the session"),
            };
            history.push(Wall(i), state, reason);
        }
        let told = history.newest_first();
        assert_eq!((told.len(), told[0].at, told[KEPT - 1].at), (KEPT, Wall(249), Wall(150)));
        let sentences: std::collections::HashSet<_> = told.iter().map(|c| c.reason.as_ptr()).collect();
        assert_eq!(sentences.len(), 2);
    }
}
