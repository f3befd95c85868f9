//! The ledger: facts are committed here before anybody hears of them.
//!
//! In go events from the rules and actions of people; one writer task gathers what arrives within
//! `store.group_commit_ms`, folds it into alerts, and writes facts, alert changes and outbox rows as one transaction.
//! Only after COMMIT returned does the caller get its answer, the console's feed its message and the publisher its wake.
//! `pending` and `acked` are the publisher's side: a row is deleted on PUBACK, or, where PUBACK may precede the
//! broker's disk (the embedded one), kept for `hold_acked_ms` and sent again after an unclean start.
//!
//! Bounds: the queue of jobs (callers wait), the batch, the outbox in bytes (copies for feeds and then the oldest of the
//! lowest severity go first, counted, alerts last), kept messages by age and bytes. A write that fails is tried again for
//! `retry_for`, and `degraded` says so meanwhile; then the callers get an error and nothing of the batch exists. Nothing
//! here is done a frame, a sample or a health tick. Never: a success before the commit, a cursor given twice.

mod checkpoint;
mod finds;
mod fold;
mod hooks;
mod housekeeping;
mod owed;
mod plan;
mod reads;
mod recent;
mod recover;
mod refeed;
mod writer;

use std::{
    collections::HashSet,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::{Semaphore, broadcast, mpsc, oneshot, watch};
use uuid::Uuid;

pub use fold::{Fold, Folded};
pub use reads::{AlertDetail, AlertFilter, AlertPage, AlertQuery, Changes, Kin, OpenRows};

use crate::{
    config::{self, BrokerKind, Config},
    publish::topic::Topics,
    store::{Store, StoreError},
    types::{
        Ages, AlertId, AreaId, Clock, Event, EventEnd, EventId, Message, NodeId, Phase, Scope, Severity, SiteId,
        UserId, Wall,
        alert::{ActRefused, EventRefused, Wish},
        payload::{AlertPayload, ClockSource, EventPayload, Media, Model, Order, ResultPayload, Times},
        position::PositionState,
    },
};
use recent::Recent;
use writer::Job;

/// Jobs that wait for the writer; beyond that callers wait.
const QUEUE: usize = 4096;
/// Messages that a follower of the feed may lag behind before it is told that it lost some.
const FEED: usize = 4096;
/// Bytes of a request id in a result's topic are those of any topic level.
const HOLD_ACKED_MS: u64 = 5000;

/// How to open a ledger.
pub struct LedgerOptions {
    pub data_dir: PathBuf,
    pub site: SiteId,
    pub node: NodeId,
    pub outbox: config::Outbox,
    pub store: config::Store,
    /// Copies of what belongs to them are written along.
    pub feeds: Vec<config::Feed>,
    /// Confirmed rows are kept for this long and sent again after an unclean start; 0: deleted at once.
    pub hold_acked_ms: u64,
    /// A write that fails is tried again for this long.
    pub retry_for: Duration,
    pub clock: Clock,
    /// What folds events into alerts: `alert::AlertBook`.
    pub fold: Box<dyn Fold>,
}

impl LedgerOptions {
    pub fn new(config: &Config, fold: Box<dyn Fold>, clock: Clock) -> Self {
        Self {
            data_dir: config.node.data_dir.clone(),
            site: config.node.site.clone(),
            node: config.node.id.clone(),
            outbox: config.outbox.clone(),
            store: config.store.clone(),
            feeds: config.feed.clone(),
            // What an external broker does after PUBACK is its promise.
            hold_acked_ms: if config.publish.broker == BrokerKind::Embedded { HOLD_ACKED_MS } else { 0 },
            retry_for: Duration::from_secs(30),
            clock,
            fold,
        }
    }
}

/// A fact as it comes from the rules, with what was looked up for it.
#[derive(Debug, Clone)]
pub struct FactIn {
    pub event: Event,
    pub channel_name: String,
    pub area: Vec<AreaId>,
    pub skew_ms: Option<i64>,
    pub media: Vec<Media>,
    /// The device that the channel's stream comes from.
    pub recorder: Option<String>,
}

/// Where a fact stands once it is on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    pub cursor: i64,
    pub alert: AlertId,
    /// Of the alert, after this fact.
    pub rev: u64,
    pub at: Wall,
}

/// What a person wants done with an alert.
#[derive(Debug, Clone)]
pub struct AlertCommand {
    pub alert: AlertId,
    pub wish: Wish,
    pub author: UserId,
    /// The alert's `rev` that the author saw.
    pub rev: Option<u64>,
    /// The author may act on what others hold or put aside.
    pub over_others: bool,
}

/// A message that the broker has not confirmed.
#[derive(Debug, Clone)]
pub struct OutboxRow {
    pub cursor: i64,
    pub topic: String,
    pub payload: Bytes,
    pub retain: bool,
    pub severity: Severity,
    pub scope: Scope,
}

/// Numbers of the ledger, since its opening where nothing else is said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LedgerStats {
    /// Rows waiting for the broker now, and their bytes.
    pub outbox_rows: i64,
    pub outbox_bytes: i64,
    /// The newest committed cursor.
    pub cursor: i64,
    /// Messages given up because the outbox was full, by severity from low to critical; since the file was made.
    pub dropped: [u64; 4],
    /// Transactions, and the messages that they wrote.
    pub transactions: u64,
    pub messages: u64,
    /// Facts refused: a second start, an end without a start.
    pub refused: u64,
    /// Events that joined an alert only because their channel opened too many.
    pub limited: u64,
    /// Writes that failed (and were tried again).
    pub failed_writes: u64,
    pub open_events: usize,
}

/// Why something is not in the ledger.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LedgerError {
    #[error("event {event}: {why}")]
    Refused { event: EventId, why: EventRefused },
    #[error("the database could not be written, and the facts of this moment are not stored: {why}")]
    Lost { why: String },
    #[error("'{0}' cannot be a request: use 1 to 64 of a-z, 0-9, '.', '_' and '-'")]
    Request(String),
    #[error("the ledger is closed: the gateway is stopping")]
    Closed,
    #[error(transparent)]
    Store(#[from] Arc<StoreError>),
}

impl From<StoreError> for LedgerError {
    fn from(error: StoreError) -> Self {
        LedgerError::Store(Arc::new(error))
    }
}

/// Why an action was not done.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ActionError {
    #[error("there is no alert {0}")]
    NotFound(AlertId),
    /// The alert as it is now, so that the author sees why.
    #[error("{why}")]
    Conflict { why: ActRefused, alert: Box<AlertPayload> },
    /// The request itself is wrong.
    #[error("{0}")]
    Invalid(ActRefused),
    /// Not for this author.
    #[error("{0}")]
    Forbidden(ActRefused),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// What the writer shares with the handles.
struct Shared {
    stats: Mutex<LedgerStats>,
    /// A sentence while writes fail.
    failing: Mutex<Option<String>>,
    /// Confirmed, not yet written so: `pending` leaves them out.
    acking: Mutex<HashSet<i64>>,
    /// What a publisher that keeps up is given.
    recent: Mutex<Recent>,
    /// `/changes` behind a cursor below this cannot be answered: something was deleted.
    floor: AtomicI64,
    /// Bytes of kept messages.
    kept: AtomicI64,
    newest: watch::Sender<i64>,
    /// The positions as they stand now; the newest replaces the older.
    positions: Mutex<Vec<PositionState>>,
    feed: broadcast::Sender<Arc<Message>>,
    /// Feeds as they are committed: what a broker without memory is to be told holds their copies.
    feeds: Mutex<Vec<config::Feed>>,
    searches: Semaphore,
    /// By which time things are old.
    ages: Mutex<Ages>,
    clock: Clock,
}

impl Shared {
    fn time_of_ages(&self) -> Wall {
        self.ages.lock().time(self.clock.now())
    }
}

/// Handle to the writer task and to the readers. Cheap to clone.
#[derive(Clone)]
pub struct Ledger {
    store: Store,
    jobs: mpsc::Sender<Job>,
    shared: Arc<Shared>,
    site: SiteId,
    node: NodeId,
    boot: Uuid,
    /// What the topics of all copies begin with.
    feeds: Arc<str>,
}

impl Ledger {
    /// Opens the database of the data directory, ends every event that an unclean stop left open (`interrupted`, one
    /// transaction with their alerts), makes rows that were confirmed just before it pending again, starts the writer.
    pub async fn open(options: LedgerOptions) -> Result<Ledger, LedgerError> {
        let boot = Uuid::new_v4();
        let (site, node) = (options.site.clone(), options.node.clone());
        let shared = Arc::new(Shared {
            stats: Mutex::default(),
            failing: Mutex::default(),
            acking: Mutex::default(),
            recent: Mutex::default(),
            floor: AtomicI64::new(0),
            kept: AtomicI64::new(0),
            newest: watch::Sender::new(0),
            positions: Mutex::default(),
            feed: broadcast::Sender::new(FEED),
            feeds: Mutex::default(),
            searches: Semaphore::new(finds::SEARCHES),
            ages: Mutex::default(),
            clock: options.clock,
        });
        let feeds = Topics::new(&site).feeds().into();
        let (jobs, queue) = mpsc::channel(QUEUE);
        let mut writer = recover::open(options, boot, shared.clone(), queue).await?;
        writer.tell_positions();
        let store = writer.store().clone();
        tokio::spawn(writer.run());
        Ok(Ledger { store, jobs, shared, site, node, boot, feeds })
    }

    /// The database, for the repositories that are no facts (logins).
    pub fn store(&self) -> &Store {
        &self.store
    }
    /// Identifies this start of the node in every payload.
    pub fn boot(&self) -> Uuid {
        self.boot
    }
    /// What does not work, one sentence each; empty is good.
    pub fn degraded(&self) -> Vec<String> {
        self.store.degraded().into_iter().chain(self.shared.failing.lock().clone()).collect()
    }
    pub fn stats(&self) -> LedgerStats {
        self.shared.stats.lock().clone()
    }

    /// The positions as they stand now.
    pub fn positions(&self) -> Vec<PositionState> {
        self.shared.positions.lock().clone()
    }

    /// By which time things are old enough to be deleted: a clock that jumps ahead takes nothing away.
    pub fn time_of_ages(&self) -> Wall {
        self.shared.time_of_ages()
    }

    async fn ask<T>(&self, job: impl FnOnce(oneshot::Sender<T>) -> Job) -> Result<T, LedgerError> {
        let (reply, answer) = oneshot::channel();
        self.jobs.send(job(reply)).await.map_err(|_| LedgerError::Closed)?;
        answer.await.map_err(|_| LedgerError::Closed)
    }

    /// Writes a fact. Comes back when it is on disk, or when it is certain that it is not.
    pub async fn event(&self, fact: FactIn) -> Result<Committed, LedgerError> {
        self.events(vec![fact]).await?.pop().unwrap_or(Err(LedgerError::Closed))
    }

    /// Writes facts in their order and in one transaction. Comes back with what became of each when they are on disk, or
    /// with an error when it is certain that none is; what is refused is so by itself and keeps the others from nothing.
    pub async fn events(&self, facts: Vec<FactIn>) -> Result<Vec<Result<Committed, LedgerError>>, LedgerError> {
        let named = |mut fact: FactIn| {
            let (channel_name, at) = (std::mem::take(&mut fact.channel_name), fact.event.at);
            (self.payload(fact), channel_name, at)
        };
        let facts = facts.into_iter().map(named).collect();
        self.ask(|reply| Job::Events { facts, reply }).await?
    }

    /// Does what a person wants; comes back when it is on disk.
    pub async fn act(&self, command: AlertCommand) -> Result<AlertPayload, ActionError> {
        let id = command.alert;
        match self.ask(|reply| Job::Act { command, reply }).await? {
            Ok(Some(payload)) => Ok(payload),
            Ok(None) => self.alert_now(id).await,
            Err(writer::NotActed::Lost(e)) => Err(ActionError::Ledger(e)),
            Err(writer::NotActed::Refused(ActRefused::Absent)) => Err(ActionError::NotFound(id)),
            Err(writer::NotActed::Refused(why @ (ActRefused::Note(_) | ActRefused::Unfit(_)))) => {
                Err(ActionError::Invalid(why))
            }
            Err(writer::NotActed::Refused(why @ ActRefused::Others { .. })) => Err(ActionError::Forbidden(why)),
            Err(writer::NotActed::Refused(why)) => {
                Err(ActionError::Conflict { why, alert: Box::new(self.alert_now(id).await?) })
            }
        }
    }

    /// A command that came by message: does it (with `None` somebody else has; with `Err` it only says why not) and answers its author by a result, in
    /// one transaction. A request that was answered before is answered the same again and not done again.
    pub async fn command(
        &self,
        user: &UserId,
        request: &str,
        command: Result<Option<AlertCommand>, String>,
    ) -> Result<ResultPayload, LedgerError> {
        if UserId::new(request).is_err() {
            return Err(LedgerError::Request(request.chars().take(80).collect()));
        }
        let (user, request) = (user.clone(), request.to_owned());
        self.ask(|reply| Job::Command { user, request, command, reply }).await?
    }

    /// Messages that the broker has not confirmed, behind `after`, oldest first. Fewer than `limit`: there are no more.
    pub async fn pending(&self, after: i64, limit: usize) -> Result<Vec<OutboxRow>, LedgerError> {
        if let Some(rows) = self.shared.recent.lock().pending(after, limit.max(1)) {
            return Ok(rows);
        }
        // Taken before the read: what is confirmed later than this may be seen once more, which at-least-once allows.
        let acking = self.shared.acking.lock().clone();
        let (mut behind, mut found) = (after, Vec::new());
        while found.len() < limit.max(1) {
            let rows = self.read_pending(behind, limit - found.len()).await?;
            let Some(last) = rows.last() else { break };
            behind = last.cursor;
            let all = found.len() + rows.len();
            found.extend(rows.into_iter().filter(|r| !acking.contains(&r.cursor)));
            // What was left out makes room for what stands behind it.
            if found.len() == all {
                break;
            }
        }
        Ok(found)
    }

    /// The broker has confirmed these. Comes back as soon as it is noted; the rows go with one of the next commits.
    pub async fn acked(&self, cursors: Vec<i64>) -> Result<(), LedgerError> {
        if cursors.is_empty() {
            return Ok(());
        }
        self.shared.acking.lock().extend(&cursors);
        self.shared.recent.lock().acked(&cursors);
        self.jobs.send(Job::Acked(cursors)).await.map_err(|_| LedgerError::Closed)
    }

    /// Changes whenever something was committed; holds the newest cursor.
    pub fn wake(&self) -> watch::Receiver<i64> {
        self.shared.newest.subscribe()
    }

    /// Every message from now on, right after its commit. A follower that is too slow is told how many it lost.
    pub fn committed(&self) -> broadcast::Receiver<Arc<Message>> {
        self.shared.feed.subscribe()
    }

    /// From now on these are the feeds. Open alerts that come into one are copied, those that leave one are cleared, some at
    /// a time and after this has come back.
    pub async fn set_feeds(&self, feeds: Vec<config::Feed>) -> Result<(), LedgerError> {
        self.ask(|reply| Job::Feeds { feeds, reply }).await?
    }

    /// Writes what is queued, marks a clean stop and closes the database. Open events should have been ended before.
    pub async fn close(&self) {
        self.end(true).await;
    }

    /// The same where the broker may not have on disk what it confirmed: that goes out again at the next start.
    pub async fn close_unsynced(&self) {
        self.end(false).await;
    }

    async fn end(&self, synced: bool) {
        if self.ask(|reply| Job::Close { synced, reply }).await.is_err() {
            tracing::debug!("the ledger was closed already");
        }
    }

    fn payload(&self, fact: FactIn) -> EventPayload {
        let e = fact.event;
        let mut objects = e.objects;
        // A number that is not one has no JSON; a payload that nobody can read back is worse than an object less.
        objects.retain(|o| [o.score, o.bbox.x, o.bbox.y, o.bbox.w, o.bbox.h].iter().all(|n| n.is_finite()));
        EventPayload {
            schema: "skyeye.event".into(),
            version: 1,
            id: e.id,
            order: Order { boot: self.boot, seq: 0, cursor: 0 },
            channel_seq: 0,
            node: self.node.clone(),
            site: self.site.clone(),
            channel: e.channel,
            area: fact.area,
            kind: e.kind.to_owned(),
            phase: e.phase,
            end: (e.phase == Phase::End).then(|| e.end.unwrap_or(EventEnd::Cleared)),
            times: Times {
                seen: e.seen,
                ingested: e.ingested,
                committed: e.ingested,
                clock: if e.camera_clock { ClockSource::Camera } else { ClockSource::Gateway },
                skew_ms: fact.skew_ms,
            },
            rule: e.rule,
            severity: e.severity,
            model: e.model.map(|m| Model { name: m.name, sha256: m.sha256.to_string() }),
            rate_hz: if e.rate_hz.is_finite() { e.rate_hz } else { 0.0 },
            objects,
            zone: e.zone,
            dedupe_key: e.dedupe_key,
            alert: None,
            incident: None,
            media: fact.media,
            health: e.health.map(|h| *h),
            subjects: e.subjects.map(|s| *s),
            recorder: fact.recorder,
            details: e.details.map(|d| *d),
        }
    }

    fn floor(&self) -> i64 {
        self.shared.floor.load(Ordering::SeqCst)
    }
}
