//! One login at one address: is it good, and who finds out.
//!
//! Recorders lock an account after some five wrong tries, and three hundred channels may share it. So as long as no session
//! stands with a login, one channel at a time tries it; when two of them were refused all wait together, as long as one
//! camera alone would (`AUTH_WAIT`), and then one tries for all. A session that stands proves the login: a camera that
//! refuses one stream to a good user holds up nobody else.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use tokio::sync::OwnedMutexGuard;
use tokio::time::Instant;

use crate::types::{ChannelId, Secret};

/// Four waits of this length are ten minutes: with the two first ones five tries, which no camera takes for an attack.
pub const AUTH_WAIT: Duration = Duration::from_secs(151);
/// So many channels are refused before the login is, for one may be refused for itself.
const LEAST: usize = 2;

/// User, and a digest of the password, at a host and port: what is compared is not kept in clear.
pub type Key = (String, u16, String, [u8; 32]);

pub fn key(to: &(String, u16), user: &str, password: &Secret) -> Key {
    (to.0.clone(), to.1, user.to_owned(), Sha256::digest(password.expose()).into())
}

#[derive(Default)]
pub struct Login {
    /// Sessions that stand.
    standing: AtomicU32,
    refused: Mutex<Refused>,
    /// Held by the one that tries while none stands.
    turn: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Default)]
struct Refused {
    /// Since the last session that came of it.
    by: Vec<ChannelId>,
    until: Option<Instant>,
}

/// A session that stands with a login.
pub struct Standing(Arc<Login>);

impl Drop for Standing {
    fn drop(&mut self) {
        self.0.standing.fetch_sub(1, Relaxed);
    }
}

impl Login {
    /// Some run, and of those that ran none was refused since.
    fn is_proven(&self) -> bool {
        self.standing.load(Relaxed) > 0 && self.refused.lock().by.is_empty()
    }

    /// Until when nobody tries, if so.
    pub fn refused_until(&self) -> Option<Instant> {
        self.refused.lock().until.filter(|until| *until > Instant::now())
    }

    /// Waits while nobody tries it.
    pub async fn rest(&self, mut held: impl FnMut()) {
        while let Some(until) = self.refused_until() {
            held();
            tokio::time::sleep_until(until).await;
        }
    }

    /// Waits until it is proven (`None`), or until this one may try it alone.
    pub async fn alone(&self) -> Option<OwnedMutexGuard<()>> {
        if self.is_proven() {
            return None;
        }
        let turn = self.turn.clone().lock_owned().await;
        (!self.is_proven()).then_some(turn)
    }

    /// A session stands.
    pub fn stands(self: &Arc<Self>) -> Standing {
        self.standing.fetch_add(1, Relaxed);
        *self.refused.lock() = Refused::default();
        Standing(self.clone())
    }

    /// `channel` was refused; `ran`: it had a session with this login before.
    pub fn refuse(&self, channel: &ChannelId, ran: bool, random: f64) {
        // Others run: it is this channel that is refused, not the login.
        if self.standing.load(Relaxed) > 0 && !ran {
            return;
        }
        let mut refused = self.refused.lock();
        if !refused.by.contains(channel) && refused.by.len() < LEAST {
            refused.by.push(channel.clone());
        }
        if refused.by.len() >= LEAST {
            refused.until = Some(Instant::now() + AUTH_WAIT.mul_f64(1.0 + random.clamp(0.0, 1.0) / 10.0));
        }
    }
}
