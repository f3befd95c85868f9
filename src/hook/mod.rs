//! Receivers over HTTP: what is committed goes to each, signed, at least once, in commit order.
//!
//! In go the configured receivers (`config::Webhook`) and the ledger (`Source`); out go POST requests and how each
//! receiver stands. Each has a task of its own, a connection of its own and a place of its own in what is committed, one
//! delivery under way at a time: one that is slow or away delays nobody, neither another receiver nor the broker nor the
//! writer of facts, which know nothing of it. Nothing is queued in memory; a receiver that is away for longer than
//! messages are kept (`outbox.keep_changes_h`), or that does not take a delivery, is told what range it has missed.
//!
//! Never: a redirect followed, a secret or an address's path in a log, a fact that is not on disk.

mod backoff;
mod client;
mod deliver;
mod envelope;
mod pick;
mod sign;
mod source;
mod status;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use url::Url;

pub use backoff::Backoff;
pub use client::Outcome;
pub use envelope::Gap;
pub use source::{Behind, Place, Source, SourceError};

use crate::{
    config::{Webhook, hook::address, secret_file},
    types::{Clock, HookId, HookState as Step, HookView, NodeId, Secret, SiteId},
};
use deliver::Worker;
use status::Shared;

/// A shorter secret can be guessed.
const MIN_SECRET: usize = 16;
/// Tasks that are told to end do so at their next wait; only the disk can hold them.
const END_WITHIN: Duration = Duration::from_secs(2);

/// Who delivers, and how it waits.
#[derive(Debug, Clone)]
pub struct HookOptions {
    pub site: SiteId,
    pub node: NodeId,
    pub clock: Clock,
    pub backoff: Backoff,
}

/// A receiver, checked and with its secret.
struct Spec {
    hook: Webhook,
    url: Url,
    secret: Secret,
    site: SiteId,
    node: NodeId,
    clock: Clock,
    backoff: Backoff,
    /// Of all that it is configured as, its secret included.
    digest: String,
}

struct Running {
    digest: String,
    shared: Arc<Shared>,
    stop: CancellationToken,
    task: Option<JoinHandle<()>>,
}

/// The running receivers.
pub struct Hooks<S> {
    options: HookOptions,
    source: Arc<S>,
    running: Mutex<BTreeMap<HookId, Running>>,
    /// One change at a time.
    applying: tokio::sync::Mutex<()>,
}

impl<S: Source> Hooks<S> {
    pub fn new(options: HookOptions, source: Arc<S>) -> Self {
        Self { options, source, running: Mutex::default(), applying: tokio::sync::Mutex::default() }
    }

    /// Makes what runs equal to `hooks`: only what is new, other or gone is touched. Secrets are read again, so a changed
    /// file counts as a change.
    pub async fn apply(&self, hooks: &[Webhook]) {
        let _one = self.applying.lock().await;
        let wanted = hooks.to_vec();
        let read = tokio::task::spawn_blocking(move || wanted.into_iter().map(secret).collect::<Vec<_>>()).await;
        let Ok(read) = read else { return };
        let digests: BTreeMap<_, _> = read.iter().map(|(hook, secret)| (&hook.id, digest(hook, secret))).collect();
        let over: Vec<(HookId, Running)> = {
            let mut running = self.running.lock();
            let over: Vec<HookId> =
                running.iter().filter(|(id, r)| digests.get(id) != Some(&r.digest)).map(|(id, _)| id.clone()).collect();
            over.into_iter().filter_map(|id| running.remove_entry(&id)).collect()
        };
        end(over).await;
        let ids: Vec<HookId> = hooks.iter().map(|h| h.id.clone()).collect();
        if let Err(e) = self.source.keep_only(&ids).await {
            tracing::warn!("places of webhooks that are gone are not forgotten yet: {e}");
        }
        for (hook, secret) in &read {
            if !self.running.lock().contains_key(&hook.id) {
                let running = self.start(hook, secret, digests[&hook.id].clone());
                self.running.lock().insert(hook.id.clone(), running);
            }
        }
    }

    fn start(&self, hook: &Webhook, secret: &Result<Secret, String>, digest: String) -> Running {
        let o = &self.options;
        let url = address(&hook.url).map_err(|why| format!("its url {why}"));
        let host = url.as_ref().map_or_else(|_| String::new(), |u| u.origin().ascii_serialization());
        let stop = CancellationToken::new();
        let still = |state, reason: String| {
            let shared = Arc::new(Shared::new(&hook.id, host.clone(), state, reason, o.clock));
            Running { digest: digest.clone(), shared, stop: stop.clone(), task: None }
        };
        if !hook.enabled {
            let (source, id, config) = (self.source.clone(), hook.id.clone(), digest.clone());
            // Switching off ends a pause: the digest of what was paused is gone when it is switched on again.
            let task = tokio::spawn(async move {
                if let Ok(Some(place)) = source.place(&id).await
                    && let Err(e) = source.set_place(&id, &Place { paused: None, config, ..place }).await
                {
                    tracing::warn!(hook = %id, "its place is not written: {e}");
                }
            });
            return Running { task: Some(task), ..still(Step::Off, String::new()) };
        }
        let (url, secret) = match (url, secret) {
            (Ok(url), Ok(secret)) => (url, secret.clone()),
            (Err(why), _) => return still(Step::Unusable, why),
            (_, Err(why)) => return still(Step::Unusable, why.clone()),
        };
        let running = still(Step::Good, String::new());
        let spec = Spec {
            hook: hook.clone(),
            url,
            secret,
            site: o.site.clone(),
            node: o.node.clone(),
            clock: o.clock,
            backoff: o.backoff,
            digest: digest.clone(),
        };
        let worker = Worker { spec: Arc::new(spec), source: self.source.clone(), shared: running.shared.clone(), stop };
        Running { task: Some(tokio::spawn(worker.run())), ..running }
    }

    /// How each stands.
    pub fn views(&self) -> Vec<HookView> {
        self.running.lock().values().map(|r| r.shared.view()).collect()
    }

    /// What does not work, one sentence each.
    pub fn degraded(&self) -> Vec<String> {
        self.running.lock().values().filter_map(|r| r.shared.degraded()).collect()
    }

    /// Ends all; the places of what was delivered are written.
    pub async fn close(&self) {
        let _one = self.applying.lock().await;
        let over = std::mem::take(&mut *self.running.lock());
        end(over.into_iter().collect()).await;
    }
}

async fn end(over: Vec<(HookId, Running)>) {
    over.iter().for_each(|(_, r)| r.stop.cancel());
    let by = tokio::time::Instant::now() + END_WITHIN;
    for (id, mut running) in over {
        if let Some(task) = running.task.as_mut()
            && tokio::time::timeout_at(by, &mut *task).await.is_err()
        {
            tracing::warn!(hook = %id, "its task did not end in time; what it delivered last may be delivered again");
            task.abort();
        }
        running.shared.ended();
    }
}

/// The secret of a receiver, made where there is none yet, or why it cannot be used. Where the file lies is told to the log
/// alone: whoever sees the node's status reads the reason. Blocking.
fn secret(hook: Webhook) -> (Webhook, Result<Secret, String>) {
    let secret = long_enough(secret_file::read_or_create(&hook.secret_file));
    if let Err(why) = &secret {
        tracing::warn!(hook = %hook.id, file = %hook.secret_file.display(), "the webhook cannot be used: {why}");
    }
    (hook, secret)
}

fn long_enough(read: std::io::Result<Secret>) -> Result<Secret, String> {
    match read {
        Ok(secret) if secret.expose().len() >= MIN_SECRET => Ok(secret),
        Ok(_) => Err(format!("the secret in its secret_file is shorter than {MIN_SECRET} characters")),
        Err(e) => Err(format!("its secret_file cannot be read or made: {e}")),
    }
}

fn digest(hook: &Webhook, secret: &Result<Secret, String>) -> String {
    let mut sum = Sha256::new();
    sum.update(serde_json::to_vec(hook).unwrap_or_default());
    sum.update(match secret {
        Ok(secret) => secret.expose(),
        Err(why) => why,
    });
    hex::encode(sum.finalize())
}

/// Sends one signed delivery of the kind `ping`, whether or not the receiver is enabled. A secret that is not there is not
/// made: it would belong to whoever runs the command, and the gateway could not read it.
pub async fn ping(hook: &Webhook, options: &HookOptions) -> Result<Outcome, String> {
    let file = hook.secret_file.clone();
    let read = tokio::task::spawn_blocking(move || secret_file::read(&file)).await;
    let shown = hook.secret_file.display();
    let secret = match read.map_err(|e| format!("its secret: {e}"))? {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            return Err(format!(
                "its secret_file {shown} is not there; the gateway makes it when it starts or is reloaded with this \
                 webhook, or put the receiver's secret there, readable for the gateway's user"
            ));
        }
        read => long_enough(read).map_err(|why| format!("{why} ({shown})"))?,
    };
    let mut client = client::Client::new(&address(&hook.url)?, hook.tls)?;
    let now = options.clock.wall();
    let id = uuid::Uuid::new_v4();
    let head = envelope::Head {
        id,
        hook: &hook.id,
        site: &options.site,
        node: &options.node,
        kind: "ping",
        cursor: 0,
        topic: "",
        at: now,
        attempt: 1,
        gap: None,
        dispatch: None,
    };
    let body = envelope::body(&head, b"null");
    let headers = client::Headers { hook: &hook.id, delivery: id, signature: sign::signature(&secret, now, &body) };
    Ok(client.post(&headers, body, Duration::from_secs(u64::from(hook.timeout_s)), now).await)
}
