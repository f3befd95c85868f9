//! The task of one receiver: reads what is committed behind its place, delivers what it is for, one at a time and in
//! order, and moves its place on.
//!
//! A place is written at most every two seconds and at the end: what was delivered since is delivered again after a kill,
//! with the same ids. It never moves over a gap that the receiver has not been told of: what was deleted, and what was
//! given up.
//!
//! An error does not say which of two things it is: that a receiver is down, or that it stumbles over this one delivery.
//! So where one was answered with errors for long enough, one of those behind it is tried, too. That it is taken is evidence,
//! no more: the delivery is tried once more then, and given up, it alone, if that fails again. What was taken early comes again
//! in its turn, with the same id. While nothing is taken nothing is given up. The next one that is answered as one was that
//! was given up waits for a few tries only, not for minutes, until one that was answered so is taken after all.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use rand::Rng;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::{
    Spec,
    client::{Client, Headers, Outcome},
    envelope::{self, Gap, Head, delivery_id},
    pick::{Dispatch, Fact, Pick},
    sign::signature,
    source::{Behind, Place, Source, SourceError},
    status::Shared,
};
use crate::{
    config::HookEvent,
    types::{HookState as Step, Message, Mono, Wall},
};

/// Messages read at a time.
const BATCH: usize = 64;
/// A larger body is given up: no receiver would take it.
const MAX_BODY: usize = 1 << 20;
const SAVE_MS: u64 = 2_000;
/// From so many tries on it is looked whether the message is kept still: some hours.
const PATIENT: u32 = 20;
/// So many errors one after the other, over `Backoff::patience_ms`, before what is behind is tried.
const ERRORS: u32 = 5;
/// From then on a delivery, and one of those behind it, are tried at least this often.
const STUCK: Duration = Duration::from_secs(60);
/// Batches that are looked through for one to try.
const LOOKED_THROUGH: usize = 64;
/// Of so many it is known that they were taken before their turn; of more the oldest are forgotten.
const EARLY: usize = 1024;
/// After the database failed.
const REST: Duration = Duration::from_secs(5);

pub(super) struct Worker<S> {
    pub spec: Arc<Spec>,
    pub source: Arc<S>,
    pub shared: Arc<Shared>,
    pub stop: CancellationToken,
}

/// Told to end.
struct Stopped;

/// How far this receiver is.
struct At {
    place: Place,
    /// Deleted before it could be delivered, and not yet told.
    gap: Option<Gap>,
    saved: Place,
    saved_at: Mono,
    /// Cursors of what was taken before its turn.
    early: BTreeSet<i64>,
    /// The statuses with which it refuses some while it takes others.
    refuses: BTreeSet<u16>,
}

enum Done {
    Told,
    Paused,
}

/// What came of one that was tried before its turn.
enum Probed {
    Taken,
    /// Or there is none to try.
    Not,
    /// The receiver is no more: why.
    Gone(String),
}

/// What a receiver is told of a message.
struct Wanted<'a> {
    message: &'a Message,
    committed: Wall,
    event: HookEvent,
    dispatch: Option<Dispatch>,
}

/// A delivery that is answered with errors.
struct Stuck {
    cursor: i64,
    /// One after the other, and since when.
    errors: u32,
    /// The status of the last one.
    status: u16,
    since: Mono,
    /// All up to this is looked through for one to try.
    looked: i64,
    /// One behind it was taken since.
    proven: bool,
}

impl Wanted<'_> {
    fn cursor(&self) -> i64 {
        self.message.cursor.unwrap_or_default()
    }
}

impl Stuck {
    /// `early`: the last one that was taken before its turn; where one was taken the next one is likely to be.
    fn new(cursor: i64, early: Option<i64>, now: Mono) -> Self {
        let looked = early.map_or(cursor, |early| cursor.max(early.saturating_sub(1)));
        Self { cursor, errors: 0, status: 0, since: now, looked, proven: false }
    }

    /// Takes note of a try that came to nothing; whether it is time to try what is behind it.
    fn failed(&mut self, answered: Option<u16>, patience_ms: u64, now: Mono) -> bool {
        let Some(status) = answered else {
            // It is away, or too busy: that says nothing of this delivery.
            (self.errors, self.proven) = (0, false);
            return false;
        };
        self.status = status;
        if self.errors == 0 {
            self.since = now;
        }
        self.errors = self.errors.saturating_add(1);
        self.errors >= ERRORS && now.since_ms(self.since) >= patience_ms
    }
}

impl<S: Source> Worker<S> {
    pub async fn run(self) {
        let mut client = match Client::new(&self.spec.url, self.spec.hook.tls) {
            Ok(client) => client,
            Err(why) => return self.shared.say(Step::Unusable, why),
        };
        let Some(mut at) = self.begin().await else { return };
        if let Some(why) = at.place.paused.clone() {
            self.shared.say(Step::Paused, why);
            return self.stop.cancelled().await;
        }
        let mut wake = self.source.wake();
        loop {
            // Before it is read: what is committed from here on wakes.
            let newest = *wake.borrow_and_update();
            match self.round(&mut client, &mut at).await {
                // There may be more, but a place is not left unwritten for long.
                Ok(true) => {
                    if self.due(&at) {
                        self.save(&mut at).await;
                    }
                    continue;
                }
                Ok(false) => {}
                Err(Stopped) => break,
            }
            if at.place.paused.is_some() {
                self.save(&mut at).await;
                return self.stop.cancelled().await;
            }
            self.shared.at(at.place.cursor, newest);
            let unsaved = at.saved != self.to_save(&at);
            let wait = Duration::from_millis(SAVE_MS.saturating_sub(self.now().since_ms(at.saved_at)).max(1));
            tokio::select! {
                changed = wake.changed() => if changed.is_err() { break },
                () = sleep(wait), if unsaved => self.save(&mut at).await,
                () = self.stop.cancelled() => break,
            }
        }
        self.save(&mut at).await;
    }

    fn now(&self) -> Mono {
        self.spec.clock.mono()
    }

    fn due(&self, at: &At) -> bool {
        self.now().since_ms(at.saved_at) >= SAVE_MS
    }

    /// Its place: as written, or at the newest message for one that is new. `None` if told to end meanwhile.
    async fn begin(&self) -> Option<At> {
        let config = self.spec.digest.clone();
        let place = loop {
            match self.source.place(&self.spec.hook.id).await {
                // Another configuration ends a pause.
                Ok(Some(place)) if place.config != config => break Place { paused: None, config, ..place },
                Ok(Some(place)) => break place,
                Ok(None) => {
                    let place = Place { cursor: *self.source.wake().borrow(), paused: None, config: config.clone() };
                    match self.source.set_place(&self.spec.hook.id, &place).await {
                        Ok(()) => break place,
                        Err(e) => self.rest(&e).await?,
                    }
                }
                Err(e) => self.rest(&e).await?,
            }
        };
        self.shared.rested();
        // So that a changed configuration is written even if nothing happens.
        let saved = Place { config: String::new(), ..place.clone() };
        Some(At { saved, saved_at: self.now(), gap: None, early: BTreeSet::new(), refuses: BTreeSet::new(), place })
    }

    async fn rest(&self, e: &SourceError) -> Option<()> {
        self.shared.rests(e.to_string());
        tokio::select! {
            () = sleep(REST) => Some(()),
            () = self.stop.cancelled() => None,
        }
    }

    /// What may be written: not over a gap that the receiver does not know of.
    fn to_save(&self, at: &At) -> Place {
        Place { cursor: at.gap.map_or(at.place.cursor, |gap| gap.after), ..at.place.clone() }
    }

    async fn save(&self, at: &mut At) {
        let place = self.to_save(at);
        at.saved_at = self.now();
        if place == at.saved {
            return;
        }
        match self.source.set_place(&self.spec.hook.id, &place).await {
            Ok(()) => at.saved = place,
            Err(e) => tracing::warn!(hook = %self.spec.hook.id, "its place is not written, and is tried again: {e}"),
        }
    }

    /// One batch; true if there may be more.
    async fn round(&self, client: &mut Client, at: &mut At) -> Result<bool, Stopped> {
        let read = tokio::select! {
            read = self.source.behind(at.place.cursor, BATCH) => read,
            () = self.stop.cancelled() => return Err(Stopped),
        };
        let (messages, cursor) = match read {
            Ok(Behind::Here { messages, cursor }) => (messages, cursor),
            Ok(Behind::Gone { floor }) => {
                self.missed(at, floor);
                return Ok(true);
            }
            Err(e) => {
                self.rest(&e).await.ok_or(Stopped)?;
                return Ok(true);
            }
        };
        self.shared.rested();
        let more = messages.len() >= BATCH;
        for (message, committed) in messages {
            if let Some(wanted) = self.wanted(&message, committed).await? {
                match self.tell(client, at, &wanted).await? {
                    Done::Told => {}
                    Done::Paused => return Ok(false),
                }
            }
            at.place.cursor = message.cursor.unwrap_or(at.place.cursor);
            if self.stop.is_cancelled() {
                return Err(Stopped);
            }
            if self.due(at) {
                self.save(at).await;
            }
        }
        at.place.cursor = cursor;
        Ok(more)
    }

    /// Whether a message is not kept any more: what was refused for so long holds up what came after it no longer.
    async fn is_past(&self, cursor: i64) -> bool {
        matches!(self.source.behind(cursor.saturating_sub(1), 1).await, Ok(Behind::Gone { .. }))
    }

    fn missed(&self, at: &mut At, floor: i64) {
        let after = at.gap.map_or(at.place.cursor, |gap| gap.after);
        let count = floor.saturating_sub(at.place.cursor).max(0);
        tracing::warn!(
            hook = %self.spec.hook.id,
            "{count} messages were deleted before they could be delivered; the next delivery says so"
        );
        self.shared.missed(u64::try_from(count).unwrap_or(0));
        at.gap = Some(Gap { after, until: floor });
        at.place.cursor = floor;
    }

    /// As what this receiver is told of a message, if it is.
    async fn wanted<'m>(&self, message: &'m Message, committed: Wall) -> Result<Option<Wanted<'m>>, Stopped> {
        let Some(fact) = Fact::of(message) else { return Ok(None) };
        let event = match fact.pick(&self.spec.hook, &message.scope) {
            Pick::No => None,
            Pick::Yes(event) => Some(event),
            Pick::Ask { alert, rev, otherwise } => {
                let sent = loop {
                    match self.source.was_dispatch(alert, rev).await {
                        Ok(sent) => break sent,
                        Err(e) => self.rest(&e).await.ok_or(Stopped)?,
                    }
                };
                self.shared.rested();
                if sent { Some(HookEvent::Dispatch) } else { otherwise }
            }
        };
        Ok(event.map(|event| Wanted { message, committed, event, dispatch: fact.dispatch() }))
    }

    /// Delivers one message, trying again until it is taken, given up or the receiver is gone.
    async fn tell(&self, client: &mut Client, at: &mut At, wanted: &Wanted<'_>) -> Result<Done, Stopped> {
        let spec = &*self.spec;
        let cursor = wanted.cursor();
        let mut stuck = Stuck::new(cursor, at.early.last().copied(), self.now());
        let mut attempt = 1;
        loop {
            let (why, after, answered) = match self.post(client, wanted, attempt, at.gap).await? {
                Outcome::Delivered => {
                    // One that comes again is ignored, and so is the gap that it tells.
                    if !at.early.contains(&cursor) {
                        at.gap = None;
                    }
                    if stuck.errors > 0 {
                        at.refuses.remove(&stuck.status);
                    }
                    self.shared.delivered(spec.clock.wall());
                    return Ok(Done::Told);
                }
                Outcome::GivenUp(why) => {
                    tracing::warn!(hook = %spec.hook.id, cursor, "a delivery is given up: the receiver {why}");
                    self.give_up(at, cursor, why);
                    return Ok(Done::Told);
                }
                Outcome::Gone(why) => return Ok(self.pause(at, &why)),
                Outcome::Later { why, after, answered } => (why, after, answered),
            };
            // No receiver makes a busy loop of it: one that asks for no patience, or names a time that is over, is asked again
            // as any other.
            let own = spec.backoff.pause(attempt, rand::rng().random_range(0.5..1.0));
            let mut pause = after.filter(|asked| !asked.is_zero()).map_or(own, |asked| asked.max(spec.backoff.least()));
            tracing::debug!(hook = %spec.hook.id, attempt, ?pause, "a delivery is tried again: the receiver {why}");
            self.shared.failed(attempt, why.clone());
            self.shared.at(at.place.cursor, *self.source.wake().borrow());
            if self.due(at) {
                self.save(at).await;
            }
            if let Some(status) = answered.filter(|_| stuck.proven) {
                at.refuses.insert(status);
                tracing::warn!(
                    hook = %spec.hook.id,
                    cursor,
                    "a delivery is given up: the receiver {why}, and takes what comes behind it"
                );
                self.give_up(at, cursor, why);
                return Ok(Done::Told);
            }
            if attempt > PATIENT && self.is_past(cursor).await {
                self.give_up(at, cursor, "refuses it for as long as it is kept".to_owned());
                return Ok(Done::Told);
            }
            let known = answered.is_some_and(|status| at.refuses.contains(&status));
            let patience_ms = if known { 0 } else { spec.backoff.patience_ms };
            if stuck.failed(answered, patience_ms, self.now()) {
                match self.probe(client, at, &mut stuck).await? {
                    Probed::Taken => {
                        stuck.proven = true;
                        attempt = attempt.saturating_add(1);
                        continue;
                    }
                    Probed::Not => pause = pause.min(STUCK),
                    Probed::Gone(why) => return Ok(self.pause(at, &why)),
                }
            }
            tokio::select! {
                () = sleep(pause) => {}
                () = self.stop.cancelled() => return Err(Stopped),
            }
            attempt = attempt.saturating_add(1);
        }
    }

    /// One try.
    async fn post(
        &self,
        client: &mut Client,
        wanted: &Wanted<'_>,
        attempt: u32,
        gap: Option<Gap>,
    ) -> Result<Outcome, Stopped> {
        let spec = &*self.spec;
        let (now, cursor) = (spec.clock.wall(), wanted.cursor());
        let id = delivery_id(&spec.node, &spec.hook.id, cursor);
        let head = Head {
            id,
            hook: &spec.hook.id,
            site: &spec.site,
            node: &spec.node,
            kind: wanted.event.as_str(),
            cursor,
            topic: &wanted.message.topic,
            at: wanted.committed,
            attempt,
            gap,
            dispatch: wanted.dispatch.as_ref(),
        };
        let body = envelope::body(&head, &wanted.message.payload);
        if body.len() > MAX_BODY {
            return Ok(Outcome::GivenUp(format!("takes no delivery of {} bytes, more than {MAX_BODY}", body.len())));
        }
        let headers = Headers { hook: &spec.hook.id, delivery: id, signature: signature(&spec.secret, now, &body) };
        let within = Duration::from_secs(u64::from(spec.hook.timeout_s));
        tokio::select! {
            outcome = client.post(&headers, body, within, now) => Ok(outcome),
            () = self.stop.cancelled() => Err(Stopped),
        }
    }

    /// The receiver is told no more until it is changed.
    fn pause(&self, at: &mut At, why: &str) -> Done {
        let why = format!("the receiver {why}: it wants no more");
        tracing::warn!(hook = %self.spec.hook.id, "paused: {why}");
        self.shared.say(Step::Paused, why.clone());
        at.place.paused = Some(why);
        Done::Paused
    }

    /// What a receiver did not take: the next delivery says so.
    fn give_up(&self, at: &mut At, cursor: i64, why: String) {
        at.gap = Some(Gap { after: at.gap.map_or(at.place.cursor, |gap| gap.after), until: cursor });
        self.shared.given_up(why);
    }

    /// Tries the next one behind what is stuck, once. Where the receiver has an error (5xx), one that was taken before proves
    /// nothing: it may know its id and say so whatever else fails. One that came to no answer, or to one that says nothing of
    /// it, is the next one again.
    async fn probe(&self, client: &mut Client, at: &mut At, stuck: &mut Stuck) -> Result<Probed, Stopped> {
        for _ in 0..LOOKED_THROUGH {
            // One that cannot be read now is tried in the next round.
            let Ok(Behind::Here { messages, cursor }) = self.source.behind(stuck.looked, BATCH).await else {
                return Ok(Probed::Not);
            };
            for (message, committed) in &messages {
                let Some(wanted) = self.wanted(message, *committed).await? else { continue };
                if !(400..500).contains(&stuck.status) && at.early.contains(&wanted.cursor()) {
                    continue;
                }
                let outcome = self.post(client, &wanted, 1, at.gap).await?;
                if !matches!(outcome, Outcome::Later { answered: None, .. }) {
                    stuck.looked = wanted.cursor();
                }
                return Ok(match outcome {
                    Outcome::Delivered => {
                        at.early = at.early.split_off(&stuck.cursor);
                        at.early.insert(wanted.cursor());
                        if at.early.len() > EARLY {
                            at.early.pop_first();
                        }
                        Probed::Taken
                    }
                    Outcome::Gone(why) => Probed::Gone(why),
                    Outcome::GivenUp(_) | Outcome::Later { .. } => Probed::Not,
                });
            }
            stuck.looked = cursor;
            if messages.len() < BATCH {
                // There are no more: from the first one on again.
                stuck.looked = stuck.cursor;
                break;
            }
        }
        Ok(Probed::Not)
    }
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;
    use tokio::sync::watch;

    use super::*;
    use crate::{
        config::parse,
        hook::Backoff,
        types::{AlertId, Clock, HookId, NodeId, Secret, SiteId},
    };

    /// Holds nothing, and cannot be read the first times.
    struct Failing {
        times: Mutex<u32>,
        wake: watch::Sender<i64>,
    }

    impl Source for Failing {
        async fn behind(&self, after: i64, _: usize) -> Result<Behind, SourceError> {
            let mut times = self.times.lock();
            if *times > 0 {
                *times -= 1;
                return Err(SourceError("disk I/O error".into()));
            }
            Ok(Behind::Here { messages: Vec::new(), cursor: after })
        }
        fn wake(&self) -> watch::Receiver<i64> {
            self.wake.subscribe()
        }
        async fn was_dispatch(&self, _: AlertId, _: u64) -> Result<bool, SourceError> {
            Ok(false)
        }
        async fn place(&self, _: &HookId) -> Result<Option<Place>, SourceError> {
            Ok(Some(Place { cursor: 0, paused: None, config: "d".into() }))
        }
        async fn set_place(&self, _: &HookId, _: &Place) -> Result<(), SourceError> {
            Ok(())
        }
        async fn keep_only(&self, _: &[HookId]) -> Result<(), SourceError> {
            Ok(())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_database_that_failed_for_a_moment_is_said_no_longer() {
        let text = "[[webhook]]\nid = \"h\"\nurl = \"http://127.0.0.1:9/\"\nsecret_file = \"s\"\n";
        let hook = parse("t", text).unwrap().webhook.remove(0);
        let clock = Clock::start();
        let shared = Arc::new(Shared::new(&hook.id, String::new(), Step::Good, String::new(), clock));
        let spec = Spec {
            url: hook.url.parse().unwrap(),
            hook,
            secret: Secret::new("a secret of the receiver"),
            site: SiteId::new("nb").unwrap(),
            node: NodeId::new("n1").unwrap(),
            clock,
            backoff: Backoff::default(),
            digest: "d".into(),
        };
        let (source, stop) = (Failing { times: Mutex::new(2), wake: watch::Sender::new(0) }, CancellationToken::new());
        let worker =
            Worker { spec: Arc::new(spec), source: Arc::new(source), shared: shared.clone(), stop: stop.clone() };
        let task = tokio::spawn(worker.run());
        sleep(REST / 2).await;
        let view = shared.view();
        assert_eq!(view.state, Step::Retrying);
        assert!(view.reason.contains("disk I/O error"), "{}", view.reason);
        sleep(REST * 3).await;
        let view = shared.view();
        assert_eq!((view.state, view.reason.as_str()), (Step::Good, ""), "nothing was delivered since, nor need it be");
        stop.cancel();
        task.await.unwrap();
    }

    #[test]
    fn only_errors_that_last_speak_of_the_delivery() {
        let mut stuck = Stuck::new(7, None, Mono(0));
        let mut failed = |answered: bool, s: u64| stuck.failed(answered.then_some(500), 600_000, Mono(s * 1000));
        assert!((0..20).all(|n| !failed(true, n)), "many, in a moment");
        assert!(!failed(true, 599) && failed(true, 600) && failed(true, 660));
        assert!(!failed(false, 700), "it is away");
        assert!((701..704).all(|s| !failed(true, s)), "from the first one on again");
        assert!(!failed(true, 1300) && failed(true, 1301));
    }
}
