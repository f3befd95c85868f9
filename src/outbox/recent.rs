//! The newest messages that wait for the broker, in memory: a publisher that keeps up is given them here, and only one that
//! fell behind, or has just come, reads the file. Bounded; what has no room is in the file anyway.

use std::{collections::VecDeque, sync::Arc};

use super::OutboxRow;
use crate::{
    store::messages::{NewMessage, weight},
    types::{Message, Severity},
};

/// Some batches of a publisher, which asks again when half of one is left.
const ROWS: usize = 1024;
const BYTES: i64 = 1 << 20;

/// All of them behind one place, without gaps but for what the broker has confirmed.
pub(super) struct Recent {
    rows: VecDeque<(Arc<Message>, Severity)>,
    bytes: i64,
    /// Whoever asks for what is behind an earlier cursor has to read the file.
    behind: i64,
}

impl Default for Recent {
    /// Knows of nothing; until `forget` says where it begins it takes nothing up.
    fn default() -> Self {
        Self { rows: VecDeque::new(), bytes: 0, behind: i64::MAX }
    }
}

fn cursor(message: &Message) -> i64 {
    message.cursor.unwrap_or_default()
}

impl Recent {
    /// Begins anew behind a cursor: what is up to there is in the file alone.
    pub fn forget(&mut self, behind: i64) {
        *self = Self { behind, ..Self::default() };
    }

    /// What was committed, in its order.
    pub fn push(&mut self, messages: &[NewMessage]) {
        if self.behind == i64::MAX {
            return;
        }
        for new in messages {
            self.bytes += weight(&new.message);
            self.rows.push_back((new.message.clone(), new.severity));
        }
        while self.rows.len() > ROWS || self.bytes > BYTES {
            let Some((gone, _)) = self.rows.pop_front() else { break };
            self.bytes -= weight(&gone);
            self.behind = cursor(&gone);
        }
    }

    /// The broker has confirmed these.
    pub fn acked(&mut self, cursors: &[i64]) {
        for acked in cursors {
            if let Ok(at) = self.rows.binary_search_by_key(acked, |(message, _)| cursor(message))
                && let Some((gone, _)) = self.rows.remove(at)
            {
                self.bytes -= weight(&gone);
            }
        }
    }

    /// What waits behind `after`, oldest first; fewer than `limit`: there are no more. `None`: the file has to be asked.
    pub fn pending(&self, after: i64, limit: usize) -> Option<Vec<OutboxRow>> {
        if after < self.behind {
            return None;
        }
        let from = self.rows.partition_point(|(message, _)| cursor(message) <= after);
        let row = |(message, severity): &(Arc<Message>, Severity)| OutboxRow {
            cursor: cursor(message),
            topic: message.topic.clone(),
            payload: message.payload.clone(),
            retain: message.retain,
            severity: *severity,
            scope: message.scope.clone(),
        };
        Some(self.rows.range(from..).take(limit).map(row).collect())
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::types::{Scope, Wall};

    fn new(cursor: i64, bytes: usize) -> NewMessage {
        let payload = Bytes::from(vec![b' '; bytes]);
        let message = Message { topic: "t".into(), payload, retain: false, scope: Scope::Node, cursor: Some(cursor) };
        NewMessage { message: message.into(), at: Wall(0), severity: Severity::Low, rank: 0, copy: false }
    }

    fn given(recent: &Recent, after: i64, limit: usize) -> Option<Vec<i64>> {
        Some(recent.pending(after, limit)?.iter().map(|row| row.cursor).collect())
    }

    #[test]
    fn it_answers_for_what_it_has_all_of_and_else_the_file_is_asked() {
        let mut recent = Recent::default();
        recent.push(&[new(1, 0)]);
        assert_eq!(given(&recent, 1, 10), None, "where it begins is not known yet");
        recent.forget(10);
        recent.push(&[new(11, 0), new(13, 0), new(14, 0)]);
        assert_eq!(given(&recent, 9, 10), None);
        assert_eq!(given(&recent, 10, 10), Some(vec![11, 13, 14]));
        assert_eq!(given(&recent, 10, 2), Some(vec![11, 13]));
        assert_eq!(given(&recent, 12, 10), Some(vec![13, 14]));
        assert_eq!(given(&recent, 14, 10), Some(vec![]));
        recent.acked(&[13, 12, 99]);
        assert_eq!(given(&recent, 10, 10), Some(vec![11, 14]));
        recent.forget(14);
        assert_eq!((given(&recent, 10, 10), given(&recent, 14, 10)), (None, Some(vec![])));
        assert_eq!(recent.bytes, 0);
    }

    #[test]
    fn the_oldest_go_where_there_are_too_many_or_too_large_ones() {
        let mut recent = Recent::default();
        recent.forget(0);
        let many: Vec<NewMessage> = (1..=ROWS as i64 + 5).map(|n| new(n, 10)).collect();
        recent.push(&many);
        assert_eq!((recent.rows.len(), recent.behind), (ROWS, 5));
        assert_eq!(given(&recent, 4, 1), None);
        assert_eq!(given(&recent, 5, 1), Some(vec![6]));
        // One that is larger than all the room leaves nothing, and nothing is missed.
        recent.push(&[new(5000, 2 << 20)]);
        assert_eq!((recent.rows.len(), recent.bytes, recent.behind), (0, 0, 5000));
        assert_eq!(given(&recent, 4999, 1), None);
        let confirmed: Vec<i64> = (5001..=5003).collect();
        recent.push(&confirmed.iter().map(|n| new(*n, 10)).collect::<Vec<_>>());
        recent.acked(&confirmed);
        assert_eq!((given(&recent, 5000, 9), recent.bytes), (Some(vec![]), 0));
    }
}
