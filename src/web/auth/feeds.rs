//! The open feeds: how many there may be, and which to close when a session ends.

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use super::{Login, SessionKey};
use crate::types::UserId;

/// Feeds at one time, in all and for one session (browser tabs share a session).
const MAX_FEEDS: usize = 256;
const MAX_FEEDS_PER_SESSION: usize = 8;

struct Entry {
    session: SessionKey,
    user: UserId,
    token: CancellationToken,
}

#[derive(Default)]
struct Table {
    next: u64,
    open: HashMap<u64, Entry>,
}

/// Cheap to clone.
#[derive(Clone, Default)]
pub struct Feeds {
    table: Arc<Mutex<Table>>,
}

/// A place among the feeds; dropping it frees the place.
pub struct Feed {
    feeds: Feeds,
    number: u64,
    token: CancellationToken,
}

impl Feed {
    /// Ends when the login no longer holds.
    pub async fn ended(&self) {
        self.token.cancelled().await;
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.feeds.table.lock().open.remove(&self.number);
    }
}

impl Feeds {
    /// A place for a further feed of this login; `None` if there is none.
    pub fn open(&self, login: &Login) -> Option<Feed> {
        let mut table = self.table.lock();
        let of_session = table.open.values().filter(|e| e.session == login.session).count();
        if table.open.len() >= MAX_FEEDS || of_session >= MAX_FEEDS_PER_SESSION {
            return None;
        }
        let number = table.next;
        table.next += 1;
        let token = CancellationToken::new();
        let entry = Entry { session: login.session, user: login.user.clone(), token: token.clone() };
        table.open.insert(number, entry);
        Some(Feed { feeds: self.clone(), number, token })
    }

    pub fn count(&self) -> usize {
        self.table.lock().open.len()
    }

    pub(super) fn close_session(&self, session: SessionKey) {
        self.close(|e| e.session == session);
    }

    pub(super) fn close_user(&self, user: &UserId) {
        self.close(|e| e.user == *user);
    }

    fn close(&self, which: impl Fn(&Entry) -> bool) {
        for entry in self.table.lock().open.values().filter(|e| which(e)) {
            entry.token.cancel();
        }
    }
}
