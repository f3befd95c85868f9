//! Who looks at which channel: a view that is opened is told from one that goes on.
//!
//! The moving picture is one request after another, of which the record wants the first. What was not asked for in
//! `OPEN_MS` to twice that is opened anew. Kept in two generations of at most `MAX` views each, so that it is cheap and
//! bounded; where they do not suffice a view is on record more than once, and none is missing.

use std::collections::HashSet;

use super::SessionKey;
use crate::types::{ChannelId, Mono};

/// Longer than a page waits between two pictures, whatever the channel's state.
const OPEN_MS: u64 = 5 * 60_000;
const MAX: usize = 32_768;

#[derive(Default)]
pub(super) struct Looking {
    now: HashSet<(SessionKey, ChannelId)>,
    before: HashSet<(SessionKey, ChannelId)>,
    since: Mono,
}

impl Looking {
    /// A session was given a picture of a channel; true if it was not looking at it.
    pub fn opens(&mut self, session: SessionKey, channel: &ChannelId, now: Mono) -> bool {
        let age = now.since_ms(self.since);
        if age >= OPEN_MS || self.now.len() >= MAX {
            self.before = std::mem::take(&mut self.now);
            if age >= 2 * OPEN_MS {
                self.before.clear();
            }
            self.since = now;
        }
        let view = (session, channel.clone());
        let goes_on = self.before.contains(&view);
        self.now.insert(view) && !goes_on
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_that_goes_on_is_opened_once_and_one_that_was_left_again() {
        let mut looking = Looking::default();
        let (gate, yard) = (ChannelId::new("gate").unwrap(), ChannelId::new("yard").unwrap());
        let (li, wang) = ([1; 32], [2; 32]);
        assert!(looking.opens(li, &gate, Mono(0)));
        // An hour, a picture every minute.
        assert_eq!((1..60).filter(|m| looking.opens(li, &gate, Mono(m * 60_000))).count(), 0);
        assert!(looking.opens(wang, &gate, Mono(3_600_000)) && looking.opens(li, &yard, Mono(3_600_000)));
        assert!(!looking.opens(li, &gate, Mono(3_600_000)));
        assert!(looking.opens(li, &gate, Mono(3_600_000 + 2 * OPEN_MS)));
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut looking = Looking::default();
        for n in 0..3 * MAX {
            let mut session = [0; 32];
            session[..8].copy_from_slice(&(n as u64).to_le_bytes());
            assert!(looking.opens(session, &ChannelId::new("gate").unwrap(), Mono(1)));
            assert!(looking.now.len() <= MAX && looking.before.len() <= MAX);
        }
    }
}
