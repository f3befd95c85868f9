//! Circuit breaker of one address (host and port): when does nobody try any more, and who tries for all.
//!
//! Closed, everybody may try. When several channels in a row got no answer it opens: then one of them at a time is let
//! through, at waits that grow (half-open). Any answer closes it, a refusal too, for what refuses is up. So a recorder
//! that is away is asked once in some seconds and not by three hundred channels, and when it is back none of them sits in
//! a long wait of its own. Of one address, not of one host: behind one public address many sites may stand, a port each.
//!
//! Pure: time and randomness are arguments.

use std::time::Duration;

use tokio::time::Instant;

use super::backoff::Backoff;
use crate::types::ChannelId;

/// So many different channels without an answer, and no answer between them, open it. One camera alone has its backoff.
pub const LEAST: usize = 3;
/// The longest wait between two probes: short, so that the channels of a recorder that is back need not wait long.
const PROBE_MAX_S: u32 = 15;
/// Closed for so long, the next opening begins with the shortest wait again.
const GOOD: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Closed,
    /// Nobody tries before this moment.
    Open(Instant),
    /// One is trying.
    HalfOpen,
}

#[derive(Debug)]
pub struct Breaker {
    state: State,
    /// Who got no answer since the last one.
    silent: Vec<ChannelId>,
    waits: Backoff,
    closed_at: Option<Instant>,
    /// What the latest failure said.
    reason: String,
}

impl Breaker {
    /// The first wait is that of a channel's own backoff.
    pub fn new(backoff_min_s: u32, backoff_max_s: u32) -> Self {
        Self {
            state: State::Closed,
            silent: Vec::new(),
            waits: Backoff::new(backoff_min_s, backoff_max_s.min(PROBE_MAX_S)),
            closed_at: None,
            reason: String::new(),
        }
    }

    pub fn state(&self) -> State {
        self.state
    }

    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Whoever asks now is the one who tries. False if it is not open, or too early.
    pub fn probe(&mut self, now: Instant) -> bool {
        let due = matches!(self.state, State::Open(at) if at <= now);
        if due {
            self.state = State::HalfOpen;
        }
        due
    }

    /// The one who tried went away before it knew; the next one may.
    pub fn abandoned(&mut self, now: Instant) {
        if self.state == State::HalfOpen {
            self.state = State::Open(now);
        }
    }

    /// Somebody got an answer. True if that closes it.
    pub fn answered(&mut self, now: Instant) -> bool {
        self.silent.clear();
        let closes = self.state != State::Closed;
        if closes {
            self.state = State::Closed;
            self.closed_at = Some(now);
        }
        closes
    }

    /// `channel` got no answer; `probe`: it was the one who tried for all. True if that opens it.
    pub fn silent(&mut self, channel: &ChannelId, probe: bool, reason: &str, now: Instant, random: f64) -> bool {
        match self.state {
            State::Closed => {
                if !self.silent.contains(channel) {
                    self.silent.push(channel.clone());
                }
                if self.silent.len() < LEAST {
                    return false;
                }
                if self.closed_at.is_none_or(|at| now.duration_since(at) >= GOOD) {
                    self.waits.reset();
                }
            }
            State::HalfOpen if probe => {}
            // It set out before this opened, and tells nothing new.
            State::HalfOpen | State::Open(_) => return false,
        }
        let opens = self.state == State::Closed;
        self.silent.clear();
        reason.clone_into(&mut self.reason);
        self.state = State::Open(now + self.waits.next(random));
        opens
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(n: usize) -> Vec<ChannelId> {
        (0..n).map(|i| ChannelId::new(&format!("c{i}")).unwrap()).collect()
    }

    struct Tried {
        breaker: Breaker,
        at: Instant,
    }

    impl Tried {
        fn new() -> Self {
            Self { breaker: Breaker::new(1, 60), at: Instant::now() }
        }

        fn silent(&mut self, channel: &ChannelId, probe: bool) -> bool {
            self.breaker.silent(channel, probe, "no route", self.at, 0.0)
        }

        /// The wait until the next probe.
        fn wait_s(&self) -> u64 {
            match self.breaker.state() {
                State::Open(at) => at.duration_since(self.at).as_secs(),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn several_channels_in_a_row_open_it_and_one_alone_does_not() {
        let (mut t, c) = (Tried::new(), ids(3));
        for _ in 0..10 {
            assert!(!t.silent(&c[0], false));
        }
        assert!(!t.silent(&c[1], false));
        assert!(!t.breaker.answered(t.at), "it was closed");
        assert!(!t.silent(&c[2], false) && !t.silent(&c[0], false), "an answer between them begins the count anew");
        assert!(t.silent(&c[1], false));
        assert_eq!((t.wait_s(), t.breaker.reason()), (1, "no route"));
    }

    #[test]
    fn one_probe_at_a_time_at_growing_waits() {
        let (mut t, c) = (Tried::new(), ids(5));
        c[..3].iter().for_each(|c| _ = t.silent(c, false));
        assert!(!t.silent(&c[3], false), "set out before, and tells nothing new");
        let mut waits = Vec::new();
        for n in 0..7 {
            waits.push(t.wait_s());
            assert!(!t.breaker.probe(t.at), "too early");
            t.at += Duration::from_secs(t.wait_s() + 1);
            assert!(t.breaker.probe(t.at));
            assert!(!t.breaker.probe(t.at), "one is trying");
            assert!(!t.silent(&c[n % 5], true), "it was open all along");
        }
        assert_eq!(waits, [1, 2, 4, 8, 10, 10, 10], "and a random part up to the half of it");
        t.at += Duration::from_secs(20);
        assert!(t.breaker.probe(t.at));
        t.breaker.abandoned(t.at);
        assert!(t.breaker.probe(t.at), "the next one may at once");
        assert!(t.breaker.answered(t.at));
        assert_eq!(t.breaker.state(), State::Closed);
        assert!(!t.silent(&c[0], true), "a late word of a probe counts as any other");
    }

    #[test]
    fn what_comes_and_goes_is_asked_more_and_more_rarely() {
        let (mut t, c) = (Tried::new(), ids(3));
        let fall = |t: &mut Tried, after_s: u64| {
            t.at += Duration::from_secs(after_s);
            c.iter().for_each(|c| _ = t.silent(c, false));
            let wait = t.wait_s();
            t.at += Duration::from_secs(wait);
            assert!(t.breaker.probe(t.at) && t.breaker.answered(t.at));
            wait
        };
        assert_eq!([fall(&mut t, 0), fall(&mut t, 5), fall(&mut t, 5), fall(&mut t, 61)], [1, 2, 4, 1]);
    }
}
