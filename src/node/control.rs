//! What commands on this machine ask of a running gateway: a socket in the data folder.
//!
//! Only the gateway's own user, and root, may connect (mode 0600), and gets one JSON object: the channels, each with its
//! state. Nothing is read from him and nothing can be changed here. At most `AT_ONCE` are answered at one time, each within
//! `WITHIN`; more wait.
//! A path that is too long for a socket leaves the gateway without it: that is said in the log, and all else goes on.

use std::{
    io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{UnixListener, UnixStream},
    sync::Semaphore,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::Inner;
use crate::types::{ChannelId, ChannelState, Wall};

/// In `node.data_dir`.
const SOCKET: &str = "skyeye.sock";
const AT_ONCE: usize = 4;
const WITHIN: Duration = Duration::from_secs(10);
/// An answer is no larger; a channel takes some three hundred bytes.
const MAX_BYTES: u64 = 64 << 20;

/// How a channel stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    pub id: ChannelId,
    pub state: ChannelState,
    pub reason: String,
    pub since: Wall,
}

#[derive(Serialize, Deserialize)]
struct Answer {
    channels: Vec<Standing>,
}

/// Answers until it is told to stop. The data folder must be locked: a socket that lies there is one of a gateway that is no
/// more.
pub async fn serve(inner: Arc<Inner>, stop: CancellationToken) {
    let path = inner.config.load().node.data_dir.join(SOCKET);
    let (listener, _gone) = match listen(path.clone()) {
        Ok(made) => made,
        Err(e) => {
            tracing::warn!("`skyeye channels list` shows no states, {} cannot be made: {e}", path.display());
            return;
        }
    };
    let places = Arc::new(Semaphore::new(AT_ONCE));
    loop {
        let place = tokio::select! {
            place = places.clone().acquire_owned() => place,
            () = stop.cancelled() => return,
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => return,
        };
        match accepted {
            Ok((socket, _)) => {
                let inner = inner.clone();
                tokio::spawn(async move {
                    if !matches!(timeout(WITHIN, answer(socket, &inner)).await, Ok(Ok(()))) {
                        tracing::debug!("a command did not take its answer");
                    }
                    drop(place);
                });
            }
            Err(e) => {
                // Out of descriptors, most likely.
                tracing::debug!("a command's connection was not taken: {e}");
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Takes the socket's name away when the gateway ends.
struct Gone(PathBuf);

impl Drop for Gone {
    fn drop(&mut self) {
        if let Err(e) = std::fs::remove_file(&self.0) {
            tracing::debug!("{} stays: {e}", self.0.display());
        }
    }
}

fn listen(path: PathBuf) -> io::Result<(UnixListener, Gone)> {
    match std::fs::remove_file(&path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let listener = UnixListener::bind(&path)?;
    let gone = Gone(path);
    std::fs::set_permissions(&gone.0, std::fs::Permissions::from_mode(0o600))?;
    Ok((listener, gone))
}

async fn answer(mut socket: UnixStream, inner: &Inner) -> io::Result<()> {
    let channels = inner.registry.channels().into_iter().map(|entry| {
        let health = entry.health();
        Standing { id: entry.config.id.clone(), state: health.state, reason: health.reason, since: health.since }
    });
    let json = serde_json::to_vec(&Answer { channels: channels.collect() })?;
    socket.write_all(&json).await?;
    socket.shutdown().await
}

/// Asks the gateway that runs on this data folder how its channels stand; `None` where none runs there.
pub async fn ask(data_dir: &Path) -> io::Result<Option<Vec<Standing>>> {
    let asked = async {
        let socket = match UnixStream::connect(data_dir.join(SOCKET)).await {
            Ok(socket) => socket,
            // Never begun, ended, or killed and its socket left behind.
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
                return Ok(None);
            }
            Err(e) => return Err(e),
        };
        let mut json = Vec::new();
        socket.take(MAX_BYTES).read_to_end(&mut json).await?;
        let answer: Answer = serde_json::from_slice(&json)?;
        Ok(Some(answer.channels))
    };
    timeout(WITHIN, asked).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}
