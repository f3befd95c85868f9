//! What `web` may ask about rules, given by the node.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use futures_util::future::{BoxFuture, FutureExt};
use parking_lot::Mutex;
use tokio::sync::Semaphore;

use super::{Inner, dryrun, ports::WebPorts};
use crate::{
    channel::Entry,
    outbox::{AlertFilter, AlertQuery},
    track,
    types::{ChannelId, Mono, RuleId, Traces},
    web::{
        auth::{ListProof, MediaProof},
        ports::{
            PortError,
            rules::{DryRun, DryRunAsk, DryRunError, Raised, Rules, TracesAsk},
        },
    },
};

/// Alerts are counted anew after this long.
const FRESH_MS: u64 = 30_000;
const DAY_MS: i64 = 86_400_000;
/// Alerts read at one time, and pages of them for one count.
const PAGE: usize = 500;
const MAX_PAGES: usize = 20;
/// Traces are made of at most so many looks, the newest.
const MAX_TRACED: usize = 200_000;

/// Who asks for traces waits so long for those who asked before.
const TURN: Duration = Duration::from_secs(10);

/// What is kept between questions.
pub struct Asked {
    /// A dry run takes a core for some seconds, and goes on when who asked has hung up: the turn is the run's, not his.
    trying: Arc<Semaphore>,
    /// So do traces, for less long.
    tracing: Arc<Semaphore>,
    raised: Mutex<Option<(Mono, Arc<Raised>)>>,
}

impl Default for Asked {
    fn default() -> Self {
        Self { trying: Arc::new(Semaphore::new(1)), tracing: Arc::new(Semaphore::new(1)), raised: Mutex::default() }
    }
}

impl Inner {
    async fn count_raised(&self) -> Result<Raised, PortError> {
        let since = self.clock.wall().0 - DAY_MS;
        let mut by: HashMap<(RuleId, ChannelId), u64> = HashMap::new();
        let mut before = None;
        for _ in 0..MAX_PAGES {
            let query = AlertQuery { filter: AlertFilter::All, before, limit: PAGE, ..AlertQuery::default() };
            let page = self.ledger.alerts(query).await.map_err(|e| PortError(e.to_string()))?;
            let older = page.alerts.iter().any(|a| a.opened.0 < since);
            for alert in page.alerts.into_iter().filter(|a| a.opened.0 >= since) {
                *by.entry((alert.rule.id, alert.channel)).or_default() += 1;
            }
            before = page.next;
            if before.is_none() || older {
                break;
            }
        }
        Ok(Raised { by })
    }
}

impl Rules for WebPorts {
    fn traces<'a>(&'a self, proof: &'a MediaProof, ask: TracesAsk) -> BoxFuture<'a, Result<Traces, PortError>> {
        async move {
            let inner = self.0.clone();
            let channel = proof.channel().clone();
            let turn = tokio::time::timeout(TURN, inner.asked.tracing.clone().acquire_owned()).await;
            let Ok(Ok(turn)) = turn else {
                return Err(PortError("others look at where objects went; try again in some seconds".into()));
            };
            let made = tokio::task::spawn_blocking(move || {
                let _turn = turn;
                let mut looks = inner.book.looks(&channel, track::since(inner.clock.mono(), ask.hours));
                looks.drain(..looks.len().saturating_sub(MAX_TRACED));
                track::traces(&looks, &inner.config.load().track, &ask.labels, ask.min_score)
            });
            made.await.map_err(|e| PortError(e.to_string()))
        }
        .boxed()
    }

    fn dry_run<'a>(&'a self, proof: &'a ListProof, ask: DryRunAsk) -> BoxFuture<'a, Result<DryRun, DryRunError>> {
        async move {
            let inner = self.0.clone();
            let Ok(turn) = inner.asked.trying.clone().try_acquire_owned() else { return Err(DryRunError::Busy) };
            let raised = self.raised().await?;
            let entries = inner.registry.channels();
            let visible: HashSet<ChannelId> =
                entries.iter().filter(|e| proof.covers(&e.area)).map(|e| e.config.id.clone()).collect();
            let (config, book, now) = (inner.config.load_full(), inner.book.clone(), inner.clock.mono());
            let made = tokio::task::spawn_blocking(move || {
                let _turn = turn;
                dryrun::run(&config, &visible, &book, &raised, now, ask)
            });
            made.await.map_err(|e| PortError(e.to_string()).into())
        }
        .boxed()
    }

    fn key_intervals(&self) -> HashMap<ChannelId, f32> {
        let known = |e: &Arc<Entry>| Some((e.config.id.clone(), e.health().key_interval_s)).filter(|(_, s)| *s > 0.0);
        self.0.registry.channels().iter().filter_map(known).collect()
    }

    fn raised(&self) -> BoxFuture<'_, Result<Arc<Raised>, PortError>> {
        async move {
            let (inner, now) = (&self.0, self.0.clock.mono());
            if let Some((at, raised)) = inner.asked.raised.lock().as_ref()
                && now.since_ms(*at) < FRESH_MS
            {
                return Ok(raised.clone());
            }
            let raised = Arc::new(inner.count_raised().await?);
            *inner.asked.raised.lock() = Some((now, raised.clone()));
            Ok(raised)
        }
        .boxed()
    }
}
