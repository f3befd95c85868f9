//! The one task that writes. It gathers jobs, plans them as one batch, writes the batch as one transaction, and only
//! then answers.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use sqlx::{Connection, SqliteConnection};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, sleep, timeout_at},
};

use super::{
    AlertCommand, Committed, LedgerError, Shared,
    checkpoint::Log,
    housekeeping,
    owed::Owed,
    plan::{Batch, Ledgered},
    recover::{self, CLEAN, DROPPED, FEEDS, FORMER_FEEDS, SEVERITIES},
    refeed::Refeed,
};
use crate::{
    config::Feed,
    store::{
        Store, StoreError, alerts, commands, commands::Outcome, events, facts::Facts, messages, meta, positions,
        search, sources,
    },
    types::{
        AlertId, Clock, EventId, Mono, Phase, UserId,
        alert::{ActRefused, By},
        payload::{AlertPayload, EventPayload, ResultPayload},
    },
};

/// Facts, and jobs, in one transaction, the last job beyond them.
const BATCH: usize = 512;
/// Facts in a batch from which on the next batch waits for company. Below, each commit takes along what came during the
/// one before, and waiting would only make every fact late.
const COMPANY: usize = 4;
/// How often the writer wakes without a job while there is more to tidy, while rows are held, and otherwise.
const TIDY_TICK: Duration = Duration::from_millis(housekeeping::NEXT_MS);
const HELD_TICK: Duration = Duration::from_secs(1);
const IDLE_TICK: Duration = Duration::from_secs(30);
/// First pause after a failed write; doubles up to the second.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

type Reply<T> = oneshot::Sender<T>;
/// What became of a fact.
pub(super) type Fate = Result<Committed, LedgerError>;

/// Why an action came to nothing.
pub(super) enum NotActed {
    Refused(ActRefused),
    Lost(LedgerError),
}

pub(super) enum Job {
    /// Facts with the names of their channels and when they were, which are written in their order and together.
    Events {
        facts: Vec<(EventPayload, String, Mono)>,
        reply: Reply<Result<Vec<Fate>, LedgerError>>,
    },
    Act {
        command: AlertCommand,
        reply: Reply<Result<Option<AlertPayload>, NotActed>>,
    },
    Command {
        user: UserId,
        request: String,
        command: Result<Option<AlertCommand>, String>,
        reply: Reply<Result<ResultPayload, LedgerError>>,
    },
    Acked(Vec<i64>),
    /// Other feeds than before.
    Feeds {
        feeds: Vec<Feed>,
        reply: Reply<Result<(), LedgerError>>,
    },
    Close {
        /// What the broker confirmed is on its disk, too.
        synced: bool,
        reply: Reply<()>,
    },
}

/// An answer that waits for the commit.
#[allow(clippy::large_enum_variant)] // lives for one batch
enum Answer {
    Events(Reply<Result<Vec<Fate>, LedgerError>>, Vec<Fate>),
    Act(Reply<Result<Option<AlertPayload>, NotActed>>, Result<Option<AlertPayload>, NotActed>),
    Command(Reply<Result<ResultPayload, LedgerError>>, ResultPayload),
}

/// A caller that no longer waits is no error.
fn give<T>(reply: Reply<T>, answer: T) {
    drop(reply.send(answer).err());
}

impl Answer {
    fn give(self) {
        match self {
            Answer::Events(reply, answers) => give(reply, Ok(answers)),
            Answer::Act(reply, answer) => give(reply, answer),
            Answer::Command(reply, answer) => give(reply, Ok(answer)),
        }
    }
    fn fail(self, lost: LedgerError) {
        match self {
            // A refusal stands whether or not the others were written.
            Answer::Events(reply, refused) if refused.iter().all(Result::is_err) => give(reply, Ok(refused)),
            Answer::Events(reply, _) => give(reply, Err(lost)),
            Answer::Act(reply, Err(refused)) => give(reply, Err(refused)),
            Answer::Act(reply, Ok(_)) => give(reply, Err(NotActed::Lost(lost))),
            Answer::Command(reply, _) => give(reply, Err(lost)),
        }
    }
}

impl Job {
    /// How many facts it brings.
    fn facts(&self) -> usize {
        match self {
            Job::Events { facts, .. } => facts.len(),
            _ => 1,
        }
    }
    fn fail(self, lost: LedgerError) {
        match self {
            Job::Events { reply, .. } => give(reply, Err(lost)),
            Job::Act { reply, .. } => give(reply, Err(NotActed::Lost(lost))),
            Job::Command { reply, .. } => give(reply, Err(lost)),
            Job::Acked(_) => {}
            Job::Feeds { reply, .. } => give(reply, Err(lost)),
            Job::Close { reply, .. } => give(reply, ()),
        }
    }
}

/// What a transaction did to the outbox beside adding rows.
#[derive(Default)]
pub(super) struct Written {
    acked: (i64, i64),
    given_up: (i64, i64),
    dropped: [u64; 4],
    /// After opening: rows that wait again.
    waiting: Option<(i64, i64)>,
}

/// What a batch needs to know of the store before it can be planned.
#[derive(Default)]
struct Known {
    events: HashSet<EventId>,
    answered: HashMap<(UserId, String), Outcome>,
}

pub(super) struct Writer {
    pub store: Store,
    pub log: Log,
    pub led: Ledgered,
    pub queue: mpsc::Receiver<Job>,
    pub shared: Arc<Shared>,
    pub clock: Clock,
    pub group_commit_ms: u64,
    pub max_bytes: i64,
    pub keep_ms: i64,
    pub hold_acked_ms: u64,
    pub retry_for: Duration,
    /// A batch was given up: what the fold holds is not what is written.
    pub stale: bool,
    /// Confirmed, and not written so yet.
    pub owed: Owed,
    /// Confirmed rows that are still kept, by the time of their confirmation.
    pub held: VecDeque<(Mono, Vec<i64>)>,
    pub next_prune: Mono,
    /// The time that ages are judged by, as it was written down last; where a time was written down before this process,
    /// as this process began. 0: none is written down.
    pub time_written: i64,
    /// The last round of tidying was a piece of a larger one.
    pub more_to_tidy: bool,
    /// Facts in the last batch.
    pub company: usize,
}

impl Writer {
    pub fn store(&self) -> &Store {
        &self.store
    }

    pub async fn run(mut self) {
        self.count_kept();
        loop {
            let tick = match (self.more_to_tidy, self.held.is_empty()) {
                (true, _) => TIDY_TICK,
                (false, false) => HELD_TICK,
                (false, true) => IDLE_TICK,
            };
            let tick = tick.min(self.until_tick()).min(self.owed.until(self.clock.mono()).unwrap_or(IDLE_TICK));
            let first = match timeout_at(Instant::now() + tick, self.queue.recv()).await {
                Ok(Some(Job::Acked(cursors))) => {
                    self.owe(cursors);
                    continue;
                }
                Ok(Some(job)) => job,
                // Every handle is gone without `close`: not a clean stop.
                Ok(None) => return,
                Err(_) => {
                    self.process(Vec::new()).await;
                    self.housekeeping().await;
                    continue;
                }
            };
            let (mut jobs, closing) = self.gather(first).await;
            if let Some((synced, reply)) = closing {
                self.queue.close();
                while let Ok(job) = self.queue.try_recv() {
                    match job {
                        Job::Close { reply: other, .. } => give(other, ()),
                        Job::Acked(cursors) => self.owe(cursors),
                        job => jobs.push(job),
                    }
                }
                self.process(jobs).await;
                self.close(synced).await;
                give(reply, ());
                return;
            }
            self.process(jobs).await;
            self.housekeeping().await;
        }
    }

    /// Until something happens to an alert by itself.
    fn until_tick(&self) -> Duration {
        let now = self.clock.mono();
        let due = self.led.fold.next_tick().map(|at| Duration::from_millis(at.since_ms(now)));
        // Of the fold that is to be read again nothing is known; the next write does that first.
        due.filter(|_| !self.stale).unwrap_or(IDLE_TICK)
    }

    fn owe(&mut self, cursors: Vec<i64>) {
        self.owed.add(cursors, self.clock.mono());
    }

    /// Writes along what the broker has confirmed where that is due (at the end there is no later), or where it makes room
    /// before anything is given up.
    pub fn takes_owed(&mut self, batch: &mut Batch) {
        let due = self.queue.is_closed() || self.owed.until(self.clock.mono()).is_some_and(|left| left.is_zero());
        if due || self.shared.stats.lock().outbox_bytes + batch.bytes() > self.max_bytes {
            batch.acked = self.owed.take();
        }
    }

    /// Company for the first job: all that is there, and in busy times what arrives within the group commit's time.
    async fn gather(&mut self, first: Job) -> (Vec<Job>, Option<(bool, Reply<()>)>) {
        let busy = self.company >= COMPANY;
        let group = if busy { Duration::from_millis(self.group_commit_ms) } else { Duration::ZERO };
        self.company = 0;
        let until = Instant::now() + group;
        let mut jobs = Vec::new();
        let mut next = Some(first);
        while let Some(job) = next {
            match job {
                Job::Close { synced, reply } => return (jobs, Some((synced, reply))),
                Job::Acked(cursors) => self.owe(cursors),
                job => {
                    self.company += job.facts();
                    jobs.push(job);
                }
            }
            if jobs.len() >= BATCH || self.company >= BATCH {
                break;
            }
            next = match self.queue.try_recv() {
                Ok(job) => Some(job),
                Err(_) => timeout_at(until, self.queue.recv()).await.ok().flatten(),
            };
        }
        (jobs, None)
    }

    async fn process(&mut self, jobs: Vec<Job>) {
        let mut facts = Vec::with_capacity(jobs.len());
        for job in jobs {
            match job {
                Job::Feeds { feeds, reply } => {
                    self.facts(std::mem::take(&mut facts)).await;
                    give(reply, self.refeed(feeds).await);
                }
                job => facts.push(job),
            }
        }
        self.facts(facts).await;
    }

    /// Takes other feeds over, in a transaction of its own; open alerts follow.
    async fn refeed(&mut self, feeds: Vec<Feed>) -> Result<(), LedgerError> {
        let mut conn = self.store.writer().acquire().await.map_err(StoreError::from)?;
        self.settle(&mut conn).await?;
        drop(conn);
        let former = self.led.refeed.as_ref().map(|r| r.before.clone()).unwrap_or_default();
        let refeed = Refeed::new(self.led.feeds.clone(), former, self.led.cursor);
        let mut batch = Batch::new(&self.led, self.clock.wall());
        batch.feeds = Some((feeds.clone(), refeed.before.clone()));
        if let Err(e) = self.persist(&batch, Retry::new(self.retry_for)).await {
            return Err(LedgerError::Lost { why: e.to_string() });
        }
        self.led.feeds = feeds;
        self.led.refeed = Some(refeed);
        self.shared.feeds.lock().clone_from(&self.led.feeds);
        self.next_prune = self.clock.mono();
        Ok(())
    }

    async fn facts(&mut self, jobs: Vec<Job>) {
        let mut retry = Retry::new(self.retry_for);
        let known = loop {
            match self.look_up(&jobs).await {
                Ok(known) => break known,
                Err(e) => {
                    if !self.again(&mut retry, &e).await {
                        self.owed.rest(self.clock.mono());
                        let lost = LedgerError::Lost { why: e.to_string() };
                        return jobs.into_iter().for_each(|job| job.fail(lost.clone()));
                    }
                }
            }
        };
        let (batch, answers) = self.plan(jobs, known);
        if batch.is_empty() {
            self.tell_positions();
            return answers.into_iter().for_each(Answer::give);
        }
        match self.persist(&batch, retry).await {
            Ok(()) => {
                self.tell_positions();
                answers.into_iter().for_each(Answer::give);
            }
            Err(e) => {
                let lost = LedgerError::Lost { why: e.to_string() };
                answers.into_iter().for_each(|a| a.fail(lost.clone()));
            }
        }
    }

    /// How positions stand is a state: told after the commit, the newest replaces the older.
    pub fn tell_positions(&mut self) {
        if let Some(positions) = self.led.fold.news() {
            *self.shared.positions.lock() = positions;
        }
    }

    /// Writes a planned batch, trying again for a while; then it is as if it had never been.
    pub async fn persist(&mut self, batch: &Batch, mut retry: Retry) -> Result<(), StoreError> {
        loop {
            let began = self.clock.mono();
            match self.write(batch).await {
                Ok(written) => {
                    #[allow(clippy::cast_precision_loss)] // milliseconds of one commit
                    metrics::histogram!("skyeye_outbox_commit_seconds")
                        .record(self.clock.mono().since_ms(began) as f64 / 1000.0);
                    self.done(batch, written);
                    return Ok(());
                }
                Err(e) => {
                    if !self.again(&mut retry, &e).await {
                        self.led.rewind(batch);
                        self.stale = true;
                        metrics::counter!("skyeye_outbox_lost_total").increment(batch.messages.len() as u64);
                        tracing::error!("{} messages are not stored: {e}", batch.messages.len());
                        self.owe(batch.acked.clone());
                        self.owed.rest(self.clock.mono());
                        if !batch.release.is_empty() {
                            self.held.push_front((Mono::default(), batch.release.clone()));
                        }
                        return Err(e);
                    }
                }
            }
        }
    }

    /// After a failure: says so, waits; false when the time is over.
    async fn again(&mut self, retry: &mut Retry, error: &StoreError) -> bool {
        if error.is_corrupt() {
            self.store.mark_damaged(error);
        }
        {
            let mut failing = self.shared.failing.lock();
            if failing.is_none() {
                tracing::error!("facts cannot be written and wait in memory: {error}");
            }
            *failing = Some(format!("facts cannot be written and wait in memory: {error}"));
        }
        self.shared.stats.lock().failed_writes += 1;
        metrics::counter!("skyeye_outbox_failed_writes_total").increment(1);
        metrics::gauge!("skyeye_outbox_degraded").set(1.0);
        retry.wait().await
    }

    /// After a batch that was given up, what is on disk decides: a COMMIT that failed may have got there all the same.
    pub async fn settle(&mut self, conn: &mut SqliteConnection) -> Result<(), StoreError> {
        if !self.stale {
            return Ok(());
        }
        let (highest, waiting) = (messages::highest(conn).await?, messages::waiting(conn).await?);
        recover::load(conn, self.led.fold.as_mut(), self.clock).await?;
        if self.led.settle(highest) {
            tracing::warn!(
                "messages that were taken for lost are on disk; they go out, and the numbers go on behind them"
            );
            let mut stats = self.shared.stats.lock();
            (stats.outbox_rows, stats.outbox_bytes) = waiting;
            stats.cursor = highest;
            drop(stats);
            self.shared.recent.lock().forget(highest);
            self.shared.newest.send_replace(highest);
        }
        self.stale = false;
        Ok(())
    }

    async fn look_up(&mut self, jobs: &[Job]) -> Result<Known, StoreError> {
        let mut known = Known::default();
        let mut starts = Vec::new();
        let mut wanted: Vec<AlertId> = Vec::new();
        let mut asked: Vec<(&UserId, &String)> = Vec::new();
        for job in jobs {
            match job {
                Job::Events { facts, .. } => {
                    starts.extend(facts.iter().filter(|(p, ..)| p.phase == Phase::Start).map(|(p, ..)| p.id));
                }
                Job::Act { command, .. } => wanted.push(command.alert),
                Job::Command { user, request, command, .. } => {
                    asked.push((user, request));
                    wanted.extend(command.as_ref().ok().and_then(|c| c.as_ref()).map(|c| c.alert));
                }
                Job::Acked(_) | Job::Feeds { .. } | Job::Close { .. } => {}
            }
        }
        if !self.stale && starts.is_empty() && wanted.is_empty() && asked.is_empty() {
            return Ok(known);
        }
        let mut conn = self.store.writer().acquire().await?;
        self.settle(&mut conn).await?;
        if !starts.is_empty() {
            known.events = events::known(&mut conn, &starts).await?;
        }
        for id in wanted {
            if !self.led.fold.holds(id)
                && let Some(alert) = alerts::load(&mut conn, id).await?
            {
                // With an open event it would be held.
                self.led.fold.admit(alert, &[], self.clock.now());
            }
        }
        for (user, request) in asked {
            if let Some(outcome) = commands::get(&mut conn, user, request).await? {
                known.answered.insert((user.clone(), request.clone()), outcome);
            }
        }
        Ok(known)
    }

    fn plan(&mut self, jobs: Vec<Job>, mut known: Known) -> (Batch, Vec<Answer>) {
        let now = self.clock.now();
        let mut batch = Batch::new(&self.led, now.wall);
        let mut answers = Vec::with_capacity(jobs.len());
        let mut refused = 0;
        // First: an event behind it finds the alerts as they are by now.
        let by_itself = self.led.fold.tick(now);
        batch.changes(&mut self.led, by_itself);
        for job in jobs {
            match job {
                Job::Events { facts, reply } => {
                    let mut fates = Vec::with_capacity(facts.len());
                    for (payload, channel_name, at) in facts {
                        let event = payload.id;
                        let fate = batch.event(&mut self.led, payload, &channel_name, &known.events, (at, now));
                        fates.push(fate.map_err(|why| {
                            refused += 1;
                            LedgerError::Refused { event, why }
                        }));
                    }
                    answers.push(Answer::Events(reply, fates));
                }
                Job::Act { command: c, reply } => {
                    let by = By::person(&c.author, c.over_others);
                    let answer = batch.act(&mut self.led, c.alert, &c.wish, by, c.rev, now);
                    answers.push(Answer::Act(reply, answer.map_err(NotActed::Refused)));
                }
                Job::Command { user, request, command, reply } => {
                    let key = (user, request);
                    let before = known.answered.get(&key).cloned();
                    let repeated = before.is_some();
                    let outcome = before.unwrap_or_else(|| self.command(&mut batch, command, now));
                    known.answered.insert(key.clone(), outcome.clone());
                    let answer = batch.result(&mut self.led, &key.0, &key.1, outcome, !repeated);
                    answers.push(Answer::Command(reply, answer));
                }
                Job::Acked(cursors) => self.owe(cursors),
                Job::Feeds { reply, .. } => give(reply, Err(LedgerError::Closed)),
                Job::Close { reply, .. } => give(reply, ()),
            }
        }
        batch.positions = self.led.fold.keeps();
        self.takes_owed(&mut batch);
        if refused > 0 {
            self.shared.stats.lock().refused += refused;
            metrics::counter!("skyeye_outbox_refused_total").increment(refused);
        }
        let hold = self.hold_acked_ms;
        while self.held.front().is_some_and(|(at, _)| now.mono.since_ms(*at) >= hold) {
            batch.release.extend(self.held.pop_front().into_iter().flat_map(|(_, cursors)| cursors));
        }
        (batch, answers)
    }

    fn command(
        &mut self,
        batch: &mut Batch,
        command: Result<Option<AlertCommand>, String>,
        now: crate::types::Now,
    ) -> Outcome {
        let c = match command {
            Ok(Some(c)) => c,
            Ok(None) => return Outcome { error: None, alert: None, rev: None },
            Err(sentence) => return Outcome { error: Some(sentence), alert: None, rev: None },
        };
        let (id, by) = (c.alert, By::person(&c.author, c.over_others));
        match batch.act(&mut self.led, id, &c.wish, by, c.rev, now) {
            Ok(done) => Outcome { error: None, alert: Some(id), rev: done.map(|a| a.rev) },
            Err(ActRefused::Absent) => {
                Outcome { error: Some(format!("there is no alert {id}")), alert: Some(id), rev: None }
            }
            Err(why) => {
                let rev = if let ActRefused::Rev { now, .. } = why { Some(now) } else { None };
                Outcome { error: Some(why.to_string()), alert: Some(id), rev }
            }
        }
    }

    /// One transaction. What this returns is on disk.
    pub async fn write(&self, batch: &Batch) -> Result<Written, StoreError> {
        let mut conn = self.store.writer().acquire().await?;
        let result = self.transaction(&mut conn, batch).await;
        if result.is_err() {
            // Whatever state it is in after a failed COMMIT: a fresh one begins without a transaction.
            conn.close().await.unwrap_or_else(|e| tracing::warn!("closing the writing connection: {e}"));
        }
        result
    }

    async fn transaction(&self, conn: &mut SqliteConnection, batch: &Batch) -> Result<Written, StoreError> {
        let mut tx = conn.begin_with("BEGIN IMMEDIATE").await?;
        let mut written = Written::default();
        if let Some(clean) = batch.opening {
            meta::set(&mut tx, CLEAN, "0").await?;
            let again =
                if clean { messages::release_all(&mut tx).await? } else { messages::unack_all(&mut tx).await? };
            if !clean && again > 0 {
                tracing::info!("{again} messages confirmed just before the last stop go out again, with the same ids");
            }
            written.waiting = Some(messages::waiting(&mut tx).await?);
        }
        if let Some((feeds, former)) = &batch.feeds {
            meta::set(&mut tx, FEEDS, &serde_json::to_string(feeds).unwrap_or_default()).await?;
            meta::set(&mut tx, FORMER_FEEDS, &serde_json::to_string(former).unwrap_or_default()).await?;
        }
        let facts =
            Facts { alerts: &batch.alerts, history: &batch.history, events: &batch.events, messages: &batch.messages };
        facts.write(&mut tx).await?;
        search::index(&mut tx, &batch.alerts, &batch.history).await?;
        sources::put(&mut tx, &batch.learnt, batch.at).await?;
        positions::put(&mut tx, &batch.positions, batch.at).await?;
        for (user, request, outcome) in &batch.commands {
            commands::put(&mut tx, user, request, outcome, batch.at).await?;
        }
        if !batch.acked.is_empty() {
            written.acked = messages::acked(&mut tx, &batch.acked, self.hold_acked_ms > 0, batch.at).await?;
        }
        if !batch.release.is_empty() {
            messages::release(&mut tx, &batch.release).await?;
        }
        let before = written.waiting.map_or_else(|| self.shared.stats.lock().outbox_bytes, |(_, bytes)| bytes);
        let mut over = before + batch.bytes() - written.acked.1 - self.max_bytes;
        if over > 0 {
            // A little more than needed, so that a full outbox is not tidied with every commit.
            over += self.max_bytes / 256;
        }
        while over > 0 {
            let (rows, bytes, by_severity) = messages::give_up(&mut tx, over).await?;
            if rows == 0 {
                break;
            }
            over -= bytes;
            written.given_up.0 += rows;
            written.given_up.1 += bytes;
            for (sum, n) in written.dropped.iter_mut().zip(by_severity) {
                *sum += n;
            }
        }
        if written.given_up.0 > 0 {
            let so_far = self.shared.stats.lock().dropped;
            for ((key, n), more) in DROPPED.iter().zip(so_far).zip(written.dropped) {
                if more > 0 {
                    meta::set(&mut tx, key, &(n + more).to_string()).await?;
                }
            }
        }
        tx.commit().await?;
        Ok(written)
    }

    /// After the commit: numbers, then everybody who waits for messages.
    pub fn done(&mut self, batch: &Batch, written: Written) {
        self.led.fold.written();
        self.owed.written(self.clock.mono());
        let added = i64::try_from(batch.messages.len()).unwrap_or(i64::MAX);
        let bytes = batch.bytes();
        self.log.grew(bytes);
        {
            let mut stats = self.shared.stats.lock();
            if let Some((rows, bytes)) = written.waiting {
                (stats.outbox_rows, stats.outbox_bytes) = (rows, bytes);
            }
            stats.outbox_rows += added - written.acked.0 - written.given_up.0;
            stats.outbox_bytes += bytes - written.acked.1 - written.given_up.1;
            stats.cursor = self.led.cursor;
            stats.transactions += 1;
            stats.messages += batch.messages.len() as u64;
            stats.limited += batch.limited;
            stats.open_events = self.led.fold.open_events();
            for (sum, n) in stats.dropped.iter_mut().zip(written.dropped) {
                *sum += n;
            }
            #[allow(clippy::cast_precision_loss)] // gauges are floating point
            {
                metrics::gauge!("skyeye_outbox_rows").set(stats.outbox_rows as f64);
                metrics::gauge!("skyeye_outbox_bytes").set(stats.outbox_bytes as f64);
                metrics::gauge!("skyeye_outbox_open_events").set(stats.open_events as f64);
            }
        }
        metrics::counter!("skyeye_outbox_transactions_total").increment(1);
        metrics::counter!("skyeye_outbox_messages_total").increment(batch.messages.len() as u64);
        metrics::counter!("skyeye_alert_limited_total").increment(batch.limited);
        for (severity, n) in SEVERITIES.iter().zip(written.dropped).filter(|(_, n)| *n > 0) {
            metrics::counter!("skyeye_outbox_dropped_total", "severity" => severity.as_str()).increment(n);
        }
        if self.shared.failing.lock().take().is_some() {
            tracing::info!("facts are written again");
            metrics::gauge!("skyeye_outbox_degraded").set(0.0);
        }
        self.shared.kept.fetch_add(bytes, Ordering::Relaxed);
        if !batch.acked.is_empty() {
            if self.hold_acked_ms > 0 {
                self.held.push_back((self.clock.mono(), batch.acked.clone()));
            }
            self.forget_acking(&batch.acked);
        }
        match written.given_up.0 {
            0 => self.shared.recent.lock().push(&batch.messages),
            // Some of what waits is not to be sent.
            _ => self.shared.recent.lock().forget(self.led.cursor),
        }
        if !batch.messages.is_empty() {
            self.shared.newest.send_replace(self.led.cursor);
            for row in batch.messages.iter().filter(|row| !row.copy) {
                // Without a follower there is nobody to tell.
                drop(self.shared.feed.send(row.message.clone()));
            }
        }
    }

    fn forget_acking(&self, cursors: &[i64]) {
        let mut acking = self.shared.acking.lock();
        for cursor in cursors {
            acking.remove(cursor);
        }
    }

    /// Closes the file; where the broker has synced what it confirmed, the stop is marked as clean.
    async fn close(&mut self, synced: bool) {
        if !synced {
            return self.store.close().await;
        }
        let clean = async {
            let mut conn = self.store.writer().acquire().await?;
            let mut tx = conn.begin_with("BEGIN IMMEDIATE").await?;
            messages::release_all(&mut tx).await?;
            meta::set(&mut tx, CLEAN, "1").await?;
            tx.commit().await
        };
        if let Err(e) = clean.await {
            tracing::error!("the stop cannot be marked as clean: {e}");
        }
        self.store.close().await;
    }
}

/// Pauses between tries, and when they end.
pub(super) struct Retry {
    until: Instant,
    pause: Duration,
}

impl Retry {
    pub fn new(time: Duration) -> Self {
        Self { until: Instant::now() + time, pause: BACKOFF.0 }
    }
    async fn wait(&mut self) -> bool {
        if Instant::now() + self.pause > self.until {
            return false;
        }
        sleep(self.pause).await;
        self.pause = (self.pause * 2).min(BACKOFF.1);
        true
    }
}
