//! A turn at an export. Turns are few, so nobody keeps one by reading slowly.
//!
//! Who takes no further piece for `STALL`, or is not through after `WHOLE`, loses his turn at that moment, whatever his
//! connection does meanwhile: others have theirs, it is counted, and his file breaks off at the next piece that he asks
//! for, so that no client takes a part for the whole. The time in which a piece is made is not his.

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::{
    sync::{Notify, OwnedSemaphorePermit},
    task::AbortHandle,
};

/// A client that takes nothing for this long, while the connection itself may still be alive.
const STALL: Duration = Duration::from_secs(30);
/// A hundred thousand alerts with their notes, over a line of four megabits a second.
const WHOLE: Duration = Duration::from_secs(600);

/// Why a turn is over before its file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    #[error("the client took nothing of the file for {} s", STALL.as_secs())]
    Stalled,
    #[error("the file was not taken within {} s", WHOLE.as_secs())]
    Late,
}

impl Lost {
    fn as_str(self) -> &'static str {
        match self {
            Lost::Stalled => "stalled",
            Lost::Late => "late",
        }
    }
}

enum State {
    /// `making`: the client waits for us, not we for him.
    Held {
        _place: OwnedSemaphorePermit,
        making: bool,
    },
    Over(Lost),
    Done,
}

struct Shared {
    state: Mutex<State>,
    moved: Notify,
}

/// Held as long as the file is written; dropping it gives the place back.
pub struct Turn {
    shared: Arc<Shared>,
    watch: AbortHandle,
}

impl Turn {
    /// The client has asked for the first piece. Must be called on a tokio runtime.
    pub fn begin(place: OwnedSemaphorePermit) -> Self {
        let state = Mutex::new(State::Held { _place: place, making: true });
        let shared = Arc::new(Shared { state, moved: Notify::new() });
        let watched = Arc::clone(&shared);
        let watch = tokio::spawn(async move {
            let why = watched.lost().await;
            *watched.state.lock() = State::Over(why);
            metrics::counter!("skyeye_web_exports_cut_total", "why" => why.as_str()).increment(1);
            tracing::info!("an export is broken off, and others have their turn: {why}");
        });
        Self { shared, watch: watch.abort_handle() }
    }

    /// The client asks for a further piece.
    pub fn asked(&self) -> Result<(), Lost> {
        self.shared.make(true);
        match &*self.shared.state.lock() {
            State::Over(why) => Err(*why),
            State::Held { .. } | State::Done => Ok(()),
        }
    }

    /// The piece is made, and the client is to take it.
    pub fn gave(&self) {
        self.shared.make(false);
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.watch.abort();
        // Now, and not when the task has been ended.
        *self.shared.state.lock() = State::Done;
    }
}

impl Shared {
    fn make(&self, now: bool) {
        if let State::Held { making, .. } = &mut *self.state.lock() {
            *making = now;
        }
        self.moved.notify_one();
    }

    fn waits_for_us(&self) -> bool {
        matches!(&*self.state.lock(), State::Held { making: true, .. })
    }

    /// Comes back when the time is over.
    async fn lost(&self) -> Lost {
        let moves = async {
            while tokio::time::timeout(STALL, self.moved.notified()).await.is_ok() || self.waits_for_us() {}
            Lost::Stalled
        };
        tokio::time::timeout(WHOLE, moves).await.unwrap_or(Lost::Late)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::{sync::Semaphore, time::sleep};

    fn turn(of: &Arc<Semaphore>) -> Turn {
        Turn::begin(Arc::clone(of).try_acquire_owned().unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_nothing_loses_his_turn_and_who_waits_for_us_does_not() {
        let places = Arc::new(Semaphore::new(2));
        let (slow, waits) = (turn(&places), turn(&places));
        slow.gave();
        sleep(STALL - Duration::from_secs(1)).await;
        assert_eq!((places.available_permits(), slow.asked()), (0, Ok(())), "just in time");
        slow.gave();
        sleep(STALL + Duration::from_secs(1)).await;
        assert_eq!(places.available_permits(), 1, "given back though the client is still there");
        assert_eq!(
            (slow.asked(), waits.asked()),
            (Err(Lost::Stalled), Ok(())),
            "the database's time is not the client's"
        );
        drop(waits);
        assert_eq!(places.available_permits(), 2, "at once");
        drop(slow);
        assert_eq!(places.available_permits(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn who_drips_loses_his_turn_in_the_end() {
        let places = Arc::new(Semaphore::new(1));
        let dripping = turn(&places);
        let mut pieces = 0;
        let why = loop {
            if let Err(why) = dripping.asked() {
                break why;
            }
            dripping.gave();
            pieces += 1;
            sleep(Duration::from_secs(16)).await;
        };
        assert_eq!((why, pieces, places.available_permits()), (Lost::Late, 38, 1));
    }
}
