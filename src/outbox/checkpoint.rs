//! Checkpoints beside the writer. Left to SQLite they run inside a fact's commit, whose caller waits for them.
//!
//! The writer says when it has written much; a task of its own brings the write-ahead log into the file, over a connection
//! of its own. The log begins anew only where nothing is left to do at the next commit. A checkpoint that somebody who reads
//! holds back tells so, and is followed by another; one that commits have overtaken does not, and what it left is for the
//! one that those commits ask for. Where that is not enough the log's own bound holds (`store`).

use std::time::Duration;

use tokio::sync::mpsc;

use crate::store::Store;

/// Commits and bytes of messages from which on a checkpoint is worth its writes: about a thousand pages.
const COMMITS: u32 = 64;
const BYTES: i64 = 2 << 20;
/// Checkpoints in a row where a reader holds them back, and the pause between them.
const IN_A_ROW: usize = 4;
const PAUSE: Duration = Duration::from_millis(20);

/// The writer's side.
pub(super) struct Log {
    commits: u32,
    bytes: i64,
    ask: mpsc::Sender<()>,
}

impl Log {
    /// Starts the task; it ends with what is given back.
    pub fn tended(store: Store) -> Self {
        let (ask, mut asked) = mpsc::channel(1);
        tokio::spawn(async move {
            while asked.recv().await.is_some() {
                tend(&store).await;
            }
        });
        Self { commits: 0, bytes: 0, ask }
    }

    pub fn grew(&mut self, bytes: i64) {
        self.commits += 1;
        self.bytes += bytes;
        // One that is under way takes this along; the next is asked for by the next commits.
        if (self.commits >= COMMITS || self.bytes >= BYTES) && self.ask.try_send(()).is_ok() {
            (self.commits, self.bytes) = (0, 0);
        }
    }
}

async fn tend(store: &Store) {
    for _ in 0..IN_A_ROW {
        match store.checkpoint().await {
            Ok(left) if left > 0 => tokio::time::sleep(PAUSE).await,
            Ok(_) | Err(sqlx::Error::PoolClosed) => return,
            Err(e) => return tracing::warn!("the write-ahead log cannot be brought into the database now: {e}"),
        }
    }
}
